//! The state machine (RFC 3768 section 6.4), of instances that are in the same state
//! together.
//!
//! Every instance is in a group: its sync group, or one of its own. All members are in
//! the same state at all times, for there is one step only that changes it
//! ([`Group::change`]), and it changes all. What a member alone can do is to be ready
//! for mastership, when its master-down timer has run out, or to make it impossible.

mod collision;
mod sync;

use std::collections::VecDeque;

use super::event::{Change, Why};
use super::hear::Heard;
use super::input::Action;
use super::instance::Instance;
use super::link::Interfaces;
use super::timers::master_down_interval;
use super::types::{Priority, State};
use crate::moment::Moment;

pub use sync::SyncGroup;

/// How many adverts other masters can make this one send before the next one is due.
const ANSWERS: u32 = 20;

#[derive(Debug)]
pub struct Group {
    /// None: an instance that is in no sync group.
    pub sync: Option<SyncGroup>,
    /// In the order of the sync group.
    pub members: Vec<Instance>,
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
    pub fn new(sync: Option<SyncGroup>, members: Vec<Instance>) -> Self {
        Group {
            sync,
            members,
            collisions: 0,
        }
    }

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
        let faulty = self
            .members
            .iter()
            .position(|member| member.fault().is_some());
        match (self.state(), faulty) {
            (State::Init, _) => self.start(faulty, now, out),
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

    fn fault_of(&self, lead: usize) -> Why {
        self.members[lead].fault().cloned().unwrap_or(Why::Start)
    }

    /// Leaves INIT, once every member's interface is known (RFC 3768 section 6.4.1).
    fn start(&mut self, faulty: Option<usize>, now: Moment, out: &mut VecDeque<Action>) {
        if self.members.iter().any(|member| member.port.is_none()) {
            return;
        }
        if let Some(lead) = faulty {
            let why = self.fault_of(lead);
            self.change(State::Fault, lead, why, Parting::Silent, now, out);
        } else if self.members.iter().all(|member| member.can_resume(now)) {
            self.change(State::Master, 0, Why::Resumed, Parting::Silent, now, out);
        } else {
            let lead = self
                .members
                .iter()
                .position(|member| member.told_state() == State::Master);
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
            .position(|member| !matches!(member.why, Why::Group { .. }))
            .unwrap_or(0);
        let Some(member) = self.members.get(lead) else {
            return;
        };
        let why = match member.why {
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
        for member in &mut self.members {
            // One that was a backup before it was killed has heard another owner.
            member.ready =
                member.settings.priority == Priority::OWNER && member.told_state() != State::Backup;
        }
        if self.is_ready() {
            self.change(State::Master, lead, why, Parting::Silent, now, out);
        } else {
            self.change(State::Backup, lead, why, Parting::Silent, now, out);
        }
    }

    fn is_ready(&self) -> bool {
        self.members.iter().all(|member| member.ready)
    }

    /// A member hears an advert.
    pub fn hear(&mut self, at: usize, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        let state = self.state();
        let Some(member) = self.members.get_mut(at) else {
            return;
        };
        member.counters.adverts_received += 1;
        if heard.priority == Priority::RELEASE {
            member.counters.releases_received += 1;
        }
        match state {
            State::Init => {}
            // Nothing to decide, but worth knowing.
            State::Fault if heard.priority == Priority::RELEASE => member.master = None,
            State::Fault => member.note_master(heard, now),
            State::Backup => member.hear_as_backup(heard, now),
            State::Master => self.hear_as_master(at, heard, now, out),
        }
    }

    /// RFC 3768 section 6.4.3
    fn hear_as_master(&mut self, at: usize, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        let member = &mut self.members[at];
        let master = heard.address;
        if heard.priority == Priority::RELEASE {
            member.answer(now, out);
            self.announce_again(now);
            return;
        }
        if member.is_outranked_by(heard) {
            let why = Why::Outranked {
                master,
                priority: heard.priority,
            };
            self.count_collision(now);
            self.change(State::Backup, at, why, Parting::Outranked, now, out);
            self.members[at].note_master(heard, now);
            return;
        }
        // This one has stood still, and the other has taken over as it should. Priority 0
        // makes it announce its addresses again; any other would take mastership from it.
        if member.is_given_up(now) && !member.settings.preempt {
            let why = Why::Stalled { master };
            self.change(State::Backup, at, why, Parting::Release, now, out);
            self.members[at].note_master(heard, now);
            return;
        }
        member.answer(now, out);
        member.tell_other_master(heard, now, out);
        self.announce_again(now);
    }

    /// Another router has been master until now, and may have announced the addresses:
    /// those of all members, for it may be in such a group too.
    fn announce_again(&mut self, now: Moment) {
        for member in &mut self.members {
            member.rounds.repeat(now, &member.settings.announcements);
        }
    }

    /// Does what is due.
    pub fn on_time(&mut self, interfaces: &Interfaces, now: Moment, out: &mut VecDeque<Action>) {
        match self.state() {
            State::Init | State::Fault => {}
            State::Backup => self.on_master_down(now, out),
            State::Master => {
                for member in &mut self.members {
                    if member.timer.is_some_and(|timer| timer <= now) {
                        // After a standstill others may have announced the addresses.
                        if member.is_given_up(now) {
                            let settings = &member.settings.announcements;
                            member.rounds.begin_again(now, settings);
                        }
                        member.answers = 0;
                        member.advertise(now, out);
                    }
                }
            }
        }
        for member in &mut self.members {
            // What has changed has been looked at when it did.
            if member.addresses.wake().is_some_and(|wake| wake <= now) {
                member.tend_addresses(interfaces, now, out);
            }
            member.tell_drops(now, out);
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
        let state = self.state();
        self.part(0, Parting::Release, now, out);
        for member in &mut self.members {
            // In INIT there may be what the process before this one has left.
            if matches!(state, State::Master | State::Init) {
                let addresses = member.settings.addresses.clone();
                member.remove_addresses(addresses, out);
            }
        }
        let priority = self.lowest_priority();
        for member in &mut self.members {
            let from = member.told_state();
            member.remembered = None;
            member.state = State::Init;
            member.since = now;
            member.timer = None;
            let priority = member.settings.priority;
            member.tell(Change::Stopped { from, priority }, out);
        }
        if let Some(sync) = &mut self.sync {
            sync.stop(priority, out);
        }
    }

    /// The one step that changes states: all members', in the order in which others
    /// are to notice it. `lead` is the member that led the way, and why.
    fn change(
        &mut self,
        to: State,
        lead: usize,
        why: Why,
        parting: Parting,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        let from = self.state();
        self.part(lead, parting, now, out);
        let backoff = self.backoff();
        for member in &mut self.members {
            match to {
                State::Master => member.advertise(now, out),
                State::Backup if member.ready => member.timer = None,
                State::Backup => {
                    member.wait(master_down_interval(&member.settings) + backoff, now);
                }
                State::Init | State::Fault => {}
            }
        }
        for member in &mut self.members {
            let addresses = member.settings.addresses.clone();
            if to == State::Master {
                member.add_addresses(addresses, out);
            } else if member.has_left_over() || matches!(from, State::Master | State::Init) {
                member.remove_addresses(addresses, out);
            }
        }
        let follow = self.sync.as_ref().and_then(|sync| {
            Some(Why::Group {
                group: sync.settings.name.clone(),
                member: self.members.get(lead)?.settings.name.clone(),
            })
        });
        for (at, member) in self.members.iter_mut().enumerate() {
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

    /// What a master has to say at the end.
    fn part(&mut self, lead: usize, parting: Parting, now: Moment, out: &mut VecDeque<Action>) {
        if self.state() != State::Master || parting == Parting::Silent {
            return;
        }
        for (at, member) in self.members.iter_mut().enumerate() {
            let priority = if parting == Parting::Outranked && at == lead {
                member.settings.priority
            } else {
                Priority::RELEASE
            };
            member.send(priority, now, out);
        }
    }

    pub fn lowest_priority(&self) -> Priority {
        self.members
            .iter()
            .map(|member| member.settings.priority)
            .min()
            .unwrap_or(Priority::DEFAULT)
    }
}

impl Instance {
    /// Sends an advert because of one that was heard, as long as there are not too many
    /// of these.
    fn answer(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        if self.answers < ANSWERS {
            self.answers += 1;
            self.advertise(now, out);
        }
    }
}

/// Reasons that hold for a whole group.
fn is_common(why: &Why) -> bool {
    matches!(
        why,
        Why::Start | Why::Resumed | Why::ResumedTooLate | Why::Reload
    )
}
