//! The core process: the configuration, the children, signals, scripts, the control
//! socket, and what must outlive a child.
//!
//! It parses nothing that comes from the network.
//!
//! | to do with | file |
//! | --- | --- |
//! | any child | `child`, its place `slot`, `life` |
//! | the kinds of children: when they are needed, what is said to them and by them | `checker`, `vrrp`, `front` |
//! | how they are scheduled | `scheduling` |
//! | which addresses are here | `presence` |
//! | configurations | `reload`, `taken` |
//! | servers that are drained by hand | `drain` |
//! | what happens | `journal`, and from there `notify` and `outbox` |
//! | what is written down | `record`, `keep` |
//! | the status, and what `plan` asks for | `control`, `answer`, `report`, `in_force` |
//! | the end | `signals`, `stop` |

mod answer;
mod checker;
mod child;
pub mod control;
pub mod drain;
mod front;
pub mod in_force;
mod journal;
mod keep;
mod life;
mod notify;
mod outbox;
mod presence;
mod record;
mod reload;
pub mod report;
mod scheduling;
pub mod signals;
mod slot;
mod stop;
mod taken;
mod vrrp;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::answer::{Part, StatusAsked};
use self::child::{Checker, Front, Vrrp};
use self::control::{Answer, Asked, Control, Request};
use self::drain::DrainFile;
use self::journal::Journal;
use self::keep::Keep;
use self::life::Arriving;
use self::notify::Notifier;
use self::outbox::Outbox;
use self::presence::Presence;
use self::record::OwnedRecord;
pub use self::reload::log_diagnostics;
use self::report::{Configuration, Status};
use self::scheduling::ChildScheduling;
use self::slot::Slot;
use self::stop::End;
use self::taken::Taken;
use self::vrrp::Routers;
use super::messages::{FromChecker, Live, NewVerdict, Start, ToChecker, Told};
use super::scripts::Runner;
use crate::alert::{Cause, What};
use crate::check::misc::ScriptEnd;
use crate::config::Reading;
use crate::config::model::{Model, VirtualServer};
use crate::config::{self, Diagnostics};
use crate::lvs::pool::Memory;
use crate::lvs::{DestinationKey, PoolId, ServiceKey};
use crate::moment::Moment;
use crate::sys::pidfile::{PidFile, PidFileError};
use crate::sys::{clock, host, memory};

/// How many scripts may run at a time. A thread that has nothing to do ends.
const MOST_SCRIPTS: usize = 4_096;

/// How long what core has started may take to notice that core has ended.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// How core is to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub file: PathBuf,
    /// `-i`, `-e`: which lines of the file hold, and how strictly it is read.
    pub reading: Reading,
    /// Absent: in [`host::run_dir`].
    pub pid_file: Option<PathBuf>,
    pub checkers_pid_file: Option<PathBuf>,
    pub vrrp_pid_file: Option<PathBuf>,
    /// `-P`, `-C`: serve nothing but this. None is everything.
    pub only: Option<Subsystem>,
    /// `-I`: leave the virtual servers in the kernel at the end.
    pub keep_ipvs: bool,
    /// Nobody is to be kept waiting by our open standard error.
    pub in_background: bool,
    /// `-d`: the configuration as it was understood, for the log at the start.
    pub dump: Option<String>,
}

/// A part of the work that can be served alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Subsystem {
    /// Instances, sync groups and their addresses.
    Vrrp,
    /// Virtual servers, real servers and their checks.
    Checkers,
}

