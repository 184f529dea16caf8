//! All pools with all their checks: when each runs, what its outcome means, and
//! what the kernel should hold. Pure; the process drives it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::alert::{Cause, What};
use crate::check::schedule::When;
use crate::check::wording::Named;
use crate::check::{CheckKey, CheckState, Outcome, Schedule, Transition};
use crate::config::model::{Check, CheckSpec, Model};
use crate::daemon::messages::{CheckRuns, LastRun, NewVerdict, Told};
use crate::lvs::pool::{CheckSlot, Counts, Drains, Memory, Pool, PoolEvent, PoolState, ServerName};
use crate::lvs::{DestinationKey, Entry, PoolId, ServiceKey, Table};
use crate::moment::Moment;

/// The pools of one generation of the configuration.
#[derive(Default)]
pub struct Pools {
    model: Model,
    pools: Vec<Pool>,
    checks: Vec<CheckRun>,
    by_key: HashMap<CheckKey, u32>,
    /// By index into `checks`.
    schedule: Schedule<u32>,
    /// Pools that are not to be checked for now.
    suspended: HashSet<PoolId>,
    /// Counts the runs of all checks.
    runs: u64,
    /// Pools whose wanted entry may have changed since it was last asked for.
    changed: HashSet<usize>,
    drains: Drains,
}

/// One check and how it has been doing.
struct CheckRun {
    key: CheckKey,
    /// Index into `pools`, and into the model's virtual servers.
    pool: usize,
    slot: CheckSlot,
    state: CheckState,
    /// The number of the run under way whose outcome counts.
    under_way: Option<u64>,
    runs: CheckRuns,
    /// How late the run under way began.
    late: Duration,
    told_late: bool,
}

/// A check that is to be run now.
pub struct Job {
    pub key: CheckKey,
    /// The number of this run.
    pub run: u64,
    pub spec: CheckSpec,
    pub timeout: Duration,
    /// Set when the check begins so late that people should know.
    pub alarmingly_late: Option<Duration>,
}

/// What the outcome of a check comes to.
pub struct Ended {
    /// Set when core must know: the verdict, or what it rests on, is new.
    pub news: Option<Box<NewVerdict>>,
    /// What the log says of the attempt, if it is worth a line.
    pub remark: Option<String>,
}

/// Above this, what happens to all of them at once is one line of the log: people run
/// with `-D`, and writing 20,000 lines takes longer than programming the table.
const MANY_LINES: usize = 500;

/// In keepalived's words: `Activating`, `Suspending`.
fn log_healthcheckers(what: &str, checks: &[CheckKey]) {
    if checks.len() > MANY_LINES {
        tracing::debug!("{what} {} healthcheckers", checks.len());
        return;
    }
    for CheckKey { pool, server, .. } in checks {
        let server = ServerName(pool, *server);
        tracing::debug!("{what} healthchecker for service {server} for VS {pool}");
    }
}

impl Pools {
    /// Puts the pools of `model` in the place of these. What is known continues:
    /// from `memory` where it is given (a new process), else from these pools.
    /// Returns what is new about the pools that there are.
    pub fn configure(
        &mut self,
        model: Model,
        memory: Option<Memory>,
        suspended: Vec<PoolId>,
        now: Moment,
        mut random: impl FnMut() -> u64,
    ) -> Vec<PoolEvent> {
        let memory = memory.unwrap_or_else(|| self.memory());
        let before = std::mem::take(self);
        self.runs = before.runs;
        self.suspended = suspended.into_iter().collect();
        let mut events = Vec::new();
        let mut activated = Vec::new();
        let mut idle = Vec::new();
        for (index, virtual_server) in model.virtual_servers.iter().enumerate() {
            let (pool, news) = Pool::new(&model, virtual_server, &memory, now);
            events.extend(news);
            let is_suspended = self.suspended.contains(pool.id());
            for (slot, key, verdict) in pool.checks() {
                let Some(check) = check_at(&model, index, slot) else {
                    continue;
                };
                let id = self.checks.len() as u32;
                let old = before
                    .by_key
                    .get(&key)
                    .map(|id| (*id, &before.checks[*id as usize]));
                let when = old.and_then(|(id, _)| before.schedule.when(id));
                let was_suspended = before.suspended.contains(pool.id());
                let mut under_way = None;
                match when {
                    _ if is_suspended => idle.push(key.clone()),
                    // As soon as it may.
                    _ if was_suspended => {
                        activated.push(key.clone());
                        self.schedule.add_at(id, now);
                    }
                    // A shorter interval holds from now on, not after the longer one.
                    Some(When::Waiting(due)) => {
                        self.schedule
                            .add_at(id, due.min(now + check.timing.delay_loop));
                    }
                    Some(running) => {
                        under_way = old.and_then(|(_, old)| old.under_way);
                        self.schedule.adopt(id, running);
                    }
                    None => {
                        activated.push(key.clone());
                        self.schedule
                            .add_first(id, check.timing.warmup, random(), now);
                    }
                }
                let state = match old {
                    // With its retries, if the pool has not changed its mind.
                    Some((_, old)) if old.state.verdict() == verdict && !is_suspended => {
                        old.state.clone()
                    }
                    _ => CheckState::new(verdict.clone()),
                };
                self.by_key.insert(key.clone(), id);
                self.checks.push(CheckRun {
                    key,
                    pool: index,
                    slot,
                    state,
                    under_way,
                    runs: old.map(|(_, old)| old.runs.clone()).unwrap_or_default(),
                    late: old.map(|(_, old)| old.late).unwrap_or_default(),
                    told_late: false,
                });
            }
            self.pools.push(pool);
        }
        self.model = model;
        self.drains = memory.drains;
        log_healthcheckers("Activating", &activated);
        log_healthcheckers("Deactivating", &idle);
        events
    }

