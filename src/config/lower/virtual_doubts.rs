//! Words of a virtual server or a real server that do not go together.

use super::Lower;
use super::timing::said;
use super::virtual_identity::Identity;
use super::virtual_server::VirtualServerWords;
use crate::config::diagnostic::Code;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{Family, Protocol, Scheduler, ServiceKey};

/// The longest prefix of an IPv6 address.
const LONGEST_PREFIX: u32 = 128;

/// How many leading bits of two addresses are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granularity {
    pub(super) family: Family,
}

impl<'s> Lower<'_, 's> {
    /// What has no effect with what else is said, and what cannot be together.
    pub(super) fn virtual_server_doubts(
        &mut self,
        block: StatementId,
        identity: &Identity,
        words: &VirtualServerWords<'s>,
    ) {
        let ast = self.ast;
        let scheduler = said(words.scheduler).unwrap_or(Scheduler::WeightedLeastConnection);
        let is_persistent = words.persistence_timeout.is_some()
            || identity.every_port
            || ast
                .block(block)
                .any(|id| ast.keyword(id) == "persistence_granularity");
        for id in ast.block(block) {
            match ast.keyword(id) {
                word @ ("sh-port" | "sh-fallback" | "hashed")
                    if scheduler != Scheduler::SourceHashing =>
                {
                    self.without(id, word, "lvs_sched sh");
                }
                word @ ("mh-port" | "mh-fallback") if scheduler != Scheduler::MaglevHashing => {
                    self.without(id, word, "lvs_sched mh");
                }
                "ops" => {
                    if let ServiceKey::Address { protocol, .. } = identity.key
                        && protocol != Protocol::Udp
                    {
                        self.without(id, "ops", "protocol UDP");
                    }
                }
                "persistence_engine" if !is_persistent => {
                    self.without(id, "persistence_engine", "persistence_timeout");
                }
                "persistence_granularity" => self.granularity_of(id, identity),
                "persistence_engine" => {
                    if let ServiceKey::Address { protocol, .. } = identity.key
                        && protocol != Protocol::Udp
                    {
                        self.without(id, "persistence_engine", "protocol UDP");
                    }
                }
                "sorry_server_inhibit" if words.sorry_server.is_none() => {
                    self.without(id, "sorry_server_inhibit", "sorry_server");
                }
                "ip_family" if matches!(identity.key, ServiceKey::Address { .. }) => {
                    let span = self.span(id);
                    self.report(Code::NoEffect, "`ip_family` is for virtual servers by mark")
                        .at(span, "this has no effect: the address has a family");
                }
                "ha_suspend" => self.suspended(id, identity),
                _ => {}
            }
        }
    }

    /// A word that says nothing without another.
    fn without(&mut self, id: StatementId, word: &str, other: &str) {
        let span = self.span(id);
        let message = format!("`{word}` without `{other}`");
        self.report(Code::NoEffect, message)
            .at(span, "this has no effect");
    }

    fn granularity_of(&mut self, id: StatementId, identity: &Identity) {
        let ast = self.ast;
        let Some(word) = ast.words(id).get(1).copied() else {
            return;
        };
        // What is wrong with it has been told.
        let text = self.text(word);
        let Some(granularity) = parse_granularity(text) else {
            return;
        };
        let Some(family) = identity.around.family else {
            return;
        };
        if granularity.family != family {
            let span = word.span();
            let (wanted, example) = match family {
                Family::V4 => ("a netmask like", "255.255.255.0"),
                Family::V6 => ("the length of a prefix like", "64"),
            };
            self.report(
                Code::FamilyMismatch,
                "a granularity for addresses of the other family",
            )
            .at(span, format!("{wanted} `{example}` belongs here"));
        }
    }

    /// `ha_suspend`, which goes by the addresses of a virtual server.
    fn suspended(&mut self, id: StatementId, identity: &Identity) {
        match identity.key {
            ServiceKey::Fwmark { .. } => {
                let span = self.span(id);
                self.report(Code::NoEffect, "`ha_suspend` without an address")
                    .at(span, "this has no effect: a mark is on every host");
            }
            ServiceKey::Address { address, .. } if identity.services.len() == 1 => {
                self.across.suspended.push((address, id));
            }
            ServiceKey::Address { .. } => {}
        }
    }

    /// `255.255.255.0`, or the length of an IPv6 prefix.
    pub(super) fn granularity(&mut self, word: Word) -> Option<Granularity> {
        let granularity = parse_granularity(self.text(word));
        if granularity.is_none() {
            self.invalid(word, "a netmask").help(
                "with IPv4 it is a netmask like `255.255.255.0`, with IPv6 a prefix of 1 to 128",
            );
        }
        granularity
    }

    /// The thresholds of a real server.
    pub(super) fn thresholds(&mut self, block: StatementId) {
        let ast = self.ast;
        let number = |word: &str| {
            let id = ast
                .block(block)
                .filter(|id| ast.keyword(*id) == word)
                .last()?;
            let value = ast.text(*ast.words(id).get(1)?).parse::<u32>().ok()?;
            Some((id, value))
        };
        let upper = number("uthreshold").filter(|(_, upper)| *upper > 0);
        let Some((lower_id, lower)) = number("lthreshold").filter(|(_, lower)| *lower > 0) else {
            return;
        };
        let span = self.span(lower_id);
        match upper {
            None if ast.block(block).any(|id| ast.keyword(id) == "uthreshold") => {}
            None => self.without(lower_id, "lthreshold", "uthreshold"),
            Some((upper_id, upper)) if lower > upper => {
                let upper = self.span(upper_id);
                self.report(Code::Doubtful, "the thresholds are the wrong way round")
                    .at(span, "with fewer connections than this it gets new ones")
                    .related(upper, "with more than this it gets none");
            }
            Some(_) => {}
        }
    }
}

/// A netmask is taken with whatever bits, as keepalived takes it.
fn parse_granularity(text: &str) -> Option<Granularity> {
    let family = match text.parse::<std::net::Ipv4Addr>() {
        Ok(_) => Family::V4,
        Err(_) => {
            let prefix = text.parse::<u32>().ok()?;
            (1..=LONGEST_PREFIX)
                .contains(&prefix)
                .then_some(Family::V6)?
        }
    };
    Some(Granularity { family })
}
