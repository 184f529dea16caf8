//! The monotonic clock, as the pure code is given it.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::moment::Moment;

/// Now, on `CLOCK_MONOTONIC` (clock_gettime(2)): it stands still while the machine is
/// suspended, and no setting of the wall clock moves it.
pub fn now() -> Moment {
    // The clock is there on every Linux, so that the zero never is.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .unwrap_or_default();
    Moment::since_boot(now)
}

/// Waits until then; not at all, if that is past.
pub async fn sleep_until(at: Moment) {
    tokio::time::sleep(at - now()).await;
}
