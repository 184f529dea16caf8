//! VRRP: who of several directors has the virtual addresses.
//!
//! Pure: [`Router`] is given the time and what happens ([`Input`]) and says what is to
//! be done ([`Action`]); sockets, netlink and clocks are the vrrp process's
//! (`daemon::vrrp`), and the simulation's in the tests.
//!
//! [`types`] and [`settings`] hold what is known by name and what is configured;
//! [`packet`] the messages on the wire; [`router`] all instances and groups;
//! [`event`] what people are told; [`memory`] what outlives the process.

pub mod event;
pub mod input;
pub mod memory;
pub mod packet;
pub mod router;
pub mod settings;
pub mod types;

pub use event::{Change, Subject, VrrpEvent, Why};
pub use input::{Action, Input, InstanceId, InterfaceFacts};
pub use router::Router;
pub use types::{AdvertInterval, Priority, State, Version, Vrid};
