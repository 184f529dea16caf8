//! A keeper in a world that lies, forgets, interferes and crashes.

use std::collections::BTreeSet;
use std::time::Duration;

use ipvsd::lvs::types::{DestinationKey, ServiceKey};
use ipvsd::lvs::{Entry, IpvsOp, Keeper, Note, OpError, Step, Table};
use ipvsd::moment::Moment;

use crate::kernel::{ENOENT, ESRCH, Kernel, takes_server, takes_service};

pub const AUDIT_INTERVAL: Duration = Duration::from_secs(10);

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    Want(ServiceKey, Option<Entry>),
    /// One pool behind several virtual servers changes, or goes.
    WantPool(Vec<ServiceKey>, Option<Entry>),
    WantAll(Table),
    /// Someone else changes something.
    Foreign(IpvsOp),
    /// Someone else empties the table.
    Flush,
    /// The keeper does what it says is next, with what goes wrong.
    Step(Faults),
    /// The process dies; its successor has the record and the configuration.
    Crash,
    /// Milliseconds pass.
    Sleep(u16),
}

/// What goes wrong during a step. The lists are used from the front, and where they
/// end all is well.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub dump: Option<i32>,
    pub ops: Vec<OpFault>,
    /// What someone else does meanwhile, one between any two operations and between
    /// the parts of a dump.
    pub foreign: Vec<IpvsOp>,
    /// What is wanted while the step is under way.
    pub want: Option<(ServiceKey, Option<Entry>)>,
    /// The process dies after so many operations of the step.
    pub crash_after: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub enum OpFault {
    None,
    /// Carried out, but the answer is lost.
    LostDone,
    /// Neither carried out nor answered.
    LostUndone,
    /// Not carried out, and answered with this errno whatever the table is.
    Refused(i32),
}

/// ENOBUFS: the socket says so when an answer found no room.
const ENOBUFS: i32 = 105;

pub struct World {
    pub kernel: Kernel,
    /// What the table must be outside of what is claimed.
    untouched: Kernel,
    /// What was ever wanted and has not been released since.
    claimed: BTreeSet<ServiceKey>,
    /// As written ahead.
    record: BTreeSet<ServiceKey>,
    pub keeper: Keeper,
    pub wanted: Table,
    pub now: Moment,
    pub notes: Vec<Note>,
    /// All operations that the keeper has sent.
    pub sent: Vec<IpvsOp>,
    /// Called after each change of the kernel's table by the keeper.
    pub watch: fn(&World),
}

