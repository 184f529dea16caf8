//! When each check runs.
//!
//! The schedule knows checks by whatever its user calls them. A check is either
//! waiting for its time or running, so that it never runs twice at once; how late
//! each start was is told with it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use crate::moment::Moment;

/// When each of a set of checks runs next.
#[derive(Clone, Debug)]
pub struct Schedule<I> {
    checks: HashMap<I, When>,
    /// The waiting ones by their time. An item that does not agree with `checks`
    /// is a leftover and is dropped when it comes up.
    queue: BinaryHeap<Reverse<(Moment, I)>>,
}

/// Where a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is to start then.
    Waiting(Moment),
    /// It runs, and should have started then.
    Running(Moment),
}

/// A check whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<I> {
    pub id: I,
    /// How long ago it should have started.
    pub late: Duration,
}

impl<I: Copy + Ord + Hash> Default for Schedule<I> {
    fn default() -> Self {
        Schedule {
            checks: HashMap::new(),
            queue: BinaryHeap::new(),
        }
    }
}

impl<I: Copy + Ord + Hash> Schedule<I> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a check that has not run yet: it starts after a part of `warmup`
    /// that `random` (any number, all equally likely) picks.
    pub fn add_first(&mut self, id: I, warmup: Duration, random: u64, now: Moment) {
        self.add_at(id, now + part_of(warmup, random));
    }

    /// Takes in a check that is to start at `due`, or moves it there; a check that
    /// ran is no longer taken to be running.
    pub fn add_at(&mut self, id: I, due: Moment) {
        self.checks.insert(id, When::Waiting(due));
        self.push(due, id);
    }

    /// Takes in a check as it stands in another schedule: how those that continue
    /// over a reload keep their time. One that is running continues to run here.
    pub fn adopt(&mut self, id: I, when: When) {
        match when {
            When::Waiting(due) => self.add_at(id, due),
            When::Running(_) => drop(self.checks.insert(id, when)),
        }
    }

    /// Forgets a check; one that is running may still end, to no effect.
    pub fn remove(&mut self, id: I) -> Option<When> {
        self.checks.remove(&id)
    }

    pub fn when(&self, id: I) -> Option<When> {
        self.checks.get(&id).copied()
    }

    pub fn len(&self) -> usize {
        self.checks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// When the next check is to start; None while all are running.
    pub fn next_due(&mut self) -> Option<Moment> {
        self.drop_leftovers();
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// The check that has waited longest past its time, which from now on counts as
    /// running; None if none is due. Its user decides with it how many to start at
    /// once.
    pub fn pop_due(&mut self, now: Moment) -> Option<Due<I>> {
        self.drop_leftovers();
        let Reverse((due, id)) = *self.queue.peek()?;
        if due > now {
            return None;
        }
        self.queue.pop();
        self.checks.insert(id, When::Running(due));
        Some(Due {
            id,
            late: now - due,
        })
    }

    /// All checks that are due, the latest first; they count as running from now on.
    pub fn due(&mut self, now: Moment) -> Vec<Due<I>> {
        std::iter::from_fn(|| self.pop_due(now)).collect()
    }

    /// A running check has ended and is to start again at `next`. Returns false, and
    /// does nothing, if the check is not known or not running.
    pub fn finished(&mut self, id: I, next: Moment) -> bool {
        match self.checks.get_mut(&id) {
            Some(when @ When::Running(_)) => {
                *when = When::Waiting(next);
                self.push(next, id);
                true
            }
            _ => false,
        }
    }

    fn push(&mut self, due: Moment, id: I) {
        self.queue.push(Reverse((due, id)));
        // Moving checks about leaves leftovers far in the future; they must not add
        // up over a thousand reloads.
        if self.queue.len() > 2 * self.checks.len() + 64 {
            let checks = &self.checks;
            self.queue
                .retain(|Reverse((due, id))| checks.get(id) == Some(&When::Waiting(*due)));
        }
    }

    fn drop_leftovers(&mut self) {
        while let Some(Reverse((due, id))) = self.queue.peek() {
            if self.checks.get(id) == Some(&When::Waiting(*due)) {
                break;
            }
            self.queue.pop();
        }
    }
}

/// A part of `whole`, from zero up to but not including it.
fn part_of(whole: Duration, random: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Moment {
        Moment::since_boot(Duration::from_millis(millis))
    }

    fn due_ids(schedule: &mut Schedule<u32>, now: Moment) -> Vec<u32> {
        schedule.due(now).into_iter().map(|due| due.id).collect()
    }

    #[test]
    fn the_first_run_falls_into_the_warmup() {
        let warmup = Duration::from_secs(10);
        assert_eq!(part_of(warmup, 0), Duration::ZERO);
        assert_eq!(part_of(warmup, u64::MAX / 2 + 1), Duration::from_secs(5));
        assert!(part_of(warmup, u64::MAX) < warmup);
        assert_eq!(part_of(Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn a_running_check_is_not_due_until_it_has_finished() {
        let mut schedule = Schedule::new();
        schedule.add_at(1, at(10));
        schedule.add_at(2, at(20));
        assert_eq!(schedule.next_due(), Some(at(10)));
        assert_eq!(schedule.due(at(9)), vec![]);
        assert_eq!(
            schedule.due(at(15)),
            vec![Due {
                id: 1,
                late: Duration::from_millis(5)
            }]
        );
        assert_eq!(schedule.next_due(), Some(at(20)));
        assert_eq!(due_ids(&mut schedule, at(100)), vec![2]);
        assert_eq!(schedule.next_due(), None);
        assert!(schedule.finished(1, at(110)));
        assert!(!schedule.finished(1, at(120)), "finished once only");
        assert_eq!(due_ids(&mut schedule, at(115)), vec![1]);
    }

    #[test]
    fn a_check_that_was_moved_or_removed_does_not_come_up_at_its_old_time() {
        let mut schedule = Schedule::new();
        schedule.add_at(1, at(10));
        schedule.add_at(1, at(50));
        schedule.add_at(2, at(10));
        schedule.remove(2);
        assert_eq!(schedule.next_due(), Some(at(50)));
        assert_eq!(due_ids(&mut schedule, at(60)), vec![1]);
        schedule.remove(1);
        assert!(!schedule.finished(1, at(70)));
        assert!(schedule.is_empty());
    }

    #[test]
    fn checks_that_continue_keep_their_time() {
        let mut old = Schedule::new();
        old.add_at(1, at(10));
        old.add_at(2, at(30));
        old.due(at(10));
        let mut new = Schedule::new();
        for (id, new_id) in [(1, 7), (2, 8)] {
            new.adopt(new_id, old.when(id).unwrap());
        }
        assert_eq!(new.when(7), Some(When::Running(at(10))));
        assert_eq!(due_ids(&mut new, at(40)), vec![8]);
        assert!(new.finished(7, at(50)));
    }

    #[test]
    fn leftovers_do_not_add_up() {
        let mut schedule = Schedule::new();
        for round in 0..10_000 {
            schedule.add_at(1, at(1_000_000 + round));
        }
        assert!(schedule.queue.len() < 100);
    }

    proptest! {
        /// Whatever is done to it: what is due is what a plain list says, in order of
        /// time.
        #[test]
        fn agrees_with_a_list(ops in proptest::collection::vec((0u32..6, 0u8..4, 0u64..50), 0..200)) {
            let mut schedule = Schedule::new();
            let mut model: HashMap<u32, When> = HashMap::new();
            let mut now = 0;
            for (id, op, time) in ops {
                match op {
                    0 => {
                        schedule.add_at(id, at(now + time));
                        model.insert(id, When::Waiting(at(now + time)));
                    }
                    1 => {
                        prop_assert_eq!(schedule.remove(id), model.remove(&id));
                    }
                    2 => {
                        let running = matches!(model.get(&id), Some(When::Running(_)));
                        prop_assert_eq!(schedule.finished(id, at(now + time)), running);
                        if running {
                            model.insert(id, When::Waiting(at(now + time)));
                        }
                    }
                    _ => {
                        now += time;
                        let mut expected: Vec<(Moment, u32)> = model
                            .iter()
                            .filter_map(|(id, when)| match when {
                                When::Waiting(due) if *due <= at(now) => Some((*due, *id)),
                                _ => None,
                            })
                            .collect();
                        expected.sort();
                        let found: Vec<_> = schedule.due(at(now)).iter().map(|due| due.id).collect();
                        prop_assert_eq!(found, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
                        for (due, id) in expected {
                            model.insert(id, When::Running(due));
                        }
                    }
                }
                let next = model.values().filter_map(|when| match when {
                    When::Waiting(due) => Some(*due),
                    When::Running(_) => None,
                });
                prop_assert_eq!(schedule.next_due(), next.min());
            }
        }
    }
}
