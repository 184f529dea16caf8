//! What an instance makes of other routers' adverts.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Instance, is_time};
use crate::moment::Moment;
use crate::vrrp::event::{Change, Why};
use crate::vrrp::hear::Heard;
use crate::vrrp::input::Action;
use crate::vrrp::memory::MasterSeen;
use crate::vrrp::timers::{master_down_after, skew_time};
use crate::vrrp::types::{AdvertInterval, Priority, State, Version};

/// What an advert means to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// There is a master that is to be left alone.
    Valid,
    /// There is one that this router is to take over from.
    Preemptable,
}

/// A master that was heard although a better one is there.
#[derive(Clone, Copy, Debug)]
pub struct Worse {
    heard: Heard,
    when: Moment,
}

impl Instance {
    /// Takes note of an advert that counts. Gives whether anything is to be made of it:
    /// the owner of the addresses may have been told to listen to nobody.
    pub fn note(&mut self, heard: Heard, now: Moment, out: &mut VecDeque<Action>) -> bool {
        self.heard_from = Some(heard.address);
        self.counters.adverts_received += 1;
        if heard.priority == Priority::RELEASE {
            self.counters.releases_received += 1;
        }
        if self.settings.priority != Priority::OWNER {
            return true;
        }
        if heard.priority == Priority::OWNER && is_time(&mut self.owner_told, now) {
            let address = heard.address;
            self.tell(Change::TwoOwners { address }, out);
        }
        !self.settings.owner_ignore_adverts
    }

    /// Notes a master that is heard.
    pub fn note_master(&mut self, heard: Heard, now: Moment) {
        self.worse = None;
        if heard.priority == Priority::RELEASE {
            self.master = None;
            return;
        }
        self.master = Some(MasterSeen {
            address: heard.address,
            priority: heard.priority,
            heard: now,
        });
    }

    /// A master that is to be left alone says how often it will be heard (RFC 9568
    /// section 6.4.2).
    pub fn learn_interval(&mut self, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        let (from, to) = (self.master_interval(), heard.interval);
        if self.settings.version == Version::V2 || from == to {
            return;
        }
        self.learned = (to != self.settings.advert_interval).then_some(to);
        if self.intervals_told.may_tell(now) {
            let master = heard.address;
            self.tell(Change::IntervalLearned { from, to, master }, out);
        }
    }

    /// A master has its own interval.
    pub fn forget_interval(&mut self, out: &mut VecDeque<Action>) {
        if let Some(from) = self.learned.take() {
            let to = self.settings.advert_interval;
            self.tell(Change::IntervalOwn { from, to }, out);
        }
    }

    /// Other settings have come: the master that is heard has the interval that it had.
    pub fn go_on_with_interval(&mut self, interval: AdvertInterval) {
        let is_known = self.learned.is_some() || self.master.is_some();
        let is_other = interval != self.settings.advert_interval;
        let is_kept = is_known && is_other && self.settings.version == Version::V3;
        self.learned = is_kept.then_some(interval);
    }

    /// A backup that has waited for so long in all waits for as long as it is told now,
    /// from when it last heard its master; where that is shorter, no shorter than from
    /// now on.
    pub fn wait_instead(&mut self, waited: Duration, now: Moment) {
        let wait = self.master_down_interval();
        if matches!(self.expected, Why::MasterStopped { .. }) {
            return;
        }
        let latest = self.earliest(now) + wait;
        self.timer = self.timer.map(|timer| {
            if wait > waited {
                timer + (wait - waited)
            } else {
                timer.min(latest)
            }
        });
    }

    /// A backup hears an advert (RFC 3768 section 6.4.2).
    pub fn hear_as_backup(&mut self, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        if heard.priority == Priority::RELEASE {
            return self.hear_release(heard, now, out);
        }
        if !self.hears_master(now)
            && let Some(worse) = self.worse
        {
            self.follow(worse, out);
        }
        let meaning = self.meaning(heard, now);
        if self.is_below_another(heard, now) {
            if meaning == Meaning::Valid {
                self.wait_for_worse(heard, now);
            }
            return;
        }
        self.note_master(heard, now);
        let master = heard.address;
        match meaning {
            Meaning::Valid => {
                self.learn_interval(heard, now, out);
                self.wait(self.master_down_interval(), now);
                self.expected = Why::MasterDown {
                    master: Some(master),
                };
            }
            // The timer runs on until it is out.
            Meaning::Preemptable => {
                self.expected = Why::Preempted {
                    master,
                    priority: heard.priority,
                };
            }
        }
    }

