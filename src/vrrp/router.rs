//! All instances and sync groups of a director.

mod reload;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use super::arp;
use super::drops::Drops;
use super::event::Subject;
use super::group::Group;
use super::guard::Remark;
use super::hear::{self, Context};
use super::input::{Action, Announcement, Input, InstanceId, Received, WallClock};
use super::instance::Instance;
use super::link::Interfaces;
use super::memory::{Memory, Report};
use super::packet::{Datagram, DropKind, Message};
use super::settings::{InstanceSettings, RouterSettings, VirtualAddress};
use super::types::{State, Vrid};
use crate::family::Family;
use crate::moment::Moment;
use crate::vrrp::VrrpEvent;

pub use super::timers::{master_down_interval, skew_time};

/// All instances and sync groups. It is given the time and what happens, and says what
/// is to be done; it knows no socket and no clock.
#[derive(Debug)]
pub struct Router {
    groups: Vec<Group>,
    interfaces: Interfaces,
    places: Places,
    /// Packets that belong to no instance, by interface.
    foreign: BTreeMap<String, Drops>,
    actions: VecDeque<Action>,
    next_id: u32,
    /// Which group is to announce next, so that all have their turn.
    turn: usize,
    is_stopped: bool,
    wall_clock: WallClock,
}

/// Where an instance is: its group, and which member of it.
type Place = (usize, usize);

/// Where to find an instance.
#[derive(Debug, Default)]
struct Places {
    by_id: HashMap<InstanceId, Place>,
    /// By interface, VRID, family and multicast group, none with unicast.
    by_wire: HashMap<(u32, Vrid, Family, Option<IpAddr>), Place>,
}

impl Router {
    /// A router that has not been told of any interface yet: every instance waits in
    /// INIT for [`Input::Interface`]; of a sync group, until it has come for every
    /// member. `memory` is what the process before this one knew.
    pub fn new(settings: RouterSettings, memory: &Memory, now: Moment) -> Self {
        let mut router = Router {
            groups: Vec::new(),
            interfaces: Interfaces::default(),
            places: Places::default(),
            foreign: BTreeMap::new(),
            actions: VecDeque::new(),
            next_id: 0,
            turn: 0,
            is_stopped: false,
            wall_clock: WallClock::default(),
        };
        router.configure(settings, memory, now);
        router
    }

