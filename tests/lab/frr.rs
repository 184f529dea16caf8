//! FRR as a peer: its zebra and vrrpd on one host.
//!
//! FRR leaves the virtual addresses to the admin: they are on interfaces of their own
//! with the virtual hardware address (RFC 9568 section 7.3), which its backup takes
//! down and its master takes up. So it is not where an address is that tells who is
//! master, but [`Frr::wait_for_state`].

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, User};
use serde_json::Value;

use crate::cluster::Family;
use crate::lab::{Lab, poll, secs, wait_until};
use crate::net::{Namespace, run};

/// Where Debian's package `frr` has its daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// A virtual router of FRR's on eth0, with addresses of one family or both.
#[derive(Clone)]
pub struct VirtualRouter {
    pub vrid: u8,
    pub version: u8,
    pub priority: u8,
    /// Without prefixes.
    pub addresses: Vec<&'static str>,
}

impl VirtualRouter {
    fn families(&self) -> impl Iterator<Item = Family> {
        [Family::V4, Family::V6]
            .into_iter()
            .filter(|family| self.addresses.iter().any(|it| of(it) == *family))
    }

    fn conf(&self) -> String {
        let Self {
            vrid,
            version,
            priority,
            addresses,
        } = self;
        let mut lines = format!(
            " vrrp {vrid} version {version}\n\
             \x20vrrp {vrid} priority {priority}\n\
             \x20vrrp {vrid} advertisement-interval 1000\n"
        );
        for address in addresses {
            let word = if of(address) == Family::V4 {
                "ip"
            } else {
                "ipv6"
            };
            lines += &format!(" vrrp {vrid} {word} {address}\n");
        }
        lines
    }
}

/// The virtual hardware address (RFC 9568 section 7.3).
pub fn virtual_mac(vrid: u8, family: Family) -> String {
    let kind = if family == Family::V4 { 1 } else { 2 };
    format!("00:00:5e:00:0{kind}:{vrid:02x}")
}

fn of(address: &str) -> Family {
    if address.contains(':') {
        Family::V6
    } else {
        Family::V4
    }
}

pub struct Frr {
    name: String,
    dir: PathBuf,
    zebra: Child,
    vrrpd: Child,
}

impl Frr {
    /// Gives a host the interfaces that FRR wants to find. Once for a host: they stay
    /// when FRR ends.
    pub fn prepare(host: &Namespace, routers: &[VirtualRouter]) {
        run(std::process::Command::new("modprobe").arg("macvlan"));
        let mut lines = String::new();
        for router in routers {
            for family in router.families() {
                let name = interface(router, family);
                lines += &format!(
                    "link add {name} link eth0 type macvlan mode bridge\n\
                     link set {name} address {}\n",
                    virtual_mac(router.vrid, family)
                );
                for address in router.addresses.iter().filter(|it| of(it) == family) {
                    let (prefix, dad) = match family {
                        Family::V4 => ("/24", ""),
                        Family::V6 => ("/64", " nodad"),
                    };
                    lines += &format!("addr add {address}{prefix} dev {name}{dad}\n");
                }
                lines += &format!("link set {name} up\n");
            }
        }
        host.ip(&lines);
    }

    pub fn start(lab: &Lab, host: &Namespace, routers: &[VirtualRouter]) -> Self {
        static STARTS: AtomicU32 = AtomicU32::new(1);
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-frr-{number}", host.name());
        let dir = lab.scratch(&name);
        // They run as this user, and have their sockets there.
        let user = User::from_name("frr").unwrap().expect("the user frr");
        chown(&dir, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        fs::write(dir.join("zebra.conf"), "").unwrap();
        let conf: String = routers.iter().map(VirtualRouter::conf).collect();
        fs::write(dir.join("vrrpd.conf"), format!("interface eth0\n{conf}")).unwrap();
        let start = |daemon: &str| {
            // It tells of every route that comes and goes: not for the host's disk.
            let log = File::create(lab.log_file(&format!("{name}-{daemon}.log"))).unwrap();
            let path = |name: &str| dir.join(name);
            host.command(Path::new(DAEMONS).join(daemon))
                .arg("--vty_socket")
                .arg(&dir)
                .arg("-z")
                .arg(path("zserv.api"))
                .args(["--log", "stdout", "-A", "127.0.0.1", "-P", "0", "-i"])
                .arg(path(&format!("{daemon}.pid")))
                .arg("-f")
                .arg(path(&format!("{daemon}.conf")))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|e| panic!("start {daemon}: {e}"))
        };
        let zebra = start("zebra");
        wait_until("zebra listens", secs(20), || dir.join("zserv.api").exists());
        let vrrpd = start("vrrpd");
        let frr = Self {
            name,
            dir,
            zebra,
            vrrpd,
        };
        wait_until("vrrpd has read its file", secs(20), || {
            frr.show().is_some_and(|shown| shown.len() == routers.len())
        });
        lab.note(format!("{}: FRR started", host.name()));
        frr
    }

    /// Waits for a virtual router to be `Master` or `Backup` for a family.
    #[track_caller]
    pub fn wait_for_state(&self, vrid: u8, family: Family, state: &str, within: Duration) {
        let key = if family == Family::V4 { "v4" } else { "v6" };
        let mut last = None;
        let found = poll(within, || {
            let all = self.show()?;
            let router = all.into_iter().find(|router| router["vrid"] == vrid)?;
            last = Some(router[key].clone());
            (router[key]["status"] == state).then_some(())
        });
        if found.is_none() {
            panic!(
                "after {within:?}, {vrid} of {} is not {state} but {last:#?}",
                self.name
            );
        }
    }

    /// What `show vrrp json` says of each virtual router; none while it does not answer.
    pub fn show(&self) -> Option<Vec<Value>> {
        let mut vty = UnixStream::connect(self.dir.join("vrrpd.vty")).ok()?;
        ask(&mut vty, "enable")?;
        serde_json::from_slice(&ask(&mut vty, "show vrrp json")?).ok()
    }

    /// vrrpd is told to stop, says that it goes, and ends; zebra after it.
    #[track_caller]
    pub fn stop(mut self) {
        signal::kill(Pid::from_raw(self.vrrpd.id() as i32), Signal::SIGTERM).unwrap();
        let status = poll(secs(10), || self.vrrpd.try_wait().unwrap());
        assert!(status.is_some(), "vrrpd of {} does not end", self.name);
    }
}

/// What is started must not outlive the scenario.
impl Drop for Frr {
    fn drop(&mut self) {
        for child in [&mut self.vrrpd, &mut self.zebra] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A command on a daemon's own line: words with a NUL after them; the answer ends with
/// three NULs and a status.
fn ask(vty: &mut UnixStream, command: &str) -> Option<Vec<u8>> {
    vty.set_read_timeout(Some(secs(2))).ok()?;
    vty.write_all(command.as_bytes()).ok()?;
    vty.write_all(&[0]).ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = vty.read(&mut piece).ok()?;
        answer.extend(&piece[..length]);
        if let [text @ .., 0, 0, 0, _status] = &answer[..] {
            return Some(text.to_vec());
        }
        if length == 0 {
            return None;
        }
    }
}

/// At most 15 octets (IFNAMSIZ).
fn interface(router: &VirtualRouter, family: Family) -> String {
    let digit = if family == Family::V4 { 4 } else { 6 };
    format!("vrrp{digit}-{}", router.vrid)
}
