//! Which virtual addresses an instance has on its interfaces, and which it has asked
//! for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::budget::Budget;
use super::event::Change;
use super::link::Interfaces;
use super::settings::VirtualAddress;
use crate::moment::Moment;

/// After an operation the facts may be older than it: what they lack is believed only
/// after this time, or once they have shown the address.
const SETTLING: Duration = Duration::from_secs(1);

/// How long to leave an address alone that the kernel has refused.
const RETRY: Duration = Duration::from_secs(10);

/// The addresses of one instance.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Operations that have been asked for and are not done, oldest first.
    under_way: VecDeque<Operation>,
    /// Of which there is something to be known. Boxed: a table has more room than it
    /// needs, and there is one for each of thousands of instances.
    known: HashMap<Box<VirtualAddress>, Known>,
    /// Refused by the kernel when they were to be removed.
    stuck: Vec<VirtualAddress>,
    /// When the last operation was done.
    done: Moment,
    /// When to look again, as of the last look.
    wake: Option<Moment>,
    budget: Budget,
}

/// One table for all of this: there are instances by the thousand, most of them with one
/// address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    /// On its interface, as far as the operations tell.
    held: bool,
    /// The facts have shown it since.
    seen: bool,
    /// Refused by the kernel when it was to be added.
    refused: bool,
}

#[derive(Debug)]
struct Operation {
    kind: Kind,
    addresses: Vec<VirtualAddress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Add,
    /// Adds what another program has taken away.
    PutBack,
    Remove,
}

/// What a done operation leads to.
#[derive(Debug, Default)]
pub struct Done {
    /// Addresses have come, and are to be announced.
    pub came: HashSet<VirtualAddress>,
    pub told: Vec<Change>,
}

impl Addresses {
    pub fn adding(&mut self, addresses: &[VirtualAddress]) {
        self.begin(Kind::Add, addresses);
    }

    pub fn removing(&mut self, addresses: &[VirtualAddress]) {
        // Nothing is announced that is about to go.
        for address in addresses {
            if let Some(known) = self.known.get_mut(address) {
                known.held = false;
            }
        }
        self.stuck.clear();
        self.begin(Kind::Remove, addresses);
    }

    fn begin(&mut self, kind: Kind, addresses: &[VirtualAddress]) {
        self.wake = None;
        self.under_way.push_back(Operation {
            kind,
            addresses: addresses.to_vec(),
        });
    }

    /// The oldest operation is done, but for `failed`.
    pub fn done(&mut self, failed: Vec<(VirtualAddress, String)>, now: Moment) -> Done {
        let Some(operation) = self.under_way.pop_front() else {
            return Done::default();
        };
        if self.under_way.is_empty() {
            self.under_way = VecDeque::new();
        }
        self.done = now;
        let mut result = Done::default();
        let goes_again: HashSet<&VirtualAddress> = self
            .under_way
            .iter()
            .filter(|operation| operation.kind == Kind::Remove)
            .flat_map(|operation| &operation.addresses)
            .collect();
        let failures: HashSet<&VirtualAddress> = failed.iter().map(|(failed, _)| failed).collect();
        let mut put_back = Vec::new();
        for address in operation.addresses {
            let is_failed = failures.contains(&address);
            match operation.kind {
                Kind::Remove if is_failed => self.stuck.push(address),
                // Unless it has come again since.
                Kind::Remove => match self.known.get_mut(&address) {
                    Some(known) if known.held => {
                        known.seen = false;
                        known.refused = false;
                    }
                    _ => {
                        self.known.remove(&address);
                    }
                },
                _ if is_failed => {
                    let known = self.known.entry(Box::new(address)).or_default();
                    known.held = false;
                    known.refused = true;
                }
                _ if goes_again.contains(&address) => {}
                kind => {
                    if kind == Kind::PutBack {
                        put_back.push(address.clone());
                    }
                    result.came.insert(address.clone());
                    let held = Known {
                        held: true,
                        ..Known::default()
                    };
                    self.known.insert(Box::new(address), held);
                }
            }
        }
        for address in put_back {
            if self.budget.may_tell(now) {
                result.told.push(Change::AddressPutBack {
                    address: address.address.to_string(),
                    interface: address.interface,
                });
            }
        }
        for (address, why) in failed {
            if self.budget.may_tell(now) {
                result.told.push(Change::AddressRefused {
                    address: address.address.to_string(),
                    interface: address.interface,
                    why,
                });
            }
        }
        result
    }

    /// These are another instance's from now on, on their interfaces or not.
    pub fn hand_on(&mut self, addresses: &HashSet<VirtualAddress>) {
        self.known.retain(|address, _| !addresses.contains(address));
        self.stuck.retain(|address| !addresses.contains(address));
    }

    /// Whether the address is there to be announced.
    pub fn holds(&self, address: &VirtualAddress) -> bool {
        self.known(address).held
    }

    /// Takes in what the facts show of `wanted`, the addresses of a master. Gives what
    /// is to be put back now.
    pub fn missing(
        &mut self,
        wanted: &[VirtualAddress],
        interfaces: &Interfaces,
        now: Moment,
    ) -> Vec<VirtualAddress> {
        self.wake = None;
        if !self.under_way.is_empty() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        for address in wanted {
            match interfaces.has(address) {
                Some(true) => match self.known.get_mut(address) {
                    Some(known) => known.seen = true,
                    None => {
                        let seen = Known {
                            seen: true,
                            ..Known::default()
                        };
                        self.known.insert(Box::new(address.clone()), seen);
                    }
                },
                // There is nothing that it could be on.
                None => {}
                Some(false) => {
                    let from = self.missing_from(address);
                    if from <= now {
                        missing.push(address.clone());
                    } else {
                        self.wake = Some(self.wake.map_or(from, |wake| wake.min(from)));
                    }
                }
            }
        }
        if !missing.is_empty() {
            self.begin(Kind::PutBack, &missing);
        }
        missing
    }

    /// From when on an address that the facts lack counts as missing.
    fn missing_from(&self, address: &VirtualAddress) -> Moment {
        match self.known(address) {
            Known { refused: true, .. } => self.done + RETRY,
            Known { seen: true, .. } => Moment::default(),
            _ => self.done + SETTLING,
        }
    }

    fn known(&self, address: &VirtualAddress) -> Known {
        self.known.get(address).copied().unwrap_or_default()
    }

    /// Of a router that is not master: what could not be removed and is tried again
    /// now.
    pub fn left_behind(&mut self, now: Moment) -> Vec<VirtualAddress> {
        self.wake = None;
        if self.stuck.is_empty() || !self.under_way.is_empty() {
            return Vec::new();
        }
        if self.done + RETRY > now {
            self.wake = Some(self.done + RETRY);
            return Vec::new();
        }
        let stuck = std::mem::take(&mut self.stuck);
        self.begin(Kind::Remove, &stuck);
        stuck
    }

    /// When to look again, if nothing happens before.
    pub fn wake(&self) -> Option<Moment> {
        self.wake
    }
}
