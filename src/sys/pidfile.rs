//! Pid files, which are also the locks that keep a second director away.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A pid file of this process. It is locked (flock(2)) for as long as the process
/// lives, however it ends, which a number in a file could not tell.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    _lock: Flock<File>,
}

/// Why there is no pid file. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    #[error(
        "another ipvsd{} runs with {path}: stop it first, or send it SIGHUP to take a new configuration",
        Pid(.pid)
    )]
    Running { path: String, pid: Option<u32> },
    #[error("cannot write the pid file {path}: {error}")]
    Io { path: String, error: io::Error },
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

impl PidFile {
    /// Writes this process's pid to `path`. A file that a process has left behind is
    /// taken over.
    ///
    /// # Errors
    /// Where a living process holds it, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self, PidFileError> {
        let name = path.display().to_string();
        let io_error = |error| PidFileError::Io {
            path: name.clone(),
            error,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io_error)?;
        }
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(io_error)?;
            let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => lock,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    let mut text = String::new();
                    let _ = file.read_to_string(&mut text);
                    let pid = text.trim().parse().ok();
                    return Err(PidFileError::Running { path: name, pid });
                }
                Err((_, errno)) => return Err(io_error(errno.into())),
            };
            // Whoever held it may have removed it between our opening and locking.
            let ours = lock.metadata().map_err(io_error)?;
            let still_there = fs::metadata(path).is_ok_and(|there| there.ino() == ours.ino());
            if !still_there {
                continue;
            }
            let write = |file: &mut File| {
                file.set_len(0)?;
                file.rewind()?;
                writeln!(file, "{}", std::process::id())
            };
            write(&mut lock).map_err(io_error)?;
            return Ok(PidFile {
                path: path.to_owned(),
                _lock: lock,
            });
        }
    }

    /// Removes the file, and with it the claim.
    pub fn remove(self) {
        // Before the lock goes: another process may want both.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_none_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/ipvsd.pid");
        let first = PidFile::create(&path).unwrap();
        let own = std::process::id();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{own}\n"));
        let error = PidFile::create(&path).unwrap_err();
        assert!(matches!(error, PidFileError::Running { pid: Some(pid), .. } if pid == own));
        assert!(
            error
                .to_string()
                .contains(&format!("another ipvsd (pid {own}) runs"))
        );
        first.remove();
        assert!(!path.exists());
    }

    #[test]
    fn one_that_was_left_behind_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ipvsd.pid");
        fs::write(&path, "999999999999\n").unwrap();
        let file = PidFile::create(&path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        file.remove();
    }
}
