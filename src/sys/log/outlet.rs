//! Where lines go: none of these ever waits.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::unistd::write;
use tracing::Level;

/// A line longer than this is cut off: so much goes into a pipe at once
/// (pipe(7), PIPE_BUF).
const LONGEST_LINE: usize = 4096;

/// Where the journal listens (systemd.journal-fields(7), sd_journal_send(3)).
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";

/// The facility `daemon` (RFC 5424, section 6.2.1).
const FACILITY: u8 = 3;

/// Takes lines of text.
pub struct Outlet {
    kind: Kind,
}

enum Kind {
    Stream(Stream),
    Journal(Datagrams),
    Syslog { socket: Datagrams, tag: String },
}

impl Outlet {
    /// Standard error.
    pub fn console() -> Self {
        Outlet {
            kind: Kind::Stream(Stream::of(io::stderr())),
        }
    }

    /// The journal, or syslog, or standard error: the first that there is.
    pub fn service(process: &str) -> Self {
        let kind = if let Ok(journal) = Datagrams::to(JOURNAL) {
            Kind::Journal(journal)
        } else if let Ok(socket) = Datagrams::to(SYSLOG) {
            let tag = format!("ipvsd_{process}[{}]", std::process::id());
            Kind::Syslog { socket, tag }
        } else {
            Kind::Stream(Stream::stderr())
        };
        Outlet { kind }
    }

    #[cfg(test)]
    pub fn file(file: std::os::fd::OwnedFd) -> Self {
        Outlet {
            kind: Kind::Stream(Stream::of(file)),
        }
    }

    /// Writes a line, which is to have no control characters.
    ///
    /// # Errors
    /// Where it cannot go out at once; then it is lost.
    pub fn write(&self, level: Level, line: &str) -> io::Result<()> {
        match &self.kind {
            Kind::Stream(stream) => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                let time = super::timestamp(now.as_secs_f64());
                let mut text = cut(format!("{time}: {line}"), LONGEST_LINE - 1);
                text.push('\n');
                stream.write(text.as_bytes())
            }
            Kind::Journal(socket) => {
                // The journal's own form: a field a line, each with its newline.
                let mut fields = cut(
                    format!(
                        "PRIORITY={}\nSYSLOG_FACILITY={FACILITY}\nSYSLOG_IDENTIFIER=ipvsd\n\
                         SYSLOG_PID={}\nMESSAGE={line}",
                        severity(level),
                        std::process::id()
                    ),
                    LONGEST_LINE - 1,
                );
                fields.push('\n');
                socket.send(&fields)
            }
            Kind::Syslog { socket, tag } => {
                // RFC 3164, section 4.1.1.
                let priority = FACILITY * 8 + severity(level);
                socket.send(&cut(format!("<{priority}>{tag}: {line}"), LONGEST_LINE))
            }
        }
    }
}

/// RFC 5424, section 6.2.1; the journal has the same.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// A socket that sends to a path. It is not connected, so that it finds the next
/// listener there when the journal or syslog is started again.
struct Datagrams {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Datagrams {
    /// Fails where nobody listens.
    fn to(path: impl AsRef<Path>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A journal that hangs would else make us hang with it.
        socket.set_nonblocking(true)?;
        let path = path.as_ref().to_owned();
        // Neither of the two makes anything of no bytes.
        match socket.send_to(&[], &path) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(Datagrams { socket, path }),
        }
    }

    fn send(&self, text: &str) -> io::Result<()> {
        self.socket.send_to(text.as_bytes(), &self.path).map(drop)
    }
}

/// A file, pipe, terminal or socket that others write to as well. To set O_NONBLOCK
/// would set it for all of them (open(2), "open file descriptions"), so each kind of
/// file has its own way not to wait.
struct Stream {
    descriptor: Box<dyn AsFd + Send + Sync>,
    way: Way,
}

enum Way {
    /// It does not wait: a file (as far as poll(2) is concerned), or what was opened
    /// for us alone.
    Plain,
    /// The kernel is asked not to wait.
    Asked,
}

impl Stream {
    /// The present descriptor of that number, whatever it comes to be: a service in the
    /// background lets go of the terminal that it was started from.
    fn stderr() -> Self {
        Stream {
            descriptor: Box::new(io::stderr()),
            way: Way::Asked,
        }
    }

    fn of(descriptor: impl AsFd + Send + Sync + 'static) -> Self {
        let way = match fstat(&descriptor).map(|stat| stat.st_mode & libc::S_IFMT) {
            Ok(libc::S_IFREG) => Way::Plain,
            Ok(libc::S_IFCHR) => match open_again(descriptor.as_fd()) {
                Ok(ours) => {
                    return Stream {
                        descriptor: Box::new(ours),
                        way: Way::Plain,
                    };
                }
                Err(_) => Way::Asked,
            },
            _ => Way::Asked,
        };
        Stream {
            descriptor: Box::new(descriptor),
            way,
        }
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        let descriptor = self.descriptor.as_fd();
        let written = match self.way {
            Way::Plain => write(descriptor, text)?,
            Way::Asked => match write_without_waiting(descriptor, text) {
                // Pipes learnt it in Linux 6.5, and terminals never did.
                Err(error) if is_unsupported(&error) => {
                    if !is_writable(descriptor) {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    write(descriptor, text)?
                }
                result => result?,
            },
        };
        // What is left has no room either.
        if written == text.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }
}

/// A terminal, open a second time.
fn open_again(descriptor: BorrowedFd<'_>) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

/// As write(2), but fails with EAGAIN where that would wait (pwritev2(2)).
fn write_without_waiting(descriptor: BorrowedFd<'_>, text: &[u8]) -> io::Result<usize> {
    let part = IoSlice::new(text);
    // SAFETY: an IoSlice has the layout of struct iovec, and the text lives through the
    // call; an offset of -1 is the present one.
    let written = unsafe {
        libc::pwritev2(
            descriptor.as_raw_fd(),
            (&raw const part).cast(),
            1,
            -1,
            libc::RWF_NOWAIT,
        )
    };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL)
    )
}

