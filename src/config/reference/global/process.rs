//! `global_defs`: words about the processes of ipvsd.

use super::{BUFFER_ANYHOW, BYTES, MOST, MOST_PROCESSOR, SWITCH};
use crate::config::reference::{Kind, Value, Word, many, one, optional};

const NAMED_ANYHOW: &str = "the processes have the names that they have without it";
const NO_BFD: &str = "no BFD process is run yet";
const NICE: &[Value] = &[one("NUMBER", Kind::Integer(-20, 19))];
const REALTIME: &[Value] = &[one("NUMBER", Kind::Clamped(1, 99))];
const MICROSECONDS: &[Value] = &[one("MICROSECONDS", Kind::Integer(1, MOST))];
const PROCESSORS: &[Value] = &[many("NUMBER", Kind::Integer(0, MOST_PROCESSOR))];
const PROCESS_NAME: &[Value] = &[one("NAME", Kind::ProcessName)];

pub(super) const PROCESSES: &[Word] = &[
    Word::values("vrrp_priority", NICE)
        .default("ipvsd's own")
        .means("the nice value of the vrrp process"),
    Word::values("vrrp_rt_priority", REALTIME)
        .default("none")
        .means("the vrrp process has this real-time priority (SCHED_RR); what is beyond is set to the limit"),
    Word::values("vrrp_rlimit_rttime", MICROSECONDS)
        .default("10000")
        .means("the CPU time that the vrrp process may take under real-time scheduling without waiting for anything"),
    Word::values("vrrp_rlimit_rtime", MICROSECONDS).older("vrrp_rlimit_rttime"),
    Word::flag("vrrp_no_swap")
        .default("off")
        .means("nothing of the vrrp process is put out of memory"),
    Word::values("vrrp_cpu_affinity", PROCESSORS)
        .default("all")
        .means("the processors that the vrrp process may run on"),
    Word::values("max_auto_priority", &[optional("NUMBER", Kind::Integer(-1, 99))])
        .default("0; without a value 99")
        .means("a process that runs too late is given a real-time priority, up to this one; 0 and -1 are none"),
    Word::values("min_auto_priority_delay", &[one("MICROSECONDS", Kind::Integer(1, 10_000_000))])
        .default("1000000")
        .means("how late it has to be"),
    Word::values("checker_priority", NICE)
        .default("ipvsd's own")
        .means("the nice value of the checker process"),
    Word::values("checker_rt_priority", REALTIME)
        .default("none")
        .means("the checker process has this real-time priority (SCHED_RR)"),
    Word::values("checker_rlimit_rttime", MICROSECONDS)
        .default("10000")
        .means("as `vrrp_rlimit_rttime`, of the checker process"),
    Word::values("checker_rlimit_rtime", MICROSECONDS).older("checker_rlimit_rttime"),
    Word::flag("checker_no_swap")
        .default("off")
        .means("nothing of the checker process is put out of memory"),
    Word::values("checker_cpu_affinity", PROCESSORS)
        .default("all")
        .means("the processors that the checker process may run on"),
    Word::values("bfd_priority", NICE)
        .default("ipvsd's own")
        .means("the nice value of the BFD process")
        .later(NO_BFD),
    Word::values("bfd_rt_priority", REALTIME)
        .default("none")
        .means("the BFD process has this real-time priority (SCHED_RR)")
        .later(NO_BFD),
    Word::values("bfd_rlimit_rttime", MICROSECONDS)
        .default("10000")
        .means("as `vrrp_rlimit_rttime`, of the BFD process")
        .later(NO_BFD),
    Word::values("bfd_rlimit_rtime", MICROSECONDS).older("bfd_rlimit_rttime"),
    Word::flag("bfd_no_swap")
        .default("off")
        .means("nothing of the BFD process is put out of memory")
        .later(NO_BFD),
    Word::values("bfd_cpu_affinity", PROCESSORS)
        .default("all")
        .means("the processors that the BFD process may run on")
        .later(NO_BFD),
    Word::flag("process_names")
        .default("off")
        .means("the processes have the names that keepalived gives its own")
        .later(NAMED_ANYHOW),
    Word::values("process_name", PROCESS_NAME)
        .means("the name of the process that starts the others; the kernel keeps 15 bytes")
        .later(NAMED_ANYHOW),
    Word::values("vrrp_process_name", PROCESS_NAME)
        .means("the name of the vrrp process")
        .later(NAMED_ANYHOW),
    Word::values("checker_process_name", PROCESS_NAME)
        .means("the name of the checker process")
        .later(NAMED_ANYHOW),
    Word::values("lvs_process_name", PROCESS_NAME).older("checker_process_name"),
    Word::values("bfd_process_name", PROCESS_NAME)
        .means("the name of the BFD process")
        .later(NAMED_ANYHOW),
    Word::values("vrrp_netlink_cmd_rcv_bufs", BYTES)
        .default("the system's")
        .means("the receive buffer for answers of the kernel to the vrrp process")
        .later(BUFFER_ANYHOW),
    Word::values("vrrp_netlink_cmd_rcv_bufs_force", SWITCH)
        .default("off")
        .means("it may be larger than the system's limit (SO_RCVBUFFORCE)")
        .later(BUFFER_ANYHOW),
    Word::values("vrrp_netlink_monitor_rcv_bufs", BYTES)
        .default("the system's")
        .means("the receive buffer for news of the kernel to the vrrp process")
        .later(BUFFER_ANYHOW),
    Word::values("vrrp_netlink_monitor_rcv_bufs_force", SWITCH)
        .default("off")
        .means("it may be larger than the system's limit")
        .later(BUFFER_ANYHOW),
    Word::values("lvs_netlink_cmd_rcv_bufs", BYTES)
        .default("4194304")
        .means("the receive buffer for answers of the kernel to the checker process; what is less than the default is the default"),
    Word::values("lvs_netlink_cmd_rcv_bufs_force", SWITCH)
        .default("off")
        .means("it may be larger than the system's limit (SO_RCVBUFFORCE)"),
    Word::values("lvs_netlink_monitor_rcv_bufs", BYTES)
        .default("the system's")
        .means("the receive buffer for news of the kernel to the checker process")
        .later(BUFFER_ANYHOW),
    Word::values("lvs_netlink_monitor_rcv_bufs_force", SWITCH)
        .default("off")
        .means("it may be larger than the system's limit")
        .later(BUFFER_ANYHOW),
    Word::values("process_monitor_rcv_bufs", BYTES)
        .default("the system's")
        .means("the receive buffer for news of processes that begin and end")
        .later(BUFFER_ANYHOW),
    Word::values("process_monitor_rcv_bufs_force", SWITCH)
        .default("off")
        .means("it may be larger than the system's limit")
        .later(BUFFER_ANYHOW),
];
