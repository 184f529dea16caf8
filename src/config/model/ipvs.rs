//! What `global_defs` says of IPVS as a whole.

use serde::{Deserialize, Serialize};

use crate::lvs::settings::{Settings, Synchronisation, Timeouts};

/// The words about IPVS that concern no single virtual server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpvsGlobal {
    /// `lvs_timeouts`
    pub timeouts: Timeouts,
    /// `lvs_sync_daemon`
    pub sync: Option<Synchronisation>,
    /// `lvs_flush`: at the start the table is emptied, whoever has filled it.
    pub flush: bool,
    /// `lvs_flush_on_stop`
    pub flush_on_stop: Option<FlushOnStop>,
    pub receive_buffer: ReceiveBuffer,
}

/// What the kernel's answers wait in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveBuffer {
    /// `lvs_netlink_cmd_rcv_bufs`, in bytes; None is what ipvsd takes by itself.
    pub bytes: Option<u32>,
    /// `lvs_netlink_cmd_rcv_bufs_force`: beyond the system's limit, net.core.rmem_max.
    pub force: bool,
}

/// What goes out of the kernel's table at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlushOnStop {
    /// Everything, whoever has put it there.
    Everything,
    /// `VS`: our own virtual servers, each in one operation.
    VirtualServers,
}

impl IpvsGlobal {
    /// What IPVS is to have beside its table. `is_master` says it of the instance that the
    /// synchronisation follows; None where no instance is run.
    pub fn settings(&self, is_master: Option<bool>) -> Settings {
        let sync = self.sync.as_ref();
        let sync = sync.filter(|sync| sync.follows.is_none() || is_master.is_some());
        Settings {
            timeouts: self.timeouts,
            sync: sync
                .map(|sync| sync.daemons(is_master.unwrap_or_default()))
                .unwrap_or_default(),
        }
    }

    /// Whether IPVS has anything to do for it, though there is no virtual server.
    pub fn has_settings(&self) -> bool {
        self.timeouts != Timeouts::default() || self.sync.is_some()
    }
}
