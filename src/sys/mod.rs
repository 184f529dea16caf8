//! The kernel: everything that is asked of it directly.

pub mod alarm;
pub mod clock;
pub mod host;
pub mod ipvs;
pub mod log;
pub mod memory;
pub mod net_namespace;
mod netlink;
pub mod packet_socket;
pub mod pidfile;
mod readiness;
pub mod rtnetlink;
pub mod sandbox;
pub mod scheduling;
pub mod systemd;
pub mod vigil;
pub mod vrrp_socket;
