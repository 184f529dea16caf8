//! VRRP: who of several directors has the virtual addresses.
//!
//! Pure: [`Router`] is given the time and what happens ([`Input`]) and says what is to
//! be done ([`Action`]); sockets, netlink and clocks are the vrrp process's
//! (`daemon::vrrp`), and the simulation's in the tests.
//!
//! * Values: [`types`] and [`settings`] hold what is known by name and what is
//!   configured; [`packet`] the messages on the wire, [`channel`] what they come in by;
//!   [`input`] what passes between the state machine and the world; [`event`] what people are told; [`memory`] what
//!   outlives the process.
//! * The state machine, from the outside in: [`router`] finds out who a packet or an
//!   interface is for; `hear` whether a packet counts; `group` decides, for all members
//!   of a sync group at once; `instance` does it.
//! * What an instance is made of: `speak` (what it says), `guard` (that nothing counts
//!   twice), `link` (interfaces), `timers`, `addresses`, `announce`, `arp` and `na`,
//!   `drops`; `budget` keeps it from saying too much.

mod addresses;
mod announce;
mod arp;
mod budget;
pub mod channel;
mod drops;
pub mod event;
mod group;
mod guard;
mod hear;
pub mod input;
mod instance;
mod link;
pub mod memory;
mod na;
pub mod packet;
pub mod router;
pub mod settings;
mod speak;
mod timers;
mod told;
pub mod types;

pub use event::{Change, Subject, VrrpEvent, Why};
pub use input::{Action, Input, InstanceId, InterfaceFacts};
pub use router::Router;
pub use types::{AdvertInterval, Priority, State, Version, Vrid};
