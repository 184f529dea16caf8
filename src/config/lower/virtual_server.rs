//! `virtual_server`.

use std::collections::HashMap;
use std::time::Duration;

use super::server::{Around, Server};
use super::service_flags::Flag;
use super::timing::{TimingWords, said};
use super::virtual_identity::Identity;
use super::{Lower, Said};
use crate::config::diagnostic::Code;
use crate::config::keywords::VIRTUAL_SERVER;
use crate::config::model::{RealServer, Script, SorryServer, VirtualServer, Weight};
use crate::config::syntax::StatementId;
use crate::lvs::{
    DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol, Scheduler,
    ServiceKey,
};

/// Seconds that a client stays with its server where the file says no number
/// (keepalived.conf(5): 6 minutes).
const PERSISTENCE_TIMEOUT: u32 = 360;
/// 31 days; more is refused by keepalived.
const MAX_PERSISTENCE_TIMEOUT: u32 = 2_678_400;

/// What a virtual server's block says.
#[derive(Default)]
pub(super) struct VirtualServerWords<'a> {
    pub(super) timing: TimingWords,
    pub(super) inhibit_on_failure: Option<Said<bool>>,
    /// For real servers that say none.
    pub(super) drain_timeout: Option<Said<Duration>>,
    pub(super) virtualhost: Option<Said<&'a str>>,
    pub(super) smtp_alert: Option<Said<bool>>,
    /// For real servers that say none.
    pub(super) weight: Option<Said<Weight>>,
    pub(super) method: Option<Said<ForwardingMethod>>,
    pub(super) scheduler: Option<Said<Scheduler>>,
    pub(super) protocol: Option<Said<Protocol>>,
    /// By their places in [`Flag::ALL`].
    pub(super) flags: [Option<Said<bool>>; Flag::ALL.len()],
    pub(super) persistence_timeout: Option<Said<u32>>,
    pub(super) ip_family: Option<Said<Family>>,
    pub(super) persistence_granularity: Option<Said<Granularity>>,
    pub(super) persistence_engine: Option<Said<&'a str>>,
    quorum: Option<Said<u32>>,
    hysteresis: Option<Said<u32>>,
    quorum_up: Option<Said<Script>>,
    quorum_down: Option<Said<Script>>,
    omega: Option<Said<bool>>,
    ha_suspend: Option<Said<bool>>,
    pub(super) sorry_server: Option<Said<Server>>,
    sorry_server_method: Option<Said<ForwardingMethod>>,
    sorry_server_inhibit: Option<Said<bool>>,
}

