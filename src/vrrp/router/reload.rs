//! Other settings take the place of the present ones.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Router;
use crate::moment::Moment;
use crate::vrrp::event::{Change, Why};
use crate::vrrp::group::{Group, SyncGroup};
use crate::vrrp::input::{Action, InstanceId};
use crate::vrrp::instance::Instance;
use crate::vrrp::memory::{InstanceMemory, Memory};
use crate::vrrp::settings::{GroupSettings, InstanceSettings, RouterSettings, VirtualAddress};
use crate::vrrp::timers::master_down_interval;
use crate::vrrp::types::{Priority, State};

impl Router {
    /// Takes over settings, at the start and at a reload.
    pub(super) fn configure(&mut self, settings: RouterSettings, memory: &Memory, now: Moment) {
        let RouterSettings {
            instances,
            groups,
            pacing,
            ..
        } = settings;
        let announcements = self.waiting_announcements();
        let is_reload = !self.groups.is_empty();
        let all = instances.iter().flat_map(|settings| &settings.addresses);
        self.interfaces.set_virtual_addresses(all.clone());
        let interfaces = instances.iter().map(|settings| &settings.interface);
        let interfaces = interfaces.chain(all.map(|address| &address.interface));
        let interfaces = interfaces.map(String::as_str).collect();
        self.interfaces.keep_only(&interfaces);

        let handed_over = self.retire(&instances, &groups, now);
        let mut present = self.dissolve();
        // All that goes goes first: an address may move from one instance to another.
        for settings in &instances {
            if let Some(instance) = present.members.get_mut(&settings.name) {
                instance.drop_addresses(&settings.addresses, &mut self.actions);
            }
        }
        let mut members: HashMap<String, Instance> = HashMap::new();
        let mut order = Vec::new();
        for settings in instances {
            let name = settings.name.clone();
            let instance = match present.members.remove(&name) {
                Some(mut instance) => {
                    instance.adopt(settings, now, &mut self.actions);
                    instance
                }
                None => {
                    let id = InstanceId(self.next_id);
                    self.next_id += 1;
                    let successor = handed_over.get(&name);
                    let remembered = successor.or_else(|| memory.instances.get(&name)).cloned();
                    let mut instance = Instance::new(id, settings, remembered, now);
                    if is_reload {
                        instance.beginning = Why::Reload;
                    }
                    instance
                }
            };
            order.push(name.clone());
            members.insert(name, instance);
        }

        for settings in groups {
            let its = settings.members.iter();
            let its: Vec<Instance> = its.filter_map(|name| members.remove(name)).collect();
            if its.is_empty() {
                continue;
            }
            let sync = match present.syncs.remove(&settings.name) {
                Some(mut sync) => {
                    sync.settings = settings;
                    sync
                }
                None => {
                    let remembered = memory.groups.get(&settings.name).cloned();
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
            group.agree(now, &mut self.actions);
            group.look(&self.interfaces, now, &mut self.actions);
        }
        self.find_places();
        self.adopt_pacing(&pacing, announcements);
    }

    /// Hands over what is configured no longer, or not under the same identity.
    /// Gives what their successors are to know.
    fn retire(
        &mut self,
        instances: &[InstanceSettings],
        groups: &[GroupSettings],
        now: Moment,
    ) -> BTreeMap<String, InstanceMemory> {
        let mut handed_over = BTreeMap::new();
        let wanted: HashMap<&str, &InstanceSettings> = instances
            .iter()
            .map(|settings| (settings.name.as_str(), settings))
            .collect();
        for group in &mut self.groups {
            let lowest = group.lowest_priority();
            let mut at = 0;
            while let Some(member) = group.members.get(at) {
                let successor = wanted.get(member.settings.name.as_str());
                if successor.is_some_and(|new| is_same_on_the_wire(&member.settings, new)) {
                    at += 1;
                    continue;
                }
                let mut member = group.members.remove(at);
                member.retire(successor.is_some(), now, &mut self.actions);
                if successor.is_some() {
                    let memory = member.handed_over();
                    handed_over.insert(member.settings.name.clone(), memory);
                }
            }
            let is_wanted = |sync: &SyncGroup| {
                groups
                    .iter()
                    .any(|settings| settings.name == sync.settings.name)
            };
            if let Some(sync) = group.sync.take_if(|sync| !is_wanted(sync)) {
                sync.retire(lowest, &mut self.actions);
            }
        }
        handed_over
    }

    /// Takes all groups apart.
    fn dissolve(&mut self) -> Present {
        let mut present = Present::default();
        for group in self.groups.drain(..) {
            for member in group.members {
                present.members.insert(member.settings.name.clone(), member);
            }
            if let Some(sync) = group.sync {
                present.syncs.insert(sync.settings.name.clone(), sync);
            }
        }
        present
    }
}

/// What goes on, by name.
#[derive(Default)]
struct Present {
    members: HashMap<String, Instance>,
    syncs: HashMap<String, SyncGroup>,
}

/// Whether others cannot tell the two apart but by what may change.
fn is_same_on_the_wire(a: &InstanceSettings, b: &InstanceSettings) -> bool {
    a.interface == b.interface
        && a.vrid == b.vrid
        && a.version == b.version
        && a.family == b.family
        && a.group() == b.group()
}

impl Instance {
    /// Removes the addresses that are not wanted any more. In INIT they may be what the
    /// process before this one has left. What is the host's own stays.
    fn drop_addresses(&mut self, wanted: &[VirtualAddress], out: &mut VecDeque<Action>) {
        let may_have_some = match self.state {
            State::Master => true,
            State::Init => self.remembered.is_some(),
            State::Backup | State::Fault => false,
        };
        let mut gone = difference(&self.settings.addresses, wanted);
        gone.retain(|address| !self.kept.contains(&address.address));
        if may_have_some && !gone.is_empty() {
            self.addresses.removing(&gone);
            out.push_back(Action::RemoveAddresses {
                instance: self.id,
                addresses: gone,
            });
        }
    }

    /// Goes on with other settings. What these lack has been removed.
    fn adopt(&mut self, settings: InstanceSettings, now: Moment, out: &mut VecDeque<Action>) {
        let old = std::mem::replace(&mut self.settings, settings);
        let new = &self.settings.announcements;
        self.rounds.adopt(&old.announcements, new, now);
        if self.state == State::Master {
            let new = difference(&self.settings.addresses, &old.addresses);
            if !new.is_empty() {
                self.add_addresses(new, out);
            }
        }
        if old.advert_interval != self.settings.advert_interval {
            self.timer = self.timer.map(|timer| match self.state {
                // Never later than others expect it.
                State::Master => timer.min(now + self.settings.advert_interval.as_duration()),
                State::Backup | State::Init | State::Fault => {
                    now + master_down_interval(&self.settings)
                }
            });
        }
    }

    /// Hands over, and is no more. With a successor of the same name nothing is told:
    /// it says itself what has become of it.
    fn retire(&mut self, has_successor: bool, now: Moment, out: &mut VecDeque<Action>) {
        if self.state == State::Master {
            self.send(Priority::RELEASE, now, out);
        }
        if matches!(self.state, State::Master | State::Init) {
            self.remove_addresses(self.settings.addresses.clone(), out);
        }
        if !has_successor {
            let change = Change::Stopped {
                from: self.told_state(),
                priority: self.settings.priority,
            };
            self.tell(change, out);
        }
    }

    /// Begins again, from INIT.
    fn begin_again(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        if self.state == State::Master {
            self.send(Priority::RELEASE, now, out);
            self.rounds.cancel();
        }
        if self.state != State::Init {
            self.remembered = Some(self.handed_over());
            self.state = State::Init;
            self.since = now;
        }
        self.last_advert = None;
        self.timer = None;
        self.ready = false;
        self.beginning = Why::Reload;
    }

    /// What is known of it after it has handed over: what people were told, and nothing
    /// to go on with as master.
    fn handed_over(&self) -> InstanceMemory {
        InstanceMemory {
            last_advert: None,
            ..self.memory()
        }
    }
}

impl Group {
    /// Members that have come together from different groups begin again together.
    fn agree(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        let state = self.state();
        if self.members.iter().any(|member| member.state != state) {
            for member in &mut self.members {
                member.begin_again(now, out);
            }
            if let Some(sync) = &mut self.sync {
                sync.begin_again();
            }
            return;
        }
        let priority = self.lowest_priority();
        let stale = self.sync.as_mut().filter(|sync| sync.state != state);
        if let Some(sync) = stale.filter(|_| state != State::Init) {
            sync.enter(state, priority, Why::Reload, now, out);
        }
    }
}

fn difference(of: &[VirtualAddress], without: &[VirtualAddress]) -> Vec<VirtualAddress> {
    of.iter()
        .filter(|address| !without.contains(address))
        .cloned()
        .collect()
}
