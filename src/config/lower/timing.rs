//! When checks run: words that a virtual server, a real server and a check may all
//! have, the innermost of which counts.

use std::time::Duration;

use super::time::{LONGEST, LONGEST_TIMEOUT, SHORTEST};
use super::{Lower, Said};
use crate::config::model::Timing;
use crate::config::syntax::StatementId;

/// From one check to the next where nothing else is said (keepalived.conf(5)).
const DELAY_LOOP: Duration = Duration::from_secs(60);
/// How long a connection may take (keepalived.conf(5)).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What one block says about timing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimingWords {
    pub(super) delay_loop: Option<Said<Duration>>,
    pub(super) connect_timeout: Option<Said<Duration>>,
    pub(super) retry: Option<Said<u32>>,
    pub(super) delay_before_retry: Option<Said<Duration>>,
    pub(super) warmup: Option<Said<Duration>>,
    pub(super) alpha: Option<Said<bool>>,
}

/// What a kind of check does where nothing is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimingDefaults {
    pub(super) retry: u32,
    pub(super) delay_before_retry: Duration,
}

impl TimingWords {
    /// These, and where they say nothing, the outer ones.
    pub(super) fn or(self, outer: TimingWords) -> TimingWords {
        TimingWords {
            delay_loop: self.delay_loop.or(outer.delay_loop),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            retry: self.retry.or(outer.retry),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            warmup: self.warmup.or(outer.warmup),
            alpha: self.alpha.or(outer.alpha),
        }
    }

    /// What they come to.
    pub(super) fn resolve(self, defaults: TimingDefaults) -> Timing {
        let delay_loop = said(self.delay_loop).unwrap_or(DELAY_LOOP);
        Timing {
            delay_loop,
            timeout: said(self.connect_timeout).unwrap_or(CONNECT_TIMEOUT),
            retry: said(self.retry).unwrap_or(defaults.retry),
            delay_before_retry: said(self.delay_before_retry)
                .unwrap_or(defaults.delay_before_retry),
            warmup: said(self.warmup).unwrap_or(delay_loop),
        }
    }
}

/// The value of a setting.
pub(super) fn said<T>(setting: Option<Said<T>>) -> Option<T> {
    setting.map(|said| said.value)
}

impl Lower<'_, '_> {
    /// `delay_loop SECONDS`, above 0.
    pub(super) fn delay_loop(&mut self, words: &mut TimingWords, id: StatementId) {
        let word = self.value(id, "a time in seconds");
        let value = word.and_then(|word| self.seconds(word, SHORTEST..=LONGEST));
        self.say(&mut words.delay_loop, id, value);
    }

    /// `connect_timeout SECONDS`, above 0.
    pub(super) fn connect_timeout(&mut self, words: &mut TimingWords, id: StatementId) {
        let word = self.value(id, "a time in seconds");
        let value = word.and_then(|word| self.seconds(word, SHORTEST..=LONGEST_TIMEOUT));
        self.say(&mut words.connect_timeout, id, value);
    }

    /// `retry NUMBER`, from `least` on.
    pub(super) fn retry(&mut self, words: &mut TimingWords, id: StatementId, least: u32) {
        let word = self.value(id, "a number");
        let value = word.and_then(|word| self.number(word, least..=u32::MAX));
        self.say(&mut words.retry, id, value);
    }

    /// `delay_before_retry SECONDS`.
    pub(super) fn delay_before_retry(&mut self, words: &mut TimingWords, id: StatementId) {
        let word = self.value(id, "a time in seconds");
        let value = word.and_then(|word| self.seconds(word, Duration::ZERO..=LONGEST));
        self.say(&mut words.delay_before_retry, id, value);
    }

    /// `warmup SECONDS`.
    pub(super) fn warmup(&mut self, words: &mut TimingWords, id: StatementId) {
        let word = self.value(id, "a time in seconds");
        let value = word.and_then(|word| self.seconds(word, Duration::ZERO..=LONGEST));
        self.say(&mut words.warmup, id, value);
    }
}
