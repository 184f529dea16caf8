//! Instances and sync groups as the model has them.

use serde::{Deserialize, Serialize};

use std::time::Duration;

use super::{Model, Origin, ScriptId, Setting};
use crate::vrrp::settings::{GroupSettings, InstanceSettings, Pacing, RouterSettings};

/// What `global_defs` and `garp_group` say of all instances together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpGlobal {
    pub pacing: Pacing,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`.
    pub delay_after_boot: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
}

impl Model {
    /// The same without instances and groups, for processes that have no use for them:
    /// passwords and keys are in the one process that signs with them.
    pub fn without_vrrp(&self) -> Model {
        Model {
            files: self.files.clone(),
            global: self.global.clone(),
            virtual_servers: self.virtual_servers.clone(),
            virtual_server_groups: Vec::new(),
            unserved_virtual_servers: Vec::new(),
            vrrp_instances: Vec::new(),
            vrrp_sync_groups: Vec::new(),
            interfaces: Vec::new(),
            scripts: self.scripts.clone(),
            later: Vec::new(),
        }
    }

    /// All that the vrrp process is to know.
    pub fn router_settings(&self) -> RouterSettings {
        let VrrpGlobal {
            pacing,
            startup_delay,
            delay_after_boot,
            log_unknown_vrids,
        } = self.global.vrrp.clone();
        let instances = self.vrrp_instances.iter().map(|it| it.settings.clone());
        let groups = self.vrrp_sync_groups.iter().map(|it| it.settings.clone());
        RouterSettings {
            instances: instances.collect(),
            groups: groups.collect(),
            pacing,
            startup_delay,
            delay_after_boot,
            log_unknown_vrids,
        }
    }
}

/// `vrrp_instance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpInstance {
    /// All that decides what is on the wire and in the kernel.
    pub settings: InstanceSettings,
    pub notify: Notify,
    /// Whether its transitions are mailed: its own word, or else that of `global_defs`.
    pub smtp_alert: bool,
    pub origin: Origin,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

/// `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpSyncGroup {
    pub settings: GroupSettings,
    pub notify: Notify,
    /// Whether its transitions are mailed.
    pub smtp_alert: bool,
    pub origin: Origin,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

/// An instance names an interface: `interface`, or `dev` of one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceUse {
    pub interface: String,
    pub instance: String,
    /// The one that its adverts use; otherwise only addresses are put on it.
    pub is_own: bool,
    pub origin: Origin,
}

/// The scripts of an instance or a sync group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// `notify_master` and its like: run with nothing but their own arguments.
    pub master: Option<ScriptId>,
    pub backup: Option<ScriptId>,
    pub fault: Option<ScriptId>,
    pub stop: Option<ScriptId>,
    /// `notify_master_rx_lower_pri`: run when a master has heard one of lower priority.
    pub master_rx_lower_pri: Option<ScriptId>,
    /// `notify`: run for each of them, with what, who, which state and which priority
    /// behind its own arguments.
    pub any: Option<ScriptId>,
}
