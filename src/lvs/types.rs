//! What the kernel's IPVS knows, by the names and in the ranges that it uses
//! (`linux/ip_vs.h`, ipvsadm(8)).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

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

    /// As `ipvsadm -Ln` has it: `TCP 10.0.0.80:80`, `TCP [fd00::80]:80`, `FWM 3`.
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
            ServiceKey::Fwmark { mark, .. } => format!("FWM {mark}"),
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

/// The encapsulation of LVS-TUN (`IP_VS_CONN_F_TUNNEL_TYPE_*`,
/// `IP_VS_TUNNEL_ENCAP_FLAG_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TunnelType {
    Ipip,
    Gue { port: u16, flags: u16 },
    Gre { flags: u16 },
}

/// `IP_VS_SVC_F_*`: what is set on a virtual server beside persistence, which is
/// told by [`Service::persistence`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceFlags(pub u32);

impl ServiceFlags {
    /// Each packet of UDP is scheduled by itself.
    pub const ONE_PACKET: u32 = 0x0004;
    /// The flags whose meaning is the scheduler's own, such as `sh-fallback`,
    /// `sh-port`, `mh-fallback`, `mh-port`.
    pub const SCHEDULER_1: u32 = 0x0008;
    pub const SCHEDULER_2: u32 = 0x0010;
    pub const SCHEDULER_3: u32 = 0x0020;

    /// The bits that are a matter of choice. `PERSISTENT` (0x1) is told by
    /// [`Service::persistence`], and `HASHED` (0x2) the kernel sets by itself.
    pub const CHOSEN: u32 =
        Self::ONE_PACKET | Self::SCHEDULER_1 | Self::SCHEDULER_2 | Self::SCHEDULER_3;

    /// What a user of IPVS can choose among these flags.
    pub fn chosen(self) -> u32 {
        self.0 & Self::CHOSEN
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
    /// How many leading bits of a client's address make it the same client: 32 or
    /// 128 is each by itself. [`Persistence::SCATTERED`] is read where another
    /// program has set an IPv4 netmask whose bits are not contiguous.
    pub prefix: u8,
    /// The name of a persistence engine (`sip`).
    pub engine: Option<String>,
}

impl Persistence {
    /// The prefix of a netmask that has none; it equals no wanted one.
    pub const SCATTERED: u8 = u8::MAX;
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
