//! `TCP_CHECK`, `HTTP_GET` and `MISC_CHECK`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::real_server::Checked;
use super::timing::{TimingDefaults, TimingWords, said};
use super::{Lower, Said};
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{HTTP_GET, MISC_CHECK, TCP_CHECK, URL};
use crate::config::model::{
    Check, CheckSpec, CheckTarget, HttpCheck, HttpUrl, MiscCheck, Script, StatusCodes, UserSpec,
};
use crate::config::syntax::{StatementId, Word};

/// keepalived.conf(5): one retry after a second, three for HTTP_GET, none for
/// MISC_CHECK.
const TCP_DEFAULTS: TimingDefaults = TimingDefaults {
    retry: 1,
    delay_before_retry: Duration::from_secs(1),
};
const HTTP_DEFAULTS: TimingDefaults = TimingDefaults {
    retry: 1,
    delay_before_retry: Duration::from_secs(3),
};
const MISC_DEFAULTS: TimingDefaults = TimingDefaults {
    retry: 0,
    delay_before_retry: Duration::from_secs(1),
};

/// The longest time limit of a script, in seconds.
const MAX_MISC_TIMEOUT: u32 = 4294;
/// The status codes that can be expected (RFC 9110, section 15).
const STATUS_CODES: RangeInclusive<u16> = 100..=599;

/// What every check that makes a connection may say.
#[derive(Default)]
struct ConnectionWords {
    timing: TimingWords,
    address: Option<Said<IpAddr>>,
    port: Option<Said<u16>>,
}

