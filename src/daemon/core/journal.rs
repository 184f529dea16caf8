//! The journal: the latest events, in memory, with number, time and cause. Every
//! event is also a line of the log.

use std::collections::VecDeque;
use std::time::SystemTime;

use crate::alert::{Event, Importance, What};
use crate::daemon::messages::Told;

/// How many events are kept.
const KEPT: usize = 10_000;

/// The latest events.
#[derive(Debug, Default)]
pub struct Journal {
    events: VecDeque<Event>,
    told: u64,
}

impl Journal {
    /// Puts down an event and writes it to the log.
    pub fn tell(&mut self, told: Told) -> Event {
        self.told += 1;
        let event = Event {
            number: self.told,
            at: SystemTime::now(),
            cause: told.cause,
            what: told.what,
        };
        log(&event.what);
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        event
    }

    /// The events that are still there, from the oldest.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// How many events there have been.
    pub fn count(&self) -> u64 {
        self.told
    }
}

fn log(what: &What) {
    match what.importance() {
        Importance::Info => tracing::info!("{what}"),
        Importance::Warning => tracing::warn!("{what}"),
        Importance::Error => tracing::error!("{what}"),
    }
}
