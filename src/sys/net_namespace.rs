//! Network namespaces (network_namespaces(7)): this thread's, and those with names.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

/// Where ip-netns(8) keeps those that have names.
const NAMED: &str = "/run/netns";

/// A network namespace, which stays for as long as this does.
#[derive(Debug)]
pub struct NetNamespace {
    file: File,
    inode: u64,
}

impl NetNamespace {
    /// That of this thread.
    ///
    /// # Errors
    /// Where /proc is not mounted.
    pub fn this() -> io::Result<Self> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The one that `ip netns add` has given this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn named(name: &str) -> io::Result<Self> {
        Self::open(&path(name))
    }

    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(NetNamespace { file, inode })
    }

    /// The number that namespaces(7) has it known by.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// This thread, and what it starts, is in it from now on.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN; EINVAL where a file of that name is no namespace.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET)?)
    }

    /// Does something in it, and this thread stays where it is.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new();
            let thread = thread.spawn_scoped(scope, || self.enter().map(|()| act()))?;
            let ended = thread.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Where the namespace of this name is, if it is there.
pub fn path(name: &str) -> PathBuf {
    Path::new(NAMED).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::host;

    #[test]
    fn what_is_done_inside_is_done_there_and_nowhere_else() {
        let here = host::net_namespace().unwrap();
        let other = std::thread::spawn(|| {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET).unwrap();
            NetNamespace::this().unwrap()
        });
        let other = other.join().unwrap();
        assert_ne!(other.inode(), here);
        let seen = other.inside(|| host::net_namespace().unwrap()).unwrap();
        assert_eq!(seen, other.inode());
        assert_eq!(host::net_namespace().unwrap(), here);
        assert!(NetNamespace::named("no-such-namespace").is_err());
    }
}
