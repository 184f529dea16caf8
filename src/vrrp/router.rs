//! All instances and sync groups of a director.

mod agenda;
mod announce;
mod foreign;
mod places;
mod reload;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::event::Subject;
use super::group::Group;
use super::guard::Remark;
use super::hear::{self, Context};
use super::input::{Action, Input, InstanceId, InterfaceFacts, Received, WallClock};
use super::instance::Instance;
use super::link::Interfaces;
use super::memory::{AdvertNumbers, Memory, Report};
use super::packet::{Datagram, DropKind, Message};
use super::settings::{InstanceSettings, RouterSettings};
use super::types::State;
use crate::moment::Moment;
use crate::vrrp::VrrpEvent;

use agenda::Agenda;
use announce::Announcer;
use foreign::Foreign;
use places::{Place, Places};

pub use super::timers::{master_down_interval, skew_time};

/// Room for what is to be done is kept up to this size.
const KEPT_ACTIONS: usize = 256;

/// All instances and sync groups. It is given the time and what happens, and says what
/// is to be done; it knows no socket and no clock.
#[derive(Debug)]
pub struct Router {
    groups: Vec<Group>,
    interfaces: Interfaces,
    places: Places,
    /// Packets that belong to no instance, by interface.
    foreign: BTreeMap<String, Foreign>,
    log_unknown_vrids: bool,
    /// When each group wants to be woken.
    agenda: Agenda,
    /// Until then nobody becomes master for not hearing one (`vrrp_startup_delay`,
    /// `vrrp_delay_after_boot`).
    begins: Moment,
    actions: VecDeque<Action>,
    next_id: u32,
    announcer: Announcer,
    is_stopped: bool,
    wall_clock: WallClock,
}

impl Router {
    /// A router that has not been told of any interface yet: every instance waits in
    /// INIT for [`Input::Interface`]; of a sync group, until it has come for every
    /// member. `memory` is what the process before this one knew. Without one this is
    /// the first start, which may be delayed.
    pub fn new(settings: RouterSettings, memory: &Memory, now: Moment) -> Self {
        let mut router = Router {
            groups: Vec::new(),
            interfaces: Interfaces::default(),
            places: Places::default(),
            foreign: BTreeMap::new(),
            log_unknown_vrids: false,
            agenda: Agenda::default(),
            begins: memory.begins.unwrap_or_else(|| {
                let after_boot = Moment::since_boot(settings.delay_after_boot);
                after_boot.max(now + settings.startup_delay)
            }),
            actions: VecDeque::new(),
            next_id: 0,
            announcer: Announcer::new(),
            is_stopped: false,
            wall_clock: WallClock::default(),
        };
        router.configure(settings, memory, now);
        router
    }

    /// Other settings take the place of the present ones. Instances that others still
    /// see as the same (interface, VRID, family, multicast group or unicast) go on,
    /// whatever their names; others hand over first.
    pub fn reload(&mut self, settings: RouterSettings, now: Moment) {
        if !self.is_stopped {
            self.configure(settings, &Memory::default(), now);
        }
    }

    /// Takes in what has happened. What is to be done comes from
    /// [`next_action`](Self::next_action).
    pub fn handle(&mut self, input: Input<'_>, now: Moment) {
        if self.is_stopped {
            return;
        }
        match input {
            Input::Packet { interface, packet } => self.hear(interface, packet, now),
            Input::WallClock(clock) => {
                self.wall_clock = clock;
                self.tell_wall_clock();
            }
            Input::Interface { name, facts } => self.on_interface(name, facts, now),
            Input::Deaf {
                interface,
                channels,
            } => {
                let is_new = self.interfaces.set_deaf(interface, channels);
                if is_new && self.look_on(interface, false, now) {
                    self.find_places(now);
                }
            }
            Input::AddressesDone { instance, failed } => {
                let place = self.places.of_instance(instance);
                if place.is_none() {
                    // Nobody else waits for what becomes of it.
                    let mut members = self.groups.iter_mut().flat_map(Group::all_mut);
                    if let Some(member) = members.find(|member| member.id == instance) {
                        for change in member.addresses.done(failed, now).told {
                            member.tell(change, &mut self.actions);
                        }
                    }
                } else if let Some((group, member)) = place {
                    let member = &mut self.groups[group].members[member];
                    let done = member.addresses.done(failed, now);
                    if !done.came.is_empty() && member.state == State::Master {
                        let settings = &member.settings.announcements;
                        member.rounds.begin(done.came, now, settings);
                    }
                    for change in done.told {
                        member.tell(change, &mut self.actions);
                    }
                    member.tend_addresses(&self.interfaces, now, &mut self.actions);
                    self.touch(group, now);
                }
            }
            Input::Stop => {
                for group in &mut self.groups {
                    group.stop(now, &mut self.actions);
                }
                self.end_announcing();
                self.is_stopped = true;
            }
        }
    }

