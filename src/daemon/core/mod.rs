//! The core process: the configuration, the children, signals, scripts, the control
//! socket, and what must outlive a child.
//!
//! It parses nothing that comes from the network.

mod child;
pub mod control;
mod journal;
mod record;
pub mod report;

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
use self::record::OwnedRecord;
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
use crate::sys::pidfile::PidFile;
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
    /// `-I`: leave the virtual servers in the kernel at the end.
    pub keep_ipvs: bool,
    /// `-d`: write the configuration to the log at the start.
    pub dump: bool,
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
    PidFile(#[from] crate::sys::pidfile::PidFileError),
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
            let core = Core::new(options, model)?;
            Ok(core.run(ready).await)
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
    runner: Arc<Runner>,
    /// What the checkers have come to know.
    memory: Memory,
    record: OwnedRecord,
    journal: Journal,
    checker: Option<Running>,
    restarts: u64,
    /// When the next checker is to be started, if there is none.
    restart_at: Option<Moment>,
    short_lives: u32,
    /// Whether the first configuration is in the kernel.
    started_up: bool,
    scripts: JoinSet<Ran>,
    asked: Vec<StatusAsked>,
    next_request: u64,
    ending: Option<End>,
    checkers_pid_file: PathBuf,
    // Held for their whole life, removed at the end.
    pid_file: PidFile,
    control: Control,
    requests: mpsc::Receiver<Asked>,
}

struct Running {
    child: CheckerChild,
    since: Moment,
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
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
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
        let lock = PidFile::create(&in_run_dir("lock"))?;
        std::mem::forget(lock);
        let pid_file = PidFile::create(&pid_path)?;
        if let Some(pid) = host::running_keepalived() {
            return Err(StartError::KeepalivedRuns(pid));
        }
        raise_descriptor_limit();
        let (control, requests) = Control::open(&in_run_dir("control.sock")).map_err(unusable)?;
        let (record, problem) = OwnedRecord::read(
            in_run_dir("owned.json"),
            host::boot_id()?,
            host::net_namespace()?,
        );
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
            runner: Arc::new(Runner::new(&model)),
            model: Arc::new(model),
            memory: Memory::default(),
            record,
            journal: Journal::default(),
            checker: None,
            restarts: 0,
            restart_at: None,
            short_lives: 0,
            started_up: false,
            scripts: JoinSet::new(),
            asked: Vec::new(),
            next_request: 0,
            ending: None,
            checkers_pid_file,
            pid_file,
            control,
            requests,
            options,
        })
    }

    async fn run(mut self, ready: impl FnOnce()) -> ExitCode {
        let mut ready = Some(ready);
        tracing::info!(
            "Starting ipvsd v{} (pid {}) with {}",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            self.options.file.display()
        );
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!("cannot listen for signals: {error}");
                return ExitCode::FAILURE;
            }
        };
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
                _ = signals.terminate.recv() => self.stop("SIGTERM"),
                _ = signals.interrupt.recv() => self.stop("SIGINT"),
                _ = signals.hangup.recv() => self.reload(),
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
        if self.restart_at.is_some_and(|at| at <= now) {
            self.restart_at = None;
            let _ = self.start_checker(Cause::Process);
        }
        if self.ending.as_ref().is_some_and(|end| end.until <= now) {
            self.give_up_waiting().await;
        }
    }
}

/// The checker's life.
impl Core {
    /// Whether there is anything for a checker to do.
    fn needs_checker(&self) -> bool {
        !self.model.virtual_servers.is_empty() || !self.record.is_empty()
    }

    /// Starts a checker with the present configuration and everything known. Fails
    /// only while starting up.
    fn start_checker(&mut self, cause: Cause) -> Result<(), ExitCode> {
        if !self.needs_checker() {
            tracing::info!(
                "There is no virtual server in {}",
                self.options.file.display()
            );
            self.started_up = true;
            return Ok(());
        }
        if let Err(error) = self
            .record
            .add(self.model.virtual_servers.iter().map(|vs| vs.key))
        {
            tracing::error!(
                "cannot write down which virtual servers are ours, so none is added to the kernel: {error}"
            );
            return self.cannot_start();
        }
        let mut child = match CheckerChild::start() {
            Ok(child) => child,
            Err(error) => {
                tracing::error!("cannot start the checker process: {error}");
                return self.cannot_start();
            }
        };
        let started = What::ProcessStarted {
            process: "checker".into(),
            pid: child.pid,
        };
        self.journal.tell(Told {
            cause: cause.clone(),
            what: started,
        });
        if let Err(error) = std::fs::write(&self.checkers_pid_file, format!("{}\n", child.pid)) {
            tracing::warn!("cannot write {}: {error}", self.checkers_pid_file.display());
        }
        child.send(&ToChecker::Start(Box::new(Start {
            generation: self.generation,
            model: Model::clone(&self.model),
            owned: self.record.services().collect(),
            memory: self.memory.clone(),
            cause,
        })));
        self.checker = Some(Running {
            child,
            since: clock::now(),
        });
        Ok(())
    }

