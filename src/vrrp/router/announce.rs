//! Announcements: which frame goes out next.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Router;
use crate::family::Family;
use crate::moment::Moment;
use crate::vrrp::announce::Which;
use crate::vrrp::announce::queue::{Kept, Queue};
use crate::vrrp::input::{Announcement, InstanceId, InterfaceFacts};
use crate::vrrp::instance::Instance;
use crate::vrrp::link::Interfaces;
use crate::vrrp::settings::{Pacing, VirtualAddress};
use crate::vrrp::{arp, na};

/// What all instances announce.
#[derive(Debug)]
pub(super) struct Announcer {
    queue: Queue,
    /// When series of frames begin by themselves, and of which instance.
    alarms: BTreeSet<(Moment, InstanceId)>,
    alarm_of: HashMap<InstanceId, Moment>,
}

impl Announcer {
    pub(super) fn new() -> Self {
        Announcer {
            queue: Queue::new(&Pacing::default(), [], None),
            alarms: BTreeSet::new(),
            alarm_of: HashMap::new(),
        }
    }

    /// Takes in what an instance wants announced.
    fn take_in(&mut self, member: &mut Instance) {
        let Some(news) = member.rounds.take_news() else {
            return;
        };
        if news.is_cancelled {
            self.queue.forget(member.id);
        }
        let settings = &member.settings;
        for series in news.begun {
            let is_meant = |address: &VirtualAddress| match &series.which {
                Which::All => true,
                Which::These(these) => these.contains(address),
                Which::Elsewhere => address.interface != settings.interface,
            };
            let all = settings.addresses.iter().enumerate();
            let meant = all.filter(|(_, address)| is_meant(address));
            let meant = meant.map(|(index, address)| {
                let family = Family::of(address.address);
                (index, address.interface.as_str(), family)
            });
            self.queue
                .add(member.id, meant, series.frames, series.manner);
        }
        self.set_alarm(member.id, news.wake);
    }

    fn set_alarm(&mut self, instance: InstanceId, wake: Option<Moment>) {
        let before = match wake {
            Some(wake) => {
                self.alarms.insert((wake, instance));
                self.alarm_of.insert(instance, wake)
            }
            None => self.alarm_of.remove(&instance),
        };
        if let Some(before) = before.filter(|before| Some(*before) != wake) {
            self.alarms.remove(&(before, instance));
        }
    }

    /// One whose alarm has gone off.
    fn gone_off(&mut self, now: Moment) -> Option<InstanceId> {
        let (_, instance) = *self.alarms.first().filter(|(alarm, _)| *alarm <= now)?;
        self.set_alarm(instance, None);
        Some(instance)
    }

    fn wake(&self) -> Option<Moment> {
        let alarm = self.alarms.first().map(|(alarm, _)| *alarm);
        alarm.into_iter().chain(self.queue.wake()).min()
    }
}

impl Router {
    /// The next frame to be sent once there is no action left: announcements wait for
    /// adverts, never the other way round. None while nothing is due.
    pub fn next_announcement(&mut self, now: Moment) -> Option<Announcement> {
        self.begin_series(now);
        let Router {
            announcer,
            groups,
            places,
            interfaces,
            ..
        } = self;
        announcer.queue.next(now, |instance, index| {
            let (group, at) = places.of_instance(instance)?;
            let member = &mut groups[group].members[at];
            let announcement = announcement(member, index, interfaces)?;
            member.counters.announcements += 1;
            Some(announcement)
        })
    }

    /// The frames that have been handed out just now have gone out only by now: where
    /// there is a least time between two of them, it begins anew.
    pub fn announced(&mut self, now: Moment) {
        self.announcer.queue.gone_out(now);
    }

    /// There was no room for a frame that has been handed out just now: it waits again,
    /// and what waits behind it on its interface too, until `again`.
    pub fn not_announced(&mut self, announcement: &Announcement, again: Moment) {
        let &Announcement {
            instance, index, ..
        } = announcement;
        if let Some((group, at)) = self.places.of_instance(instance) {
            let counters = &mut self.groups[group].members[at].counters;
            counters.announcements = counters.announcements.saturating_sub(1);
            self.announcer.queue.give_back(instance, index, again);
        }
    }

