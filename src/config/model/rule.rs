//! Rules of routing as a configuration says them, with everything that `ip rule` has for
//! one.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Origin;
use super::dump::Quoted;
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

fn option(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

fn range<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("{}-{}", range.start(), range.end())
}

/// The line of a configuration that says it.
impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_inverted {
            f.write_str("not ")?;
        }
        // Always, so that the line says the family.
        let from = self.from.unwrap_or(Network::all(self.family));
        write!(f, "from {from}")?;
        option(f, "to", self.to)?;
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        match self.mark {
            Some((mark, u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
            Some((mark, mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            None => {}
        }
        option(f, "iif", self.incoming.as_deref().map(Quoted))?;
        option(f, "oif", self.outgoing.as_deref().map(Quoted))?;
        option(f, "uidrange", self.users.as_ref().map(range))?;
        option(f, "ipproto", self.ip_protocol)?;
        option(f, "sport", self.source_ports.as_ref().map(range))?;
        option(f, "dport", self.destination_ports.as_ref().map(range))?;
        option(f, "tunnel-id", self.tunnel)?;
        option(f, "protocol", self.protocol)?;
        option(f, "preference", self.preference)?;
        option(f, "suppress_prefixlength", self.suppress_prefix_length)?;
        option(f, "suppress_ifgroup", self.suppress_group.as_ref())?;
        option(f, "realms", self.realms.as_ref())?;
        match &self.action {
            RuleAction::Table(table) => write!(f, " table {table}")?,
            RuleAction::Vrf => f.write_str(" l3mdev")?,
            RuleAction::Goto(target) => write!(f, " goto {target}")?,
            RuleAction::Nop => f.write_str(" nop")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
        }
        write!(f, "{}", self.track)
    }
}
