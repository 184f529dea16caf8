//! The addresses of one interface, in order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::super::{Address, AddressKey};

/// Some thousand addresses are put, found and removed without looking at all of them.
///
/// The kernel does not tell where in the list an address has been put. Of IPv4 it puts a
/// secondary one at the end, and another one behind the last of the others whose scope
/// is as narrow or narrower. Its list of IPv6 begins with the widest scope and the
/// newest address; here it stands the other way round, so that the first one for the
/// link is the one that the kernel takes for its own too, and stays so when others come.
#[derive(Debug, Default)]
pub struct AddressList {
    in_order: BTreeMap<Place, Address>,
    places: HashMap<AddressKey, Place>,
    /// How many have ever been put.
    count: u64,
}

/// Where an address stands: the parts of the list, in a part the narrow scopes (of high
/// numbers) first, and of one scope the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Part, Reverse<u8>, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    V4,
    V4Secondary,
    V6,
}

impl AddressList {
    /// One that is there already stays where it is, unless it has been promoted.
    pub fn put(&mut self, address: Address) {
        let (part, scope) = match address.address {
            // These in the order of their coming alone.
            IpAddr::V4(_) if address.is_secondary => (Part::V4Secondary, 0),
            IpAddr::V4(_) => (Part::V4, address.scope),
            IpAddr::V6(_) => (Part::V6, address.scope),
        };
        let key = address.key();
        match self.places.get(&key) {
            Some(place) if (place.0, place.1.0) == (part, scope) => {
                self.in_order.insert(*place, address);
            }
            known => {
                if let Some(place) = known {
                    self.in_order.remove(place);
                }
                let place = Place(part, Reverse(scope), self.count);
                self.count += 1;
                self.places.insert(key, place);
                self.in_order.insert(place, address);
            }
        }
    }

    /// One that is not there is fine.
    pub fn remove(&mut self, address: &Address) {
        if let Some(place) = self.places.remove(&address.key()) {
            self.in_order.remove(&place);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Address> {
        self.in_order.values()
    }
}
