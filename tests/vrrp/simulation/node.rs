//! A host: its interfaces and its addresses, and the process that runs on it.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::input::{Received, WallClock};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{GroupSettings, InstanceSettings, RouterSettings};
use ipvsd::vrrp::{InterfaceFacts, Router};

use super::dialect;
use super::plan::{NodePlan, Time};
use crate::bench;

/// When the hosts were booted, in seconds since 1970.
const EPOCH: u64 = 1_800_000_000;

pub struct Node {
    pub number: usize,
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
    pub startup_delay: Duration,
    pub family: Family,
    /// How far the wall clock is off, in seconds, and how far it will be once it is
    /// looked after.
    pub clock: i64,
    pub skew: i64,
    pub links: Vec<Link>,
    /// None: no process runs.
    pub router: Option<Router>,
    /// Counts processes: what was under way for an earlier one is not for this one.
    pub life: u64,
    /// What the one before knew.
    pub memory: Memory,
    /// Comes back no more.
    pub is_gone: bool,
    /// Until then the process stands still.
    pub frozen: Option<Time>,
    /// What has come in meanwhile.
    pub queue: VecDeque<Incoming>,
    /// The wake-up that counts.
    pub alarm: u64,
    /// Operations on addresses are done one after the other.
    pub busy_until: Time,
    /// Another program has had its hands on the addresses.
    pub is_disturbed: bool,
}

/// One interface.
#[derive(Clone)]
pub struct Link {
    pub is_up: bool,
    pub has_address: bool,
    pub host: u8,
    /// The virtual addresses that are on it.
    pub held: BTreeSet<(IpAddr, u8)>,
}

/// What a socket hands over.
#[derive(Clone, Debug)]
pub struct Packet {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    /// With IPv4, with its header.
    pub octets: Vec<u8>,
}

impl Packet {
    pub fn received(&self) -> Received<'_> {
        match (self.source, self.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => Received::V6 {
                source,
                destination,
                hop_limit: self.ttl,
                message: &self.octets,
            },
            _ => Received::V4(&self.octets),
        }
    }
}

/// What a process is told.
#[derive(Clone)]
pub enum Incoming {
    Packet {
        segment: usize,
        packet: Packet,
    },
    Facts {
        segment: usize,
    },
    Done {
        life: u64,
        instance: ipvsd::vrrp::InstanceId,
    },
    /// The host's settings are others.
    Reload,
    Stop,
}

impl Node {
    pub fn new(number: usize, plan: &NodePlan) -> Self {
        Node {
            number,
            instances: plan.instances.clone(),
            groups: plan.groups.clone(),
            startup_delay: plan.startup_delay,
            family: plan.instances[0].family,
            clock: plan.skew,
            skew: plan.skew,
            links: plan
                .hosts
                .iter()
                .map(|host| Link {
                    is_up: true,
                    has_address: true,
                    host: *host,
                    held: BTreeSet::new(),
                })
                .collect(),
            router: None,
            life: 0,
            memory: Memory::default(),
            is_gone: false,
            frozen: None,
            queue: VecDeque::new(),
            alarm: 0,
            busy_until: 0,
            is_disturbed: false,
        }
    }

    pub fn source(&self, segment: usize) -> IpAddr {
        dialect::source(self.family, segment as u8, self.links[segment].host)
    }

    /// All that is configured.
    pub fn settings(&self) -> RouterSettings {
        RouterSettings {
            startup_delay: self.startup_delay,
            ..bench::settings(self.instances.clone(), self.groups.clone())
        }
    }

    /// What the host's clocks say.
    pub fn wall_clock(&self) -> WallClock {
        WallClock(Duration::from_secs(EPOCH.saturating_add_signed(self.clock)))
    }

    pub fn facts(&self, segment: usize) -> InterfaceFacts {
        let link = &self.links[segment];
        let own = link
            .has_address
            .then_some((self.source(segment), self.prefix()));
        InterfaceFacts {
            index: 2 + segment as u32,
            is_up: link.is_up,
            hardware_address: Some([2, 0, 0, 0, segment as u8, self.number as u8]),
            addresses: own.into_iter().chain(link.held.iter().copied()).collect(),
            unusable: Vec::new(),
            is_router: false,
        }
    }

    /// Bits of the network of its own addresses.
    fn prefix(&self) -> u8 {
        match self.family {
            Family::V4 => 24,
            Family::V6 => 64,
        }
    }

    /// Takes part: its process runs, and nothing keeps it from doing so.
    pub fn is_fit(&self) -> bool {
        self.router.is_some() && self.links.iter().all(|link| link.is_up && link.has_address)
    }
}
