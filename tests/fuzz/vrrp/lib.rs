//! The VRRP core and what it needs.

#[path = "../../../src/family.rs"]
pub mod family;
#[path = "../../../src/moment.rs"]
pub mod moment;
#[path = "../../../src/vrrp/mod.rs"]
pub mod vrrp;
