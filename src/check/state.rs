//! What a row of attempts makes of one check: keepalived's retries, one success
//! that brings a check back, and when the next attempt comes.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::{DynamicStatus, Failure, Outcome};
use crate::config::model::Timing;
use crate::moment::Moment;

/// What is held about a real server on the strength of one check. It is handed to
/// the next checker when one dies, and kept over reloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub up: bool,
    /// Whether an attempt has ever ended; before, `up` is an assumption.
    pub ever_ran: bool,
    /// What the last success said about the weight.
    pub dynamic: Option<DynamicStatus>,
    /// When `up` became what it is.
    pub since: Moment,
    /// The failure that brought the check down; None while it is up, and while it
    /// is down only for want of a first success.
    pub failure: Option<Box<Failure>>,
}

impl Verdict {
    /// What is assumed before the first attempt.
    pub fn assumed(up: bool, now: Moment) -> Self {
        Verdict {
            up,
            ever_ran: false,
            dynamic: None,
            since: now,
            failure: None,
        }
    }
}

/// In words, for the status and the log.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.up, &self.failure, self.ever_ran) {
            (true, _, true) => f.write_str("up"),
            (true, _, false) => f.write_str("up (not checked yet)"),
            (false, Some(failure), _) => write!(f, "down: {failure}"),
            (false, None, _) => f.write_str("down (not checked yet)"),
        }
    }
}

/// The state of one check: its verdict and how far it has come with its retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    verdict: Verdict,
    /// Failed attempts in a row while up; at most [`Timing::retry`].
    failed_attempts: u32,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The next attempt comes this long after the end of this one.
    pub next_in: Duration,
    /// What changed in the verdict, beside [`Verdict::ever_ran`].
    pub transition: Option<Transition>,
    /// It was the check's first attempt ever.
    pub first: bool,
    /// It failed, and is forgiven for now: a retry follows.
    pub forgiven: bool,
    /// How many retries have failed in a row, up to [`Timing::retry`]; 0 after a
    /// success.
    pub retries: u32,
}

impl Step {
    /// Whether people should hear of it: the check has changed sides, or has said
    /// for the first time on which it is.
    pub fn is_news(&self) -> bool {
        self.first || matches!(self.transition, Some(Transition::Up | Transition::Down))
    }
}

/// What changed in a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// From down to up.
    Up,
    /// From up to down.
    Down,
    /// Up as before, with another word about the weight.
    Weight,
}

impl CheckState {
    /// A check with this verdict, given by the pool or handed over. Retries are not
    /// handed over: a new checker begins them anew.
    pub fn new(verdict: Verdict) -> Self {
        CheckState {
            verdict,
            failed_attempts: 0,
        }
    }

    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Takes in what an attempt that ended `now` came to.
    ///
    /// Only a check that has been seen to succeed gets retries: one that is down, or
    /// is up by mere assumption, fails at once (keepalived does so too, though its
    /// log then speaks of retries). One success brings it back; one that is down
    /// tries again after `delay_loop`.
    pub fn on_outcome(&mut self, timing: &Timing, outcome: Outcome, now: Moment) -> Step {
        let first = !self.verdict.ever_ran;
        let step = match outcome {
            Outcome::Success => self.succeed(None, timing, now),
            Outcome::Dynamic(status) => self.succeed(Some(status), timing, now),
            Outcome::Failure(failure) => self.fail(failure, timing, now),
        };
        self.verdict.ever_ran = true;
        Step { first, ..step }
    }

    fn succeed(&mut self, dynamic: Option<DynamicStatus>, timing: &Timing, now: Moment) -> Step {
        let transition = if !self.verdict.up {
            self.verdict.since = now;
            Some(Transition::Up)
        } else if self.verdict.dynamic != dynamic {
            Some(Transition::Weight)
        } else {
            None
        };
        self.failed_attempts = 0;
        self.verdict.up = true;
        self.verdict.dynamic = dynamic;
        self.verdict.failure = None;
        Step {
            next_in: timing.delay_loop,
            transition,
            first: false,
            forgiven: false,
            retries: 0,
        }
    }