    fn hear(&mut self, interface: u32, packet: Received<'_>, now: Moment) {
        let datagram = match Datagram::parse(packet) {
            Ok(datagram) => datagram,
            Err(malformed) => {
                let detail = || format!("{} octets that are no advert", packet.octets());
                let kind = malformed.kind;
                self.drop_foreign(interface, kind, None, malformed.source, now, detail);
                return;
            }
        };
        let place = Message::peek_vrid(datagram.message).and_then(|vrid| {
            self.places
                .of_packet(&self.groups, interface, vrid, &datagram)
        });
        let vrid = datagram.message.get(1).copied();
        let Some((group, at)) = place else {
            let detail = || match vrid {
                Some(vrid) => format!(
                    "no instance here has VRID {vrid} and hears what is sent to {}: it is another \
                     cluster's, or the files of this one differ in `virtual_router_id` or in \
                     where adverts go",
                    datagram.destination
                ),
                None => "it is too short to have a VRID".to_owned(),
            };
            let kind = match vrid {
                Some(_) => DropKind::UnknownVrid,
                None => DropKind::Length,
            };
            let vrid = vrid.filter(|_| self.log_unknown_vrids);
            self.drop_foreign(interface, kind, vrid, datagram.source, now, detail);
            return;
        };
        let place = (group, at);
        let group = &mut self.groups[group];
        let member = &mut group.members[at];
        let is_own = self.interfaces.is_own(interface, datagram.source)
            || member.sends_from(datagram.source);
        member.has_heard |= !is_own;
        let had_masters = member.state == State::Master;
        let context = Context {
            now,
            is_own,
            last_master: member.heard_from,
        };
        match hear::check(&datagram, &member.settings, &mut member.guard, context) {
            Ok((heard, remark)) => {
                if remark == Some(Remark::Unsigned) {
                    member.counters.unsigned_received += 1;
                }
                let told = remark.and_then(|remark| member.guard.tell(remark, heard.address, now));
                if let Some(change) = told {
                    member.tell(change, &mut self.actions);
                }
                group.hear(at, heard, now, &mut self.actions);
            }
            Err(kind) => {
                let detail =
                    || hear::explain(kind, &datagram, &member.settings, &member.guard, now);
                if let Some(change) = member.drops.note(kind, datagram.source, now, detail) {
                    member.tell(change, &mut self.actions);
                }
            }
        }
        // Only masters do something about each other.
        if had_masters {
            self.touch(place.0, now);
        } else {
            self.touch_one(place, now);
        }
    }

    /// Notes when the members of a group want to be woken, and what they want announced,
    /// after anything that may have changed them.
    fn touch(&mut self, group: usize, now: Moment) {
        self.take_in_rounds(group);
        let wakes = self.groups[group].members.iter().map(Instance::wake);
        self.agenda.set_group(group, wakes, now);
    }

    /// The same of one member that nothing has changed the others with.
    fn touch_one(&mut self, place: Place, now: Moment) {
        let (group, at) = place;
        let wake = self.groups[group].members[at].wake();
        self.agenda.set(place, wake, now);
    }

    /// What has become of an interface.
    fn on_interface(&mut self, name: &str, facts: Option<InterfaceFacts>, now: Moment) {
        let before = Outlet::of(self.interfaces.facts(name));
        self.interfaces.set(name, facts);
        let after = Outlet::of(self.interfaces.facts(name));
        // Nobody behind it has heard of what became master meanwhile.
        let is_new = after.is_some_and(|after| after.is_up) && before != after;
        let has_joined = self.look_on(name, is_new, now);
        if has_joined || before.map(|outlet| outlet.index) != after.map(|outlet| outlet.index) {
            self.find_places(now);
        }
    }

    /// Lets all that have to do with an interface see what it is now. Gives whether any
    /// have joined their groups.
    fn look_on(&mut self, name: &str, is_new: bool, now: Moment) -> bool {
        let mut has_joined = false;
        for group in self.places.of_interface(name) {
            let it = &mut self.groups[group];
            let members = it.members.len();
            it.look(&self.interfaces, now, &mut self.actions);
            has_joined |= it.members.len() != members;
            if is_new {
                it.announce_on(name, now);
            }
            self.touch(group, now);
        }
        has_joined
    }

    /// Lets every instance know what the wall clock is.
    fn tell_wall_clock(&mut self) {
        let members = self.groups.iter_mut().flat_map(Group::all_mut);
        members.for_each(|member| member.guard.set_wall_clock(self.wall_clock));
    }

    /// Counts a packet that belongs to no instance.
    fn drop_foreign(
        &mut self,
        interface: u32,
        kind: DropKind,
        vrid: Option<u8>,
        from: IpAddr,
        now: Moment,
        detail: impl FnOnce() -> String,
    ) {
        // By an interface that has gone since, or that nobody uses.
        let Some(name) = self.interfaces.name(interface) else {
            return;
        };
        if !self.foreign.contains_key(name) {
            self.foreign.insert(name.to_owned(), Foreign::default());
        }
        let Some(foreign) = self.foreign.get_mut(name) else {
            return;
        };
        let detail = || format!("on {name}: {}", detail());
        if let Some(change) = foreign.note(kind, vrid, from, now, detail) {
            let subject = spokesman(&self.groups, name);
            self.actions
                .extend(subject.map(|subject| Action::Tell(VrrpEvent { subject, change })));
        }
    }

