//! Where to find an instance.

use std::collections::HashMap;
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
    by_wire: HashMap<Wire, Sharing>,
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

/// What a packet shows of the instance that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wire {
    /// The interface's index.
    interface: u32,
    vrid: Vrid,
    family: Family,
    /// The multicast group that it was sent to; None with unicast.
    group: Option<IpAddr>,
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
                        vrid: settings.vrid,
                        family: settings.family,
                        group: settings.group(),
                    };
                    let place = (group, at);
                    let add = |sharing: &mut Sharing| sharing.others.push(place);
                    let by_wire = places.by_wire.entry(wire);
                    by_wire.and_modify(add).or_insert(Sharing {
                        first: place,
                        others: Vec::new(),
                    });
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
            vrid,
            family: Family::of(datagram.source),
            group: destination.is_multicast().then_some(destination),
        };
        let Sharing { first, others } = self.by_wire.get(&wire)?;
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
