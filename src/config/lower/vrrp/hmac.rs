//! `auth_hmac` in `vrrp_instance` (keepalived.conf(5) of 2.4.3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settled::Context;
use crate::config::diagnostic::Code;
use crate::config::key_file::{KeyFile, key, tell_digits};
use crate::config::keywords::AUTH_HMAC;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::{StatementId, Word};
use crate::vrrp::settings::{AntiReplay, Hmac, HmacMode, Key};
use crate::vrrp::types::AdvertInterval;

/// The word of a key, and how its octets may be given.
pub(super) const KEY: &str = "key";
pub(super) const HEX: &str = "hex:";
pub(super) const FILE: &str = "file:";

/// The limits of `time_window`, in seconds.
const SHORTEST_WINDOW: u32 = 5;
const LONGEST_WINDOW: u32 = 300;

/// What the block says.
#[derive(Clone, Debug, Default)]
pub(super) struct HmacWords {
    keys: BTreeMap<u8, (WrittenKey, StatementId)>,
    active_key: Option<Said<u8>>,
    is_monotonic: Option<Said<bool>>,
    window: Option<Said<u32>>,
    mode: Option<Said<HmacMode>>,
}

/// A key as the file gives it.
#[derive(Clone, Debug)]
enum WrittenKey {
    Inline(Key),
    InFile(PathBuf, Word),
    /// It is wrong, which has been told.
    Wrong,
}

impl Lower<'_, '_> {
    /// `auth_hmac { ... }`.
    pub(super) fn auth_hmac(&mut self, block: StatementId) -> Option<HmacWords> {
        let ast = self.ast;
        if !self.has_block(block) {
            return None;
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        let mut words = HmacWords::default();
        for id in ast.block(block) {
            match ast.keyword(id) {
                KEY => self.hmac_key(&mut words, id),
                "active_key" => {
                    let word = self.value(id, "the number of a key");
                    let number = word.and_then(|word| self.number(word, 1..=255));
                    self.say(&mut words.active_key, id, number.map(|number| number as u8));
                }
                "anti_replay" => {
                    let choices = [("time", false), ("monotonic", true)];
                    let word = self.value(id, "`time` or `monotonic`");
                    let value =
                        word.and_then(|word| self.choice(word, "a kind of anti-replay", &choices));
                    self.say(&mut words.is_monotonic, id, value);
                }
                "time_window" => {
                    let word = self.value(id, "a number of seconds");
                    let value = word.and_then(|word| self.number(word, 1..=LONGEST_WINDOW));
                    self.say(&mut words.window, id, value);
                }
                "mode" => {
                    let choices = [
                        ("enforce", HmacMode::Enforce),
                        ("permissive", HmacMode::Permissive),
                        ("receive-only", HmacMode::ReceiveOnly),
                    ];
                    let word = self.value(id, "`enforce`, `permissive` or `receive-only`");
                    let value = word.and_then(|word| self.choice(word, "a mode", &choices));
                    self.say(&mut words.mode, id, value);
                }
                _ => self.other_among_secrets(AUTH_HMAC, id),
            }
        }
        Some(words)
    }

    /// `key NUMBER VALUE`. No message shows the value.
    fn hmac_key(&mut self, words: &mut HmacWords, id: StatementId) {
        let written = self.values(id);
        let (number, value, extra) = match written {
            [number, value, extra @ ..] => (*number, *value, extra),
            [number] if self.text(*number).parse::<u8>().is_ok() => {
                return self.missing_value(id, "a value of 32 to 64 octets");
            }
            [_] => return self.missing_value(id, "a number before its value"),
            [] => return self.missing_value(id, "a number and a value"),
        };
        self.extra_words(id, extra);
        let number = match self.text(number).parse::<u8>() {
            Ok(number) if number > 0 => number,
            _ => {
                let digits = self.text(number).trim_start_matches('-');
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                let code = match is_number && !digits.is_empty() {
                    true => Code::OutOfRange,
                    false => Code::InvalidValue,
                };
                let span = number.span();
                self.report(code, "a key has a number from 1 to 255")
                    .at(span, "this is none")
                    .help("its value stands behind the number: `key 1 VALUE`");
                return;
            }
        };
        let key = self.written_key(number, value).unwrap_or(WrittenKey::Wrong);
        if let Some((_, first)) = words.keys.insert(number, (key, id)) {
            let (first, second) = (self.span(first), self.span(id));
            self.report(Code::Duplicate, format!("the key {number} is there twice"))
                .at(second, "the same number again")
                .related(first, "first here")
                .help("a new key takes a new number, so that both hold while it is rolled out");
        }
    }

    fn written_key(&mut self, number: u8, word: Word) -> Option<WrittenKey> {
        let text = self.text(word);
        if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            let span = word.span();
            let message = format!("the key {number} is nothing but `*`");
            self.report(Code::Doubtful, message)
                .at(span, "this is what a dump has in its place")
                .help("write the key here, the same on all directors: this one everybody knows");
        }
        let Some(path) = text.strip_prefix(FILE) else {
            return match key(text.as_bytes()) {
                Ok(key) => {
                    tell_digits(text.as_bytes(), number, word.span(), self.diagnostics);
                    Some(WrittenKey::Inline(key))
                }
                Err(fault) => {
                    let span = word.span();
                    fault.tell(self.report(fault.code(), fault.message(number)), span);
                    None
                }
            };
        };
        if !Path::new(path).is_absolute() {
            let span = word.span();
            let message = format!("the file of key {number} is not named from the root on");
            self.report(Code::InvalidValue, message)
                .at(span, "a path that begins with `/` belongs here")
                .help("ipvsd does not stay in the folder that it is started in");
            return None;
        }
        Some(WrittenKey::InFile(path.into(), word))
    }

