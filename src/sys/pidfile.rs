//! A file that says which process it is, and proves that the process lives.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::host;

/// Longer than any pid with what may stand around it.
const LONGEST: u64 = 32;

/// How often one tries where others come and go, and how long between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Why there is no pid file. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    #[error(
        "another ipvsd{} runs with {path}: stop it first, or send it SIGHUP to take a new configuration",
        Pid(.pid)
    )]
    Running { pid: Option<u32>, path: PathBuf },
    #[error(
        "{path} is the pid file of a keepalived that runs (pid {pid}): stop it first \
         (systemctl stop keepalived)"
    )]
    Keepalived { pid: u32, path: PathBuf },
    #[error("{0} holds something else than a pid, so it is left alone: name another pid file")]
    NotAPidFile(PathBuf),
    #[error("cannot write the pid file {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

struct Pid<'a>(&'a Option<u32>);

impl std::fmt::Display for Pid<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " (pid {pid})"),
            None => Ok(()),
        }
    }
}

/// A pid file that names this process. It is locked (flock(2)) for as long as this
/// value lives, which is what tells it from one left over by a process that was
/// killed; and it is removed when this value goes.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Writes the file, with the folders above it. Whoever reads it finds a whole pid,
    /// an earlier one or ours.
    ///
    /// # Errors
    /// [`PidFileError::Running`] where a living process holds the file, and others
    /// where it cannot or should not be written.
    pub fn create(path: &Path) -> Result<PidFile, PidFileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| io_error(path, error))?;
        }
        for _ in 0..TRIES {
            match Self::attempt(path)? {
                Attempt::Done(pid_file) => return Ok(pid_file),
                // An earlier pid stands there while another process is about to put
                // its own file in place.
                Attempt::Held(Some(pid)) if is_alive(pid) => {
                    return Err(PidFileError::Running {
                        pid: Some(pid),
                        path: path.to_owned(),
                    });
                }
                Attempt::Held(_) | Attempt::Again => {}
            }
            std::thread::sleep(PAUSE);
        }
        Err(PidFileError::Running {
            pid: None,
            path: path.to_owned(),
        })
    }

    /// Removes the file, as dropping it does.
    pub fn remove(self) {}

    fn attempt(path: &Path) -> Result<Attempt, PidFileError> {
        let failed = |error| io_error(path, error);
        let Some(earlier) = open(path)? else {
            let (ours, file) = write_aside(path).map_err(failed)?;
            // Not over one that came into being meanwhile.
            let linked = fs::hard_link(&ours, path);
            fs::remove_file(&ours).map_err(failed)?;
            return match linked {
                Ok(()) => Ok(Attempt::Done(PidFile {
                    path: path.to_owned(),
                    file,
                })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Attempt::Again),
                Err(error) => Err(failed(error)),
            };
        };
        let pid = read_pid(&earlier, path)?;
        let Ok(earlier) = lock(earlier).map_err(failed)? else {
            return Ok(Attempt::Held(pid));
        };
        // Whoever had it may have removed it before letting go of the lock.
        if !is_at(&earlier, path) {
            return Ok(Attempt::Again);
        }
        if let Some(pid) = pid
            && host::is_keepalived(pid)
        {
            let path = path.to_owned();
            return Err(PidFileError::Keepalived { pid, path });
        }
        let (ours, file) = write_aside(path).map_err(failed)?;
        // With the lock on the earlier one, nobody else puts a file there.
        fs::rename(&ours, path).map_err(failed)?;
        Ok(Attempt::Done(PidFile {
            path: path.to_owned(),
            file,
        }))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Writes the pid of a child, which needs no lock, to `path`: as carefully as our own,
/// so that what stands there is left alone unless it is a pid.
///
/// # Errors
/// [`PidFileError::NotAPidFile`], or where it cannot be written.
pub fn write_child(path: &Path, pid: u32) -> Result<(), PidFileError> {
    let failed = |error| io_error(path, error);
    if let Some(earlier) = open(path)? {
        read_pid(&earlier, path)?;
    }
    let beside = path.with_added_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .map_err(failed)?;
    writeln!(file, "{pid}").map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

enum Attempt {
    Done(PidFile),
    /// By another process: that of this number, if the file says the truth.
    Held(Option<u32>),
    Again,
}

/// The file that is there, if one is: never a device or what a symbolic link leads
/// to, as it will be replaced.
fn open(path: &Path) -> Result<Option<File>, PidFileError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() || metadata.len() > LONGEST => {
            return Err(PidFileError::NotAPidFile(path.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, error)),
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, error)),
    }
}

