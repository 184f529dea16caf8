//! When which instance has something to do.

use std::collections::BTreeSet;

use super::places::Place;
use crate::moment::Moment;

/// The wake-ups of all instances, by their places: whoever asks what is due is not told
/// of the others.
#[derive(Debug, Default)]
pub struct Agenda {
    queue: BTreeSet<(Moment, Place)>,
    /// What stands in the queue for each member of each group.
    wakes: Vec<Vec<Option<Moment>>>,
}

impl Agenda {
    /// When the members of a group want to be woken from now on.
    pub fn set_group(
        &mut self,
        group: usize,
        wakes: impl ExactSizeIterator<Item = Option<Moment>>,
    ) {
        if self.wakes.len() <= group {
            self.wakes.resize_with(group + 1, Vec::new);
        }
        let present = &mut self.wakes[group];
        for (at, wake) in present.iter().enumerate().skip(wakes.len()) {
            if let Some(wake) = wake {
                self.queue.remove(&(*wake, (group, at)));
            }
        }
        present.resize(wakes.len(), None);
        for (at, wake) in wakes.enumerate() {
            self.set((group, at), wake);
        }
    }

    /// When one member wants to be.
    pub fn set(&mut self, place: Place, wake: Option<Moment>) {
        let (group, at) = place;
        let wakes = self.wakes.get_mut(group);
        let Some(present) = wakes.and_then(|members| members.get_mut(at)) else {
            return;
        };
        if *present == wake {
            return;
        }
        if let Some(before) = std::mem::replace(present, wake) {
            self.queue.remove(&(before, place));
        }
        self.queue.extend(wake.map(|wake| (wake, place)));
    }

    /// When the first one is due.
    pub fn wake(&self) -> Option<Moment> {
        self.queue.first().map(|(wake, _)| *wake)
    }

    /// The groups with members that are due, each once, in their order.
    pub fn due(&self, now: Moment) -> BTreeSet<usize> {
        let last = (now, (usize::MAX, usize::MAX));
        let due = self.queue.range(..=last);
        due.map(|(_, (group, _))| *group).collect()
    }
}
