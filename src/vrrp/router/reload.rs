//! Other settings take the place of the present ones.
//!
//! What a router is belongs to what others see of it: an interface, a VRID, a family,
//! and the multicast group or that it speaks by unicast ([`Identity`]). Whatever the
//! file calls it, that instance goes on in its state, and never says good-bye only
//! because its name, or anything else, has changed. What people were told belongs to
//! the name.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use super::Router;
use crate::family::Family;
use crate::moment::Moment;
use crate::vrrp::event::{Change, Subject, VrrpEvent, Why};
use crate::vrrp::group::{Group, SyncGroup};
use crate::vrrp::input::{Action, InstanceId};
use crate::vrrp::instance::Instance;
use crate::vrrp::link::Interfaces;
use crate::vrrp::memory::Memory;
use crate::vrrp::settings::{
    Delivery, GroupSettings, InstanceSettings, RouterSettings, VirtualAddress,
};
use crate::vrrp::told::Told;
use crate::vrrp::types::{Priority, State, Vrid};

impl Router {
    /// Takes over settings, at the start and at a reload.
    pub(super) fn configure(&mut self, settings: RouterSettings, memory: &Memory, now: Moment) {
        let RouterSettings {
            instances,
            groups,
            log_unknown_vrids,
            pacing,
            ..
        } = settings;
        let announcements = self.waiting_announcements();
        self.log_unknown_vrids = log_unknown_vrids;
        self.know_interfaces(&instances);

        let is_reload = !self.groups.is_empty();
        let mut before = Before::of(std::mem::take(&mut self.groups));
        let kept = memory.instances.values().flat_map(|memory| &memory.kept);
        before.kept.extend(kept);
        before.part_with_groups(&groups, now, &mut self.actions);
        let mut present = match_up(before.members, &instances);
        // All that goes goes first: an address may move from one instance to another.
        let names: HashSet<&str> = instances.iter().map(|new| new.name.as_str()).collect();
        let wanted = wanted_by_masters(&present.going_on, &instances);
        for mut instance in present.leaving {
            let has_successor = names.contains(instance.settings.name.as_str());
            instance.retire(has_successor, &wanted, now, &mut self.actions);
        }
        for (settings, going_on) in instances.iter().zip(&mut present.going_on) {
            if let Some(instance) = going_on {
                let has_successor = names.contains(instance.settings.name.as_str());
                instance.rename(
                    settings,
                    has_successor,
                    &before.told,
                    now,
                    &mut self.actions,
                );
                instance.drop_addresses(&settings.addresses, &wanted, &mut self.actions);
            }
        }
        let mut order = Vec::new();
        let mut members: HashMap<String, Instance> = HashMap::new();
        for (settings, going_on) in instances.into_iter().zip(present.going_on) {
            let name = settings.name.clone();
            let mut instance = match going_on {
                Some(mut instance) => {
                    instance.adopt(settings, &self.interfaces, now, &mut self.actions);
                    instance
                }
                None => {
                    let id = InstanceId(self.next_id);
                    self.next_id += 1;
                    let mut instance = Instance::new(id, settings, self.begins, now);
                    if is_reload {
                        instance.beginning = Why::Reload;
                    }
                    if let Some(told) = before.told.get(&name) {
                        instance.told = told.clone();
                    }
                    if let Some(memory) = memory.instances.get(&name) {
                        instance.remember(memory);
                    }
                    instance
                }
            };
            instance.keep(&before.kept);
            order.push(name.clone());
            members.insert(name, instance);
        }

        for settings in groups {
            let its = settings.members.iter();
            let its: Vec<Instance> = its.filter_map(|name| members.remove(name)).collect();
            if its.is_empty() {
                continue;
            }
            let sync = match before.syncs.remove(&settings.name) {
                Some(mut sync) => {
                    sync.settings = settings;
                    sync
                }
                None => {
                    let remembered = memory.groups.get(&settings.name);
                    SyncGroup::new(settings, remembered, now)
                }
            };
            self.groups.push(Group::new(Some(sync), its));
        }
        for name in order {
            if let Some(instance) = members.remove(&name) {
                self.groups.push(Group::new(None, vec![instance]));
            }
        }

        self.tell_wall_clock();
        for group in &mut self.groups {
            group.look(&self.interfaces, now, &mut self.actions);
            group.tell_names(now, &mut self.actions);
        }
        self.adopt_pacing(&pacing, announcements);
        self.find_places(now);
    }

