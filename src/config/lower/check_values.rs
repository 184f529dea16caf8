//! Values that only checks have: what a request asks for, what an answer has to be.

use std::ops::RangeInclusive;

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::model::StatusCodes;
use crate::config::syntax::{StatementId, Word};

/// The status codes that can be expected (RFC 9110, section 15).
const STATUS_CODES: RangeInclusive<u16> = 100..=599;
/// The longest name of the domain name system as it is written, and its longest part
/// (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

impl<'s> Lower<'_, 's> {
    /// `path PATH`.
    pub(super) fn path(&mut self, id: StatementId) -> Option<&'s str> {
        let word = self.value(id, "a path")?;
        self.url_path(word)
    }

    pub(super) fn url_path(&mut self, word: Word) -> Option<&'s str> {
        if self.is_substituted(word) {
            return None;
        }
        let path = self.text(word);
        if !path.starts_with('/') {
            let fixed = format!("/{path}");
            self.invalid(word, "a path that begins with `/`")
                .replace_with(fixed);
            return None;
        }
        if path.contains(|character: char| character.is_whitespace() || character.is_control()) {
            self.invalid(word, "a path without blanks")
                .help("in a request, `%20` stands for a blank");
            return None;
        }
        Some(path)
    }

    /// `virtualhost NAME`: what the `Host` header says.
    pub(super) fn host(&mut self, id: StatementId) -> Option<&'s str> {
        let word = self.value(id, "a host name")?;
        self.plain_name(word, "a host name")
    }

    /// A name without blanks and control characters.
    pub(super) fn plain_name(&mut self, word: Word, what: &str) -> Option<&'s str> {
        if self.is_substituted(word) {
            return None;
        }
        let name = self.text(word);
        let odd = |character: char| character.is_whitespace() || character.is_control();
        if name.is_empty() || name.contains(odd) {
            self.invalid(word, what);
            return None;
        }
        Some(name)
    }

    /// `digest MD5`.
    pub(super) fn digest(&mut self, id: StatementId) -> Option<[u8; 16]> {
        let word = self.value(id, "an MD5 sum")?;
        self.md5(word)
    }

    /// The MD5 sum of a page: 32 hexadecimal digits.
    pub(super) fn md5(&mut self, word: Word) -> Option<[u8; 16]> {
        if self.is_substituted(word) {
            return None;
        }
        let digits: Option<Vec<u8>> = self
            .text(word)
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect();
        let bytes = digits.filter(|digits| digits.len() == 32).map(|digits| {
            std::array::from_fn(|index| digits[2 * index] << 4 | digits[2 * index + 1])
        });
        if bytes.is_none() {
            let length = self.text(word).chars().count();
            self.invalid(word, "an MD5 sum of 32 hexadecimal digits")
                .help(format!(
                    "this has {length} characters; `ipvsd genhash` computes one"
                ));
        }
        bytes
    }

    /// `status_code 200 300-399 …`.
    pub(super) fn status_codes(&mut self, id: StatementId) -> Option<StatusCodes> {
        let words = self.values(id);
        if words.is_empty() {
            self.missing_value(id, "a status code");
            return None;
        }
        let ranges = words.iter().map(|word| self.status_range(*word));
        let ranges: Vec<_> = ranges.collect();
        ranges.into_iter().collect::<Option<_>>().map(StatusCodes)
    }

    /// `200` or `300-399`.
    pub(super) fn status_range(&mut self, word: Word) -> Option<RangeInclusive<u16>> {
        if self.is_substituted(word) {
            return None;
        }
        let text = self.text(word);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let code = |text: &str| text.parse().ok().filter(|code| STATUS_CODES.contains(code));
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => Some(first..=last),
            (Some(_), Some(_)) => {
                let span = word.span();
                let message = format!("`{}` ends before it begins", shown(text));
                self.report(Code::InvalidValue, message)
                    .at(span, "the smaller number comes first");
                None
            }
            _ => {
                self.invalid(word, "a status code")
                    .help("possible are 100 to 599 and ranges of them, like `200 300-399`");
                None
            }
        }
    }

    /// Hexadecimal digits, of which `any` may stand for each.
    pub(super) fn hex(&mut self, word: Word, any: &str) -> Option<&'s str> {
        if self.is_substituted(word) {
            return None;
        }
        let text = self.text(word);
        let is_digit =
            |digit: char| digit.is_ascii_hexdigit() || digit.is_whitespace() || any.contains(digit);
        if !text.chars().all(is_digit) || text.trim().is_empty() {
            let diagnostic = self.invalid(word, "hexadecimal digits");
            if text.starts_with("0x") {
                diagnostic.help("without `0x`");
            } else if !any.is_empty() {
                diagnostic.help("`x` stands for any digit");
            }
            return None;
        }
        Some(text)
    }

    /// A name of the domain name system (RFC 1035, section 2.3.1, with other characters
    /// than letters, as RFC 2181, section 11, allows).
    pub(super) fn domain_name(&mut self, word: Word) -> Option<&'s str> {
        let name = self.plain_name(word, "a domain name")?;
        if name == "." {
            return Some(name);
        }
        let without_root = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| (1..=LONGEST_LABEL).contains(&label.len());
        if without_root.len() > LONGEST_NAME || !without_root.split('.').all(is_label) {
            self.invalid(word, "a domain name").help(format!(
                "its parts have 1 to {LONGEST_LABEL} characters, and all of it {LONGEST_NAME} \
                 at most"
            ));
            return None;
        }
        Some(name)
    }
}