impl<'s> Lower<'_, 's> {
    pub(super) fn tcp_check(
        &mut self,
        checked: Option<&Checked<'s>>,
        block: StatementId,
    ) -> Option<Check> {
        if !self.begin_check(block) {
            return None;
        }
        let ast = self.ast;
        let mut words = ConnectionWords::default();
        for id in ast.block(block) {
            if !self.connection_word(&mut words, id) {
                self.other(TCP_CHECK, id);
            }
        }
        let checked = checked?;
        let spec = CheckSpec::Tcp(self.target(&words, checked, block)?);
        Some(self.check(spec, words.timing, checked, TCP_DEFAULTS, block))
    }

    pub(super) fn http_get(
        &mut self,
        checked: Option<&Checked<'s>>,
        block: StatementId,
    ) -> Option<Check> {
        if !self.begin_check(block) {
            return None;
        }
        let ast = self.ast;
        let mut words = ConnectionWords::default();
        let mut virtualhost = None;
        let mut urls = Vec::new();
        for id in ast.block(block) {
            match ast.keyword(id) {
                "virtualhost" => {
                    let value = self.host(id);
                    self.say(&mut virtualhost, id, value);
                }
                "url" => urls.push(id),
                _ if self.connection_word(&mut words, id) => {}
                _ => self.other(HTTP_GET, id),
            }
        }
        if urls.is_empty() {
            let span = self.span(block);
            self.report(Code::MissingValue, "`HTTP_GET` needs a `url`")
                .at(span, "there is none in this block")
                .help("for example `url { path / }`");
        }
        let outer = checked.and_then(|checked| checked.virtualhost);
        let outer = said(virtualhost).or(outer);
        let urls = urls.into_iter().filter_map(|id| self.url(outer, id));
        let urls: Vec<_> = urls.collect();
        let checked = checked?;
        let spec = CheckSpec::Http(HttpCheck {
            target: self.target(&words, checked, block)?,
            urls,
        });
        Some(self.check(spec, words.timing, checked, HTTP_DEFAULTS, block))
    }

    fn url(&mut self, outer: Option<&'s str>, block: StatementId) -> Option<HttpUrl> {
        if !self.begin_check(block) {
            return None;
        }
        let ast = self.ast;
        let (mut path, mut digest, mut codes, mut virtualhost) = (None, None, None, None);
        for id in ast.block(block) {
            match ast.keyword(id) {
                "path" => {
                    let value = self.path(id);
                    self.say(&mut path, id, value);
                }
                "digest" => {
                    let value = self.digest(id);
                    self.say(&mut digest, id, value);
                }
                "status_code" => {
                    let value = self.status_codes(id);
                    self.say(&mut codes, id, value);
                }
                "virtualhost" => {
                    let value = self.host(id);
                    self.say(&mut virtualhost, id, value);
                }
                _ => self.other(URL, id),
            }
        }
        let said_path = ast.block(block).any(|id| ast.keyword(id) == "path");
        if !said_path {
            let span = self.span(block);
            self.report(Code::MissingValue, "`url` needs a `path`")
                .at(span, "there is none in this block");
        }
        Some(HttpUrl {
            path: said(path)?.to_owned(),
            virtual_host: said(virtualhost).or(outer).map(str::to_owned),
            digest: said(digest),
            status_codes: said(codes).unwrap_or_default(),
        })
    }

    pub(super) fn misc_check(
        &mut self,
        checked: Option<&Checked<'s>>,
        block: StatementId,
    ) -> Option<Check> {
        if !self.begin_check(block) {
            return None;
        }
        let ast = self.ast;
        let mut timing = TimingWords::default();
        let mut timeout: Option<Said<u32>> = None;
        let mut user: Option<Said<UserSpec>> = None;
        let (mut argv, mut dynamic, mut said_path) = (None, None, false);
        for id in ast.block(block) {
            match ast.keyword(id) {
                "misc_path" => {
                    said_path = true;
                    let value = self.command(id);
                    self.say(&mut argv, id, value);
                }
                "misc_timeout" => {
                    let word = self.value(id, "a number of seconds");
                    let value = word.and_then(|word| self.number(word, 0..=MAX_MISC_TIMEOUT));
                    self.say(&mut timeout, id, value);
                }
                "misc_dynamic" => {
                    let value = self.flag(id);
                    self.say(&mut dynamic, id, value);
                }
                "user" => {
                    let words = self.values(id);
                    let value = self.user(id, words);
                    self.say(&mut user, id, value);
                }
                _ if self.timing_word(&mut timing, id) => {}
                _ => self.other(MISC_CHECK, id),
            }
        }
        if !said_path {
            let span = self.span(block);
            self.report(Code::MissingValue, "`MISC_CHECK` needs a `misc_path`")
                .at(span, "there is none in this block");
        }
        let (checked, argv) = (checked?, said(argv)?);
        let script = self.script(Script {
            argv,
            user: said(user),
        });
        let dynamic = said(dynamic).unwrap_or(false);
        let spec = CheckSpec::Misc(MiscCheck { script, dynamic });
        let mut check = self.check(spec, timing, checked, MISC_DEFAULTS, block);
        check.timing.timeout = match said(timeout) {
            Some(0) | None => check.timing.delay_loop,
            Some(seconds) => Duration::from_secs(seconds.into()),
        };
        Some(check)
    }

    /// Looks at the line of a check: it has no words but the first, and a block.
    fn begin_check(&mut self, block: StatementId) -> bool {
        let words = self.ast.words(block);
        self.extra_words(block, words.get(1..).unwrap_or(&[]));
        self.has_block(block)
    }

    fn check(
        &mut self,
        spec: CheckSpec,
        timing: TimingWords,
        checked: &Checked<'_>,
        defaults: TimingDefaults,
        block: StatementId,
    ) -> Check {
        let timing = timing.or(checked.timing);
        Check {
            spec,
            timing: timing.resolve(defaults),
            alpha: said(timing.alpha).unwrap_or(false),
            origin: self.origin(block),
            later: Vec::new(),
        }
    }

    /// Where a check connects to.
    fn target(
        &mut self,
        words: &ConnectionWords,
        checked: &Checked<'_>,
        block: StatementId,
    ) -> Option<CheckTarget> {
        let address = said(words.address).unwrap_or(checked.server.address);
        let port = said(words.port).unwrap_or(checked.port);
        if port == 0 {
            let span = self.span(block);
            let word = self.ast.keyword(block);
            self.report(Code::MissingValue, format!("`{word}` needs a port"))
                .at(
                    span,
                    "neither the real server nor the virtual server has one",
                )
                .help("say `connect_port` in this block");
            return None;
        }
        let address = SocketAddr::new(address, port);
        Some(CheckTarget { address })
    }

    /// Words that every check has. False where it is none of them.
    fn timing_word(&mut self, words: &mut TimingWords, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "delay_loop" => self.delay_loop(words, id),
            "retry" => self.retry(words, id, 0),
            "nb_get_retry" => {
                self.older(id, "retry");
                self.retry(words, id, 0);
            }
            "delay_before_retry" => self.delay_before_retry(words, id),
            "warmup" => self.warmup(words, id),
            "alpha" => {
                let value = self.switch(id);
                self.say(&mut words.alpha, id, value);
            }
            _ => return false,
        }
        true
    }

    /// Words that every check has that makes a connection. False where it is none of
    /// them.
    fn connection_word(&mut self, words: &mut ConnectionWords, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "connect_timeout" => self.connect_timeout(&mut words.timing, id),
            "connect_ip" => {
                let word = self.value(id, "an address");
                let value = word.and_then(|word| self.address(word));
                self.say(&mut words.address, id, value);
            }
            "connect_port" => {
                let word = self.value(id, "a port");
                let value = word.and_then(|word| self.port(word));
                self.say(&mut words.port, id, value);
            }
            _ => return self.timing_word(&mut words.timing, id),
        }
        true
    }

    fn path(&mut self, id: StatementId) -> Option<&'s str> {
        let word = self.value(id, "a path")?;
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
        if self.is_substituted(word) {
            return None;
        }
        let host = self.text(word);
        let odd = |character: char| character.is_whitespace() || character.is_control();
        if host.is_empty() || host.contains(odd) {
            self.invalid(word, "a host name");
            return None;
        }
        Some(host)
    }

    /// The MD5 sum of a page: 32 hexadecimal digits.
    fn digest(&mut self, id: StatementId) -> Option<[u8; 16]> {
        let word = self.value(id, "an MD5 sum")?;
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
    fn status_codes(&mut self, id: StatementId) -> Option<StatusCodes> {
        let words = self.values(id);
        if words.is_empty() {
            self.missing_value(id, "a status code");
            return None;
        }
        let ranges = words.iter().map(|word| self.status_range(*word));
        let ranges: Vec<_> = ranges.collect();
        ranges.into_iter().collect::<Option<_>>().map(StatusCodes)
    }

    fn status_range(&mut self, word: Word) -> Option<RangeInclusive<u16>> {
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
}
