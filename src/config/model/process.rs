//! How a child process is scheduled and kept in memory.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What `global_defs` says of one child process: `vrrp_priority`, `checker_priority` and
/// their like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOptions {
    /// `…_priority`: its nice value, -20 to 19 (setpriority(2)); None is core's own.
    pub nice: Option<i8>,
    /// `…_rt_priority`: SCHED_RR with this priority, 1 to 99 (sched(7)).
    pub realtime: Option<u8>,
    /// `…_rlimit_rttime`: CPU time, in microseconds, that it may take under real-time
    /// scheduling without waiting for anything; then the kernel kills it.
    pub realtime_limit: Option<Duration>,
    /// `…_no_swap`: nothing of it is put out of memory (mlockall(2)).
    pub no_swap: bool,
    /// `…_cpu_affinity`: the processors that it may run on; empty is all.
    pub processors: Vec<u16>,
}

/// `max_auto_priority`, `min_auto_priority_delay`: a process that runs too late is given
/// a real-time priority, and a higher one each time that is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPriority {
    /// The highest priority that is given, 1 to 99; 0 is none at all.
    pub most: u8,
    /// How late it has to be, up to 10 s.
    pub from: Duration,
}

impl Default for AutoPriority {
    /// keepalived.conf(5): off, and 1 s.
    fn default() -> Self {
        AutoPriority {
            most: 0,
            from: Duration::from_secs(1),
        }
    }
}
