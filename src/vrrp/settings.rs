//! What is configured: valid, immutable. The configuration's model holds these, and
//! the state machine is given them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::types::{AdvertInterval, Priority, State, Version, Vrid};
use crate::family::Family;

/// All that is configured for one director.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterSettings {
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
    pub pacing: Pacing,
    /// `vrrp_startup_delay`: for how long after the first start nobody becomes master
    /// for not hearing one.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`: until when after the machine's boot nobody does.
    pub delay_after_boot: Duration,
    /// `log_unknown_vrids`: tell of every VRID that no instance has, once a minute, not
    /// of one of them in an hour.
    pub log_unknown_vrids: bool,
}

/// What the state machine is to know of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSettings {
    /// Identifies it over reloads.
    pub name: String,
    /// The name of the interface that adverts go out from and come in by.
    pub interface: String,
    pub vrid: Vrid,
    /// Always 3 with IPv6.
    pub version: Version,
    /// Of the adverts, and of the addresses in them.
    pub family: Family,
    pub delivery: Delivery,
    /// `mcast_src_ip`, `unicast_src_ip`: where adverts come from; None is the first
    /// address of the interface, with IPv6 its link-local one.
    pub source: Option<IpAddr>,
    /// What the checksum of version 3 covers; version 2 knows but one way.
    pub checksum: ChecksumForm,
    /// `state`: Master or Backup.
    pub initial_state: State,
    /// Never 0; 255 is the owner of the addresses.
    pub priority: Priority,
    pub advert_interval: AdvertInterval,
    /// `down_timer_adverts`: adverts that have to be missing before the master is given
    /// up, 1 to 100; 3 as in the RFCs.
    pub down_timer_adverts: u8,
    /// Take over from a master of lower priority.
    pub preempt: bool,
    /// How long a master of lower priority is left alone, from the start or from when
    /// it was first heard; 0 to 1000 s.
    pub preempt_delay: Duration,
    pub authentication: Authentication,
    /// All that the master has: first those that stand in its adverts, in the order of
    /// the file, which is their order there; then `virtual_ipaddress_excluded`, which
    /// may be of the other family.
    pub addresses: Vec<VirtualAddress>,
    /// How many of them, at the end, stand in no advert.
    pub excluded: usize,
    pub announcements: Announcements,
    /// `strict_mode`: nothing that the RFCs do not allow.
    pub strict: bool,
    /// `skip_check_adv_addr`: the addresses in an advert are looked at only where it is
    /// from another router than the one before.
    pub skip_check_adv_addr: bool,
    /// `lower_prio_no_advert`: a master does not answer adverts of lower priority.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`: a master that hears a better one sends one more advert
    /// before it gives way, so that the better one announces its addresses again.
    pub higher_prio_send_advert: bool,
    /// `owner_ignore_adverts`: the owner of the addresses does not look at what others
    /// say.
    pub owner_ignore_adverts: bool,
    /// `timer_expired_backup`: with `preempt` off, give mastership up after a standstill
    /// in which a router of this priority would have taken over.
    pub timer_expired_backup: Option<Priority>,
}

impl InstanceSettings {
    /// An instance with nothing but its identity; everything else as it is where the
    /// file does not say: version 2 with IPv4, 3 with IPv6, by multicast, and no
    /// addresses.
    pub fn new(name: &str, interface: &str, vrid: Vrid, family: Family) -> Self {
        InstanceSettings {
            name: name.to_owned(),
            interface: interface.to_owned(),
            vrid,
            version: match family {
                Family::V4 => Version::V2,
                Family::V6 => Version::V3,
            },
            family,
            delivery: Delivery::Multicast {
                group: Delivery::group(family),
            },
            source: None,
            checksum: ChecksumForm::default(),
            initial_state: State::Backup,
            priority: Priority::DEFAULT,
            advert_interval: AdvertInterval::DEFAULT,
            down_timer_adverts: Self::DOWN_TIMER_ADVERTS,
            preempt: true,
            preempt_delay: Duration::ZERO,
            authentication: Authentication::None,
            addresses: Vec::new(),
            excluded: 0,
            announcements: Announcements::default(),
            strict: false,
            skip_check_adv_addr: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: true,
            owner_ignore_adverts: false,
            timer_expired_backup: None,
        }
    }

