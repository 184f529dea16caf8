//! When the master makes its addresses known.

use std::time::Duration;

use crate::moment::Moment;

/// The rounds of announcements of one instance: one that is being handed out, and one
/// that is to come. A round goes through all addresses as often as is configured,
/// every address once before any for the second time.
#[derive(Debug, Default)]
pub struct Rounds {
    current: Option<Position>,
    next: Option<Moment>,
}

/// Where a round has got to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    repeat: u32,
    address: usize,
}

impl Rounds {
    /// Addresses have come: all are announced from the first on, now and once more
    /// after `delay` (0: not again).
    pub fn begin(&mut self, now: Moment, delay: Duration) {
        self.current = Some(Position::default());
        self.next = (!delay.is_zero()).then_some(now + delay);
    }

    /// Somebody else may have announced the same addresses: they are announced again,
    /// now, and once more when what the other one has under way has come to an end. A
    /// round that is under way goes on, so that it ends however often this happens, and
    /// a round to come stays where it is.
    pub fn repeat(&mut self, now: Moment, delay: Duration) {
        self.current.get_or_insert_default();
        self.next.get_or_insert(now + delay);
    }

    pub fn cancel(&mut self) {
        *self = Rounds::default();
    }

    /// What is under way has nobody to announce.
    pub fn drop_current(&mut self) {
        self.current = None;
    }

    /// When there is something to hand out: in the past while a round is under way.
    pub fn wake(&self) -> Option<Moment> {
        match self.current {
            Some(_) => Some(Moment::default()),
            None => self.next,
        }
    }

    /// The index of the next address that is to be announced, of `addresses` in all,
    /// `repeats` times each; `wanted` says which can be announced at all.
    pub fn next(
        &mut self,
        now: Moment,
        addresses: usize,
        repeats: u32,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        loop {
            if self.current.is_none() {
                self.next.take_if(|next| *next <= now)?;
                self.current = Some(Position::default());
            }
            let position = self.current.as_mut()?;
            while position.repeat < repeats {
                let found = (position.address..addresses).find(|&index| wanted(index));
                match found {
                    Some(index) => {
                        position.address = index + 1;
                        return Some(index);
                    }
                    // The first pass has found nobody: nor would the others.
                    None if position.address == 0 => break,
                    None => {
                        position.address = 0;
                        position.repeat += 1;
                    }
                }
            }
            self.current = None;
        }
    }

    /// Whether [`next`](Self::next) would find one.
    pub fn is_due(
        &self,
        now: Moment,
        addresses: usize,
        repeats: u32,
        wanted: impl Fn(usize) -> bool,
    ) -> bool {
        let mut ahead = Rounds {
            current: self.current,
            next: self.next,
        };
        ahead.next(now, addresses, repeats, wanted).is_some()
    }
}