    /// Checks all pools but these. The verdicts stay as they are: of a pool that is not
    /// checked nothing new is known. What is under way comes to nothing; a pool that may
    /// be checked again is, at once.
    pub fn suspend(&mut self, suspended: Vec<PoolId>, now: Moment) {
        let before = std::mem::replace(&mut self.suspended, suspended.into_iter().collect());
        let mut activated = Vec::new();
        let mut idle = Vec::new();
        for (id, run) in self.checks.iter_mut().enumerate() {
            let id = id as u32;
            let pool = &run.key.pool;
            match (before.contains(pool), self.suspended.contains(pool)) {
                (false, true) => {
                    self.schedule.remove(id);
                    run.under_way = None;
                    // With all its retries when it is asked again.
                    run.state = CheckState::new(run.state.verdict().clone());
                    idle.push(run.key.clone());
                }
                (true, false) => {
                    self.schedule.add_at(id, now);
                    activated.push(run.key.clone());
                }
                _ => {}
            }
        }
        log_healthcheckers("Suspending", &idle);
        log_healthcheckers("Activating", &activated);
    }

    /// These real servers are drained by hand, and no others.
    pub fn set_drains(&mut self, drains: Drains) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        for (index, pool) in self.pools.iter_mut().enumerate() {
            let told = pool.set_drains(&drains);
            if !told.is_empty() {
                self.changed.insert(index);
                events.extend(told);
            }
        }
        self.drains = drains;
        events
    }

    /// The virtual servers in which connections are to be counted.
    pub fn counted_in(&self) -> HashSet<ServiceKey> {
        self.pools.iter().flat_map(Pool::counted_in).collect()
    }

    /// How many connections the real servers have that are drained or leaving.
    pub fn connections(&self, counts: &Counts) -> Vec<(PoolId, DestinationKey, u64)> {
        let all = self.pools.iter().flat_map(|pool| {
            let counted = pool.connections(counts);
            counted.map(|(server, open)| (pool.id().clone(), server, open))
        });
        all.collect()
    }

    /// When the time of the first real server that is leaving is up.
    pub fn next_departure(&self) -> Option<Moment> {
        self.pools.iter().filter_map(Pool::next_departure).min()
    }

    /// Lets go of those that have no connections any more, or no time.
    pub fn depart(&mut self, counts: Option<&Counts>, now: Moment) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        for (index, pool) in self.pools.iter_mut().enumerate() {
            let told = pool.depart(counts, now);
            if !told.is_empty() {
                self.changed.insert(index);
                events.extend(told);
            }
        }
        events
    }

    /// Everything that is known.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            drains: self.drains.clone(),
            ..Memory::default()
        };
        self.pools
            .iter()
            .for_each(|pool| pool.remember(&mut memory));
        memory
    }

    pub fn states(&self) -> Vec<(PoolId, PoolState)> {
        self.pools
            .iter()
            .map(|pool| (pool.id().clone(), pool.state()))
            .collect()
    }

    /// The whole wanted table.
    pub fn wanted(&mut self) -> Table {
        self.changed.clear();
        let services = self.pools.iter().flat_map(Pool::wanted);
        Table {
            services: services.collect(),
        }
    }

    /// The entries that may have changed since they were last asked for. Many
    /// verdicts on one pool are one change of its entry.
    pub fn take_changed(&mut self) -> Vec<(ServiceKey, Entry)> {
        let changed = std::mem::take(&mut self.changed);
        let pools = changed
            .into_iter()
            .filter_map(|index| self.pools.get(index));
        pools.flat_map(Pool::wanted).collect()
    }

    /// Says in the log which real servers clients lose when everything ends. Of very
    /// many only how many: the end must not wait for a log.
    pub fn log_shutdown(&self) {
        let count: usize = self.pools.iter().map(|pool| pool.servers().count()).sum();
        if count > MANY_LINES {
            tracing::debug!("Shutting down {count} services");
            return;
        }
        for pool in &self.pools {
            for (server, _) in pool.servers().filter(|(_, state)| state.up) {
                let server = ServerName(pool.id(), server);
                tracing::debug!("Shutting down service {server} from VS {}", pool.id());
            }
        }
    }

    pub fn next_due(&mut self) -> Option<Moment> {
        self.schedule.next_due()
    }

    /// The check that is to run now, if one is. It counts as running from now on.
    pub fn pop_due(&mut self, now: Moment) -> Option<Job> {
        let due = self.schedule.pop_due(now)?;
        let run = &mut self.checks[due.id as usize];
        self.runs += 1;
        run.under_way = Some(self.runs);
        run.late = due.late;
        run.runs.latest = run.runs.latest.max(due.late);
        let check = check_at(&self.model, run.pool, run.slot)?;
        let late = due.late > check.timing.delay_loop * 2;
        let alarmingly_late = (late && !run.told_late).then_some(due.late);
        run.told_late = late;
        Some(Job {
            key: run.key.clone(),
            run: self.runs,
            spec: check.spec.clone(),
            timeout: check.timing.timeout,
            alarmingly_late,
        })
    }

    /// Takes in what a check that took `took` came to at `now`. None where the check
    /// is no longer there, or nobody waits for this run of it.
    pub fn ended(
        &mut self,
        key: &CheckKey,
        number: u64,
        outcome: Outcome,
        took: Duration,
        now: Moment,
    ) -> Option<Ended> {
        let id = *self.by_key.get(key)?;
        let run = &mut self.checks[id as usize];
        if run.under_way != Some(number) {
            return None;
        }
        run.under_way = None;
        let check = check_at(&self.model, run.pool, run.slot)?;
        run.runs.runs += 1;
        run.runs.failures += u64::from(!outcome.is_success());
        run.runs.last = Some(LastRun {
            ended: now,
            took,
            late: run.late,
            outcome: outcome.clone(),
        });
        let failure_before = run.state.verdict().failure.clone();
        let step = run.state.on_outcome(&check.timing, outcome.clone(), now);
        let verdict = run.state.verdict().clone();
        self.schedule.finished(id, now + step.next_in);

        let named = named(&self.model, key, &check.spec);
        let remark = named.line(&step, failure_before.as_deref(), &outcome);
        // Of a check that is down the latest failure is the one that is told.
        let is_news = step.first || step.transition.is_some() || verdict.failure != failure_before;
        if !is_news {
            return Some(Ended { news: None, remark });
        }
        let pool = &mut self.pools[run.pool];
        let events = pool.on_verdict(run.slot, verdict.clone());
        if step.transition.is_some() {
            self.changed.insert(run.pool);
        }
        let cause = Cause::Check {
            keyword: check.spec.keyword().to_owned(),
            outcome: outcome.to_string(),
        };
        let told = |event| Told {
            cause: cause.clone(),
            what: What::Pool(event),
        };
        let news = pool.servers().nth(run.slot.server).map(|(_, server)| {
            Box::new(NewVerdict {
                key: key.clone(),
                verdict,
                server,
                quorum_up: pool.quorum_up(),
                sorry: pool.sorry_in(),
                told: events.into_iter().map(told).collect(),
            })
        });
        debug_assert!(
            !matches!(step.transition, Some(Transition::Up | Transition::Down)) || news.is_some()
        );
        Some(Ended { news, remark })
    }

    /// How each check has been running.
    pub fn runs(&self) -> Vec<(CheckKey, CheckRuns)> {
        self.checks
            .iter()
            .map(|run| (run.key.clone(), run.runs.clone()))
            .collect()
    }
}

fn check_at(model: &Model, pool: usize, slot: CheckSlot) -> Option<&Check> {
    model
        .virtual_servers
        .get(pool)?
        .real_servers
        .get(slot.server)?
        .checks
        .get(slot.check)
}

/// A check as the log names it.
fn named<'a>(model: &'a Model, key: &'a CheckKey, spec: &'a CheckSpec) -> Named<'a> {
    let script = match spec {
        CheckSpec::Misc(misc) => model.scripts.get(misc.script.0 as usize),
        CheckSpec::Tcp(_) | CheckSpec::Http(_) => None,
    };
    Named {
        pool: &key.pool,
        server: key.server,
        spec,
        script,
    }
}
