//! Adverts of one master come one right behind the other. Whoever is woken by each of
//! them spends most of the time on waking up.

use std::time::Duration;

use crate::moment::Moment;

/// The most that an advert may wait for others, as a part of the shortest interval.
/// Between backups whose priorities differ by 1 lies a 256th (RFC 9568 section 6.1,
/// Skew_Time), which must go on to decide who takes over.
const PART: u32 = 1024;

/// The most in all.
const MOST: Duration = Duration::from_millis(1);

/// Where it is less, waking up twice costs more than it saves.
const LEAST: Duration = Duration::from_micros(50);

/// Adverts that come in this soon after others are read together with those that come
/// in behind them, also where none are waited for.
const CLOSE: Duration = Duration::from_micros(100);

/// Whether to wait for more adverts before those that have come in are read.
#[derive(Debug)]
pub struct Gathering {
    pause: Option<Duration>,
    /// When adverts were read last.
    read: Moment,
}

impl Gathering {
    /// `shortest` is the shortest advert interval of all; None is that there is none.
    pub fn new(shortest: Option<Duration>) -> Self {
        Gathering {
            pause: shortest
                .map(|shortest| (shortest / PART).min(MOST))
                .filter(|pause| *pause >= LEAST),
            read: Moment::default(),
        }
    }

    /// Adverts have been read.
    pub fn on_read(&mut self, now: Moment) {
        self.read = now;
    }

    /// Whether an advert that has come in by now has probably others behind it.
    pub fn is_close(&self, now: Moment) -> bool {
        now.saturating_since(self.read) < CLOSE
    }

    /// An advert has come in: how long to wait for others, if the one before it was read
    /// a moment ago and nothing is due soon. `due` is when something is.
    pub fn pause(&self, due: Option<Moment>, now: Moment) -> Option<Duration> {
        let pause = self.pause?;
        let is_dense = now.saturating_since(self.read) < pause / 2;
        // Sleeping may take a little longer than it should.
        let is_idle = due.is_none_or(|due| due > now + 2 * pause);
        (is_dense && is_idle).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Moment {
        Moment::since_boot(Duration::from_micros(1_000_000 + micros))
    }

    fn of(millis: u64) -> Gathering {
        let mut gathering = Gathering::new(Some(Duration::from_millis(millis)));
        gathering.on_read(at(0));
        gathering
    }

    #[test]
    fn it_waits_for_a_part_of_the_interval_where_adverts_are_dense() {
        let second = of(1_000);
        let pause = second.pause(None, at(10)).unwrap();
        assert!(pause <= Duration::from_secs(1) / 1024);
        assert!(pause >= Duration::from_secs(1) / 1100);
        // As where a thousand masters send one a second each.
        assert_eq!(second.pause(None, at(1_000)), None);
        assert_eq!(of(40_000).pause(None, at(10)), Some(MOST));
    }

    #[test]
    fn what_comes_right_behind_is_read_together() {
        let second = of(1_000);
        assert!(second.is_close(at(30)));
        assert!(!second.is_close(at(500)));
        // Also where nothing is waited for.
        assert!(of(10).is_close(at(30)));
    }

    #[test]
    fn it_does_not_wait_where_adverts_are_frequent_anyway() {
        assert_eq!(of(10).pause(None, at(1)), None);
        assert_eq!(Gathering::new(None).pause(None, at(1)), None);
    }

    #[test]
    fn nothing_that_is_due_waits() {
        let second = of(1_000);
        assert_eq!(second.pause(Some(at(0)), at(10)), None);
        assert_eq!(second.pause(Some(at(1_500)), at(10)), None);
        assert!(second.pause(Some(at(2_500)), at(10)).is_some());
    }
}
