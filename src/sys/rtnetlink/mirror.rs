//! What is known of the kernel's links and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Address, Link, Notice};
use crate::vrrp::InterfaceFacts;

/// Links and addresses as they were last told of.
#[derive(Debug, Default)]
pub struct Mirror {
    links: BTreeMap<u32, Link>,
    /// By interface, in the order of [`put_address`].
    addresses: BTreeMap<u32, Vec<Address>>,
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
                self.links.remove(&index);
                self.addresses.remove(&index);
            }
            Notice::Address(address) => {
                self.touch(address.interface);
                let addresses = self.addresses.entry(address.interface).or_default();
                put_address(addresses, address);
            }
            Notice::NoAddress(address) => {
                self.touch(address.interface);
                if let Some(addresses) = self.addresses.get_mut(&address.interface) {
                    addresses.retain(|known| !known.is_same(&address));
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
            addresses.push(address);
        }
    }

    /// The interface of this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// Whether there is an interface of this index.
    pub fn is_there(&self, index: u32) -> bool {
        self.links.contains_key(&index)
    }

    /// What there is to know of an interface; None where there is none of this name.
    pub fn facts(&self, name: &str) -> Option<InterfaceFacts> {
        let link = self.link(name)?;
        let addresses = self.addresses(link.index);
        let unusable = addresses.iter().filter(|address| address.is_unusable);
        Some(InterfaceFacts {
            index: link.index,
            is_up: link.is_up,
            hardware_address: link.hardware_address,
            addresses: addresses
                .iter()
                .map(|address| (address.address, address.prefix))
                .collect(),
            unusable: unusable.map(|address| address.address).collect(),
            is_router: link.forwards_ipv6,
        })
    }

    /// The addresses of an interface: those of IPv4 in the kernel's order, then those of
    /// IPv6 in its order turned round.
    pub fn addresses(&self, interface: u32) -> &[Address] {
        self.addresses
            .get(&interface)
            .map_or(&[], |addresses| addresses)
    }

    /// Interfaces of which removing these addresses would take others along, unless
    /// secondaries are promoted: where one is the first of its network, and another
    /// one of it is to stay.
    pub fn endangered(&self, removed: &[Address]) -> BTreeSet<u32> {
        let stays = |address: &&Address| !removed.iter().any(|gone| gone.is_same(address));
        let takes_along = |gone: &&Address| {
            let addresses = self.addresses(gone.interface);
            let is_first = addresses
                .iter()
                .any(|known| known.is_same(gone) && !known.is_secondary);
            let mut staying = addresses
                .iter()
                .filter(|known| known.is_secondary)
                .filter(stays);
            is_first && staying.any(|known| same_network(known, gone))
        };
        let gone = removed.iter().filter(takes_along);
        gone.map(|address| address.interface).collect()
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
        let others = self
            .links
            .values()
            .filter(|known| known.name == link.name && known.index != link.index);
        if let Some(lost) = others.map(|known| known.index).next() {
            self.links.remove(&lost);
            self.addresses.remove(&lost);
        }
        self.links.insert(link.index, link);
    }

    fn touch(&mut self, index: u32) {
        if let Some(link) = self.links.get(&index) {
            self.changed.insert(link.name.clone());
        }
    }
}

/// The kernel does not tell where in the list an address has been put. Of IPv4 it puts
/// a secondary one at the end, and another one behind the last of the others whose scope
/// is as narrow or narrower. Its list of IPv6 begins with the widest scope and the
/// newest address; here it stands the other way round, so that the first one for the
/// link is the one that the kernel takes for its own too, and stays so when others come.
fn put_address(addresses: &mut Vec<Address>, address: Address) {
    let known = addresses.iter().position(|known| known.is_same(&address));
    if let Some(at) = known {
        if addresses[at].is_secondary == address.is_secondary {
            addresses[at] = address;
            return;
        }
        // Promoted.
        addresses.remove(at);
    }
    let behind = |stays_before: &dyn Fn(&Address) -> bool| {
        let last = addresses.iter().rposition(stays_before);
        last.map_or(0, |last| last + 1)
    };
    let at = match address.address {
        IpAddr::V4(_) if address.is_secondary => behind(&|known| known.address.is_ipv4()),
        IpAddr::V4(_) => behind(&|known| {
            known.address.is_ipv4() && !known.is_secondary && address.scope <= known.scope
        }),
        IpAddr::V6(_) => behind(&|known| known.address.is_ipv4() || address.scope <= known.scope),
    };
    addresses.insert(at, address);
}

