//! What core and the checker say to each other. For the other processes see
//! [`vrrp`] and [`front`].

pub mod front;
pub mod vrrp;

pub use front::{FromFront, ToFront};
pub use vrrp::{FromVrrp, ToVrrp};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::{Cause, What};
use crate::check::misc::ScriptEnd;
use crate::check::{CheckKey, Outcome, Verdict};
use crate::config::model::{Model, ScriptId};
use crate::lvs::pool::{Drains, Memory, PoolState, ServerState};
use crate::lvs::settings::Held;
use crate::lvs::{DestinationKey, PoolId, ServiceKey};
use crate::moment::Moment;
use crate::sys::ipvs::Counters;

/// From core to the checker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToChecker {
    /// The first message to a new checker.
    Start(Box<Start>),
    /// Another configuration is to take the place of the present one.
    Reload {
        generation: u64,
        model: Box<Model>,
        /// As [`Start::suspended`].
        suspended: Vec<PoolId>,
        /// As [`Start::is_master`].
        is_master: Option<bool>,
    },
    /// These virtual servers, and no others, are not to be checked.
    Suspended(Vec<PoolId>),
    /// As [`Start::is_master`], which has changed.
    Follow { is_master: Option<bool> },
    /// These real servers are drained by hand, and no others.
    Drains { drains: Drains, cause: Cause },
    /// The end of a script that [`FromChecker::RunScript`] asked for.
    ScriptEnded { request: u64, end: ScriptEnd },
    /// Say [`FromChecker::Status`].
    Status { request: u64 },
    /// Say [`FromChecker::Alive`].
    Ping,
    /// End, after everything beside the table is as it was before; with `release`, after
    /// the owned virtual servers are out of the kernel, too; with `flush`, all of them.
    Stop { release: bool, flush: bool },
}

/// What a new checker begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub generation: u64,
    pub model: Model,
    /// The virtual servers that the record says are ours.
    pub owned: Vec<ServiceKey>,
    /// What the record says was changed beside the table.
    pub held: Held,
    /// Whether the instance is master that the synchronisation of connections follows;
    /// None where no instance is run.
    pub is_master: Option<bool>,
    /// The kernel's table is to be emptied first (`lvs_flush`).
    pub flush: bool,
    /// What the checker before this one knew.
    pub memory: Memory,
    /// The virtual servers that are not to be checked for now (`ha_suspend`).
    pub suspended: Vec<PoolId>,
    pub cause: Cause,
}

/// From the checker to core.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromChecker {
    Alive,
    /// It cannot do its work, and ends.
    Failed(String),
    /// What is known of the pools after a start or a reload, and whenever a real server
    /// is drained or has left, before the kernel's table follows.
    Pools {
        pools: Vec<(PoolId, PoolState)>,
        told: Vec<Told>,
    },
    /// A check has come to another verdict. Sent before the kernel's table follows:
    /// a checker that is killed in between leaves a successor who knows.
    Verdict(Box<NewVerdict>),
    /// Something happened to the table, or to what is beside it.
    Table(Vec<Told>),
    /// How many connections those real servers have that are drained or leaving, of all
    /// of them; sent where it has changed.
    Connections(Vec<(PoolId, DestinationKey, u64)>),
    /// What is changed beside the table. Sent before it is.
    Held(Held),
    /// The kernel's table is as this generation wants it, as far as it takes it.
    Settled {
        generation: u64,
        operations: u64,
        owned: Vec<ServiceKey>,
    },
    /// Run a script. The end is answered with the same number.
    RunScript {
        request: u64,
        script: ScriptId,
        generation: u64,
        timeout: Duration,
    },
    Status {
        request: u64,
        live: Box<Live>,
    },
    /// Everything that was owned is out of the kernel but for these.
    Released {
        left: Vec<ServiceKey>,
    },
}

/// An event to be, until core gives it its number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub cause: Cause,
    pub what: What,
}

/// From how many events at once on it is worth to give back the memory that they took.
pub const MANY_TOLD: usize = 100;

/// A verdict with what it means to the pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewVerdict {
    pub key: CheckKey,
    pub verdict: Verdict,
    pub server: ServerState,
    pub quorum_up: bool,
    pub sorry: Option<DestinationKey>,
    pub told: Vec<Told>,
}

/// What only the checker knows, for the status.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Live {
    pub generation: u64,
    /// The kernel's table is as wanted.
    pub settled: bool,
    pub counters: Counters,
    /// Probes and scripts under way.
    pub running: usize,
    pub refused: Vec<RefusedOp>,
    pub checks: Vec<(CheckKey, CheckRuns)>,
    /// What the kernel is believed to have: virtual server, real server, weight.
    pub kernel: Vec<(ServiceKey, Vec<(DestinationKey, u32)>)>,
}

/// An operation that the kernel does not take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedOp {
    pub service: ServiceKey,
    pub server: Option<DestinationKey>,
    pub why: String,
    pub retry_at: Moment,
}

/// How a check has been running in this checker's life.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckRuns {
    pub runs: u64,
    pub failures: u64,
    pub last: Option<LastRun>,
    /// The latest it has started after its time.
    pub latest: Duration,
}

/// One run of a check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastRun {
    pub ended: Moment,
    pub took: Duration,
    pub late: Duration,
    pub outcome: Outcome,
}
