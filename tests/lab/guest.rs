//! The guest's side: pid 1, and the process that runs the scenario.
//!
//! They are two processes because pid 1 must reap every orphan, while the
//! scenario wants the exit status of its own children, and because a scenario
//! that crashes should leave someone behind to tell the host.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

use crate::lab::{BIN, Lab, OUT, SOURCE};
use crate::scenario::Scenario;

/// The kernel hands words of its command line that it does not know to init as
/// environment; these are ours.
pub const SCENARIO: &str = "LAB_SCENARIO";
pub const OUT_DIR: &str = "LAB_OUT";
pub const BIN_DIR: &str = "LAB_BIN";
pub const SOURCE_DIR: &str = "LAB_SOURCE";
/// Set to `keepalived`, it runs that wherever a scenario starts ipvsd: what a
/// scenario expects can be tried on the reference first.
pub const STAND_IN: &str = "LAB_STAND_IN";
const ROLE: &str = "LAB_ROLE";

/// The file by which the host knows how it went; absent when the guest died.
pub const RESULT: &str = "result";
pub const PASSED: &str = "passed";

pub enum Role {
    Init,
    Scenario,
}

/// Which part this process plays, `None` for the runner on the host.
pub fn role() -> Option<Role> {
    if std::env::var_os(ROLE).is_some() {
        Some(Role::Scenario)
    } else if std::process::id() == 1 && std::env::var_os(SCENARIO).is_some() {
        Some(Role::Init)
    } else {
        None
    }
}

/// pid 1 of the guest. A panic here is a kernel panic, which the host reports.
///
/// Everything that ends in the guest ends up here, so the loop below waits for
/// the scenario's process too.
#[expect(clippy::zombie_processes)]
pub fn init() -> ! {
    mount_all();
    let scenario = Command::new("/proc/self/exe")
        .env(ROLE, "scenario")
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/tmp")
        .current_dir("/tmp")
        .spawn()
        .expect("start the scenario");
    // What is written to the host waits in the guest's page cache; without this
    // a guest that is killed for its time leaves no logs.
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            nix::unistd::sync();
        }
    });
    let pid = Pid::from_raw(scenario.id() as i32);
    let result = Path::new(OUT).join(RESULT);
    loop {
        match wait() {
            Ok(WaitStatus::Exited(who, 0)) if who == pid => break,
            Ok(end @ (WaitStatus::Exited(who, _) | WaitStatus::Signaled(who, ..)))
                if who == pid =>
            {
                if !result.exists() {
                    fs::write(&result, format!("the scenario's process ended: {end:?}")).unwrap();
                }
                break;
            }
            _ => {}
        }
    }
    nix::unistd::sync();
    let _ = reboot(RebootMode::RB_POWER_OFF);
    unreachable!("the guest is off");
}

/// The root is read-only, so that nothing a part writes by mistake lands on the
/// host; every place where parts must write is the guest's memory.
fn mount_all() {
    let tmpfs = |target: &str| {
        if Path::new(target).is_dir() {
            mount_fs("tmpfs", "tmpfs", target, Some("mode=0755"));
        }
    };
    mount_fs("proc", "proc", "/proc", None);
    mount_fs("sysfs", "sysfs", "/sys", None);
    for target in ["/mnt", "/run", "/var/run", "/var/log", "/var/lib/nginx"] {
        if !Path::new(target).is_symlink() {
            tmpfs(target);
        }
    }
    for (variable, target) in [(OUT_DIR, OUT), (BIN_DIR, BIN), (SOURCE_DIR, SOURCE)] {
        let host_path = std::env::var(variable).expect(variable);
        fs::create_dir(target).unwrap();
        mount_fs("none", "hostfs", target, Some(&host_path));
    }
    // Last, because the checkout may lie below one of these on the host.
    for target in ["/tmp", "/var/tmp"] {
        mount_fs("tmpfs", "tmpfs", target, Some("mode=1777"));
    }
    for target in ["/dev/pts", "/dev/shm", "/run/netns"] {
        fs::create_dir_all(target).unwrap();
    }
    mount_fs("devpts", "devpts", "/dev/pts", None);
    mount_fs("tmpfs", "tmpfs", "/dev/shm", Some("mode=1777"));
}

fn mount_fs(source: &str, kind: &str, target: &str, data: Option<&str>) {
    mount(Some(source), target, Some(kind), MsFlags::empty(), data)
        .unwrap_or_else(|e| panic!("mount {kind} on {target}: {e}"));
}

/// The scenario's process: runs it and writes down how it went.
pub fn run_scenario(all: &[Scenario]) -> ExitCode {
    let name = std::env::var(SCENARIO).expect(SCENARIO);
    let scenario = all
        .iter()
        .find(|s| s.name == name)
        .expect("a scenario of this name");
    let result = Path::new(OUT).join(RESULT);
    let panic_note = result.clone();
    let told = std::panic::take_hook();
    // The first panic is the reason; threads of a failing scenario may follow.
    std::panic::set_hook(Box::new(move |info| {
        told(info);
        if !panic_note.exists() {
            let _ = fs::write(&panic_note, format!("{info}"));
        }
    }));
    let stand_in = std::env::var(STAND_IN).is_ok_and(|name| name == "keepalived");
    let lab = Lab::new(PathBuf::from(BIN).join("ipvsd"), stand_in);
    let run = || {
        crate::net::prepare();
        (scenario.run)(&lab);
    };
    let passed = std::panic::catch_unwind(AssertUnwindSafe(run)).is_ok() && !result.exists();
    lab.note(if passed { "passed" } else { "FAILED" });
    if passed {
        fs::write(&result, PASSED).unwrap();
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
