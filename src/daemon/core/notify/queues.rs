//! Jobs that run one after the other for each object, and side by side for different ones.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

/// One queue an object; of each, one job runs at a time.
pub struct Queues<K, J> {
    /// What waits. An object is in it while a job of it runs.
    waiting: HashMap<K, VecDeque<J>>,
}

/// What becomes of a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Push<J> {
    /// It is to be started now.
    Start(J),
    Waits,
    /// It waits, and this one, which has waited longest, never runs.
    InPlaceOf(J),
}

impl<K, J> Default for Queues<K, J> {
    fn default() -> Self {
        Queues {
            waiting: HashMap::new(),
        }
    }
}

impl<K: Eq + std::hash::Hash, J> Queues<K, J> {
    /// A new job, of which at most `most` wait.
    pub fn push(&mut self, key: K, job: J, most: usize) -> Push<J> {
        let queue = match self.waiting.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(VecDeque::new());
                return Push::Start(job);
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        queue.push_back(job);
        match queue.len() > most {
            true => queue.pop_front().map_or(Push::Waits, Push::InPlaceOf),
            false => Push::Waits,
        }
    }

    /// The job of this object that ran has ended: the next to be started, if one waits.
    pub fn ended(&mut self, key: &K) -> Option<J> {
        let next = self.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(key);
        }
        next
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets all that run and wait; those that wait, by object.
    pub fn clear(&mut self) -> impl Iterator<Item = (K, VecDeque<J>)> {
        self.waiting.drain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_has_its_jobs_one_after_the_other_and_others_do_not_wait_for_it() {
        let mut queues = Queues::default();
        assert_eq!(queues.push("a", 1, 9), Push::Start(1));
        assert_eq!(queues.push("a", 2, 9), Push::Waits);
        assert_eq!(queues.push("b", 3, 9), Push::Start(3));
        assert_eq!(queues.push("a", 4, 9), Push::Waits);
        assert_eq!(queues.ended(&"a"), Some(2));
        assert_eq!(queues.push("a", 5, 9), Push::Waits);
        assert_eq!(queues.ended(&"b"), None);
        assert_eq!(queues.ended(&"a"), Some(4));
        assert_eq!(queues.ended(&"a"), Some(5));
        assert!(!queues.is_empty());
        assert_eq!(queues.ended(&"a"), None);
        assert!(queues.is_empty());
        assert_eq!(queues.push("a", 6, 9), Push::Start(6));
    }

    #[test]
    fn of_too_many_the_oldest_is_left_out_and_the_latest_runs_last() {
        let mut queues = Queues::default();
        assert_eq!(queues.push("a", 1, 2), Push::Start(1));
        for job in [2, 3] {
            assert_eq!(queues.push("a", job, 2), Push::Waits);
        }
        assert_eq!(queues.push("a", 4, 2), Push::InPlaceOf(2));
        assert_eq!(queues.ended(&"a"), Some(3));
        assert_eq!(queues.ended(&"a"), Some(4));
        assert_eq!(queues.ended(&"a"), None);
    }
}
