//! The processes: wiring only, a file or folder a process.
//!
//! | process | module | owns |
//! | --- | --- | --- |
//! | core | [`core`] | the configuration, the children and their watchdog, signals, scripts, the control socket, what must outlive a child |
//! | vrrp | [`vrrp`] | instances and sync groups, adverts, virtual addresses, gratuitous ARP |
//! | checker | [`checker`] | the pools of real servers, the probes, the IPVS table |
//! | front | [`front`] | the mails that wait, the conversation with the mail server |
//!
//! bfd comes with what it serves. Each child is the same executable
//! started again, never a fork of a running runtime; it is confined from its first
//! moments and ends when core's end of its socket does.

pub mod advice;
pub mod checker;
mod child;
pub mod core;
pub mod front;
pub mod interfaces;
pub mod ipc;
pub mod messages;
pub mod namespaces;
pub mod route_names;
pub mod scripts;
pub mod sources;
pub mod vrrp;
