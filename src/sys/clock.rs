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
