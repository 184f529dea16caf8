//! What the kernel's IPVS is told beside its table: how long connections are
//! remembered, and to whom they are told.

mod keeper;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

pub use keeper::{Held, Note, Order, Seen, Settings, SettingsKeeper, Step};

use serde::{Deserialize, Serialize};

/// After how many seconds without a packet a connection is forgotten, 1 to 86400; None
/// is what the kernel has (`struct ip_vs_timeout_user`, `--set` in ipvsadm(8)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Established TCP.
    pub tcp: Option<u32>,
    /// TCP after a FIN.
    pub tcp_fin: Option<u32>,
    pub udp: Option<u32>,
}

impl Timeouts {
    /// What is set here, and where nothing is, what is set in `other`.
    #[must_use]
    pub fn or(self, other: Timeouts) -> Timeouts {
        Timeouts {
            tcp: self.tcp.or(other.tcp),
            tcp_fin: self.tcp_fin.or(other.tcp_fin),
            udp: self.udp.or(other.udp),
        }
    }
}

/// Which side of the synchronisation of connections a director is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SyncRole {
    /// It tells others of its connections.
    Master,
    /// It listens to them.
    Backup,
}

impl fmt::Display for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SyncRole::Master => "master",
            SyncRole::Backup => "backup",
        })
    }
}

/// Where connections are told, or heard of (`--start-daemon` in ipvsadm(8)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDaemon {
    /// The interface's name, up to 15 bytes.
    pub interface: String,
    /// Directors hear those with their own number only; 0 to 255. As a backup, 0 hears
    /// all.
    pub sync_id: u8,
    /// Bytes of a message at most; None is what fits the interface.
    pub max_length: Option<u16>,
    /// A multicast group; None is 224.0.0.81.
    pub group: Option<IpAddr>,
    /// The UDP port; None is 8848.
    pub port: Option<u16>,
    /// How many routers a message may pass; None is 1.
    pub ttl: Option<u8>,
}

/// `lvs_sync_daemon`: connections are told to other directors, and heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synchronisation {
    pub daemon: SyncDaemon,
    /// The instance whose state decides: its master tells, everybody else listens. None
    /// does both all the time.
    pub follows: Option<String>,
}

impl Synchronisation {
    /// What is to run while the instance that it follows is master or is not.
    pub fn daemons(&self, is_master: bool) -> BTreeMap<SyncRole, SyncDaemon> {
        let roles = match (&self.follows, is_master) {
            (None, _) => &[SyncRole::Master, SyncRole::Backup][..],
            (Some(_), true) => &[SyncRole::Master],
            (Some(_), false) => &[SyncRole::Backup],
        };
        let daemons = roles.iter().map(|role| (*role, self.daemon.clone()));
        daemons.collect()
    }
}

impl SyncDaemon {
    /// The kernel's group and port where none is said (`IP_VS_SYNC_GROUP`,
    /// `IP_VS_SYNC_PORT`).
    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
    const PORT: u16 = 8848;

    /// Whether what the kernel tells of a daemon is what it makes of this one: it fills in
    /// what is not said, and a backup has room for 1024 bytes at least (ipvsadm(8),
    /// `--sync-maxlen`).
    pub fn is_made_as(&self, role: SyncRole, found: &SyncDaemon) -> bool {
        let group = |daemon: &SyncDaemon| daemon.group.unwrap_or(Self::GROUP);
        // The headers of IP and UDP.
        let headers = match group(self) {
            IpAddr::V4(_) => 28,
            IpAddr::V6(_) => 48,
        };
        let usual = 1_500 - headers;
        let is_length = match (self.max_length, found.max_length) {
            (None, None) => true,
            // A backup has room for what fits the interface, where that is more.
            (None, Some(found)) if role == SyncRole::Backup => found >= usual,
            (None, Some(found)) => found == usual,
            (Some(wanted), found) => {
                let least = match role {
                    SyncRole::Master => 1,
                    SyncRole::Backup => 1_024,
                };
                found.is_none_or(|found| {
                    found == wanted || found == wanted.clamp(least, u16::MAX - headers)
                })
            }
        };
        is_length
            && self.interface == found.interface
            && self.sync_id == found.sync_id
            && group(self) == group(found)
            && self.port.unwrap_or(Self::PORT) == found.port.unwrap_or(Self::PORT)
            && self.ttl.unwrap_or(1) == found.ttl.unwrap_or(1)
    }
}

impl fmt::Display for SyncDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SyncDaemon {
            interface,
            sync_id,
            max_length,
            group,
            port,
            ttl,
        } = self;
        write!(f, "on {interface} with id {sync_id}")?;
        if let Some(length) = max_length {
            write!(f, ", maxlen {length}")?;
        }
        if let Some(group) = group {
            write!(f, ", group {group}")?;
        }
        if let Some(port) = port {
            write!(f, ", port {port}")?;
        }
        if let Some(ttl) = ttl {
            write!(f, ", ttl {ttl}")?;
        }
        Ok(())
    }
}

/// `tcp 900 s, udp 300 s`.
impl fmt::Display for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = [
            ("tcp", self.tcp),
            ("tcpfin", self.tcp_fin),
            ("udp", self.udp),
        ];
        let set = each.into_iter();
        let set = set.filter_map(|(name, seconds)| Some(format!("{name} {} s", seconds?)));
        f.write_str(&set.collect::<Vec<_>>().join(", "))
    }
}