    /// A master has stopped. Its good-bye makes nobody wait longer than before: whoever
    /// says so again and again would keep it waiting.
    fn hear_release(&mut self, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        let master = heard.address;
        self.worse = self.worse.filter(|worse| worse.heard.address != master);
        // One that comes in behind the first advert of the next master is nothing to go
        // by, nor is anybody's who was not master.
        if self.master.is_some_and(|known| known.address != master) {
            return;
        }
        if let Some(worse) = self.worse {
            return self.follow(worse, out);
        }
        self.master = None;
        self.expected = Why::MasterStopped { master };
        let skew = skew_time(&self.settings, self.master_interval());
        let latest = self.earliest(now) + skew;
        self.timer = self.timer.map(|timer| timer.min(latest));
    }

    /// Whether the master that was heard last has not been given up.
    fn hears_master(&self, now: Moment) -> bool {
        let wait = self.master_down_interval();
        self.master.is_some_and(|master| now < master.heard + wait)
    }

    /// Whether this is from a master that a better one, heard a moment ago, is about to
    /// silence, or has: nothing is learned from its last word, which may be the last
    /// that is heard of anybody for a while.
    fn is_below_another(&self, heard: Heard, now: Moment) -> bool {
        self.master.is_some_and(|better| {
            let is_better = (better.priority, better.address) > (heard.priority, heard.address);
            is_better && better.address != heard.address && self.hears_master(now)
        })
    }

    /// The better master is waited for, and the worse one if that takes longer: it may
    /// not have heard the other.
    fn wait_for_worse(&mut self, heard: Heard, now: Moment) {
        let wait = master_down_after(&self.settings, heard.interval);
        let until = self.earliest(now) + wait;
        self.timer = Some(self.timer.map_or(until, |timer| timer.max(until)));
        self.ready = false;
        let rank = |heard: Heard| (heard.priority, heard.address);
        let is_behind = self.worse.is_some_and(|worse| {
            let wait = master_down_after(&self.settings, worse.heard.interval);
            let is_another = worse.heard.address != heard.address;
            is_another && now < worse.when + wait && rank(worse.heard) > rank(heard)
        });
        if !is_behind {
            self.worse = Some(Worse { heard, when: now });
        }
    }

    /// The better one is gone: this is the master.
    fn follow(&mut self, worse: Worse, out: &mut VecDeque<Action>) {
        let Worse { heard, when } = worse;
        self.note_master(heard, when);
        self.learn_interval(heard, when, out);
        let until = self.earliest(when) + self.master_down_interval();
        self.timer = self.timer.map(|timer| timer.min(until));
        self.expected = Why::MasterDown {
            master: Some(heard.address),
        };
    }

    fn meaning(&mut self, heard: Heard, now: Moment) -> Meaning {
        if heard.priority >= self.settings.priority {
            self.preempt_from = None;
            return Meaning::Valid;
        }
        if !self.preempts() {
            return Meaning::Valid;
        }
        let from = *self
            .preempt_from
            .get_or_insert(now + self.settings.preempt_delay);
        if now < from {
            Meaning::Valid
        } else {
            Meaning::Preemptable
        }
    }

    /// Whether it takes over from a master of lower priority. The owner always does
    /// (RFC 3768 section 6.1, Preempt_Mode).
    pub fn preempts(&self) -> bool {
        self.settings.preempt || self.settings.priority == Priority::OWNER
    }

    /// Whether another master was heard a moment ago that it would have to leave alone.
    pub fn is_held_back(&self, now: Moment) -> bool {
        self.state != State::Master
            && self.master.is_some_and(|master| {
                let is_there = now < master.heard + self.master_down_interval();
                let is_better = master.priority >= self.settings.priority;
                let is_left_alone =
                    !self.preempts() || self.preempt_from.is_some_and(|from| now < from);
                is_there && (is_better || is_left_alone)
            })
    }

    /// Whether another master is the one to stay (RFC 3768 section 6.4.3): by priority,
    /// and between equals by address.
    pub fn is_outranked_by(&self, heard: Heard) -> bool {
        let own = (
            self.settings.priority,
            self.last_port.map(|port| port.source),
        );
        (heard.priority, Some(heard.address)) > own
    }

    /// Tells of another master, not too often.
    pub fn tell_other_master(&mut self, heard: Heard, now: Moment, out: &mut VecDeque<Action>) {
        // One that was preempted a moment ago has its last word.
        let is_preempted = matches!(
            &self.told.why,
            Why::Preempted { master, .. } if *master == heard.address
        );
        let age = now.saturating_since(self.told.since);
        let is_handover = is_preempted && age < self.settings.advert_interval.as_duration();
        if is_handover || !is_time(&mut self.other_told, now) {
            return;
        }
        self.tell(
            Change::OtherMaster {
                address: heard.address,
                priority: heard.priority,
                is_answered: !self.settings.lower_prio_no_advert,
            },
            out,
        );
    }
}
