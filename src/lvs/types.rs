//! What the kernel's IPVS knows, by the names and in the ranges that it uses
//! (`linux/ip_vs.h`, ipvsadm(8)).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

pub use crate::family::Family;

/// A transport protocol that IPVS balances. The name in keepalived's log lines is
/// the upper case one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

/// What identifies a virtual server in the kernel, and with that the unit of
/// ownership: everything inside an owned one is ours, everything else is not
/// touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ServiceKey {
    Address {
        protocol: Protocol,
        address: IpAddr,
        port: u16,
    },
    /// A mark other than 0. IPVS keeps marks of the two families apart.
    Fwmark { mark: u32, family: Family },
}

impl ServiceKey {
    pub fn family(&self) -> Family {
        match self {
            ServiceKey::Address { address, .. } => Family::of(*address),
            ServiceKey::Fwmark { family, .. } => *family,
        }
    }

    /// As `ipvsadm -Ln` has it: `TCP 10.0.0.80:80`, `TCP [fd00::80]:80`, `FWM 3`, and
    /// `FWM 3 IPv6` for packets of IPv6.
    pub fn listed(&self) -> String {
        match self {
            ServiceKey::Address {
                protocol,
                address,
                port,
            } => {
                let place = SocketAddr::new(*address, *port);
                format!("{} {place}", protocol.name().to_uppercase())
            }
            ServiceKey::Fwmark { mark, family } => match family {
                Family::V4 => format!("FWM {mark}"),
                Family::V6 => format!("FWM {mark} IPv6"),
            },
        }
    }

    /// The virtual server's port; 0 for a fwmark.
    pub fn port(&self) -> u16 {
        match self {
            ServiceKey::Address { port, .. } => *port,
            ServiceKey::Fwmark { .. } => 0,
        }
    }
}

/// As keepalived writes it in its log: `[10.0.0.1]:tcp:80`, `FWM 3`.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKey::Address {
                protocol,
                address,
                port,
            } => {
                write!(f, "[{address}]:{}:{port}", protocol.name())
            }
            ServiceKey::Fwmark { mark, .. } => write!(f, "FWM {mark}"),
        }
    }
}

/// What identifies a real server within a virtual server in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DestinationKey {
    pub address: IpAddr,
    /// 0 only where the virtual server's port is 0 too.
    pub port: u16,
}

impl DestinationKey {
    /// What the kernel knows this server of the file by within a virtual server: where
    /// packets are not rewritten it has the virtual server's port, and so it has where the
    /// file says none.
    pub fn within(self, service: &ServiceKey, method: ForwardingMethod) -> Self {
        let has_its_own = self.port != 0 && !method.keeps_destination();
        DestinationKey {
            port: if has_its_own {
                self.port
            } else {
                service.port()
            },
            ..self
        }
    }

    pub fn socket_addr(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_addr().fmt(f)
    }
}

/// A scheduler of the kernel, by the name of its module without `ip_vs_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheduler {
    RoundRobin,
    WeightedRoundRobin,
    LeastConnection,
    WeightedLeastConnection,
    LocalityBasedLeastConnection,
    LocalityBasedLeastConnectionReplicated,
    SourceHashing,
    DestinationHashing,
    MaglevHashing,
    ShortestExpectedDelay,
    NeverQueue,
    WeightedFailover,
    WeightedOverflow,
    /// Power of two choices.
    TwoRandomChoices,
}

impl Scheduler {
    pub const ALL: [Scheduler; 14] = [
        Scheduler::RoundRobin,
        Scheduler::WeightedRoundRobin,
        Scheduler::LeastConnection,
        Scheduler::WeightedLeastConnection,
        Scheduler::LocalityBasedLeastConnection,
        Scheduler::LocalityBasedLeastConnectionReplicated,
        Scheduler::SourceHashing,
        Scheduler::DestinationHashing,
        Scheduler::MaglevHashing,
        Scheduler::ShortestExpectedDelay,
        Scheduler::NeverQueue,
        Scheduler::WeightedFailover,
        Scheduler::WeightedOverflow,
        Scheduler::TwoRandomChoices,
    ];

