//! Values of routes that TCP and the network layer go by: `mtu`, `rtt` and so on.

use std::time::Duration;

use super::Words;
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::lower::time::{Timer, parse_time};
use crate::config::model::route::{Metric, MetricKind};
use crate::config::syntax::Word;

/// The longest that the kernel has room for, as keepalived takes them.
const LONGEST_RTT: Duration = Duration::from_secs(960);
const LONGEST_RTTVAR: Duration = Duration::from_secs(480);
/// What the kernel does not go below (`TCP_RTO_MIN`).
const SHORTEST_RTT: Duration = Duration::from_millis(200);

impl Lower<'_, '_> {
    /// `[lock] VALUE` behind the name of a metric.
    pub(super) fn metric(
        &mut self,
        kind: MetricKind,
        option: Word,
        words: &mut Words<'_>,
    ) -> Option<Metric> {
        use MetricKind::{FastOpenNoCookie, Features, HopLimit, InitCwnd, InitRwnd, QuickAck};
        let can_be_locked = !matches!(
            kind,
            FastOpenNoCookie | Features | HopLimit | InitCwnd | InitRwnd | QuickAck
        );
        let is_locked = can_be_locked && self.lock(words);
        let word = self.option_value(option, words)?;
        let value = match kind {
            QuickAck | FastOpenNoCookie => self.decimal_or_hex(word, 0..=1)?,
            HopLimit => self.decimal_or_hex(word, 0..=255)?,
            Features => self.choice(word, "a feature", &[("ecn", 1)])?,
            _ if kind.is_time() => self.time_of_route(kind, word)?,
            _ => self.decimal_or_hex(word, 0..=u32::MAX)?,
        };
        Some(Metric { value, is_locked })
    }

    /// Whether `lock` is next, which is then behind.
    pub(super) fn lock(&mut self, words: &mut Words<'_>) -> bool {
        let is_locked = words.peek().is_some_and(|word| self.text(word) == "lock");
        if is_locked {
            words.next();
        }
        is_locked
    }

    /// A time in milliseconds, or with `s` in seconds; what it comes to in microseconds.
    fn time_of_route(&mut self, kind: MetricKind, word: Word) -> Option<u32> {
        let text = self.text(word);
        let (digits, divisor) = match text.strip_suffix("ms") {
            Some(digits) => (digits, 1000),
            None => match text.strip_suffix('s') {
                Some(digits) => (digits, 1),
                None => (text, 1000),
            },
        };
        let Ok(Timer { value, .. }) = parse_time(digits, 6) else {
            self.not_a_number(word, "a number of milliseconds")
                .help("with `s` behind it, it is in seconds: `200`, `200ms`, `0.2s`");
            return None;
        };
        let time = value / divisor;
        let longest = match kind {
            MetricKind::RttVar => LONGEST_RTTVAR,
            _ => LONGEST_RTT,
        };
        if time > longest {
            self.out_of_range(word, &format!("0 to {} s", longest.as_secs()));
            return None;
        }
        if time < SHORTEST_RTT && kind != MetricKind::RttVar {
            let span = word.span();
            let keyword = text_of(kind);
            self.report(
                Code::ValueAdjusted,
                format!("`{keyword}` is at least 200 milliseconds"),
            )
            .at(span, "200ms is used, as by keepalived");
        }
        let time = match kind {
            MetricKind::RttVar => time,
            _ => time.max(SHORTEST_RTT),
        };
        u32::try_from(time.as_micros()).ok()
    }
}

fn text_of(kind: MetricKind) -> &'static str {
    let found = MetricKind::ALL.iter().find(|(_, one)| *one == kind);
    found.map_or("rtt", |(name, _)| name)
}