    /// Which interfaces and addresses have to do with instances from now on.
    fn know_interfaces(&mut self, instances: &[InstanceSettings]) {
        let all = instances.iter().flat_map(|settings| &settings.addresses);
        self.interfaces.set_virtual_addresses(all.clone());
        let interfaces = instances.iter().map(|settings| &settings.interface);
        let interfaces = interfaces.chain(all.map(|address| &address.interface));
        let interfaces = interfaces.map(String::as_str).collect();
        self.interfaces.keep_only(&interfaces);
    }
}

/// What there was.
struct Before {
    members: Vec<Instance>,
    syncs: HashMap<String, SyncGroup>,
    /// The lowest priority in each sync group.
    priorities: HashMap<String, Priority>,
    /// What people were told, by the instances' names.
    told: HashMap<String, Told>,
    /// Addresses that are the host's own.
    kept: HashSet<IpAddr>,
}

impl Before {
    /// Takes all groups apart.
    fn of(groups: Vec<Group>) -> Self {
        let mut before = Before {
            members: Vec::new(),
            syncs: HashMap::new(),
            priorities: HashMap::new(),
            told: HashMap::new(),
            kept: HashSet::new(),
        };
        for group in groups {
            let lowest = group.lowest_priority();
            let (sync, members) = group.into_parts();
            if let Some(sync) = sync {
                let name = sync.settings.name.clone();
                before.priorities.insert(name.clone(), lowest);
                before.syncs.insert(name, sync);
            }
            for member in &members {
                before.kept.extend(&member.kept);
                let name = member.settings.name.clone();
                before.told.insert(name, member.told.clone());
            }
            before.members.extend(members);
        }
        before
    }

    /// Ends the sync groups that are not configured any more.
    fn part_with_groups(
        &mut self,
        groups: &[GroupSettings],
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        let wanted: HashSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let gone = self
            .syncs
            .extract_if(|name, _| !wanted.contains(name.as_str()));
        let mut gone: Vec<(String, SyncGroup)> = gone.collect();
        gone.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, mut sync) in gone {
            let lowest = self.priorities.get(&name).copied();
            sync.end(lowest.unwrap_or(Priority::DEFAULT), now, out);
        }
    }
}

/// What others know an instance by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    interface: String,
    vrid: Vrid,
    family: Family,
    /// None with unicast.
    group: Option<IpAddr>,
}

impl Identity {
    fn of(settings: &InstanceSettings) -> Self {
        Identity {
            interface: settings.interface.clone(),
            vrid: settings.vrid,
            family: settings.family,
            group: settings.group(),
        }
    }
}

/// Who stays and who goes.
struct Present {
    /// In the order of the new settings, where one goes on with them.
    going_on: Vec<Option<Instance>>,
    leaving: Vec<Instance>,
}

/// Finds out which instances go on with which settings: those of the same identity. Of
/// several that differ in their peers only, one keeps its name if it can, else its
/// peers.
fn match_up(members: Vec<Instance>, instances: &[InstanceSettings]) -> Present {
    let mut left: HashMap<Identity, Vec<Instance>> = HashMap::new();
    for member in members {
        let identity = Identity::of(&member.settings);
        left.entry(identity).or_default().push(member);
    }
    let mut going_on: Vec<Option<Instance>> = instances.iter().map(|_| None).collect();
    let is_namesake = |old: &InstanceSettings, new: &InstanceSettings| old.name == new.name;
    for is_same in [is_namesake, shares_peers] {
        for (place, new) in going_on.iter_mut().zip(instances) {
            let candidates = left.get_mut(&Identity::of(new));
            let Some(candidates) = candidates.filter(|_| place.is_none()) else {
                continue;
            };
            let found = candidates
                .iter()
                .position(|old| is_same(&old.settings, new));
            *place = found.map(|found| candidates.remove(found));
        }
    }
    let mut leaving: Vec<Instance> = left.into_values().flatten().collect();
    leaving.sort_by_key(|instance| instance.id);
    Present { going_on, leaving }
}

/// Of two of the same identity: both speak to a multicast group, or to somebody by
/// unicast whom the other speaks to as well.
fn shares_peers(old: &InstanceSettings, new: &InstanceSettings) -> bool {
    match (&old.delivery, &new.delivery) {
        (Delivery::Unicast(old), Delivery::Unicast(new)) => {
            let is_peer = |address| new.peers.iter().any(|peer| peer.address == address);
            old.peers.iter().any(|peer| is_peer(peer.address))
        }
        _ => true,
    }
}

/// The addresses that masters will go on having, or may: nobody is to remove these.
fn wanted_by_masters(
    going_on: &[Option<Instance>],
    instances: &[InstanceSettings],
) -> HashSet<VirtualAddress> {
    let pairs = going_on.iter().zip(instances);
    pairs
        .filter(|(instance, _)| {
            let instance = instance.as_ref();
            instance.is_some_and(|instance| instance.may_have_addresses())
        })
        .flat_map(|(_, settings)| &settings.addresses)
        .cloned()
        .collect()
}

