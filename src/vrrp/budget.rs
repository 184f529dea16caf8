//! How often people are told of what may happen without end.

use std::time::Duration;

use crate::moment::Moment;

/// How many things are told in [`PERIOD`].
const MOST: u32 = 5;
const PERIOD: Duration = Duration::from_secs(60);

/// What may still be told of one kind of thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// When the present period began.
    from: Moment,
    told: u32,
}

impl Budget {
    /// Whether one more thing may be told; if so it counts as told.
    pub fn may_tell(&mut self, now: Moment) -> bool {
        if self.told == 0 || now.saturating_since(self.from) >= PERIOD {
            *self = Budget { from: now, told: 0 };
        }
        let may = self.told < MOST;
        self.told += u32::from(may);
        may
    }
}
