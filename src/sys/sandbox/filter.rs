//! The filter of system calls, and how the kernel is given it.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use crate::sys::vrrp_socket;

/// What every child does, whatever the arguments.
const CALLS: &[libc::c_long] = &[
    // Sockets that are there, and pipes of the log.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pwritev2,
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
    // Memory; what could make it executable is below.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_getrandom,
    // Itself, and its end.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrusage,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The part of a socket's type that is not a flag (socket(2)).
pub(super) const SOCKET_TYPE: u64 = 0xf;

/// The options of an IP socket are numbered below this. From here on the same call
/// changes the rules of iptables (`IPT_SO_SET_REPLACE` is 64, linux/netfilter_ipv4/
/// ip_tables.h), of arptables and ebtables, and IPVS in its older way: each without
/// asking for more than CAP_NET_ADMIN.
const IP_OPTIONS_END: u64 = 64;

/// The filter of the checker. What is not allowed fails with EPERM. It is refused
/// and not killed for: a call that was forgotten here, or that a newer C library
/// makes, must cost one check and not the checker.
pub fn checker() -> Result<BpfProgram, BackendError> {
    let mut rules = Rules::new()?;
    // TCP and UDP, and of netlink the generic one, which IPVS speaks. No AF_UNIX: the
    // sockets to core and to the log are there already.
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            let kind = masked(1, SOCKET_TYPE, kind as u64)?;
            rules.allow(libc::SYS_socket, vec![equal(0, family)?, kind])?;
        }
    }
    rules.netlink(libc::NETLINK_GENERIC)?;
    // `checker_no_swap`.
    rules.allow(libc::SYS_mlockall, Vec::new())?;
    rules.allow(libc::SYS_munlockall, Vec::new())?;
    rules.options(&[
        libc::SOL_SOCKET,
        libc::SOL_TCP,
        libc::SOL_UDP,
        libc::SOL_NETLINK,
    ])?;
    rules.ip_options(&[libc::SOL_IP, libc::SOL_IPV6])?;
    rules.finish()
}

/// The filter of the vrrp process, in the same manner.
pub fn vrrp() -> Result<BpfProgram, BackendError> {
    let mut rules = Rules::new()?;
    for call in [
        libc::SYS_recvmmsg,
        libc::SYS_sendmmsg,
        libc::SYS_timerfd_settime,
        // The kernel's count of the time that it waits for a processor.
        libc::SYS_pread64,
        // `vrrp_no_swap`.
        libc::SYS_mlockall,
        libc::SYS_munlockall,
    ] {
        rules.allow(call, Vec::new())?;
    }
    // Adverts by an interface that has come later, and netlink anew where an answer
    // was lost. The others are there already.
    for (family, protocol) in [
        (libc::AF_INET, vrrp_socket::PROTOCOL),
        (libc::AF_INET, vrrp_socket::PROTOCOL_AH),
        (libc::AF_INET6, vrrp_socket::PROTOCOL),
    ] {
        let raw = masked(1, SOCKET_TYPE, libc::SOCK_RAW as u64)?;
        let adverts = vec![equal(0, family)?, raw, equal(2, protocol)?];
        rules.allow(libc::SYS_socket, adverts)?;
    }
    rules.netlink(libc::NETLINK_ROUTE)?;
    rules.options(&[libc::SOL_SOCKET, libc::SOL_NETLINK])?;
    rules.ip_options(&[libc::SOL_IP, libc::SOL_IPV6])?;
    rules.finish()
}

/// A filter that is being written. What it allows from the beginning is what every
/// child does.
pub(super) struct Rules(BTreeMap<libc::c_long, Vec<SeccompRule>>);

