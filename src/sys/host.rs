//! What there is to know about the host: which boot, which network namespace, who
//! else keeps an IPVS table here.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::ifaddrs::getifaddrs;

/// Where the files that live as long as the boot are kept.
const RUN_DIR: &str = "/run/ipvsd";

/// Where the files are kept that outlive it.
const STATE_DIR: &str = "/var/lib/ipvsd";

/// The number that the kernel made up for this boot (random(4), `boot_id`).
///
/// # Errors
/// Where /proc is not mounted.
pub fn boot_id() -> io::Result<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// The number of this thread's network namespace: the inode that namespaces(7) has
/// it known by. No two namespaces of a host have the same at the same time.
///
/// # Errors
/// Where /proc is not mounted.
pub fn net_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// Whether the network namespace is that of process 1, so that of the host or of the
/// container. Where that cannot be found out, it is taken to be.
pub fn in_initial_net_namespace() -> bool {
    match (net_namespace(), net_namespace_of(1)) {
        (Ok(ours), Ok(initial)) => ours == initial,
        _ => true,
    }
}

/// The folder for what is to be found until the next boot: `/run/ipvsd`, and in any
/// other network namespace than the first `/run/ipvsd/netns-INODE`, because every
/// namespace has an IPVS table, and may have a director, of its own.
pub fn run_dir() -> PathBuf {
    let run_dir = PathBuf::from(RUN_DIR);
    match net_namespace() {
        Ok(inode) if !in_initial_net_namespace() => run_dir.join(format!("netns-{inode}")),
        _ => run_dir,
    }
}

/// The folder for what is to outlive the boot: `/var/lib/ipvsd`. Any other network
/// namespace than the first is not known again after it, so there it is [`run_dir`].
pub fn state_dir() -> PathBuf {
    match in_initial_net_namespace() {
        true => PathBuf::from(STATE_DIR),
        false => run_dir(),
    }
}

/// An address that an interface of this network namespace has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    pub address: IpAddr,
    /// The name of the interface, or the address's label where it has one: `eth0:1`.
    pub label: String,
}

/// All addresses that there are now (getifaddrs(3)).
///
/// # Errors
/// Where the kernel does not tell.
pub fn addresses() -> io::Result<Vec<HostAddress>> {
    let all = getifaddrs()?.filter_map(|found| {
        let address = found.address?;
        let v4 = address.as_sockaddr_in().map(|it| it.ip().into());
        let v6 = || address.as_sockaddr_in6().map(|it| it.ip().into());
        Some(HostAddress {
            address: v4.or_else(v6)?,
            label: found.interface_name,
        })
    });
    Ok(all.collect())
}

/// The process of a keepalived that runs in this network namespace, and so on the
/// same IPVS table: of its several processes the one that started the others.
pub fn running_keepalived() -> Option<u32> {
    let ours = net_namespace().ok()?;
    let mut found: Vec<Process> = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::keepalived)
        .filter(|process| net_namespace_of(process.pid).is_ok_and(|inode| inode == ours))
        .collect();
    found.sort_by_key(|process| process.pid);
    found
        .iter()
        .find(|process| found.iter().all(|other| other.pid != process.parent))
        .map(|process| process.pid)
}

/// Whether this process is a keepalived, and not dead.
pub fn is_keepalived(pid: u32) -> bool {
    Process::keepalived(pid).is_some()
}

/// The host's own name; `localhost` where it has none.
pub fn hostname() -> String {
    match fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
        _ => "localhost".to_owned(),
    }
}

fn net_namespace_of(pid: u32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/net"))?.ino())
}

struct Process {
    pid: u32,
    parent: u32,
}

impl Process {
    /// None where it is something else, or a zombie.
    fn keepalived(pid: u32) -> Option<Process> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let (name, state, parent) = parse_stat(&stat)?;
        let executable = fs::read_link(folder.join("exe")).ok();
        let alive = !matches!(state, 'Z' | 'X');
        (alive && is_keepalived_by(name, executable.as_deref())).then_some(Process { pid, parent })
    }
}

