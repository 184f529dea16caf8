//! Members that come and go by a reload.

use std::collections::VecDeque;

use super::{Group, Parting, SyncGroup};
use crate::moment::Moment;
use crate::vrrp::event::Why;
use crate::vrrp::input::Action;
use crate::vrrp::instance::Instance;
use crate::vrrp::link::Interfaces;
use crate::vrrp::types::State;

impl Group {
    /// Puts members together, in the order of the sync group. Where some have been at
    /// work before, those that have not begun yet join them as soon as their
    /// interfaces are known.
    pub fn new(sync: Option<SyncGroup>, members: Vec<Instance>) -> Self {
        let is_at_work = members.iter().any(|member| member.state != State::Init);
        let (joining, members) = members
            .into_iter()
            .partition(|member| is_at_work && member.state == State::Init);
        Group {
            sync: sync.map(Box::new),
            members,
            joining,
            collisions: 0,
        }
    }

    /// All members, also those that are yet to join the others.
    pub fn all(&self) -> impl Iterator<Item = &Instance> {
        self.members.iter().chain(&self.joining)
    }

    /// The same, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.members.iter_mut().chain(&mut self.joining)
    }

    /// Takes the group apart: all members, in no particular order.
    pub fn into_parts(mut self) -> (Option<SyncGroup>, Vec<Instance>) {
        self.members.append(&mut self.joining);
        (self.sync.map(|sync| *sync), self.members)
    }

    /// Those whose interfaces are known by now join the others.
    pub(super) fn let_join(
        &mut self,
        interfaces: &Interfaces,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        for member in &mut self.joining {
            member.look(interfaces);
        }
        let known = self.joining.extract_if(.., |member| member.port.is_some());
        self.members.extend(known);
        if let Some(sync) = &self.sync {
            let names = &sync.settings.members;
            self.members.sort_by_key(|member| {
                let its = |name: &String| *name == member.settings.name;
                names.iter().position(its)
            });
        }
        self.agree(now, out);
    }

    /// Members that have come together from different states enter one, and none gives
    /// up what it has without need. A group that has masters is master, unless one of
    /// the others is held back by a better master; then the others give way to it as
    /// well.
    fn agree(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        let state = self.state();
        let is_one = self.members.iter().all(|member| member.state == state);
        if is_one {
            let priority = self.lowest_priority();
            if let Some(sync) = self.sync.as_mut().filter(|_| state != State::Init) {
                sync.enter(state, priority, Why::Reload, now, out);
            }
            return;
        }
        if let Some(lead) = self.faulty() {
            let why = self.fault_of(lead);
            return self.change(State::Fault, lead, why, Parting::Release, now, out);
        }
        let has_master = |member: &Instance| member.state == State::Master;
        let is_held_back = |member: &Instance| member.is_held_back(now);
        let masters = self.members.iter().position(has_master);
        let (to, parting) = match masters {
            Some(_) if !self.members.iter().any(is_held_back) => (State::Master, Parting::Silent),
            _ => (State::Backup, Parting::Release),
        };
        let lead = masters.unwrap_or(0);
        self.change(to, lead, Why::Reload, parting, now, out);
    }
}