    /// What a block comes to.
    pub(super) fn settled_hmac(
        &mut self,
        said_block: Said<HmacWords>,
        context: &Context,
    ) -> Option<Hmac> {
        let Said { value: words, by } = said_block;
        let active_key = self.active_key(&words, by)?;
        let is_monotonic = said(words.is_monotonic) == Some(true);
        if let Some(window) = words.window.filter(|_| is_monotonic) {
            let span = self.span(window.by);
            self.report(
                Code::NoEffect,
                "`time_window` does not go together with `anti_replay monotonic`",
            )
            .at(span, "this has no effect");
        }
        let window = said(words.window).unwrap_or_else(|| window(context.advert_interval));
        let mut keys = BTreeMap::new();
        for (number, (written, _)) in words.keys {
            let key = match written {
                WrittenKey::Inline(key) => key,
                WrittenKey::InFile(path, word) => {
                    self.key_files.push(KeyFile {
                        path,
                        span: word.span(),
                        instance: self.model.vrrp_instances.len(),
                        number,
                    });
                    // Until the file has been read.
                    Key(Vec::new())
                }
                WrittenKey::Wrong => continue,
            };
            keys.insert(number, key);
        }
        Some(Hmac {
            keys,
            active_key,
            anti_replay: match is_monotonic {
                true => AntiReplay::Monotonic,
                false => AntiReplay::Time {
                    window: Duration::from_secs(window.into()),
                },
            },
            mode: self.hmac_mode(words.mode, context),
        })
    }

    /// The key that adverts are signed with: where there is but one, it.
    fn active_key(&mut self, words: &HmacWords, block: StatementId) -> Option<u8> {
        let Some(said) = words.active_key else {
            let mut numbers = words.keys.keys();
            return match (numbers.next(), numbers.next()) {
                (Some(only), None) => Some(*only),
                // What is there and wrong has been told.
                (first, _) => {
                    if !self.mentions(block, if first.is_some() { "active_key" } else { KEY }) {
                        self.no_active_key(block, first.is_some());
                    }
                    None
                }
            };
        };
        if words.keys.contains_key(&said.value) {
            return Some(said.value);
        }
        let numbers: Vec<_> = words.keys.keys().map(u8::to_string).collect();
        let span = self.span(said.by);
        let message = format!("there is no key {}", said.value);
        let diagnostic = self.report(Code::InvalidValue, message);
        diagnostic.at(span, "adverts would be signed with this");
        match numbers.as_slice() {
            [] => diagnostic.help("add it: `key NUMBER VALUE`"),
            _ => diagnostic.help(format!(
                "the numbers of its keys are {}",
                numbers.join(", ")
            )),
        };
        None
    }

    fn no_active_key(&mut self, block: StatementId, has_keys: bool) {
        let span = self.keyword_span(block);
        let (message, label, help) = match has_keys {
            true => (
                "`auth_hmac` with several keys needs `active_key`",
                "it is not said which of the keys adverts are signed with",
                "add `active_key NUMBER`",
            ),
            false => (
                "`auth_hmac` needs a key",
                "there is none in this block",
                "add `key 1 VALUE`, the same on all directors of the instance",
            ),
        };
        self.report(Code::MissingValue, message)
            .at(span, label)
            .help(help);
    }

    /// In strict mode nothing that is not signed is taken.
    fn hmac_mode(&mut self, mode: Option<Said<HmacMode>>, context: &Context) -> HmacMode {
        let lenient = mode.filter(|said| said.value != HmacMode::Enforce);
        if let (Some(mode), Some(strict)) = (lenient, context.strict) {
            self.not_strict(mode.by, strict, "`enforce` is used");
            return HmacMode::Enforce;
        }
        said(mode).unwrap_or_default()
    }
}

/// What `time_window` is where the file does not say, in seconds.
fn window(interval: AdvertInterval) -> u32 {
    let three = u32::from(interval.centiseconds()) * 3;
    three.div_ceil(100).clamp(SHORTEST_WINDOW, LONGEST_WINDOW)
}
