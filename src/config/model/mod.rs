//! What a configuration means: valid, immutable types, with the units in the
//! types. Everything in a [`Model`] has been validated; nothing in it needs to be
//! looked at twice.

mod check;
mod dump;
mod ipvs;
mod mail;
mod process;
pub mod route;
pub mod rule;
mod server_group;
mod setting;
pub mod tracking;
mod vrrp;

use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use route::Route;
use rule::Rule;

pub use check::{
    Check, CheckSpec, CheckTarget, HttpCheck, HttpUrl, MiscCheck, StatusCodes, Timing,
};

pub use dump::address_line;
pub use ipvs::{FlushOnStop, IpvsGlobal, ReceiveBuffer};
pub use mail::{Mail, SmtpHost, SmtpServer};
pub use process::{AutoPriority, ProcessOptions};
pub use server_group::{GroupEntry, VirtualServerGroup};
pub use setting::{Secret, Setting, SettingValue, SettingsOf};
pub use vrrp::{
    InterfaceUse, IpvlanMode, Mac, Notify, StaticAddress, VirtualInterface, VrrpGlobal,
    VrrpInstance, VrrpSyncGroup,
};

use crate::lvs::{
    DestinationKey, Family, ForwardingMethod, Persistence, PoolId, Scheduler, ServiceFlags,
    ServiceKey,
};

/// A finished configuration. `core` makes it once; the other processes get it
/// whole and never see text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The files that were read, for messages; [`Origin::file`] counts in it.
    pub files: Vec<String>,
    pub global: Global,
    pub virtual_servers: Vec<VirtualServer>,
    /// In the order of the file, no two with the same name.
    pub virtual_server_groups: Vec<VirtualServerGroup>,
    /// In the order of the file, no two with the same name.
    pub vrrp_instances: Vec<VrrpInstance>,
    /// In the order of the file, no two with the same name; every member is there and in
    /// no other group.
    pub vrrp_sync_groups: Vec<VrrpSyncGroup>,
    /// `static_ipaddress`: they are there whoever is master.
    pub static_addresses: Vec<StaticAddress>,
    /// `static_routes`: they are there whoever is master.
    pub static_routes: Vec<Route>,
    /// `static_rules`.
    pub static_rules: Vec<Rule>,
    /// Where the instances name interfaces, for messages: each once for each instance.
    pub interfaces: Vec<InterfaceUse>,
    /// Every command that may be run. The other processes ask for one by its
    /// number, [`ScriptId`].
    pub scripts: Vec<Script>,
    /// What stands in no block, and whole blocks, that nothing acts on yet.
    pub later: Vec<Setting>,
}

impl Model {
    /// Everything that the kernel is to have, in the order of the file.
    pub fn services(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        let virtual_servers = self.virtual_servers.iter();
        virtual_servers.flat_map(|virtual_server| virtual_server.services.iter().copied())
    }
}

/// Where in the files something was said. It is no part of what was said, so two
/// origins are always equal.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Index into [`Model::files`].
    pub file: u16,
    /// From 1.
    pub line: u32,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// `global_defs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// The name that this director has in mails and in the log. None is the host's
    /// own name.
    pub router_id: Option<String>,
    /// `script_user`: who runs scripts that name no user of their own.
    pub script_user: Option<UserSpec>,
    /// `enable_script_security`: a script that root would run is refused where
    /// anyone else could change it.
    pub enable_script_security: bool,
    /// `lvs_audit_interval`: how often the kernel's table is compared with the
    /// wanted one though nothing has happened.
    pub audit_interval: Duration,
    /// `notify_timeout`: how long a notify script may take before it is killed.
    pub notify_timeout: Duration,
    /// `rs_init_notifies`: a real server that is up from the start is told to its
    /// `notify_up`.
    pub rs_init_notifies: bool,
    pub mail: Mail,
    pub vrrp: VrrpGlobal,
    pub ipvs: IpvsGlobal,
    /// The vrrp process.
    pub vrrp_process: ProcessOptions,
    /// The checker process.
    pub checker_process: ProcessOptions,
    pub auto_priority: AutoPriority,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

impl Global {
    /// What `notify_timeout` is where the file does not say. keepalived waits for ever;
    /// here the next state's scripts wait.
    pub const DEFAULT_NOTIFY_TIMEOUT: Duration = Duration::from_secs(300);

    /// What `audit_interval` is where the file does not say.
    pub const DEFAULT_AUDIT_INTERVAL: Duration = Duration::from_secs(30);
}

