//! A whole IPVS table as a value, and the operations that change one.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::types::{Destination, DestinationKey, Service, ServiceKey};

/// Virtual servers with their real servers. The order is the one in which they are
/// to be added (the file's), since the kernel lists and schedules by it; it takes
/// no part in equality, and a mere change of order is no change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub services: IndexMap<ServiceKey, Entry>,
}

/// One virtual server and what is behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub service: Service,
    pub destinations: IndexMap<DestinationKey, Destination>,
}

impl Table {
    /// Real servers over all virtual servers.
    pub fn destination_count(&self) -> usize {
        self.services
            .values()
            .map(|entry| entry.destinations.len())
            .sum()
    }

    /// What the kernel's table is after it has carried out `op`. The order of what
    /// is left is not kept, which makes a removal cheap at any size.
    ///
    /// # Errors
    /// What the kernel answers where the operation does not fit the table
    /// (EEXIST, ENOENT, ESRCH), as ip_vs_ctl.c does.
    pub fn apply(&mut self, op: &IpvsOp) -> Result<(), Refusal> {
        match op {
            IpvsOp::NewService(key, service) => match self.services.get(key) {
                Some(_) => Err(Refusal::Exists),
                None => {
                    let entry = Entry {
                        service: service.clone(),
                        destinations: IndexMap::new(),
                    };
                    self.services.insert(*key, entry);
                    Ok(())
                }
            },
            IpvsOp::SetService(key, service) => {
                self.entry(key)?.service = service.clone();
                Ok(())
            }
            IpvsOp::DeleteService(key) => self
                .services
                .swap_remove(key)
                .map(drop)
                .ok_or(Refusal::NoSuchService),
            IpvsOp::NewDestination(key, server, destination) => {
                let entry = self.entry(key)?;
                if entry.destinations.contains_key(server) {
                    return Err(Refusal::Exists);
                }
                entry.destinations.insert(*server, *destination);
                Ok(())
            }
            IpvsOp::SetDestination(key, server, destination) => {
                match self.entry(key)?.destinations.get_mut(server) {
                    Some(known) => {
                        *known = *destination;
                        Ok(())
                    }
                    None => Err(Refusal::NoSuchDestination),
                }
            }
            IpvsOp::DeleteDestination(key, server) => self
                .entry(key)?
                .destinations
                .swap_remove(server)
                .map(drop)
                .ok_or(Refusal::NoSuchDestination),
        }
    }

    fn entry(&mut self, key: &ServiceKey) -> Result<&mut Entry, Refusal> {
        self.services.get_mut(key).ok_or(Refusal::NoSuchService)
    }
}

/// Why a table cannot carry out an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// EEXIST
    Exists,
    /// ESRCH
    NoSuchService,
    /// ENOENT
    NoSuchDestination,
}

/// One change of the kernel's table: an `IPVS_CMD_*` of generic netlink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvsOp {
    NewService(ServiceKey, Service),
    SetService(ServiceKey, Service),
    /// Takes its real servers along.
    DeleteService(ServiceKey),
    NewDestination(ServiceKey, DestinationKey, Destination),
    SetDestination(ServiceKey, DestinationKey, Destination),
    DeleteDestination(ServiceKey, DestinationKey),
}

impl IpvsOp {
    /// The virtual server that is changed, or whose real server is.
    pub fn service(&self) -> &ServiceKey {
        match self {
            IpvsOp::NewService(key, _)
            | IpvsOp::SetService(key, _)
            | IpvsOp::DeleteService(key)
            | IpvsOp::NewDestination(key, ..)
            | IpvsOp::SetDestination(key, ..)
            | IpvsOp::DeleteDestination(key, _) => key,
        }
    }

    /// The real server that is changed; None where the virtual server itself is.
    pub fn destination(&self) -> Option<DestinationKey> {
        match self {
            IpvsOp::NewService(..) | IpvsOp::SetService(..) | IpvsOp::DeleteService(_) => None,
            IpvsOp::NewDestination(_, server, _)
            | IpvsOp::SetDestination(_, server, _)
            | IpvsOp::DeleteDestination(_, server) => Some(*server),
        }
    }
}

/// In words, for the log and for messages about refused operations.
impl fmt::Display for IpvsOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpvsOp::NewService(key, service) => {
                write!(
                    f,
                    "add virtual server {key} with scheduler {}",
                    service.scheduler
                )
            }
            IpvsOp::SetService(key, service) => {
                write!(
                    f,
                    "change virtual server {key} to scheduler {}",
                    service.scheduler
                )
            }
            IpvsOp::DeleteService(key) => write!(f, "remove virtual server {key}"),
            IpvsOp::NewDestination(key, server, destination) => write!(
                f,
                "add real server {server} ({}, weight {}) to virtual server {key}",
                destination.method, destination.weight
            ),
            IpvsOp::SetDestination(key, server, destination) => write!(
                f,
                "change real server {server} of virtual server {key} to {}, weight {}",
                destination.method, destination.weight
            ),
            IpvsOp::DeleteDestination(key, server) => {
                write!(f, "remove real server {server} from virtual server {key}")
            }
        }
    }
}
