//! Keeps the kernel's table equal to what is wanted.
//!
//! A [`Keeper`] holds what is wanted, what the kernel is believed to have, and what
//! is owned. It does no I/O and reads no clock: [`Keeper::next`] says what to do,
//! and the answer goes back in.
//!
//! ```text
//! loop {
//!     match keeper.next(now) {
//!         Step::Dump(keys)   => notes = keeper.dumped(now, ipvs.dump(&keys).await),
//!         Step::Execute(ops) => notes = keeper.executed(now, ops zipped with ipvs.execute(&ops).await),
//!         Step::Wait(until)  => sleep until then or until want(), want_all() or release_all() was called
//!     }
//! }
//! ```
//!
//! `want`, `want_all` and `release_all` may be called at any time, also while a step
//! is under way; `next` then returns `Wait(None)` until the step's answer is in.
//!
//! # Why it is as it is
//!
//! * IPVS sends no notifications, so what others do to the table is seen by looking:
//!   at every virtual server before its first change, after every contradiction,
//!   after a reload, and once in every audit interval.
//! * A dump is not atomic and does not say when it was torn. So nothing that a torn
//!   one can make us do is harmful (adding what is there is refused), and what was
//!   put right is told only after the kernel has taken it, not when it was seen.
//! * An operation and a dump are never under way at the same time, so a dump is
//!   never older than an operation.
//! * Ownership is by virtual server. The keeper never names another in an operation.

mod answers;
mod note;
mod queue;
mod repeats;
mod trouble;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use indexmap::IndexMap;

pub use note::{Note, Repair};
pub use repeats::TOLD_IN_FULL;
pub use trouble::LONGEST_PAUSE;

use super::reconcile::reconcile_service;
use super::refusal::OpError;
use super::table::{Entry, IpvsOp, Table};
use super::types::{DestinationKey, ServiceKey};
use crate::moment::Moment;
use queue::Queue;
use repeats::Repeats;
use trouble::{Spot, Troubles};

/// The most operations in one [`Step::Execute`]: what goes to the kernel in one
/// send, and how long a changed verdict waits at most behind a long list.
pub const BATCH: usize = 128;

/// An audit more often than this would be all that is done.
const SHORTEST_AUDIT_INTERVAL: Duration = Duration::from_millis(100);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read these virtual servers from the kernel and call [`Keeper::dumped`].
    Dump(HashSet<ServiceKey>),
    /// Carry these out in this order and call [`Keeper::executed`]. From 1 to
    /// [`BATCH`].
    Execute(Vec<IpvsOp>),
    /// Nothing until then; None is until something is wanted or the step under way
    /// has ended.
    Wait(Option<Moment>),
}

/// What is known of a virtual server's state in the kernel. What is believed is in
/// [`Keeper::believed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Never looked at.
    Unseen,
    /// As last seen, and changed since by ourselves only.
    Sure,
    /// An answer of the kernel contradicts what is believed: someone else was here.
    Contradicted,
    /// It is not known whether an operation of ours was carried out.
    Lost,
}

#[derive(Clone, Debug)]
struct Record {
    wanted: Option<Entry>,
    trust: Trust,
    /// It is in the record of an earlier run.
    recorded: bool,
}

/// Where a virtual server was found changed by someone else.
#[derive(Clone, Debug)]
enum Drift {
    Gone,
    Spots(HashSet<Spot>),
}

#[derive(Clone, Debug)]
enum UnderWay {
    Nothing,
    Dump {
        keys: HashSet<ServiceKey>,
        full: bool,
    },
    Execute {
        ops: usize,
        keys: HashSet<ServiceKey>,
    },
}

/// Nothing can be done at all.
#[derive(Clone, Debug)]
struct Fault {
    error: OpError,
    failures: u32,
    retry_at: Moment,
    told: bool,
}

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Keeper {
    audit_interval: Duration,
    /// Whether it was ever said what is wanted. Nothing is removed before.
    told: bool,
    records: IndexMap<ServiceKey, Record>,
    ownership: u64,
    believed: Table,
    /// The records that are not [`Trust::Sure`].
    unsure: HashSet<ServiceKey>,
    /// Virtual servers that may need operations: single changes before the long list
    /// of a start or a reload.
    urgent: Queue,
    bulk: Queue,
    /// Those that are to go, after all others: their clients may be those of
    /// something new.
    leaving: Queue,
    troubles: Troubles,
    drift: HashMap<ServiceKey, Drift>,
    repeats: Repeats,
    fault: Option<Fault>,
    /// The one that was told last, and when.
    fault_told: Option<(OpError, Moment)>,
    under_way: UnderWay,
    /// Look at everything as soon as there is nothing else to do.
    verify: bool,
    audit_at: Option<Moment>,
}

