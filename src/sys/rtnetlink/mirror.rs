//! What is known of the kernel's links and addresses.

mod list;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use self::list::AddressList;
use super::{Address, Link, Notice};
use crate::vrrp::InterfaceFacts;

/// Links and addresses as they were last told of.
#[derive(Debug, Default)]
pub struct Mirror {
    links: BTreeMap<u32, Link>,
    by_name: HashMap<String, u32>,
    /// By interface.
    addresses: BTreeMap<u32, AddressList>,
    /// Names of interfaces that are not what they were.
    changed: BTreeSet<String>,
}

/// All links and addresses at one time.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub links: Vec<Link>,
    /// In the kernel's order.
    pub addresses: Vec<Address>,
}

impl Mirror {
    /// Takes in news. What is known already changes nothing.
    pub fn apply(&mut self, notice: Notice) {
        match notice {
            Notice::Link(link) => self.put_link(link),
            Notice::NoLink(index) => {
                self.touch(index);
                self.drop_link(index);
            }
            Notice::Address(address) => {
                self.touch(address.interface);
                let addresses = self.addresses.entry(address.interface).or_default();
                addresses.put(address);
            }
            Notice::NoAddress(address) => {
                self.touch(address.interface);
                if let Some(addresses) = self.addresses.get_mut(&address.interface) {
                    addresses.remove(&address);
                }
            }
            Notice::Forwarding { interface, on } => {
                self.touch(interface);
                if let Some(link) = self.links.get_mut(&interface) {
                    link.forwards_ipv6 = on;
                }
            }
        }
    }

    /// Takes a snapshot for what is known.
    pub fn replace(&mut self, snapshot: Snapshot) {
        for link in self.links.values().chain(&snapshot.links) {
            self.changed.insert(link.name.clone());
        }
        self.by_name = snapshot
            .links
            .iter()
            .map(|link| (link.name.clone(), link.index))
            .collect();
        self.links = snapshot
            .links
            .into_iter()
            .map(|link| (link.index, link))
            .collect();
        self.addresses.clear();
        let (v4, v6): (Vec<_>, Vec<_>) = snapshot
            .addresses
            .into_iter()
            .partition(|address| address.address.is_ipv4());
        for address in v4.into_iter().chain(v6.into_iter().rev()) {
            let addresses = self.addresses.entry(address.interface).or_default();
            addresses.put(address);
        }
    }

    /// The interface of this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.get(self.by_name.get(name)?)
    }

    /// Whether there is an interface of this index.
    pub fn is_there(&self, index: u32) -> bool {
        self.links.contains_key(&index)
    }

    /// What there is to know of an interface; None where there is none of this name.
    pub fn facts(&self, name: &str) -> Option<InterfaceFacts> {
        let link = self.link(name)?;
        let addresses = || self.addresses(link.index);
        let unusable = addresses().filter(|address| address.is_unusable);
        Some(InterfaceFacts {
            index: link.index,
            is_up: link.is_up,
            hardware_address: link.hardware_address,
            addresses: addresses()
                .map(|address| (address.address, address.prefix))
                .collect(),
            unusable: unusable.map(|address| address.address).collect(),
            is_router: link.forwards_ipv6,
        })
    }

    /// The addresses of an interface: those of IPv4 in the kernel's order, then those of
    /// IPv6 in its order turned round.
    pub fn addresses(&self, interface: u32) -> impl Iterator<Item = &Address> {
        let addresses = self.addresses.get(&interface);
        addresses.into_iter().flat_map(AddressList::iter)
    }

    /// Interfaces of which removing these addresses would take others along, unless
    /// secondaries are promoted: where one is the first of its network, and another
    /// one of it is to stay.
    pub fn endangered(&self, removed: &[Address]) -> BTreeSet<u32> {
        let interfaces: BTreeSet<u32> = removed.iter().map(|gone| gone.interface).collect();
        let mut endangered = BTreeSet::new();
        for interface in interfaces {
            let gone = removed.iter().filter(|gone| gone.interface == interface);
            let gone: HashSet<_> = gone.map(Address::key).collect();
            let known = self.addresses(interface);
            let (going, staying): (Vec<_>, Vec<_>) =
                known.partition(|known| gone.contains(&known.key()));
            let staying = staying.into_iter().filter(|known| known.is_secondary);
            let networks: HashSet<_> = staying.filter_map(network).collect();
            let mut firsts = going.into_iter().filter(|known| !known.is_secondary);
            if firsts.any(|first| network(first).is_some_and(|its| networks.contains(&its))) {
                endangered.insert(interface);
            }
        }
        endangered
    }

    /// Names of interfaces about which something has been told since this was last
    /// called.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    fn put_link(&mut self, link: Link) {
        // Under its old name it is gone.
        self.touch(link.index);
        self.changed.insert(link.name.clone());
        // A name is one interface's. The news that the one before has gone or is called
        // otherwise now may have been lost.
        match self.by_name.get(&link.name) {
            Some(&known) if known != link.index => self.drop_link(known),
            _ => {}
        }
        if let Some(before) = self.links.get(&link.index)
            && before.name != link.name
        {
            self.by_name.remove(&before.name);
        }
        self.by_name.insert(link.name.clone(), link.index);
        self.links.insert(link.index, link);
    }

    fn drop_link(&mut self, index: u32) {
        if let Some(link) = self.links.remove(&index) {
            self.by_name.remove(&link.name);
        }
        self.addresses.remove(&index);
    }

    fn touch(&mut self, index: u32) {
        if let Some(link) = self.links.get(&index)
            && !self.changed.contains(&link.name)
        {
            self.changed.insert(link.name.clone());
        }
    }
}

/// The network of an IPv4 address, with the bits of its mask.
fn network(address: &Address) -> Option<(u32, u8)> {
    let IpAddr::V4(peer) = address.peer else {
        return None;
    };
    let mask = u32::MAX
        .checked_shl(32 - u32::from(address.prefix.min(32)))
        .unwrap_or(0);
    Some((peer.to_bits() & mask, address.prefix))
}
