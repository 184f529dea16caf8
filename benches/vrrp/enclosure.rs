//! Where it all happens: namespaces of this machine's own kernel. What a run starts and
//! builds is inside, and is gone with the run, however that ends; the machine's own
//! network, processes and files are outside.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::lab::{BIN, Lab, OUT};
use crate::net::{Namespace, ip_batch};

/// Tells the executable which part it plays; absent in the one that the user starts.
pub const ROLE: &str = "IPVSD_BENCH_ROLE";
pub const INSIDE: &str = "inside";

/// As in the lab: set to `keepalived`, that is measured in the place of ipvsd.
const STAND_IN: &str = "LAB_STAND_IN";

/// Written inside, shown outside.
const FIGURES: &str = "figures.md";

/// Starts this executable again as the first process of new namespaces, and shows what
/// it has found out.
pub fn run_inside() -> ExitCode {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-vrrp");
    match start(&out) {
        Ok(true) => match fs::read_to_string(out.join(FIGURES)) {
            Ok(figures) => {
                println!("{figures}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(&format!("no figures: {error}")),
        },
        Ok(false) => fail(&format!("failed; its logs are in {}", out.display())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => fail(
            "only root may make network namespaces: start `cargo bench` as root, or with `sudo -E`",
        ),
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("bench vrrp: {why}");
    ExitCode::FAILURE
}

fn start(out: &Path) -> io::Result<bool> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    // The processes that are started from here on are in the new process namespace: the
    // first of them is its init, and with its end the kernel kills all others.
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWPID,
    )
    .map_err(|errno| match errno {
        nix::errno::Errno::EPERM => io::ErrorKind::PermissionDenied.into(),
        errno => io::Error::from(errno),
    })?;
    let mut inside = Command::new(std::env::current_exe()?);
    inside
        .args(std::env::args_os().skip(1))
        .env(ROLE, INSIDE)
        .stdin(Stdio::null())
        // What the lab's parts have to say is for who looks into a failure.
        .stdout(File::create(out.join("console.log"))?);
    // SAFETY: prctl(2) is async-signal-safe.
    unsafe {
        inside
            .pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
    Ok(inside.status()?.success())
}

/// The first process inside: furnishes the place as the lab furnishes a guest.
pub fn furnish() -> Lab {
    let none = None::<&str>;
    // What is mounted here is not to show outside.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none).expect("/proc");
    tmpfs("/mnt");
    let ipvsd = std::env::var_os("IPVSD_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ipvsd")), PathBuf::from);
    fs::create_dir(OUT).unwrap();
    bind(
        &Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-vrrp"),
        OUT.as_ref(),
    );
    fs::create_dir(BIN).unwrap();
    let placed = Path::new(BIN).join("ipvsd");
    File::create(&placed).unwrap();
    bind(&ipvsd, &placed);
    for place in ["/run", "/tmp"] {
        tmpfs(place);
    }
    fs::create_dir("/run/netns").unwrap();
    ip_batch(None, "link set lo up\n");
    let stand_in = std::env::var(STAND_IN).is_ok_and(|name| name == "keepalived");
    Lab::new(placed, stand_in)
}

fn bind(from: &Path, to: &Path) {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND, none)
        .unwrap_or_else(|e| panic!("bind {} to {}: {e}", from.display(), to.display()));
}

fn tmpfs(place: &str) {
    mount(
        Some("tmpfs"),
        place,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=0755"),
    )
    .unwrap_or_else(|e| panic!("tmpfs on {place}: {e}"));
}

/// This executable on a host, in another part.
pub fn oneself(host: &Namespace, role: &str) -> Command {
    let mut command = host.command("/proc/self/exe");
    command.env(ROLE, role);
    command
}

pub fn show(lab: &Lab, figures: &str) {
    fs::write(lab.log_file(FIGURES), figures).unwrap();
}
