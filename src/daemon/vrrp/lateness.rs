//! How late the loop comes to what is due, and why, as far as that can be known.
//!
//! [`Lateness`] is given the time; what the kernel has counted of this thread comes from
//! [`Meter`].

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};

use crate::daemon::messages::vrrp::LoopLateness;
use crate::moment::Moment;

/// How often the kernel's counters are read at least while there is something to do.
const SAMPLE: Duration = Duration::from_millis(50);

/// The same as a part of what counts as late, where that is more: reading them costs more
/// than what is made of an advert.
const SAMPLE_PART: u32 = 4;

/// And at most.
const LONGEST_SAMPLE: Duration = Duration::from_millis(200);

/// How long a loop that never waits pauses after each [`SAMPLE`] under real-time
/// scheduling. The kernel ends such a process after RLIMIT_RTTIME without a wait, and
/// until then everything else on its processor stands still, our own worker too.
const BREATH: Duration = Duration::from_millis(1);

/// How often it is told in the log.
const PAUSE: Duration = Duration::from_secs(60);

/// How often core is told: one bad moment counts once.
const CORE_PAUSE: Duration = Duration::from_secs(1);

/// How long a page may take to come from a disk.
const FAULT: Duration = Duration::from_millis(10);

/// What counts as recent, in so many parts.
const RECENT_PART: Duration = Duration::from_secs(10);
const RECENT_PARTS: usize = 6;

/// What the kernel has counted of a thread since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The time that it was running.
    pub running: Duration,
    /// The time that it could have run and had no processor; None where the kernel does
    /// not count that (/proc/PID/schedstat).
    pub runnable: Option<Duration>,
    /// How often it had to wait for memory to be read from a disk.
    pub major_faults: u64,
}

/// Why it was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Others had the processor for so long.
    Starved(Duration),
    /// It was at work on something else for so long.
    Busy(Duration),
    /// Memory came from a disk so many times.
    Paged(u64),
    /// It neither ran nor could have: it was stopped, or the machine was, or the kernel
    /// let it wait. Without the kernel's count, others may have had the processor.
    Stopped,
}

impl Cause {
    /// Why something was done this much too late, by what was counted since some time
    /// before it was due.
    fn of(late: Duration, before: &Usage, after: &Usage) -> Self {
        let runnable = match (before.runnable, after.runnable) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => Duration::ZERO,
        };
        let running = after.running.saturating_sub(before.running);
        let faults = after.major_faults.saturating_sub(before.major_faults);
        let most = late / 2;
        if runnable >= most {
            Cause::Starved(runnable)
        } else if running >= most {
            Cause::Busy(running)
        } else if FAULT * u32::try_from(faults).unwrap_or(u32::MAX) >= most {
            Cause::Paged(faults)
        } else {
            Cause::Stopped
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Starved(time) => write!(
                f,
                "others had the processor for {} ms (vrrp_rt_priority puts the vrrp process \
                 before them)",
                time.as_millis()
            ),
            Cause::Busy(time) => write!(
                f,
                "it was at work on something else for {} ms",
                time.as_millis()
            ),
            Cause::Paged(faults) => write!(
                f,
                "it waited for its memory to be read from the disk {faults} times \
                 (vrrp_no_swap keeps it where it is)"
            ),
            Cause::Stopped => f.write_str(
                "the process or the whole machine was stopped, or the kernel let it wait",
            ),
        }
    }
}

/// What the loop's lateness was so far.
#[derive(Debug)]
pub struct Lateness {
    /// From when on it counts as late: half of the shortest advert interval. Before
    /// that nobody else can notice.
    limit: Duration,
    /// From when on core wants to hear of it.
    core_limit: Option<Duration>,
    /// What is due next, if it was ahead when the loop last had nothing left to do.
    due: Option<Moment>,
    known: LoopLateness,
    /// The worst of each part of the recent past, and which part each is about.
    recent: [(u64, Duration); RECENT_PARTS],
    sampled: Option<(Moment, Usage)>,
    told: Option<Moment>,
    core_told: Option<Moment>,
    /// How often, at worst and why since it was last told in the log.
    untold: Option<Untold>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Untold {
    times: u64,
    worst: Duration,
    cause: Cause,
}

/// What comes of a turn of the loop.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// A line for the log.
    pub told: Option<String>,
    /// Core is to know that it was this late.
    pub for_core: Option<Duration>,
}

impl Lateness {
    /// `shortest` is the shortest advert interval of all; None is that there is none.
    pub fn new(shortest: Option<Duration>, core_limit: Option<Duration>) -> Self {
        Lateness {
            limit: limit(shortest),
            core_limit,
            due: None,
            known: LoopLateness::default(),
            recent: Default::default(),
            sampled: None,
            told: None,
            core_told: None,
            untold: None,
        }
    }

    /// The same from a new configuration. What was measured stays.
    pub fn configure(&mut self, shortest: Option<Duration>, core_limit: Option<Duration>) {
        self.limit = limit(shortest);
        self.core_limit = core_limit;
    }

    /// The loop begins to take in what there is, and will then do what is due. `usage`
    /// reads what the kernel has counted.
    pub fn begin(&mut self, now: Moment, usage: impl FnOnce() -> Usage) -> Found {
        let late = self.due.take().filter(|due| *due <= now);
        let late = late.map(|due| now - due);
        let mut found = Found::default();
        if let Some(late) = late {
            self.note(late, now);
            if late >= self.limit {
                self.note_late(late, now, usage());
            } else if self.is_sample_due(now) {
                self.sampled = Some((now, usage()));
            }
            let pauses = self.core_told.is_some_and(|told| now - told < CORE_PAUSE);
            if !pauses && self.core_limit.is_some_and(|limit| late >= limit) {
                self.core_told = Some(now);
                found.for_core = Some(late);
            }
        } else if self.is_sample_due(now) {
            self.sampled = Some((now, usage()));
        }
        found.told = self.tell(now);
        found
    }