fn same_network(one: &Address, other: &Address) -> bool {
    use std::net::IpAddr::V4;
    let (V4(a), V4(b)) = (one.peer, other.peer) else {
        return false;
    };
    let mask = u32::MAX
        .checked_shl(32 - u32::from(one.prefix.min(32)))
        .unwrap_or(0);
    one.prefix == other.prefix && (a.to_bits() ^ b.to_bits()) & mask == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Notice {
        Notice::Link(Link {
            index,
            name: name.into(),
            is_up: true,
            hardware_address: Some([2, 0, 0, 0, 0, index as u8]),
            promotes_secondaries: Some(false),
            forwards_ipv6: false,
        })
    }

    fn address(text: &str, scope: u8, is_secondary: bool) -> Address {
        let (address, prefix) = text.split_once('/').unwrap();
        let address = address.parse().unwrap();
        Address {
            interface: 2,
            address,
            prefix: prefix.parse().unwrap(),
            peer: address,
            broadcast: None,
            scope,
            label: None,
            is_secondary,
            is_unusable: false,
        }
    }

    fn mirror(addresses: &[Address]) -> Mirror {
        let mut mirror = Mirror::default();
        mirror.apply(link(2, "eth0"));
        for address in addresses {
            mirror.apply(Notice::Address(address.clone()));
        }
        mirror
    }

    fn listed(mirror: &Mirror) -> Vec<String> {
        let facts = mirror.facts("eth0").unwrap();
        let text = |(address, prefix)| format!("{address}/{prefix}");
        facts.addresses.into_iter().map(text).collect()
    }

    #[test]
    fn addresses_stand_in_the_kernels_order() {
        let mut mirror = mirror(&[
            address("10.0.0.1/24", 253, false),
            address("10.0.0.2/24", 253, true),
            address("10.1.0.1/24", 0, false),
            address("10.0.0.3/24", 253, true),
        ]);
        let in_order = ["10.0.0.1/24", "10.1.0.1/24", "10.0.0.2/24", "10.0.0.3/24"];
        assert_eq!(listed(&mirror), in_order);
        // Its primary goes, and it takes the place of one.
        mirror.apply(Notice::NoAddress(address("10.0.0.1/24", 253, false)));
        mirror.apply(Notice::Address(address("10.0.0.2/24", 253, false)));
        assert_eq!(
            listed(&mirror),
            ["10.0.0.2/24", "10.1.0.1/24", "10.0.0.3/24"]
        );
    }

    #[test]
    fn the_oldest_address_of_the_link_is_the_first_one_of_ipv6() {
        // As the kernel lists them after having been given them in the order 1 to 5.
        let snapshot = |addresses: &[Address]| {
            let mut mirror = Mirror::default();
            let Notice::Link(link) = link(2, "eth0") else {
                unreachable!()
            };
            mirror.replace(Snapshot {
                links: vec![link],
                addresses: addresses.to_vec(),
            });
            listed(&mirror)
        };
        let [one, two, three, four, five] = [
            address("fe80::1/64", 253, false),
            address("fd00::2/64", 0, false),
            address("10.0.0.3/24", 0, false),
            address("fd00::4/64", 0, false),
            address("fe80::5/64", 253, false),
        ];
        let listed_then = listed(&mirror(&[
            one.clone(),
            two.clone(),
            three.clone(),
            four.clone(),
            five.clone(),
        ]));
        let in_order = [
            "10.0.0.3/24",
            "fe80::1/64",
            "fe80::5/64",
            "fd00::2/64",
            "fd00::4/64",
        ];
        assert_eq!(listed_then, in_order);
        assert_eq!(snapshot(&[three, four, two, five, one]), in_order);
    }

    #[test]
    fn what_cannot_be_sent_from_is_said_until_it_can() {
        let mut asked = address("fe80::1/64", 253, false);
        asked.is_unusable = true;
        let mut mirror = mirror(std::slice::from_ref(&asked));
        assert_eq!(mirror.facts("eth0").unwrap().unusable, [asked.address]);
        mirror.take_changed();
        asked.is_unusable = false;
        mirror.apply(Notice::Address(asked));
        assert_eq!(mirror.take_changed(), BTreeSet::from(["eth0".into()]));
        assert!(mirror.facts("eth0").unwrap().unusable.is_empty());
    }

    #[test]
    fn a_router_says_so() {
        let mut mirror = mirror(&[]);
        assert!(!mirror.facts("eth0").unwrap().is_router);
        let forwarding = |on| Notice::Forwarding { interface: 2, on };
        mirror.apply(forwarding(true));
        assert!(mirror.facts("eth0").unwrap().is_router);
        mirror.apply(forwarding(false));
        assert!(!mirror.facts("eth0").unwrap().is_router);
    }

    #[test]
    fn what_is_repeated_changes_nothing() {
        let one = address("10.0.0.1/24", 0, false);
        let mut mirror = mirror(std::slice::from_ref(&one));
        mirror.take_changed();
        let before = mirror.facts("eth0");
        mirror.apply(Notice::Address(one.clone()));
        mirror.apply(link(2, "eth0"));
        assert_eq!(mirror.facts("eth0"), before);
        mirror.apply(Notice::NoAddress(address("10.0.0.1/32", 0, false)));
        assert_eq!(mirror.facts("eth0"), before);
    }

    #[test]
    fn a_name_may_come_back_with_another_index() {
        let mut mirror = mirror(&[address("10.0.0.1/24", 0, false)]);
        mirror.take_changed();
        // The news that it has gone was lost.
        mirror.apply(link(9, "eth0"));
        let facts = mirror.facts("eth0").unwrap();
        assert_eq!((facts.index, facts.addresses.len()), (9, 0));
        assert_eq!(mirror.take_changed(), BTreeSet::from(["eth0".into()]));
        mirror.apply(link(9, "wan"));
        assert_eq!(mirror.facts("eth0"), None);
        assert!(mirror.facts("wan").is_some());
        let both = BTreeSet::from(["eth0".into(), "wan".into()]);
        assert_eq!(mirror.take_changed(), both);
        mirror.apply(Notice::NoLink(9));
        assert_eq!(mirror.facts("wan"), None);
    }

    #[test]
    fn only_a_first_one_that_leaves_others_behind_endangers_them() {
        let first = address("10.0.0.1/24", 0, false);
        let second = address("10.0.0.2/24", 0, true);
        let third = address("10.0.0.3/24", 0, true);
        let alone = address("10.9.0.1/24", 0, false);
        let all = [first.clone(), second.clone(), third.clone(), alone.clone()];
        let mirror = mirror(&all);
        let endangered = |removed: &[&Address]| {
            let removed: Vec<_> = removed.iter().map(|address| (*address).clone()).collect();
            !mirror.endangered(&removed).is_empty()
        };
        assert!(endangered(&[&first]));
        assert!(endangered(&[&first, &second]));
        assert!(!endangered(&[&second, &alone]));
        assert!(!endangered(&[&first, &second, &third]));
    }
}
