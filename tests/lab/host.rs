//! The host's side: what must be installed, booting a guest, and the report.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::guest;
use crate::scenario::Scenario;

/// Programs that the guest runs off the host's disk, with Debian's package.
const PARTS: &[(&str, &str)] = &[
    ("linux.uml", "user-mode-linux"),
    ("keepalived", "keepalived"),
    ("ipvsadm", "ipvsadm"),
    ("nginx", "nginx-light"),
    ("ip", "iproute2"),
    ("modprobe", "kmod"),
    ("tshark", "tshark"),
    ("smtpd", "opensmtpd"),
    ("/usr/lib/frr/vrrpd", "frr"),
];

/// How much of each log a failure shows.
const TAIL_LINES: usize = 60;

static KERNEL: LazyLock<Result<PathBuf, String>> = LazyLock::new(find_parts);

pub fn run(scenarios: Vec<Scenario>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // `cargo bench` says so of what it runs, and a benchmark is a scenario all the same.
    arguments.bench = false;
    let trials = scenarios
        .into_iter()
        .map(|scenario| Trial::test(scenario.name, move || boot(&scenario)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Boots a guest for one scenario and reads what it left.
fn boot(scenario: &Scenario) -> Result<(), Failed> {
    let kernel = KERNEL
        .as_ref()
        .map_err(|missing| Failed::from(missing.as_str()))?;
    let out = out_dir(scenario).map_err(|e| format!("the directory for results: {e}"))?;
    let console = out.join("console.log");
    let mut guest = start(kernel, scenario, &out, &console)
        .map_err(|e| format!("cannot start {}: {e}", kernel.display()))?;
    let in_time = wait_for_end(&mut guest, scenario.limit);
    let result = fs::read_to_string(out.join(guest::RESULT)).ok();
    match (in_time, result.as_deref()) {
        (true, Some(guest::PASSED)) => Ok(()),
        (false, _) => Err(format!("no end after {:?}\n{}", scenario.limit, logs(&out)).into()),
        (true, Some(reason)) => Err(format!("{reason}\n{}", logs(&out)).into()),
        (true, None) => Err(format!("the guest died\n{}", logs(&out)).into()),
    }
}

/// Each run of a scenario begins with an empty directory, kept afterwards.
fn out_dir(scenario: &Scenario) -> std::io::Result<PathBuf> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("lab")
        .join(scenario.name.replace("::", "."));
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    out.canonicalize()
}

fn start(kernel: &Path, scenario: &Scenario, out: &Path, console: &Path) -> std::io::Result<Child> {
    let ipvsd = std::env::var_os("IPVSD_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ipvsd")), PathBuf::from);
    // The guest mounts a directory that holds nothing but the binary's name.
    let bin = out.join("bin");
    fs::create_dir(&bin)?;
    let placed = bin.join("ipvsd");
    fs::hard_link(&ipvsd, &placed).or_else(|_| fs::copy(&ipvsd, &placed).map(|_| ()))?;
    let word = |name: &str, path: &Path| format!("{name}=\"{}\"", path.display());
    let mut command = Command::new(kernel);
    command
        .arg(format!("mem={}M", scenario.memory))
        .args([
            "rootfstype=hostfs",
            "root=/dev/root",
            "ro",
            "quiet",
            "loglevel=3",
        ])
        .args(["con=null", "con0=null,fd:1"])
        .arg(format!("uml_dir={}/", out.join("uml").display()))
        .arg(word("init", &std::env::current_exe()?))
        .arg(format!("{}={}", guest::SCENARIO, scenario.name))
        .arg(word(guest::OUT_DIR, out))
        .arg(word(guest::BIN_DIR, &bin))
        .arg(word(
            guest::SOURCE_DIR,
            Path::new(env!("CARGO_MANIFEST_DIR")),
        ))
        .args(std::env::var(guest::STAND_IN).map(|name| format!("{}={name}", guest::STAND_IN)))
        .stdin(Stdio::null())
        // A group of its own: a guest is many processes, and all must end with it.
        .process_group(0);
    if std::env::var_os("LAB_VERBOSE").is_none() {
        let console = File::create(console)?;
        command.stdout(console.try_clone()?).stderr(console);
    }
    // If the runner is killed, its guests must not live on.
    unsafe {
        command.pre_exec(|| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from)
        });
    }
    command.spawn()
}

/// Waits for the guest to power off; past its limit, ends it.
fn wait_for_end(guest: &mut Child, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let mut in_time = true;
    loop {
        match guest.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() >= end => {
                in_time = false;
                break;
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    // Also after a regular end: a guest whose kernel died may leave processes.
    let _ = killpg(Pid::from_raw(guest.id() as i32), Signal::SIGKILL);
    let _ = guest.wait();
    in_time
}

/// The ends of all logs of a run, the console last because it tells the story.
fn logs(out: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(out)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    files.sort_by_key(|path| (path.ends_with("console.log"), path.clone()));
    let mut text = String::new();
    for path in files {
        let bytes = fs::read(&path).unwrap_or_default();
        let whole = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = whole.lines().collect();
        let skipped = lines.len().saturating_sub(TAIL_LINES);
        text += &format!("---- {}", path.display());
        if skipped > 0 {
            text += &format!(" (after {skipped} lines)");
        }
        text += "\n";
        for line in &lines[skipped..] {
            text += line;
            text += "\n";
        }
    }
    text
}

/// Finds the kernel, or says all that is missing and how to get it. A lab that
/// cannot run fails: a test that was skipped looks like one that passed.
fn find_parts() -> Result<PathBuf, String> {
    let missing: Vec<_> = PARTS
        .iter()
        .filter(|(program, _)| which(program).is_none())
        .collect();
    if !missing.is_empty() {
        let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
        let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
        return Err(format!(
            "the lab needs {}; install them with\n    sudo apt-get install --no-install-recommends {}",
            programs.join(", "),
            packages.join(" "),
        ));
    }
    let kernel = which("linux.uml").expect("found above");
    let version = Command::new(&kernel)
        .arg("--version")
        .output()
        .map_err(|e| format!("{} --version: {e}", kernel.display()))?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let modules = Path::new("/lib/modules").join(&version);
    if !modules.join("modules.dep").exists() {
        return Err(format!(
            "the guest's kernel finds no modules in {0}; link them with\n    \
             sudo mkdir -p /lib/modules && sudo ln -sfn /usr/lib/uml/modules/{version} {0}",
            modules.display(),
        ));
    }
    Ok(kernel)
}

/// Looks in PATH and where administration programs live, which the PATH of an
/// ordinary user leaves out.
fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"])
        .map(|dir| Path::new(dir).join(program))
        .find(|file| {
            fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
}
