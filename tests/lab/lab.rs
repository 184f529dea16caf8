//! What every scenario has at hand: its directories, its clock, and waiting.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the host's directories appear in the guest. The root is the host's
/// disk mounted read-only, so these are the only doors.
pub const OUT: &str = "/mnt/out";
pub const BIN: &str = "/mnt/bin";
pub const SOURCE: &str = "/mnt/source";

/// How often a condition is looked at. The guest's tick is 10 ms.
const GLANCE: Duration = Duration::from_millis(20);

/// The guest as a scenario sees it.
pub struct Lab {
    started: Instant,
    ipvsd: PathBuf,
    stand_in: bool,
}

impl Lab {
    pub fn new(ipvsd: PathBuf, stand_in: bool) -> Self {
        Self {
            started: Instant::now(),
            ipvsd,
            stand_in,
        }
    }

    /// Time since the scenario began; logs and samples carry the same clock.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    /// Says on the guest's console what happens, for whoever reads a failure.
    pub fn note(&self, text: impl AsRef<str>) {
        println!("[{:8.3}] {}", self.now().as_secs_f64(), text.as_ref());
    }

    /// Whether keepalived runs in the place of the `ipvsd` under test.
    pub fn has_stand_in(&self) -> bool {
        self.stand_in
    }

    /// The `ipvsd` under test.
    pub fn ipvsd(&self) -> &Path {
        &self.ipvsd
    }

    /// A directory of the guest's memory, gone with the guest.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let path = Path::new("/tmp/lab").join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A file that the host keeps, and prints the end of when the scenario fails.
    pub fn log_file(&self, name: &str) -> PathBuf {
        Path::new(OUT).join(name)
    }

    /// A file of this project, by its path below the top.
    pub fn source(&self, path: &str) -> PathBuf {
        Path::new(SOURCE).join(path)
    }

    /// Writes an executable script and returns its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.scratch("scripts").join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

/// Looks until there is something, at most for `within`.
pub fn poll<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(GLANCE);
    }
}

/// Waits for a condition or fails, saying what was waited for.
#[track_caller]
pub fn wait_until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    if poll(within, || holds().then_some(())).is_none() {
        panic!("after {within:?}, still not: {what}");
    }
}

/// `secs(3)` reads better in a scenario than the constructor.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
