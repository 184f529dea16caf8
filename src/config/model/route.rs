//! Routes as a configuration says them, with everything that `ip route` has for one.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Origin;
use super::dump::Quoted;
use crate::family::Family;

/// An address and how many of its first bits count. The others are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Network {
    pub address: IpAddr,
    /// 0 to 32, or to 128.
    pub length: u8,
}

impl Network {
    /// Every address of a family.
    pub fn all(family: Family) -> Self {
        let address = match family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        Network { address, length: 0 }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A number that the kernel goes by, or the name that a file of iproute2 has for it
/// (`/etc/iproute2/rt_tables` and its like). Names that every kernel header has are
/// numbers already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Id {
    Number(u32),
    Name(String),
}

impl Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Name(name) => Quoted(name).fmt(f),
        }
    }
}

/// A line of `virtual_routes` or `static_routes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub kind: RouteKind,
    pub destination: Network,
    /// Where packets come from; only with IPv6.
    pub from: Option<Network>,
    /// `src`: the address that this host sends from.
    pub source: Option<IpAddr>,
    pub tos: u8,
    /// None is the main one, or that of [`vrf`](Self::vrf).
    pub table: Option<Id>,
    /// The interface of a VRF, whose table is meant.
    pub vrf: Option<String>,
    /// Who has made the route; None is keepalived's number, 18.
    pub protocol: Option<Id>,
    pub scope: Option<u8>,
    /// `metric`: of several routes to a destination, the lowest counts.
    pub metric: Option<u32>,
    pub realms: Option<Realms>,
    /// Where packets go: never empty but for kinds that drop them.
    pub hops: Vec<Hop>,
    /// Values by the kernel's names for them, in the units of [`MetricKind`].
    pub metrics: BTreeMap<MetricKind, Metric>,
    /// `congctl`: an algorithm of TCP, and whether connections cannot change it.
    pub congestion: Option<(String, bool)>,
    /// `pref`, of RFC 4191; only with IPv6.
    pub preference: Option<RouterPreference>,
    /// In seconds; only with IPv6.
    pub expires: Option<u32>,
    /// Whether a TTL goes on into MPLS and out of it.
    pub ttl_propagate: Option<bool>,
    pub placement: Placement,
    pub track: Track,
    pub origin: Origin,
}

/// What becomes of packets: `rtm_type` of linux/rtnetlink.h, with its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteKind {
    #[default]
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    Nat,
}

impl RouteKind {
    pub const ALL: [(&str, RouteKind); 10] = [
        ("unicast", RouteKind::Unicast),
        ("local", RouteKind::Local),
        ("broadcast", RouteKind::Broadcast),
        ("anycast", RouteKind::Anycast),
        ("multicast", RouteKind::Multicast),
        ("blackhole", RouteKind::Blackhole),
        ("unreachable", RouteKind::Unreachable),
        ("prohibit", RouteKind::Prohibit),
        ("throw", RouteKind::Throw),
        ("nat", RouteKind::Nat),
    ];

    /// Whether packets end here, so that there is no way to go on.
    pub fn drops(self) -> bool {
        use RouteKind::{Blackhole, Prohibit, Throw, Unreachable};
        matches!(self, Blackhole | Unreachable | Prohibit | Throw)
    }

    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("unicast", |(name, _)| name)
    }
}

/// One way that packets may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// It may be of the other family.
    pub gateway: Option<IpAddr>,
    pub interface: Option<String>,
    /// The gateway is on the link though no address says so.
    pub on_link: bool,
    /// Its share beside that of others: 1 to 256.
    pub weight: u16,
    /// Only where there are several; otherwise they are the route's.
    pub realms: Option<Realms>,
    pub encapsulation: Option<Encapsulation>,
}

impl Default for Hop {
    fn default() -> Self {
        Hop {
            gateway: None,
            interface: None,
            on_link: false,
            weight: 1,
            realms: None,
            encapsulation: None,
        }
    }
}

/// Realms that traffic is counted and shaped by; of IPv4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realms {
    pub from: Option<Id>,
    pub to: Id,
}

