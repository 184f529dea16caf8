//! Virtual addresses on their way onto interfaces and off them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::kernel::Kernel;
use super::worker::{Order, Worker};
use crate::sys::rtnetlink::{Address, AddressChange, Changes, Refusal};
use crate::vrrp::InstanceId;
use crate::vrrp::settings::VirtualAddress;

/// What has been asked for and not been answered.
#[derive(Default)]
pub struct Operations {
    next: u64,
    under_way: BTreeMap<u64, Operation>,
    /// Which interface each address was put on: it may be called otherwise when the
    /// address is to go.
    put_on: HashMap<Box<VirtualAddress>, u32>,
}

/// Addresses that one instance wants on or off.
pub struct Operation {
    pub instance: InstanceId,
    /// On; else off.
    pub adds: bool,
    /// In the order of the changes that were asked for.
    addresses: Vec<VirtualAddress>,
    /// What the kernel has refused, and what it could not even be asked for.
    pub failed: Vec<(VirtualAddress, String)>,
}

impl Operations {
    /// Has these addresses put onto their interfaces.
    pub fn add(
        &mut self,
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
        kernel: &Kernel,
        worker: &Worker,
    ) {
        let mut operation = Operation::new(instance, true);
        let mut changes = Changes::default();
        for address in addresses {
            match kernel
                .index(&address.interface)
                .map(|index| on(&address, index))
            {
                Some(resolved) => {
                    let key = Box::new(address.clone());
                    self.put_on.insert(key, resolved.interface);
                    changes.changes.push(AddressChange::Add(resolved));
                    operation.addresses.push(address);
                }
                None => {
                    let why = format!("there is no interface {}", address.interface);
                    operation.failed.push((address, why));
                }
            }
        }
        self.begin(operation, changes, worker);
    }

    /// Has these addresses taken off their interfaces, the last one first: one that
    /// came first of its network may have others behind it.
    pub fn remove(
        &mut self,
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
        kernel: &Kernel,
        worker: &Worker,
    ) {
        let mut operation = Operation::new(instance, false);
        let mut removed = Vec::new();
        for address in addresses.into_iter().rev() {
            let put_on = self.put_on.remove(&address);
            let put_on = put_on.filter(|index| kernel.is_there(*index));
            // Where there is none, it has gone with its interface.
            let interfaces = BTreeSet::from_iter([put_on, kernel.index(&address.interface)]);
            for index in interfaces.into_iter().flatten() {
                removed.push(on(&address, index));
                operation.addresses.push(address.clone());
            }
        }
        let changes = Changes {
            promoting: kernel.endangered(&removed),
            changes: removed.into_iter().map(AddressChange::Remove).collect(),
        };
        self.begin(operation, changes, worker);
    }

    fn begin(&mut self, operation: Operation, changes: Changes, worker: &Worker) {
        self.next += 1;
        self.under_way.insert(self.next, operation);
        let ticket = self.next;
        worker.order(Order::Change { ticket, changes });
    }

    /// An operation has been answered: what it has come to.
    pub fn end(&mut self, ticket: u64, mut refused: BTreeMap<usize, Refusal>) -> Option<Operation> {
        let mut operation = self.under_way.remove(&ticket)?;
        for (place, address) in operation.addresses.drain(..).enumerate() {
            if let Some(refusal) = refused.remove(&place) {
                operation.failed.push((address, refusal.to_string()));
            }
        }
        Some(operation)
    }

    /// Addresses whose removal has not been answered.
    pub fn being_removed(&self) -> impl Iterator<Item = &VirtualAddress> {
        let removals = self.under_way.values().filter(|operation| !operation.adds);
        removals.flat_map(|operation| &operation.addresses)
    }

    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}

impl Operation {
    fn new(instance: InstanceId, adds: bool) -> Self {
        Operation {
            instance,
            adds,
            addresses: Vec::new(),
            failed: Vec::new(),
        }
    }
}

fn on(address: &VirtualAddress, interface: u32) -> Address {
    Address {
        interface,
        address: address.address,
        prefix: address.prefix,
        peer: address.address,
        broadcast: address.broadcast,
        scope: address.scope,
        label: address.label.clone(),
        is_secondary: false,
        is_unusable: false,
    }
}
