//! A host: its interfaces and its addresses, and the process that runs on it.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use ipvsd::vrrp::InterfaceFacts;
use ipvsd::vrrp::Router;
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{GroupSettings, InstanceSettings};

use super::plan::{NodePlan, Time};

pub struct Node {
    pub number: usize,
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
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

/// What a process is told.
#[derive(Clone)]
pub enum Incoming {
    Packet {
        segment: usize,
        datagram: Vec<u8>,
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

    pub fn source(&self, segment: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, segment as u8, self.links[segment].host)
    }

    pub fn facts(&self, segment: usize) -> InterfaceFacts {
        let link = &self.links[segment];
        let own = link
            .has_address
            .then_some((self.source(segment).into(), 24));
        InterfaceFacts {
            index: 2 + segment as u32,
            is_up: link.is_up,
            hardware_address: Some([2, 0, 0, 0, segment as u8, self.number as u8]),
            addresses: own.into_iter().chain(link.held.iter().copied()).collect(),
            unusable: Vec::new(),
            is_router: false,
        }
    }

    /// Takes part: its process runs, and nothing keeps it from doing so.
    pub fn is_fit(&self) -> bool {
        self.router.is_some() && self.links.iter().all(|link| link.is_up && link.has_address)
    }
}
