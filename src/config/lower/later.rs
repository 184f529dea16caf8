//! Words whose behaviour ipvsd does not have yet: their values are validated as the
//! reference has them, and land in the model.

use std::net::IpAddr;
use std::time::Duration;

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::model::{Setting, SettingValue};
use crate::config::reference::{self, Count, Fate, Kind, Takes, Value};
use crate::config::syntax::{StatementId, Word};

/// What the paths of top-level words would begin with.
const IN_NO_BLOCK: &str = "(top)/";

impl Lower<'_, '_> {
    /// A statement that the reference has as one that comes later, or never. Of one that
    /// is wrong, what is wrong has been told.
    pub(super) fn later(&mut self, block: &str, known: &'static reference::Word, id: StatementId) {
        let setting = self.setting(block, known, id);
        if matches!(known.fate, Fate::Later(_))
            && let Some(setting) = setting
        {
            self.later.push(setting);
        }
    }

    fn setting(
        &mut self,
        block: &str,
        known: &'static reference::Word,
        id: StatementId,
    ) -> Option<Setting> {
        let setting = |lower: &Self, values, block| Setting {
            word: known.name.to_owned(),
            values,
            block,
            origin: lower.origin(id),
        };
        match known.takes {
            Takes::Nothing => {
                self.flag(id)?;
                Some(setting(self, Vec::new(), None))
            }
            Takes::Values(values) => {
                let words = self.values(id);
                let values = self.read(id, words, values)?;
                Some(setting(self, values, None))
            }
            Takes::Command => {
                let script = self.command_and_user(id)?;
                Some(setting(self, vec![SettingValue::Command(script)], None))
            }
            Takes::OptionalCommand if self.values(id).is_empty() => {
                Some(setting(self, Vec::new(), None))
            }
            Takes::OptionalCommand => {
                let script = self.command_and_user(id)?;
                Some(setting(self, vec![SettingValue::Command(script)], None))
            }
            Takes::User => {
                let words = self.values(id);
                let user = self.user(id, words)?;
                Some(setting(self, vec![SettingValue::User(user)], None))
            }
            Takes::Block(head) => {
                let words = self.ast.words(id).get(1..).unwrap_or(&[]);
                let head = self.read(id, words, head);
                if !self.has_block(id) {
                    return None;
                }
                let inside = self.inside(&format!("{block}/{}", known.name), id);
                Some(setting(self, head?, Some(inside?)))
            }
            Takes::Lines(head, line) => {
                let words = self.ast.words(id).get(1..).unwrap_or(&[]);
                let head = self.read(id, words, head);
                if !self.has_block(id) {
                    return None;
                }
                let ast = self.ast;
                let lines: Vec<_> = ast.block(id).collect();
                let lines: Vec<_> = lines.into_iter().map(|id| self.line(id, line)).collect();
                let lines: Option<Vec<_>> = lines.into_iter().collect();
                Some(setting(self, head?, Some(lines?)))
            }
            // What has a grammar of its own is lowered by code of its own.
            Takes::Own(_) => None,
            Takes::List(value) => {
                self.extra_words(id, self.ast.words(id).get(1..).unwrap_or(&[]));
                if !self.has_block(id) {
                    return None;
                }
                let ast = self.ast;
                let words: Vec<Word> = ast
                    .block(id)
                    .flat_map(|line| ast.words(line).iter().copied())
                    .collect();
                let values: Vec<_> = words
                    .into_iter()
                    .map(|word| self.one(word, value))
                    .collect();
                let values: Option<Vec<_>> = values.into_iter().collect();
                Some(setting(self, values?, Some(Vec::new())))
            }
        }
    }

