//! What a keeper has to tell: values that are logged and kept in the journal.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lvs::difference::{self, Difference};
use crate::lvs::refusal::OpError;
use crate::lvs::table::{Entry, IpvsOp};
use crate::lvs::types::{Destination, DestinationKey, Service, ServiceKey};
use crate::moment::Moment;

/// Something that happened to the table and that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// A wanted virtual server was in the kernel before we ever changed it.
    Adopted {
        key: ServiceKey,
        /// Whether the record says that an earlier run of ours has left it there.
        ours: bool,
        /// How many operations it takes to make it as wanted; 0 where it is.
        differences: usize,
    },
    /// Someone else had changed what is ours, and it was put back.
    Repaired {
        key: ServiceKey,
        changes: Vec<Repair>,
    },
    /// Others have changed what they had changed within the last minute, or many things
    /// at once, and each time it was put back. Told once a minute at most, in the place
    /// of [`Note::Repaired`].
    RepairedAgain {
        /// How many virtual servers.
        services: usize,
        /// How often one of them was put right.
        times: u64,
        within: Duration,
        /// The last one, and what was different there.
        key: ServiceKey,
        changes: Vec<Repair>,
    },
    /// The kernel refuses an operation. Told once until it takes it or refuses it
    /// for another reason, however often it is tried.
    Refused {
        op: IpvsOp,
        error: OpError,
        /// When it is tried again.
        retry_at: Moment,
    },
    /// What was [`Note::Refused`] went through at last.
    Accepted { op: IpvsOp },
    /// A virtual server is no longer ours and gone from the kernel.
    Released {
        key: ServiceKey,
        /// False where someone else had taken it out already.
        was_there: bool,
    },
    /// Nothing can be read or changed at all. Told once until it works again or
    /// fails for another reason, and where it comes and goes, once a minute at most.
    Unreachable { error: OpError, retry_at: Moment },
    /// The table can be read and changed again.
    Reachable,
}

/// How the table differed from what we had made of it, before it was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repair {
    /// With all of its real servers.
    ServiceMissing,
    ServiceChanged {
        found: Service,
        wanted: Service,
    },
    DestinationMissing(DestinationKey),
    /// A real server that someone else had added.
    DestinationAdded(DestinationKey),
    DestinationChanged {
        server: DestinationKey,
        found: Destination,
        wanted: Destination,
    },
}

impl Repair {
    /// What `op` repairs, given what was found in the kernel before it.
    pub(super) fn by(op: &IpvsOp, found: Option<&Entry>) -> Option<Repair> {
        let destination = |server| found.and_then(|entry| entry.destinations.get(server).copied());
        match op {
            IpvsOp::NewService(..) => Some(Repair::ServiceMissing),
            IpvsOp::SetService(_, wanted) => found.map(|entry| Repair::ServiceChanged {
                found: entry.service.clone(),
                wanted: wanted.clone(),
            }),
            IpvsOp::NewDestination(_, server, _) => Some(Repair::DestinationMissing(*server)),
            IpvsOp::SetDestination(_, server, wanted) => {
                destination(server).map(|found| Repair::DestinationChanged {
                    server: *server,
                    found,
                    wanted: *wanted,
                })
            }
            IpvsOp::DeleteDestination(_, server) => Some(Repair::DestinationAdded(*server)),
            IpvsOp::DeleteService(_) => None,
        }
    }
}

impl Repair {
    /// The real server that was different; None where the virtual server itself was.
    pub(super) fn spot(&self) -> Option<DestinationKey> {
        match self {
            Repair::ServiceMissing | Repair::ServiceChanged { .. } => None,
            Repair::DestinationMissing(server)
            | Repair::DestinationAdded(server)
            | Repair::DestinationChanged { server, .. } => Some(*server),
        }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Repair::ServiceMissing => f.write_str("it was missing"),
            Repair::ServiceChanged { found, wanted } => {
                f.write_str("it had ")?;
                instead(f, &difference::of_services(wanted, found))
            }
            Repair::DestinationMissing(server) => write!(f, "real server {server} was missing"),
            Repair::DestinationAdded(server) => write!(f, "real server {server} was not ours"),
            Repair::DestinationChanged {
                server,
                found,
                wanted,
            } => {
                write!(f, "real server {server} had ")?;
                instead(f, &difference::of_destinations(wanted, found))
            }
        }
    }
}

/// What was found and what is wanted: `weight 9 instead of 2`.
fn instead(f: &mut fmt::Formatter<'_>, found: &[Difference]) -> fmt::Result {
    for (number, it) in found.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        write!(f, "{comma}{} {} instead of {}", it.what, it.to, it.from)?;
    }
    Ok(())
}

impl Repair {
    /// The real server that somebody may have meant to take out of service.
    fn taken_out(&self) -> Option<DestinationKey> {
        match self {
            Repair::DestinationChanged {
                server,
                found,
                wanted,
            } if found.weight == 0 && wanted.weight > 0 => Some(*server),
            Repair::DestinationMissing(server) => Some(*server),
            _ => None,
        }
    }
}

/// In words, for the log. Times are left to the reader of the value.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Adopted {
                key,
                ours,
                differences,
            } => {
                let whose = if *ours {
                    "left there by us"
                } else {
                    "made by someone else"
                };
                write!(
                    f,
                    "virtual server {key} is in the kernel already, {whose}: "
                )?;
                match differences {
                    0 => f.write_str("adopted as it is"),
                    n => write!(f, "adopted, with {n} changes"),
                }
            }
            Note::Repaired { key, changes } => {
                write!(
                    f,
                    "virtual server {key} was changed by someone else and put right: "
                )?;
                list(f, changes)?;
                match changes.iter().find_map(Repair::taken_out) {
                    Some(server) => write!(
                        f,
                        "; to take a real server out of service: ipvsd drain {} {server}",
                        key.listed()
                    ),
                    None => Ok(()),
                }
            }
            Note::RepairedAgain {
                services,
                times,
                within,
                key,
                changes,
            } => {
                let (again, whose) = (
                    plural(*times, "time"),
                    plural(*services as u64, "virtual server"),
                );
                write!(
                    f,
                    "someone else goes on changing the table: put right {again} more within {} s, \
                     in {whose}; the last, {key}: ",
                    within.as_secs()
                )?;
                list(f, changes)
            }
            Note::Refused { op, error, .. } => write!(f, "cannot {op}: {error}"),
            Note::Accepted { op } => write!(f, "could {op} at last"),
            Note::Released {
                key,
                was_there: true,
            } => write!(f, "removed virtual server {key}"),
            Note::Released {
                key,
                was_there: false,
            } => {
                write!(f, "virtual server {key} was gone from the kernel already")
            }
            Note::Unreachable { error, .. } => write!(f, "IPVS is out of reach: {error}"),
            Note::Reachable => f.write_str("IPVS is within reach again"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, changes: &[Repair]) -> fmt::Result {
    for (i, change) in changes.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{change}")?;
    }
    Ok(())
}

fn plural(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
