//! One instance: what it knows and what it can do. What it is to do, its group says
//! ([`super::group`]).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::addresses::Addresses;
use super::announce::Rounds;
use super::drops::Drops;
use super::event::{Change, Subject, VrrpEvent, Why};
use super::guard::Guard;
use super::hear::Heard;
use super::input::{Action, InstanceId};
use super::link::{Interfaces, Port};
use super::memory::{Counters, InstanceMemory, InstanceReport, MasterSeen};
use super::settings::{InstanceSettings, VirtualAddress};
use super::timers::{master_down_interval, patience_of_others, skew_time};
use super::types::{Priority, State};
use crate::moment::Moment;

/// How often another master is told of, at most.
const OTHER_MASTER_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Instance {
    pub id: InstanceId,
    pub settings: InstanceSettings,
    pub state: State,
    pub since: Moment,
    pub why: Why,
    /// What the process before this one knew, until INIT is left.
    pub remembered: Option<InstanceMemory>,
    /// Why it leaves INIT, if nothing else is known.
    pub beginning: Why,
    /// Where it sends from, or why it cannot; None while that is not known.
    pub port: Option<Result<Port, Why>>,
    /// Where it last could.
    pub last_port: Option<Port>,
    /// In BACKUP the master-down timer, in MASTER the advert timer (RFC 3768 section
    /// 6.2).
    pub timer: Option<Moment>,
    /// The master-down timer has run out; the others of the group are waited for.
    pub ready: bool,
    /// What will have been the reason when the master-down timer runs out.
    pub expected: Why,
    /// The other master that was heard last.
    pub master: Option<MasterSeen>,
    /// Until then a master of lower priority is left alone.
    preempt_from: Option<Moment>,
    pub last_advert: Option<Moment>,
    /// Other masters answered since an advert was last due.
    pub answers: u32,
    /// Whether any packet for its VRID has come in, however wrong.
    pub has_heard: bool,
    pub has_told_alone: bool,
    other_told: Option<Moment>,
    pub counters: Counters,
    pub drops: Drops,
    pub addresses: Addresses,
    pub rounds: Rounds,
    /// Virtual addresses that the host had for its only ones before anything was done:
    /// they are its own, and stay.
    pub kept: Vec<IpAddr>,
    pub guard: Guard,
}

/// What an advert means to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// There is a master that is to be left alone.
    Valid,
    /// There is one that this router is to take over from.
    Preemptable,
}

impl Instance {
    pub fn new(
        id: InstanceId,
        settings: InstanceSettings,
        remembered: Option<InstanceMemory>,
        now: Moment,
    ) -> Self {
        Instance {
            id,
            settings,
            state: State::Init,
            since: now,
            why: Why::Start,
            last_advert: remembered.as_ref().and_then(|memory| memory.last_advert),
            kept: remembered
                .as_ref()
                .map(|memory| memory.kept.clone())
                .unwrap_or_default(),
            guard: Guard::new(remembered.as_ref().map(|memory| memory.numbers.clone())),
            remembered,
            beginning: Why::Start,
            port: None,
            last_port: None,
            timer: None,
            ready: false,
            expected: Why::MasterDown { master: None },
            master: None,
            preempt_from: None,
            answers: 0,
            has_heard: false,
            has_told_alone: false,
            other_told: None,
            counters: Counters::default(),
            drops: Drops::default(),
            addresses: Addresses::default(),
            rounds: Rounds::default(),
        }
    }

    /// Takes in what its interface is now.
    pub fn look(&mut self, interfaces: &Interfaces) {
        self.port = interfaces.port(&self.settings);
        if self.state == State::Init && self.remembered.is_none() {
            self.kept = interfaces.only_addresses(&self.settings);
        }
        if let Some(Err(Why::NoAddress { .. } | Why::SourceMissing { .. })) = self.port
            && let Some(port) = interfaces.port_of_owner(&self.settings, &self.kept)
        {
            self.port = Some(Ok(port));
        }
        match &self.port {
            Some(Ok(port)) => self.last_port = Some(*port),
            // The link is there, and the last address is still what others know this
            // router by.
            Some(Err(Why::NoAddress { .. } | Why::SourceMissing { .. })) => {}
            _ => self.last_port = None,
        }
    }

    pub fn fault(&self) -> Option<&Why> {
        self.port.as_ref()?.as_ref().err()
    }

    /// The state that people were told last.
    pub fn told_state(&self) -> State {
        match &self.remembered {
            Some(memory) => memory.state,
            None => self.state,
        }
    }

    /// Whether the process before this one was master, and the others have not yet had
    /// time to give it up.
    pub fn can_resume(&self, now: Moment) -> bool {
        self.remembered
            .as_ref()
            .is_some_and(|memory| memory.state == State::Master)
            && !self.is_given_up(now)
    }

    /// Whether it has been silent for so long that others may have taken over.
    pub fn is_given_up(&self, now: Moment) -> bool {
        self.last_advert
            .is_none_or(|last| now >= last + patience_of_others(&self.settings))
    }

    pub fn add_addresses(&mut self, addresses: Vec<VirtualAddress>, out: &mut VecDeque<Action>) {
        self.addresses.adding(&addresses);
        out.push_back(Action::AddAddresses {
            instance: self.id,
            addresses,
        });
    }

    /// Whether packets from this address are its own ones.
    pub fn sends_from(&self, address: IpAddr) -> bool {
        self.last_port.is_some_and(|port| port.source == address)
    }