    fn fail(&mut self, failure: Failure, timing: &Timing, now: Moment) -> Step {
        let proven = self.verdict.up && self.verdict.ever_ran;
        let retries = self.failed_attempts;
        if proven && retries < timing.retry {
            self.failed_attempts += 1;
            return Step {
                next_in: timing.delay_before_retry,
                transition: None,
                first: false,
                forgiven: true,
                retries,
            };
        }
        let transition = self.verdict.up.then_some(Transition::Down);
        if transition.is_some() {
            self.verdict.since = now;
        }
        self.failed_attempts = 0;
        self.verdict.up = false;
        // Of a check that is down the latest failure is the one that is told.
        self.verdict.failure = Some(Box::new(failure));
        Step {
            next_in: timing.delay_loop,
            transition,
            first: false,
            forgiven: false,
            retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::FailureKind;

    const TIMING: Timing = Timing {
        delay_loop: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        retry: 2,
        delay_before_retry: Duration::from_secs(1),
        warmup: Duration::ZERO,
    };

    fn at(seconds: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(seconds))
    }

    fn refused() -> Outcome {
        FailureKind::ConnectionRefused.into()
    }

    fn step(next_in: u64, transition: Option<Transition>) -> Step {
        Step {
            next_in: Duration::from_secs(next_in),
            transition,
            first: false,
            forgiven: false,
            retries: 0,
        }
    }

    fn forgiven(retries: u32) -> Step {
        Step {
            forgiven: true,
            retries,
            ..step(1, None)
        }
    }

    /// Up, and seen to be.
    fn proven() -> CheckState {
        let mut state = CheckState::new(Verdict::assumed(true, at(0)));
        let first = state.on_outcome(&TIMING, Outcome::Success, at(0));
        assert!(first.first && first.is_news() && first.transition.is_none());
        state
    }

    #[test]
    fn one_that_is_up_fails_after_its_retries_and_comes_back_at_once() {
        let mut state = proven();
        assert_eq!(state.on_outcome(&TIMING, refused(), at(1)), forgiven(0));
        assert_eq!(state.on_outcome(&TIMING, refused(), at(2)), forgiven(1));
        assert!(state.verdict().up);
        let down = Step {
            retries: 2,
            ..step(10, Some(Transition::Down))
        };
        assert_eq!(state.on_outcome(&TIMING, refused(), at(3)), down);
        assert_eq!(state.verdict().since, at(3));
        assert_eq!(state.verdict().to_string(), "down: connection refused");
        assert_eq!(state.on_outcome(&TIMING, refused(), at(13)), step(10, None));
        assert_eq!(state.verdict().since, at(3));
        let up = state.on_outcome(&TIMING, Outcome::Success, at(23));
        assert_eq!(up, step(10, Some(Transition::Up)));
        assert_eq!(state.verdict().failure, None);
        assert_eq!(state.verdict().since, at(23));
    }

    #[test]
    fn a_success_between_failures_gives_all_retries_back() {
        let mut state = proven();
        for round in 1..4 {
            let now = at(round * 10);
            assert_eq!(state.on_outcome(&TIMING, refused(), now), forgiven(0));
            assert_eq!(state.on_outcome(&TIMING, refused(), now), forgiven(1));
            let success = state.on_outcome(&TIMING, Outcome::Success, now);
            assert_eq!(success, step(10, None));
        }
    }

    #[test]
    fn the_first_attempt_of_all_is_not_forgiven() {
        let mut state = CheckState::new(Verdict::assumed(true, at(0)));
        let down = state.on_outcome(&TIMING, refused(), at(1));
        assert_eq!(
            down,
            Step {
                first: true,
                ..step(10, Some(Transition::Down))
            }
        );
    }

    #[test]
    fn one_that_starts_down_has_no_retries() {
        let mut state = CheckState::new(Verdict::assumed(false, at(0)));
        assert_eq!(state.verdict().to_string(), "down (not checked yet)");
        let still = state.on_outcome(&TIMING, refused(), at(1));
        assert_eq!(
            still,
            Step {
                first: true,
                ..step(10, None)
            }
        );
        assert_eq!(state.verdict().since, at(0));
        let up = state.on_outcome(&TIMING, Outcome::Success, at(11));
        assert_eq!(up, step(10, Some(Transition::Up)));
    }

    #[test]
    fn the_word_about_the_weight_is_a_change_of_its_own() {
        let heavy = DynamicStatus::new(12).unwrap();
        let mut state = CheckState::new(Verdict::assumed(true, at(0)));
        let first = state.on_outcome(&TIMING, Outcome::Dynamic(heavy), at(1));
        assert_eq!(first.transition, Some(Transition::Weight));
        let same = state.on_outcome(&TIMING, Outcome::Dynamic(heavy), at(2));
        assert_eq!(same.transition, None);
        let back = state.on_outcome(&TIMING, Outcome::Success, at(3));
        assert_eq!(back.transition, Some(Transition::Weight));
        assert!(!back.is_news());
        assert_eq!(state.verdict().since, at(0));
    }

    #[test]
    fn a_verdict_handed_over_stays_what_it_was() {
        let mut state = proven();
        for second in 1..=3 {
            state.on_outcome(&TIMING, refused(), at(second));
        }
        let bytes = postcard::to_stdvec(state.verdict()).unwrap();
        let handed: Verdict = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(&handed, state.verdict());
        let mut next = CheckState::new(handed);
        assert_eq!(next.on_outcome(&TIMING, refused(), at(9)), step(10, None));
        assert_eq!(next.verdict().since, at(3));
    }
}
