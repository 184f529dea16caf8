//! What a virtual server of the file is known by.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::types::{Protocol, ServiceKey};

/// What a virtual server of the file, and with it its pool, is known by over reloads and
/// restarts. The kernel knows virtual servers by [`ServiceKey`]; a group is many of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PoolId {
    /// One address and port, or one mark.
    Service(ServiceKey),
    /// All of a `virtual_server_group`. A group may have a virtual server for each
    /// protocol; None is one that has marks only, which are for all protocols.
    Group {
        name: Arc<str>,
        protocol: Option<Protocol>,
    },
}

impl PoolId {
    /// The protocol in the names of its real servers; None for marks.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            PoolId::Service(ServiceKey::Address { protocol, .. }) => Some(*protocol),
            PoolId::Service(ServiceKey::Fwmark { .. }) => None,
            PoolId::Group { protocol, .. } => *protocol,
        }
    }
}

impl PoolId {
    /// As `ipvsadm -Ln` has it, and of a group as the file does: `TCP 10.0.0.80:80`,
    /// `FWM 3`, `TCP group web`.
    pub fn listed(&self) -> String {
        match self {
            PoolId::Service(key) => key.listed(),
            PoolId::Group { name, protocol } => match protocol {
                Some(protocol) => format!("{} group {name}", protocol.name().to_uppercase()),
                None => format!("FWM group {name}"),
            },
        }
    }
}

impl From<ServiceKey> for PoolId {
    fn from(key: ServiceKey) -> Self {
        PoolId::Service(key)
    }
}

/// As keepalived writes it in its log: `[10.0.0.1]:tcp:80`, `FWM 3`, `[GROUP]:0`.
impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolId::Service(key) => key.fmt(f),
            PoolId::Group { name, .. } => write!(f, "[{name}]:0"),
        }
    }
}
