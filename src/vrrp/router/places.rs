//! Where to find an instance.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::family::Family;
use crate::vrrp::group::Group;
use crate::vrrp::input::InstanceId;
use crate::vrrp::instance::Instance;
use crate::vrrp::link::Interfaces;
use crate::vrrp::packet::Datagram;
use crate::vrrp::settings::{Delivery, InstanceSettings};
use crate::vrrp::types::Vrid;

/// Where an instance is: its group, and which member of it.
pub type Place = (usize, usize);

/// All places.
#[derive(Debug, Default)]
pub struct Places {
    by_id: HashMap<InstanceId, Place>,
    by_wire: BTreeMap<Wire, Row>,
    /// The groups that have to do with an interface.
    by_interface: HashMap<String, Vec<usize>>,
}

/// The instances that a packet may be for: several where they speak to different peers by
/// unicast.
#[derive(Debug)]
struct Sharing {
    first: Place,
    others: Vec<Place>,
}

/// What a packet shows of the instances among which the one is that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wire {
    /// The interface's index.
    interface: u32,
    family: Family,
    /// The multicast group that it was sent to; None with unicast.
    group: Option<IpAddr>,
}

/// Those instances by their VRIDs, from the lowest one on: to look one up takes no
/// search.
#[derive(Debug, Default)]
struct Row {
    lowest: u8,
    places: Vec<Option<Sharing>>,
}

impl Row {
    fn add(&mut self, vrid: Vrid, place: Place) {
        let vrid = vrid.get();
        if self.places.is_empty() {
            self.lowest = vrid;
        }
        let missing = usize::from(self.lowest.saturating_sub(vrid));
        let before = std::iter::repeat_with(|| None).take(missing);
        self.places.splice(..0, before);
        self.lowest = self.lowest.min(vrid);
        let at = usize::from(vrid - self.lowest);
        let most = self.places.len().max(at + 1);
        self.places.resize_with(most, || None);
        match &mut self.places[at] {
            Some(sharing) => sharing.others.push(place),
            free => {
                *free = Some(Sharing {
                    first: place,
                    others: Vec::new(),
                });
            }
        }
    }

    fn of(&self, vrid: Vrid) -> Option<&Sharing> {
        let at = vrid.get().checked_sub(self.lowest)?;
        self.places.get(usize::from(at))?.as_ref()
    }
}

impl Places {
    /// The places of all members of these groups.
    pub fn of(groups: &[Group], interfaces: &Interfaces) -> Self {
        let mut places = Places::default();
        for (group, it) in groups.iter().enumerate() {
            for name in it.all().flat_map(interfaces_of) {
                let groups = match places.by_interface.get_mut(name) {
                    Some(groups) => groups,
                    None => places.by_interface.entry(name.to_owned()).or_default(),
                };
                if groups.last() != Some(&group) {
                    groups.push(group);
                }
            }
            for (at, member) in it.members.iter().enumerate() {
                let settings = &member.settings;
                places.by_id.insert(member.id, (group, at));
                if let Some(facts) = interfaces.facts(&settings.interface) {
                    let wire = Wire {
                        interface: facts.index,
                        family: settings.family,
                        group: settings.group(),
                    };
                    let row = places.by_wire.entry(wire).or_default();
                    row.add(settings.vrid, (group, at));
                }
            }
        }
        places
    }

    pub fn of_instance(&self, id: InstanceId) -> Option<Place> {
        self.by_id.get(&id).copied()
    }

    /// The groups of which a member sends adverts by an interface, or has an address
    /// on it.
    pub fn of_interface(&self, name: &str) -> Vec<usize> {
        self.by_interface.get(name).cloned().unwrap_or_default()
    }

    /// The instance that a packet is for. Among those that have everything but their
    /// peers in common it is the one whose peer has sent it; the first one looks at
    /// what comes from nobody's peer.
    pub fn of_packet(
        &self,
        groups: &[Group],
        interface: u32,
        vrid: Vrid,
        datagram: &Datagram<'_>,
    ) -> Option<Place> {
        let destination = datagram.destination;
        let wire = Wire {
            interface,
            family: Family::of(datagram.source),
            group: destination.is_multicast().then_some(destination),
        };
        let Sharing { first, others } = self.by_wire.get(&wire)?.of(vrid)?;
        if others.is_empty() {
            return Some(*first);
        }
        let of_peer = std::iter::once(first).chain(others).find(|(group, at)| {
            let member = groups.get(*group).and_then(|group| group.members.get(*at));
            member.is_some_and(|member| is_peer(&member.settings, datagram.source))
        });
        Some(*of_peer.unwrap_or(first))
    }
}

fn interfaces_of(instance: &Instance) -> impl Iterator<Item = &str> {
    let settings = &instance.settings;
    let addresses = settings.addresses.iter();
    let of_addresses = addresses.map(|address| address.interface.as_str());
    std::iter::once(settings.interface.as_str()).chain(of_addresses)
}

fn is_peer(settings: &InstanceSettings, address: IpAddr) -> bool {
    match &settings.delivery {
        Delivery::Multicast { .. } => false,
        Delivery::Unicast(unicast) => unicast.peers.iter().any(|peer| peer.address == address),
    }
}
