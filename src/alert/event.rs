//! Events: what happened, why, and in which order.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::mail::MailEvent;
use crate::lvs::keeper::Note;
use crate::lvs::pool::{PoolChange, PoolEvent};
use crate::lvs::settings;
use crate::vrrp::{Change, State, VrrpEvent};

/// Something that happened, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 since core started, without gaps.
    pub number: u64,
    /// When core heard of it, on the wall clock: people compare it with other logs.
    pub at: SystemTime,
    pub cause: Cause,
    pub what: What,
}

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// ipvsd was started.
    Start,
    /// A new configuration, by the number of its generation.
    Reload { generation: u64 },
    /// A check came to a verdict: what kind of check, and its own words.
    Check { keyword: String, outcome: String },
    /// The kernel's table was looked at, or answered.
    Table,
    /// A process of ipvsd's ended, hung or was started.
    Process,
    /// Somebody asked for it: `ipvsd` with this command.
    Command(String),
    /// A signal, by its name.
    Signal(String),
    /// What was heard, or not heard, from other routers, and what became of an
    /// interface. The event itself says more.
    Vrrp,
    /// The mail server, or what it said.
    Mail,
}

impl Cause {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Start => "start",
            Cause::Reload { .. } => "reload",
            Cause::Check { .. } => "check",
            Cause::Table => "table",
            Cause::Process => "process",
            Cause::Command(_) => "command",
            Cause::Signal(_) => "signal",
            Cause::Vrrp => "vrrp",
            Cause::Mail => "mail",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Start => f.write_str("start"),
            Cause::Reload { generation } => write!(f, "reload, generation {generation}"),
            Cause::Check { keyword, outcome } => write!(f, "{keyword}: {outcome}"),
            Cause::Table => f.write_str("the kernel's table"),
            Cause::Process => f.write_str("process"),
            Cause::Command(word) => write!(f, "ipvsd {word}"),
            Cause::Signal(name) => f.write_str(name),
            Cause::Vrrp => f.write_str("vrrp"),
            Cause::Mail => f.write_str("mail"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// To a pool: a real server, the quorum, the sorry server.
    Pool(PoolEvent),
    /// To the kernel's table.
    Table(Note),
    /// To what IPVS has beside its table.
    Ipvs(settings::Note),
    /// To an instance or a sync group.
    Vrrp(VrrpEvent),
    /// To the mail queue.
    Mail(MailEvent),
    /// The first configuration is in force: its virtual servers are in the kernel, and
    /// its VRRP instances take part, in whatever state.
    StartupComplete {
        virtual_servers: usize,
        real_servers: usize,
        instances: usize,
    },
    /// A new configuration is in force, and these many operations brought the
    /// kernel's table there.
    ReloadComplete {
        generation: u64,
        operations: u64,
    },
    /// A new configuration was not taken; the running one goes on.
    ReloadRefused {
        file: String,
        errors: usize,
    },
    ProcessStarted {
        process: String,
        pid: u32,
    },
    /// A process ended though nobody had asked it to.
    ProcessDied {
        process: String,
        pid: u32,
        how: String,
    },
    /// A process no longer answers and is killed.
    ProcessHung {
        process: String,
        pid: u32,
        silent_seconds: u64,
    },
    /// ipvsd has been asked to end.
    Stopping,
}

/// How loud an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    Info,
    /// Something is worse than it was.
    Warning,
    /// Something does not work.
    Error,
}