impl Default for Global {
    fn default() -> Self {
        Global {
            router_id: None,
            script_user: None,
            enable_script_security: false,
            audit_interval: Self::DEFAULT_AUDIT_INTERVAL,
            notify_timeout: Self::DEFAULT_NOTIFY_TIMEOUT,
            rs_init_notifies: false,
            mail: Mail::default(),
            vrrp: VrrpGlobal::default(),
            ipvs: IpvsGlobal::default(),
            vrrp_process: ProcessOptions::default(),
            checker_process: ProcessOptions::default(),
            auto_priority: AutoPriority::default(),
            later: Vec::new(),
        }
    }
}

/// A user, and a group where it is not the user's own, by name or number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserSpec {
    pub user: String,
    pub group: Option<String>,
}

/// A command that `core` may run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Script {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// As the script's own line names it; None is [`Global::script_user`].
    pub user: Option<UserSpec>,
}

/// Index into [`Model::scripts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScriptId(pub u32);

/// The weight of a real server as the file may give it: 0 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weight(pub u16);

impl Default for Weight {
    fn default() -> Self {
        Weight(1)
    }
}

/// `virtual_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServer {
    pub id: PoolId,
    /// What the kernel knows it by: one, or all that a group has. Not empty, and none is
    /// in another virtual server.
    pub services: Vec<ServiceKey>,
    pub scheduler: Scheduler,
    /// The scheduler's flags, `ops` and `hashed`.
    pub flags: ServiceFlags,
    /// None is no persistence. What it says of addresses of a family is for virtual
    /// servers of that family ([`Persistence::of_family`]).
    pub persistence: Option<Persistence>,
    /// Real servers are down until a check has said otherwise.
    pub alpha: bool,
    /// The least sum of weights alive with which the virtual server works.
    pub quorum: u32,
    /// How far beyond the quorum the sum must go before its state changes; below
    /// [`quorum`](Self::quorum) where that is above 0.
    pub hysteresis: u32,
    /// `quorum_up`: run when the quorum is gained.
    pub quorum_up: Option<ScriptId>,
    /// `quorum_down`: run when the quorum is lost.
    pub quorum_down: Option<ScriptId>,
    /// The scripts for what goes down are run when everything ends, too.
    pub omega: bool,
    /// Nothing is checked while none of its addresses is on this host. It is for addresses
    /// only.
    pub ha_suspend: bool,
    pub sorry_server: Option<SorryServer>,
    /// Whether losing and gaining the quorum is mailed: its own `smtp_alert`, or else
    /// what `global_defs` says of checkers; off by default.
    pub smtp_alert: bool,
    /// In the order of the file, no two with the same key.
    pub real_servers: Vec<RealServer>,
    pub origin: Origin,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

impl VirtualServer {
    /// The family of all that it is for; None where a group has both.
    pub fn family(&self) -> Option<Family> {
        let mut families = self.services.iter().map(ServiceKey::family);
        let first = families.next()?;
        families.all(|family| family == first).then_some(first)
    }
}

/// `sorry_server`: it stands in while the quorum is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SorryServer {
    /// As [`RealServer::key`].
    pub key: DestinationKey,
    pub method: ForwardingMethod,
    /// `sorry_server_inhibit`: it is always in the table, with weight 0 while it is not
    /// needed.
    pub inhibit: bool,
    pub origin: Origin,
}

/// `real_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealServer {
    /// What it is known by, which is what the kernel knows it by: with DR and TUN the port
    /// is already the virtual server's. Only for a group with several ports it is as the
    /// file says it, 0 where it does not, and [`DestinationKey::within`] tells what the
    /// kernel has.
    pub key: DestinationKey,
    pub method: ForwardingMethod,
    pub weight: Weight,
    /// `uthreshold`: above so many connections it gets no new ones; 0 is no limit.
    pub upper_threshold: u32,
    /// `lthreshold`: below so many it gets them again; at most
    /// [`upper_threshold`](Self::upper_threshold), and 0 lets the kernel choose.
    pub lower_threshold: u32,
    /// A server that fails stays in the table with weight 0.
    pub inhibit_on_failure: bool,
    /// `drain_timeout`: how long it may keep its connections, with weight 0, after it has
    /// left the configuration; none is not at all.
    pub drain_timeout: Duration,
    /// Whether its going down and coming up is mailed: its own `smtp_alert`, or else what
    /// `global_defs` says of checkers; on by default.
    pub smtp_alert: bool,
    /// Run when it comes up.
    pub notify_up: Option<ScriptId>,
    /// Run when it goes down.
    pub notify_down: Option<ScriptId>,
    /// All must succeed for the server to be up. A server without checks is up.
    pub checks: Vec<Check>,
    pub origin: Origin,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}
