//! The kernel's table: drives a [`Keeper`] with one [`Ipvs`] connection, a step at a
//! time, while the process goes on with other work.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use crate::lvs::keeper::{Keeper, Note, Step};
use crate::lvs::pool::Counts;
use crate::lvs::refusal::OpError;
use crate::lvs::{IpvsOp, ServiceKey, Table};
use crate::moment::Moment;
use crate::sys::ipvs::{Counters, Interrupter, Ipvs};

/// From one count of connections to the next, and from the change of a weight to the first.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// The keeper and what it works with.
pub struct TableKeeper {
    pub keeper: Keeper,
    work: Work,
    counters: Counters,
    interrupter: Interrupter,
    /// The virtual servers in which connections are counted.
    counted_in: HashSet<ServiceKey>,
    count_at: Moment,
    /// What is counted is no longer what is under way.
    is_outdated: bool,
    counts: Option<Counts>,
}

enum Work {
    /// Waiting for something to do.
    Idle(Option<Ipvs>),
    UnderWay(Pin<Box<dyn Future<Output = Done>>>),
}

/// A step that has ended. It brings the connection back.
pub struct Done {
    ipvs: Ipvs,
    what: DoneWhat,
}

enum DoneWhat {
    Dumped(Result<Table, OpError>),
    Executed(Vec<(IpvsOp, Result<(), OpError>)>),
    Counted(Result<Counts, OpError>),
}

impl TableKeeper {
    pub fn new(ipvs: Ipvs, owned: Vec<ServiceKey>, audit_interval: Duration) -> Self {
        TableKeeper {
            keeper: Keeper::new(owned, audit_interval),
            counters: ipvs.counters(),
            interrupter: ipvs.interrupter(),
            work: Work::Idle(Some(ipvs)),
            counted_in: HashSet::new(),
            count_at: Moment::default(),
            is_outdated: false,
            counts: None,
        }
    }

    /// Connections are to be counted in these virtual servers, once what has changed in
    /// them is in the kernel.
    pub fn count_in(&mut self, services: HashSet<ServiceKey>, now: Moment) {
        self.counted_in = services;
        self.count_at = now + COUNT_INTERVAL;
        self.is_outdated = true;
        self.counts = None;
    }

    /// What was counted last, once.
    pub fn take_counts(&mut self) -> Option<Counts> {
        self.counts.take()
    }

    /// Everything owned is to go, now: a look at the table that is under way ends.
    pub fn release_all(&mut self) {
        self.keeper.release_all();
        self.interrupter.interrupt();
    }

    /// Whether a new step can begin, so that what is wanted should be told now.
    pub fn is_idle(&self) -> bool {
        matches!(self.work, Work::Idle(_))
    }

    /// Begins the next step if there is one; otherwise returns when to ask again.
    pub fn begin(&mut self, now: Moment) -> Option<Moment> {
        let Work::Idle(idle) = &mut self.work else {
            return None;
        };
        let step = self.keeper.next(now);
        if let Step::Wait(until) = step {
            if self.counted_in.is_empty() {
                return until;
            }
            if self.count_at > now {
                return Some(until.map_or(self.count_at, |until| until.min(self.count_at)));
            }
            let ipvs = idle.take()?;
            let services = self.counted_in.clone();
            self.is_outdated = false;
            self.work = Work::UnderWay(Box::pin(count(ipvs, services)));
            return None;
        }
        // Taken out only to be moved into the work that brings it back.
        let ipvs = idle.take()?;
        self.work = Work::UnderWay(Box::pin(carry_out(ipvs, step)));
        None
    }

    /// The end of the step under way; never, if there is none.
    pub async fn done(&mut self) -> Done {
        match &mut self.work {
            Work::UnderWay(work) => work.await,
            Work::Idle(_) => pending().await,
        }
    }

    /// Takes in what [`done`](Self::done) returned.
    pub fn finish(&mut self, done: Done, now: Moment) -> Vec<Note> {
        self.counters = done.ipvs.counters();
        self.work = Work::Idle(Some(done.ipvs));
        match done.what {
            DoneWhat::Dumped(table) => self.keeper.dumped(now, table),
            DoneWhat::Executed(results) => self.keeper.executed(now, results),
            DoneWhat::Counted(counts) => {
                if !self.is_outdated {
                    self.count_at = now + COUNT_INTERVAL;
                    // One that failed is made again.
                    self.counts = counts.ok();
                }
                Vec::new()
            }
        }
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }
}

async fn count(mut ipvs: Ipvs, services: HashSet<ServiceKey>) -> Done {
    let counts = ipvs.connections(&services).await;
    Done {
        ipvs,
        what: DoneWhat::Counted(counts),
    }
}

async fn carry_out(mut ipvs: Ipvs, step: Step) -> Done {
    let what = match step {
        Step::Dump(keys) => DoneWhat::Dumped(ipvs.dump(&keys).await),
        Step::Execute(ops) => {
            let results = ipvs.execute(&ops).await;
            DoneWhat::Executed(ops.into_iter().zip(results).collect())
        }
        Step::Wait(_) => DoneWhat::Dumped(Ok(Table::default())),
    };
    Done { ipvs, what }
}
