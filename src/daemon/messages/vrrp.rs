//! What core and the vrrp process say to each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Told;
use crate::alert::Cause;
use crate::moment::Moment;
use crate::vrrp::memory::{AdvertNumbers, Memory, Report};
use crate::vrrp::settings::RouterSettings;

/// From core to the vrrp process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToVrrp {
    /// The first message to a new process.
    Start(Box<VrrpStart>),
    /// Another configuration is to take the place of the present one.
    Reload {
        generation: u64,
        settings: RouterSettings,
        /// `vrrp_no_swap`: nothing of the process may be put out of memory.
        no_swap: bool,
        /// How late it has to be to say [`FromVrrp::Late`]; None is never.
        late_from: Option<Duration>,
    },
    /// Say [`FromVrrp::Status`].
    Status { request: u64 },
    /// Say [`FromVrrp::Alive`].
    Ping,
    /// Hand over, remove the addresses, and end.
    Stop,
}

/// What a new vrrp process begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VrrpStart {
    pub generation: u64,
    pub settings: RouterSettings,
    /// `vrrp_no_swap`: nothing of the process may be put out of memory.
    pub no_swap: bool,
    /// How late it has to be to say [`FromVrrp::Late`]; None is never.
    pub late_from: Option<Duration>,
    /// What the process before this one knew.
    pub memory: Memory,
    pub cause: Cause,
}

/// From the vrrp process to core.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromVrrp {
    Alive,
    /// It cannot do its work, and ends.
    Failed(String),
    /// Sockets are open and interfaces known: this generation is in force.
    Ready {
        generation: u64,
    },
    /// Something happened. What the next process would have to know comes with it.
    Changed {
        memory: Memory,
        told: Vec<Told>,
    },
    /// When these instances last sent an advert as master; said when it has grown by a
    /// part of the master-down interval, not for each advert.
    Adverts(Vec<SentAdvert>),
    /// What backups have heard adverts with, by their names, so that the next process
    /// takes none of them again.
    Heard(Vec<(String, AdvertNumbers)>),
    /// It did something this long after its time. Said at most once a second.
    Late {
        by: Duration,
    },
    Status {
        request: u64,
        report: Box<Report>,
        lateness: LoopLateness,
    },
    /// Handed over; every address is gone but for these.
    Stopped {
        left: Vec<String>,
    },
}

/// How late the vrrp process came to what was due, in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopLateness {
    /// How often something was due.
    pub measured: u64,
    pub worst: Duration,
    /// The worst of the latest minute.
    pub recent: Duration,
    /// How often by more than half of the shortest advert interval.
    pub late: u64,
}

/// An instance's latest advert as master.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentAdvert {
    pub instance: String,
    pub at: Moment,
    /// What it was sent with, so that the next process goes on with greater numbers.
    pub numbers: AdvertNumbers,
}
