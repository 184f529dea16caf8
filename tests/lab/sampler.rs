//! What is looked at all the time: a table, a host's addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::net::Namespace;

/// The lines during an interval in which they did not change.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was first seen so, on the scenario's clock.
    pub at: Duration,
    pub lines: Vec<String>,
}

/// Looks every 20 ms in a thread of its own, inside a namespace, and keeps what
/// differs from the look before.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Samples>>,
}

pub struct Samples {
    pub samples: Vec<Sample>,
    /// How often was looked, and the longest time between two looks: a test
    /// that relies on the sampling should check that it took place.
    pub looks: usize,
    pub longest_gap: Duration,
    /// When it was looked last.
    pub until: Duration,
}

impl Sampler {
    pub const EVERY: Duration = Duration::from_millis(20);

    pub fn start(namespace: &Namespace, started: Instant, look: fn() -> Vec<String>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = namespace.spawn(move || {
            let mut seen = Samples {
                samples: Vec::new(),
                looks: 0,
                longest_gap: Duration::ZERO,
                until: started.elapsed(),
            };
            let mut last = Instant::now();
            loop {
                // One last look after the end was asked for: what the scenario has just
                // waited for is in the samples.
                let is_last = stopped.load(Ordering::Relaxed);
                let lines = look();
                seen.looks += 1;
                seen.longest_gap = seen.longest_gap.max(last.elapsed());
                last = Instant::now();
                seen.until = started.elapsed();
                if seen
                    .samples
                    .last()
                    .is_none_or(|sample| sample.lines != lines)
                {
                    seen.samples.push(Sample {
                        at: started.elapsed(),
                        lines,
                    });
                }
                if is_last {
                    break seen;
                }
                std::thread::sleep(Self::EVERY.saturating_sub(last.elapsed()));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    pub fn stop(mut self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Samples {
    /// The longest time for which the lines were such without a break.
    pub fn longest(&self, such: impl Fn(&[String]) -> bool) -> Duration {
        let ends = self.samples.iter().skip(1).map(|sample| sample.at);
        let ends = ends.chain([self.until]);
        let (mut longest, mut current) = (Duration::ZERO, Duration::ZERO);
        for (sample, end) in self.samples.iter().zip(ends) {
            current = if such(&sample.lines) {
                current + (end - sample.at)
            } else {
                Duration::ZERO
            };
            longest = longest.max(current);
        }
        longest
    }

    /// Fails when any sample lacks one of these lines. Those of a table are without
    /// the services' options, which /proc does not tell.
    #[track_caller]
    pub fn assert_never_lacked(&self, lines: &[&str]) {
        for sample in &self.samples {
            for line in lines {
                assert!(
                    sample.lines.iter().any(|have| have == line),
                    "at {:?} there was no {line:?} but {:#?}",
                    sample.at,
                    sample.lines,
                );
            }
        }
    }

    /// Fails when any sample has one of these lines.
    #[track_caller]
    pub fn assert_never_had(&self, lines: &[&str]) {
        for sample in &self.samples {
            for line in lines {
                assert!(
                    !sample.lines.iter().any(|have| have == line),
                    "at {:?} there was {line:?} in {:#?}",
                    sample.at,
                    sample.lines,
                );
            }
        }
    }
}
