//! The status: what core knows, with what only the children can tell where they
//! answer.

mod timing;
mod vrrp;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::alert::Event;
use crate::check::{self, CheckKey};
use crate::config::model::{Model, RealServer, VirtualServer};
use crate::daemon::messages::{CheckRuns, Live};
use crate::lvs::advice::Finding;
use crate::lvs::pool::Memory;
use crate::lvs::{DestinationKey, PoolId, Protocol, ServiceKey};
use crate::moment::Moment;
use crate::sys::ipvs::Counters;

pub use self::timing::{LatenessStatus, SchedulingStatus, TimingStatus, timing};
pub use self::vrrp::{
    AddressStatus, AdvertLatenessStatus, GroupStatus, HostAddresses, InstanceStatus,
    MailQueueStatus, MasterStatus, PacketsStatus, SigningStatus, foreign_packets, groups,
    instances, mail,
};

/// What `ipvsd status --json` prints. Times are in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub configuration: Configuration,
    pub uptime: f64,
    pub children: Vec<ChildStatus>,
    /// Of the vrrp process; None where none runs.
    pub vrrp_timing: Option<TimingStatus>,
    pub instances: Vec<InstanceStatus>,
    pub groups: Vec<GroupStatus>,
    /// VRRP packets that belong to no instance, by interface and by kind.
    pub foreign_packets: BTreeMap<String, BTreeMap<String, u64>>,
    pub table: TableStatus,
    pub virtual_servers: Vec<VirtualServerStatus>,
    /// What the host is set to that does not suit the configuration.
    #[serde(default)]
    pub advice: Vec<Finding>,
    /// None where nothing is mailed.
    pub mail: Option<MailQueueStatus>,
    /// How many events there have been; `ipvsd status --events` lists the latest.
    pub events: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Configuration {
    pub file: String,
    /// `-i`: as which of the directors that share the file this one reads it. Empty
    /// where the host has no name that could be it.
    pub id: String,
    /// Counts the configurations that were taken, from 1.
    pub generation: u64,
    /// What was wrong with the latest file, if it was refused.
    pub refused: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChildStatus {
    pub process: String,
    pub pid: u32,
    /// Whether it has answered just now. If not, what is told of it is what core
    /// knew last.
    pub answers: bool,
    pub age: f64,
    /// How often it had to be started again.
    pub restarts: u64,
}

/// How the kernel's table stands to what is wanted. None where the checker does not
/// answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableStatus {
    pub settled: Option<bool>,
    pub counters: Option<Counters>,
    pub refused: Vec<RefusedStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedStatus {
    pub virtual_server: String,
    pub real_server: Option<String>,
    pub why: String,
    pub retry_in: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VirtualServerStatus {
    /// As in `ipvsadm -Ln`: `10.0.0.80:80`, `[fd00::80]:80`; or `fwmark 3`, `group NAME`.
    pub address: String,
    /// What a group has, as the file says it; empty for one address or mark.
    pub addresses: Vec<String>,
    pub protocol: String,
    pub scheduler: String,
    pub quorum: QuorumStatus,
    /// Nothing is checked, for no address of it is on this host (`ha_suspend`).
    pub suspended: bool,
    /// The sorry server that is configured, and whether it stands in.
    pub sorry_server: Option<SorryStatus>,
    pub real_servers: Vec<RealServerStatus>,
    /// Those that are no longer in the configuration.
    pub leaving: Vec<LeavingStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuorumStatus {
    pub up: bool,
    pub quorum: u32,
    pub hysteresis: u32,
    /// The sum of the weights of the real servers that are up and not drained.
    pub weight_alive: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SorryStatus {
    pub address: String,
    pub in_use: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RealServerStatus {
    pub address: String,
    pub forwarding: String,
    pub up: bool,
    /// What the file says.
    pub configured_weight: u16,
    /// What the checks make of it, while the server is up.
    pub weight: u16,
    /// What the kernel has; None where it has no such real server, or where the
    /// checker does not answer. Of a group the least, and None where it is missing
    /// anywhere.
    pub kernel_weight: Option<u32>,
    /// Somebody drains it.
    pub drained: Option<DrainedStatus>,
    pub checks: Vec<CheckStatus>,
}

/// A real server that is drained by hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrainedStatus {
    /// Seconds since 1970.
    pub since: u64,
    pub age: f64,
    /// How many are left; None until they have been counted.
    pub connections: Option<u64>,
}

/// A real server that has left the configuration and keeps its connections for a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeavingStatus {
    pub address: String,
    pub age: f64,
    /// Until it is removed in any case.
    pub time_left: f64,
    pub connections: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckStatus {
    pub check: String,
    /// What is asked, in short.
    pub target: String,
    pub up: bool,
    /// Whether it has ever run; before, `up` is an assumption.
    pub checked: bool,
    /// How long the verdict has stood.
    pub age: f64,
    /// Why it is down.
    pub reason: Option<String>,
    /// The stable name of that.
    pub outcome: Option<String>,
    pub runs: Option<RunsStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunsStatus {
    pub runs: u64,
    pub failures: u64,
    /// Since the end of the latest run.
    pub last_age: Option<f64>,
    pub last_took: Option<f64>,
    pub last_late: Option<f64>,
    pub last_outcome: Option<String>,
    /// The latest that it ever started.
    pub most_late: f64,
}

/// One event of the journal, for `--json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventStatus {
    pub number: u64,
    /// Seconds since 1970.
    pub at: f64,
    pub event: String,
    pub text: String,
    pub cause: String,
    pub cause_text: String,
}

impl From<&Event> for EventStatus {
    fn from(event: &Event) -> Self {
        let since = event.at.duration_since(SystemTime::UNIX_EPOCH);
        EventStatus {
            number: event.number,
            at: since.unwrap_or_default().as_secs_f64(),
            event: event.what.name().to_owned(),
            text: event.what.to_string(),
            cause: event.cause.name().to_owned(),
            cause_text: event.cause.to_string(),
        }
    }
}

/// The virtual servers of the status, from the model, what core knows, and what the
/// checker tells.
pub fn virtual_servers(
    model: &Model,
    memory: &Memory,
    suspended: &[PoolId],
    live: Option<&Live>,
    connections: &HashMap<(PoolId, DestinationKey), u64>,
    now: Moment,
) -> Vec<VirtualServerStatus> {
    let connections = |pool: &PoolId, server: DestinationKey| {
        let counted = connections.get(&(pool.clone(), server));
        counted.copied()
    };
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall = wall.unwrap_or_default().as_secs_f64();
    let runs: HashMap<&CheckKey, &CheckRuns> = live
        .into_iter()
        .flat_map(|live| live.checks.iter().map(|(key, runs)| (key, runs)))
        .collect();
    let kernel: HashMap<(ServiceKey, DestinationKey), u32> = live
        .into_iter()
        .flat_map(|live| &live.kernel)
        .flat_map(|(key, servers)| {
            servers
                .iter()
                .map(|(server, weight)| ((*key, *server), *weight))
        })
        .collect();
    let is_suspended: HashSet<&PoolId> = suspended.iter().collect();
    let statuses = model.virtual_servers.iter().map(|virtual_server| {
        let pool = memory.pools.get(&virtual_server.id);
        let real_servers: Vec<RealServerStatus> = virtual_server
            .real_servers
            .iter()
            .map(|server| {
                let state = pool.and_then(|pool| pool.servers.get(&server.key));
                let keys = check::keys_of(model, &virtual_server.id, server);
                let checks = server.checks.iter().zip(&keys).map(|(check, key)| {
                    let verdict = memory.verdicts.get(key);
                    let failure = verdict.and_then(|verdict| verdict.failure.as_ref());
                    CheckStatus {
                        check: check.spec.keyword().to_owned(),
                        target: check.spec.target(model),
                        up: verdict.map_or(!check.alpha, |verdict| verdict.up),
                        checked: verdict.is_some_and(|verdict| verdict.ever_ran),
                        age: verdict.map_or(0.0, |verdict| (now - verdict.since).as_secs_f64()),
                        reason: failure.map(ToString::to_string),
                        outcome: failure.map(|failure| failure.name().to_owned()),
                        runs: runs.get(key).map(|runs| runs_status(runs, now)),
                    }
                });
                RealServerStatus {
                    address: server.key.to_string(),
                    forwarding: server.method.name().to_owned(),
                    up: state.is_none_or(|state| state.up),
                    configured_weight: server.weight.0,
                    weight: state.map_or(server.weight.0, |state| state.weight),
                    kernel_weight: kernel_weight(&kernel, virtual_server, server),
                    drained: memory
                        .drains
                        .since(&virtual_server.id, &server.key)
                        .map(|since| DrainedStatus {
                            since,
                            age: (wall - since as f64).max(0.0),
                            connections: connections(&virtual_server.id, server.key),
                        }),
                    checks: checks.collect(),
                }
            })
            .collect();
        let alive = real_servers
            .iter()
            .filter(|server| server.up && server.drained.is_none());
        let leaving = pool.map(|pool| &pool.departures.leaving);
        let leaving = leaving
            .into_iter()
            .flatten()
            .map(|(server, it)| LeavingStatus {
                address: server.to_string(),
                age: (now - it.since).as_secs_f64(),
                time_left: (it.until - now).as_secs_f64(),
                connections: connections(&virtual_server.id, *server),
            });
        VirtualServerStatus {
            address: address(&virtual_server.id),
            addresses: addresses(model, &virtual_server.id),
            protocol: protocol(&virtual_server.id).to_owned(),
            scheduler: virtual_server.scheduler.name().to_owned(),
            quorum: QuorumStatus {
                up: pool.is_none_or(|pool| pool.quorum_up),
                quorum: virtual_server.quorum,
                hysteresis: virtual_server.hysteresis,
                weight_alive: alive.map(|server| u64::from(server.weight)).sum(),
            },
            suspended: is_suspended.contains(&virtual_server.id),
            sorry_server: virtual_server
                .sorry_server
                .as_ref()
                .map(|sorry| SorryStatus {
                    address: sorry.key.to_string(),
                    in_use: pool.is_some_and(|pool| pool.sorry == Some(sorry.key)),
                }),
            leaving: leaving.collect(),
            real_servers,
        }
    });
    statuses.collect()
}

/// How the table stands, as the checker tells it.
pub fn table(live: Option<&Live>, now: Moment) -> TableStatus {
    let refused = live
        .into_iter()
        .flat_map(|live| &live.refused)
        .map(|refused| RefusedStatus {
            virtual_server: refused.service.to_string(),
            real_server: refused.server.map(|server| server.to_string()),
            why: refused.why.clone(),
            retry_in: (refused.retry_at - now).as_secs_f64(),
        });
    TableStatus {
        settled: live.map(|live| live.settled),
        counters: live.map(|live| live.counters),
        refused: refused.collect(),
    }
}

fn runs_status(runs: &CheckRuns, now: Moment) -> RunsStatus {
    let last = runs.last.as_ref();
    RunsStatus {
        runs: runs.runs,
        failures: runs.failures,
        last_age: last.map(|last| (now - last.ended).as_secs_f64()),
        last_took: last.map(|last| last.took.as_secs_f64()),
        last_late: last.map(|last| last.late.as_secs_f64()),
        last_outcome: last.map(|last| last.outcome.name().to_owned()),
        most_late: seconds(runs.latest),
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// The weight that a real server has in the kernel; of a group the least.
fn kernel_weight(
    kernel: &HashMap<(ServiceKey, DestinationKey), u32>,
    virtual_server: &VirtualServer,
    server: &RealServer,
) -> Option<u32> {
    let weights = virtual_server
        .services
        .iter()
        .map(|key| kernel.get(&(*key, server.key.within(key, server.method))));
    // None is below every weight.
    weights.min().flatten().copied()
}

fn address(id: &PoolId) -> String {
    match id {
        PoolId::Service(ServiceKey::Address { address, port, .. }) => DestinationKey {
            address: *address,
            port: *port,
        }
        .to_string(),
        PoolId::Service(ServiceKey::Fwmark { mark, .. }) => format!("fwmark {mark}"),
        PoolId::Group { name, .. } => format!("group {name}"),
    }
}

fn addresses(model: &Model, id: &PoolId) -> Vec<String> {
    let PoolId::Group { name, .. } = id else {
        return Vec::new();
    };
    let mut groups = model.virtual_server_groups.iter();
    let group = groups.find(|group| group.name == **name);
    let entries = group.into_iter().flat_map(|group| &group.entries);
    entries.map(ToString::to_string).collect()
}

fn protocol(id: &PoolId) -> &'static str {
    match id.protocol() {
        Some(Protocol::Tcp) => "TCP",
        Some(Protocol::Udp) => "UDP",
        Some(Protocol::Sctp) => "SCTP",
        None => "FWM",
    }
}
