//! What a group makes of other routers' adverts.

use std::collections::{HashSet, VecDeque};

use super::{Group, Parting};
use crate::moment::Moment;
use crate::vrrp::event::Why;
use crate::vrrp::hear::Heard;
use crate::vrrp::input::Action;
use crate::vrrp::instance::Instance;
use crate::vrrp::types::{Priority, State};

/// How many adverts other masters can make this one send before the next one is due.
const ANSWERS: u32 = 20;

impl Group {
    /// A member hears an advert.
    pub fn hear(&mut self, at: usize, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        let state = self.state();
        let Some(member) = self.members.get_mut(at) else {
            return;
        };
        if !member.note(heard, now, out) {
            return;
        }
        match state {
            // Nothing to decide, but worth knowing.
            State::Init | State::Fault => member.note_master(heard, now),
            State::Backup => member.hear_as_backup(heard, now, out),
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
            return self.yield_to(at, heard, why, Parting::Outranked, now, out);
        }
        // This one has stood still, and the other has taken over as it should. Priority 0
        // makes it announce its addresses again; any other would take mastership from it.
        if member.is_given_up(now) && !member.preempts() {
            let why = Why::Stalled { master };
            return self.yield_to(at, heard, why, Parting::Release, now, out);
        }
        if !member.settings.lower_prio_no_advert {
            member.answer(now, out);
        }
        member.tell_other_master(heard, now, out);
        self.announce_again(now);
    }

    /// Another router is the master from now on.
    fn yield_to(
        &mut self,
        at: usize,
        heard: Heard,
        why: Why,
        parting: Parting,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        self.members[at].learn_interval(heard, now, out);
        self.change(State::Backup, at, why, parting, now, out);
        self.members[at].note_master(heard, now);
    }

    /// Another router has been master until now, and may have announced the addresses:
    /// those of all members, for it may be in such a group too.
    fn announce_again(&mut self, now: Moment) {
        for member in &mut self.members {
            member.rounds.repeat(now, &member.settings.announcements);
        }
    }

    /// An interface leads to its network again, or to another, or has another hardware
    /// address: what masters have on it is made known there.
    pub fn announce_on(&mut self, interface: &str, now: Moment) {
        for member in &mut self.members {
            let settings = &member.settings;
            let all = settings.addresses.iter();
            let there: HashSet<_> = all
                .filter(|address| address.interface == interface)
                .filter(|address| member.addresses.holds(address))
                .cloned()
                .collect();
            if member.state == State::Master && !there.is_empty() {
                member.rounds.begin(there, now, &settings.announcements);
            }
        }
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
