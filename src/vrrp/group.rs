//! The state machine (RFC 3768 section 6.4), of instances that are in the same state
//! together.
//!
//! Every instance is in a group: its sync group, or one of its own. All members are in
//! the same state at all times, for there is one step only that changes it
//! ([`Group::change`]), and it changes all. What a member alone can do is to be ready
//! for mastership, when its master-down timer has run out, or to make it impossible.

mod collision;
mod hearing;
mod members;
mod sync;

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{Change, Why};
use super::input::Action;
use super::instance::Instance;
use super::link::Interfaces;
use super::types::{Priority, State};
use crate::moment::Moment;

pub use sync::SyncGroup;

#[derive(Debug)]
pub struct Group {
    /// None: an instance that is in no sync group.
    pub sync: Option<Box<SyncGroup>>,
    /// In the order of the sync group.
    pub members: Vec<Instance>,
    /// Members to be, in INIT until their interfaces are known, which the others do not
    /// wait for.
    joining: Vec<Instance>,
    /// How often in a row mastership was lost as soon as it was won.
    collisions: u32,
}

/// What a master says when it stops being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    /// Nothing is left to be said.
    Silent,
    /// Priority 0: others may take over at once (RFC 3768 section 5.3.4).
    Release,
    /// The one that leads the way has heard a better master. Its last advert makes that
    /// one announce its addresses again: it may never have heard that there were two.
    /// The others release what they have.
    Outranked,
}

impl Group {
    /// The state of all members.
    pub fn state(&self) -> State {
        self.members
            .first()
            .map_or(State::Init, |member| member.state)
    }

    /// Takes in what the interfaces are now.
    pub fn look(&mut self, interfaces: &Interfaces, now: Moment, out: &mut VecDeque<Action>) {
        for member in &mut self.members {
            member.look(interfaces);
        }
        self.let_join(interfaces, now, out);
        let faulty = self.faulty();
        match (self.state(), faulty) {
            (State::Init, _) => self.start(now, out),
            (State::Fault, None) => self.recover(now, out),
            (State::Backup | State::Master, Some(lead)) => {
                let why = self.fault_of(lead);
                self.change(State::Fault, lead, why, Parting::Release, now, out);
            }
            _ => {}
        }
        for member in &mut self.members {
            member.tend_addresses(interfaces, now, out);
        }
    }

