//! Values: numbers, times, addresses, ports, switches.

use std::net::IpAddr;
use std::num::IntErrorKind;
use std::ops::RangeInclusive;

use super::{Lower, guess};
use crate::config::diagnostic::{Code, Diagnostic, shown};
use crate::config::keywords;
use crate::config::syntax::{StatementId, Word};

impl<'a> Lower<'a, '_> {
    /// The only value of a statement that takes no block.
    pub(super) fn value(&mut self, id: StatementId, what: &str) -> Option<Word> {
        let word = self.optional_value(id);
        if word.is_none() {
            self.missing_value(id, what);
        }
        word
    }

    /// The only value, which may be missing.
    pub(super) fn optional_value(&mut self, id: StatementId) -> Option<Word> {
        let words = self.values(id);
        let (first, extra) = words.split_first()?;
        self.extra_words(id, extra);
        Some(*first)
    }

    /// All values of a statement that takes no block.
    pub(super) fn values(&mut self, id: StatementId) -> &'a [Word] {
        self.no_block(id);
        self.ast.words(id).get(1..).unwrap_or(&[])
    }

    pub(super) fn missing_value(&mut self, id: StatementId, what: &str) {
        let span = self.span(id);
        let word = shown(self.ast.keyword(id));
        self.report(Code::MissingValue, format!("`{word}` needs {what}"))
            .at(span, format!("{what} is missing"));
    }

    /// Words that say nothing, because what stands before them is complete.
    pub(super) fn extra_words(&mut self, id: StatementId, extra: &[Word]) {
        let (Some(first), Some(last)) = (extra.first(), extra.last()) else {
            return;
        };
        let span = first.span().to(last.span());
        let word = shown(self.ast.keyword(id));
        let message = match extra {
            [_] => format!("a word too many after `{word}`"),
            _ => format!("{} words too many after `{word}`", extra.len()),
        };
        let another = !keywords::blocks(self.text(*first)).is_empty();
        let comment = self.text(*first).starts_with("//");
        let diagnostic = self.report(Code::NoEffect, message);
        diagnostic.at(span, "this has no effect");
        if another {
            diagnostic.help("every statement begins on a line of its own");
        } else if comment {
            diagnostic.help("a comment begins with `#` or `!`");
        }
    }

    /// A word that stands by itself and so switches something on.
    pub(super) fn flag(&mut self, id: StatementId) -> Option<bool> {
        let words = self.values(id);
        match words {
            [only] if switch(&self.text(*only).to_ascii_lowercase()) == Some(false) => {
                let span = only.span();
                let word = self.ast.keyword(id);
                self.report(
                    Code::NoEffect,
                    format!("`{word}` takes no value: this is on"),
                )
                .at(span, "this has no effect, as with keepalived")
                .help("to switch it off, remove the line");
            }
            [only] if switch(&self.text(*only).to_ascii_lowercase()) == Some(true) => {
                let span = only.span();
                let word = self.ast.keyword(id);
                self.report(Code::Redundant, format!("`{word}` takes no value"))
                    .at(span, "it is on without this");
            }
            _ => self.extra_words(id, words),
        }
        Some(true)
    }

    /// A switch: on where nothing follows the word.
    pub(super) fn switch(&mut self, id: StatementId) -> Option<bool> {
        match self.optional_value(id) {
            Some(word) => self.switch_value(word),
            None => Some(true),
        }
    }

    /// The value of a switch, where it is written.
    pub(super) fn switch_value(&mut self, word: Word) -> Option<bool> {
        let text = self.text(word);
        let value = switch(&text.to_ascii_lowercase());
        match value {
            None => {
                self.invalid(word, "`on` or `off`")
                    .help("`true`, `false`, `yes` and `no` are possible too");
            }
            Some(_) if switch(text).is_none() => self.unusual_case(word, &text.to_lowercase()),
            Some(_) => {}
        }
        value
    }

    /// A whole number.
    pub(super) fn number(&mut self, word: Word, range: RangeInclusive<u32>) -> Option<u32> {
        let (low, high) = (*range.start(), *range.end());
        let number = self.integer(word, low.into(), high.into())?;
        u32::try_from(number).ok()
    }

    /// A whole number that may be below 0.
    pub(super) fn integer(&mut self, word: Word, low: i64, high: i64) -> Option<i64> {
        let range = format!("{low} to {high}");
        match self.text(word).trim_start().parse::<i128>() {
            Ok(number) if (i128::from(low)..=i128::from(high)).contains(&number) => {
                return i64::try_from(number).ok();
            }
            Ok(_) => self.out_of_range(word, &range),
            Err(error) => match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                    self.out_of_range(word, &range);
                }
                _ => {
                    self.not_a_number(word, &format!("a whole number from {range}"));
                }
            },
        }
        None
    }

    /// An IPv4 or IPv6 address.
    pub(super) fn address(&mut self, word: Word) -> Option<IpAddr> {
        let text = self.text(word);
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        if let Some((address, prefix)) = text.split_once('/')
            && let Ok(address) = address.parse::<IpAddr>()
            && prefix.parse() == Ok(if address.is_ipv4() { 32 } else { 128 })
        {
            let span = word.span();
            self.report(Code::ValueAdjusted, "an address has no prefix length here")
                .at(span, format!("{address} is used"))
                .replace_with(address.to_string());
            return Some(address);
        }
        let help = address_help(text);
        let diagnostic = self.invalid(word, "an IPv4 or IPv6 address");
        if let Some((help, replacement)) = help {
            diagnostic.help(help);
            diagnostic.replacement = replacement;
        }
        None
    }

    /// A port other than 0.
    pub(super) fn port(&mut self, word: Word) -> Option<u16> {
        let text = self.text(word);
        let is_name = text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        if is_name && digits_of(text).is_none() {
            self.not_a_number(word, "a port from 1 to 65535")
                .help("names of services are not looked up");
            return None;
        }
        let port = self.number(word, 1..=u32::from(u16::MAX))?;
        u16::try_from(port).ok()
    }

    /// A port where 0 is every port.
    pub(super) fn port_or_any(&mut self, word: Word) -> Option<u16> {
        match self.text(word) {
            "0" => Some(0),
            _ => self.port(word),
        }
    }

    /// A name out of a list, in whatever case: the first of the pair is what the
    /// file says.
    pub(super) fn choice<T: Copy>(
        &mut self,
        word: Word,
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(word);
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        if let Some((name, value)) = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            self.unusual_case(word, name);
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let similar = names.iter().copied().find(|name| {
            guess::is_worth_it(text)
                && strsim::damerau_levenshtein(&name.to_lowercase(), &text.to_lowercase()) == 1
                && name.len() > 2
        });
        let diagnostic = self.invalid(word, what);
        if let Some(name) = similar {
            diagnostic
                .help(format!("did you mean `{name}`?"))
                .replace_with(name);
        }
        if names.len() > 1 {
            diagnostic.help(format!("it is one of {}", names.join(", ")));
        }
        None
    }

    fn unusual_case(&mut self, word: Word, name: &str) {
        let span = word.span();
        let text = shown(self.text(word));
        self.report(Code::UnusualCase, format!("`{text}` is written `{name}`"))
            .at(span, format!("taken for `{name}`"))
            .help("keepalived does not take it in this case")
            .replace_with(name);
    }

    pub(super) fn out_of_range(&mut self, word: Word, range: &str) {
        let text = shown(self.text(word));
        let span = word.span();
        self.report(Code::OutOfRange, format!("`{text}` is out of range"))
            .at(span, format!("possible is {range}"));
    }

    pub(super) fn not_a_number(&mut self, word: Word, wanted: &str) -> &mut Diagnostic {
        let text = shown(self.text(word));
        let span = word.span();
        let trailing = self.text(word).ends_with([';', ',']);
        let digits = digits_of(self.text(word));
        let diagnostic = self.report(Code::InvalidValue, format!("`{text}` is not a number"));
        diagnostic.at(span, format!("expected {wanted}"));
        if trailing {
            diagnostic.help("a statement ends with its line, without a `;` or `,`");
        }
        if let Some(digits) = digits {
            let help = format!("numbers are written in digits: `{digits}`");
            diagnostic.help(help).replace_with(digits);
        }
        diagnostic
    }

    /// A value that is not what belongs here.
    pub(super) fn invalid(&mut self, word: Word, wanted: &str) -> &mut Diagnostic {
        let text = match self.text(word) {
            "" => "\"\"".to_owned(),
            text => shown(text),
        };
        let span = word.span();
        let no_break = self.text(word).contains('\u{a0}');
        let diagnostic = self.report(Code::InvalidValue, format!("`{text}` is not {wanted}"));
        diagnostic.at(span, format!("expected {wanted}"));
        if no_break {
            diagnostic.help(NO_BREAK_SPACE);
        } else if text == "=" {
            diagnostic.help("a value follows its word without a sign: `WORD VALUE`");
        } else if text.len() > 1 && text.ends_with([',', ';']) {
            diagnostic.help("values and statements have no sign at their end");
        }
        diagnostic
    }
}

