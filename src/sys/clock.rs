//! The clock of the host, for those who hand the time to pure code.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::moment::Moment;

/// Far enough for "never", near enough to be added to any instant.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The present moment: `CLOCK_MONOTONIC` (clock_gettime(2)), which every process of
/// the host shares, which nobody sets, and which stands still while the host sleeps.
pub fn now() -> Moment {
    // With a valid pointer and a clock that every Linux has, it cannot fail; and a
    // director that does not know the time can only go on as if none had passed.
    let Ok(time) = clock_gettime(ClockId::CLOCK_MONOTONIC) else {
        return Moment::default();
    };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec()).unwrap_or(0);
    Moment::since_boot(Duration::new(seconds, nanoseconds))
}

/// How long after the epoch (1970) the monotonic clock was at 0, which changes when
/// somebody sets the wall clock (`CLOCK_REALTIME`), and when the host has slept. Zero
/// where the wall clock is set to a time before the host was started.
pub fn epoch() -> Duration {
    // Both clocks are the kernel's memory, read within nanoseconds; but this process may
    // lose its CPU between them. The quickest reading is the truest.
    let mut quickest: Option<(Duration, Duration)> = None;
    for _ in 0..READINGS {
        let before = now();
        let Ok(wall) = clock_gettime(ClockId::CLOCK_REALTIME) else {
            break;
        };
        let took = now() - before;
        if quickest.is_none_or(|(least, _)| took < least) {
            let wall = Duration::from(wall);
            let epoch = wall.saturating_sub(before.elapsed_since_boot());
            quickest = Some((took, epoch));
        }
        if took < QUICK {
            break;
        }
    }
    quickest.map(|(_, epoch)| epoch).unwrap_or_default()
}

/// How often to read two clocks that were not read at once, and what is called at once.
const READINGS: u32 = 5;
const QUICK: Duration = Duration::from_micros(50);

/// The same moment as tokio's timers have it. What is more than a year away is put a
/// year away; what has passed is now.
pub fn tokio_instant(at: Moment) -> tokio::time::Instant {
    tokio::time::Instant::now() + (at - now()).min(FAR)
}

/// Waits until `at`; no time at all where it has passed. Dropped, it costs nothing.
pub async fn sleep_until(at: Moment) {
    tokio::time::sleep_until(tokio_instant(at)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_where_the_wall_clock_says() {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        let epoch = epoch() + now().elapsed_since_boot();
        let until = std::time::UNIX_EPOCH.elapsed().unwrap();
        let slack = Duration::from_millis(1);
        assert!(since <= epoch + slack && epoch <= until + slack);
    }

    #[test]
    fn the_clock_goes_on() {
        let first = now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(now() - first >= Duration::from_millis(2));
    }

    #[tokio::test]
    async fn what_has_passed_is_not_waited_for() {
        let began = now();
        sleep_until(Moment::default()).await;
        sleep_until(began).await;
        assert!(now() - began < Duration::from_millis(500));
    }

    #[tokio::test]
    async fn a_moment_to_come_is_not_missed() {
        let until = now() + Duration::from_millis(20);
        sleep_until(until).await;
        assert!(now() >= until);
    }

    #[tokio::test]
    async fn never_is_a_moment_as_well() {
        let never = Moment::since_boot(Duration::MAX);
        assert!(tokio_instant(never) > tokio::time::Instant::now());
    }
}
