//! The front process: it speaks to strangers and needs no right for that.
//!
//! It is nobody, without a capability. Of the file system it can read what everyone can
//! (name resolution reads /etc/hosts, resolv.conf, nsswitch.conf and its modules), and
//! write nothing. What one in strangers' hands could still do: open connections, and
//! read what every user of the host can read.

use std::io;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use seccompiler::{BackendError, BpfProgram};

use super::filter::{Rules, SOCKET_TYPE, equal, install, masked};
use super::{Capability, die_with_parent, keep_only};

/// The user and group that own nothing. The kernel shows the same number where it knows
/// no other (`DEFAULT_OVERFLOWUID`, linux/highuid.h), and every distribution calls it
/// nobody, so that no list of users need be read for it.
const NOBODY: u32 = 65534;

/// What the front process is held by. Capabilities are always dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontConfinement {
    /// Whether it is nobody, and not who core is.
    pub nobody: bool,
    /// Whether the kernel filters the system calls.
    pub seccomp: bool,
}

/// Confines the front process, for good. `begin` is called when the rights have gone and
/// before system calls are refused, as for [`super::confine_vrrp`].
///
/// # Errors
/// Where a right cannot be given up, or `begin` fails. A kernel without seccomp is no
/// error, nor is a right that this process does not have in the first place.
pub fn confine_front<T>(
    begin: impl FnOnce() -> io::Result<T>,
) -> io::Result<(FrontConfinement, T)> {
    // While the bounding set can still be changed; then who it is, and then the rest.
    keep_only(&[Capability::CAP_SETUID, Capability::CAP_SETGID])?;
    let nobody = become_nobody()?;
    keep_only(&[])?;
    prctl::set_no_new_privs()?;
    // Another user's process, the kernel thinks, and has forgotten this.
    die_with_parent();
    let begun = begin()?;
    let seccomp = install(&rules().map_err(io::Error::other)?)?;
    Ok((FrontConfinement { nobody, seccomp }, begun))
}

/// False where it is not for us to choose, or this user namespace has no such user
/// (user_namespaces(7)): then there is nothing to be given up by it.
fn become_nobody() -> io::Result<bool> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    // Groups first: whoever is nobody may not change them any more.
    let steps = setgroups(&[])
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid));
    match steps {
        Ok(()) => Ok(true),
        Err(Errno::EPERM | Errno::EINVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The filter. What is not allowed fails with EPERM.
fn rules() -> Result<BpfProgram, BackendError> {
    let mut rules = Rules::new()?;
    // The mail server by TCP, name servers by UDP and TCP. No AF_UNIX: whom one could
    // speak to there (D-Bus) is not our business, and without nscd or systemd-resolved
    // getaddrinfo(3) asks the name servers itself.
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            let kind = masked(1, SOCKET_TYPE, kind as u64)?;
            rules.allow(libc::SYS_socket, vec![equal(0, family)?, kind])?;
        }
    }
    // getaddrinfo(3) looks which addresses this host has. To change any takes a right.
    rules.netlink(libc::NETLINK_ROUTE)?;
    rules.options(&[libc::SOL_SOCKET, libc::SOL_TCP, libc::SOL_NETLINK])?;
    rules.ip_options(&[libc::SOL_IP, libc::SOL_IPV6])?;
    for call in [
        libc::SYS_sendmmsg,
        libc::SYS_recvmmsg,
        libc::SYS_uname,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_lseek,
        libc::SYS_pread64,
        libc::SYS_geteuid,
        libc::SYS_getuid,
    ] {
        rules.allow(call, Vec::new())?;
    }
    // Files are read and nothing else: not made, not emptied, not opened to be written.
    let changes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_TMPFILE;
    let changes = changes & !libc::O_DIRECTORY;
    let reads = masked(2, changes as u64, libc::O_RDONLY as u64)?;
    rules.allow(libc::SYS_openat, vec![reads])?;
    // The modules of nsswitch.conf(5) are loaded when they are needed: programs, but
    // from files, of which this process can write none.
    let wx = (libc::PROT_EXEC | libc::PROT_WRITE) as u64;
    let program = masked(2, wx, libc::PROT_EXEC as u64)?;
    let from_file = masked(3, libc::MAP_ANONYMOUS as u64, 0)?;
    rules.allow(libc::SYS_mmap, vec![program, from_file])?;
    rules.finish()
}