    /// The name that the kernel and the configuration use.
    pub fn name(self) -> &'static str {
        match self {
            Scheduler::RoundRobin => "rr",
            Scheduler::WeightedRoundRobin => "wrr",
            Scheduler::LeastConnection => "lc",
            Scheduler::WeightedLeastConnection => "wlc",
            Scheduler::LocalityBasedLeastConnection => "lblc",
            Scheduler::LocalityBasedLeastConnectionReplicated => "lblcr",
            Scheduler::SourceHashing => "sh",
            Scheduler::DestinationHashing => "dh",
            Scheduler::MaglevHashing => "mh",
            Scheduler::ShortestExpectedDelay => "sed",
            Scheduler::NeverQueue => "nq",
            Scheduler::WeightedFailover => "fo",
            Scheduler::WeightedOverflow => "ovf",
            Scheduler::TwoRandomChoices => "twos",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scheduler| scheduler.name() == name)
    }
}

/// How packets reach a real server (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ForwardingMethod {
    /// Masquerading: LVS-NAT.
    Nat,
    /// Direct routing: LVS-DR, "gatewaying" in ipvsadm.
    DirectRouting,
    /// LVS-TUN.
    Tunnel(TunnelType),
    /// A value that only another program can have set (`IP_VS_CONN_F_LOCALNODE`,
    /// `IP_VS_CONN_F_BYPASS`): read from the kernel so that it is seen to differ
    /// from every wanted one, never written.
    Other(u8),
}

impl ForwardingMethod {
    /// Whether the real server takes packets for the virtual address itself, so
    /// that its port can only be the virtual server's.
    pub fn keeps_destination(self) -> bool {
        !matches!(self, ForwardingMethod::Nat)
    }

    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ForwardingMethod::Nat => "NAT",
            ForwardingMethod::DirectRouting => "DR",
            ForwardingMethod::Tunnel(_) => "TUN",
            ForwardingMethod::Other(_) => "an unknown method",
        }
    }
}

/// As the configuration says it: `TUN type gue port 6080 csum`.
impl fmt::Display for ForwardingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            ForwardingMethod::Tunnel(tunnel) => write!(f, " {tunnel}"),
            _ => Ok(()),
        }
    }
}

/// The encapsulation of LVS-TUN (`IP_VS_CONN_F_TUNNEL_TYPE_*`), with the flags of how
/// its packets are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TunnelType {
    Ipip,
    Gue { port: u16, flags: u16 },
    Gre { flags: u16 },
}

impl TunnelType {
    /// `IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM`: without a checksum.
    pub const NOCSUM: u16 = 0;
    /// `IP_VS_TUNNEL_ENCAP_FLAG_CSUM`: with one.
    pub const CSUM: u16 = 1;
    /// `IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM`: with one that the receiver completes.
    pub const REMCSUM: u16 = 2;
}

impl fmt::Display for TunnelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = match self {
            TunnelType::Ipip => return f.write_str("type ipip"),
            TunnelType::Gue { port, flags } => {
                write!(f, "type gue port {port}")?;
                *flags
            }
            TunnelType::Gre { flags } => {
                f.write_str("type gre")?;
                *flags
            }
        };
        for (flag, word) in [(Self::CSUM, " csum"), (Self::REMCSUM, " remcsum")] {
            if flags & flag != 0 {
                f.write_str(word)?;
            }
        }
        match flags {
            Self::NOCSUM => f.write_str(" nocsum"),
            _ => Ok(()),
        }
    }
}

/// `IP_VS_SVC_F_*`: what is set on a virtual server beside persistence, which is
/// told by [`Service::persistence`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceFlags(pub u32);

impl ServiceFlags {
    /// The kernel sets it by itself.
    pub const HASHED: u32 = 0x0002;
    /// Each packet of UDP is scheduled by itself.
    pub const ONE_PACKET: u32 = 0x0004;
    /// The flags whose meaning is the scheduler's own, such as `sh-fallback`,
    /// `sh-port`, `mh-fallback`, `mh-port`.
    pub const SCHEDULER_1: u32 = 0x0008;
    pub const SCHEDULER_2: u32 = 0x0010;
    pub const SCHEDULER_3: u32 = 0x0020;

