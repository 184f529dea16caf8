//! `TCP_CHECK`, `HTTP_GET` and `MISC_CHECK`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::real_server::Checked;
use super::timing::{TimingDefaults, TimingWords, said};
use super::{Lower, Said};
use crate::config::diagnostic::Code;
use crate::config::keywords::{HTTP_GET, MISC_CHECK, TCP_CHECK, URL};
use crate::config::model::{
    Check, CheckSpec, CheckTarget, HttpCheck, HttpUrl, MiscCheck, Script, UserSpec,
};
use crate::config::syntax::StatementId;

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
        if urls.is_empty() && !self.mentions(block, "url") {
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
        let around_it = std::mem::take(&mut self.later);
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
        let later = std::mem::replace(&mut self.later, around_it);
        self.regex_words(block);
        if !self.mentions(block, "path") {
            let span = self.span(block);
            self.report(Code::MissingValue, "`url` needs a `path`")
                .at(span, "there is none in this block");
        }
        Some(HttpUrl {
            path: said(path)?.to_owned(),
            virtual_host: said(virtualhost).or(outer).map(str::to_owned),
            digest: said(digest),
            status_codes: said(codes).unwrap_or_default(),
            later,
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
        let (mut argv, mut dynamic) = (None, None);
        for id in ast.block(block) {
            match ast.keyword(id) {
                "misc_path" => {
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
        if !self.mentions(block, "misc_path") {
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
        // 0 says nothing.
        timing.connect_timeout = timeout
            .filter(|said| said.value > 0)
            .map(|Said { value, by }| Said {
                value: Duration::from_secs(value.into()),
                by,
            });
        Some(self.check(spec, timing, checked, MISC_DEFAULTS, block))
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
        let mut words = timing.or(checked.timing);
        if let CheckSpec::Misc(_) = spec {
            // No connection is made.
            words.connect_timeout = timing.connect_timeout;
        }
        let mut resolved = words.resolve(defaults);
        let mut least = resolved;
        if let (CheckSpec::Misc(_), None) = (&spec, words.connect_timeout) {
            resolved.timeout = resolved.delay_loop;
            // What most scripts need.
            least.timeout = Duration::ZERO;
        }
        self.timing_doubts(&words, &least);
        self.origin_of_check(Some(checked.server), block);
        Check {
            spec,
            timing: resolved,
            alpha: said(words.alpha).unwrap_or(false),
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
}
