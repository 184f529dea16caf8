//! The checker process: the pools of real servers, the probes, the IPVS table.
//!
//! It reads strangers' bytes, so it executes nothing and opens no file: scripts are
//! run by core, which is asked for them by number. It ends when core's end of the
//! socket does, and leaves the kernel's table as it is.

mod pools;
mod table;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::pools::{Job, Pools};
use self::table::TableKeeper;
use super::child;
use super::ipc::Connection;
use super::messages::{FromChecker, Live, RefusedOp, Start, ToChecker, Told};
use crate::alert::{Cause, What};
use crate::check::misc::{self, ScriptEnd};
use crate::check::{CheckKey, FailureKind, Outcome};
use crate::config::model::{CheckSpec, IpvsGlobal, MiscCheck};
use crate::lvs::pool::{Counts, PoolEvent};
use crate::lvs::{DestinationKey, PoolId};
use crate::moment::Moment;
use crate::probe;
use crate::sys::{clock, ipvs::Ipvs, sandbox};

/// Descriptors that are not for probes: the runtime's, the log's, netlink, core.
const RESERVED_DESCRIPTORS: usize = 64;

/// How long after a script's own time limit core may stay silent about it.
const SCRIPT_GRACE: Duration = Duration::from_secs(5);

/// How long the checker takes at most to take everything out when it is told to end.
const RELEASE_LIMIT: Duration = Duration::from_secs(3);

type Core = Connection<FromChecker, ToChecker>;

/// The whole life of a checker. `core` is its end of the socket pair; `ipvs` a socket to
/// IPVS, where its table is in another network namespace.
pub fn main(core: OwnedFd, ipvs: Option<OwnedFd>) -> ExitCode {
    child::run("the checker", core, async |mut core: Core| {
        match Checker::start(&mut core, ipvs).await {
            Ok(Some(checker)) => checker.run(core).await,
            Ok(None) => ExitCode::SUCCESS,
            Err(why) => {
                core.send(&FromChecker::Failed(why));
                // A short message into an empty socket has gone out already.
                debug_assert!(core.is_flushed());
                ExitCode::FAILURE
            }
        }
    })
}

struct Checker {
    generation: u64,
    cause: Cause,
    pools: Pools,
    table: TableKeeper,
    /// What the configuration says of IPVS as a whole.
    ipvs: IpvsGlobal,
    /// Its memory is kept out of swap space.
    no_swap: bool,
    /// Whether the instance is master that the synchronisation follows.
    is_master: Option<bool>,
    /// Probes and scripts under way.
    running: JoinSet<Finished>,
    most_running: usize,
    scripts: HashMap<u64, oneshot::Sender<ScriptEnd>>,
    next_script: u64,
    random: Random,
    /// Operations sent when the present generation began; None once it has settled.
    settling_from: Option<u64>,
    /// When the time of a real server that is leaving is up.
    next_departure: Option<Moment>,
    /// What was last counted.
    counts: Option<Counts>,
    /// What was last told of the connections of those that are drained or leaving.
    told_connections: Option<Vec<(PoolId, DestinationKey, u64)>>,
    /// Told to end: until then everything is to be out.
    stopping: Option<Stopping>,
}

struct Stopping {
    /// It ends then in any case.
    until: Moment,
    /// The virtual servers are to be out.
    release: bool,
}

struct Finished {
    key: CheckKey,
    /// As [`Job::run`].
    run: u64,
    outcome: Outcome,
    took: Duration,
}

