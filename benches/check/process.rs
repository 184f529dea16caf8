//! A process, from its start to its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one run took.
pub struct Cost {
    /// On the wall.
    pub seconds: f64,
    /// The most memory that was resident (getrusage(2), ru_maxrss).
    pub megabytes: f64,
    /// The exit status; 128 and more where a signal has ended it.
    pub status: i32,
}

/// Runs a program on a file. What it prints goes nowhere.
pub fn run(program: &Path, words: &[&str], file: &Path) -> Cost {
    let began = Instant::now();
    // wait4(2) waits for it, and tells of this process alone.
    #[expect(clippy::zombie_processes)]
    let child = Command::new(program)
        .args(words)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let mut status = 0;
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    let pid = child.id() as libc::pid_t;
    // SAFETY: both pointers are to values of this function.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(waited, pid, "{}", std::io::Error::last_os_error());
    Cost {
        seconds,
        megabytes: usage.ru_maxrss as f64 / 1024.0,
        status: match libc::WIFEXITED(status) {
            true => libc::WEXITSTATUS(status),
            false => 128 + libc::WTERMSIG(status),
        },
    }
}