    /// Does what is due. To be called when [`wake`](Self::wake) says, after everything
    /// that has come in until then has been handled.
    pub fn on_time(&mut self, now: Moment) {
        if self.is_stopped {
            return;
        }
        for group in self.agenda.due(now) {
            let it = &mut self.groups[group];
            it.on_time(&self.interfaces, now, &mut self.actions);
            self.touch(group, now);
        }
        for (name, foreign) in &mut self.foreign {
            for change in foreign.due(now) {
                let subject = spokesman(&self.groups, name);
                self.actions
                    .extend(subject.map(|subject| Action::Tell(VrrpEvent { subject, change })));
            }
        }
    }

    /// When [`on_time`](Self::on_time) is to be called next, if nothing happens before.
    /// In the past while there are announcements to be handed out.
    pub fn wake(&self) -> Option<Moment> {
        let announcements = self.announcement_wake();
        self.timers_wake().into_iter().chain(announcements).min()
    }

    /// The same, but for announcements: there is something to be decided then.
    pub fn timers_wake(&self) -> Option<Moment> {
        if self.is_stopped {
            return None;
        }
        let foreign = self.foreign.values().filter_map(Foreign::wake);
        foreign.chain(self.agenda.wake()).min()
    }

    /// The next thing to be done.
    pub fn next_action(&mut self) -> Option<Action> {
        let next = self.actions.pop_front();
        // As long as it has ever been, where a thousand have become master at once.
        if next.is_none() && self.actions.capacity() > KEPT_ACTIONS {
            self.actions = VecDeque::new();
        }
        next
    }

    /// The settings of an instance.
    pub fn settings(&self, instance: InstanceId) -> Option<&InstanceSettings> {
        let (group, member) = self.places.of_instance(instance)?;
        Some(&self.groups.get(group)?.members.get(member)?.settings)
    }

    /// Whether an instance is master, as far as it is still there.
    pub fn is_master(&self, instance: InstanceId) -> bool {
        let place = self.places.of_instance(instance);
        let member = place.and_then(|(group, at)| self.groups.get(group)?.members.get(at));
        member.is_some_and(|member| member.state == State::Master)
    }

    /// The numbers of an instance's adverts, which the next process would have to know.
    pub fn numbers(&self, instance: InstanceId) -> Option<&AdvertNumbers> {
        let (group, member) = self.places.of_instance(instance)?;
        Some(self.groups.get(group)?.members.get(member)?.guard.numbers())
    }

    /// The same of all that are not master.
    pub fn heard_numbers(
        &self,
    ) -> impl Iterator<Item = (InstanceId, &InstanceSettings, &AdvertNumbers)> {
        let members = self.groups.iter().flat_map(Group::all);
        let others = members.filter(|member| member.state != State::Master);
        others.map(|member| (member.id, &member.settings, member.guard.numbers()))
    }

    /// What the next process would have to know.
    pub fn memory(&self) -> Memory {
        let members = self.groups.iter().flat_map(Group::all);
        let syncs = self.groups.iter().filter_map(|group| group.sync.as_ref());
        Memory {
            begins: Some(self.begins),
            instances: members
                .map(|member| (member.settings.name.clone(), member.memory()))
                .collect(),
            groups: syncs
                .map(|sync| (sync.settings.name.clone(), sync.memory()))
                .collect(),
        }
    }

    /// How everything stands.
    pub fn report(&self) -> Report {
        let members = self.groups.iter().flat_map(Group::all);
        let syncs = self.groups.iter().filter_map(|group| group.sync.as_ref());
        Report {
            instances: members.map(Instance::report).collect(),
            groups: syncs.map(|sync| sync.report()).collect(),
            foreign: self
                .foreign
                .iter()
                .map(|(name, foreign)| (name.clone(), foreign.counts()))
                .collect(),
        }
    }

    /// Notes where everything is, after anything that may have changed it.
    fn find_places(&mut self, now: Moment) {
        self.places = Places::of(&self.groups, &self.interfaces);
        let members = self.groups.iter().flat_map(Group::all);
        let intervals = members.map(|member| member.settings.advert_interval.as_duration());
        self.agenda = Agenda::new(intervals.min().unwrap_or_default());
        for group in 0..self.groups.len() {
            self.touch(group, now);
        }
    }
}

/// What frames go out by.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Outlet {
    index: u32,
    is_up: bool,
    hardware_address: Option<[u8; 6]>,
}

impl Outlet {
    fn of(facts: Option<&InterfaceFacts>) -> Option<Self> {
        facts.map(|facts| Outlet {
            index: facts.index,
            is_up: facts.is_up,
            hardware_address: facts.hardware_address,
        })
    }
}

/// Under whose name packets are told of that belong to no instance: that of the first
/// one on the interface.
fn spokesman(groups: &[Group], interface: &str) -> Option<Subject> {
    groups
        .iter()
        .flat_map(Group::all)
        .find(|member| member.settings.interface == interface)
        .map(|member| Subject::Instance(member.settings.name.clone()))
}