/// What is said about words that look like several.
pub(super) const NO_BREAK_SPACE: &str =
    "there is a no-break space (U+00A0) in it, which separates no words: type a space over it";

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// The number that a word of English says, or one with a comma for a point.
fn digits_of(text: &str) -> Option<String> {
    const WORDS: [&str; 11] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let text = text.to_ascii_lowercase();
    if let Some(number) = WORDS.iter().position(|word| *word == text) {
        return Some(number.to_string());
    }
    let (whole, fraction) = text.split_once(',')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(whole) && is_number(fraction)).then(|| format!("{whole}.{fraction}"))
}

/// What may have been meant by what is not an address.
fn address_help(text: &str) -> Option<(String, Option<String>)> {
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        let words = format!("{} {}", socket.ip(), socket.port());
        return Some((
            format!("the port is a word of its own: `{words}`"),
            Some(words),
        ));
    }
    if let Some(inner) = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        && inner.parse::<IpAddr>().is_ok()
    {
        return Some((
            format!("without brackets: `{inner}`"),
            Some(inner.to_owned()),
        ));
    }
    if text
        .split_once('-')
        .is_some_and(|(first, _)| first.parse::<IpAddr>().is_ok())
    {
        let help = "a range of addresses belongs in a `virtual_server_group`";
        return Some((help.to_owned(), None));
    }
    if text.contains('%') {
        let help = "an address has no zone here: the kernel's table does not know interfaces";
        return Some((help.to_owned(), None));
    }
    let is_of_names = |character: char| character.is_alphanumeric() || "._-".contains(character);
    if text.chars().all(is_of_names) && text.chars().any(char::is_alphabetic) {
        let help =
            "names are not looked up: the table has to be right before any name server answers";
        return Some((help.to_owned(), None));
    }
    None
}