/// What packets are wrapped in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encapsulation {
    /// Labels, the outermost first, below 2^20.
    Mpls(Vec<u32>),
    Ip(Tunnel<Ipv4Addr>),
    Ip6(Tunnel<Ipv6Addr>),
    /// The locator.
    Ila(u64),
    Seg6 {
        mode: Seg6Mode,
        segments: Vec<Ipv6Addr>,
        /// The number of a key that the kernel has.
        hmac: Option<u32>,
    },
}

/// The outer header that a tunnel is to give packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel<A> {
    pub id: Option<u64>,
    pub destination: Option<A>,
    pub source: Option<A>,
    /// `tos`, with IPv6 `tc`.
    pub tos: Option<u8>,
    /// `ttl`, with IPv6 `hoplimit`.
    pub ttl: Option<u8>,
    pub flags: Option<u16>,
}

impl<A> Default for Tunnel<A> {
    fn default() -> Self {
        Tunnel {
            id: None,
            destination: None,
            source: None,
            tos: None,
            ttl: None,
            flags: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seg6Mode {
    Encap,
    Inline,
    L2Encap,
}

impl Seg6Mode {
    pub const ALL: [(&str, Seg6Mode); 3] = [
        ("encap", Seg6Mode::Encap),
        ("inline", Seg6Mode::Inline),
        ("l2encap", Seg6Mode::L2Encap),
    ];
}

/// A value of a route's, and whether connections cannot change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    pub value: u32,
    pub is_locked: bool,
}

/// `RTAX_*` of linux/rtnetlink.h. [`Rtt`](Self::Rtt), [`RttVar`](Self::RttVar) and
/// [`RtoMin`](Self::RtoMin) are in microseconds here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MetricKind {
    Mtu,
    AdvMss,
    Rtt,
    RttVar,
    Reordering,
    Window,
    Cwnd,
    SsThresh,
    RtoMin,
    HopLimit,
    InitCwnd,
    InitRwnd,
    QuickAck,
    FastOpenNoCookie,
    /// Bits; 1 is ECN.
    Features,
}

impl MetricKind {
    pub const ALL: [(&str, MetricKind); 15] = [
        ("mtu", MetricKind::Mtu),
        ("advmss", MetricKind::AdvMss),
        ("rtt", MetricKind::Rtt),
        ("rttvar", MetricKind::RttVar),
        ("reordering", MetricKind::Reordering),
        ("window", MetricKind::Window),
        ("cwnd", MetricKind::Cwnd),
        ("ssthresh", MetricKind::SsThresh),
        ("rto_min", MetricKind::RtoMin),
        ("hoplimit", MetricKind::HopLimit),
        ("initcwnd", MetricKind::InitCwnd),
        ("initrwnd", MetricKind::InitRwnd),
        ("quickack", MetricKind::QuickAck),
        ("fastopen_no_cookie", MetricKind::FastOpenNoCookie),
        ("features", MetricKind::Features),
    ];

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        matches!(
            self,
            MetricKind::Rtt | MetricKind::RttVar | MetricKind::RtoMin
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouterPreference {
    Low,
    Medium,
    High,
}

impl RouterPreference {
    pub const ALL: [(&str, RouterPreference); 3] = [
        ("low", RouterPreference::Low),
        ("medium", RouterPreference::Medium),
        ("high", RouterPreference::High),
    ];
}

/// Where a route goes among others to the same destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Before them.
    #[default]
    Prepend,
    /// Behind them.
    Append,
    /// Nowhere, if there are any.
    Add,
}

/// What happens when another program removes an address, a route or a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Track {
    /// It is put back, or its instance is in FAULT.
    #[default]
    Yes,
    /// `no_track`: nothing.
    No,
    /// `track_group`, of static ones: as with `Yes` for the instances of this group.
    Group(String),
}

impl Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Track::Yes => Ok(()),
            Track::No => f.write_str(" no_track"),
            Track::Group(group) => write!(f, " track_group {}", Quoted(group)),
        }
    }
}

fn option(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

fn named<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    let found = all.iter().find(|(_, one)| one == value);
    found.map_or("", |(name, _)| name)
}

