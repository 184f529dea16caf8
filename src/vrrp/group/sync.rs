//! What a sync group is to people: a name, a state, and events of its own.

use std::collections::VecDeque;

use crate::moment::Moment;
use crate::vrrp::event::{Change, Subject, VrrpEvent, Why};
use crate::vrrp::input::Action;
use crate::vrrp::memory::{GroupMemory, GroupReport};
use crate::vrrp::settings::GroupSettings;
use crate::vrrp::told::Told;
use crate::vrrp::types::{Priority, State};

/// What a sync group has for itself.
#[derive(Debug)]
pub struct SyncGroup {
    pub settings: GroupSettings,
    state: State,
    told: Told,
    begun: Moment,
}

impl SyncGroup {
    pub fn new(settings: GroupSettings, remembered: Option<&GroupMemory>, now: Moment) -> Self {
        let told = remembered.map(|memory| Told {
            state: memory.state,
            since: memory.since,
            why: memory.why.clone(),
        });
        SyncGroup {
            settings,
            state: State::Init,
            told: told.unwrap_or_else(|| Told::nothing(now)),
            begun: now,
        }
    }

    /// Is in another state from now on, with all its members.
    pub fn enter(
        &mut self,
        to: State,
        priority: Priority,
        why: Why,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        self.state = to;
        if let Some(change) = self.told.enter(to, priority, why, now) {
            self.tell(change, out);
        }
    }

    /// Its members have handed over, or it is configured no longer.
    pub fn end(&mut self, priority: Priority, now: Moment, out: &mut VecDeque<Action>) {
        let from = self.told.state;
        self.state = State::Init;
        self.told = Told::nothing(now);
        self.tell(Change::Stopped { from, priority }, out);
    }

    fn tell(&self, change: Change, out: &mut VecDeque<Action>) {
        out.push_back(Action::Tell(VrrpEvent {
            subject: Subject::Group(self.settings.name.clone()),
            change,
        }));
    }

    pub fn memory(&self) -> GroupMemory {
        GroupMemory {
            state: self.told.state,
            since: self.told.since,
            why: self.told.why.clone(),
        }
    }

    pub fn report(&self) -> GroupReport {
        let (since, why) = match self.state {
            State::Init => (self.begun, Why::Start),
            _ => (self.told.since, self.told.why.clone()),
        };
        GroupReport {
            name: self.settings.name.clone(),
            state: self.state,
            since,
            why,
        }
    }
}