/// Why core does not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "keepalived (pid {0}) runs in this network namespace: two programs must not keep one \
         IPVS table; stop it first (systemctl stop keepalived), ipvsd then takes over its table"
    )]
    KeepalivedRuns(u32),
    #[error("{0}")]
    PidFile(#[from] PidFileError),
    #[error("cannot use {path}: {error}; ipvsd has to run as root")]
    RunDir { path: PathBuf, error: io::Error },
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Runs core until it is told to end. `model` is the valid configuration that
/// `options.file` held. `ready` is called once the first configuration is in the
/// kernel.
pub fn main(options: Options, model: Model, ready: impl FnOnce()) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MOST_SCRIPTS)
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(async {
                let signals = Signals::new()?;
                let core = Core::new(options, model)?;
                Ok(core.run(signals, ready).await)
            });
            // Scripts that still run are being killed. A thread that hangs on a disk is
            // not waited for.
            runtime.shutdown_timeout(LAST_MOMENT);
            result
        }
        Err(error) => Err(StartError::Io(error)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Core {
    options: Options,
    started: Moment,
    generation: u64,
    model: Arc<Model>,
    /// What was wrong with the latest file, if it was not taken.
    refused: Option<String>,
    /// By generation.
    taken: BTreeMap<u64, Taken>,
    /// What the checkers have come to know.
    memory: Memory,
    keep: Keep,
    drain_file: DrainFile,
    /// Of the real servers that are drained or leaving, as they were last counted.
    connections: HashMap<(PoolId, DestinationKey), u64>,
    record: OwnedRecord,
    /// The record as it was before the present checker was started.
    owned_before: Vec<ServiceKey>,
    journal: Journal,
    checker: Slot<Checker>,
    /// What the checker was last told of the instance that `lvs_sync_daemon` follows.
    told_master: Option<bool>,
    /// The latest generation that the checker has spoken of.
    checker_generation: u64,
    vrrp: Slot<Vrrp>,
    /// What the vrrp processes have come to know.
    vrrp_memory: crate::vrrp::memory::Memory,
    /// What the vrrp process goes by, or the one that was there last went by.
    routers_in_force: Routers,
    /// The vrrp process was told to end because no instance is left.
    vrrp_dismissed: bool,
    scheduling: ChildScheduling,
    checker_scheduling: ChildScheduling,
    front: Slot<Front>,
    /// The front process was told to end because nothing is mailed any more.
    front_dismissed: bool,
    outbox: Outbox,
    notifier: Notifier,
    presence: Presence,
    /// Whether the first configuration is in force.
    started_up: bool,
    /// What is not in force yet, and is to be told once it is.
    arriving: Option<Arriving>,
    /// The start has failed, so this is the end.
    start_failed: bool,
    /// Virtual addresses could not be removed at the end.
    left_addresses: bool,
    /// Those that the checker has asked for.
    scripts: JoinSet<Ran>,
    asked: Vec<StatusAsked>,
    next_request: u64,
    ending: Option<End>,
    run_dir: PathBuf,
    // Held for their whole life, removed at the end.
    lock: PidFile,
    pid_file: PidFile,
    control: Control,
    requests: mpsc::Receiver<Asked>,
}

/// A script that has ended.
struct Ran {
    /// Of the checker that asked.
    pid: u32,
    request: u64,
    end: ScriptEnd,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// With which keepalived dumps its state.
    dump: [Signal; 2],
}

impl Core {
    fn new(options: Options, model: Model) -> Result<Self, StartError> {
        let run_dir = host::run_dir();
        let unusable = |error| StartError::RunDir {
            path: run_dir.clone(),
            error,
        };
        // Whatever we were started with: who may look at our files is for us to say.
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
        std::fs::create_dir_all(&run_dir).map_err(unusable)?;
        let in_run_dir = |name: &str| run_dir.join(name);
        let pid_path = options
            .pid_file
            .clone()
            .unwrap_or_else(|| in_run_dir("ipvsd.pid"));
        // Two cores with pid files of their own would still share one table.
        let lock = PidFile::create(&in_run_dir("lock")).map_err(|error| match error {
            // The first file there: whoever is not root comes no further.
            PidFileError::Io { error, .. } => unusable(error),
            error => error.into(),
        })?;
        let pid_file = PidFile::create(&pid_path)?;
        if let Some(pid) = host::running_keepalived() {
            return Err(StartError::KeepalivedRuns(pid));
        }
        raise_descriptor_limit();
        let (control, requests) = Control::open(&in_run_dir("control.sock")).map_err(unusable)?;
        let (boot_id, namespace) = (host::boot_id()?, host::net_namespace()?);
        let (keep, mut memory) = Keep::open(in_run_dir("verdicts"), boot_id.clone(), namespace);
        memory.keep_only(&model);
        let drain_file = DrainFile::in_folder(&host::state_dir());
        let (drains, problem) = drain_file.read();
        memory.drains = drains;
        if let Some(problem) = problem {
            tracing::warn!("{problem}");
        }
        let (record, problem) = OwnedRecord::read(in_run_dir("owned.json"), boot_id, namespace);
        if let Some(problem) = problem {
            tracing::warn!("{problem}");
        }
        let pid_file_of = |configured: &Option<PathBuf>, name: &str| {
            configured.clone().unwrap_or_else(|| in_run_dir(name))
        };
        let checkers_pid_file = pid_file_of(&options.checkers_pid_file, "ipvsd_checkers.pid");
        let vrrp_pid_file = pid_file_of(&options.vrrp_pid_file, "ipvsd_vrrp.pid");
        let notifier = Notifier::after(&memory);
        let model = Arc::new(model);
        Ok(Core {
            started: clock::now(),
            generation: 1,
            refused: None,
            taken: BTreeMap::from([(1, Taken::new(model.clone()))]),
            model,
            memory,
            keep,
            drain_file,
            connections: HashMap::new(),
            record,
            owned_before: Vec::new(),
            journal: Journal::default(),
            checker: Slot::new(checkers_pid_file),
            told_master: None,
            checker_generation: 1,
            vrrp: Slot::new(vrrp_pid_file),
            vrrp_memory: Default::default(),
            routers_in_force: Routers::default(),
            vrrp_dismissed: false,
            scheduling: ChildScheduling::new(),
            checker_scheduling: ChildScheduling::new(),
            front: Slot::new(in_run_dir("ipvsd_front.pid")),
            front_dismissed: false,
            outbox: Outbox::default(),
            notifier,
            presence: Presence::default(),
            started_up: false,
            arriving: Some(Arriving::new(1)),
            start_failed: false,
            left_addresses: false,
            scripts: JoinSet::new(),
            asked: Vec::new(),
            next_request: 0,
            ending: None,
            lock,
            pid_file,
            control,
            requests,
            run_dir,
            options,
        })
    }

    async fn run(mut self, mut signals: Signals, ready: impl FnOnce()) -> ExitCode {
        let mut ready = Some(ready);
        tracing::info!(
            "Starting ipvsd v{} (pid {}) with {}",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            self.options.file.display()
        );
        if let Some(dump) = self.options.dump.take() {
            dump.lines().for_each(|line| tracing::info!("{line}"));
        }
        self.tell_script_problems(&self.model.clone());
        self.forget_drains();
        if !self.needs_checker() && !self.needs_vrrp() {
            tracing::info!(
                "There is no virtual server and no VRRP instance in {}",
                self.options.file.display()
            );
        }
        self.find_suspended();
        self.start_checker(Cause::Start);
        self.start_vrrp(Cause::Start);
        self.start_front(Cause::Start);
        self.check_arrival();
        memory::give_back();
        loop {
            if self.started_up
                && let Some(ready) = ready.take()
            {
                ready();
            }
            if self.advance_end(clock::now()) {
                return self.finish().await;
            }
            let wake = self.wake();
            tokio::select! {
                news = self.checker.news() => self.on_checker_news(news),
                news = self.vrrp.news() => self.on_vrrp_news(news),
                news = self.front.news() => self.on_front_news(news),
                signal = signals.next() => self.on_signal(signal),
                Some(asked) = self.requests.recv() => self.on_request(asked),
                Some(ran) = self.scripts.join_next() => self.on_script_end(ran),
                owner = self.notifier.ended() => self.notifier.on_ended(&owner),
                news = self.presence.changed() => self.on_addresses(news),
                () = clock::sleep_until(wake) => {}
            }
            self.on_time();
        }
    }

    /// When something is to be done though nothing happens.
    fn wake(&self) -> Moment {
        let far = clock::now() + Duration::from_secs(3600);
        let asked = self.asked.iter().map(|asked| asked.until);
        let ending = self.ending.as_ref();
        // At the end nobody else is watched, and nobody is started again.
        let children = match ending {
            Some(_) => [None, self.vrrp.wake(), None],
            None => [self.checker.wake(), self.vrrp.wake(), self.front.wake()],
        };
        asked
            .chain(ending.and_then(|ending| ending.wake(self)))
            .chain(children.into_iter().flatten())
            .chain(self.outbox.due())
            .chain(self.keep.due())
            .min()
            .unwrap_or(far)
    }

    fn on_time(&mut self) {
        let now = clock::now();
        self.answer_what_is_known(now);
        if let Err(error) = self.keep.write_if_due(&self.memory, now) {
            tracing::warn!("cannot keep what is known about the real servers: {error}");
        }
        self.tell_of_dropped_mails(now);
        self.watch(now);
        self.restart_due(now);
    }
}

/// A probe takes a descriptor, and there may be thousands at a time. Children
/// inherit the limit.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!("cannot raise the limit of descriptors to {hard}: {error}");
    }
}
