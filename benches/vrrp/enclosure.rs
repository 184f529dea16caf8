//! Where it all happens: namespaces of this machine's own kernel. What a run starts and
//! builds is inside, and is gone with the run, however that ends; the machine's own
//! network, processes and files are outside.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::lab::Lab;
use crate::net::Namespace;
use crate::own_kernel;

/// Tells the executable which part it plays; absent in the one that the user starts.
pub const ROLE: &str = "IPVSD_BENCH_ROLE";
pub const INSIDE: &str = "inside";

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

/// The first process inside.
pub fn furnish() -> Lab {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-vrrp");
    own_kernel::furnish(&out, Path::new(env!("CARGO_BIN_EXE_ipvsd")))
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
