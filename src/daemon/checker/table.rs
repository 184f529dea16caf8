//! The kernel's table: drives a [`Keeper`] with one [`Ipvs`] connection, a step at a
//! time, while the process goes on with other work.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use crate::lvs::keeper::{Keeper, Note, Step};
use crate::lvs::refusal::OpError;
use crate::lvs::{IpvsOp, ServiceKey, Table};
use crate::moment::Moment;
use crate::sys::ipvs::{Counters, Interrupter, Ipvs};

/// The keeper and what it works with.
pub struct TableKeeper {
    pub keeper: Keeper,
    work: Work,
    counters: Counters,
    interrupter: Interrupter,
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
}

impl TableKeeper {
    pub fn new(ipvs: Ipvs, owned: Vec<ServiceKey>, audit_interval: Duration) -> Self {
        TableKeeper {
            keeper: Keeper::new(owned, audit_interval),
            counters: ipvs.counters(),
            interrupter: ipvs.interrupter(),
            work: Work::Idle(Some(ipvs)),
        }
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
            return until;
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
        }
    }

    pub fn counters(&self) -> Counters {
        self.counters
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