    /// The statements in the block of a word that is not served yet.
    fn inside(&mut self, path: &str, id: StatementId) -> Option<Vec<Setting>> {
        // A block of the top level is known by its own name.
        let path = path.strip_prefix(IN_NO_BLOCK).unwrap_or(path);
        let block = reference::block(path)?;
        let ast = self.ast;
        let before = std::mem::take(&mut self.later);
        let errors = self.diagnostics.errors();
        for id in ast.block(id) {
            match reference::word(block.path, ast.keyword(id)) {
                // All of it comes later: that has been told of the block.
                Some(known) if !matches!(known.fate, Fate::Older(_) | Fate::Gone) => {
                    if let Some(setting) = self.setting(block.path, known, id) {
                        self.later.push(setting);
                    }
                }
                _ => self.other(block.path, id),
            }
        }
        let inside = std::mem::replace(&mut self.later, before);
        (self.diagnostics.errors() == errors).then_some(inside)
    }

    /// A line that consists of values only.
    fn line(&mut self, id: StatementId, values: &[Value]) -> Option<Setting> {
        self.no_block(id);
        let words = self.ast.words(id);
        let values = self.read(id, words, values)?;
        Some(Setting {
            word: String::new(),
            values,
            block: None,
            origin: self.origin(id),
        })
    }

