//! The log: one line an event, to standard error as keepalived's `-l` does, or to the
//! journal, or to syslog where there is no journal.
//!
//! Nothing waits for a log and nothing ends because of one: a line for which there is
//! no room is dropped, and the next that goes out says how many were.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error (`-l`).
    Console,
    /// The journal; syslog where there is none; standard error where there is neither.
    Journal,
}

/// How the log was begun, for the children.
static BEGUN: OnceLock<(Target, bool)> = OnceLock::new();

/// A line longer than this is cut off: so much goes into a pipe at once
/// (pipe(7), PIPE_BUF).
const LONGEST_LINE: usize = 4096;

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";

/// Begins the log of this process. `detail` (`-D`) lets everything through that
/// has a name in keepalived's log. To be called once, before a child is confined.
pub fn init(target: Target, detail: bool, process: &str) {
    // The C library reads the time zone now; a confined child could not.
    let _ = timestamp(0.0);
    let _ = BEGUN.set((target, detail));
    let level = if detail { Level::DEBUG } else { Level::INFO };
    // Not what the libraries have to say to their developers.
    let ours = Targets::new().with_target("ipvsd", level);
    let registry = tracing_subscriber::registry().with(ours);
    if target == Target::Console {
        registry.with(Lines::new(Outlet::Console)).init();
    } else if let Ok(journal) = tracing_journald::layer() {
        registry
            .with(journal.with_syslog_identifier("ipvsd".into()))
            .init();
    } else {
        registry.with(Lines::new(Outlet::syslog(process))).init();
    }
}

/// What a child is to be told so that it logs where we do.
pub fn child_arguments() -> Vec<&'static str> {
    let (target, detail) = BEGUN.get().copied().unwrap_or((Target::Journal, false));
    let mut arguments = Vec::new();
    if target == Target::Console {
        arguments.push("--console");
    }
    if detail {
        arguments.push("--detail");
    }
    arguments
}

/// Local time as keepalived writes it, `Sat Nov 21 10:03:04 2026`. `at` is in seconds
/// since 1970.
pub fn timestamp(at: f64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = at as libc::time_t;
    // SAFETY: `tm` is plain data, for which zeros are valid, and both pointers are to
    // values that live through the call (localtime_r(3)).
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&seconds, &mut tm);
        tm
    };
    let name = |names: &[&'static str], index: libc::c_int| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index).copied())
            .unwrap_or("?")
    };
    format!(
        "{} {} {:02} {:02}:{:02}:{:02} {}",
        name(&DAYS, tm.tm_wday),
        name(&MONTHS, tm.tm_mon),
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        tm.tm_year + 1900
    )
}

/// Events as lines of text.
struct Lines {
    outlet: Outlet,
    dropped: AtomicU64,
}

enum Outlet {
    Console,
    Syslog { socket: UnixDatagram, tag: String },
}

impl Outlet {
    fn syslog(process: &str) -> Self {
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.connect(SYSLOG)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => {
                let tag = format!("ipvsd_{process}[{}]", std::process::id());
                Outlet::Syslog { socket, tag }
            }
            Err(_) => Outlet::Console,
        }
    }

    fn write(&self, level: Level, line: &str) -> io::Result<()> {
        match self {
            Outlet::Console => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                let mut text = format!("{}: {line}", timestamp(now.as_secs_f64()));
                text.truncate(text.floor_char_boundary(LONGEST_LINE - 1));
                text.push('\n');
                let stderr = io::stderr();
                if !takes_a_line(&stderr) {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                stderr.lock().write_all(text.as_bytes())
            }
            Outlet::Syslog { socket, tag } => {
                // RFC 3164, section 4.1.1: facility daemon (3), and the severity.
                let severity = match level {
                    Level::ERROR => 3,
                    Level::WARN => 4,
                    Level::INFO => 6,
                    _ => 7,
                };
                socket
                    .send(format!("<{}>{tag}: {line}", 3 * 8 + severity).as_bytes())
                    .map(drop)
            }
        }
    }
}

impl Lines {
    fn new(outlet: Outlet) -> Self {
        Lines {
            outlet,
            dropped: AtomicU64::new(0),
        }
    }

    fn line(&self, level: Level, line: &str) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let note = format!("{dropped} lines of the log were dropped: nobody took them");
            if self.outlet.write(Level::WARN, &note).is_err() {
                self.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
                return;
            }
        }
        if self.outlet.write(level, line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        for line in text.0.lines() {
            self.line(*event.metadata().level(), line);
        }
    }
}

/// An event's message, and its other fields behind it.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Whether a line can be written without waiting: a pipe that nobody reads, or a
/// stopped terminal, would stop us.
fn takes_a_line(file: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::ZERO) {
        // A broken pipe says so at once when it is written to.
        Ok(_) => fds[0].revents().is_some_and(|ready| {
            ready.intersects(PollFlags::POLLOUT | PollFlags::POLLERR | PollFlags::POLLHUP)
        }),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_takes_no_line() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert!(takes_a_line(&writer));
        // A pipe holds 64 KiB, and takes a line while there is room for a whole one.
        while takes_a_line(&writer) {
            writer.write_all(&[b'x'; LONGEST_LINE]).unwrap();
        }
        drop(reader);
        assert!(takes_a_line(&writer));
        assert!(writer.write_all(b"x").is_err());
    }

    #[test]
    fn times_are_written_as_keepalived_does() {
        let text = timestamp(1_795_255_384.9);
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(words.len(), 5, "{text}");
        assert!(text.contains(" Nov ") && text.ends_with(" 2026"), "{text}");
    }
}
