//! A process, from its start to its end.
//!
//! The kernel counts what the process before it had as a program's memory, too, up to
//! where the program begins (getrusage(2)). So a small process of its own starts it and
//! measures.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Set in the process that measures.
const ROLE: &str = "BENCH_CHECK_MEASURES";

/// What one run took.
pub struct Cost {
    /// On the wall.
    pub seconds: f64,
    /// The most memory that was resident (getrusage(2), ru_maxrss).
    pub megabytes: f64,
    /// The exit status; 128 and more where a signal has ended it.
    pub status: i32,
}

/// Whether this is the process that measures; it has done so then.
pub fn measures() -> bool {
    if std::env::var_os(ROLE).is_none() {
        return false;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Cost {
        seconds,
        megabytes,
        status,
    } = measure(&words);
    println!("{seconds} {megabytes} {status}");
    true
}

/// Runs a program on a file. What it prints goes nowhere.
pub fn run(program: &Path, words: &[&str], file: &Path) -> Cost {
    let itself = std::env::current_exe().expect("the path of this program");
    let output = Command::new(itself)
        .env(ROLE, "1")
        .arg(program)
        .args(words)
        .arg(file)
        .stderr(Stdio::inherit())
        .output()
        .expect("this program");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text
        .split_whitespace()
        .map_while(|figure| figure.parse().ok())
        .collect();
    let [seconds, megabytes, status] = figures[..] else {
        panic!("{}: {text}", program.display());
    };
    Cost {
        seconds,
        megabytes,
        status: status as i32,
    }
}

fn measure(words: &[String]) -> Cost {
    let (program, words) = words.split_first().expect("a program");
    let began = Instant::now();
    // wait4(2) waits for it, and tells of this process alone.
    #[expect(clippy::zombie_processes)]
    let child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
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
