//! Notify scripts: which are run when an instance, a sync group, a virtual server or a
//! real server changes, and in which order.
//!
//! Each object has a queue: the next script starts when the one before it has ended or
//! was killed, so that what a script leaves behind fits the latest state. Those of
//! different objects run side by side, and nothing waits for any of them.

mod pools;
mod queues;

use std::collections::{HashMap, VecDeque};
use std::fmt;

use self::pools::{PoolSubject, ToldPools, Turn};
use self::queues::{Push, Queues};
use super::*;
use crate::config::model::{Notify, ScriptId};
use crate::daemon::scripts::Leavings;
use crate::lvs::PoolId;
use crate::lvs::pool::PoolState;
use crate::vrrp::{Change, Priority, State, Subject, VrrpEvent};

/// How many scripts of one object may wait. An object that changes faster than its
/// scripts run has its oldest changes left out.
const WAITING: usize = 100;

/// How many scripts of virtual servers and real servers run at a time. When a switch
/// fails, thousands go down at once, and their checks have to go on.
const POOLS_AT_ONCE: usize = 64;

/// An object that has scripts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Router(Subject),
    Pool(PoolSubject),
}

/// As the log has it.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Router(subject) => f.write_str(subject.name()),
            Owner::Pool(subject) => subject.fmt(f),
        }
    }
}

/// A script that is to be run.
#[derive(Clone)]
pub(super) struct Job {
    runner: Arc<Runner>,
    script: ScriptId,
    arguments: Vec<String>,
    /// How long it may take.
    limit: Duration,
    /// For messages: whose it is, and for which state.
    label: String,
}

/// What scripts were last told of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notified {
    State(State),
    /// ipvsd ends.
    Stopped,
    /// It is no longer configured, or is another one on the wire.
    Removed,
}

impl Notified {
    /// As scripts are told.
    fn word(self) -> &'static str {
        match self {
            Notified::State(state) => state.name(),
            Notified::Stopped => "STOP",
            // As keepalived has it. It takes no part any more.
            Notified::Removed => State::Fault.name(),
        }
    }
}

/// The scripts that run and wait, and what they were last told.
#[derive(Default)]
pub(super) struct Notifier {
    queues: Queues<Owner, Job>,
    running: JoinSet<Owner>,
    /// Of those that run.
    running_of_pools: usize,
    /// Those whose turn it is, as soon as another has ended.
    crowded_out: VecDeque<(Owner, Job)>,
    notified: HashMap<Subject, Notified>,
    told_pools: ToldPools,
}

impl Notifier {
    /// After another core, which has told scripts what is known.
    pub fn after(memory: &Memory) -> Self {
        Notifier {
            told_pools: ToldPools::believe(memory),
            ..Notifier::default()
        }
    }

    /// Whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }

