//! What others change again and again: told in full at first, then summed up.
//!
//! A tool that edits the table every 100 ms is to be seen in the log, and not to be all
//! that is seen there; so is somebody who clears a table with a thousand virtual
//! servers.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::note::{Note, Repair};
use super::trouble::Spot;
use crate::lvs::types::ServiceKey;
use crate::moment::Moment;

/// A change that is seen again within this time is not told again, and what was not
/// told is summed up this often at most.
pub(super) const PAUSE: Duration = Duration::from_secs(60);

/// How many repairs are told in full within a minute at most.
pub const TOLD_IN_FULL: usize = 20;

/// A change that is the same as another, whatever the values are: where, and of which
/// kind.
type Change = (ServiceKey, Spot, std::mem::Discriminant<Repair>);

#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    /// When each was last seen.
    seen: HashMap<Change, Moment>,
    /// When the latest ones were told in full.
    told: Vec<Moment>,
    untold: Option<Untold>,
}

#[derive(Clone, Debug)]
struct Untold {
    /// Since when there is something to be told.
    since: Moment,
    services: HashSet<ServiceKey>,
    times: u64,
    last: (ServiceKey, Vec<Repair>),
}

impl Repeats {
    /// A virtual server was put right at `now`. Gives what is to be told of it now.
    pub(super) fn repaired(
        &mut self,
        now: Moment,
        key: ServiceKey,
        changes: Vec<Repair>,
    ) -> Option<Note> {
        let is_recent = |at: &Moment| now.saturating_since(*at) < PAUSE;
        let mut is_new = false;
        for change in &changes {
            let what = (key, change.spot(), std::mem::discriminant(change));
            let before = self.seen.insert(what, now);
            is_new |= !before.as_ref().is_some_and(is_recent);
        }
        self.told.retain(is_recent);
        if is_new && self.told.len() < TOLD_IN_FULL {
            self.told.push(now);
            return Some(Note::Repaired { key, changes });
        }
        let untold = self.untold.get_or_insert_with(|| Untold {
            since: now,
            services: HashSet::new(),
            times: 0,
            last: (key, Vec::new()),
        });
        untold.services.insert(key);
        untold.times += 1;
        untold.last = (key, changes);
        None
    }

    /// What has not been told, once it has waited for long enough. To be asked for at
    /// every look at the whole table.
    pub(super) fn summary(&mut self, now: Moment) -> Option<Note> {
        self.seen.retain(|_, at| now.saturating_since(*at) < PAUSE);
        let untold = self
            .untold
            .take_if(|untold| now.saturating_since(untold.since) >= PAUSE)?;
        let (key, changes) = untold.last;
        Some(Note::RepairedAgain {
            services: untold.services.len(),
            times: untold.times,
            within: now.saturating_since(untold.since),
            key,
            changes,
        })
    }
}
