//! What people know of an instance or a sync group.

use super::event::{Change, Why};
use super::types::{Priority, State};
use crate::moment::Moment;

/// The state that people were told of last, by whichever process: INIT where they were
/// told of none.
#[derive(Clone, Debug)]
pub struct Told {
    pub state: State,
    pub since: Moment,
    pub why: Why,
}

impl Told {
    pub fn nothing(now: Moment) -> Self {
        Told {
            state: State::Init,
            since: now,
            why: Why::Start,
        }
    }

    /// What is to be told of the state that is entered now: nothing if they know it
    /// already. Then it goes on, from when and for what reason it began.
    pub fn enter(
        &mut self,
        to: State,
        priority: Priority,
        why: Why,
        now: Moment,
    ) -> Option<Change> {
        let from = self.state;
        if from == to {
            return None;
        }
        *self = Told {
            state: to,
            since: now,
            why: why.clone(),
        };
        Some(Change::Entered {
            from,
            to,
            priority,
            why,
        })
    }
}
