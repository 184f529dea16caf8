//! Instances and sync groups as the model has them.

use serde::{Deserialize, Serialize};

use super::{Origin, ScriptId};
use crate::vrrp::settings::{GroupSettings, InstanceSettings};

/// `vrrp_instance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpInstance {
    /// All that decides what is on the wire and in the kernel.
    pub settings: InstanceSettings,
    pub notify: Notify,
    /// Whether its transitions are mailed: its own word, or else that of `global_defs`.
    pub smtp_alert: bool,
    pub origin: Origin,
}

/// `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpSyncGroup {
    pub settings: GroupSettings,
    pub notify: Notify,
    /// Whether its transitions are mailed.
    pub smtp_alert: bool,
    pub origin: Origin,
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
    /// `notify`: run for each of them, with what, who, which state and which priority
    /// behind its own arguments.
    pub any: Option<ScriptId>,
}
