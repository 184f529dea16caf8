//! One instance: what it knows and what it can do. What it is to do, its group says
//! ([`super::group`]).

mod hearing;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::addresses::Addresses;
use super::announce::Rounds;
use super::budget::Budget;
use super::drops::Drops;
use super::event::{Change, Subject, VrrpEvent, Why};
use super::guard::Guard;
use super::input::{Action, InstanceId};
use super::link::{Interfaces, Port};
use super::memory::{Counters, InstanceMemory, InstanceReport, Lateness, MasterSeen};
use super::settings::{InstanceSettings, VirtualAddress};
use super::timers::{master_down_after, patience_of_others};
use super::told::Told;
use super::types::{AdvertInterval, Priority, State, Version};
use crate::moment::Moment;
use hearing::Worse;

/// How often another master, or an advert that is late, is told of, at most.
const PAUSE: Duration = Duration::from_secs(60);

/// How many addresses one operation adds at most.
const ADDED_AT_ONCE: usize = 256;

#[derive(Debug)]
pub struct Instance {
    pub id: InstanceId,
    pub settings: InstanceSettings,
    pub state: State,
    pub told: Told,
    /// When it began, and why it leaves INIT if nothing else is known.
    begun: Moment,
    pub beginning: Why,
    /// Until then it does not become master for not hearing one
    /// (`vrrp_startup_delay`).
    begins: Moment,
    /// A process before this one has run it, and may have left addresses.
    has_predecessor: bool,
    /// That one was master. Until INIT is left.
    was_master: bool,
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
    /// A worse one that was heard since.
    worse: Option<Worse>,
    /// The interval of that other master, where it is not the configured one (RFC 9568 section 6.1,
    /// Active_Adver_Interval).
    learned: Option<AdvertInterval>,
    /// Where the latest advert came from that counted, since it was last master.
    pub heard_from: Option<IpAddr>,
    /// Until then a master of lower priority is left alone.
    preempt_from: Option<Moment>,
    pub last_advert: Option<Moment>,
    /// Other masters answered since an advert was last due.
    pub answers: u32,
    /// Whether any packet for its VRID has come in, however wrong.
    pub has_heard: bool,
    pub has_told_alone: bool,
    other_told: Option<Moment>,
    owner_told: Option<Moment>,
    intervals_told: Budget,
    late_told: Option<Moment>,
    lateness: Lateness,
    pub counters: Counters,
    pub drops: Drops,
    pub addresses: Addresses,
    pub rounds: Rounds,
    /// Virtual addresses that the host had for its only ones before anything was done:
    /// they are its own, and stay.
    pub kept: Vec<IpAddr>,
    pub guard: Guard,
}

impl Instance {
    pub fn new(id: InstanceId, settings: InstanceSettings, begins: Moment, now: Moment) -> Self {
        Instance {
            id,
            settings,
            state: State::Init,
            told: Told::nothing(now),
            begun: now,
            guard: Guard::default(),
            beginning: Why::Start,
            begins,
            has_predecessor: false,
            was_master: false,
            port: None,
            last_port: None,
            timer: None,
            ready: false,
            expected: Why::MasterDown { master: None },
            master: None,
            worse: None,
            learned: None,
            heard_from: None,
            preempt_from: None,
            last_advert: None,
            answers: 0,
            has_heard: false,
            has_told_alone: false,
            other_told: None,
            owner_told: None,
            intervals_told: Budget::default(),
            late_told: None,
            lateness: Lateness::default(),
            counters: Counters::default(),
            drops: Drops::default(),
            addresses: Addresses::default(),
            rounds: Rounds::default(),
            kept: Vec::new(),
        }
    }

    /// Begins where the process before this one has ended.
    pub fn remember(&mut self, memory: &InstanceMemory) {
        self.has_predecessor = true;
        self.was_master = memory.state == State::Master;
        self.told = Told {
            state: memory.state,
            since: memory.since,
            why: memory.why.clone(),
        };
        self.last_advert = memory.last_advert;
        self.guard = Guard::new(Some(memory.numbers.clone()));
        self.kept.clone_from(&memory.kept);
        let learned = memory.learned_interval;
        self.learned = learned.filter(|_| self.settings.version == Version::V3);
    }

    /// Takes in what its interface is now.
    pub fn look(&mut self, interfaces: &Interfaces) {
        self.port = interfaces.port(&self.settings);
        if self.state == State::Init && !self.has_predecessor {
            for address in interfaces.only_addresses(&self.settings) {
                if !self.kept.contains(&address) {
                    self.kept.push(address);
                }
            }
        }
        if let Some(Err(Why::NoAddress { .. } | Why::SourceMissing { .. })) = self.port
            && let Some(port) = interfaces.port_of_owner(&self.settings, &self.kept)
        {
            self.port = Some(Ok(port));
        }
        // Whoever is deaf must not become master, nor go on as one.
        if matches!(self.port, Some(Ok(_))) && interfaces.is_deaf(&self.settings) {
            self.port = Some(Err(Why::Deaf {
                interface: self.settings.interface.clone(),
            }));
        }
        match &self.port {
            Some(Ok(port)) => self.last_port = Some(*port),
            // The link is there, and the last address is still what others know this
            // router by.
            Some(Err(Why::NoAddress { .. } | Why::SourceMissing { .. } | Why::Deaf { .. })) => {}
            _ => self.last_port = None,
        }
    }

    pub fn fault(&self) -> Option<&Why> {
        self.port.as_ref()?.as_ref().err()
    }

    /// The process before this one was master, as far as people know.
    pub fn was_master(&self) -> bool {
        self.was_master
    }

