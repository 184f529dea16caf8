//! What the state machine is told and what it wants done: the whole of what passes
//! between it and the world.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::channel::Channel;
use super::event::VrrpEvent;
use super::settings::VirtualAddress;
use super::types::Priority;
use crate::moment::Moment;

/// Identifies an instance within one [`Router`](super::Router) for the router's whole
/// life, over reloads; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub u32);

/// Something that has happened outside.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram of IP protocol 112, or 51 around one, has come in by an interface.
    Packet {
        /// The interface's index.
        interface: u32,
        packet: Received<'a>,
    },
    /// What the wall clock has to do with the monotonic one, whenever that changes: it
    /// has been set. Nothing but signatures looks at it.
    WallClock(WallClock),
    /// What an interface is now. None where there is none of this name.
    Interface {
        name: &'a str,
        facts: Option<InterfaceFacts>,
    },
    /// By these nothing can be heard on an interface; all of them, each time. None is how
    /// it begins.
    Deaf {
        interface: &'a str,
        channels: &'a [Channel],
    },
    /// What [`Action::AddAddresses`] or [`Action::RemoveAddresses`] asked for has been
    /// done, but for these, with the kernel's reason.
    AddressesDone {
        instance: InstanceId,
        failed: Vec<(VirtualAddress, String)>,
    },
    /// Hand over: priority 0, addresses removed. Nothing more is done afterwards.
    Stop,
}

/// What a raw socket hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// With the IP header (raw(7)).
    V4(&'a [u8]),
    /// The payload, and what the header said (ipv6(7)).
    V6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        message: &'a [u8],
    },
}

impl Received<'_> {
    /// How many octets were handed over.
    pub fn octets(&self) -> usize {
        match self {
            Received::V4(datagram) => datagram.len(),
            Received::V6 { message, .. } => message.len(),
        }
    }
}

/// The wall clock, by the monotonic one: how long after the epoch (1970) the monotonic
/// clock was at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock(pub Duration);

impl WallClock {
    /// How long after the epoch a moment is.
    pub fn at(self, moment: Moment) -> Duration {
        self.0 + moment.elapsed_since_boot()
    }
}

/// An interface as the kernel describes it. Whole each time, never a difference: what
/// has been lost on the way is made good by the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceFacts {
    pub index: u32,
    /// Up, and its link too (IFF_UP and IFF_RUNNING, netdevice(7)).
    pub is_up: bool,
    /// Its hardware address where it has one of 6 octets; without, there is nothing to
    /// announce by ARP.
    pub hardware_address: Option<[u8; 6]>,
    /// All its addresses, virtual ones too, in the kernel's order, with the bits of
    /// their masks.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Those of them that nothing can be sent from: the kernel still asks whether
    /// somebody else has them, or somebody has (IFA_F_TENTATIVE, IFA_F_DADFAILED).
    pub unusable: Vec<IpAddr>,
    /// It forwards IPv6 packets (net.ipv6.conf.IF.forwarding), and says so in neighbour
    /// advertisements.
    pub is_router: bool,
}

/// Something that is to be done, in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send an advert at once.
    Send(Advert),
    /// Put these addresses on their interfaces. One that is there already is fine.
    AddAddresses {
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
    },
    /// Take these addresses away, and nothing else with them. One that is not there is
    /// fine.
    RemoveAddresses {
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
    },
    /// Something that people want to know.
    Tell(VrrpEvent),
}

/// An advert on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    pub instance: InstanceId,
    /// The interface's index.
    pub interface: u32,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// What it says; 0 that the master stops.
    pub priority: Priority,
    pub content: Content,
}

/// What is handed to a raw socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The payload of protocol 112, and the TTL or hop limit that it goes out with.
    Message { octets: Vec<u8>, ttl: u8 },
    /// A whole datagram with its IPv4 header, which an authentication header covers.
    Datagram(Vec<u8>),
}

/// A frame of the link layer that makes an address known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub instance: InstanceId,
    /// Which of its addresses, by the index in its settings.
    pub index: usize,
    /// The interface's index.
    pub interface: u32,
    pub frame: Vec<u8>,
}
