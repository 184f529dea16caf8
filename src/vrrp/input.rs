//! What the state machine is told and what it wants done: the whole of what passes
//! between it and the world.

use std::net::IpAddr;

use super::event::VrrpEvent;
use super::settings::VirtualAddress;

/// Identifies an instance within one [`Router`](super::Router) for the router's whole
/// life, over reloads; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub u32);

/// Something that has happened outside.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram of IP protocol 112 has come in by an interface.
    Packet {
        /// The interface's index.
        interface: u32,
        /// For IPv4 with its IP header, as a raw socket hands it over (raw(7)).
        datagram: &'a [u8],
    },
    /// What an interface is now. None where there is none of this name.
    Interface {
        name: &'a str,
        facts: Option<InterfaceFacts>,
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

/// An advert on its way out: the IP payload, and what belongs into the IP header (TTL
/// 255, protocol 112: RFC 3768 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    pub instance: InstanceId,
    /// The interface's index.
    pub interface: u32,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub message: Vec<u8>,
}

/// A frame of the link layer that makes an address known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub instance: InstanceId,
    /// The interface's index.
    pub interface: u32,
    pub frame: Vec<u8>,
}