    /// When [`next_announcement`](Self::next_announcement) may have something: in the
    /// past while there is something to be sent at once.
    pub fn announcement_wake(&self) -> Option<Moment> {
        self.announcer.wake()
    }

    /// Whether announcements are due.
    pub fn has_announcements(&self, now: Moment) -> bool {
        self.announcement_wake().is_some_and(|wake| wake <= now)
    }

    fn begin_series(&mut self, now: Moment) {
        while let Some(instance) = self.announcer.gone_off(now) {
            if let Some((group, at)) = self.places.of_instance(instance) {
                let member = &mut self.groups[group].members[at];
                member.rounds.on_time(now, &member.settings.announcements);
                self.announcer.take_in(member);
            }
        }
    }

    /// Takes in what the members of a group want announced; to be called after anything
    /// that may have changed it.
    pub(super) fn take_in_rounds(&mut self, group: usize) {
        for member in &mut self.groups[group].members {
            self.announcer.take_in(member);
        }
    }

    /// Nothing is announced any more.
    pub(super) fn end_announcing(&mut self) {
        self.announcer = Announcer::new();
    }

    /// What waits to be announced, before other settings come.
    pub(super) fn waiting_announcements(&self) -> Vec<(VirtualAddress, Kept)> {
        let with_address = |kept: Kept| {
            let address = self.settings(kept.instance)?.addresses.get(kept.index)?;
            Some((address.clone(), kept))
        };
        let kept = self.announcer.queue.kept().into_iter();
        kept.filter_map(with_address).collect()
    }

    /// Goes on with other settings, which all instances have. Of what waited before,
    /// that goes on to wait whose instance and address are still there.
    pub(super) fn adopt_pacing(&mut self, pacing: &Pacing, waiting: Vec<(VirtualAddress, Kept)>) {
        let members = || self.groups.iter().flat_map(|group| &group.members);
        let by_id: HashMap<InstanceId, &Instance> =
            members().map(|member| (member.id, member)).collect();
        let addresses = members().flat_map(|member| &member.settings.addresses);
        let interfaces = addresses.map(|address| address.interface.as_str());
        let before = &self.announcer.queue;
        let mut announcer = Announcer {
            queue: Queue::new(pacing, interfaces, Some(before)),
            ..Announcer::new()
        };
        let mut index_of: HashMap<InstanceId, HashMap<&VirtualAddress, usize>> = HashMap::new();
        for (address, kept) in &waiting {
            let Some(member) = by_id.get(&kept.instance) else {
                continue;
            };
            let indices = index_of.entry(kept.instance).or_insert_with(|| {
                let addresses = &member.settings.addresses;
                let numbered = addresses.iter().enumerate();
                numbered.map(|(index, address)| (address, index)).collect()
            });
            if let Some(&index) = indices.get(address) {
                let family = Family::of(address.address);
                announcer
                    .queue
                    .put_back(kept.at(index), &address.interface, family);
            }
        }
        for member in members() {
            announcer.set_alarm(member.id, member.rounds.wake());
        }
        self.announcer = announcer;
    }
}

/// The frame for an address, where it can be announced now.
fn announcement(member: &Instance, index: usize, interfaces: &Interfaces) -> Option<Announcement> {
    let address = member.settings.addresses.get(index)?;
    let (facts, hardware) = outlet(member, address, interfaces)?;
    Some(Announcement {
        instance: member.id,
        index,
        interface: facts.index,
        frame: match address.address {
            IpAddr::V4(address) => arp::gratuitous(hardware, address),
            IpAddr::V6(address) => na::unsolicited(hardware, address, facts.is_router),
        },
    })
}

/// Where an address can be announced now.
fn outlet<'a>(
    member: &Instance,
    address: &VirtualAddress,
    interfaces: &'a Interfaces,
) -> Option<(&'a InterfaceFacts, [u8; 6])> {
    let facts = interfaces.facts(&address.interface)?;
    let is_there = member.addresses.holds(address) && facts.is_up;
    is_there.then_some((facts, facts.hardware_address?))
}
