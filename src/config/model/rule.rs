//! Rules of routing as a configuration says them, with everything that `ip rule` has for
//! one.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Origin;
use super::route::{Id, Network, Realms, Track};
use crate::family::Family;

/// A line of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub family: Family,
    /// It holds for the packets that the rest of it does not describe.
    pub is_inverted: bool,
    pub from: Option<Network>,
    pub to: Option<Network>,
    pub tos: u8,
    /// A mark, and which of its bits count.
    pub mark: Option<(u32, u32)>,
    /// `iif`: the interface that packets come in by; `lo` for those of this host.
    pub incoming: Option<String>,
    /// `oif`: the interface that a socket is bound to.
    pub outgoing: Option<String>,
    /// The users whose packets are meant.
    pub users: Option<RangeInclusive<u32>>,
    /// `ipproto`: TCP, UDP and so on.
    pub ip_protocol: Option<u8>,
    pub source_ports: Option<RangeInclusive<u16>>,
    pub destination_ports: Option<RangeInclusive<u16>>,
    pub tunnel: Option<u64>,
    /// Who has made the rule; None is keepalived's number, 18.
    pub protocol: Option<u8>,
    /// The lowest comes first. None is left to the program.
    pub preference: Option<u32>,
    /// Routes with prefixes of this length or less do not count.
    pub suppress_prefix_length: Option<u8>,
    /// Routes over interfaces of this group do not count.
    pub suppress_group: Option<Id>,
    pub realms: Option<Realms>,
    pub action: RuleAction,
    pub track: Track,
    pub origin: Origin,
}

/// What becomes of packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleAction {
    Table(Id),
    /// `l3mdev`: the table of the VRF that the packet belongs to.
    Vrf,
    /// On with the rule of this preference, which is behind this one.
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
}
