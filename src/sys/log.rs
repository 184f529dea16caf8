//! The log: one line an event, to standard error as keepalived's `-l` does, or to the
//! journal, or to syslog where there is no journal.
//!
//! Nothing waits for a log and nothing ends because of one: a line for which there is
//! no room is dropped, and the next that goes out says how many were.

mod outlet;

use std::fmt::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use self::outlet::Outlet;

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

/// Begins the log of this process. `detail` (`-D`) lets everything through that
/// has a name in keepalived's log. To be called once, before a child is confined:
/// what the log needs is opened here.
///
/// A panic is logged as well, since nobody reads the standard error of a service that
/// runs in the background.
pub fn init(target: Target, detail: bool, process: &str) {
    // The C library reads the time zone now; a confined child could not.
    let _ = timestamp(0.0);
    let _ = BEGUN.set((target, detail));
    let level = if detail { Level::DEBUG } else { Level::INFO };
    // Not what the libraries have to say to their developers.
    let ours = Targets::new().with_target("ipvsd", level);
    let outlet = match target {
        Target::Console => Outlet::console(),
        Target::Journal => Outlet::service(process),
    };
    // There is a log already where tests of one process begin it twice.
    let _ = tracing_subscriber::registry()
        .with(ours)
        .with(Lines::new(outlet))
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("this is a fault of ipvsd itself: {panic}");
    }));
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

/// How many lines of this process's log were dropped so far because nobody took them.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

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
    /// Lines dropped that no line has told of yet.
    untold: AtomicU64,
}

impl Lines {
    fn new(outlet: Outlet) -> Self {
        Lines {
            outlet,
            untold: AtomicU64::new(0),
        }
    }

    fn event(&self, level: Level, text: &str) {
        for line in text.lines() {
            self.line(level, &without_control(line));
        }
    }

    fn line(&self, level: Level, line: &str) {
        let untold = self.untold.swap(0, Ordering::Relaxed);
        if untold > 0 {
            let note = format!("{untold} lines of the log were dropped: nobody took them");
            if self.outlet.write(Level::WARN, &note).is_err() {
                self.drop_line(untold);
                return;
            }
        }
        if self.outlet.write(level, line).is_err() {
            self.drop_line(0);
        }
    }

    /// Counts one, beside `earlier` ones that are still to be told.
    fn drop_line(&self, earlier: u64) {
        self.untold.fetch_add(earlier + 1, Ordering::Relaxed);
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.event(*event.metadata().level(), &text.0);
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

/// What a server has answered, or a script has said, may be part of a line, and lines
/// are read in terminals, which take orders from control characters.
fn without_control(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_keepalived_does() {
        let text = timestamp(1_795_255_384.9);
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(words.len(), 5, "{text}");
        assert!(text.contains(" Nov ") && text.ends_with(" 2026"), "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(
            without_control("a\x1b[2Jb\tc\r\u{9b}d\u{e9}"),
            "a\\u{1b}[2Jb\tc\\r\\u{9b}d\u{e9}"
        );
    }

    /// What is read of a log that goes into a pipe.
    fn logged(events: impl FnOnce(&Lines)) -> Vec<String> {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::new(Outlet::file(writer.into()));
        events(&lines);
        drop(lines);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_message_of_several_lines_is_several_lines() {
        let lines = logged(|log| log.event(Level::INFO, "one\ntwo\r\n\nfour\n"));
        let texts: Vec<&str> = lines
            .iter()
            .map(|line| line.split_once(": ").unwrap_or((line, "")).1)
            .collect();
        assert_eq!(texts, ["one", "two", "", "four"], "{lines:?}");
    }

    #[test]
    fn fields_stand_behind_the_message() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::new(Outlet::file(writer.into()));
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(weight = 3, name = "web", "changed");
        });
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert!(
            text.ends_with(": changed weight=3 name=\"web\"\n"),
            "{text}"
        );
    }
}
