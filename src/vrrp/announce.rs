//! When the master makes its addresses known.

use std::time::Duration;

use crate::moment::Moment;

/// How soon another round may follow one that others have made necessary: whoever
/// sends adverts without end shall not make this router send frames without end.
const PAUSE: Duration = Duration::from_secs(1);

/// The rounds of announcements of one instance: one that is being handed out, and those
/// that are to come. A round goes through all addresses as often as is configured,
/// every address once before any for the second time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rounds {
    current: Option<Position>,
    /// When the last one began that others have made necessary.
    repeated: Option<Moment>,
    /// One that would have begun at once, but for [`PAUSE`].
    held_back: Option<Moment>,
    /// The delayed one.
    delayed: Option<Moment>,
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
        self.start();
        self.delayed = (!delay.is_zero()).then_some(now + delay);
    }

    /// Somebody else may have announced the same addresses: they are announced again,
    /// now, and once more when what the other one has under way has come to an end. A
    /// round that is under way goes on, so that it ends however often this happens, and
    /// a delayed one stays where it is.
    pub fn repeat(&mut self, now: Moment, delay: Duration) {
        if self.current.is_none() {
            match self.repeated.map(|repeated| repeated + PAUSE) {
                Some(earliest) if earliest > now => self.held_back = Some(earliest),
                _ => {
                    self.repeated = Some(now);
                    self.start();
                }
            }
        }
        self.delayed.get_or_insert(now + delay.max(PAUSE));
    }

    fn start(&mut self) {
        self.current = Some(Position::default());
        self.held_back = None;
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
            None => self.held_back.into_iter().chain(self.delayed).min(),
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
                let is_due = |round: &mut Moment| *round <= now;
                if self.held_back.take_if(is_due).is_some() {
                    self.repeated = Some(now);
                } else {
                    self.delayed.take_if(is_due)?;
                }
                self.start();
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
        let mut ahead = *self;
        ahead.next(now, addresses, repeats, wanted).is_some()
    }
}
