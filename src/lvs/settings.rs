//! What the kernel's IPVS is told beside its table: how long connections are
//! remembered, and to whom they are told.

use std::fmt;
use std::net::IpAddr;

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
