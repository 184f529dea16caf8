//! What must outlive the process that runs the state machine, and what it tells about
//! itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Why;
use super::packet::DropKind;
use super::packet::hmac::Sequence;
use super::types::{AdvertInterval, Priority, State};
use crate::moment::Moment;

/// What core keeps for the next vrrp process, by the names of instances and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Until then nobody becomes master for not hearing one (`vrrp_startup_delay`,
    /// `vrrp_delay_after_boot`), as the first process has found; None: no process was
    /// there.
    pub begins: Option<Moment>,
    pub instances: BTreeMap<String, InstanceMemory>,
    pub groups: BTreeMap<String, GroupMemory>,
}

impl Memory {
    /// The same, with no more room than it needs: a map that has grown one by one, as
    /// what comes from another process has, is half empty.
    pub fn compact(self) -> Self {
        Memory {
            begins: self.begins,
            instances: self.instances.into_iter().collect(),
            groups: self.groups.into_iter().collect(),
        }
    }
}

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceMemory {
    pub state: State,
    /// When it entered that state, and why.
    pub since: Moment,
    pub why: Why,
    /// When it last sent an advert as master. Until others give it up, the next process
    /// goes on as master.
    pub last_advert: Option<Moment>,
    /// Virtual addresses that were the host's own before the first process began.
    pub kept: Vec<IpAddr>,
    /// The interval of the master that is heard, where it is not the configured one.
    pub learned_interval: Option<AdvertInterval>,
    pub numbers: AdvertNumbers,
}

/// Numbers that adverts were sent and heard with, so that none counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvertNumbers {
    /// AH: the latest number, of whoever's advert; 0 while there is none. What is sent
    /// next has a higher one.
    pub counter: u32,
    /// AH: what was last heard of each sender.
    pub heard: BTreeMap<IpAddr, u32>,
    /// `auth_hmac`: what was last signed.
    pub signed: Option<Sequence>,
    /// `auth_hmac`: what was last heard of each sender.
    pub senders: BTreeMap<IpAddr, Sequence>,
}

/// What is known of a sync group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMemory {
    pub state: State,
    pub since: Moment,
    pub why: Why,
}

/// An instance as it is now, for the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    pub name: String,
    pub state: State,
    pub since: Moment,
    pub why: Why,
    /// Until then it does not become master for not hearing one (`vrrp_startup_delay`,
    /// `vrrp_delay_after_boot`).
    pub begins: Moment,
    /// The one in its adverts.
    pub priority: Priority,
    /// The master that is heard; none while it is master itself.
    pub master: Option<MasterSeen>,
    /// The master's interval, where it is not the configured one (version 3).
    pub learned_interval: Option<AdvertInterval>,
    pub lateness: Lateness,
    pub counters: Counters,
}

/// Another router that is master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterSeen {
    pub address: IpAddr,
    pub priority: Priority,
    /// When its latest advert came.
    pub heard: Moment,
}

/// How late an instance's regular adverts were in this process's life: from when each
/// was due until it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    pub worst: Duration,
    /// How many were late by more than half an interval.
    pub late: u64,
}

/// What an instance has sent and received in this process's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub adverts_sent: u64,
    /// Adverts that were taken note of.
    pub adverts_received: u64,
    /// Of these, with priority 0.
    pub releases_received: u64,
    /// Of these, not signed, though `auth_hmac` is configured.
    pub unsigned_received: u64,
    pub dropped: BTreeMap<DropKind, u64>,
    pub became_master: u64,
    /// Gratuitous ARP frames and neighbour advertisements handed out to be sent.
    pub announcements: u64,
}

/// All that the status wants to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub instances: Vec<InstanceReport>,
    pub groups: Vec<GroupReport>,
    /// Packets that belong to no instance, by interface.
    pub foreign: BTreeMap<String, BTreeMap<DropKind, u64>>,
}

/// A sync group as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReport {
    pub name: String,
    pub state: State,
    pub since: Moment,
    pub why: Why,
}
