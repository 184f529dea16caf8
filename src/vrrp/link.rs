//! What is known of the interfaces, and what follows from it for an instance.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::channel::Channel;
use super::event::Why;
use super::input::InterfaceFacts;
use super::settings::{Delivery, InstanceSettings, VirtualAddress};
use super::types::Priority;
use crate::family::Family;

/// The interfaces by name; absent: nothing has been said of it yet.
#[derive(Debug, Default)]
pub struct Interfaces {
    known: BTreeMap<String, Option<Interface>>,
    /// By what nothing can be heard on them.
    deaf: BTreeMap<String, Vec<Channel>>,
    /// The own addresses of all of them, by index: every packet is looked up here.
    own: BTreeSet<(u32, IpAddr)>,
    /// Every virtual address of every instance: none of them identifies this router.
    virtual_addresses: HashSet<IpAddr>,
    /// Those of earlier settings: where they are, this process may have put them.
    former: HashSet<IpAddr>,
}

/// One that is there.
#[derive(Debug)]
struct Interface {
    facts: InterfaceFacts,
    /// Addresses that are this router's, whoever is master, in the kernel's order.
    own: Vec<IpAddr>,
    /// All addresses as [`identity`] has them, to be looked up in.
    all: HashSet<(IpAddr, u8)>,
}

/// Where an instance sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The interface's index.
    pub index: u32,
    pub source: IpAddr,
}