    /// Whether the process before this one was master, and the others have not yet had
    /// time to give it up.
    pub fn can_resume(&self, now: Moment) -> bool {
        self.was_master && !self.is_given_up(now)
    }

    /// Whether it has been silent for so long that others may have taken over.
    pub fn is_given_up(&self, now: Moment) -> bool {
        self.is_given_up_by(Priority::OWNER, now)
    }

    /// Whether one of this priority may have.
    pub fn is_given_up_by(&self, priority: Priority, now: Moment) -> bool {
        self.last_advert
            .is_none_or(|last| now >= last + patience_of_others(&self.settings, priority))
    }

    /// How often the master sends adverts, as far as that is known.
    pub fn master_interval(&self) -> AdvertInterval {
        self.learned.unwrap_or(self.settings.advert_interval)
    }

    /// How long it waits for the master's adverts.
    pub fn master_down_interval(&self) -> Duration {
        master_down_after(&self.settings, self.master_interval())
    }

    /// Has these addresses added, the first ones so early that they are announced while
    /// the others are being added.
    pub fn add_addresses(&mut self, addresses: Vec<VirtualAddress>, out: &mut VecDeque<Action>) {
        let mut left = addresses;
        while !left.is_empty() {
            let later = left.split_off(left.len().min(ADDED_AT_ONCE));
            let addresses = std::mem::replace(&mut left, later);
            self.addresses.adding(&addresses);
            out.push_back(Action::AddAddresses {
                instance: self.id,
                addresses,
            });
        }
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

    /// Whether there may be addresses of its on the host, and it is known which of them
    /// are the host's own: before an interface has been looked at, only the process
    /// before this one can have said so.
    pub fn may_have_addresses(&self) -> bool {
        match self.state {
            State::Master => true,
            State::Init => self.has_predecessor || self.port.is_some(),
            State::Backup | State::Fault => false,
        }
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
        self.timer = Some(self.earliest(now) + interval);
        self.ready = false;
    }

    /// Whether it may not become master yet for not hearing one.
    pub fn is_delayed(&self, now: Moment) -> bool {
        now < self.begins
    }

    /// Tells that the start is delayed, if that is new.
    pub fn tell_delay(&self, now: Moment, out: &mut VecDeque<Action>) {
        if self.is_delayed(now) && !self.has_predecessor {
            let delay = self.begins - now;
            self.tell(Change::Delayed { delay }, out);
        }
    }

    /// From when on it waits for a master at the earliest.
    pub fn earliest(&self, now: Moment) -> Moment {
        now.max(self.begins)
    }

    /// Is in another state from now on. What is done about it has been done; gives what
    /// is to be told, nothing if it has been told before.
    pub fn enter(&mut self, to: State, why: Why, now: Moment) -> Option<Change> {
        self.state = to;
        self.was_master = false;
        self.preempt_from = None;
        if to != State::Backup {
            self.ready = false;
            self.expected = Why::MasterDown { master: None };
        }
        if to == State::Fault {
            self.timer = None;
            self.master = None;
            self.worse = None;
            self.learned = None;
        }
        if to == State::Master {
            self.master = None;
            self.worse = None;
            self.heard_from = None;
            self.answers = 0;
            self.counters.became_master += 1;
        }
        self.told.enter(to, self.settings.priority, why, now)
    }

    /// Has handed over for good: the next process begins from the start.
    pub fn end(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        let from = self.told.state;
        self.state = State::Init;
        self.timer = None;
        self.told = Told::nothing(now);
        let priority = self.settings.priority;
        self.tell(Change::Stopped { from, priority }, out);
    }

    pub fn tell(&self, change: Change, out: &mut VecDeque<Action>) {
        out.push_back(Action::Tell(VrrpEvent {
            subject: Subject::Instance(self.settings.name.clone()),
            change,
        }));
    }

    /// A regular advert goes out now that was due at `due`: how late it is. A process
    /// that is not run in time is what makes backups take over for no reason.
    pub fn note_lateness(&mut self, due: Moment, now: Moment, out: &mut VecDeque<Action>) {
        let by = now.saturating_since(due);
        let interval = self.settings.advert_interval.as_duration();
        self.lateness.worst = self.lateness.worst.max(by);
        self.lateness.late += u64::from(by > interval / 2);
        if by > interval && is_time(&mut self.late_told, now) {
            self.tell(Change::Late { by }, out);
        }
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
        [self.timer, self.addresses.wake(), self.drops.wake()]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn memory(&self) -> InstanceMemory {
        InstanceMemory {
            state: self.told.state,
            since: self.told.since,
            why: self.told.why.clone(),
            last_advert: self.last_advert,
            kept: self.kept.clone(),
            learned_interval: self.learned,
            numbers: self.guard.numbers().clone(),
        }
    }

    pub fn report(&self) -> InstanceReport {
        let (since, why) = match self.state {
            State::Init => (self.begun, self.beginning.clone()),
            _ => (self.told.since, self.told.why.clone()),
        };
        InstanceReport {
            name: self.settings.name.clone(),
            state: self.state,
            since,
            why,
            begins: self.begins,
            priority: self.settings.priority,
            master: self.master,
            learned_interval: self.learned,
            lateness: self.lateness,
            counters: Counters {
                dropped: self.drops.counts().clone(),
                ..self.counters.clone()
            },
        }
    }
}

/// Whether something is to be told that was last told at `told`; if so, it is.
fn is_time(told: &mut Option<Moment>, now: Moment) -> bool {
    let is_time = told.is_none_or(|told| now.saturating_since(told) >= PAUSE);
    if is_time {
        *told = Some(now);
    }
    is_time
}