    fn cannot_start(&mut self) -> Result<(), ExitCode> {
        if !self.started_up {
            return Err(ExitCode::FAILURE);
        }
        self.pause_before_restart();
        Ok(())
    }

    fn pause_before_restart(&mut self) {
        let pause = match self.short_lives {
            0 => Duration::ZERO,
            n => Duration::from_secs(1 << (n - 1).min(10)).min(LONGEST_PAUSE),
        };
        self.restart_at = Some(clock::now() + pause);
        self.short_lives += 1;
    }

    async fn on_news(&mut self, news: ChildNews) -> Option<ExitCode> {
        match news {
            ChildNews::Said(message) => {
                self.on_message(*message);
                None
            }
            ChildNews::Ended(ending) => self.on_checker_ended(ending).await,
        }
    }

    async fn on_checker_ended(&mut self, ending: Ending) -> Option<ExitCode> {
        let mut running = self.checker.take()?;
        // Reaped before another is started: two checkers must never keep one table.
        running.child.kill().await;
        let _ = std::fs::remove_file(&self.checkers_pid_file);
        if self.ending.is_some() {
            return None;
        }
        let gave_up = running.child.gave_up.take();
        if !self.started_up {
            match gave_up {
                Some(why) => tracing::error!("{why}"),
                None => tracing::error!(
                    "the checker process ended during the start: {}",
                    Ended(&ending)
                ),
            }
            return Some(ExitCode::FAILURE);
        }
        let how = match gave_up {
            Some(why) => why,
            None => Ended(&ending).to_string(),
        };
        self.checker_lost(
            running.child.pid,
            running.since,
            What::ProcessDied {
                process: "checker".into(),
                pid: running.child.pid,
                how,
            },
        );
        None
    }

    fn checker_lost(&mut self, pid: u32, since: Moment, what: What) {
        self.journal.tell(Told {
            cause: Cause::Process,
            what,
        });
        if clock::now() - since >= SHORT_LIFE {
            self.short_lives = 0;
        }
        self.restarts += 1;
        tracing::debug!("what checker {pid} asked for is dropped");
        // With it go the scripts that it waited for, so that its successor's are the
        // only ones.
        self.scripts.abort_all();
        self.pause_before_restart();
    }

    /// A round of the watchdog.
    async fn watch(&mut self) {
        let Some(running) = &mut self.checker else {
            return;
        };
        if self.ending.is_some() {
            return;
        }
        let Some(rounds) = running.child.watch() else {
            return;
        };
        let pid = running.child.pid;
        let since = running.since;
        let hung = What::ProcessHung {
            process: "checker".into(),
            pid,
            silent_seconds: (WATCHDOG_ROUND * rounds).as_secs(),
        };
        running.child.kill().await;
        self.checker = None;
        self.checker_lost(pid, since, hung);
    }