impl Interfaces {
    pub fn set_virtual_addresses<'a>(
        &mut self,
        addresses: impl Iterator<Item = &'a VirtualAddress>,
    ) {
        let virtual_addresses = addresses.map(|address| address.address).collect();
        let former = std::mem::replace(&mut self.virtual_addresses, virtual_addresses);
        self.former.extend(former);
        for interface in self.known.values_mut().flatten() {
            interface.own = own(&interface.facts, &self.virtual_addresses);
        }
        self.find_all_own();
    }

    fn find_all_own(&mut self) {
        self.own.clear();
        for interface in self.known.values().flatten() {
            let own = interface.own.iter();
            let index = interface.facts.index;
            self.own.extend(own.map(|address| (index, *address)));
        }
    }

    /// Forgets all interfaces but these: nobody says any more what becomes of them.
    pub fn keep_only(&mut self, names: &HashSet<&str>) {
        self.known.retain(|name, _| names.contains(name.as_str()));
        self.deaf.retain(|name, _| names.contains(name.as_str()));
        self.find_all_own();
    }

    pub fn set(&mut self, name: &str, facts: Option<InterfaceFacts>) {
        let interface = facts.map(|facts| Interface {
            own: own(&facts, &self.virtual_addresses),
            all: facts.addresses.iter().copied().map(identity).collect(),
            facts,
        });
        let index = |interface: &Option<Interface>| Some(interface.as_ref()?.facts.index);
        let after = index(&interface);
        let before = self.known.insert(name.to_owned(), interface);
        let before = before.as_ref().and_then(index);
        for index in before.into_iter().chain(after) {
            self.find_own(index);
        }
    }

    /// By these channels nothing can be heard there. Gives whether that is new.
    pub fn set_deaf(&mut self, name: &str, channels: &[Channel]) -> bool {
        let before = if channels.is_empty() {
            self.deaf.remove(name)
        } else {
            self.deaf.insert(name.to_owned(), channels.to_vec())
        };
        before.unwrap_or_default() != channels
    }

    /// Whether the instance can hear nobody, whatever comes in.
    pub fn is_deaf(&self, settings: &InstanceSettings) -> bool {
        let deaf = self.deaf.get(&settings.interface);
        deaf.is_some_and(|deaf| deaf.contains(&Channel::of(settings)))
    }

    pub fn facts(&self, name: &str) -> Option<&InterfaceFacts> {
        Some(&self.get(name)?.facts)
    }

    fn get(&self, name: &str) -> Option<&Interface> {
        self.known.get(name)?.as_ref()
    }

    /// The name of the interface of this index; nothing if there is none.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.known
            .iter()
            .find(|(_, interface)| {
                interface
                    .as_ref()
                    .is_some_and(|interface| interface.facts.index == index)
            })
            .map(|(name, _)| name.as_str())
    }

    /// Where the instance sends from, or why it cannot. None while nothing has been
    /// said of its interface.
    pub fn port(&self, settings: &InstanceSettings) -> Option<Result<Port, Why>> {
        let name = settings.interface.clone();
        let interface = match self.known.get(&settings.interface)? {
            None => return Some(Err(Why::InterfaceGone { interface: name })),
            Some(interface) if !interface.facts.is_up => {
                return Some(Err(Why::LinkDown { interface: name }));
            }
            Some(interface) => interface,
        };
        if let Delivery::Unicast(unicast) = &settings.delivery
            && unicast.peers.is_empty()
        {
            return Some(Err(Why::NoPeers));
        }
        let source = interface
            .own
            .iter()
            .find(|address| interface.can_send(**address, settings));
        let index = interface.facts.index;
        Some(match (source, settings.source) {
            (Some(&source), _) => Ok(Port { index, source }),
            // Answers to a group's adverts go to the group: it does not matter to whom
            // the address belongs, and some hide the sender by it.
            (None, Some(source))
                if settings.group().is_some() && !interface.facts.unusable.contains(&source) =>
            {
                Ok(Port { index, source })
            }
            (None, Some(source)) => Err(Why::SourceMissing {
                interface: name,
                source,
            }),
            (None, None) => Err(Why::NoAddress {
                interface: name,
                family: settings.family,
            }),
        })
    }

    /// Where the owner of the addresses sends from, which has no other one than `kept`.
    pub fn port_of_owner(&self, settings: &InstanceSettings, kept: &[IpAddr]) -> Option<Port> {
        let facts = self.facts(&settings.interface)?;
        let interface = self.get(&settings.interface)?;
        let is_there = |address: &&IpAddr| {
            interface.can_send(**address, settings)
                && facts.addresses.iter().any(|(there, _)| there == *address)
        };
        let source = kept.iter().find(is_there)?;
        (settings.priority == Priority::OWNER).then_some(Port {
            index: facts.index,
            source: *source,
        })
    }

    /// The instance's virtual addresses that are on its interface, where that has no
    /// other address of their family: they are the host's own, and without them it
    /// could not be reached.
    pub fn only_addresses(&self, settings: &InstanceSettings) -> Vec<IpAddr> {
        let Some(interface) = self.get(&settings.interface) else {
            return Vec::new();
        };
        let is_own = |address: &&VirtualAddress| {
            let family = address.address.is_ipv4();
            address.interface == settings.interface
                && !self.former.contains(&address.address)
                && interface.has(address)
                && !interface.own.iter().any(|own| own.is_ipv4() == family)
        };
        let addresses = settings.addresses.iter().filter(is_own);
        addresses.map(|address| address.address).collect()
    }

    /// Whether an address is this router's own on the interface of this index.
    pub fn is_own(&self, index: u32, address: IpAddr) -> bool {
        self.own.contains(&(index, address))
    }

    /// Notes which addresses are this router's on the interfaces of this index: two have
    /// it for a moment while one gets another name.
    fn find_own(&mut self, index: u32) {
        let first = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let last = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));
        let old = self.own.range((index, first)..=(index, last)).copied();
        for own in old.collect::<Vec<_>>() {
            self.own.remove(&own);
        }
        let known = self.known.values().flatten();
        for interface in known.filter(|interface| interface.facts.index == index) {
            let own = interface.own.iter();
            self.own.extend(own.map(|address| (index, *address)));
        }
    }

    /// Whether a virtual address is on its interface. None where there is no such
    /// interface to have it.
    pub fn has(&self, address: &VirtualAddress) -> Option<bool> {
        let interface = self.get(&address.interface)?;
        Some(interface.has(address))
    }
}

impl Interface {
    fn has(&self, address: &VirtualAddress) -> bool {
        let identity = identity((address.address, address.prefix));
        self.all.contains(&identity)
    }

    /// Whether the instance's adverts may come from an address: from the one that is
    /// configured or, if there is none, any one; with IPv6 a link-local one (RFC 9568
    /// section 5.1.2.1).
    fn can_send(&self, address: IpAddr, settings: &InstanceSettings) -> bool {
        let is_right_one = match (settings.source, address) {
            (Some(source), address) => address == source,
            (None, IpAddr::V6(address)) => address.is_unicast_link_local(),
            (None, IpAddr::V4(_)) => true,
        };
        is_right_one
            && Family::of(address) == settings.family
            && !self.facts.unusable.contains(&address)
    }
}

/// What makes an address the same one for the kernel: of IPv4 with each mask another, of
/// IPv6 the address alone, which keeps the mask that it was given first.
fn identity((address, prefix): (IpAddr, u8)) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(_) => (address, prefix),
        IpAddr::V6(_) => (address, Family::V6.address_bits()),
    }
}

fn own(facts: &InterfaceFacts, virtual_addresses: &HashSet<IpAddr>) -> Vec<IpAddr> {
    facts
        .addresses
        .iter()
        .map(|(address, _)| *address)
        .filter(|address| !virtual_addresses.contains(address))
        .collect()
}