/// What is wanted.
impl Keeper {
    /// `owned` are the virtual servers that the record of an earlier run says are
    /// ours; those that are not wanted will be removed, once [`Keeper::want_all`] or
    /// [`Keeper::release_all`] was called. `audit_interval` is how often the table
    /// is looked at when nothing happens (at least 100 ms).
    pub fn new(owned: impl IntoIterator<Item = ServiceKey>, audit_interval: Duration) -> Self {
        let unseen = Record {
            wanted: None,
            trust: Trust::Unseen,
            recorded: true,
        };
        let records: IndexMap<_, _> = owned.into_iter().map(|key| (key, unseen.clone())).collect();
        Keeper {
            audit_interval: audit_interval.max(SHORTEST_AUDIT_INTERVAL),
            told: false,
            unsure: records.keys().copied().collect(),
            records,
            ownership: 0,
            believed: Table::default(),
            urgent: Queue::default(),
            bulk: Queue::default(),
            leaving: Queue::default(),
            troubles: Troubles::default(),
            drift: HashMap::new(),
            repeats: Repeats::default(),
            fault: None,
            fault_told: None,
            under_way: UnderWay::Nothing,
            verify: false,
            audit_at: None,
        }
    }

    /// One virtual server is to be so, or not to be. Costs what this one costs, not
    /// what the table does, and goes ahead of a long list that is being worked off.
    pub fn want(&mut self, key: ServiceKey, entry: Option<Entry>) {
        let leaves = entry.is_none();
        match self.set_wanted(key, entry) {
            true if leaves => self.leaving.push(key),
            true => self.urgent.push(key),
            false => {}
        }
    }

    /// This is the whole table (at the start, after a reload): every other virtual
    /// server that is owned is to go. Afterwards the result is verified by a dump.
    pub fn want_all(&mut self, table: Table) {
        self.told = true;
        self.verify = true;
        let mut before = std::mem::take(&mut self.records);
        for (key, entry) in table.services {
            // Moved to its place in the order of the file.
            if let Some(record) = before.swap_remove(&key) {
                self.records.insert(key, record);
            }
            if self.set_wanted(key, Some(entry)) {
                self.bulk.push(key);
            }
        }
        let rest: Vec<_> = before.keys().copied().collect();
        self.records.extend(before);
        for key in rest {
            self.set_wanted(key, None);
            self.leaving.push(key);
        }
    }

    /// Everything owned is to go, at once and without a last look.
    pub fn release_all(&mut self) {
        self.want_all(Table::default());
        self.verify = false;
        // Whatever was in the way: the last attempt is made now.
        self.fault = None;
    }

    /// From the next look on (at least 100 ms).
    pub fn set_audit_interval(&mut self, audit_interval: Duration) {
        self.audit_interval = audit_interval.max(SHORTEST_AUDIT_INTERVAL);
    }

    /// Look at everything as soon as there is nothing else to do, without waiting
    /// for the audit interval.
    pub fn audit_soon(&mut self) {
        self.verify = true;
    }

    /// Whether something has changed.
    fn set_wanted(&mut self, key: ServiceKey, entry: Option<Entry>) -> bool {
        match self.records.get_mut(&key) {
            Some(record) if record.wanted == entry => false,
            // Wanted for a moment, and never looked at, let alone changed.
            Some(Record {
                trust: Trust::Unseen,
                recorded: false,
                ..
            }) if entry.is_none() => {
                self.forget(&key);
                false
            }
            Some(record) => {
                record.wanted = entry;
                self.troubles.retry_now(&key);
                true
            }
            None if entry.is_none() => false,
            None => {
                let record = Record {
                    wanted: entry,
                    trust: Trust::Unseen,
                    recorded: false,
                };
                self.records.insert(key, record);
                self.unsure.insert(key);
                self.ownership += 1;
                true
            }
        }
    }
}

/// What there is to see.
impl Keeper {
    /// The virtual servers that are ours: wanted, or still to be removed. The record
    /// must name them before the next step is carried out, and should soon no longer
    /// name those that have left.
    pub fn owned(&self) -> impl Iterator<Item = &ServiceKey> {
        self.records.keys()
    }

    /// A number that changes whenever [`Keeper::owned`] does, so that the record need
    /// not be compared.
    pub fn ownership(&self) -> u64 {
        self.ownership
    }

    pub fn wanted(&self, key: &ServiceKey) -> Option<&Entry> {
        self.records.get(key)?.wanted.as_ref()
    }

    /// What the kernel has, as far as we know.
    pub fn believed(&self, key: &ServiceKey) -> Option<&Entry> {
        self.believed.services.get(key)
    }

