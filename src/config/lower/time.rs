//! Times, as they are written.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::syntax::Word;

/// Microseconds in a second, the resolution of times.
const MICROS: u64 = 1_000_000;

/// A time as it is written.
pub(super) struct Timer {
    pub(super) value: Duration,
    /// There were more than six decimal places.
    cut: bool,
}

pub(super) enum NotATimer {
    NotANumber,
    Negative,
    TooLarge,
}

/// What times are written in.
struct TimeUnit {
    name: &'static str,
    short: &'static str,
    /// How many decimal places there may be: down to a microsecond.
    places: usize,
    places_in_words: &'static str,
}

const SECONDS: TimeUnit = TimeUnit {
    name: "seconds",
    short: "s",
    places: 6,
    places_in_words: "six",
};
const MILLISECONDS: TimeUnit = TimeUnit {
    name: "milliseconds",
    short: "ms",
    places: 3,
    places_in_words: "three",
};

/// A number with letters behind it that may be meant for a unit: `3`, `ms`.
fn number_with_unit(text: &str) -> Option<(&str, &str)> {
    let number = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = &text[number.len()..];
    (!unit.is_empty() && parse_time(number, SECONDS.places).is_ok()).then_some((number, unit))
}

/// `3`, `+3`, `2.71828`, `.5`, `1.`: what keepalived takes, with so many decimal places.
pub(super) fn parse_time(text: &str, places: usize) -> Result<Timer, NotATimer> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
        return Err(NotATimer::NotANumber);
    }
    if negative {
        return Err(NotATimer::Negative);
    }
    let seconds: u64 = match whole {
        "" => 0,
        _ => whole.parse().map_err(|_| NotATimer::TooLarge)?,
    };
    let kept = fraction.bytes().take(places);
    let micros = kept
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0'));
    Ok(Timer {
        value: Duration::new(seconds, micros * 1000),
        cut: fraction.len() > places,
    })
}

/// The longest time that keepalived's 64 bits of microseconds hold.
pub(super) const LONGEST: Duration = Duration::new(u64::MAX / MICROS, 551_614_000);
/// The longest time that its 32 bits hold.
pub(super) const LONGEST_TIMEOUT: Duration = Duration::new(4294, 967_295_000);
/// The shortest time that is not none.
pub(super) const SHORTEST: Duration = Duration::from_micros(1);

impl Lower<'_, '_> {
    /// A time in whole seconds.
    pub(super) fn whole_seconds(&mut self, word: Word, range: RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(word);
        if number_with_unit(text).is_none() {
            return self.number(word, range);
        }
        let wanted = format!(
            "a whole number of seconds from {} to {}",
            range.start(),
            range.end()
        );
        let diagnostic = self.not_a_number(word, &wanted);
        match number_with_unit(text) {
            Some((number, "s")) => diagnostic
                .help(format!("times are in seconds without a unit: `{number}`"))
                .replace_with(number),
            _ => diagnostic.help("times are in seconds, without a unit"),
        };
        None
    }

    /// A time in seconds, perhaps with a fraction, of which keepalived takes six
    /// places.
    pub(super) fn seconds(
        &mut self,
        word: Word,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.time(word, range, &SECONDS)
    }

    /// A time in milliseconds, perhaps with a fraction, of which keepalived takes three
    /// places.
    pub(super) fn milliseconds(
        &mut self,
        word: Word,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        // As if they were seconds, of which all is a thousandth.
        let range = *range.start() * 1000..=*range.end() * 1000;
        let time = self.time(word, range, &MILLISECONDS)?;
        Some(time / 1000)
    }

    fn time(
        &mut self,
        word: Word,
        range: RangeInclusive<Duration>,
        unit: &TimeUnit,
    ) -> Option<Duration> {
        let text = self.text(word).trim_start();
        let name = unit.name;
        let wanted = || {
            let (low, high) = (range.start().as_secs_f64(), range.end().as_secs_f64());
            match (range.start().is_zero(), *range.end() == LONGEST) {
                (true, true) => format!("0 {name} or more"),
                (false, true) => format!("{low} {name} or more"),
                (true, false) => format!("0 to {high} {name}"),
                (false, false) => format!("{low} to {high} {name}"),
            }
        };
        match parse_time(text, unit.places) {
            Ok(Timer { value, cut }) if range.contains(&value) => {
                if cut {
                    let span = word.span();
                    let places = unit.places_in_words;
                    let message = format!("a time has at most {places} decimal places");
                    self.report(Code::ValueAdjusted, message).at(
                        span,
                        format!("{} {} is used", value.as_secs_f64(), unit.short),
                    );
                }
                Some(value)
            }
            Ok(_) | Err(NotATimer::TooLarge | NotATimer::Negative) => {
                self.out_of_range(word, &wanted());
                None
            }
            Err(NotATimer::NotANumber) => {
                let expected = format!("a number of {name}, like `3` or `0.5`");
                let diagnostic = self.not_a_number(word, &expected);
                match number_with_unit(text) {
                    Some((number, behind)) if behind == unit.short => {
                        diagnostic
                            .help(format!("times are in {name} without a unit: `{number}`"))
                            .replace_with(number);
                    }
                    Some(_) => {
                        diagnostic.help(format!("times are in {name}, without a unit"));
                    }
                    None => {}
                }
                None
            }
        }
    }
}
