//! What is configured: valid, immutable. The configuration's model holds these, and
//! the state machine is given them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::types::{AdvertInterval, Priority, State, Version, Vrid};

/// What the state machine is to know of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSettings {
    /// Identifies it over reloads.
    pub name: String,
    /// The name of the interface that adverts go out from and come in by.
    pub interface: String,
    pub vrid: Vrid,
    pub version: Version,
    /// Where adverts go to; its family is that of the adverts.
    pub destination: IpAddr,
    /// `state`: Master or Backup.
    pub initial_state: State,
    /// Never 0; 255 is the owner of the addresses.
    pub priority: Priority,
    pub advert_interval: AdvertInterval,
    /// Take over from a master of lower priority.
    pub preempt: bool,
    /// How long a master of lower priority is left alone, from the start or from when
    /// it was first heard; 0 to 1000 s.
    pub preempt_delay: Duration,
    pub authentication: Authentication,
    /// In the order of the file, which is their order in adverts.
    pub addresses: Vec<VirtualAddress>,
    pub announcements: Announcements,
}

/// `authentication` (RFC 2338 section 5.3.6, which RFC 3768 took out again).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    #[default]
    None,
    /// Plain text in every advert: keeps apart what was configured by accident, not
    /// who means harm.
    Pass(Password),
}

/// Eight octets, padded with zeroes. Its Debug form does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password(pub [u8; 8]);

impl Password {
    /// The first eight octets count.
    pub fn new(text: &str) -> Self {
        let mut octets = [0; 8];
        for (octet, byte) in octets.iter_mut().zip(text.bytes()) {
            *octet = byte;
        }
        Password(octets)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// An address that the master has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualAddress {
    pub address: IpAddr,
    /// Bits of the network mask.
    pub prefix: u8,
    /// The interface that it is put on; the instance's own unless `dev` says otherwise.
    pub interface: String,
    /// `brd`.
    pub broadcast: Option<Ipv4Addr>,
    /// `scope`: `rtm_scope` of linux/rtnetlink.h; 0 is global.
    pub scope: u8,
    /// `label`: IPv4 only, at most 15 bytes (IFNAMSIZ).
    pub label: Option<String>,
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// How the master makes its addresses known by gratuitous ARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcements {
    /// `garp_master_delay`: from the first round to the second; 0 is no second one.
    pub delay: Duration,
    /// `garp_master_repeat`: frames for each address in a round.
    pub repeat: u32,
}

impl Default for Announcements {
    /// keepalived.conf(5): 5 s, 5 frames.
    fn default() -> Self {
        Announcements {
            delay: Duration::from_secs(5),
            repeat: 5,
        }
    }
}

/// `vrrp_sync_group`: its instances are master together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSettings {
    /// Identifies it over reloads.
    pub name: String,
    /// Names of instances; no instance is in two groups.
    pub members: Vec<String>,
}
