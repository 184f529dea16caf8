//! How the vrrp process is scheduled and how late it was, for people.

use std::fmt::Write as _;

use crate::daemon::core::report::TimingStatus;

/// How the vrrp process is scheduled, and how late it was.
pub fn plain(text: &mut String, timing: &TimingStatus) {
    if let Some(scheduling) = &timing.scheduling {
        let raised = match timing.raised_to {
            Some(_) => " (for being late)",
            None => "",
        };
        let policy = match scheduling.priority {
            0 => scheduling.policy.clone(),
            priority => format!("{} {priority}{raised}", scheduling.policy),
        };
        let memory = match scheduling.locked_memory {
            0 => String::new(),
            bytes => format!(", {} MB kept in memory", bytes >> 20),
        };
        let _ = writeln!(
            text,
            "  scheduled {policy}, nice {}, on processors {}{memory}",
            scheduling.nice,
            ranges(&scheduling.processors)
        );
    }
    if let Some(lateness) = &timing.lateness {
        let times = match lateness.late {
            0 => "never".to_owned(),
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let _ = writeln!(
            text,
            "  at worst {} late, {} in the last minute, {times} by more than half an advert interval",
            short(lateness.worst),
            short(lateness.recent)
        );
    }
}

/// `0-3,7`, as in /proc and in taskset(1).
fn ranges(numbers: &[u16]) -> String {
    let ranges = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let ranges = ranges.map(|range| match range {
        [first, .., last] => format!("{first}-{last}"),
        one => one.iter().map(u16::to_string).collect(),
    });
    ranges.collect::<Vec<_>>().join(",")
}

/// A short time in seconds, as people say it.
pub fn short(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{:.1} ms", seconds * 1000.0),
        false => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::core::report::{LatenessStatus, SchedulingStatus};

    #[test]
    fn the_timing_is_told_as_people_have_configured_it() {
        let mut text = String::new();
        let timing = TimingStatus {
            lateness: Some(LatenessStatus {
                measured: 100,
                worst: 1.25,
                recent: 0.0004,
                late: 1,
            }),
            scheduling: Some(SchedulingStatus {
                policy: "RR".into(),
                priority: 3,
                nice: -10,
                processors: vec![0, 1, 2, 5, 7, 8],
                locked_memory: 29 << 20,
            }),
            raised_to: Some(3),
        };
        plain(&mut text, &timing);
        assert_eq!(
            text,
            "  scheduled RR 3 (for being late), nice -10, on processors 0-2,5,7-8, 29 MB kept in memory\n\
             \x20 at worst 1.2 s late, 0.4 ms in the last minute, once by more than half an advert interval\n"
        );
    }
}
