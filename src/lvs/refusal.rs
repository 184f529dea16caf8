//! Why an operation on the kernel's table came to nothing, by name.
//!
//! The kernel answers with a bare errno whose meaning depends on the operation:
//! ENOENT is a missing real server for one and a missing scheduler for another
//! (`ip_vs_genl_set_cmd` in the kernel's net/netfilter/ipvs/ip_vs_ctl.c).

use serde::{Deserialize, Serialize};

use super::table::{IpvsOp, Refusal};

/// Why an operation, or the reading of the table, failed. The message says what to
/// do about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
pub enum OpError {
    /// EEXIST: the table is not what it was taken for.
    #[error("it is in the kernel already")]
    Exists,
    /// ESRCH: the table is not what it was taken for.
    #[error("the kernel has no such virtual server")]
    NoSuchService,
    /// ENOENT: the table is not what it was taken for.
    #[error("the virtual server has no such real server")]
    NoSuchDestination,
    /// ENOENT for a virtual server. The kernel has tried to load the module.
    #[error("no scheduler {0} in this kernel: module ip_vs_{0}")]
    UnknownScheduler(String),
    /// ENOENT for a virtual server with a persistence engine, where the kernel does
    /// not tell which of the two it misses.
    #[error(
        "no scheduler {scheduler} or no persistence engine {engine} in this kernel: \
         modules ip_vs_{scheduler} and ip_vs_pe_{engine}"
    )]
    UnknownSchedulerOrEngine { scheduler: String, engine: String },
    /// EPERM
    #[error("no right to change IPVS: CAP_NET_ADMIN is needed in this network namespace")]
    NotPermitted,
    /// ENOMEM, ENOSPC
    #[error("the kernel is out of memory")]
    NoMemory,
    /// ERANGE: `ip_vs_add_dest`
    #[error("weight or connection limits out of range (the lower limit above the upper one?)")]
    OutOfRange,
    /// EAFNOSUPPORT
    #[error("this kernel's IPVS does not serve the address family")]
    FamilyNotServed,
    /// EINVAL for a real server: `ip_vs_new_dest` takes local and unicast addresses
    /// only, and mixes families in tunnels only.
    #[error(
        "the kernel refuses it as invalid: the address is not unicast, or its family differs \
         from the virtual server's without a tunnel"
    )]
    InvalidDestination,
    /// EINVAL for a virtual server: `ip_vs_add_service` and the schedulers'
    /// own `init_service`.
    #[error("the kernel refuses it as invalid")]
    InvalidService,
    /// Whether it was carried out is not known.
    #[error("no answer of the kernel: {0}")]
    Lost(Loss),
    /// Any other errno, above 0.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Errno(i32),
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
pub enum Loss {
    /// ENOBUFS: the socket's receive buffer was full.
    #[error("more answers than the receive buffer holds")]
    Overrun,
    #[error("none within the deadline")]
    Deadline,
    /// We did not wait for the end of a dump, because something else is urgent.
    #[error("not waited for")]
    Interrupted,
    #[error("a message that is none")]
    Malformed,
    /// An errno of the socket, above 0.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Socket(i32),
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The table is not what it was taken for: look again.
    Contradiction,
    /// The operation may have been carried out or not: look again.
    Unknown,
    /// Nothing can be done at all.
    Everything,
    /// This operation is refused; others may be fine.
    ThisOne,
}

impl OpError {
    /// What an `errno` (above 0) means as the answer to `op`.
    pub fn from_errno(op: &IpvsOp, errno: i32) -> Self {
        match (errno, op) {
            (libc::EEXIST, _) => OpError::Exists,
            (libc::ESRCH, _) => OpError::NoSuchService,
            (libc::ENOENT, IpvsOp::NewService(_, service) | IpvsOp::SetService(_, service)) => {
                let scheduler = service.scheduler.clone();
                match service.persistence.as_ref().and_then(|p| p.engine.clone()) {
                    Some(engine) => OpError::UnknownSchedulerOrEngine { scheduler, engine },
                    None => OpError::UnknownScheduler(scheduler),
                }
            }
            (libc::ENOENT, IpvsOp::DeleteService(_)) => OpError::NoSuchService,
            (libc::ENOENT, _) => OpError::NoSuchDestination,
            (libc::EINVAL, op) if op.destination().is_some() => OpError::InvalidDestination,
            (libc::EINVAL, _) => OpError::InvalidService,
            (errno, _) => Self::from_bare_errno(errno),
        }
    }

    /// What an `errno` (above 0) means where no operation gives it a meaning of its
    /// own.
    pub fn from_bare_errno(errno: i32) -> Self {
        match errno {
            libc::EPERM | libc::EACCES => OpError::NotPermitted,
            libc::ENOMEM | libc::ENOSPC => OpError::NoMemory,
            libc::ERANGE => OpError::OutOfRange,
            libc::EAFNOSUPPORT => OpError::FamilyNotServed,
            libc::ENOBUFS => OpError::Lost(Loss::Overrun),
            errno => OpError::Errno(errno),
        }
    }

    pub fn consequence(&self) -> Consequence {
        match self {
            OpError::Exists | OpError::NoSuchService | OpError::NoSuchDestination => {
                Consequence::Contradiction
            }
            OpError::Lost(_) => Consequence::Unknown,
            OpError::NotPermitted => Consequence::Everything,
            OpError::UnknownScheduler(_)
            | OpError::UnknownSchedulerOrEngine { .. }
            | OpError::NoMemory
            | OpError::OutOfRange
            | OpError::FamilyNotServed
            | OpError::InvalidDestination
            | OpError::InvalidService
            | OpError::Errno(_) => Consequence::ThisOne,
        }
    }
}

impl From<Refusal> for OpError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exists => OpError::Exists,
            Refusal::NoSuchService => OpError::NoSuchService,
            Refusal::NoSuchDestination => OpError::NoSuchDestination,
        }
    }
}
