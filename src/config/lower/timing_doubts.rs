//! Times of a check that are longer than the time from one check to the next. It is run
//! as it says all the same, but a server that is gone stays in the table for longer than
//! `delay_loop` makes one think.

use std::time::Duration;

use super::timing::TimingWords;
use super::{Lower, Said};
use crate::config::diagnostic::Code;
use crate::config::model::Timing;
use crate::config::syntax::StatementId;

const SLOW_CONNECTION: &str =
    "a connection may take longer than the time from one check to the next";
const LATE_RETRY: &str = "a retry comes later than the next check would";
const SLOW_RETRIES: &str = "retries may take longer than the time from one check to the next";
const LONGER: &str = "longer than `delay_loop`";

impl Lower<'_, '_> {
    /// What is told of the times of a check, the simplest reason only. What is said for
    /// many checks is told once, and what nobody has written down is not held against
    /// anybody.
    pub(super) fn timing_doubts(&mut self, words: &TimingWords, timing: &Timing) {
        let Some(interval) = words.delay_loop else {
            return;
        };
        let longer = |said: Option<Said<Duration>>| {
            let said = said.filter(|said| said.value > interval.value)?;
            Some(said.by)
        };
        let attempt = longer(words.connect_timeout);
        let pause = longer(words.delay_before_retry);
        if let Some(by) = attempt {
            self.slow(SLOW_CONNECTION, by, interval.by, LONGER);
        }
        if let Some(by) = pause {
            self.slow(LATE_RETRY, by, interval.by, LONGER);
        }
        if attempt.is_some() || pause.is_some() {
            return;
        }
        let retry = words.retry.map(|said| said.by);
        let Some(by) = retry.or(words.delay_before_retry.map(|said| said.by)) else {
            return;
        };
        let once = timing.timeout.saturating_add(timing.delay_before_retry);
        let retries = once.saturating_mul(timing.retry);
        if retries > interval.value {
            let label = format!(
                "{} x ({} + {}) = {} seconds, and `delay_loop` is {}",
                timing.retry,
                timing.timeout.as_secs_f64(),
                timing.delay_before_retry.as_secs_f64(),
                retries.as_secs_f64(),
                interval.value.as_secs_f64(),
            );
            self.slow(SLOW_RETRIES, by, interval.by, &label);
        }
    }

    fn slow(&mut self, message: &'static str, by: StatementId, interval: StatementId, label: &str) {
        if !self.across.told.insert((by, interval)) {
            return;
        }
        let (span, interval) = (self.span(by), self.span(interval));
        if self.diagnostics.fold(Code::Advice, message, span) {
            return;
        }
        let diagnostic = self
            .diagnostics
            .report_first(Code::Advice, message, message);
        diagnostic
            .at(span, label)
            .related(interval, "from one check to the next");
        if message == SLOW_RETRIES {
            diagnostic.help(
                "a server that does not answer stays in the table until the last retry has \
                 failed: fewer of them, or shorter times, take it out earlier",
            );
        }
    }
}