impl Instance {
    /// The file may call it otherwise from now on; people have been told of the state
    /// of the one that had that name until now.
    fn rename(
        &mut self,
        settings: &InstanceSettings,
        has_successor: bool,
        told: &HashMap<String, Told>,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        let name = &self.settings.name;
        if *name == settings.name {
            return;
        }
        if !has_successor {
            let change = Change::Stopped {
                from: self.told.state,
                priority: self.settings.priority,
            };
            let subject = Subject::Instance(name.clone());
            out.push_back(Action::Tell(VrrpEvent { subject, change }));
        }
        let told = told.get(&settings.name).cloned();
        self.told = told.unwrap_or_else(|| Told::nothing(now));
    }

    /// Removes the addresses that neither it nor a master wants any more. In INIT they
    /// may be what the process before this one has left. What is the host's own stays.
    fn drop_addresses(
        &mut self,
        own: &[VirtualAddress],
        wanted: &HashSet<VirtualAddress>,
        out: &mut VecDeque<Action>,
    ) {
        let mut gone = difference(&self.settings.addresses, own);
        let handed_on = gone.extract_if(.., |address| wanted.contains(address));
        self.addresses.hand_on(&handed_on.collect());
        gone.retain(|address| !self.kept.contains(&address.address));
        if self.may_have_addresses() && !gone.is_empty() {
            self.addresses.removing(&gone);
            out.push_back(Action::RemoveAddresses {
                instance: self.id,
                addresses: gone,
            });
        }
    }

    /// Goes on with other settings. What these lack has been removed. A master says at
    /// once what is new, so that its adverts never come later than others expect them.
    fn adopt(
        &mut self,
        settings: InstanceSettings,
        interfaces: &Interfaces,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        let waited = self.master_down_interval();
        let interval = self.master_interval();
        let old = std::mem::replace(&mut self.settings, settings);
        self.go_on_with_interval(interval);
        let new = &self.settings.announcements;
        self.rounds.adopt(&old.announcements, new, now);
        self.look(interfaces);
        match self.state {
            State::Master => {
                if !is_said_alike(&old, &self.settings) && self.fault().is_none() {
                    self.advertise(now, out);
                }
                let new = difference(&self.settings.addresses, &old.addresses);
                if !new.is_empty() {
                    self.add_addresses(new, out);
                }
            }
            State::Backup => self.wait_instead(waited, now),
            State::Init | State::Fault => {}
        }
    }

    /// What was the host's own of another instance is so still.
    fn keep(&mut self, kept: &HashSet<IpAddr>) {
        let its = self
            .settings
            .addresses
            .iter()
            .map(|address| address.address);
        let its: Vec<IpAddr> = its
            .filter(|address| kept.contains(address) && !self.kept.contains(address))
            .collect();
        self.kept.extend(its);
    }

    /// Hands over, and is no more. With a successor of the same name nothing is told:
    /// it says itself what has become of it.
    fn retire(
        &mut self,
        has_successor: bool,
        wanted: &HashSet<VirtualAddress>,
        now: Moment,
        out: &mut VecDeque<Action>,
    ) {
        if self.state == State::Master {
            self.send(Priority::RELEASE, now, out);
        }
        if self.may_have_addresses() {
            let mut addresses = self.settings.addresses.clone();
            addresses.retain(|address| !wanted.contains(address));
            self.remove_addresses(addresses, out);
        }
        if !has_successor {
            let change = Change::Stopped {
                from: self.told.state,
                priority: self.settings.priority,
            };
            self.tell(change, out);
        }
    }
}

impl Group {
    /// Tells of the states of members that have other names than before.
    fn tell_names(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        for member in &mut self.members {
            if member.state == State::Init {
                continue;
            }
            let priority = member.settings.priority;
            let change = member.told.enter(member.state, priority, Why::Reload, now);
            if let Some(change) = change {
                member.tell(change, out);
            }
        }
    }
}

/// Whether the adverts of both look alike, and go the same ways.
fn is_said_alike(a: &InstanceSettings, b: &InstanceSettings) -> bool {
    a.priority == b.priority
        && a.version == b.version
        && a.advert_interval == b.advert_interval
        && a.authentication == b.authentication
        && a.checksum == b.checksum
        && a.delivery == b.delivery
        && a.source == b.source
        && a.advertised().eq(b.advertised())
}

fn difference(of: &[VirtualAddress], without: &[VirtualAddress]) -> Vec<VirtualAddress> {
    of.iter()
        .filter(|address| !without.contains(address))
        .cloned()
        .collect()
}
