//! The VRRP core: its packets, its state machine case by case, its sync groups, all of
//! it in a simulation, and whether these tests would notice if it were wrong.

mod addresses;
mod bench;
mod captured;
mod corpus;
mod drops;
mod faults;
mod forged;
mod groups;
mod mutations;
mod packets;
mod pcap;
mod places;
mod reload;
mod resume;
mod simulation;
mod sources;
mod transitions;
