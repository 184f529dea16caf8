//! What a sync group is to people: a name, a state, and events of its own.

use std::collections::VecDeque;

use crate::moment::Moment;
use crate::vrrp::event::{Change, Subject, VrrpEvent, Why};
use crate::vrrp::input::Action;
use crate::vrrp::memory::{GroupMemory, GroupReport};
use crate::vrrp::settings::GroupSettings;
use crate::vrrp::types::{Priority, State};

/// What a sync group has for itself.
#[derive(Debug)]
pub struct SyncGroup {
    pub settings: GroupSettings,
    pub state: State,
    pub since: Moment,
    pub why: Why,
    /// What the process before this one knew, until INIT is left.
    remembered: Option<GroupMemory>,
}

impl SyncGroup {
    pub fn new(settings: GroupSettings, remembered: Option<GroupMemory>, now: Moment) -> Self {
        SyncGroup {
            settings,
            state: State::Init,
            since: now,
            why: Why::Start,
            remembered,
        }
    }

    fn told_state(&self) -> State {
        match &self.remembered {
            Some(memory) => memory.state,
            None => self.state,
        }
    }

    /// It is configured no longer.
    pub fn retire(&self, priority: Priority, out: &mut VecDeque<Action>) {
        let from = self.told_state();
        self.tell(Change::Stopped { from, priority }, out);
    }

    /// Its members begin again, from INIT.
    pub fn begin_again(&mut self) {
        if self.state != State::Init {
            self.remembered = Some(self.memory());
            self.state = State::Init;
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
        let from = self.told_state();
        self.state = to;
        match self.remembered.take() {
            Some(memory) if memory.state == to => {
                self.since = memory.since;
                self.why = memory.why;
                return;
            }
            _ => {}
        }
        self.since = now;
        self.why = why.clone();
        let change = Change::Entered {
            from,
            to,
            priority,
            why,
        };
        self.tell(change, out);
    }

    /// Its members have handed over.
    pub fn stop(&mut self, priority: Priority, out: &mut VecDeque<Action>) {
        self.retire(priority, out);
        self.remembered = None;
        self.state = State::Init;
    }

    fn tell(&self, change: Change, out: &mut VecDeque<Action>) {
        out.push_back(Action::Tell(VrrpEvent {
            subject: Subject::Group(self.settings.name.clone()),
            change,
        }));
    }

    pub fn memory(&self) -> GroupMemory {
        match &self.remembered {
            Some(memory) => memory.clone(),
            None => GroupMemory {
                state: self.state,
                since: self.since,
                why: self.why.clone(),
            },
        }
    }

    pub fn report(&self) -> GroupReport {
        GroupReport {
            name: self.settings.name.clone(),
            state: self.state,
            since: self.since,
            why: self.why.clone(),
        }
    }
}