    /// Other settings take the place of the present ones. Instances of the same name
    /// that are the same on the wire (interface, VRID, version, destination) go on;
    /// others hand over first.
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
            Input::Interface { name, facts } => {
                self.interfaces.set(name, facts);
                for group in &mut self.groups {
                    group.look(&self.interfaces, now, &mut self.actions);
                }
                self.find_places();
            }
            Input::AddressesDone { instance, failed } => {
                if let Some((group, member)) = self.places.by_id.get(&instance).copied() {
                    let member = &mut self.groups[group].members[member];
                    let done = member.addresses.done(failed, now);
                    if done.announce && member.state == State::Master {
                        member
                            .rounds
                            .begin(now, member.settings.announcements.delay);
                    }
                    for change in done.told {
                        member.tell(change, &mut self.actions);
                    }
                    member.tend_addresses(&self.interfaces, now, &mut self.actions);
                }
            }
            Input::Stop => {
                for group in &mut self.groups {
                    group.stop(now, &mut self.actions);
                }
                self.is_stopped = true;
            }
        }
    }

    fn hear(&mut self, interface: u32, packet: Received<'_>, now: Moment) {
        let datagram = match Datagram::parse(packet) {
            Ok(datagram) => datagram,
            Err(malformed) => {
                let detail = || format!("{} octets that are no advert", packet.octets());
                self.drop_foreign(interface, malformed.kind, malformed.source, now, detail);
                return;
            }
        };
        let place = Message::peek_vrid(datagram.message).and_then(|vrid| {
            let destination = datagram.destination;
            let group = destination.is_multicast().then_some(destination);
            let key = (interface, vrid, Family::of(datagram.source), group);
            self.places.by_wire.get(&key)
        });
        let Some(&(group, at)) = place else {
            let detail = || match datagram.message.get(1) {
                Some(vrid) => format!(
                    "no instance here has VRID {vrid} and hears what is sent to {}: it is another \
                     cluster's, or the files of this one differ in `virtual_router_id` or in \
                     where adverts go",
                    datagram.destination
                ),
                None => "it is too short to have a VRID".to_owned(),
            };
            let kind = match datagram.message.get(1) {
                Some(_) => DropKind::UnknownVrid,
                None => DropKind::Length,
            };
            self.drop_foreign(interface, kind, datagram.source, now, detail);
            return;
        };
        let group = &mut self.groups[group];
        let member = &mut group.members[at];
        let is_own = self.interfaces.is_own(&member.settings, datagram.source)
            || member.sends_from(datagram.source);
        member.has_heard |= !is_own;
        let context = Context {
            now,
            is_own,
            last_master: member.master.map(|master| master.address),
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
    }

    /// Lets every instance know what the wall clock is.
    fn tell_wall_clock(&mut self) {
        let members = self.groups.iter_mut().flat_map(|group| &mut group.members);
        members.for_each(|member| member.guard.set_wall_clock(self.wall_clock));
    }

    /// Counts a packet that belongs to no instance.
    fn drop_foreign(
        &mut self,
        interface: u32,
        kind: DropKind,
        from: IpAddr,
        now: Moment,
        detail: impl FnOnce() -> String,
    ) {
        // By an interface that has gone since, or that nobody uses.
        let Some(name) = self.interfaces.name(interface) else {
            return;
        };
        if !self.foreign.contains_key(name) {
            self.foreign.insert(name.to_owned(), Drops::default());
        }
        let Some(drops) = self.foreign.get_mut(name) else {
            return;
        };
        let detail = || format!("on {name}: {}", detail());
        if let Some(change) = drops.note(kind, from, now, detail) {
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
        for group in &mut self.groups {
            group.on_time(&self.interfaces, now, &mut self.actions);
            for member in &mut group.members {
                if !is_due(member, &self.interfaces, now) {
                    member.rounds.drop_current();
                }
            }
        }
        for (name, drops) in &mut self.foreign {
            for change in drops.due(now) {
                let subject = spokesman(&self.groups, name);
                self.actions
                    .extend(subject.map(|subject| Action::Tell(VrrpEvent { subject, change })));
            }
        }
    }

    /// When [`on_time`](Self::on_time) is to be called next, if nothing happens before.
    /// In the past while there are announcements to be handed out.
    pub fn wake(&self) -> Option<Moment> {
        if self.is_stopped {
            return None;
        }
        let members = self.groups.iter().flat_map(|group| &group.members);
        let foreign = self.foreign.values().filter_map(Drops::wake);
        members.filter_map(Instance::wake).chain(foreign).min()
    }

    /// The next thing to be done.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next frame to be sent once there is no action left: announcements wait for
    /// adverts, never the other way round. None while nothing is due.
    pub fn next_announcement(&mut self, now: Moment) -> Option<Announcement> {
        let groups = self.groups.len();
        for _ in 0..groups {
            let group = &mut self.groups[self.turn % groups];
            for member in &mut group.members {
                if let Some(announcement) = announce(member, &self.interfaces, now) {
                    member.counters.announcements += 1;
                    return Some(announcement);
                }
            }
            self.turn = (self.turn + 1) % groups;
        }
        None
    }

    /// Whether announcements are due that [`next_announcement`](Self::next_announcement)
    /// would hand out now.
    pub fn has_announcements(&self, now: Moment) -> bool {
        self.groups
            .iter()
            .flat_map(|group| &group.members)
            .any(|member| is_due(member, &self.interfaces, now))
    }

    /// The settings of an instance.
    pub fn settings(&self, instance: InstanceId) -> Option<&InstanceSettings> {
        let &(group, member) = self.places.by_id.get(&instance)?;
        Some(&self.groups.get(group)?.members.get(member)?.settings)
    }

    /// What the next process would have to know.
    pub fn memory(&self) -> Memory {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let syncs = self.groups.iter().filter_map(|group| group.sync.as_ref());
        Memory {
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
        let members = self.groups.iter().flat_map(|group| &group.members);
        let syncs = self.groups.iter().filter_map(|group| group.sync.as_ref());
        Report {
            instances: members.map(Instance::report).collect(),
            groups: syncs.map(|sync| sync.report()).collect(),
            foreign: self
                .foreign
                .iter()
                .map(|(name, drops)| (name.clone(), drops.counts().clone()))
                .collect(),
        }
    }

    /// Notes where everything is, after anything that may have changed it.
    fn find_places(&mut self) {
        self.places = Places::default();
        for (group, members) in self.groups.iter().map(|group| &group.members).enumerate() {
            for (at, member) in members.iter().enumerate() {
                let settings = &member.settings;
                self.places.by_id.insert(member.id, (group, at));
                if let Some(facts) = self.interfaces.facts(&settings.interface) {
                    let destination = settings.group();
                    let key = (facts.index, settings.vrid, settings.family, destination);
                    self.places.by_wire.insert(key, (group, at));
                }
            }
        }
    }
}

/// Under whose name packets are told of that belong to no instance: that of the first
/// one on the interface.
fn spokesman(groups: &[Group], interface: &str) -> Option<Subject> {
    groups
        .iter()
        .flat_map(|group| &group.members)
        .find(|member| member.settings.interface == interface)
        .map(|member| Subject::Instance(member.settings.name.clone()))
}

/// The interface's index and hardware address, where the address can be announced now.
fn outlet(
    member: &Instance,
    address: &VirtualAddress,
    interfaces: &Interfaces,
) -> Option<(u32, [u8; 6])> {
    let facts = interfaces.facts(&address.interface)?;
    (member.addresses.holds(address) && facts.is_up && address.address.is_ipv4())
        .then_some((facts.index, facts.hardware_address?))
}

fn announce(member: &mut Instance, interfaces: &Interfaces, now: Moment) -> Option<Announcement> {
    let mut rounds = std::mem::take(&mut member.rounds);
    let addresses = &member.settings.addresses;
    let repeat = member.settings.announcements.repeat;
    let found = rounds.next(now, addresses.len(), repeat, |index| {
        outlet(member, &addresses[index], interfaces).is_some()
    });
    let announcement = found.and_then(|index| {
        let address = &addresses[index];
        let (interface, hardware) = outlet(member, address, interfaces)?;
        let IpAddr::V4(address) = address.address else {
            return None;
        };
        Some(Announcement {
            instance: member.id,
            interface,
            frame: arp::gratuitous(hardware, address),
        })
    });
    member.rounds = rounds;
    announcement
}

fn is_due(member: &Instance, interfaces: &Interfaces, now: Moment) -> bool {
    let addresses = &member.settings.addresses;
    let repeat = member.settings.announcements.repeat;
    member.rounds.is_due(now, addresses.len(), repeat, |index| {
        outlet(member, &addresses[index], interfaces).is_some()
    })
}