    /// The first member that cannot take part.
    fn faulty(&self) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.fault().is_some())
    }

    fn fault_of(&self, lead: usize) -> Why {
        self.members[lead].fault().cloned().unwrap_or(Why::Start)
    }

    /// Leaves INIT, once every member's interface is known (RFC 3768 section 6.4.1).
    fn start(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        if self.members.iter().any(|member| member.port.is_none()) {
            return;
        }
        for member in &self.members {
            member.tell_delay(now, out);
        }
        if let Some(lead) = self.faulty() {
            let why = self.fault_of(lead);
            self.change(State::Fault, lead, why, Parting::Silent, now, out);
        } else if self.members.iter().all(|member| member.can_resume(now)) {
            self.change(State::Master, 0, Why::Resumed, Parting::Silent, now, out);
        } else {
            let lead = self.members.iter().position(Instance::was_master);
            let at = lead.unwrap_or(0);
            let why = match self.members.get(at).map(|member| &member.beginning) {
                Some(Why::Start) if lead.is_some() => Why::ResumedTooLate,
                Some(beginning) => beginning.clone(),
                None => return,
            };
            self.stand(at, why, now, out);
        }
    }

    /// Leaves FAULT.
    fn recover(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        // The others had nothing wrong with them.
        let lead = self
            .members
            .iter()
            .position(|member| !matches!(member.told.why, Why::Group { .. }))
            .unwrap_or(0);
        let Some(member) = self.members.get(lead) else {
            return;
        };
        let why = match member.told.why {
            // Nothing else gives it peers.
            Why::NoPeers => Why::Reload,
            _ => Why::InterfaceReady {
                interface: member.settings.interface.clone(),
            },
        };
        self.stand(lead, why, now, out);
    }

    /// Takes part from now on: the owner of the addresses as master, others as backups.
    fn stand(&mut self, lead: usize, why: Why, now: Moment, out: &mut VecDeque<Action>) {
        let mut delayed = Vec::new();
        for (at, member) in self.members.iter_mut().enumerate() {
            // One that was a backup before it was killed has heard another owner.
            let is_owner =
                member.settings.priority == Priority::OWNER && member.told.state != State::Backup;
            member.ready = is_owner && !member.is_delayed(now);
            if is_owner && !member.ready {
                delayed.push(at);
            }
        }
        if self.is_ready() {
            self.change(State::Master, lead, why, Parting::Silent, now, out);
            return;
        }
        self.change(State::Backup, lead, why.clone(), Parting::Silent, now, out);
        for at in delayed {
            let member = &mut self.members[at];
            member.wait(Duration::ZERO, now);
            member.expected = why.clone();
        }
    }

    fn is_ready(&self) -> bool {
        self.members.iter().all(|member| member.ready)
    }

    /// Does what is due.
    pub fn on_time(&mut self, interfaces: &Interfaces, now: Moment, out: &mut VecDeque<Action>) {
        match self.state() {
            State::Init | State::Fault => {}
            State::Backup => self.on_master_down(now, out),
            State::Master => self.on_advert_timer(now, out),
        }
        for member in &mut self.members {
            // What has changed has been looked at when it did.
            if member.addresses.wake().is_some_and(|wake| wake <= now) {
                member.tend_addresses(interfaces, now, out);
            }
            member.tell_drops(now, out);
        }
    }

    /// Adverts that are due are sent, unless this router has stood still for so long
    /// that it is to expect another master.
    fn on_advert_timer(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            let Some(due) = member.timer.filter(|timer| *timer <= now) else {
                continue;
            };
            let others = member.settings.timer_expired_backup;
            if !member.preempts()
                && others.is_some_and(|highest| member.is_given_up_by(highest, now))
            {
                let silent = member.last_advert.map_or(now - due, |last| now - last);
                let why = Why::StoodStill { silent };
                return self.change(State::Backup, at, why, Parting::Release, now, out);
            }
            // After a standstill others may have announced the addresses.
            if member.is_given_up(now) {
                let settings = &member.settings.announcements;
                member.rounds.begin_again(now, settings);
            }
            member.answers = 0;
            member.advertise(now, out);
            member.note_lateness(due, now, out);
        }
    }

    /// Master-down timers that have run out make their members ready, and the last of
    /// them makes the group master.
    fn on_master_down(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        let mut last = None;
        for (at, member) in self.members.iter_mut().enumerate() {
            if let Some(timer) = member.timer.take_if(|timer| *timer <= now) {
                member.ready = true;
                last = last.max(Some((timer, at)));
            }
        }
        let Some((_, lead)) = last else { return };
        if self.is_ready() {
            let why = self.members[lead].expected.clone();
            self.change(State::Master, lead, why, Parting::Silent, now, out);
            for member in &mut self.members {
                if !member.has_heard && !member.has_told_alone {
                    member.has_told_alone = true;
                    member.tell(Change::Alone, out);
                }
            }
        }
    }

    /// Hands over. Afterwards nothing is done any more.
    pub fn stop(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        self.members.append(&mut self.joining);
        self.part(0, Parting::Release, now, out);
        for member in &mut self.members {
            // In INIT there may be what the process before this one has left.
            if member.may_have_addresses() {
                let addresses = member.settings.addresses.clone();
                member.remove_addresses(addresses, out);
            }
        }
        let priority = self.lowest_priority();
        for member in &mut self.members {
            member.end(now, out);
        }
        if let Some(sync) = &mut self.sync {
            sync.end(priority, now, out);
        }
    }

    /// The one step that changes states: all members', in the order in which others
    /// are to notice it. `lead` is the member that led the way, and why. Those that are
    /// in that state already, which happens where a reload has brought members
    /// together, stay what they are.
    fn change(
        &mut self,
        to: State,
        lead: usize,
        why: Why,
        parting: Parting,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        self.part(lead, parting, now, out);
        let backoff = self.backoff();
        let others = |member: &&mut Instance| member.state != to;
        for member in self.members.iter_mut().filter(others) {
            match to {
                State::Master => {
                    member.advertise(now, out);
                    member.forget_interval(out);
                }
                State::Backup if member.ready => member.timer = None,
                State::Backup => {
                    member.wait(member.master_down_interval() + backoff, now);
                }
                State::Init | State::Fault => {}
            }
        }
        for member in self.members.iter_mut().filter(others) {
            let addresses = member.settings.addresses.clone();
            if to == State::Master {
                member.add_addresses(addresses, out);
            } else if member.has_left_over() || member.may_have_addresses() {
                member.remove_addresses(addresses, out);
            }
        }
        let follow = self.sync.as_ref().and_then(|sync| {
            Some(Why::Group {
                group: sync.settings.name.clone(),
                member: self.members.get(lead)?.settings.name.clone(),
            })
        });
        let members = self.members.iter_mut().enumerate();
        for (at, member) in members.filter(|(_, member)| member.state != to) {
            let own = match (at == lead, to, member.fault(), &follow) {
                (false, State::Fault, Some(fault), _) => fault.clone(),
                // Where all begin together nobody leads.
                (false, _, _, Some(follow)) if !is_common(&why) => follow.clone(),
                _ => why.clone(),
            };
            if let Some(change) = member.enter(to, own, now) {
                member.tell(change, out);
            }
        }
        let priority = self.lowest_priority();
        if let Some(sync) = &mut self.sync {
            sync.enter(to, priority, why, now, out);
        }
    }

    /// What masters have to say at the end.
    fn part(&mut self, lead: usize, parting: Parting, now: Moment, out: &mut VecDeque<Action>) {
        if parting == Parting::Silent {
            return;
        }
        for (at, member) in self.members.iter_mut().enumerate() {
            if member.state != State::Master {
                continue;
            }
            let priority = if parting == Parting::Outranked && at == lead {
                if !member.settings.higher_prio_send_advert {
                    continue;
                }
                member.settings.priority
            } else {
                Priority::RELEASE
            };
            member.send(priority, now, out);
        }
    }

    pub fn lowest_priority(&self) -> Priority {
        self.all()
            .map(|member| member.settings.priority)
            .min()
            .unwrap_or(Priority::DEFAULT)
    }
}

/// Reasons that hold for a whole group.
fn is_common(why: &Why) -> bool {
    matches!(
        why,
        Why::Start | Why::Resumed | Why::ResumedTooLate | Why::Reload
    )
}
