//! A host of the cluster: a network namespace, and ways to act inside it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::lab::poll;

/// What the guest's own namespace needs before there are others.
pub fn prepare() {
    // IPVS is loaded here so that its netlink family is there for who asks
    // first; the schedulers follow by themselves.
    for module in ["ip_vs", "veth", "bridge"] {
        run(Command::new("modprobe").arg(module));
    }
    ip_batch(None, "link set lo up\n");
}

/// A network namespace with a name, made as `ip netns add` makes it, so that
/// `ip -n NAME` in a scenario finds it.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    path: PathBuf,
}

impl Namespace {
    pub fn create(name: &str) -> Self {
        let path = Path::new("/run/netns").join(name);
        File::create(&path).unwrap();
        let target = path.clone();
        // A thread, because it is the thread that changes its namespace.
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            let own = "/proc/thread-self/ns/net";
            mount(
                Some(own),
                &target,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .expect("keep the network namespace");
        })
        .join()
        .unwrap();
        let namespace = Self {
            name: name.to_owned(),
            path,
        };
        namespace.ip("link set lo up\n");
        // Addresses are known to be unique here; waiting a second for each
        // to be found so would only make the lab slow.
        for (key, value) in [
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
            ("net/ipv6/conf/default/dad_transmits", "0"),
            ("net/ipv6/conf/default/accept_ra", "0"),
        ] {
            namespace.sysctl(key, value);
        }
        namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has not been deleted.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Runs a closure in a thread inside this namespace and waits for it.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.join_current_thread();
                act()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread inside this namespace.
    pub fn spawn<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = self.clone();
        std::thread::spawn(move || {
            namespace.join_current_thread();
            act()
        })
    }

    fn join_current_thread(&self) {
        setns(File::open(&self.path).unwrap(), CloneFlags::CLONE_NEWNET)
            .unwrap_or_else(|e| panic!("enter {}: {e}", self.name));
    }

    /// A command that will run inside this namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let namespace = File::open(&self.path).unwrap();
        let mut command = Command::new(program);
        unsafe {
            command.pre_exec(move || Ok(setns(&namespace, CloneFlags::CLONE_NEWNET)?));
        }
        command
    }

    /// Runs a shell command line inside this namespace; its failure is the
    /// scenario's. Returns what it printed.
    #[track_caller]
    pub fn sh(&self, line: &str) -> String {
        run(self.command("sh").arg("-ec").arg(line))
    }

    /// Runs lines of `ip` commands inside this namespace, in one process.
    #[track_caller]
    pub fn ip(&self, lines: &str) {
        ip_batch(Some(&self.name), lines);
    }

    /// Sets a kernel parameter of this namespace, by its path below /proc/sys.
    #[track_caller]
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = Path::new("/proc/sys").join(key);
        self.enter(|| fs::write(&path, value))
            .unwrap_or_else(|e| panic!("{key}={value}: {e}"));
    }

    /// Joins this host to a switch by a veth pair.
    pub fn attach(&self, bridge: &str, interface: &str, addresses: &[&str]) {
        let near = self.port(interface);
        ip_batch(
            None,
            &format!(
                "link add {near} type veth peer name {interface} netns {}\n\
                 link set {near} master {bridge} up\n",
                self.name
            ),
        );
        let mut lines = format!("link set {interface} up\n");
        for address in addresses {
            lines += &format!("addr add {address} dev {interface}\n");
        }
        self.ip(&lines);
    }

    /// Takes the first link down: what is sent here is lost, and nobody says so.
    pub fn cut(&self) {
        self.cut_link("eth0");
    }

    pub fn uncut(&self) {
        self.uncut_link("eth0");
    }

    /// As the admin's `ip link set down`.
    pub fn cut_link(&self, interface: &str) {
        self.ip(&format!("link set {interface} down\n"));
    }

    pub fn uncut_link(&self, interface: &str) {
        self.ip(&format!("link set {interface} up\n"));
    }

    /// Pulls the cable out of the switch: the interface loses its carrier.
    pub fn unplug(&self, interface: &str) {
        ip_batch(None, &format!("link set {} down\n", self.port(interface)));
    }

    pub fn plug(&self, interface: &str) {
        ip_batch(None, &format!("link set {} up\n", self.port(interface)));
    }

    /// The switch loses every frame from and to this interface. The carrier stays,
    /// so nobody is told.
    pub fn isolate(&self, interface: &str) {
        ip_batch(
            None,
            &format!("link set {} nomaster\n", self.port(interface)),
        );
    }

    pub fn rejoin(&self, interface: &str) {
        let bridge = if interface == "eth0" { "front" } else { "back" };
        let port = self.port(interface);
        ip_batch(None, &format!("link set {port} master {bridge}\n"));
    }

    /// The switch's end of an interface's cable, in the guest's first namespace.
    pub fn port(&self, interface: &str) -> String {
        format!("{}.{}", self.name, &interface[3..])
    }

    /// Takes the name away, as `ip netns del` does. The namespace lives on in the
    /// processes and sockets that are inside, and ends with the last of them; its
    /// interfaces and the switch's ends of their cables end with it.
    pub fn delete(&self) {
        umount2(&self.path, MntFlags::MNT_DETACH).unwrap();
        fs::remove_file(&self.path).unwrap();
    }

    /// The hardware address of an interface, as `02:00:00:00:00:01`.
    #[track_caller]
    pub fn mac(&self, interface: &str) -> String {
        let all = self.enter(|| getifaddrs().unwrap().collect::<Vec<_>>());
        let found = all.iter().find_map(|entry| {
            let link = entry.address.as_ref()?.as_link_addr()?;
            (entry.interface_name == interface).then(|| link.addr())?
        });
        let bytes = found.unwrap_or_else(|| panic!("{} has no {interface}", self.name));
        bytes.map(|byte| format!("{byte:02x}")).join(":")
    }

    pub fn has_interface(&self, interface: &str) -> bool {
        self.enter(|| nix::net::if_::if_nametoindex(interface).is_ok())
    }

    /// What hardware addresses this host has for an IPv4 address, by interface, as the
    /// kernel's neighbour table has them now.
    pub fn neighbours(&self, address: &str) -> Vec<String> {
        let text = self.enter(|| fs::read_to_string("/proc/thread-self/net/arp").unwrap());
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter_map(|words| match words[..] {
                // 0x2 is ATF_COM, a complete entry (linux/if_arp.h).
                [of, _, flags, mac, _, _] if of == address && flags != "0x0" => {
                    Some(mac.to_owned())
                }
                _ => None,
            })
            .collect()
    }

    /// Makes this host know these hardware addresses, as if it had just spoken to them:
    /// an announcement changes what a host knows, and tells nothing to one that has
    /// not asked.
    pub fn teach(&self, interface: &str, known: &[(IpAddr, String)]) {
        // How long a host does not believe another announcement.
        self.sysctl(&format!("net/ipv4/neigh/{interface}/locktime"), "0");
        let lines = known.iter().map(|(address, mac)| {
            format!("neigh replace {address} lladdr {mac} dev {interface} nud stale\n")
        });
        self.ip(&lines.collect::<String>());
    }

    /// Waits until this host knows these hardware addresses.
    #[track_caller]
    pub fn expect_known(&self, wanted: &[(IpAddr, String)], within: Duration) {
        let mut wrong = Vec::new();
        let found = poll(within, || {
            let known = self.known_neighbours();
            wrong = wanted.iter().filter(|it| !known.contains(it)).collect();
            wrong.is_empty().then_some(())
        });
        if found.is_none() {
            let known = self.known_neighbours();
            panic!(
                "after {within:?}, {} does not know {wrong:?} but {known:?}",
                self.name
            );
        }
    }

    /// All of the kernel's neighbour table that has hardware addresses, of both families.
    /// It costs a process.
    pub fn known_neighbours(&self) -> Vec<(IpAddr, String)> {
        // One line for each: ADDRESS dev NAME lladdr MAC [router] STATE.
        let text = run(Command::new("ip").args(["-n", &self.name, "neigh", "show"]));
        text.lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let mac = words.iter().position(|word| *word == "lladdr")? + 1;
                Some((words[0].parse().ok()?, words.get(mac)?.to_string()))
            })
            .collect()
    }
}