    /// The loop has nothing left to do until `due`; `now` is when it began to do what it
    /// has just done. What was due by then, and is still to come, waits on purpose.
    pub fn end(&mut self, due: Option<Moment>, now: Moment) {
        self.due = due.filter(|due| *due > now);
    }

    fn note(&mut self, late: Duration, now: Moment) {
        self.known.measured += 1;
        self.known.worst = self.known.worst.max(late);
        let part = part(now);
        let recent = &mut self.recent[part as usize % RECENT_PARTS];
        *recent = match recent.0 == part {
            true => (part, recent.1.max(late)),
            false => (part, late),
        };
    }

    fn note_late(&mut self, late: Duration, now: Moment, usage: Usage) {
        self.known.late += 1;
        let (_, before) = self.sampled.replace((now, usage)).unwrap_or((now, usage));
        let cause = Cause::of(late, &before, &usage);
        let untold = self.untold.get_or_insert(Untold {
            times: 0,
            worst: Duration::ZERO,
            cause,
        });
        untold.times += 1;
        if late > untold.worst {
            untold.worst = late;
            untold.cause = cause;
        }
    }

    fn is_sample_due(&self, now: Moment) -> bool {
        let pause = SAMPLE.max(self.limit / SAMPLE_PART).min(LONGEST_SAMPLE);
        self.sampled.is_none_or(|(at, _)| now - at >= pause)
    }

    /// What is to be told in the log, once there was none for a while.
    fn tell(&mut self, now: Moment) -> Option<String> {
        if self.told.is_some_and(|told| now - told < PAUSE) {
            return None;
        }
        let Untold {
            times,
            worst,
            cause,
        } = self.untold.take()?;
        self.told = Some(now);
        let worst = worst.as_secs_f64();
        Some(match times {
            1 => format!("VRRP was late by {worst:.3} s: {cause}"),
            n => format!("VRRP was late {n} times, at worst by {worst:.3} s: {cause}"),
        })
    }

    /// How late it was so far.
    pub fn known(&self, now: Moment) -> LoopLateness {
        let oldest = part(now).saturating_sub(RECENT_PARTS as u64 - 1);
        let recent = self.recent.iter().filter(|(part, _)| *part >= oldest);
        LoopLateness {
            recent: recent.map(|(_, late)| *late).max().unwrap_or_default(),
            ..self.known.clone()
        }
    }
}

/// Without an interval, nothing that could be late matters to anybody.
fn limit(shortest: Option<Duration>) -> Duration {
    shortest.map_or(Duration::MAX, |shortest| shortest / 2)
}

fn part(now: Moment) -> u64 {
    now.elapsed_since_boot().as_secs() / RECENT_PART.as_secs()
}

/// The kernel's counters of this thread, and its need to pause.
#[derive(Debug)]
pub struct Meter {
    schedstat: Option<File>,
    breath: Breath,
}

impl Meter {
    /// For the thread that calls. To be called while files may be opened.
    pub fn open() -> Self {
        Meter {
            // Absent where the kernel does not count that, or without /proc.
            schedstat: File::open("/proc/thread-self/schedstat").ok(),
            breath: Breath::default(),
        }
    }

    /// What has been counted so far.
    pub fn usage(&self) -> Usage {
        let runnable = self.schedstat.as_ref().and_then(runnable);
        let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else {
            return Usage {
                runnable,
                ..Usage::default()
            };
        };
        let time = |time: nix::sys::time::TimeVal| {
            let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
            Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0))
                + Duration::from_micros(micros)
        };
        Usage {
            running: time(usage.user_time()) + time(usage.system_time()),
            runnable,
            major_faults: u64::try_from(usage.major_page_faults()).unwrap_or(0),
        }
    }

    /// Pauses for [`BREATH`] where this thread has not waited for anything for a while,
    /// and may not go on like that: it is scheduled in real time with a limit.
    pub fn breathe(&mut self, now: Moment) {
        let waits = || {
            let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
            u64::try_from(usage.voluntary_context_switches()).ok()
        };
        let is_limited = || {
            let limit = getrlimit(Resource::RLIMIT_RTTIME);
            limit.is_ok_and(|(soft, _)| soft != libc::RLIM_INFINITY)
        };
        if self.breath.is_due(now, waits) && is_limited() {
            std::thread::sleep(BREATH);
        }
    }
}

/// Whether a thread has gone on for a while without waiting for anything.
#[derive(Debug, Default)]
struct Breath {
    /// When this was last looked at, and how often it had waited by then.
    looked: Option<(Moment, Option<u64>)>,
}

impl Breath {
    fn is_due(&mut self, now: Moment, waits: impl FnOnce() -> Option<u64>) -> bool {
        if self.looked.is_some_and(|(at, _)| now - at < SAMPLE) {
            return false;
        }
        let waits = waits();
        let before = self.looked.replace((now, waits));
        before.is_some_and(|(_, before)| before == waits && waits.is_some())
    }
}

/// The second number of a schedstat file, in nanoseconds
/// (Documentation/scheduler/sched-stats.rst of the kernel).
fn runnable(schedstat: &File) -> Option<Duration> {
    let mut text = [0; 96];
    let length: io::Result<usize> = schedstat.read_at(&mut text, 0);
    let text = std::str::from_utf8(text.get(..length.ok()?)?).ok()?;
    let nanos = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}