    fn on_message(&mut self, message: FromChecker) {
        match message {
            FromChecker::Alive => {}
            FromChecker::Failed(why) => {
                if let Some(running) = &mut self.checker {
                    running.child.gave_up = Some(why);
                }
            }
            FromChecker::Pools { pools, told } => {
                self.memory.pools = pools.into_iter().collect();
                self.memory.keep_only(&self.model);
                self.tell_all(told);
            }
            FromChecker::Verdict(news) => {
                let NewVerdict {
                    key,
                    verdict,
                    server,
                    quorum_up,
                    sorry,
                    told,
                } = *news;
                self.memory.verdicts.insert(key, verdict);
                if let Some(pool) = self.memory.pools.get_mut(&key.service) {
                    pool.quorum_up = quorum_up;
                    pool.sorry = sorry;
                    pool.servers.insert(key.server, server);
                }
                self.tell_all(told);
            }
            FromChecker::Table(told) => self.tell_all(told),
            FromChecker::Settled {
                generation,
                operations,
                owned,
            } => {
                self.on_settled(generation, operations, owned);
            }
            FromChecker::RunScript {
                request,
                script,
                generation,
                timeout,
            } => {
                let Some(running) = &self.checker else { return };
                let pid = running.child.pid;
                if generation != self.generation {
                    // Its number means another script now.
                    let end = ScriptEnd::NotRun("the configuration has just changed".into());
                    self.send(&ToChecker::ScriptEnded { request, end });
                    return;
                }
                let runner = self.runner.clone();
                self.scripts.spawn(async move {
                    let end = runner.run(script, &[], timeout).await;
                    Ran { pid, request, end }
                });
            }
            FromChecker::Status { request, live } => {
                let asked = self.asked.iter().position(|asked| asked.request == request);
                if let Some(index) = asked {
                    let asked = self.asked.swap_remove(index);
                    let status = self.status(Some(&live));
                    let _ = asked.answer.send(Answer::Status(Box::new(status)));
                }
            }
            FromChecker::Released { left } => {
                for key in &left {
                    tracing::error!(
                        "virtual server {key} could not be taken out of the kernel: `ipvsadm -D` does it"
                    );
                }
                self.write_record(left);
            }
        }
    }

    fn on_settled(&mut self, generation: u64, operations: u64, owned: Vec<ServiceKey>) {
        if generation != self.generation {
            return;
        }
        let wanted: Vec<_> = self.model.virtual_servers.iter().map(|vs| vs.key).collect();
        self.write_record(owned.into_iter().chain(wanted));
        if !self.started_up {
            self.started_up = true;
            let servers = self
                .model
                .virtual_servers
                .iter()
                .map(|vs| vs.real_servers.len())
                .sum();
            let what = What::StartupComplete {
                virtual_servers: self.model.virtual_servers.len(),
                real_servers: servers,
            };
            self.journal.tell(Told {
                cause: Cause::Start,
                what,
            });
        } else if self.generation > 1 {
            let what = What::ReloadComplete {
                generation,
                operations,
            };
            self.journal.tell(Told {
                cause: Cause::Reload { generation },
                what,
            });
        }
    }

    fn write_record(&mut self, services: impl IntoIterator<Item = ServiceKey>) {
        if let Err(error) = self.record.replace(services) {
            tracing::error!("cannot write down which virtual servers are ours: {error}");
        }
    }

    fn on_script_end(&mut self, ran: Result<Ran, tokio::task::JoinError>) {
        let Ok(Ran { pid, request, end }) = ran else {
            return;
        };
        if self
            .checker
            .as_ref()
            .is_some_and(|running| running.child.pid == pid)
        {
            self.send(&ToChecker::ScriptEnded { request, end });
        }
    }

    fn send(&mut self, message: &ToChecker) {
        if let Some(running) = &mut self.checker {
            running.child.send(message);
        }
    }

    fn tell_all(&mut self, told: Vec<Told>) {
        for told in told {
            self.journal.tell(told);
        }
    }
}

/// Reload.
impl Core {
    fn reload(&mut self) {
        if self.ending.is_some() {
            return;
        }
        tracing::info!("Reloading {}", self.options.file.display());
        crate::sys::systemd::reloading();
        let loaded = config::load(&self.options.file);
        log_diagnostics(&loaded.diagnostics);
        match loaded.model {
            Some(model) => self.take(model),
            None => {
                let errors = loaded.diagnostics.errors();
                let file = self.options.file.display().to_string();
                self.refused = Some(format!("{errors} errors in {file}"));
                let cause = Cause::Signal("SIGHUP".into());
                self.journal.tell(Told {
                    cause,
                    what: What::ReloadRefused { file, errors },
                });
            }
        }
        crate::sys::systemd::ready();
    }

    fn take(&mut self, model: Model) {
        if let Err(error) = self
            .record
            .add(model.virtual_servers.iter().map(|vs| vs.key))
        {
            tracing::error!(
                "cannot write down which virtual servers are ours, so the new configuration is not taken: {error}"
            );
            self.refused = Some(error.to_string());
            return;
        }
        self.refused = None;
        self.tell_script_problems(&model);
        self.runner = Arc::new(Runner::new(&model));
        self.model = Arc::new(model);
        self.generation += 1;
        let generation = self.generation;
        match &mut self.checker {
            Some(running) => {
                let model = Box::new(Model::clone(&self.model));
                running.child.send(&ToChecker::Reload { generation, model });
            }
            // Otherwise the next checker begins with it.
            None if self.restart_at.is_none() => {
                let _ = self.start_checker(Cause::Reload { generation });
            }
            None => {}
        }
    }