/// Name, state and parent of a line of proc_pid_stat(5). The name is in parentheses
/// and may have blanks and parentheses itself.
fn parse_stat(line: &str) -> Option<(&str, char, u32)> {
    let (front, rest) = line.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    let mut rest = rest.split_ascii_whitespace();
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    Some((name, state, parent))
}

/// A process may be renamed (keepalived's `process_name`), and a script of that name
/// (`/etc/init.d/keepalived`) has the name too while its executable is a shell.
fn is_keepalived_by(name: &str, executable: Option<&Path>) -> bool {
    let Some(executable) = executable else {
        return name == "keepalived";
    };
    let file = executable
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    // What an upgrade has replaced on the disk still runs.
    let file = file.strip_suffix(" (deleted)").unwrap_or(file);
    file == "keepalived" || (name == "keepalived" && file.starts_with("keepalived"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    #[test]
    fn the_host_tells_who_it_is() {
        assert_eq!(boot_id().unwrap().len(), 36);
        assert!(net_namespace().unwrap() > 0);
        assert!(!hostname().is_empty());
        assert!(run_dir().starts_with(RUN_DIR));
    }

    #[test]
    fn loopback_has_its_addresses() {
        let expected = HostAddress {
            address: IpAddr::from([127, 0, 0, 1]),
            label: "lo".into(),
        };
        assert!(addresses().unwrap().contains(&expected));
    }

    #[test]
    fn names_with_parentheses_are_read() {
        let line = "4711 (a) (b) S 42 4711 4711 0 -1 4194560 1 0 0 0";
        assert_eq!(parse_stat(line), Some(("a) (b", 'S', 42)));
        assert_eq!(parse_stat("4711 (a"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn a_keepalived_is_known_by_its_executable() {
        let known = |name, executable: &str| is_keepalived_by(name, Some(Path::new(executable)));
        assert!(known("keepalived", "/usr/sbin/keepalived"));
        assert!(known("keepalived_vrrp", "/usr/sbin/keepalived"));
        assert!(known("keepalived", "/usr/sbin/keepalived (deleted)"));
        assert!(known("keepalived", "/opt/keepalived-2.4.3"));
        assert!(is_keepalived_by("keepalived", None));
        assert!(!known("keepalived", "/usr/bin/dash"));
        assert!(!known("keepalived_expo", "/usr/bin/keepalived_exporter"));
        assert!(!is_keepalived_by("bash", None));
    }

    #[test]
    fn this_process_is_no_keepalived() {
        assert!(!is_keepalived(std::process::id()));
    }

    /// Started where it harms nobody: in a network namespace of its own.
    fn start_elsewhere(program: &Path) -> std::process::Child {
        let mut command = Command::new(program);
        // A standard input that stays open, whatever the tests were started with: a
        // script that reads from it must not end.
        command.arg("100").stdin(Stdio::piped());
        // SAFETY: unshare(2) is all that is called between fork and exec.
        unsafe { command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWNET)?)) };
        loop {
            match command.spawn() {
                // Another test has forked while the program was being written.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
                spawned => return spawned.unwrap(),
            }
        }
    }

    #[test]
    fn a_keepalived_counts_while_it_lives_and_where_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("keepalived");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut keepalived = start_elsewhere(&program);
        assert!(is_keepalived(keepalived.id()));
        assert_ne!(running_keepalived(), Some(keepalived.id()));
        keepalived.kill().unwrap();
        // A zombie until it is waited for.
        while is_keepalived(keepalived.id()) {
            std::thread::yield_now();
        }
        keepalived.wait().unwrap();
    }

    #[test]
    fn a_script_of_that_name_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("keepalived");
        fs::write(&program, "#!/bin/sh\nread forever\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut script = start_elsewhere(&program);
        assert!(!is_keepalived(script.id()));
        script.kill().unwrap();
        script.wait().unwrap();
    }
}
