//! The time that pure code is given.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on the host's monotonic clock (`CLOCK_MONOTONIC`), as the time since
/// boot.
///
/// `std::time::Instant` cannot leave its process; this can, because every process
/// of a host sees the same monotonic clock. A verdict handed from a killed checker
/// to its successor so keeps its age, and a simulation counts from zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Moment(Duration);

impl Moment {
    pub const fn since_boot(elapsed: Duration) -> Self {
        Moment(elapsed)
    }

    pub const fn elapsed_since_boot(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was; zero where it is yet to come.
    pub fn saturating_since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, later: Duration) -> Moment {
        Moment(self.0.saturating_add(later))
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// Zero where `earlier` is the later one.
    fn sub(self, earlier: Moment) -> Duration {
        self.saturating_since(earlier)
    }
}