    /// What `down_timer_adverts` is in the RFCs.
    pub const DOWN_TIMER_ADVERTS: u8 = 3;

    /// The addresses that stand in adverts, in their order.
    pub fn advertised(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let count = self.addresses.len().saturating_sub(self.excluded);
        let advertised = self.addresses.iter().take(count);
        advertised.map(|address| address.address)
    }

    /// The multicast group that adverts go to; None with unicast.
    pub fn group(&self) -> Option<IpAddr> {
        match &self.delivery {
            Delivery::Multicast { group } => Some(*group),
            Delivery::Unicast(_) => None,
        }
    }
}

/// Whom adverts go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// All routers of a multicast group, with a TTL or hop limit of 255.
    Multicast { group: IpAddr },
    /// `unicast_peer`.
    Unicast(Unicast),
}

impl Delivery {
    /// The group where the file names no other: RFC 3768 section 5.2.2, RFC 9568
    /// sections 5.1.1.2 and 5.1.2.2.
    pub const fn group(family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
        }
    }
}

/// Adverts that go to each of a list of routers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unicast {
    /// In the order of the file; none is a fault (`unicast_fault_no_peer`).
    pub peers: Vec<Peer>,
    /// `unicast_ttl`: the TTL or hop limit of what is sent.
    pub ttl: u8,
    /// `check_unicast_src`: take adverts from the peers only. On where a peer has a
    /// range of TTLs.
    pub check_source: bool,
}

/// A router that adverts are sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub address: IpAddr,
    /// `min_ttl`, `max_ttl`: the TTL or hop limit that its adverts come with.
    pub ttl: RangeInclusive<u8>,
}

/// What the checksum of version 3 covers beside the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumForm {
    /// The pseudo header, over IPv4 as well: keepalived's way, and RFC 5798's as most
    /// read it.
    #[default]
    PseudoHeader,
    /// `v3_checksum_as_v2`: over IPv4 nothing (RFC 9568 section 5.2.8).
    MessageOnly,
    /// `old_unicast_checksum`: a pseudo header with the multicast group in it though
    /// the message goes to one router, as keepalived had it until 1.3.6.
    GroupInUnicast,
}

impl ChecksumForm {
    pub const ALL: [ChecksumForm; 3] = [
        ChecksumForm::PseudoHeader,
        ChecksumForm::MessageOnly,
        ChecksumForm::GroupInUnicast,
    ];
}

/// How the receivers of adverts know that they are genuine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    #[default]
    None,
    /// `auth_type PASS` (RFC 2338 section 5.3.6, which RFC 3768 took out again): plain
    /// text in every advert. It keeps apart what was configured by accident, not who
    /// means harm. Version 2 only.
    Pass(Password),
    /// `auth_type AH`: IPsec's authentication header with HMAC-MD5-96 (RFC 2402, RFC
    /// 2403). Version 2 only.
    Header(Password),
    /// `auth_hmac`: a trailer with HMAC-SHA256 and a sequence number.
    Hmac(Hmac),
}

/// `auth_hmac`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hmac {
    /// What adverts may be signed with, by id; never empty.
    pub keys: BTreeMap<u8, Key>,
    /// The one that this router signs with; there is such a key.
    pub active_key: u8,
    pub anti_replay: AntiReplay,
    pub mode: HmacMode,
}

/// `anti_replay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AntiReplay {
    /// The time in an advert lies within this window around the receiver's, 1 to 300 s,
    /// and each sender's sequence grows.
    Time { window: Duration },
    /// Each sender's sequence grows.
    Monotonic,
}

/// `mode` of `auth_hmac`: three steps on which a cluster comes to sign without a moment
/// in which some do not understand the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HmacMode {
    /// Signs, and takes nothing that is not signed.
    #[default]
    Enforce,
    /// Signs, and takes what has no trailer too.
    Permissive,
    /// Does not sign, and takes what has no trailer too.
    ReceiveOnly,
}