    /// What was the host's only address, and is not any more, is one that an earlier
    /// process has left: gives whether there is such a one.
    pub fn has_left_over(&mut self) -> bool {
        let is_owner = self.settings.priority == Priority::OWNER;
        !is_owner && self.fault().is_none() && !std::mem::take(&mut self.kept).is_empty()
    }

    pub fn remove_addresses(
        &mut self,
        mut addresses: Vec<VirtualAddress>,
        out: &mut VecDeque<Action>,
    ) {
        self.rounds.cancel();
        addresses.retain(|address| !self.kept.contains(&address.address));
        self.addresses.removing(&addresses);
        out.push_back(Action::RemoveAddresses {
            instance: self.id,
            addresses,
        });
    }

    /// Begins to wait for the master's adverts.
    pub fn wait(&mut self, interval: Duration, now: Moment) {
        self.timer = Some(now + interval);
        self.ready = false;
    }

    /// Is in another state from now on. What is done about it has been done; gives what
    /// is to be told, nothing if it has been told before.
    pub fn enter(&mut self, to: State, why: Why, now: Moment) -> Option<Change> {
        let from = self.told_state();
        self.state = to;
        self.preempt_from = None;
        if to != State::Backup {
            self.ready = false;
            self.expected = Why::MasterDown { master: None };
        }
        if to == State::Fault {
            self.timer = None;
            self.master = None;
        }
        if to == State::Master {
            self.master = None;
            self.answers = 0;
            self.counters.became_master += 1;
        }
        match self.remembered.take() {
            Some(memory) if memory.state == to => {
                self.since = memory.since;
                self.why = memory.why;
                return None;
            }
            _ => {}
        }
        self.since = now;
        self.why = why.clone();
        Some(Change::Entered {
            from,
            to,
            priority: self.settings.priority,
            why,
        })
    }

    /// Notes a master that is heard.
    pub fn note_master(&mut self, heard: Heard, now: Moment) {
        self.master = Some(MasterSeen {
            address: heard.address,
            priority: heard.priority,
            heard: now,
        });
    }

    /// A backup hears an advert (RFC 3768 section 6.4.2).
    pub fn hear_as_backup(&mut self, heard: Heard, now: Moment) {
        let master = heard.address;
        if heard.priority == Priority::RELEASE {
            self.wait(skew_time(&self.settings), now);
            self.expected = Why::MasterStopped { master };
            self.master = None;
            return;
        }
        self.note_master(heard, now);
        match self.meaning(heard, now) {
            Meaning::Valid => {
                self.wait(master_down_interval(&self.settings), now);
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

    fn meaning(&mut self, heard: Heard, now: Moment) -> Meaning {
        if heard.priority >= self.settings.priority {
            self.preempt_from = None;
            return Meaning::Valid;
        }
        if !self.settings.preempt {
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
        let is_handover = now.saturating_since(self.since)
            < self.settings.advert_interval.as_duration()
            && self.why_is_preemption(heard.address);
        let is_recent = self
            .other_told
            .is_some_and(|told| now.saturating_since(told) < OTHER_MASTER_PAUSE);
        if is_handover || is_recent {
            return;
        }
        self.other_told = Some(now);
        self.tell(
            Change::OtherMaster {
                address: heard.address,
                priority: heard.priority,
            },
            out,
        );
    }

    fn why_is_preemption(&self, address: IpAddr) -> bool {
        matches!(&self.why, Why::Preempted { master, .. } if *master == address)
    }

    pub fn tell(&self, change: Change, out: &mut VecDeque<Action>) {
        out.push_back(Action::Tell(VrrpEvent {
            subject: Subject::Instance(self.settings.name.clone()),
            change,
        }));
    }

    /// Looks after its addresses, as far as that is due.
    pub fn tend_addresses(
        &mut self,
        interfaces: &Interfaces,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        if self.state == State::Master {
            let missing = self
                .addresses
                .missing(&self.settings.addresses, interfaces, now);
            if !missing.is_empty() {
                out.push_back(Action::AddAddresses {
                    instance: self.id,
                    addresses: missing,
                });
            }
        } else {
            let stuck = self.addresses.left_behind(now);
            if !stuck.is_empty() {
                out.push_back(Action::RemoveAddresses {
                    instance: self.id,
                    addresses: stuck,
                });
            }
        }
    }

    /// Tells of dropped packets, as far as that is due.
    pub fn tell_drops(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        for change in self.drops.due(now) {
            self.tell(change, out);
        }
    }

    pub fn wake(&self) -> Option<Moment> {
        [
            self.timer,
            self.rounds.wake(),
            self.addresses.wake(),
            self.drops.wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn memory(&self) -> InstanceMemory {
        let numbers = self.guard.numbers().clone();
        match &self.remembered {
            Some(memory) => InstanceMemory {
                numbers,
                ..memory.clone()
            },
            None => InstanceMemory {
                state: self.state,
                since: self.since,
                why: self.why.clone(),
                last_advert: self.last_advert,
                kept: self.kept.clone(),
                numbers,
            },
        }
    }

    pub fn report(&self) -> InstanceReport {
        InstanceReport {
            name: self.settings.name.clone(),
            state: self.state,
            since: self.since,
            why: self.why.clone(),
            priority: self.settings.priority,
            master: self.master,
            counters: Counters {
                dropped: self.drops.counts().clone(),
                ..self.counters.clone()
            },
        }
    }
}