impl<'s> Lower<'_, 's> {
    pub(super) fn virtual_server(&mut self, id: StatementId) {
        let ast = self.ast;
        let subject = self.subject(id);
        if !self.has_block(id) {
            return;
        }
        let around_it = std::mem::take(&mut self.later);
        let mut words = VirtualServerWords::default();
        let mut statements = Vec::new();
        for id in ast.block(id) {
            match ast.keyword(id) {
                "real_server" => statements.push(id),
                _ => self.virtual_server_word(&mut words, id),
            }
        }
        let later = std::mem::replace(&mut self.later, around_it);
        if statements.is_empty() && words.sorry_server.is_none() {
            self.no_real_servers(id);
        }
        let identity = self.identity(id, subject.as_ref(), &words, &statements);
        let around = identity.as_ref().map(|identity| identity.around);
        // Looked at even where the virtual server is wrong: they may be, too.
        let services = identity
            .as_ref()
            .map_or(&[][..], |identity| &identity.services);
        let real_servers = self.real_servers(&words, around, services, &statements);
        let sorry_server = self.sorry_server(&words, around);
        let Some(identity) = identity else { return };
        self.virtual_server_doubts(id, &identity, &words);
        if real_servers.len() < statements.len() {
            // Those that are wrong have been told; nothing can be said of the sum.
            return;
        }
        let (quorum, hysteresis) = self.quorum(&words, &real_servers);
        let ha_suspend = words.ha_suspend.is_some() && identity.has_addresses_only();
        let flags = self.service_flags(&identity, &words);
        let persistence = self.persistence(&words, &identity, id);
        let virtual_server = VirtualServer {
            id: identity.id,
            services: identity.services,
            scheduler: said(words.scheduler).unwrap_or(Scheduler::WeightedLeastConnection),
            flags,
            persistence,
            alpha: said(words.timing.alpha).unwrap_or(false),
            quorum,
            hysteresis,
            quorum_up: self.numbered(words.quorum_up),
            quorum_down: self.numbered(words.quorum_down),
            omega: said(words.omega).unwrap_or(false),
            ha_suspend,
            sorry_server,
            smtp_alert: said(words.smtp_alert)
                .unwrap_or_else(|| self.alert_defaults.virtual_server()),
            real_servers,
            origin: self.origin(id),
            later,
        };
        self.model.virtual_servers.push(virtual_server);
    }

    fn virtual_server_word(&mut self, words: &mut VirtualServerWords<'s>, id: StatementId) {
        match self.ast.keyword(id) {
            "delay_loop" => self.delay_loop(&mut words.timing, id),
            "connect_timeout" => self.connect_timeout(&mut words.timing, id),
            "retry" => self.retry(&mut words.timing, id, 1),
            "delay_before_retry" => self.delay_before_retry(&mut words.timing, id),
            "warmup" => self.warmup(&mut words.timing, id),
            "alpha" => {
                let value = self.flag(id);
                self.say(&mut words.timing.alpha, id, value);
            }
            "inhibit_on_failure" => {
                let value = self.flag(id);
                self.say(&mut words.inhibit_on_failure, id, value);
            }
            "drain_timeout" => {
                let value = self.drain_timeout(id);
                self.say(&mut words.drain_timeout, id, value);
            }
            "virtualhost" => {
                let value = self.host(id);
                self.say(&mut words.virtualhost, id, value);
            }
            "lb_algo" | "lvs_sched" => {
                let value = self.scheduler(id);
                self.say(&mut words.scheduler, id, value);
            }
            "lb_kind" | "lvs_method" => {
                let value = self.method(id);
                self.say(&mut words.method, id, value);
            }
            "persistence_timeout" => self.persistence_timeout(words, id),
            "persistence_granularity" => {
                let word = self.value(id, "a netmask");
                let value = word.and_then(|word| self.granularity(word));
                self.say(&mut words.persistence_granularity, id, value);
            }
            "persistence_engine" => {
                let word = self.value(id, "a persistence engine");
                let engines = [("sip", "sip")];
                let value =
                    word.and_then(|word| self.choice(word, "a persistence engine", &engines));
                self.say(&mut words.persistence_engine, id, value);
            }
            "protocol" => {
                let value = self.protocol(id);
                self.say(&mut words.protocol, id, value);
            }
            "ip_family" => {
                let word = self.value(id, "a family");
                let value = word.and_then(|word| self.family_name(word));
                self.say(&mut words.ip_family, id, value);
            }
            "quorum" => {
                let word = self.value(id, "a sum of weights");
                let value = word.and_then(|word| self.number(word, 1..=u32::MAX));
                self.say(&mut words.quorum, id, value);
            }
            "hysteresis" => {
                let word = self.value(id, "a sum of weights");
                let value = word.and_then(|word| self.number(word, 0..=u32::MAX));
                self.say(&mut words.hysteresis, id, value);
            }
            "quorum_up" => self.one_script(&mut words.quorum_up, id),
            "quorum_down" => self.one_script(&mut words.quorum_down, id),
            "omega" => {
                let value = self.flag(id);
                self.say(&mut words.omega, id, value);
            }
            "ha_suspend" => {
                let value = self.flag(id);
                self.say(&mut words.ha_suspend, id, value);
            }
            "sorry_server_inhibit" => {
                let value = self.flag(id);
                self.say(&mut words.sorry_server_inhibit, id, value);
            }
            "weight" => {
                let value = self.weight(id, 1);
                self.say(&mut words.weight, id, value);
            }
            "sorry_server" => {
                let arguments = self.values(id);
                let value = self.server(id, arguments);
                self.say(&mut words.sorry_server, id, value);
            }
            "sorry_server_lvs_method" => {
                let value = self.method(id);
                self.say(&mut words.sorry_server_method, id, value);
            }
            "smtp_alert" => {
                let value = self.switch(id);
                self.say(&mut words.smtp_alert, id, value);
            }
            word => match Flag::ALL.iter().position(|flag| flag.word == word) {
                Some(at) => {
                    let value = self.flag(id);
                    self.say(&mut words.flags[at], id, value);
                }
                None => self.other(VIRTUAL_SERVER, id),
            },
        }
    }

    fn scheduler(&mut self, id: StatementId) -> Option<Scheduler> {
        let word = self.value(id, "a scheduler")?;
        let choices = Scheduler::ALL.map(|scheduler| (scheduler.name(), scheduler));
        self.choice(word, "a scheduler", &choices)
    }

    fn protocol(&mut self, id: StatementId) -> Option<Protocol> {
        let word = self.value(id, "a protocol")?;
        let choices = [
            ("TCP", Protocol::Tcp),
            ("UDP", Protocol::Udp),
            ("SCTP", Protocol::Sctp),
        ];
        // In either case, as keepalived takes it.
        let text = self.text(word);
        let found = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        match found {
            Some((_, protocol)) => Some(*protocol),
            None => self.choice(word, "a protocol", &choices),
        }
    }

    pub(super) fn default_protocol(&mut self, id: StatementId) -> Protocol {
        if self.lacks_its_end(id) || self.mentions(id, "protocol") {
            return Protocol::Udp;
        }
        let span = self.span(id);
        let subject = "protocol";
        if !self.diagnostics.fold(Code::DefaultAssumed, subject, span) {
            self.diagnostics
                .report_first(
                    Code::DefaultAssumed,
                    subject,
                    "this virtual server says no `protocol`",
                )
                .at(span, "taken to be UDP, as by keepalived")
                .help("write `protocol TCP` in its block if that is meant");
        }
        Protocol::Udp
    }

    fn persistence_timeout(&mut self, words: &mut VirtualServerWords<'_>, id: StatementId) {
        let value = match self.optional_value(id) {
            Some(word) => match self.number(word, 0..=MAX_PERSISTENCE_TIMEOUT) {
                // keepalived calls it invalid, and goes on in the way that is meant.
                Some(0) => {
                    let span = self.span(id);
                    self.report(
                        Code::Redundant,
                        "a virtual server is not persistent by default",
                    )
                    .at(span, "this says the same");
                    return;
                }
                value => value,
            },
            None => {
                let span = self.span(id);
                self.report(Code::DefaultAssumed, "`persistence_timeout` without a time")
                    .at(span, "360 seconds are used");
                Some(PERSISTENCE_TIMEOUT)
            }
        };
        self.say(&mut words.persistence_timeout, id, value);
    }

    fn persistence(
        &mut self,
        words: &VirtualServerWords<'_>,
        identity: &Identity,
        id: StatementId,
    ) -> Option<Persistence> {
        let timeout = self.seconds_of_persistence(words, identity.every_port, id)?;
        let granularity = said(words.persistence_granularity);
        Some(Persistence {
            timeout,
            granularity: granularity.unwrap_or_else(|| {
                Granularity::each_address(identity.around.family.unwrap_or(Family::V4))
            }),
            engine: said(words.persistence_engine).map(str::to_owned),
        })
    }

    /// A virtual server for every port has to be persistent: the kernel has no
    /// other way to keep the connections of a client together.
    fn seconds_of_persistence(
        &mut self,
        words: &VirtualServerWords<'_>,
        every_port: bool,
        id: StatementId,
    ) -> Option<u32> {
        if words.persistence_timeout.is_some() {
            return said(words.persistence_timeout);
        }
        if !every_port {
            return self.persistence_by_granularity(words);
        }
        let span = self.span(id);
        self.report(
            Code::DefaultAssumed,
            "a virtual server without a port is persistent",
        )
        .at(
            span,
            format!("`persistence_timeout {PERSISTENCE_TIMEOUT}` is added"),
        )
        .help("give the port, or say `persistence_timeout` in the block");
        Some(PERSISTENCE_TIMEOUT)
    }

    /// Who says which clients are one means that they are kept together.
    fn persistence_by_granularity(&mut self, words: &VirtualServerWords<'_>) -> Option<u32> {
        let span = self.span(words.persistence_granularity?.by);
        self.report(
            Code::DefaultAssumed,
            "`persistence_granularity` without `persistence_timeout`",
        )
        .at(
            span,
            format!("`persistence_timeout {PERSISTENCE_TIMEOUT}` is added, as by keepalived"),
        )
        .help("say for how many seconds a client stays with its real server");
        Some(PERSISTENCE_TIMEOUT)
    }

    fn no_real_servers(&mut self, id: StatementId) {
        let mut words = ["real_server", "sorry_server"].into_iter();
        if self.lacks_its_end(id) || words.any(|word| self.mentions(id, word)) {
            return;
        }
        let span = self.span(id);
        self.report(Code::NoRealServers, "a virtual server without real servers")
            .at(span, "nothing could answer here")
            .help("add a `real_server`, or a `sorry_server`");
    }

    fn real_servers(
        &mut self,
        words: &VirtualServerWords<'s>,
        around: Option<Around>,
        services: &[ServiceKey],
        statements: &[StatementId],
    ) -> Vec<RealServer> {
        // Servers that differ in the file may be one to the kernel. Only the port of a
        // virtual server makes a difference.
        let by_port: HashMap<u16, &ServiceKey> =
            services.iter().map(|key| (key.port(), key)).collect();
        let mut seen: HashMap<(u16, DestinationKey), StatementId> = HashMap::new();
        let mut servers = Vec::with_capacity(statements.len());
        for id in statements {
            let Some(server) = self.real_server(words, around, *id) else {
                continue;
            };
            let mut same = None;
            for (port, key) in &by_port {
                let place = (*port, server.key.within(key, server.method));
                same = same.or(seen.get(&place).copied());
                seen.entry(place).or_insert(*id);
            }
            match same {
                Some(first) => self.same_real_server(server.key, first, *id),
                None => servers.push(server),
            }
        }
        servers
    }

    fn same_real_server(&mut self, key: DestinationKey, first: StatementId, second: StatementId) {
        let (first, second) = (self.span(first), self.span(second));
        self.report(
            Code::Duplicate,
            format!("the real server {key} is there twice in one virtual server"),
        )
        .at(second, "the same again")
        .related(first, "first here");
    }

    fn sorry_server(
        &mut self,
        words: &VirtualServerWords<'_>,
        around: Option<Around>,
    ) -> Option<SorryServer> {
        if let (None, Some(said)) = (words.sorry_server, words.sorry_server_method) {
            let span = self.span(said.by);
            self.report(
                Code::NoEffect,
                "`sorry_server_lvs_method` without a `sorry_server`",
            )
            .at(span, "this has no effect");
        }
        let (around, sorry) = (around?, words.sorry_server?);
        let method = said(words.sorry_server_method).unwrap_or(around.method);
        let key = self.destination("sorry server", sorry.value, around, method)?;
        Some(SorryServer {
            key,
            method,
            inhibit: said(words.sorry_server_inhibit).unwrap_or(false),
            origin: self.origin(sorry.by),
        })
    }

    /// Quorum and hysteresis as they can be reached, as keepalived cuts them down.
    fn quorum(&mut self, words: &VirtualServerWords<'_>, servers: &[RealServer]) -> (u32, u32) {
        let weights = servers.iter().map(|server| u32::from(server.weight.0));
        let total = weights.fold(0, u32::saturating_add);
        let mut quorum = said(words.quorum).unwrap_or(1);
        if quorum > total.max(1)
            && let Some(said) = words.quorum
        {
            quorum = total.max(1);
            let span = self.span(said.by);
            self.report(Code::ValueAdjusted, "a quorum that can never be met")
                .at(
                    span,
                    format!("{quorum} is used: all weights together are {total}"),
                );
        }
        let mut hysteresis = said(words.hysteresis).unwrap_or(0);
        if hysteresis >= quorum
            && let Some(said) = words.hysteresis
        {
            hysteresis = quorum - 1;
            let span = self.span(said.by);
            self.report(
                Code::ValueAdjusted,
                "the hysteresis has to be below the quorum",
            )
            .at(
                span,
                format!("{hysteresis} is used: the quorum is {quorum}"),
            );
        }
        (quorum, hysteresis)
    }
}
