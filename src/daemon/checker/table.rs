//! The kernel's table and what is beside it: drives a [`Keeper`] and a [`SettingsKeeper`]
//! with one [`Ipvs`] connection, a step at a time, while the process goes on with other
//! work.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use crate::alert::What;
use crate::config::model::ReceiveBuffer;
use crate::lvs::keeper::{self, Keeper, Step};
use crate::lvs::pool::Counts;
use crate::lvs::refusal::OpError;
use crate::lvs::settings::{self, Held, Order, Seen, SettingsKeeper};
use crate::lvs::{IpvsOp, ServiceKey, Table};
use crate::moment::Moment;
use crate::sys::ipvs::{Counters, Interrupter, Ipvs};

/// From one count of connections to the next, and from the change of a weight to the first.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// The keepers and what they work with.
pub struct TableKeeper {
    pub keeper: Keeper,
    pub settings: SettingsKeeper,
    /// Everything of anybody's is to go.
    empties: bool,
    /// What the kernel's answers are to have room in, where that is new.
    receive_buffer: Option<ReceiveBuffer>,
    under_way: UnderWay,
    counters: Counters,
    interrupter: Interrupter,
    /// The virtual servers in which connections are counted.
    counted_in: HashSet<ServiceKey>,
    count_at: Moment,
    /// What is counted is no longer what is under way.
    is_outdated: bool,
    counts: Option<Counts>,
}

/// How often nothing at all is looked at.
const LONG: Duration = Duration::from_secs(3600);

/// A step of one keeper or the other.
enum Work {
    Table(Step),
    Look,
    Order(Order),
    /// Count connections.
    Count(HashSet<ServiceKey>),
}

enum UnderWay {
    /// Waiting for something to do.
    Nothing(Option<Ipvs>),
    Step(Pin<Box<dyn Future<Output = Done>>>),
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
    Looked(Result<Seen, OpError>),
    Ordered(Order, Result<(), OpError>),
}

impl TableKeeper {
    pub fn new(ipvs: Ipvs, owned: Vec<ServiceKey>, held: Held, audit_interval: Duration) -> Self {
        TableKeeper {
            keeper: Keeper::new(owned, audit_interval),
            settings: SettingsKeeper::new(held, audit_interval),
            empties: false,
            receive_buffer: None,
            counters: ipvs.counters(),
            interrupter: ipvs.interrupter(),
            under_way: UnderWay::Nothing(Some(ipvs)),
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
        self.release_settings();
    }

    /// The same of everything that is in the table, whoever has put it there. What cannot
    /// be emptied as a whole is taken out one by one.
    pub fn empty(&mut self) {
        self.empties = true;
        self.settings.flush();
        self.release_all();
    }

    /// What is beside the table is to be as it was before.
    pub fn release_settings(&mut self) {
        self.settings.want(settings::Settings::default());
        // Nobody waits for connections any more.
        self.counted_in.clear();
        self.is_outdated = true;
        self.interrupter.interrupt();
    }

    /// From the next step on.
    pub fn set_receive_buffer(&mut self, buffer: ReceiveBuffer) {
        self.receive_buffer = Some(buffer);
    }

    /// Whether a new step can begin, so that what is wanted should be told now.
    pub fn is_idle(&self) -> bool {
        matches!(self.under_way, UnderWay::Nothing(_))
    }

    /// Begins the next step if there is one; otherwise returns when to ask again.
    pub fn begin(&mut self, now: Moment) -> Option<Moment> {
        let UnderWay::Nothing(idle) = &mut self.under_way else {
            return None;
        };
        // First what is few: a long list of virtual servers would keep it waiting.
        let (step, until) = match self.settings.next(now) {
            settings::Step::Look => (Work::Look, None),
            settings::Step::Carry(order) => (Work::Order(order), None),
            settings::Step::Wait(until) => (Work::Table(self.keeper.next(now)), until),
        };
        let step = match step {
            Work::Table(Step::Wait(table_until)) => {
                let until = until.into_iter().chain(table_until).min();
                if self.counted_in.is_empty() {
                    return until;
                }
                if self.count_at > now {
                    return until.into_iter().chain([self.count_at]).min();
                }
                self.is_outdated = false;
                Work::Count(self.counted_in.clone())
            }
            step => step,
        };
        // Taken out only to be moved into the work that brings it back.
        let ipvs = idle.take()?;
        if let Some(buffer) = self.receive_buffer.take() {
            let bytes = buffer.bytes.unwrap_or_default() as usize;
            ipvs.set_receive_buffer(bytes, buffer.force);
        }
        self.under_way = UnderWay::Step(Box::pin(carry_out(ipvs, step)));
        None
    }

    /// The end of the step under way; never, if there is none.
    pub async fn done(&mut self) -> Done {
        match &mut self.under_way {
            UnderWay::Step(step) => step.await,
            UnderWay::Nothing(_) => pending().await,
        }
    }

    /// Takes in what [`done`](Self::done) returned.
    pub fn finish(&mut self, done: Done, now: Moment) -> Vec<What> {
        self.counters = done.ipvs.counters();
        self.under_way = UnderWay::Nothing(Some(done.ipvs));
        match done.what {
            DoneWhat::Dumped(table) => of_table(self.keeper.dumped(now, table)),
            DoneWhat::Executed(results) => of_table(self.keeper.executed(now, results)),
            DoneWhat::Counted(counts) => {
                if !self.is_outdated {
                    self.count_at = now + COUNT_INTERVAL;
                    // One that failed is made again.
                    self.counts = counts.ok();
                }
                Vec::new()
            }
            DoneWhat::Looked(seen) => of_settings(self.settings.looked(now, seen)),
            DoneWhat::Ordered(order, result) => {
                if self.empties && order == Order::Flush && result.is_ok() {
                    // Nothing is left that would have to be taken out.
                    self.keeper = Keeper::new([], LONG);
                }
                of_settings(self.settings.ordered(now, order, result))
            }
        }
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }
}

fn of_table(notes: Vec<keeper::Note>) -> Vec<What> {
    notes.into_iter().map(What::Table).collect()
}

fn of_settings(notes: Vec<settings::Note>) -> Vec<What> {
    notes.into_iter().map(What::Ipvs).collect()
}

async fn carry_out(mut ipvs: Ipvs, work: Work) -> Done {
    let what = match work {
        Work::Table(Step::Dump(keys)) => DoneWhat::Dumped(ipvs.dump(&keys).await),
        Work::Table(Step::Execute(ops)) => {
            let results = ipvs.execute(&ops).await;
            DoneWhat::Executed(ops.into_iter().zip(results).collect())
        }
        Work::Table(Step::Wait(_)) => DoneWhat::Dumped(Ok(Table::default())),
        Work::Count(services) => DoneWhat::Counted(ipvs.connections(&services).await),
        Work::Look => DoneWhat::Looked(ipvs.settings().await),
        Work::Order(order) => {
            let result = ipvs.carry_out(&order).await;
            DoneWhat::Ordered(order, result)
        }
    };
    Done { ipvs, what }
}
