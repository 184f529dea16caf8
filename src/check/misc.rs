//! `MISC_CHECK`: what the end of the user's program says about the real server.
//! core runs the program; its end arrives here as a value.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::{DynamicStatus, FailureKind, Outcome};

/// How a program of the user's ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptEnd {
    /// By itself, with this status.
    Exited(u8),
    /// By a signal that was not ours.
    Signalled(i32),
    /// Killed because it took longer than this.
    TimedOut(Duration),
    /// It could not be run, and why.
    NotRun(String),
}

/// What the end of a program says. With `dynamic` (`misc_dynamic`) a status of 2 or
/// more is a success that sets the weight; without, everything but 0 is a failure.
pub fn outcome(end: ScriptEnd, dynamic: bool) -> Outcome {
    match end {
        ScriptEnd::Exited(0) => Outcome::Success,
        ScriptEnd::Exited(status) => match DynamicStatus::new(status) {
            Some(weight) if dynamic => Outcome::Dynamic(weight),
            _ => FailureKind::ScriptFailed(status).into(),
        },
        ScriptEnd::Signalled(signal) => FailureKind::ScriptSignalled(signal).into(),
        ScriptEnd::TimedOut(after) => FailureKind::ScriptTimeout(after).into(),
        ScriptEnd::NotRun(why) => FailureKind::ScriptNotRun(why.into()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_misc_dynamic_every_status_but_zero_fails() {
        assert_eq!(outcome(ScriptEnd::Exited(0), false), Outcome::Success);
        for status in [1, 2, 10, 255] {
            assert_eq!(
                outcome(ScriptEnd::Exited(status), false),
                FailureKind::ScriptFailed(status).into()
            );
        }
    }

    #[test]
    fn with_misc_dynamic_two_and_more_set_the_weight() {
        assert_eq!(outcome(ScriptEnd::Exited(0), true), Outcome::Success);
        assert_eq!(
            outcome(ScriptEnd::Exited(1), true),
            FailureKind::ScriptFailed(1).into()
        );
        for (status, weight) in [(2, 0), (10, 8), (255, 253)] {
            match outcome(ScriptEnd::Exited(status), true) {
                Outcome::Dynamic(found) => assert_eq!(found.weight(), weight),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_end_that_is_no_status_is_a_failure_with_its_name() {
        for (end, name) in [
            (ScriptEnd::Signalled(11), "script-signalled"),
            (
                ScriptEnd::TimedOut(Duration::from_secs(5)),
                "script-timeout",
            ),
            (ScriptEnd::NotRun("no such file".into()), "script-not-run"),
        ] {
            for dynamic in [false, true] {
                assert_eq!(outcome(end.clone(), dynamic).name(), name);
            }
        }
    }
}
