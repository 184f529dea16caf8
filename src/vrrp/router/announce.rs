//! Announcements: which frame goes out next.

use std::net::IpAddr;

use super::Router;
use crate::moment::Moment;
use crate::vrrp::input::{Announcement, InterfaceFacts};
use crate::vrrp::instance::Instance;
use crate::vrrp::link::Interfaces;
use crate::vrrp::settings::VirtualAddress;
use crate::vrrp::{arp, na};

impl Router {
    /// The next frame to be sent once there is no action left: announcements wait for
    /// adverts, never the other way round. None while nothing is due.
    pub fn next_announcement(&mut self, now: Moment) -> Option<Announcement> {
        for _ in 0..self.agenda.due(now).count() {
            // All have their turn, one after the other.
            let due = self.agenda.due(now);
            let group = due.min_by_key(|group| (*group < self.turn, *group))?;
            for member in &mut self.groups[group].members {
                if let Some(announcement) = announce(member, &self.interfaces, now) {
                    member.counters.announcements += 1;
                    self.turn = group;
                    self.touch(group);
                    return Some(announcement);
                }
            }
            self.turn = group + 1;
            self.touch(group);
        }
        None
    }

    /// Whether announcements are due that [`next_announcement`](Self::next_announcement)
    /// would hand out now.
    pub fn has_announcements(&self, now: Moment) -> bool {
        let mut members = self
            .agenda
            .due(now)
            .filter_map(|group| self.groups.get(group))
            .flat_map(|group| &group.members);
        members.any(|member| is_due(member, &self.interfaces, now))
    }

    /// Rounds of a group that have nobody to announce come to their end.
    pub(super) fn end_rounds(&mut self, group: usize, now: Moment) {
        for member in &mut self.groups[group].members {
            if !is_due(member, &self.interfaces, now) {
                member.rounds.drop_current();
            }
        }
    }
}

/// Where an address can be announced now, and how.
fn outlet<'a>(
    member: &Instance,
    address: &VirtualAddress,
    interfaces: &'a Interfaces,
) -> Option<(&'a InterfaceFacts, [u8; 6])> {
    let facts = interfaces.facts(&address.interface)?;
    let is_there = member.addresses.holds(address) && facts.is_up;
    is_there.then_some((facts, facts.hardware_address?))
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
        let (facts, hardware) = outlet(member, address, interfaces)?;
        Some(Announcement {
            instance: member.id,
            interface: facts.index,
            frame: match address.address {
                IpAddr::V4(address) => arp::gratuitous(hardware, address),
                IpAddr::V6(address) => na::unsolicited(hardware, address, facts.is_router),
            },
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