impl Checker {
    /// Opens IPVS, gives up every right that is not needed, and takes in what core
    /// has to say first. None where core has ended meanwhile.
    async fn start(core: &mut Core, ipvs: Option<OwnedFd>) -> Result<Option<Checker>, String> {
        let ipvs = match ipvs {
            Some(socket) => Ipvs::open_by(socket).await,
            None => Ipvs::open().await,
        };
        let ipvs = ipvs.map_err(|error| error.to_string())?;
        match sandbox::confine_checker() {
            Ok(confinement) if confinement.seccomp => {}
            Ok(_) => tracing::warn!(
                "this kernel has no seccomp: the checker runs with fewer capabilities, but without a filter of system calls"
            ),
            Err(error) => return Err(format!("the checker cannot give up its rights: {error}")),
        }
        let start = loop {
            match core.next().await {
                Ok(Some(ToChecker::Start(start))) => break start,
                Ok(Some(ToChecker::Ping)) => core.send(&FromChecker::Alive),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        };
        let Start {
            generation,
            model,
            owned,
            held,
            is_master,
            flush,
            memory,
            suspended,
            cause,
        } = *start;
        let audit_interval = model.global.audit_interval;
        let mut checker = Checker {
            generation,
            cause,
            pools: Pools::default(),
            table: TableKeeper::new(ipvs, owned, held, audit_interval),
            ipvs: IpvsGlobal::default(),
            no_swap: false,
            is_master,
            running: JoinSet::new(),
            most_running: descriptor_limit()
                .saturating_sub(RESERVED_DESCRIPTORS)
                .max(1),
            scripts: HashMap::new(),
            next_script: 0,
            random: Random::default(),
            settling_from: None,
            next_departure: None,
            counts: None,
            told_connections: None,
            stopping: None,
        };
        if flush {
            checker.table.settings.flush();
        }
        checker.configure(model, Some(memory), suspended, core);
        Ok(Some(checker))
    }

    async fn run(mut self, mut core: Core) -> ExitCode {
        loop {
            let now = clock::now();
            let wake = self.begin_what_is_due(now, &mut core);
            if let Some(code) = self.end_if_released(now, &mut core) {
                return code;
            }
            tokio::select! {
                message = core.next() => match message {
                    Ok(Some(message)) => self.on_message(message, &mut core),
                    Ok(None) => {
                        tracing::warn!("core has ended; the checker ends too and leaves the kernel's table as it is");
                        return ExitCode::FAILURE;
                    }
                    Err(error) => {
                        tracing::error!("{error}; the checker ends and leaves the kernel's table as it is");
                        return ExitCode::FAILURE;
                    }
                },
                done = self.table.done() => {
                    let notes = self.table.finish(done, clock::now());
                    let told = notes.into_iter().map(|what| Told { cause: Cause::Table, what });
                    let told: Vec<_> = told.collect();
                    if !told.is_empty() {
                        core.send(&FromChecker::Table(told));
                    }
                    if let Some(counts) = self.table.take_counts() {
                        self.on_counts(counts, &mut core);
                    }
                }
                Some(finished) = self.running.join_next() => match finished {
                    Ok(finished) => self.on_finished(finished, &mut core),
                    // At the end nobody waits for what was under way.
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => {
                        // Its check would never run again; a new checker runs them all.
                        tracing::error!("a check was lost: {error}; the checker ends, core starts another");
                        return ExitCode::FAILURE;
                    }
                },
                () = clock::sleep_until(wake) => {}
            }
        }
    }

    /// Starts what is to be started, and says when to look again.
    fn begin_what_is_due(&mut self, now: Moment, core: &mut Core) -> Moment {
        const LONG: Duration = Duration::from_secs(3600);
        let mut wake = now + LONG;
        if self.stopping.is_none() {
            if self
                .next_departure
                .is_some_and(|departure| departure <= now)
            {
                let counts = self.counts.take();
                self.depart(counts.as_ref(), core);
            }
            wake = wake.min(self.next_departure.unwrap_or(wake));
        }
        if self.table.is_idle() {
            for (key, entry) in self.pools.take_changed() {
                if self.stopping.is_none() {
                    self.table.keeper.want(key, Some(entry));
                }
            }
            let again = self.table.begin(now);
            // Before it is carried out: what has been begun waits until it is asked for.
            if let Some(held) = self.table.settings.take_held() {
                core.send(&FromChecker::Held(held));
            }
            if let Some(again) = again {
                wake = wake.min(again);
            }
            self.tell_if_settled(core);
        }
        if let Some(stopping) = &self.stopping {
            return wake.min(stopping.until);
        }
        while self.running.len() < self.most_running {
            let Some(job) = self.pools.pop_due(now) else {
                break;
            };
            self.run_check(job, core);
        }
        if self.running.len() < self.most_running
            && let Some(due) = self.pools.next_due()
        {
            wake = wake.min(due);
        }
        wake
    }

    fn tell_if_settled(&mut self, core: &mut Core) {
        let Some(from) = self.settling_from else {
            return;
        };
        if !self.table.is_idle() {
            return;
        }
        // What the kernel refuses is tried again for ever; the start is over when
        // everything else is there.
        let operations = self.table.counters().sent - from;
        let owned = self.table.keeper.owned().copied().collect();
        core.send(&FromChecker::Settled {
            generation: self.generation,
            operations,
            owned,
        });
        self.settling_from = None;
    }

    fn run_check(&mut self, job: Job, core: &mut Core) {
        let Job {
            key,
            run,
            spec,
            timeout,
            alarmingly_late,
        } = job;
        if let Some(late) = alarmingly_late {
            tracing::warn!(
                "{} on {} of VS {} is {:.1} s late: are there more checks than this machine can run?",
                spec.keyword(),
                key.server,
                key.pool,
                late.as_secs_f64()
            );
        }
        let began = clock::now();
        match spec {
            CheckSpec::Misc(MiscCheck { script, dynamic }) => {
                self.next_script += 1;
                let request = self.next_script;
                let (sender, end) = oneshot::channel();
                // Of those whose time was up nobody waits for the end.
                self.scripts.retain(|_, waiting| !waiting.is_closed());
                self.scripts.insert(request, sender);
                let generation = self.generation;
                core.send(&FromChecker::RunScript {
                    request,
                    script,
                    generation,
                    timeout,
                });
                self.running.spawn(async move {
                    let outcome = match tokio::time::timeout(timeout + SCRIPT_GRACE, end).await {
                        Ok(Ok(end)) => misc::outcome(end, dynamic),
                        _ => FailureKind::Internal("core does not say how the script ended".into())
                            .into(),
                    };
                    Finished {
                        key,
                        run,
                        outcome,
                        took: clock::now() - began,
                    }
                });
            }
            spec => {
                self.running.spawn(async move {
                    let outcome = probe::run(&spec, timeout).await;
                    Finished {
                        key,
                        run,
                        outcome,
                        took: clock::now() - began,
                    }
                });
            }
        }
    }

    fn on_finished(&mut self, finished: Finished, core: &mut Core) {
        let Finished {
            key,
            run,
            outcome,
            took,
        } = finished;
        let Some(ended) = self.pools.ended(&key, run, outcome, took, clock::now()) else {
            return;
        };
        if let Some(remark) = ended.remark {
            tracing::info!("{remark}");
        }
        if let Some(news) = ended.news {
            core.send(&FromChecker::Verdict(news));
        }
    }

    fn on_message(&mut self, message: ToChecker, core: &mut Core) {
        match message {
            ToChecker::Ping => core.send(&FromChecker::Alive),
            ToChecker::Start(_) => tracing::error!("core starts a checker that runs already"),
            ToChecker::Reload {
                generation,
                model,
                suspended,
                is_master,
            } => {
                self.generation = generation;
                self.is_master = is_master;
                self.cause = Cause::Reload { generation };
                self.configure(*model, None, suspended, core);
            }
            ToChecker::Suspended(suspended) => {
                self.pools.suspend(suspended, clock::now());
            }
            ToChecker::Drains { drains, cause } => {
                let events = self.pools.set_drains(drains);
                self.tell_pools(events, cause, core);
            }
            ToChecker::ScriptEnded { request, end } => {
                if let Some(waiting) = self.scripts.remove(&request) {
                    // Nobody waits where the time was up.
                    let _ = waiting.send(end);
                }
            }
            ToChecker::Status { request } => {
                let live = Box::new(self.live());
                core.send(&FromChecker::Status { request, live });
            }
            ToChecker::Follow { is_master } => {
                self.is_master = is_master;
                self.want_settings();
            }
            ToChecker::Stop { release, flush } => {
                self.running.abort_all();
                if release {
                    self.pools.log_shutdown();
                }
                match (release, flush) {
                    (_, true) => self.table.empty(),
                    (true, false) => self.table.release_all(),
                    (false, false) => self.table.release_settings(),
                }
                self.stopping = Some(Stopping {
                    until: clock::now() + RELEASE_LIMIT,
                    release,
                });
            }
        }
    }

    fn configure(
        &mut self,
        model: crate::config::model::Model,
        memory: Option<crate::lvs::pool::Memory>,
        suspended: Vec<PoolId>,
        core: &mut Core,
    ) {
        let now = clock::now();
        self.table
            .keeper
            .set_audit_interval(model.global.audit_interval);
        self.table
            .settings
            .set_audit_interval(model.global.audit_interval);
        let no_swap = model.global.checker_process.no_swap;
        child::keep_in_memory("checker", &mut self.no_swap, no_swap);
        self.ipvs = model.global.ipvs.clone();
        self.table.set_receive_buffer(self.ipvs.receive_buffer);
        self.want_settings();
        let events = self
            .pools
            .configure(model, memory, suspended, now, || self.random.next());
        self.tell_pools(events, self.cause.clone(), core);
        self.settling_from = Some(self.table.counters().sent);
        self.table.keeper.want_all(self.pools.wanted());
    }

    /// Tells what is new about the pools, and counts the connections of those real servers
    /// that are drained or leaving now.
    fn tell_pools(&mut self, events: Vec<PoolEvent>, cause: Cause, core: &mut Core) {
        let told = |event| Told {
            cause: cause.clone(),
            what: What::Pool(event),
        };
        core.send(&FromChecker::Pools {
            pools: self.pools.states(),
            told: events.into_iter().map(told).collect(),
        });
        // What was counted before says nothing of those that are leaving since.
        self.counts = None;
        self.told_connections = None;
        self.next_departure = self.pools.next_departure();
        self.table.count_in(self.pools.counted_in(), clock::now());
    }

    fn on_counts(&mut self, counts: Counts, core: &mut Core) {
        let connections = self.pools.connections(&counts);
        if self.told_connections.as_ref() != Some(&connections) {
            core.send(&FromChecker::Connections(connections.clone()));
            self.told_connections = Some(connections);
        }
        self.depart(Some(&counts), core);
        self.counts = Some(counts);
    }

    /// Lets go of the real servers that have left and have no connections any more, or no
    /// time.
    fn depart(&mut self, counts: Option<&Counts>, core: &mut Core) {
        let events = self.pools.depart(counts, clock::now());
        if !events.is_empty() {
            self.tell_pools(events, Cause::Table, core);
        }
    }

    /// What IPVS is to have beside its table, but at the end.
    fn want_settings(&mut self) {
        if self.stopping.is_none() {
            let settings = self.ipvs.settings(self.is_master);
            self.table.settings.want(settings);
        }
    }

    /// The end, once everything is out of the kernel or the time for it is over.
    fn end_if_released(&mut self, now: Moment, core: &mut Core) -> Option<ExitCode> {
        let Stopping { until, release } = self.stopping.as_ref()?;
        let is_out = !release || self.table.keeper.owned().next().is_none();
        let is_as_before = self.table.settings.is_released();
        if !(self.table.is_idle() && is_out && is_as_before) && now < *until {
            return None;
        }
        let left = self.table.keeper.owned().copied().collect();
        core.send(&FromChecker::Released { left });
        Some(ExitCode::SUCCESS)
    }

    fn live(&self) -> Live {
        let keeper = &self.table.keeper;
        let refused = keeper
            .refused()
            .map(|(service, server, error, retry_at)| RefusedOp {
                service: *service,
                server,
                why: error.to_string(),
                retry_at,
            });
        let kernel = keeper.owned().filter_map(|key| {
            let entry = keeper.believed(key)?;
            let servers = entry
                .destinations
                .iter()
                .map(|(server, as_is)| (*server, as_is.weight));
            Some((*key, servers.collect()))
        });
        Live {
            generation: self.generation,
            settled: keeper.is_settled(),
            counters: self.table.counters(),
            running: self.running.len(),
            refused: refused.collect(),
            checks: self.pools.runs(),
            kernel: kernel.collect(),
        }
    }
}

/// Random numbers good enough to spread checks out.
#[derive(Default)]
struct Random {
    seed: RandomState,
    count: u64,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.seed.hash_one(self.count)
    }
}

/// How many descriptors this process may have.
fn descriptor_limit() -> usize {
    use nix::sys::resource::{Resource, getrlimit};
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(limit).unwrap_or(usize::MAX).min(1 << 20)
}
