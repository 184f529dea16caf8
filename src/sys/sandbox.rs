//! What a child gives up: capabilities (capabilities(7)) and system calls
//! (seccomp(2)).
//!
//! The checker reads strangers' bytes. CAP_NET_ADMIN, without which there is no IPVS,
//! is also the right to change addresses and routes; so what the checker has no
//! business with is refused by a filter of system calls: it starts no program, opens
//! no file, and speaks no route netlink.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// What a child is held by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whether the kernel filters the system calls. Capabilities are always dropped.
    pub seccomp: bool,
}

/// Confines the checker, for good. To be called when its runtime is there and its
/// netlink socket is open.
///
/// # Errors
/// Where a right cannot be given up. A kernel without seccomp is no error.
pub fn confine_checker() -> io::Result<Confinement> {
    keep_only(&[Capability::CAP_NET_ADMIN])?;
    prctl::set_no_new_privs()?;
    let filter = checker_filter().map_err(io::Error::other)?;
    match apply_filter(&filter) {
        Ok(()) => Ok(Confinement { seccomp: true }),
        // EINVAL: this kernel was built without filters.
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if error.raw_os_error() == Some(libc::EINVAL) =>
        {
            Ok(Confinement { seccomp: false })
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// The kernel kills this process when its parent dies, even if it hangs or is
/// stopped. The end of its socket says the same to one that can hear.
pub fn die_with_parent() {
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        tracing::warn!("a child may outlive core: {error}");
    }
}

/// The name in `ps` and `top`; 15 bytes are kept.
pub fn name_process(name: &str) {
    // A name without its vanity goes on under the old one.
    if let Ok(name) = CString::new(name) {
        let _ = prctl::set_name(&name);
    }
}

/// Gives up all capabilities but these, in every set.
fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let kept: CapsHashSet = kept.iter().copied().collect();
    // First the bounding set, which takes CAP_SETPCAP to change.
    for capability in caps::read(None, CapSet::Bounding).map_err(io::Error::other)? {
        caps::drop(None, CapSet::Bounding, capability).map_err(io::Error::other)?;
    }
    caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)?;
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)
}

/// What the checker does without looking at the arguments.
const CHECKER_CALLS: &[libc::c_long] = &[
    // Sockets that are there, and pipes of the log.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_fcntl,
    // Waiting.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_ctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // The clock, where it is no vDSO.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_getrandom,
    // Itself, and its end.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The filter of the checker: what is not allowed fails with EPERM. It is refused
/// and not killed for: a call that was forgotten here, or that a newer C library
/// makes, must cost one check and not the checker.
fn checker_filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let argument = |index, value: i32| {
        SeccompCondition::new(
            index,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::Eq,
            value as u64,
        )
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = CHECKER_CALLS
        .iter()
        .map(|call| (*call, Vec::new()))
        .collect();
    // TCP and UDP, and of netlink the generic one, which IPVS speaks.
    rules.insert(
        libc::SYS_socket,
        vec![
            SeccompRule::new(vec![argument(0, libc::AF_INET)?])?,
            SeccompRule::new(vec![argument(0, libc::AF_INET6)?])?,
            SeccompRule::new(vec![
                argument(0, libc::AF_NETLINK)?,
                argument(2, libc::NETLINK_GENERIC)?,
            ])?,
        ],
    );
    // The only thing that is set so: a socket that does not block.
    rules.insert(
        libc::SYS_ioctl,
        vec![SeccompRule::new(vec![argument(1, libc::FIONBIO as i32)?])?],
    );
    // Limits are read, never set: the third argument, what to set, is null.
    let no_new_limit = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(
        libc::SYS_prlimit64,
        vec![SeccompRule::new(vec![no_new_limit])?],
    );
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    filter.try_into()
}
