//! What a child gives up: capabilities (capabilities(7)) and system calls
//! (seccomp(2)).
//!
//! The checker reads strangers' bytes. CAP_NET_ADMIN, without which there is no IPVS,
//! is also the right to change addresses and routes; so what the checker has no
//! business with is refused by a filter of system calls: it starts no program, opens
//! no file, and speaks no route netlink. The vrrp process is the one that changes
//! addresses; it starts no program and opens no file either, makes no connection, and
//! does not speak to IPVS.
//!
//! What a checker in strangers' hands could still do: change IPVS, speak to the other
//! families of generic netlink, and open connections. The last two are its work, and
//! seccomp cannot tell them apart.

mod filter;
mod front;

use std::ffi::CString;
use std::io;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::sys::signal::Signal;

pub use self::front::{FrontConfinement, confine_front};

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
/// Where a right cannot be given up. A kernel without seccomp is no error, nor is a
/// right that this process does not have in the first place.
pub fn confine_checker() -> io::Result<Confinement> {
    keep_only(&[Capability::CAP_NET_ADMIN])?;
    prctl::set_no_new_privs()?;
    let seccomp = filter::install(&filter::checker().map_err(io::Error::other)?)?;
    Ok(Confinement { seccomp })
}

/// Confines the vrrp process, for good. To be called when its runtime is there and its
/// sockets are open. `begin` is called when the capabilities have gone and before
/// system calls are refused, of which one is to start a thread. Threads that it starts
/// are confined as well; it must wait until they run, because the C library ends a
/// process whose thread is refused what it does first.
///
/// # Errors
/// Where a right cannot be given up, or `begin` fails. A kernel without seccomp is no
/// error, nor is a right that this process does not have in the first place.
pub fn confine_vrrp<T>(begin: impl FnOnce() -> io::Result<T>) -> io::Result<(Confinement, T)> {
    keep_only(&[Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW])?;
    prctl::set_no_new_privs()?;
    let begun = begin()?;
    let seccomp = filter::install(&filter::vrrp().map_err(io::Error::other)?)?;
    Ok((Confinement { seccomp }, begun))
}

/// The kernel kills this process when its parent dies, even if it hangs or is
/// stopped. The end of its socket says the same to one that can hear.
pub fn die_with_parent() {
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        tracing::warn!("a child may outlive core: {error}");
    }
}

/// The kernel wakes this process, if somebody has stopped it, when its parent dies: it
/// has something to do then, and ends by itself.
pub fn wake_with_parent() {
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGCONT) {
        tracing::warn!("a child may not hear of core's end: {error}");
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
    // First the bounding set, which takes CAP_SETPCAP to change. A container may have
    // started us without that one; then nothing is lost, because the bounding set says
    // what a program may gain when it is started, and this process starts none.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(other)? {
        for capability in caps::read(None, CapSet::Bounding).map_err(other)? {
            caps::drop(None, CapSet::Bounding, capability).map_err(other)?;
        }
    }
    caps::clear(None, CapSet::Ambient).map_err(other)?;
    caps::clear(None, CapSet::Inheritable).map_err(other)?;
    let held = caps::read(None, CapSet::Permitted).map_err(other)?;
    let kept: CapsHashSet = kept
        .iter()
        .copied()
        .filter(|kept| held.contains(kept))
        .collect();
    caps::set(None, CapSet::Effective, &kept).map_err(other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(other)
}

fn other(error: CapsError) -> io::Error {
    io::Error::other(error)
}
