//! Health checks, without doing any: what an attempt can come to ([`outcome`]),
//! what a row of attempts makes of a check ([`state`]), when each check runs
//! ([`schedule`]), and per kind of check what is asked and how the reply is judged
//! ([`http`], [`misc`]).
//!
//! Everything here is pure: it is given the time and returns values. Running a
//! check is the business of [`crate::probe`] (and of core, for scripts); putting
//! the verdicts of several checks together that of [`crate::lvs::pool`].

pub mod http;
pub mod misc;
pub mod outcome;
pub mod schedule;
pub mod state;
pub mod wording;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use outcome::{DynamicStatus, Errno, Failure, FailureKind, Outcome};
pub use schedule::Schedule;
pub use state::{CheckState, Step, Transition, Verdict};

use crate::config::model::{Model, RealServer};
use crate::lvs::{DestinationKey, PoolId};

/// What a check is known by over reloads and restarts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckKey {
    pub pool: PoolId,
    pub server: DestinationKey,
    /// [`CheckSpec::identity`](crate::config::model::CheckSpec::identity): what is
    /// asked.
    pub identity: u64,
    /// Counts the checks of one real server that ask the same, from 0.
    pub nth: u16,
}

/// The keys of a real server's checks, in their order.
pub fn keys_of(model: &Model, pool: &PoolId, server: &RealServer) -> Vec<CheckKey> {
    let mut seen: HashMap<u64, u16> = HashMap::new();
    server
        .checks
        .iter()
        .map(|check| {
            let identity = check.spec.identity(model);
            let count = seen.entry(identity).or_default();
            let nth = *count;
            *count = count.saturating_add(1);
            CheckKey {
                pool: pool.clone(),
                server: server.key,
                identity,
                nth,
            }
        })
        .collect()
}
