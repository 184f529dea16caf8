//! When which instance has something to do.

use std::collections::BTreeSet;
use std::time::Duration;

use super::places::Place;
use crate::moment::Moment;

/// The wake-ups of all instances, by their places: whoever asks what is due is not told
/// of the others.
///
/// A backup's timer is put off by every advert that it hears, long before it runs out.
/// So what stands in the queue may be too early, and is put right only when it comes
/// near: then it has been put off several times.
#[derive(Debug, Default)]
pub struct Agenda {
    queue: BTreeSet<(Moment, Place)>,
    /// Those of each member of each group.
    wakes: Vec<Vec<Wake>>,
    /// How near that is.
    near: Duration,
}

/// When a member wants to be woken.
#[derive(Clone, Copy, Debug, Default)]
struct Wake {
    at: Option<Moment>,
    /// What stands in the queue, which is never later.
    queued: Option<Moment>,
}

impl Agenda {
    /// An empty one. What lies no further ahead than `near` when it is set is exact.
    pub fn new(near: Duration) -> Self {
        Agenda {
            near,
            ..Agenda::default()
        }
    }

    /// When the members of a group want to be woken from now on.
    pub fn set_group(
        &mut self,
        group: usize,
        wakes: impl ExactSizeIterator<Item = Option<Moment>>,
        now: Moment,
    ) {
        if self.wakes.len() <= group {
            self.wakes.resize_with(group + 1, Vec::new);
        }
        let present = &mut self.wakes[group];
        for (at, wake) in present.iter().enumerate().skip(wakes.len()) {
            if let Some(queued) = wake.queued {
                self.queue.remove(&(queued, (group, at)));
            }
        }
        present.resize(wakes.len(), Wake::default());
        for (at, wake) in wakes.enumerate() {
            self.put((group, at), wake);
        }
        self.put_right(now);
    }

    /// When one member wants to be.
    pub fn set(&mut self, place: Place, wake: Option<Moment>, now: Moment) {
        self.put(place, wake);
        self.put_right(now);
    }

    fn put(&mut self, place: Place, wake: Option<Moment>) {
        let Some(present) = of(&mut self.wakes, place) else {
            return;
        };
        present.at = wake;
        let is_put_off = wake.is_some() && present.queued.is_some_and(|at| wake >= Some(at));
        if is_put_off {
            return;
        }
        if let Some(before) = std::mem::replace(&mut present.queued, wake) {
            self.queue.remove(&(before, place));
        }
        self.queue.extend(wake.map(|wake| (wake, place)));
    }

    /// Puts right what is near.
    fn put_right(&mut self, now: Moment) {
        let near = now + self.near;
        while let Some(&(queued, place)) = self.queue.first().filter(|(at, _)| *at <= near) {
            let Some(wake) = of(&mut self.wakes, place).filter(|wake| wake.at != Some(queued))
            else {
                return;
            };
            wake.queued = wake.at;
            let at = wake.at;
            self.queue.pop_first();
            self.queue.extend(at.map(|at| (at, place)));
        }
    }

    /// When the first one is due: exactly where that is near, else no later.
    pub fn wake(&self) -> Option<Moment> {
        self.queue.first().map(|(wake, _)| *wake)
    }

    /// The groups with members that are due, each once, in their order.
    pub fn due(&mut self, now: Moment) -> BTreeSet<usize> {
        self.put_right(now);
        let last = (now, (usize::MAX, usize::MAX));
        let due = self.queue.range(..=last).map(|(_, place)| *place);
        let is_due = |(group, at): &Place| {
            let wake = self.wakes.get(*group).and_then(|members| members.get(*at));
            wake.and_then(|wake| wake.at).is_some_and(|at| at <= now)
        };
        due.filter(is_due).map(|(group, _)| group).collect()
    }
}

fn of(wakes: &mut [Vec<Wake>], (group, at): Place) -> Option<&mut Wake> {
    wakes.get_mut(group)?.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::since_boot(Duration::from_millis(millis))
    }

    fn agenda(wakes: &[u64]) -> Agenda {
        let mut agenda = Agenda::new(Duration::from_secs(1));
        for (group, wake) in wakes.iter().enumerate() {
            agenda.set_group(group, [Some(at(*wake))].into_iter(), at(0));
        }
        agenda
    }

    fn due(agenda: &mut Agenda, now: u64) -> Vec<usize> {
        agenda.due(at(now)).into_iter().collect()
    }

    #[test]
    fn who_is_put_off_is_not_due_before() {
        let mut agenda = agenda(&[3_600, 3_700]);
        agenda.set((0, 0), Some(at(4_600)), at(1_000));
        assert!(agenda.wake() <= Some(at(3_700)));
        assert!(due(&mut agenda, 3_650).is_empty());
        assert_eq!(agenda.wake(), Some(at(3_700)));
        assert_eq!(due(&mut agenda, 3_700), [1]);
        assert_eq!(due(&mut agenda, 4_600), [0, 1]);
    }

    #[test]
    fn what_is_near_is_exact_although_it_was_put_off() {
        let mut agenda = agenda(&[3_600, 3_650]);
        for second in 1..100 {
            for group in [0, 1] {
                let now = second * 1_000 + group as u64 * 50;
                agenda.set((group, 0), Some(at(now + 3_600)), at(now));
            }
            let now = second * 1_000 + 50;
            let wake = agenda.wake().unwrap();
            let first = at(second * 1_000 + 3_600);
            assert!(wake <= first && (wake == first || wake > at(now + 1_000)));
        }
    }

    #[test]
    fn who_is_brought_forward_is_due_then() {
        let mut agenda = agenda(&[3_600]);
        agenda.set((0, 0), Some(at(600)), at(100));
        assert_eq!(agenda.wake(), Some(at(600)));
        assert_eq!(due(&mut agenda, 600), [0]);
        agenda.set((0, 0), None, at(600));
        assert_eq!(agenda.wake(), None);
        assert!(due(&mut agenda, 10_000).is_empty());
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let mut agenda = agenda(&[3_600, 3_600]);
        agenda.set_group(0, [].into_iter(), at(0));
        assert_eq!(due(&mut agenda, 3_600), [1]);
    }
}
