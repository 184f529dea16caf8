//! Operations that the kernel does not take, and when they are tried again.

use std::collections::HashMap;
use std::time::Duration;

use crate::lvs::refusal::{Consequence, OpError};
use crate::lvs::table::IpvsOp;
use crate::lvs::types::{DestinationKey, ServiceKey};
use crate::moment::Moment;

/// The longest pause between two attempts at the same thing.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause after the `failures`th failure in a row (from 1): 1, 2, 4 … 60 s.
pub(super) fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}

/// A place in the table where operations fail: a virtual server itself (None) or
/// one of its real servers.
pub(super) type Spot = Option<DestinationKey>;

/// What has failed at one spot.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) error: OpError,
    pub(super) failures: u32,
    pub(super) retry_at: Moment,
    /// Whether it has been told.
    pub(super) told: bool,
}

/// All troubles, by virtual server.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles(HashMap<ServiceKey, HashMap<Spot, Trouble>>);

impl Troubles {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a failure of `op` and returns when to try again, where that is to be
    /// told.
    ///
    /// A contradicted or lost operation is neither told nor delayed for the first
    /// time, because a fresh look usually ends the matter; if it happens again the
    /// look did not help.
    pub(super) fn failed(&mut self, now: Moment, op: &IpvsOp, error: &OpError) -> Option<Moment> {
        let spots = self.0.entry(*op.service()).or_default();
        let trouble = spots.entry(op.destination()).or_insert(Trouble {
            error: error.clone(),
            failures: 0,
            retry_at: now,
            told: false,
        });
        trouble.failures = trouble.failures.saturating_add(1);
        let pauses = match error.consequence() {
            Consequence::ThisOne => trouble.failures,
            _ => trouble.failures - 1,
        };
        if trouble.error != *error {
            trouble.told = false;
            trouble.error = error.clone();
        }
        if pauses == 0 {
            trouble.retry_at = now;
            return None;
        }
        trouble.retry_at = now + pause(pauses);
        let tell = !trouble.told;
        trouble.told = true;
        tell.then_some(trouble.retry_at)
    }

    /// Forgets the trouble at a spot; true where it had been told.
    pub(super) fn resolved(&mut self, key: &ServiceKey, spot: Spot) -> bool {
        let Some(spots) = self.0.get_mut(key) else {
            return false;
        };
        let told = spots.remove(&spot).is_some_and(|trouble| trouble.told);
        if spots.is_empty() {
            self.0.remove(key);
        }
        told
    }

    /// Forgets the troubles of a virtual server at spots where nothing is to be done
    /// any more.
    pub(super) fn retain(&mut self, key: &ServiceKey, still: impl Fn(Spot) -> bool) {
        if let Some(spots) = self.0.get_mut(key) {
            spots.retain(|spot, _| still(*spot));
            if spots.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// Whether a spot is to be left alone at `now`.
    pub(super) fn paused(&self, now: Moment, key: &ServiceKey, spot: Spot) -> bool {
        let trouble = self.0.get(key).and_then(|spots| spots.get(&spot));
        trouble.is_some_and(|trouble| trouble.retry_at > now)
    }

    /// Whether there is trouble at a spot.
    pub(super) fn at(&self, key: &ServiceKey, spot: Spot) -> bool {
        self.0
            .get(key)
            .is_some_and(|spots| spots.contains_key(&spot))
    }

    /// Whether there is trouble anywhere in a virtual server.
    pub(super) fn any(&self, key: &ServiceKey) -> bool {
        self.0.contains_key(key)
    }

    /// Ends the pauses of a virtual server: what is wanted of it has changed.
    pub(super) fn retry_now(&mut self, key: &ServiceKey) {
        for trouble in self
            .0
            .get_mut(key)
            .into_iter()
            .flat_map(HashMap::values_mut)
        {
            trouble.retry_at = Moment::default();
        }
    }

    /// The virtual servers with a pause that is over.
    pub(super) fn due(&self, now: Moment) -> impl Iterator<Item = ServiceKey> + '_ {
        let due = move |spots: &HashMap<Spot, Trouble>| {
            spots.values().any(|trouble| trouble.retry_at <= now)
        };
        self.0
            .iter()
            .filter(move |(_, spots)| due(spots))
            .map(|(key, _)| *key)
    }

    /// When the first pause is over.
    pub(super) fn next(&self) -> Option<Moment> {
        let all = self.0.values().flat_map(HashMap::values);
        all.map(|trouble| trouble.retry_at).min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ServiceKey, Spot, &Trouble)> {
        self.0
            .iter()
            .flat_map(|(key, spots)| spots.iter().map(move |(spot, t)| (key, *spot, t)))
    }
}