/// Whether a line can be written without waiting, unless another process is faster.
fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(descriptor, PollFlags::POLLOUT)];
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
    use std::io::{Read, Write};
    use std::time::{Duration, Instant};

    use super::super::Lines;
    use super::*;

    /// Many more lines than anything holds, and how long they took.
    fn flood(log: &Lines) -> Duration {
        let began = Instant::now();
        for _ in 0..2000 {
            log.event(Level::INFO, &"x".repeat(200));
        }
        began.elapsed()
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Lines::new(Outlet::file(writer.into()));
        assert!(flood(&log) < Duration::from_secs(5));
        let mut held = vec![0; 1 << 20];
        let count = reader.read(&mut held).unwrap();
        assert!(held[..count].ends_with(b"x\n"));
        log.event(Level::INFO, "the next");
        let count = reader.read(&mut held).unwrap();
        let text = String::from_utf8_lossy(&held[..count]);
        assert!(
            text.contains(" lines of the log were dropped") && text.ends_with(": the next\n"),
            "{text}"
        );
    }

    #[test]
    fn the_older_way_does_not_wait_either() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert!(is_writable(writer.as_fd()));
        while is_writable(writer.as_fd()) {
            writer.write_all(&[b'x'; LONGEST_LINE]).unwrap();
        }
        drop(reader);
        assert!(is_writable(writer.as_fd()));
        assert!(writer.write_all(b"x").is_err());
    }

    #[test]
    fn a_broken_pipe_and_a_full_disk_end_nothing() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let broken = Outlet::file(writer.into());
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        for outlet in [broken, Outlet::file(full.into())] {
            assert!(outlet.write(Level::INFO, "x").is_err());
        }
    }

    #[test]
    fn a_terminal_that_nobody_reads_is_not_waited_for() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let log = Lines::new(Outlet::file(pty.slave));
        assert!(flood(&log) < Duration::from_secs(5));
        let mut text = [0; 64];
        assert!(File::from(pty.master).read(&mut text).unwrap() > 0);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let (mut reader, writer) = io::pipe().unwrap();
        let outlet = Outlet::file(writer.into());
        outlet.write(Level::INFO, &"\u{e9}".repeat(5000)).unwrap();
        drop(outlet);
        let mut text = [0; 2 * LONGEST_LINE];
        let count = reader.read(&mut text).unwrap();
        let text = std::str::from_utf8(&text[..count]).unwrap();
        assert!((LONGEST_LINE - 1..=LONGEST_LINE).contains(&text.len()));
        assert!(text.ends_with("\u{e9}\n"));
    }

    fn listener(path: &Path) -> UnixDatagram {
        let listener = UnixDatagram::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }

    fn heard(listener: &UnixDatagram) -> String {
        let mut text = vec![0; 2 * LONGEST_LINE];
        let count = listener.recv(&mut text).unwrap();
        String::from_utf8(text[..count].to_vec()).unwrap()
    }

    #[test]
    fn the_journal_hears_a_line_with_its_priority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = listener(&path);
        let kind = Kind::Journal(Datagrams::to(&path).unwrap());
        assert_eq!(heard(&journal), "");
        Outlet { kind }.write(Level::WARN, "a = b").unwrap();
        let pid = std::process::id();
        assert_eq!(
            heard(&journal),
            format!(
                "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=ipvsd\nSYSLOG_PID={pid}\n\
                 MESSAGE=a = b\n"
            )
        );
    }

    #[test]
    fn a_journal_that_hangs_is_not_waited_for_and_told_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = listener(&path);
        let kind = Kind::Journal(Datagrams::to(&path).unwrap());
        let log = Lines::new(Outlet { kind });
        assert!(flood(&log) < Duration::from_secs(5));
        let mut buffer = [0; 2 * LONGEST_LINE];
        let held = std::iter::from_fn(|| journal.recv(&mut buffer).ok()).count();
        assert!(held > 1 && held < 2000, "{held}");
        log.event(Level::INFO, "the next");
        assert!(heard(&journal).contains("lines of the log were dropped"));
        assert!(heard(&journal).ends_with("MESSAGE=the next\n"));
    }

    #[test]
    fn a_syslog_that_is_started_again_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(Datagrams::to(&path).is_err());
        let first = listener(&path);
        let kind = Kind::Syslog {
            socket: Datagrams::to(&path).unwrap(),
            tag: "ipvsd_core[7]".to_owned(),
        };
        let outlet = Outlet { kind };
        drop(first);
        assert!(outlet.write(Level::INFO, "nobody there").is_err());
        std::fs::remove_file(&path).unwrap();
        let second = listener(&path);
        outlet.write(Level::INFO, "again").unwrap();
        assert_eq!(heard(&second), "<30>ipvsd_core[7]: again");
    }
}