    /// The operations that the kernel does not take, by virtual server and real
    /// server, with the reason and the time of the next attempt.
    pub fn refused(
        &self,
    ) -> impl Iterator<Item = (&ServiceKey, Option<DestinationKey>, &OpError, Moment)> {
        let told = self.troubles.iter().filter(|(_, _, trouble)| trouble.told);
        told.map(|(key, spot, trouble)| (key, spot, &trouble.error, trouble.retry_at))
    }

    /// Whether the kernel is believed to have what is wanted, all of it. True at the
    /// earliest when [`Keeper::next`] has returned `Wait`.
    pub fn is_settled(&self) -> bool {
        self.told
            && matches!(self.under_way, UnderWay::Nothing)
            && self.urgent.is_empty()
            && self.bulk.is_empty()
            && self.leaving.is_empty()
            && self.unsure.is_empty()
            && self.troubles.is_empty()
            && (self.fault.is_none() || self.records.is_empty())
    }
}

/// What to do next.
impl Keeper {
    /// What to do next at `now`.
    pub fn next(&mut self, now: Moment) -> Step {
        if !self.told || !matches!(self.under_way, UnderWay::Nothing) {
            return Step::Wait(None);
        }
        if let Some(fault) = &self.fault
            && fault.retry_at > now
        {
            return Step::Wait(Some(fault.retry_at));
        }
        for key in self.troubles.due(now) {
            self.bulk.push(key);
        }
        let ops = self.collect(now);
        if !ops.is_empty() {
            let keys = ops.iter().map(|op| *op.service()).collect();
            self.under_way = UnderWay::Execute {
                ops: ops.len(),
                keys,
            };
            return Step::Execute(ops);
        }
        if !self.unsure.is_empty() {
            return self.dump(self.unsure.clone());
        }
        let audit_is_due = self.verify || self.audit_at.is_none_or(|at| at <= now);
        if audit_is_due && !self.records.is_empty() {
            return self.dump(self.records.keys().copied().collect());
        }
        let audit_at = self.audit_at.filter(|_| !self.records.is_empty());
        Step::Wait(audit_at.into_iter().chain(self.troubles.next()).min())
    }

    fn dump(&mut self, keys: HashSet<ServiceKey>) -> Step {
        let full = keys.len() == self.records.len();
        self.under_way = UnderWay::Dump {
            keys: keys.clone(),
            full,
        };
        Step::Dump(keys)
    }

    /// The next operations, at most [`BATCH`].
    fn collect(&mut self, now: Moment) -> Vec<IpvsOp> {
        let mut ops = Vec::new();
        // One may wait in both queues.
        let mut taken = HashSet::new();
        let wanted = |key| self.records.get(key).is_some_and(|r| r.wanted.is_some());
        let a_look_is_needed = self.unsure.iter().any(wanted);
        while ops.len() < BATCH {
            let key = self.urgent.pop().or_else(|| self.bulk.pop());
            let last = || {
                if a_look_is_needed {
                    None
                } else {
                    self.leaving.pop()
                }
            };
            let Some(key) = key.or_else(last) else {
                break;
            };
            let Some(record) = self.records.get(&key) else {
                continue;
            };
            if !taken.insert(key) {
                continue;
            }
            let mut todo = match (record.trust, &record.wanted) {
                (Trust::Sure, wanted) => {
                    let believed = self.believed.services.get(&key);
                    reconcile_service(&key, wanted.as_ref(), believed)
                }
                // What is owned is to go, whatever it looks like.
                (_, None) if !a_look_is_needed => vec![IpvsOp::DeleteService(key)],
                // The dump that is due puts it back into the queue.
                _ => continue,
            };
            if todo.is_empty() {
                if record.wanted.is_none() {
                    self.forget(&key);
                } else {
                    self.troubles.retain(&key, |_| false);
                    self.drift.remove(&key);
                }
                continue;
            }
            if self.troubles.any(&key) {
                let spots: HashSet<Spot> = todo.iter().map(IpvsOp::destination).collect();
                self.troubles.retain(&key, |spot| spots.contains(&spot));
                if matches!(todo[0], IpvsOp::NewService(..)) && self.troubles.at(&key, None) {
                    // Without it there is no place for its real servers, so once it
                    // was refused it is tried by itself.
                    self.troubles.retain(&key, |spot| spot.is_none());
                    todo.truncate(1);
                }
                todo.retain(|op| !self.troubles.paused(now, &key, op.destination()));
            }
            // What does not fit is found again when these have been executed.
            todo.truncate(BATCH - ops.len());
            ops.append(&mut todo);
        }
        ops
    }
}