/// The line of a configuration that says it.
impl Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.name())?;
        }
        write!(f, "{}", self.destination)?;
        option(f, "from", self.from)?;
        option(f, "src", self.source)?;
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        option(f, "table", self.table.as_ref())?;
        option(f, "vrf", self.vrf.as_deref().map(Quoted))?;
        option(f, "protocol", self.protocol.as_ref())?;
        option(f, "scope", self.scope)?;
        option(f, "metric", self.metric)?;
        option(f, "realms", self.realms.as_ref())?;
        for (kind, metric) in &self.metrics {
            write!(f, " {}", named(&MetricKind::ALL, kind))?;
            if metric.is_locked {
                f.write_str(" lock")?;
            }
            match kind {
                MetricKind::Features => f.write_str(" ecn")?,
                _ if kind.is_time() => {
                    let (whole, rest) = (metric.value / 1000, metric.value % 1000);
                    match rest {
                        0 => write!(f, " {whole}ms")?,
                        _ => write!(f, " {whole}.{rest:03}ms")?,
                    }
                }
                _ => write!(f, " {}", metric.value)?,
            }
        }
        if let Some((algorithm, is_locked)) = &self.congestion {
            let lock = if *is_locked { "lock " } else { "" };
            write!(f, " congctl {lock}{}", Quoted(algorithm))?;
        }
        let preference = self.preference.as_ref();
        option(
            f,
            "pref",
            preference.map(|it| named(&RouterPreference::ALL, it)),
        )?;
        option(f, "expires", self.expires)?;
        let propagate = self.ttl_propagate;
        option(
            f,
            "ttl-propagate",
            propagate.map(|it| if it { "enabled" } else { "disabled" }),
        )?;
        match self.placement {
            Placement::Prepend => {}
            Placement::Append => f.write_str(" append")?,
            Placement::Add => f.write_str(" add")?,
        }
        write!(f, "{}", self.track)?;
        match self.hops.as_slice() {
            [hop] if hop.weight == 1 && hop.realms.is_none() => write!(f, "{hop}"),
            hops => hops.iter().try_for_each(|hop| {
                write!(f, " nexthop{hop}")?;
                option(f, "realms", hop.realms.as_ref())?;
                write!(f, " weight {}", hop.weight)
            }),
        }
    }
}

impl Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        option(f, "encap", self.encapsulation.as_ref())?;
        match self.gateway {
            Some(IpAddr::V4(gateway)) => write!(f, " via inet {gateway}")?,
            Some(IpAddr::V6(gateway)) => write!(f, " via inet6 {gateway}")?,
            None => {}
        }
        option(f, "dev", self.interface.as_deref().map(Quoted))?;
        if self.on_link {
            f.write_str(" onlink")?;
        }
        Ok(())
    }
}

impl Display for Realms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, "{from}/")?;
        }
        self.to.fmt(f)
    }
}

impl Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encapsulation::Mpls(labels) => {
                let labels: Vec<_> = labels.iter().map(u32::to_string).collect();
                write!(f, "mpls {}", labels.join("/"))
            }
            Encapsulation::Ip(tunnel) => {
                f.write_str("ip")?;
                tunnel.options(f, "tos", "ttl")
            }
            Encapsulation::Ip6(tunnel) => {
                f.write_str("ip6")?;
                tunnel.options(f, "tc", "hoplimit")
            }
            Encapsulation::Ila(locator) => {
                let part = |shift: u32| (locator >> shift) & 0xffff;
                write!(
                    f,
                    "ila {:x}:{:x}:{:x}:{:x}",
                    part(48),
                    part(32),
                    part(16),
                    part(0)
                )
            }
            Encapsulation::Seg6 {
                mode,
                segments,
                hmac,
            } => {
                let segments: Vec<_> = segments.iter().map(Ipv6Addr::to_string).collect();
                let mode = named(&Seg6Mode::ALL, mode);
                write!(f, "seg6 mode {mode} segs {}", segments.join(","))?;
                option(f, "hmac", *hmac)
            }
        }
    }
}

impl<A: Display> Tunnel<A> {
    fn options(&self, f: &mut fmt::Formatter<'_>, tos: &str, ttl: &str) -> fmt::Result {
        option(f, "id", self.id)?;
        option(f, "dst", self.destination.as_ref())?;
        option(f, "src", self.source.as_ref())?;
        option(f, tos, self.tos)?;
        option(f, ttl, self.ttl)?;
        option(f, "flags", self.flags)
    }
}