/// The addresses of the namespace that the calling thread is in, each as
/// `eth0:1 10.0.0.3/24`: label, address, prefix length.
pub fn addresses() -> Vec<String> {
    let all = getifaddrs().into_iter().flatten();
    let mut lines: Vec<String> = all
        .filter_map(|entry| {
            let (address, mask) = (entry.address?, entry.netmask?);
            let (address, bits): (IpAddr, _) = match address.as_sockaddr_in() {
                Some(v4) => (
                    v4.ip().into(),
                    mask.as_sockaddr_in()?.ip().to_bits().count_ones(),
                ),
                None => (
                    address.as_sockaddr_in6()?.ip().into(),
                    mask.as_sockaddr_in6()?.ip().to_bits().count_ones(),
                ),
            };
            Some(format!("{} {address}/{bits}", entry.interface_name))
        })
        .collect();
    lines.sort();
    lines
}

/// Whether a line of [`addresses`] is about this address, not on `lo`.
pub fn is_of(line: &str, address: &str) -> bool {
    line.split_once(' ')
        .is_some_and(|(label, rest)| label != "lo" && rest.split('/').next() == Some(address))
}

/// Runs lines of `ip` commands in one process: a process costs 20 ms here.
#[track_caller]
pub fn ip_batch(namespace: Option<&str>, lines: &str) {
    let mut command = Command::new("ip");
    if let Some(name) = namespace {
        command.args(["-n", name]);
    }
    let mut ip = command
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ip");
    ip.stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    check(
        &format!("ip -batch in {namespace:?}:\n{lines}"),
        ip.wait_with_output().unwrap(),
    );
}

#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    check(&format!("{command:?}"), output)
}

#[track_caller]
fn check(what: &str, output: Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("{what}\n{}\n{stdout}{stderr}", output.status);
    }
    stdout
}
