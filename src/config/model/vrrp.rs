//! Instances and sync groups as the model has them.

use serde::{Deserialize, Serialize};

use std::time::Duration;

use super::route::{Id, Network, Route};
use super::rule::Rule;
use super::tracking::Tracking;
use super::{Model, Origin, ScriptId, Setting};
use crate::vrrp::settings::{
    GroupSettings, InstanceSettings, Pacing, RouterSettings, VirtualAddress,
};

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
            vrrp_instances: Vec::new(),
            vrrp_sync_groups: Vec::new(),
            static_addresses: Vec::new(),
            static_routes: Vec::new(),
            static_rules: Vec::new(),
            interfaces: Vec::new(),
            namespace: None,
            ipvs_namespace: None,
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
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    pub tracking: Tracking,
    /// `use_vmac` or `use_ipvlan`.
    pub virtual_interface: Option<Box<VirtualInterface>>,
    /// Whether its transitions are mailed: its own word, or else that of `global_defs`.
    pub smtp_alert: bool,
    pub origin: Origin,
    /// Where the source of its adverts is said.
    pub source_origin: Option<Origin>,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

/// A line of `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticAddress {
    pub address: VirtualAddress,
    /// `track_group`: whose instances are in FAULT when another program removes it.
    pub group: Option<String>,
    pub origin: Origin,
}

/// An interface that is made for an instance, on top of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VirtualInterface {
    /// `use_vmac`: with a MAC that goes from master to master.
    Vmac {
        /// None is `vrrp.VRID`, or `vrrp6.VRID`.
        name: Option<String>,
        /// None is that of the VRID (RFC 9568 section 7.3).
        mac: Option<Mac>,
        /// `netlink_notify_msg`: the kernel is made to tell of the interface below.
        notify: bool,
        /// None is that of the interface below.
        group: Option<Id>,
    },
    /// `use_ipvlan`: with the MAC of the interface below.
    Ipvlan {
        /// None is `vrrp.VRID`, or `vrrp6.VRID`.
        name: Option<String>,
        /// Where its adverts come from, and the length of the prefix.
        address: Option<Network>,
        mode: IpvlanMode,
        group: Option<Id>,
    },
}

/// A MAC as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mac {
    Whole([u8; 6]),
    /// The last octet is the VRID.
    WithVrid([u8; 5]),
}

/// Who sees what an IPVLAN interface sends to others on the same interface: flags of
/// linux/if_link.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvlanMode {
    #[default]
    Bridge,
    Private,
    Vepa,
}

/// `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpSyncGroup {
    pub settings: GroupSettings,
    pub notify: Notify,
    pub tracking: Tracking,
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