impl HmacMode {
    /// As the file spells it.
    pub fn name(self) -> &'static str {
        match self {
            HmacMode::Enforce => "enforce",
            HmacMode::Permissive => "permissive",
            HmacMode::ReceiveOnly => "receive-only",
        }
    }
}

/// A key of 32 to 64 octets. Its Debug form does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key(pub Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
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
    pub options: AddressOptions,
}

/// What else may be said of an address. Nothing acts on it yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressOptions {
    /// The other end of a link of two.
    pub peer: Option<IpAddr>,
    /// `home`: a home address of mobile IPv6.
    pub is_home: bool,
    /// `-nodad`: nobody is asked whether it is taken.
    pub is_optimistic: bool,
    /// `mngtmpaddr`: temporary addresses are made from it.
    pub makes_temporary: bool,
    /// `noprefixroute`: there is no route to its network.
    pub no_prefix_route: bool,
    /// `autojoin`: the kernel joins the multicast group that it is.
    pub joins: bool,
    /// `use_vmac`: it is on an interface with the virtual MAC.
    pub has_vmac: bool,
    /// `no_track`: nothing happens where another program removes it.
    pub is_untracked: bool,
    /// `preferred_lft` in seconds, with [`FOR_EVER`](Self::FOR_EVER); None is for ever,
    /// but 0 of an IPv6 address with a prefix of /128.
    pub preferred: Option<u32>,
}

impl AddressOptions {
    /// `INFINITY_LIFE_TIME` of linux/if_addr.h's users.
    pub const FOR_EVER: u32 = u32::MAX;
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// How the master makes its addresses known, by gratuitous ARP and unsolicited
/// neighbour advertisements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcements {
    /// `garp_master_delay`: from the first round to the second; 0 is no second one.
    pub delay: Duration,
    /// `garp_master_repeat`: frames for each address in a round, at least 1.
    pub repeat: u32,
    /// `garp_lower_prio_delay`: the same after another master was heard.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`; 0 is no round at all.
    pub lower_prio_repeat: u32,
    /// `garp_master_refresh`: how often a master announces without a reason; 0 is never.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`: frames for each address then, at least 1.
    pub refresh_repeat: u32,
    /// `garp_extra_if`: how often addresses on interfaces other than the instance's are
    /// announced, so that switches do not forget them; 0 is never.
    pub extra_interfaces: Duration,
    /// `garp_extra_if all`: on all such interfaces. Otherwise only on virtual MAC
    /// interfaces, of which there are none.
    pub extra_all: bool,
}

impl Announcements {
    /// How often `garp_extra_if` has something announced; 0 is never.
    pub fn extra(&self) -> Duration {
        match self.extra_all {
            true => self.extra_interfaces,
            false => Duration::ZERO,
        }
    }
}

impl Default for Announcements {
    /// keepalived.conf(5): 5 s, 5 frames; a refresh is off, and one frame if it is on.
    fn default() -> Self {
        Announcements {
            delay: Duration::from_secs(5),
            repeat: 5,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            extra_interfaces: Duration::ZERO,
            extra_all: false,
        }
    }
}

/// How fast announcements may follow each other, where a switch cannot take them all at
/// once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacing {
    /// `vrrp_garp_interval`, `vrrp_gna_interval`: on each interface that is in no group.
    pub each: Pace,
    /// `garp_group`; no interface is in two.
    pub groups: Vec<PacingGroup>,
}

/// The least time between two announcements, in microseconds; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Gratuitous ARP.
    pub arp: Duration,
    /// Unsolicited neighbour advertisements.
    pub na: Duration,
}

/// `garp_group`: interfaces that lead to the same switch, and share its patience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacingGroup {
    pub interfaces: Vec<String>,
    pub pace: Pace,
}

/// `vrrp_sync_group`: its instances are master together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSettings {
    /// Identifies it over reloads.
    pub name: String,
    /// Names of instances; no instance is in two groups.
    pub members: Vec<String>,
}
