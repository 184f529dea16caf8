use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}
pub fn net_namespace() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/thread-self/ns/net")?.ino())
}
pub fn run_dir() -> PathBuf {
    let own = net_namespace().unwrap_or(0);
    match std::fs::metadata("/proc/1/ns/net") {
        Ok(m) if m.ino() != own => format!("/run/ipvsd/netns-{own}").into(),
        _ => "/run/ipvsd".into(),
    }
}
pub fn running_keepalived() -> Option<u32> {
    None
}
