//! A host of the cluster: a network namespace, and ways to act inside it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

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

    /// Pulls the plug: what is sent here is lost, and nobody says so.
    pub fn cut(&self) {
        self.ip("link set eth0 down\n");
    }

    pub fn uncut(&self) {
        self.ip("link set eth0 up\n");
    }
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