/// The pid in a file; None where it is empty.
fn read_pid(file: &File, path: &Path) -> Result<Option<u32>, PidFileError> {
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(PidFileError::NotAPidFile(path.to_owned()));
        }
        Err(error) => return Err(io_error(path, error)),
    }
    match text.trim() {
        "" => Ok(None),
        // A number that no pid can have is still nothing to be sorry for.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(digits.parse().ok()),
        _ => Err(PidFileError::NotAPidFile(path.to_owned())),
    }
}

/// The lock, or the file where another process has it.
fn lock(file: File) -> io::Result<Result<Flock<File>, File>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(locked) => Ok(Ok(locked)),
        Err((file, nix::errno::Errno::EWOULDBLOCK)) => Ok(Err(file)),
        Err((_, error)) => Err(error.into()),
    }
}

/// A finished pid file of ours, locked, beside the place where it is to be.
fn write_aside(path: &Path) -> io::Result<(PathBuf, Flock<File>)> {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{number}", std::process::id()));
    let aside = path.with_file_name(name);
    // Left over by a process that was killed and had our number.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&aside)?;
    let written = writeln!(file, "{}", std::process::id()).and_then(|()| lock(file));
    match written {
        Ok(Ok(locked)) => Ok((aside, locked)),
        failed => {
            let _ = fs::remove_file(&aside);
            Err(failed.err().unwrap_or(io::ErrorKind::ResourceBusy.into()))
        }
    }
}

/// Whether the path leads to this very file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn io_error(path: &Path, error: io::Error) -> PidFileError {
    PidFileError::Io {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn own_pid() -> String {
        format!("{}\n", std::process::id())
    }

    #[test]
    fn it_names_this_process_until_it_is_dropped() {
        let folder = folder();
        let path = folder.path().join("deep/er/ipvsd.pid");
        let pid_file = PidFile::create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own_pid());
        pid_file.remove();
        assert!(!path.exists());
        drop(PidFile::create(&path).unwrap());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_second_one_is_refused_and_told_by_whom() {
        let folder = folder();
        let path = folder.path().join("ipvsd.pid");
        let held = PidFile::create(&path).unwrap();
        match PidFile::create(&path) {
            Err(error @ PidFileError::Running { .. }) => {
                let words = format!("another ipvsd (pid {}) runs", std::process::id());
                assert!(error.to_string().contains(&words), "{error}");
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        PidFile::create(&path).unwrap();
    }

    #[test]
    fn what_a_dead_process_left_is_replaced() {
        let folder = folder();
        let path = folder.path().join("ipvsd.pid");
        // One's own number, which lives, is no proof either: only the lock is.
        for left in ["", "\n", "999999999999\n", "4194399\n", "  12 ", &own_pid()] {
            fs::write(&path, left).unwrap();
            let _held = PidFile::create(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), own_pid());
        }
    }

    #[test]
    fn what_is_no_pid_file_is_left_alone() {
        let folder = folder();
        let path = folder.path().join("ipvsd.conf");
        for content in [&b"virtual_server"[..], &[b'1'; 100], &[0xff]] {
            fs::write(&path, content).unwrap();
            assert!(matches!(
                PidFile::create(&path),
                Err(PidFileError::NotAPidFile(_))
            ));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        for other in ["/dev/null", "/proc/self"] {
            assert!(matches!(
                PidFile::create(Path::new(other)),
                Err(PidFileError::NotAPidFile(_))
            ));
        }
    }

    #[test]
    fn another_s_file_is_not_removed() {
        let folder = folder();
        let path = folder.path().join("ipvsd.pid");
        let pid_file = PidFile::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(pid_file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn of_many_at_once_one_gets_it() {
        let folder = folder();
        let path = folder.path().join("ipvsd.pid");
        for round in 0..20 {
            if round % 2 == 0 {
                fs::write(&path, "4194399\n").unwrap();
            }
            let won = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..2)
                    .map(|_| scope.spawn(|| PidFile::create(&path).ok()))
                    .collect();
                let files: Vec<_> = tries.into_iter().map(|t| t.join().unwrap()).collect();
                files.into_iter().flatten().count()
            });
            assert_eq!(won, 1, "round {round}");
        }
    }

    #[test]
    fn a_childs_pid_overwrites_nothing_but_a_pid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkers.pid");
        write_child(&path, 7).unwrap();
        write_child(&path, 8).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "8\n");
        let precious = folder.path().join("precious");
        fs::write(&precious, "not a pid").unwrap();
        let link = folder.path().join("link.pid");
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        for path in [&precious, &link] {
            let error = write_child(path, 9).unwrap_err();
            assert!(matches!(error, PidFileError::NotAPidFile(_)), "{error}");
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "not a pid");
    }
}
