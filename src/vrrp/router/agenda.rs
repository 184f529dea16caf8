//! When which group has something to do.

use std::collections::BTreeSet;

use crate::moment::Moment;

/// The wake-ups of all groups, by their places: whoever asks what is due is not told of
/// the others.
#[derive(Debug, Default)]
pub struct Agenda {
    queue: BTreeSet<(Moment, usize)>,
    /// What stands in the queue for each group.
    wakes: Vec<Option<Moment>>,
}

impl Agenda {
    /// Nothing for any of so many groups.
    pub fn of(groups: usize) -> Self {
        Agenda {
            queue: BTreeSet::new(),
            wakes: vec![None; groups],
        }
    }

    /// When a group wants to be woken from now on.
    pub fn set(&mut self, group: usize, wake: Option<Moment>) {
        let Some(present) = self.wakes.get_mut(group) else {
            return;
        };
        if *present == wake {
            return;
        }
        if let Some(before) = std::mem::replace(present, wake) {
            self.queue.remove(&(before, group));
        }
        self.queue.extend(wake.map(|wake| (wake, group)));
    }

    /// When the first one is due.
    pub fn wake(&self) -> Option<Moment> {
        self.queue.first().map(|(wake, _)| *wake)
    }

    /// The groups that are due.
    pub fn due(&self, now: Moment) -> impl Iterator<Item = usize> + '_ {
        self.queue
            .range(..=(now, usize::MAX))
            .map(|(_, group)| *group)
    }
}