    /// The bits that are a matter of choice. `PERSISTENT` (0x1) is told by
    /// [`Service::persistence`], and [`HASHED`](Self::HASHED) is not ours to choose.
    pub const CHOSEN: u32 =
        Self::ONE_PACKET | Self::SCHEDULER_1 | Self::SCHEDULER_2 | Self::SCHEDULER_3;

    /// What a user of IPVS can choose among these flags.
    pub fn chosen(self) -> u32 {
        self.0 & Self::CHOSEN
    }

    /// Whether all of these are set.
    pub fn has(self, flags: u32) -> bool {
        self.0 & flags == flags
    }
}

/// What the kernel keeps about a virtual server beside its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The scheduler's name. A [`Scheduler`] where it is ours; a foreign entry may
    /// name one that this list does not have.
    pub scheduler: String,
    /// Scheduler flags and one-packet scheduling.
    pub flags: ServiceFlags,
    /// Seconds that a client stays with its real server; None is no persistence.
    pub persistence: Option<Persistence>,
}

impl Service {
    /// Whether the kernel treats packets the same by either.
    ///
    /// Not the same as equality: flags that the kernel sets by itself say nothing.
    /// (What the kernel keeps about the persistence of a virtual server that is
    /// not persistent, a timeout or a netmask, does not even get here: it is read
    /// as no [`Persistence`].)
    pub fn agrees_with(&self, other: &Service) -> bool {
        self.scheduler == other.scheduler
            && self.flags.chosen() == other.flags.chosen()
            && self.persistence == other.persistence
    }
}

/// Persistence of a virtual server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// Seconds, above 0.
    pub timeout: u32,
    pub granularity: Granularity,
    /// The name of a persistence engine (`sip`).
    pub engine: Option<String>,
}

impl Persistence {
    /// The same for a virtual server of this family. What is said of addresses of the
    /// other one says nothing of its own: each is a client by itself.
    pub fn of_family(&self, family: Family) -> Self {
        let mut persistence = self.clone();
        if persistence.granularity.family() != family {
            persistence.granularity = Granularity::each_address(family);
        }
        persistence
    }
}

/// Which bits of clients' addresses have to agree for them to be one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Granularity {
    /// IPv4: those of a netmask, whichever they are. The kernel takes any.
    Netmask(Ipv4Addr),
    /// IPv6: so many leading ones. The kernel takes 1 to 128.
    Prefix(u8),
}

impl Granularity {
    const LONGEST_PREFIX: u8 = 128;

    /// Each address is a client by itself.
    pub fn each_address(family: Family) -> Self {
        match family {
            Family::V4 => Granularity::Netmask(Ipv4Addr::BROADCAST),
            Family::V6 => Granularity::Prefix(Self::LONGEST_PREFIX),
        }
    }

    pub fn family(self) -> Family {
        match self {
            Granularity::Netmask(_) => Family::V4,
            Granularity::Prefix(_) => Family::V6,
        }
    }

    /// `255.255.255.0`, or the length of an IPv6 prefix, as ipvsadm and the
    /// configuration have them.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(netmask) = text.parse() {
            return Some(Granularity::Netmask(netmask));
        }
        let prefix = text.parse::<u8>().ok()?;
        (1..=Self::LONGEST_PREFIX)
            .contains(&prefix)
            .then_some(Granularity::Prefix(prefix))
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Granularity::Netmask(netmask) => netmask.fmt(f),
            Granularity::Prefix(prefix) => prefix.fmt(f),
        }
    }
}

/// What the kernel keeps about a real server within a virtual server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Destination {
    pub method: ForwardingMethod,
    /// 0 to 65535; 0 takes no new connections.
    pub weight: u32,
    /// The number of connections above which no new ones are sent; 0 is no limit.
    pub upper_threshold: u32,
    /// The number below which they are sent again; 0 lets the kernel choose.
    pub lower_threshold: u32,
}
