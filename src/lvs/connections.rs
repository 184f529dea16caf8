//! How many connections a real server has, as the kernel counts them.

use serde::{Deserialize, Serialize};

use super::types::{Protocol, ServiceKey};

/// The counters of a real server (`IPVS_DEST_ATTR_*` of `linux/ip_vs.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// `ACTIVE_CONNS`: TCP and SCTP connections that are established.
    pub active: u32,
    /// `INACT_CONNS`: all others: those that are being made or ended, and all of UDP.
    pub inactive: u32,
    /// `PERSIST_CONNS`: clients that are bound to it by persistence.
    pub persistent: u32,
}

impl Connections {
    /// How many have something to lose if the real server is removed from this virtual
    /// server: what is established, and the clients that persistence will send there
    /// again. Of UDP and of marks, which may stand for it, the others count as well, for
    /// there it is not seen which are in use.
    pub fn open(self, service: &ServiceKey) -> u64 {
        let counts_all = match service {
            ServiceKey::Address { protocol, .. } => *protocol == Protocol::Udp,
            ServiceKey::Fwmark { .. } => true,
        };
        let inactive = if counts_all { self.inactive } else { 0 };
        u64::from(self.active) + u64::from(inactive) + u64::from(self.persistent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::Family;

    #[test]
    fn what_is_ending_counts_only_where_it_cannot_be_told() {
        let counted = Connections {
            active: 1,
            inactive: 10,
            persistent: 100,
        };
        let by = |protocol| ServiceKey::Address {
            protocol,
            address: [10, 0, 0, 80].into(),
            port: 53,
        };
        let mark = ServiceKey::Fwmark {
            mark: 3,
            family: Family::V4,
        };
        assert_eq!(counted.open(&by(Protocol::Tcp)), 101);
        assert_eq!(counted.open(&by(Protocol::Sctp)), 101);
        assert_eq!(counted.open(&by(Protocol::Udp)), 111);
        assert_eq!(counted.open(&mark), 111);
    }
}