    /// The end of a script; never, if none runs.
    pub async fn ended(&mut self) -> Owner {
        loop {
            match self.running.join_next().await {
                Some(Ok(owner)) => return owner,
                // It was given up.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Starts what is next in this object's queue.
    pub fn on_ended(&mut self, owner: &Owner) {
        if matches!(owner, Owner::Pool(_)) {
            self.running_of_pools -= 1;
        }
        if let Some(job) = self.queues.ended(owner) {
            self.start(owner.clone(), job);
        }
        if self.running_of_pools < POOLS_AT_ONCE
            && let Some((owner, job)) = self.crowded_out.pop_front()
        {
            self.start(owner, job);
        }
    }

    /// Ends what runs, and runs nothing of what waits.
    pub fn give_up(&mut self) {
        for (_, job) in self.crowded_out.drain(..) {
            tracing::error!("a notify script for {} is not run: too many are", job.label);
        }
        for (owner, waiting) in self.queues.clear() {
            let waiting = match waiting.len() {
                0 => String::new(),
                n => format!(", and {n} that wait are not run"),
            };
            tracing::error!("a notify script for {owner} has not ended and is killed{waiting}");
        }
        self.running.abort_all();
    }

    /// Waits until nobody waits for a script any more, upon which each is killed.
    pub async fn shutdown(&mut self) {
        self.running.shutdown().await;
    }

    fn run(&mut self, owner: &Owner, job: Job) {
        match self.queues.push(owner.clone(), job, WAITING) {
            Push::Start(job) => self.start(owner.clone(), job),
            Push::Waits => {}
            Push::InPlaceOf(job) => tracing::error!(
                "notify script for {} is left out: {WAITING} scripts of it wait already",
                job.label
            ),
        }
    }

    fn start(&mut self, owner: Owner, job: Job) {
        if matches!(owner, Owner::Pool(_)) {
            if self.running_of_pools >= POOLS_AT_ONCE {
                self.crowded_out.push_back((owner, job));
                return;
            }
            self.running_of_pools += 1;
        }
        self.running.spawn(async move {
            let Job {
                runner,
                script,
                arguments,
                limit,
                label,
            } = job;
            let name = runner.name(script);
            tracing::debug!("Running {name} for {label}");
            let end = runner
                .run_apart(script, arguments, limit, Leavings::Spare)
                .await;
            match end {
                ScriptEnd::Exited(0) => {}
                ScriptEnd::Exited(status) => {
                    tracing::warn!("{name} for {label} has ended with status {status}");
                }
                ScriptEnd::Signalled(signal) => {
                    tracing::warn!("{name} for {label} was ended by signal {signal}");
                }
                ScriptEnd::TimedOut(after) => tracing::error!(
                    "{name} for {label} was killed: it has taken longer than {} s",
                    after.as_secs()
                ),
                ScriptEnd::NotRun(why) => {
                    tracing::error!("{name} for {label} was not run: {why}");
                }
            }
            owner
        });
    }
}

impl Core {
    /// Runs the scripts that are configured for what has happened.
    pub(super) fn notify(&mut self, event: &VrrpEvent) {
        let subject = &event.subject;
        let (notified, priority) = match &event.change {
            Change::Entered { to, priority, .. } => (Notified::State(*to), *priority),
            Change::Stopped { priority, .. } => match self.ending {
                Some(_) => (Notified::Stopped, *priority),
                None => (Notified::Removed, *priority),
            },
            // It comes once a minute at most, however many adverts there are, and so
            // does the script. keepalived runs it for each of them.
            Change::OtherMaster { .. } => {
                return self.run_scripts(subject, "MASTER_RX_LOWER_PRI", |notify| {
                    let script = notify.master_rx_lower_pri;
                    script
                        .map(|script| (script, Vec::new()))
                        .into_iter()
                        .collect()
                });
            }
            _ => return,
        };
        if notified == Notified::State(State::Init) {
            return;
        }
        // A process that goes on where the one before it was has changed nothing.
        let before = self.notifier.notified.insert(subject.clone(), notified);
        if before != Some(notified) {
            self.run_scripts(subject, notified.word(), |notify| {
                jobs(notify, subject, notified, priority).collect()
            });
        }
    }

    /// Runs those of an object's scripts that `choose` gives, with these arguments behind
    /// their own.
    fn run_scripts(
        &mut self,
        subject: &Subject,
        what: &str,
        choose: impl FnOnce(&Notify) -> Vec<(ScriptId, Vec<String>)>,
    ) {
        // What is no longer configured still stops by what was.
        let found = self
            .taken
            .values()
            .rev()
            .find_map(|taken| Some((taken, scripts_of(&taken.model, subject)?)));
        let Some((taken, notify)) = found else { return };
        let label = format!("{} ({what})", subject.name());
        for (script, arguments) in choose(notify) {
            let job = Job {
                runner: taken.runner.clone(),
                script,
                arguments,
                limit: taken.model.global.notify_timeout,
                label: label.clone(),
            };
            self.notifier.run(&Owner::Router(subject.clone()), job);
        }
    }

    /// Runs the scripts for what has become of the pools, which are these now.
    pub(super) fn notify_of_pools(&mut self, pools: &[(PoolId, PoolState)]) {
        if self.ending.is_none() {
            let turns = self.notifier.told_pools.on_pools(&self.model, pools);
            self.run_pool_scripts(turns);
        }
    }

    /// Runs the scripts for what a verdict has made of its pool.
    pub(super) fn notify_of_verdict(&mut self, news: &NewVerdict) {
        if self.ending.is_none() {
            let turns = self.notifier.told_pools.on_verdict(news);
            self.run_pool_scripts(turns);
        }
    }

    /// Runs the scripts for what goes down at the end (`omega`).
    pub(super) fn notify_of_end(&mut self) {
        let turns = self.notifier.told_pools.on_end(&self.model);
        self.run_pool_scripts(turns);
    }

    fn run_pool_scripts(&mut self, turns: Vec<Turn>) {
        for Turn { subject, up } in turns {
            // What is no longer configured goes down by what was.
            let mut taken = self.taken.values().rev();
            let found = taken.find_map(|taken| Some((taken, taken.pool_script(&subject, up)?)));
            let Some((taken, Some(script))) = found else {
                continue;
            };
            let state = if up { "up" } else { "down" };
            let job = Job {
                runner: taken.runner.clone(),
                script,
                arguments: Vec::new(),
                limit: taken.model.global.notify_timeout,
                label: format!("{subject} ({state})"),
            };
            self.notifier.run(&Owner::Pool(subject), job);
        }
    }
}

impl Taken {
    /// What is run when this has come up or gone down; None where it is not configured
    /// at all.
    fn pool_script(&self, subject: &PoolSubject, up: bool) -> Option<Option<ScriptId>> {
        match subject {
            PoolSubject::VirtualServer(pool) => {
                let virtual_server = self.virtual_server(pool)?;
                Some(match up {
                    true => virtual_server.quorum_up,
                    false => virtual_server.quorum_down,
                })
            }
            PoolSubject::RealServer(pool, server) => {
                let mut servers = self.virtual_server(pool)?.real_servers.iter();
                let server = servers.find(|it| it.key == *server)?;
                Some(match up {
                    true => server.notify_up,
                    false => server.notify_down,
                })
            }
        }
    }
}

/// What is run, and with which arguments behind its own: `notify_master` and its like as
/// they are, `notify` with everything. What is removed has `notify` alone, and a group
/// has the priority 0, as keepalived does it.
fn jobs(
    notify: &Notify,
    subject: &Subject,
    notified: Notified,
    priority: Priority,
) -> impl Iterator<Item = (ScriptId, Vec<String>)> {
    let own = match notified {
        Notified::State(State::Master) => notify.master,
        Notified::State(State::Backup) => notify.backup,
        Notified::State(State::Fault) => notify.fault,
        Notified::State(State::Init) | Notified::Removed => None,
        Notified::Stopped => notify.stop,
    };
    let (what, priority) = match subject {
        Subject::Instance(_) => ("INSTANCE", priority.0),
        Subject::Group(_) => ("GROUP", 0),
        // It has no scripts.
        Subject::Interface(_) => ("INTERFACE", 0),
    };
    let everything = vec![
        what.to_owned(),
        subject.name().to_owned(),
        notified.word().to_owned(),
        priority.to_string(),
    ];
    // Of a group that is dissolved nothing is run at all.
    let is_dissolved = matches!((subject, notified), (Subject::Group(_), Notified::Removed));
    let any = notify.any.filter(|_| !is_dissolved);
    let any = any.map(|script| (script, everything));
    own.map(|script| (script, Vec::new()))
        .into_iter()
        .chain(any)
}

/// None where it is not configured.
fn scripts_of<'a>(model: &'a Model, subject: &Subject) -> Option<&'a Notify> {
    match subject {
        Subject::Instance(name) => {
            let mut instances = model.vrrp_instances.iter();
            let instance = instances.find(|it| it.settings.name == *name)?;
            Some(&instance.notify)
        }
        Subject::Group(name) => {
            let mut groups = model.vrrp_sync_groups.iter();
            let group = groups.find(|it| it.settings.name == *name)?;
            Some(&group.notify)
        }
        // It enters no state.
        Subject::Interface(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_script_and_all_have_notify() {
        let notify = Notify {
            master: Some(ScriptId(1)),
            backup: Some(ScriptId(2)),
            fault: Some(ScriptId(3)),
            stop: Some(ScriptId(4)),
            master_rx_lower_pri: None,
            any: Some(ScriptId(5)),
        };
        let instance = Subject::Instance("VI_1".into());
        let group = Subject::Group("G1".into());
        let run = |subject, notified| -> Vec<(u32, String)> {
            jobs(&notify, subject, notified, Priority(150))
                .map(|(script, arguments)| (script.0, arguments.join(" ")))
                .collect()
        };
        for (state, own, word) in [
            (State::Master, 1, "MASTER"),
            (State::Backup, 2, "BACKUP"),
            (State::Fault, 3, "FAULT"),
        ] {
            let any = format!("INSTANCE VI_1 {word} 150");
            let expected = [(own, String::new()), (5, any)];
            assert_eq!(run(&instance, Notified::State(state)), expected);
        }
        let expected = [(4, String::new()), (5, "GROUP G1 STOP 0".to_owned())];
        assert_eq!(run(&group, Notified::Stopped), expected);
        let expected = [(5, "INSTANCE VI_1 FAULT 150".to_owned())];
        assert_eq!(run(&instance, Notified::Removed), expected);
        assert_eq!(run(&group, Notified::Removed), []);
    }

    #[test]
    fn what_is_not_configured_is_not_run() {
        let notify = Notify {
            any: Some(ScriptId(0)),
            ..Notify::default()
        };
        let subject = Subject::Instance("VI_1".into());
        let master = Notified::State(State::Master);
        assert_eq!(jobs(&notify, &subject, master, Priority(1)).count(), 1);
        let none = Notify::default();
        assert_eq!(jobs(&none, &subject, master, Priority(1)).count(), 0);
    }
}
