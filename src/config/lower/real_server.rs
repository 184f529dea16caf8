//! `real_server`.

use std::time::Duration;

use super::server::{Around, Server};
use super::timing::{TimingWords, said};
use super::virtual_server::VirtualServerWords;
use super::{Lower, Said};
use crate::config::keywords::REAL_SERVER;
use crate::config::model::{Check, RealServer, Script, Weight};
use crate::config::syntax::StatementId;
use crate::lvs::ForwardingMethod;

/// The longest `drain_timeout`: a day.
const LONGEST_DRAIN: Duration = Duration::from_secs(86_400);

/// What a real server's block says.
#[derive(Default)]
struct RealServerWords<'a> {
    timing: TimingWords,
    weight: Option<Said<Weight>>,
    method: Option<Said<ForwardingMethod>>,
    upper_threshold: Option<Said<u32>>,
    lower_threshold: Option<Said<u32>>,
    inhibit_on_failure: Option<Said<bool>>,
    drain_timeout: Option<Said<Duration>>,
    virtualhost: Option<Said<&'a str>>,
    smtp_alert: Option<Said<bool>>,
    notify_up: Option<Said<Script>>,
    notify_down: Option<Said<Script>>,
    checks: Vec<StatementId>,
    /// Checks that are not served yet.
    unserved: Vec<StatementId>,
}

/// What the checks of a real server need to know of it.
pub(super) struct Checked<'a> {
    pub(super) server: Server,
    /// The port that is checked unless the check says another: as it is written,
    /// even if the kernel has another.
    pub(super) port: u16,
    pub(super) timing: TimingWords,
    pub(super) virtualhost: Option<&'a str>,
}

impl<'s> Lower<'_, 's> {
    /// None where it is wrong, or where too much around it is.
    pub(super) fn real_server(
        &mut self,
        outer: &VirtualServerWords<'s>,
        around: Option<Around>,
        id: StatementId,
    ) -> Option<RealServer> {
        let ast = self.ast;
        let server = self.server(id, ast.words(id).get(1..).unwrap_or(&[]));
        if !self.has_block(id) {
            return None;
        }
        let around_it = std::mem::take(&mut self.later);
        let mut words = RealServerWords::default();
        for id in ast.block(id) {
            self.real_server_word(&mut words, id);
        }
        for id in std::mem::take(&mut words.unserved) {
            self.unserved_check(server, id);
        }
        let later = std::mem::replace(&mut self.later, around_it);
        let thresholds = self.thresholds(words.upper_threshold, words.lower_threshold, id);
        if let Some(server) = server {
            let place = server.address_word.span();
            self.across.real_servers.push((server.address, place));
        }
        let port = around.and_then(|around| around.port).unwrap_or(0);
        let checked = server.map(|server| Checked {
            server,
            port: server.port.unwrap_or(port),
            timing: words.timing.or(outer.timing),
            virtualhost: said(words.virtualhost).or(said(outer.virtualhost)),
        });
        let checks = self.checks(checked, &words.checks);
        let (server, around) = (server?, around?);
        let method = said(words.method).unwrap_or(around.method);
        let key = self.destination("real server", server, around, method)?;
        let weight = said(words.weight).or(said(outer.weight));
        let drain_timeout = said(words.drain_timeout).or(said(outer.drain_timeout));
        let inhibit = said(words.inhibit_on_failure).or(said(outer.inhibit_on_failure));
        Some(RealServer {
            key,
            method,
            weight: weight.unwrap_or_default(),
            upper_threshold: thresholds.0,
            lower_threshold: thresholds.1,
            inhibit_on_failure: inhibit.unwrap_or(false),
            drain_timeout: drain_timeout.unwrap_or_default(),
            smtp_alert: said(words.smtp_alert).unwrap_or_else(|| self.alert_defaults.real_server()),
            notify_up: self.numbered(words.notify_up),
            notify_down: self.numbered(words.notify_down),
            checks,
            origin: self.origin(id),
            later,
        })
    }

    fn real_server_word(&mut self, words: &mut RealServerWords<'s>, id: StatementId) {
        match self.ast.keyword(id) {
            "weight" => {
                let value = self.weight(id, 0);
                self.say(&mut words.weight, id, value);
            }
            "inhibit_on_failure" => {
                let value = self.switch(id);
                self.say(&mut words.inhibit_on_failure, id, value);
            }
            "drain_timeout" => {
                let value = self.drain_timeout(id);
                self.say(&mut words.drain_timeout, id, value);
            }
            "lvs_method" => {
                let value = self.method(id);
                self.say(&mut words.method, id, value);
            }
            "uthreshold" => {
                let value = self.connections(id);
                self.say(&mut words.upper_threshold, id, value);
            }
            "lthreshold" => {
                let value = self.connections(id);
                self.say(&mut words.lower_threshold, id, value);
            }
            "alpha" => {
                let value = self.switch(id);
                self.say(&mut words.timing.alpha, id, value);
            }
            "delay_loop" => self.delay_loop(&mut words.timing, id),
            "connect_timeout" => self.connect_timeout(&mut words.timing, id),
            "retry" => self.retry(&mut words.timing, id, 1),
            "delay_before_retry" => self.delay_before_retry(&mut words.timing, id),
            "warmup" => self.warmup(&mut words.timing, id),
            "virtualhost" => {
                let value = self.host(id);
                self.say(&mut words.virtualhost, id, value);
            }
            "smtp_alert" => {
                let value = self.switch(id);
                self.say(&mut words.smtp_alert, id, value);
            }
            "notify_up" => self.one_script(&mut words.notify_up, id),
            "notify_down" => self.one_script(&mut words.notify_down, id),
            "TCP_CHECK" | "HTTP_GET" | "MISC_CHECK" => words.checks.push(id),
            word if is_check(word) => words.unserved.push(id),
            _ => self.other(REAL_SERVER, id),
        }
    }

    /// `drain_timeout SECONDS`.
    pub(super) fn drain_timeout(&mut self, id: StatementId) -> Option<Duration> {
        let word = self.value(id, "a time in seconds")?;
        self.seconds(word, Duration::ZERO..=LONGEST_DRAIN)
    }

    fn connections(&mut self, id: StatementId) -> Option<u32> {
        let word = self.value(id, "a number of connections")?;
        self.number(word, 0..=u32::MAX)
    }

    fn checks(&mut self, checked: Option<Checked<'s>>, statements: &[StatementId]) -> Vec<Check> {
        let checked = checked.as_ref();
        let checks = statements.iter();
        let checks = checks.filter_map(|id| {
            let around_it = std::mem::take(&mut self.later);
            let check = match self.ast.keyword(*id) {
                "TCP_CHECK" => self.tcp_check(checked, *id),
                "HTTP_GET" => self.http_get(checked, *id),
                _ => self.misc_check(checked, *id),
            };
            let later = std::mem::replace(&mut self.later, around_it);
            check.map(|check| Check { later, ..check })
        });
        checks.collect()
    }
}

/// Whether a word is a check that is not served yet.
fn is_check(word: &str) -> bool {
    word.ends_with("_CHECK") || word == "SSL_GET"
}
