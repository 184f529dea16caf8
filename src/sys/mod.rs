//! The kernel: everything that is asked of it directly.

pub mod clock;
pub mod host;
pub mod ipvs;
pub mod log;
pub mod pidfile;
pub mod sandbox;
pub mod systemd;