impl What {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            What::Pool(event) => event.change.name(),
            What::Table(note) => match note {
                Note::Adopted { .. } => "adopted",
                Note::Repaired { .. } => "repaired",
                Note::RepairedAgain { .. } => "repaired-again",
                Note::Refused { .. } => "refused",
                Note::Accepted { .. } => "accepted",
                Note::Released { .. } => "released",
                Note::Unreachable { .. } => "unreachable",
                Note::Reachable => "reachable",
            },
            What::Ipvs(note) => match note {
                settings::Note::Carried { repair: false, .. } => "ipvs-set",
                settings::Note::Carried { repair: true, .. } => "ipvs-repaired",
                settings::Note::Refused { .. } => "ipvs-refused",
                settings::Note::Accepted { .. } => "ipvs-accepted",
                settings::Note::Unreadable { .. } => "ipvs-unreadable",
            },
            What::Vrrp(event) => event.change.name(),
            What::Mail(event) => event.name(),
            What::StartupComplete { .. } => "startup-complete",
            What::ReloadComplete { .. } => "reload-complete",
            What::ReloadRefused { .. } => "reload-refused",
            What::ProcessStarted { .. } => "process-started",
            What::ProcessDied { .. } => "process-died",
            What::ProcessHung { .. } => "process-hung",
            What::Stopping => "stopping",
        }
    }

    pub fn importance(&self) -> Importance {
        match self {
            What::Pool(event) => match event.change {
                PoolChange::ServerDown { .. }
                | PoolChange::QuorumLost { .. }
                | PoolChange::SorryServerIn { .. }
                | PoolChange::SurvivorsOut => Importance::Warning,
                _ => Importance::Info,
            },
            What::Table(Note::Repaired { .. } | Note::RepairedAgain { .. }) => Importance::Warning,
            What::Table(Note::Refused { .. } | Note::Unreachable { .. }) => Importance::Error,
            What::Ipvs(settings::Note::Carried { repair: true, .. }) => Importance::Warning,
            What::Ipvs(settings::Note::Refused { .. } | settings::Note::Unreadable { .. }) => {
                Importance::Error
            }
            What::Vrrp(event) => vrrp_importance(&event.change),
            What::Mail(event) => event.importance(),
            What::ReloadRefused { .. } | What::ProcessDied { .. } | What::ProcessHung { .. } => {
                Importance::Error
            }
            _ => Importance::Info,
        }
    }
}

/// One line, in keepalived's words where people search their logs for them.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Pool(event) => event.fmt(f),
            What::Table(note) => note.fmt(f),
            What::Ipvs(note) => note.fmt(f),
            What::Vrrp(event) => event.fmt(f),
            What::Mail(event) => event.fmt(f),
            What::StartupComplete {
                virtual_servers,
                real_servers,
                instances,
            } => write!(
                f,
                "Startup complete: {virtual_servers} virtual servers, {real_servers} real servers, \
                 {instances} VRRP instances"
            ),
            What::ReloadComplete {
                generation,
                operations,
            } => write!(
                f,
                "Reload complete: generation {generation}, {operations} operations on the kernel's table"
            ),
            What::ReloadRefused { file, errors } => write!(
                f,
                "Reload refused: {errors} error{} in {file}; the running configuration goes on",
                if *errors == 1 { "" } else { "s" }
            ),
            What::ProcessStarted { process, pid } => {
                write!(f, "Starting {process} process, pid={pid}")
            }
            What::ProcessDied { process, pid, how } => {
                write!(f, "{process} process({pid}) died: {how}; restarting it")
            }
            What::ProcessHung {
                process,
                pid,
                silent_seconds,
            } => write!(
                f,
                "{process} process({pid}) has not answered for {silent_seconds} s: killing it and starting another"
            ),
            What::Stopping => f.write_str("Stopping"),
        }
    }
}

fn vrrp_importance(change: &Change) -> Importance {
    match change {
        Change::Entered {
            to: State::Fault, ..
        }
        | Change::TwoOwners { .. }
        | Change::AddressRefused { .. } => Importance::Error,
        Change::OtherMaster { .. }
        | Change::Late { .. }
        | Change::AddressPutBack { .. }
        | Change::Dropped { .. }
        | Change::ClockSkew { .. }
        | Change::Unsigned { .. }
        | Change::Alone => Importance::Warning,
        _ => Importance::Info,
    }
}