    fn tell_script_problems(&self, model: &Model) {
        for problem in super::scripts::inspect(model) {
            tracing::warn!("{problem}");
        }
    }
}

/// The end.
impl Core {
    fn stop(&mut self, signal: &str) {
        if self.ending.is_some() {
            return;
        }
        self.journal.tell(Told {
            cause: Cause::Signal(signal.to_owned()),
            what: What::Stopping,
        });
        crate::sys::systemd::stopping();
        self.restart_at = None;
        self.ending = Some(End {
            until: clock::now() + STOP_PATIENCE,
            second: false,
        });
        if self.checker.is_none() {
            if self.options.keep_ipvs || self.record.is_empty() {
                return;
            }
            // It has died just now: another one takes out what it has left.
            let _ = self.start_checker(Cause::Process);
        }
        self.send(&ToChecker::Stop {
            release: !self.options.keep_ipvs,
        });
    }

    /// The checker does not end by itself.
    async fn give_up_waiting(&mut self) {
        let Some(mut running) = self.checker.take() else {
            return;
        };
        tracing::error!(
            "checker process({}) has not ended within {} s: killing it",
            running.child.pid,
            STOP_PATIENCE.as_secs()
        );
        running.child.kill().await;
        let Some(end) = &mut self.ending else { return };
        let again = !end.second && !self.options.keep_ipvs;
        end.second = true;
        end.until = clock::now() + STOP_PATIENCE;
        if again && self.start_checker(Cause::Process).is_ok() {
            self.send(&ToChecker::Stop { release: true });
        }
    }

    fn finish(self) -> ExitCode {
        let _ = std::fs::remove_file(&self.checkers_pid_file);
        drop(self.control);
        self.pid_file.remove();
        tracing::info!("Stopped ipvsd v{}", env!("CARGO_PKG_VERSION"));
        match self.options.keep_ipvs || self.record.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

/// What is asked at the control socket.
impl Core {
    fn on_request(&mut self, asked: Asked) {
        match asked.request {
            Request::Events => {
                let events = self.journal.events().map(Into::into).collect();
                let _ = asked.answer.send(Answer::Events { events });
            }
            Request::Status if self.checker.is_some() => {
                self.next_request += 1;
                let request = self.next_request;
                self.send(&ToChecker::Status { request });
                let until = clock::now() + STATUS_PATIENCE;
                self.asked.push(StatusAsked {
                    request,
                    until,
                    answer: asked.answer,
                });
            }
            Request::Status => {
                let status = Box::new(self.status(None));
                let _ = asked.answer.send(Answer::Status(status));
            }
        }
    }

    fn status(&self, live: Option<&Live>) -> Status {
        let now = clock::now();
        // What a checker of an older generation says is about other servers.
        let live = live.filter(|live| live.generation == self.generation);
        let children = self.checker.iter().map(|running| ChildStatus {
            process: "checker".into(),
            pid: running.child.pid,
            answers: live.is_some(),
            age: (now - running.since).as_secs_f64(),
            restarts: self.restarts,
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            configuration: Configuration {
                file: self.options.file.display().to_string(),
                generation: self.generation,
                refused: self.refused.clone(),
            },
            uptime: (now - self.started).as_secs_f64(),
            children: children.collect(),
            table: report::table(live, now),
            virtual_servers: report::virtual_servers(&self.model, &self.memory, live, now),
            events: self.journal.count(),
        }
    }
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// News of the checker; never, if there is none.
async fn news_of(checker: &mut Option<Running>) -> ChildNews {
    match checker {
        Some(running) => running.child.news().await,
        None => std::future::pending().await,
    }
}

/// In words, how a child ended.
struct Ended<'a>(&'a Ending);

impl std::fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ending::Exited(status) => status.fmt(f),
            Ending::Talk(error) => error.fmt(f),
        }
    }
}

/// Every diagnostic as lines of the log.
pub fn log_diagnostics(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.lines() {
        match diagnostic.severity {
            config::Severity::Error => tracing::error!("{}", diagnostic.text),
            config::Severity::Warning => tracing::warn!("{}", diagnostic.text),
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
