//! The core process: the configuration, the children, signals, scripts, the control
//! socket, and what must outlive a child.
//!
//! It parses nothing that comes from the network.

mod answer;
mod child;
pub mod control;
mod hear;
mod journal;
mod keep;
mod life;
mod record;
mod reload;
pub mod report;
pub mod signals;
mod stop;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::child::{CheckerChild, ChildNews, Ending};
use self::control::{Answer, Asked, Control, Request};
use self::journal::Journal;
use self::keep::Keep;
use self::life::news_of;
use self::record::OwnedRecord;
pub use self::reload::log_diagnostics;
use self::report::{ChildStatus, Configuration, Status};
use super::messages::{FromChecker, Live, NewVerdict, Start, ToChecker, Told};
use super::scripts::Runner;
use crate::alert::{Cause, What};
use crate::check::misc::ScriptEnd;
use crate::config::model::Model;
use crate::config::{self, Diagnostics};
use crate::lvs::ServiceKey;
use crate::lvs::pool::Memory;
use crate::moment::Moment;
use crate::sys::pidfile::{PidFile, PidFileError};
use crate::sys::{clock, host};

/// How often the watchdog looks at the children.
const WATCHDOG_ROUND: Duration = Duration::from_secs(1);

/// How long a checker may take to say what it knows before the status goes without.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// How long a checker may take to end by itself when asked to, with everything out
/// of the kernel. keepalived's child_wait_time is 5 s.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A child that lives shorter than this is started again after a pause.
const SHORT_LIFE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How core is to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub file: PathBuf,
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
    /// `-d`: write the configuration to the log at the start.
    pub dump: bool,
}

/// A part of the work that can be served alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let signals = Signals::new()?;
            let core = Core::new(options, model)?;
            Ok(core.run(signals, ready).await)
        }),
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
    /// By generation: a checker that has not heard of the latest one yet still asks for
    /// scripts by their numbers in the one before.
    runners: BTreeMap<u64, Arc<Runner>>,
    /// What the checkers have come to know.
    memory: Memory,
    keep: Keep,
    record: OwnedRecord,
    journal: Journal,
    checker: Option<Running>,
    restarts: u64,
    /// When the next checker is to be started, if there is none.
    restart_at: Option<Moment>,
    short_lives: u32,
    /// Whether the first configuration is in the kernel.
    started_up: bool,
    /// The generation whose arrival in the kernel is still to be told.
    reloading: Option<u64>,
    scripts: JoinSet<Ran>,
    asked: Vec<StatusAsked>,
    next_request: u64,
    ending: Option<End>,
    checkers_pid_file: PathBuf,
    wrote_checkers_pid: bool,
    run_dir: PathBuf,
    // Held for their whole life, removed at the end.
    lock: PidFile,
    pid_file: PidFile,
    control: Control,
    requests: mpsc::Receiver<Asked>,
}

struct Running {
    child: CheckerChild,
    since: Moment,
    /// The record of what is ours as it was before this one was started.
    owned_before: Vec<ServiceKey>,
}

/// A script that has ended.
struct Ran {
    /// Of the checker that asked.
    pid: u32,
    request: u64,
    end: ScriptEnd,
}

/// A status that waits for what the checker has to say.
struct StatusAsked {
    request: u64,
    until: Moment,
    answer: oneshot::Sender<Answer>,
}

/// Core is on its way out.
struct End {
    /// The checker must have ended by then.
    until: Moment,
    /// A second checker has been started to take out what a first one could not.
    second: bool,
    /// The checker has said that it is done.
    released: bool,
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
        let (record, problem) = OwnedRecord::read(in_run_dir("owned.json"), boot_id, namespace);
        if let Some(problem) = problem {
            tracing::warn!("{problem}");
        }
        let checkers_pid_file = options
            .checkers_pid_file
            .clone()
            .unwrap_or_else(|| in_run_dir("ipvsd_checkers.pid"));
        Ok(Core {
            started: clock::now(),
            generation: 1,
            refused: None,
            runners: BTreeMap::from([(1, Arc::new(Runner::new(&model)))]),
            model: Arc::new(model),
            memory,
            keep,
            record,
            journal: Journal::default(),
            checker: None,
            restarts: 0,
            restart_at: None,
            short_lives: 0,
            started_up: false,
            reloading: None,
            scripts: JoinSet::new(),
            asked: Vec::new(),
            next_request: 0,
            ending: None,
            checkers_pid_file,
            wrote_checkers_pid: false,
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
        if self.options.dump {
            self.model
                .dump()
                .lines()
                .for_each(|line| tracing::info!("{line}"));
        }
        self.tell_script_problems(&self.model.clone());
        if let Err(code) = self.start_checker(Cause::Start) {
            return code;
        }
        let mut watchdog = interval(WATCHDOG_ROUND);
        // After a stall of our own, one round has passed, not many.
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.started_up
                && let Some(ready) = ready.take()
            {
                ready();
            }
            if self.ending.is_some() && self.checker.is_none() {
                return self.finish();
            }
            let wake = self.wake();
            tokio::select! {
                news = news_of(&mut self.checker) => {
                    if let Some(code) = self.on_news(news).await {
                        return code;
                    }
                }
                signal = signals.next() => self.on_signal(signal),
                Some(asked) = self.requests.recv() => self.on_request(asked),
                Some(ran) = self.scripts.join_next() => self.on_script_end(ran),
                _ = watchdog.tick() => self.watch().await,
                () = clock::sleep_until(wake) => {}
            }
            self.on_time().await;
        }
    }

    /// When something is to be done though nothing happens.
    fn wake(&self) -> Moment {
        let far = clock::now() + Duration::from_secs(3600);
        let asked = self.asked.iter().map(|asked| asked.until);
        let ending = self.ending.iter().map(|ending| ending.until);
        asked
            .chain(ending)
            .chain(self.restart_at)
            .chain(self.keep.due())
            .min()
            .unwrap_or(far)
    }

    async fn on_time(&mut self) {
        let now = clock::now();
        for asked in self
            .asked
            .extract_if(.., |asked| asked.until <= now)
            .collect::<Vec<_>>()
        {
            let status = self.status(None);
            let _ = asked.answer.send(Answer::Status(Box::new(status)));
        }
        if let Err(error) = self.keep.write_if_due(&self.memory, now) {
            tracing::warn!("cannot keep what is known about the real servers: {error}");
        }
        if self.restart_at.is_some_and(|at| at <= now) {
            self.restart_at = None;
            let _ = self.start_checker(Cause::Process);
        }
        if self.ending.as_ref().is_some_and(|end| end.until <= now) {
            self.give_up_waiting().await;
        }
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
