//! The VRRP core: its packets, its state machine case by case, its sync groups, all of
//! it in a simulation, and whether these tests would notice if it were wrong.

mod addresses;
mod announcing;
mod bench;
mod captured;
mod corpus;
mod deaf;
mod delays;
mod drops;
mod faults;
mod foreign;
mod forged;
mod groups;
mod intervals;
#[path = "../mutants/mod.rs"]
mod mutants;
mod mutations;
mod options;
mod packets;
mod pcap;
mod places;
mod regrouping;
mod reload;
mod resume;
mod signing;
mod simulation;
mod sources;
mod transitions;