impl Rules {
    pub(super) fn new() -> Result<Self, BackendError> {
        let mut rules = Rules(CALLS.iter().map(|call| (*call, Vec::new())).collect());
        // Not whom the kernel is to send signals to (F_SETOWN).
        for command in [
            libc::F_GETFD,
            libc::F_SETFD,
            libc::F_GETFL,
            libc::F_SETFL,
            libc::F_DUPFD_CLOEXEC,
        ] {
            rules.allow(libc::SYS_fcntl, vec![equal(1, command)?])?;
        }
        // Addresses and links can be changed by ioctl as well.
        rules.allow(libc::SYS_ioctl, vec![equal(1, libc::FIONBIO as i32)?])?;
        // Memory for data: nothing that came in becomes a program.
        let exec = libc::PROT_EXEC as u64;
        rules.allow(libc::SYS_mmap, vec![masked(2, exec, 0)?])?;
        rules.allow(libc::SYS_mprotect, vec![masked(2, exec, 0)?])?;
        // Limits are read, never set: the third argument, what to set, is null.
        let nothing = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
        rules.allow(libc::SYS_prlimit64, vec![nothing])?;
        // abort(3) raises a signal in this process.
        let this = equal(0, nix::unistd::getpid().as_raw())?;
        rules.allow(libc::SYS_tgkill, vec![this])?;
        Ok(rules)
    }

    /// A call whose arguments are these; with none, whatever they are.
    pub(super) fn allow(
        &mut self,
        call: libc::c_long,
        arguments: Vec<SeccompCondition>,
    ) -> Result<(), BackendError> {
        let rules = self.0.entry(call).or_default();
        if !arguments.is_empty() {
            rules.push(SeccompRule::new(arguments)?);
        }
        Ok(())
    }

    pub(super) fn netlink(&mut self, protocol: i32) -> Result<(), BackendError> {
        let netlink = vec![equal(0, libc::AF_NETLINK)?, equal(2, protocol)?];
        self.allow(libc::SYS_socket, netlink)
    }

    pub(super) fn options(&mut self, levels: &[i32]) -> Result<(), BackendError> {
        for level in levels {
            self.allow(libc::SYS_setsockopt, vec![equal(1, *level)?])?;
        }
        Ok(())
    }

    /// Those of a packet's header, and nobody's rules.
    pub(super) fn ip_options(&mut self, levels: &[i32]) -> Result<(), BackendError> {
        for level in levels {
            let plain = SeccompCondition::new(
                2,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Lt,
                IP_OPTIONS_END,
            )?;
            self.allow(libc::SYS_setsockopt, vec![equal(1, *level)?, plain])?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<BpfProgram, BackendError> {
        let filter = SeccompFilter::new(
            self.0,
            SeccompAction::Errno(libc::EPERM as u32),
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?;
        filter.try_into()
    }
}

/// An argument that is this number.
pub(super) fn equal(index: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    // The upper half of the register is the C library's business.
    let value = u64::from(value as u32);
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// An argument whose bits under `mask` are these.
pub(super) fn masked(index: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    let operator = SeccompCmpOp::MaskedEq(mask);
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

/// Sets the filter for every thread of this process, which must have no_new_privs.
/// What it refuses is in the kernel's log or in that of auditd(8). False where this
/// kernel was built without seccomp.
///
/// # Errors
/// Where the kernel does not take it for another reason (seccomp(2)).
pub fn install(program: &BpfProgram) -> io::Result<bool> {
    let all_threads = libc::SECCOMP_FILTER_FLAG_TSYNC;
    match set(program, all_threads | libc::SECCOMP_FILTER_FLAG_LOG) {
        // Before Linux 4.14 nothing is logged.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        result => return known(result),
    }
    known(set(program, all_threads))
}

fn known(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn set(program: &BpfProgram, flags: libc::c_ulong) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: program
            .len()
            .try_into()
            .map_err(|_| io::Error::other("the filter is too long"))?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the kernel reads `len` instructions from `filter`, whose type has the
    // layout of struct sock_filter in both crates, and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    match result {
        0 => Ok(()),
        -1 => Err(io::Error::last_os_error()),
        thread => Err(io::Error::other(format!(
            "thread {thread} has a filter of its own"
        ))),
    }
}
