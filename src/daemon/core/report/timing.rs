//! How the vrrp process is scheduled, and how late it was.

use serde::{Deserialize, Serialize};

use crate::daemon::messages::vrrp::LoopLateness;
use crate::sys::scheduling::Present;

/// The timing of the vrrp process. None where none runs; what only it knows is None
/// where it does not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimingStatus {
    pub lateness: Option<LatenessStatus>,
    /// What the kernel has.
    pub scheduling: Option<SchedulingStatus>,
    /// The real-time priority that it was given for being late (`max_auto_priority`).
    pub raised_to: Option<u8>,
}

/// How late it came to what was due, in its life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LatenessStatus {
    /// How often something was due.
    pub measured: u64,
    pub worst: f64,
    /// The worst of the latest minute.
    pub recent: f64,
    /// How often by more than half of the shortest advert interval.
    pub late: u64,
}

/// How a process is scheduled (sched(7)).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SchedulingStatus {
    /// `OTHER`, `RR` and so on.
    pub policy: String,
    /// 1 to 99 under real-time scheduling, else 0.
    pub priority: i32,
    pub nice: i32,
    /// By the numbers of /proc/cpuinfo.
    pub processors: Vec<u16>,
    /// Memory that stays out of swap space, in bytes.
    pub locked_memory: u64,
}

/// From what the process tells of itself, and the kernel of the process.
pub fn timing(
    lateness: Option<&LoopLateness>,
    present: Option<Present>,
    raised_to: Option<u8>,
) -> TimingStatus {
    TimingStatus {
        lateness: lateness.map(|lateness| LatenessStatus {
            measured: lateness.measured,
            worst: lateness.worst.as_secs_f64(),
            recent: lateness.recent.as_secs_f64(),
            late: lateness.late,
        }),
        scheduling: present.map(|present| SchedulingStatus {
            policy: present.policy.to_owned(),
            priority: present.priority,
            nice: present.nice,
            processors: present.processors,
            locked_memory: present.locked_memory,
        }),
        raised_to,
    }
}