impl World {
    pub fn new(kernel: Kernel, wanted: Table) -> Self {
        let mut world = World {
            untouched: kernel.clone(),
            kernel,
            claimed: BTreeSet::new(),
            record: BTreeSet::new(),
            keeper: Keeper::new([], AUDIT_INTERVAL),
            wanted: Table::default(),
            now: Moment::since_boot(Duration::from_secs(1000)),
            notes: Vec::new(),
            sent: Vec::new(),
            watch: |_| (),
        };
        world.want_all(wanted);
        world
    }

    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Want(key, entry) => self.want(key, entry),
            Event::WantPool(keys, entry) => {
                for key in keys {
                    self.want(key, entry.clone());
                }
            }
            Event::WantAll(table) => self.want_all(table),
            Event::Foreign(op) => self.foreign(&op),
            Event::Flush => {
                self.kernel.services.clear();
                self.untouched.services.clear();
            }
            Event::Step(faults) => drop(self.step(faults)),
            Event::Crash => self.crash(),
            Event::Sleep(ms) => self.now = self.now + Duration::from_millis(ms.into()),
        }
        self.check_claims();
    }

    pub fn want(&mut self, key: ServiceKey, entry: Option<Entry>) {
        match &entry {
            Some(entry) => {
                self.wanted.services.insert(key, entry.clone());
                self.claim(key);
            }
            None => drop(self.wanted.services.swap_remove(&key)),
        }
        self.keeper.want(key, entry);
        self.write_record();
    }

    pub fn want_all(&mut self, table: Table) {
        table.services.keys().for_each(|key| self.claim(*key));
        self.wanted = table.clone();
        self.keeper.want_all(table);
        self.write_record();
    }

    fn claim(&mut self, key: ServiceKey) {
        self.claimed.insert(key);
        self.untouched.services.remove(&key);
    }

    fn write_record(&mut self) {
        self.record = self.keeper.owned().copied().collect();
    }

    pub fn foreign(&mut self, op: &IpvsOp) {
        let _ = self.kernel.apply(op);
        if !self.claimed.contains(op.service()) {
            let _ = self.untouched.apply(op);
        }
    }

    fn crash(&mut self) {
        self.keeper = Keeper::new(self.record.clone(), AUDIT_INTERVAL);
        self.keeper.want_all(self.wanted.clone());
        self.write_record();
    }

    /// What is owned was claimed; and outside of what is claimed nothing has
    /// happened but what others did.
    fn check_claims(&mut self) {
        let owned: BTreeSet<_> = self.keeper.owned().copied().collect();
        assert!(
            owned.is_subset(&self.claimed),
            "owned {owned:?}, claimed only {:?}",
            self.claimed
        );
        for released in self.claimed.difference(&owned) {
            if let Some(service) = self.kernel.services.get(released) {
                self.untouched.services.insert(*released, service.clone());
            }
        }
        self.claimed = owned;
        let mut outside = self.kernel.clone();
        outside
            .services
            .retain(|key, _| !self.claimed.contains(key));
        assert_eq!(outside, self.untouched, "someone else's was touched");
    }

    /// One step of the keeper. Returns until when it waits, where it does.
    pub fn step(&mut self, faults: Faults) -> Option<Option<Moment>> {
        let step = self.keeper.next(self.now);
        self.write_record();
        self.check_claims();
        if let Some((key, entry)) = faults.want.clone() {
            self.want(key, entry);
            if !matches!(step, Step::Wait(_)) {
                assert_eq!(self.keeper.next(self.now), Step::Wait(None));
            }
        }
        let mut foreign = faults.foreign.into_iter();
        match step {
            Step::Wait(until) => {
                self.write_record();
                self.check_claims();
                return Some(until);
            }
            Step::Dump(keys) => {
                let claimed = self.claimed.clone();
                let untouched = &mut self.untouched;
                let table = self.kernel.dump(
                    |key| keys.contains(key),
                    |kernel| {
                        let Some(op) = foreign.next() else { return };
                        let _ = kernel.apply(&op);
                        if !claimed.contains(op.service()) {
                            let _ = untouched.apply(&op);
                        }
                    },
                );
                if faults.crash_after.is_some() {
                    self.crash();
                    return None;
                }
                let answer = match faults.dump {
                    Some(errno) => Err(OpError::from_bare_errno(errno)),
                    None => Ok(table),
                };
                let notes = self.keeper.dumped(self.now, answer);
                self.notes.extend(notes);
            }
            Step::Execute(ops) => {
                assert!((1..=ipvsd::lvs::keeper::BATCH).contains(&ops.len()));
                let spots: BTreeSet<_> = ops
                    .iter()
                    .map(|op| (*op.service(), op.destination()))
                    .collect();
                assert_eq!(spots.len(), ops.len(), "twice in one step: {ops:?}");
                let mut op_faults = faults.ops.into_iter();
                let mut results = Vec::new();
                for (index, op) in ops.into_iter().enumerate() {
                    if faults.crash_after == Some(index as u8) {
                        self.crash();
                        return None;
                    }
                    if let Some(op) = foreign.next() {
                        self.foreign(&op);
                    }
                    let fault = op_faults.next().unwrap_or(OpFault::None);
                    let result = self.carry_out(&op, fault);
                    results.push((op, result));
                }
                let notes = self.keeper.executed(self.now, results);
                self.notes.extend(notes);
            }
        }
        self.write_record();
        self.check_claims();
        None
    }

    fn carry_out(&mut self, op: &IpvsOp, fault: OpFault) -> Result<(), OpError> {
        assert!(
            self.record.contains(op.service()),
            "{op:?}, which is not ours"
        );
        self.sent.push(op.clone());
        let answer = match fault {
            OpFault::None => self.kernel.apply(op),
            OpFault::LostDone => {
                let _ = self.kernel.apply(op);
                Err(ENOBUFS)
            }
            OpFault::LostUndone => Err(ENOBUFS),
            // The kernel does not say so when it is not so.
            OpFault::Refused(ESRCH | ENOENT) if matches!(op, IpvsOp::DeleteService(_)) => {
                self.kernel.apply(op)
            }
            OpFault::Refused(errno) => Err(errno),
        };
        (self.watch)(self);
        answer.map_err(|errno| OpError::from_errno(op, errno))
    }

    /// Lets `time` pass without faults. Returns the operations that were sent.
    pub fn run(&mut self, time: Duration) -> Vec<IpvsOp> {
        let end = self.now + time;
        let before = self.sent.len();
        // Every step of a table this small is a dump or a handful of operations.
        for _ in 0..1000 {
            match self.step(Faults::default()) {
                None => {}
                Some(until) => match until {
                    Some(until) if until <= end => {
                        assert!(until > self.now, "waits for what is past");
                        self.now = until;
                    }
                    _ => {
                        self.now = end;
                        return self.sent[before..].to_vec();
                    }
                },
            }
        }
        panic!(
            "no end; the last operations: {:?}",
            self.sent.iter().rev().take(20)
        );
    }

    /// Whether the kernel takes what is wanted at all.
    pub fn is_hopeless(&self, key: &ServiceKey, server: Option<&DestinationKey>) -> bool {
        let Some(entry) = self.wanted.services.get(key) else {
            return false;
        };
        match server {
            None => takes_service(key, &entry.service).is_err(),
            Some(server) => entry
                .destinations
                .get(server)
                .is_some_and(|to| takes_server(key, server, to).is_err()),
        }
    }

    /// The kernel has what is wanted, but for what it does not take; and nothing
    /// that was ours and is no longer wanted.
    pub fn assert_as_wanted(&self) {
        for key in &self.claimed {
            let Some(entry) = self.wanted.services.get(key) else {
                assert!(
                    !self.kernel.services.contains_key(key),
                    "{key} is left behind"
                );
                continue;
            };
            let Some((service, servers)) = self.kernel.services.get(key) else {
                assert!(self.is_hopeless(key, None), "{key} is missing");
                continue;
            };
            if !self.is_hopeless(key, None) {
                assert_eq!(service.scheduler, entry.service.scheduler, "{key}");
                assert_eq!(service.persistence, entry.service.persistence, "{key}");
                let (flags, wanted) = (service.flags.chosen(), entry.service.flags.chosen());
                assert_eq!(flags, wanted, "{key}");
            }
            for (server, to) in &entry.destinations {
                if !self.is_hopeless(key, Some(server)) {
                    assert_eq!(self.kernel.server(key, server), Some(to), "{key} {server}");
                }
            }
            for (server, _) in servers {
                assert!(
                    entry.destinations.contains_key(server),
                    "{key} has {server} still"
                );
            }
        }
        for key in self.wanted.services.keys() {
            assert!(self.claimed.contains(key), "{key} is not owned");
        }
    }
}