    /// The values of a statement. None where something is wrong with them, which has
    /// been told.
    fn read(
        &mut self,
        id: StatementId,
        words: &[Word],
        wanted: &[Value],
    ) -> Option<Vec<SettingValue>> {
        let mut values = Vec::new();
        let mut rest = words.iter().copied().peekable();
        let mut is_right = true;
        let (plain, announced): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|value| value.behind.is_none());
        let is_announcement = |lower: &Self, word: Word| {
            let text = lower.text(word);
            announced
                .iter()
                .any(|value: &&Value| value.behind == Some(text))
        };
        for value in plain {
            let mut count = 0;
            while let Some(word) = rest.peek().copied() {
                if is_announcement(self, word) {
                    break;
                }
                rest.next();
                count += 1;
                match self.one(word, *value) {
                    Some(value) => values.push(value),
                    None => is_right = false,
                }
                if matches!(value.count, Count::One | Count::Optional) {
                    break;
                }
            }
            if count == 0 && matches!(value.count, Count::One | Count::Many) {
                self.missing_value(id, &described(value.kind));
                return None;
            }
        }
        while let Some(word) = rest.peek().copied() {
            let text = self.text(word);
            let Some(value) = announced.iter().find(|value| value.behind == Some(text)) else {
                break;
            };
            rest.next();
            values.push(SettingValue::Text(text.to_owned()));
            match rest.next() {
                Some(word) => match self.one(word, **value) {
                    Some(value) => values.push(value),
                    None => is_right = false,
                },
                None if value.count == Count::Optional => {}
                None => {
                    self.missing_value(id, &format!("{} behind `{text}`", described(value.kind)));
                    is_right = false;
                }
            }
        }
        let rest: Vec<Word> = rest.collect();
        self.extra_words(id, &rest);
        is_right.then_some(values)
    }

    /// One value.
    fn one(&mut self, word: Word, wanted: Value) -> Option<SettingValue> {
        let text = self.text(word);
        match wanted.kind {
            Kind::Integer(low, high) => self.integer(word, low, high).map(SettingValue::Integer),
            Kind::Seconds(low, high) => {
                let range = Duration::from_micros(low)..=Duration::from_micros(high);
                self.seconds(word, range).map(SettingValue::Seconds)
            }
            Kind::Switch => self.switch_value(word).map(SettingValue::Switch),
            Kind::Address => self.address(word).map(SettingValue::Address),
            Kind::Ipv4 | Kind::Ipv6 => {
                let address = self.address(word)?;
                if address.is_ipv4() != (wanted.kind == Kind::Ipv4) {
                    let span = word.span();
                    let expected = described(wanted.kind);
                    self.report(
                        Code::FamilyMismatch,
                        format!("`{address}` is not {expected}"),
                    )
                    .at(span, format!("expected {expected}"));
                    return None;
                }
                Some(SettingValue::Address(address))
            }
            Kind::Network => self.network(word),
            Kind::Port => self
                .port(word)
                .map(|port| SettingValue::Integer(port.into())),
            Kind::PortOrAny => {
                let port = self.port_or_any(word)?;
                Some(SettingValue::Integer(port.into()))
            }
            Kind::Mark => self
                .mark(word)
                .map(|mark| SettingValue::Integer(mark.into())),
            Kind::Interface => {
                let name = self.interface_name(word)?;
                Some(SettingValue::Text(name.to_owned()))
            }
            Kind::OneOf(choices) => {
                let choices: Vec<_> = choices.iter().map(|choice| (*choice, *choice)).collect();
                let choice = self.choice(word, "possible here", &choices)?;
                Some(SettingValue::Text(choice.to_owned()))
            }
            Kind::Text if text.is_empty() => {
                self.invalid(word, "a value that says something");
                None
            }
            Kind::Text => Some(SettingValue::Text(text.to_owned())),
            Kind::Path => {
                if !text.starts_with('/') {
                    self.invalid(word, "an absolute path")
                        .help("ipvsd does not stay in the folder that it is started in");
                    return None;
                }
                Some(SettingValue::Text(text.to_owned()))
            }
        }
    }

    pub(super) fn integer(&mut self, word: Word, low: i64, high: i64) -> Option<i64> {
        if self.is_substituted(word) {
            return None;
        }
        let text = self.text(word);
        match text.parse::<i128>() {
            Ok(number) if (i128::from(low)..=i128::from(high)).contains(&number) => {
                i64::try_from(number).ok()
            }
            Ok(_) => {
                self.out_of_range(word, &format!("{low} to {high}"));
                None
            }
            Err(error) => {
                use std::num::IntErrorKind::{NegOverflow, PosOverflow};
                if matches!(error.kind(), NegOverflow | PosOverflow) {
                    self.out_of_range(word, &format!("{low} to {high}"));
                } else {
                    self.not_a_number(word, &format!("a whole number from {low} to {high}"));
                }
                None
            }
        }
    }

    /// A mark of a packet: decimal, or hexadecimal behind `0x`.
    fn mark(&mut self, word: Word) -> Option<u32> {
        let text = self.text(word);
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => match u32::from_str_radix(digits, 16) {
                Ok(mark) => Some(mark),
                Err(_) => {
                    self.invalid(word, "a mark, like `7` or `0x1f`");
                    None
                }
            },
            None => self.number(word, 0..=u32::MAX),
        }
    }

    /// An address, perhaps with the length of its prefix.
    fn network(&mut self, word: Word) -> Option<SettingValue> {
        let text = self.text(word);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            let what = "an address, perhaps with the length of its prefix";
            self.invalid(word, what);
            return None;
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse::<u8>) {
            None => None,
            Some(Ok(prefix)) if prefix <= longest => Some(prefix),
            Some(_) => {
                let span = word.span();
                let message = format!("`{}` has no such prefix", shown(text));
                self.report(Code::OutOfRange, message)
                    .at(span, format!("a prefix of 0 to {longest} is possible"));
                return None;
            }
        };
        Some(SettingValue::Network(address, prefix))
    }
}

/// What a value is, as a message names it.
fn described(kind: Kind) -> String {
    match kind {
        Kind::Integer(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Seconds(..) => "a number of seconds".to_owned(),
        Kind::Switch => "`on` or `off`".to_owned(),
        Kind::Address => "an address".to_owned(),
        Kind::Ipv4 => "an IPv4 address".to_owned(),
        Kind::Ipv6 => "an IPv6 address".to_owned(),
        Kind::Network => "an address".to_owned(),
        Kind::Port | Kind::PortOrAny => "a port".to_owned(),
        Kind::Mark => "a mark".to_owned(),
        Kind::Interface => "an interface".to_owned(),
        Kind::OneOf(choices) => format!("one of {}", choices.join(", ")),
        Kind::Text => "a value".to_owned(),
        Kind::Path => "an absolute path".to_owned(),
    }
}
