//! What ipvsd must know about the machine and the network namespace it runs in.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Where all that is only of this boot has its place.
const RUN_DIR: &str = "/run/ipvsd";

/// A name for this boot of the kernel (proc(5), `random/boot_id`).
///
/// # Errors
/// Where there is no /proc.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// A number for the network namespace of this thread: the inode of its handle
/// (namespaces(7)). IPVS has a table for each.
///
/// # Errors
/// Where there is no /proc.
pub fn net_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// The folder for pid files, the control socket and the record of what is ours. One
/// for each network namespace, so that several directors on one host, each in a
/// namespace of its own, do not meet: `/run/ipvsd`, or in another namespace than that
/// of the first process `/run/ipvsd/netns-NUMBER`.
pub fn run_dir() -> PathBuf {
    let first = fs::metadata("/proc/1/ns/net").map(|handle| handle.ino());
    match (net_namespace(), first) {
        (Ok(own), Ok(first)) if own != first => PathBuf::from(RUN_DIR).join(format!("netns-{own}")),
        _ => PathBuf::from(RUN_DIR),
    }
}

/// The pid of a keepalived that runs in this network namespace: the same table is
/// in its hands.
pub fn running_keepalived() -> Option<u32> {
    let own = net_namespace().ok()?;
    let processes = fs::read_dir("/proc").ok()?;
    processes.filter_map(Result::ok).find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(process.path().join("comm")).ok()?;
        if name.trim_end() != "keepalived" {
            return None;
        }
        // One that has ended and waits to be reaped has no namespaces.
        let namespace = fs::metadata(process.path().join("ns/net")).ok()?.ino();
        (namespace == own).then_some(pid)
    })
}
