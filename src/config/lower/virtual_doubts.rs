//! Words of a virtual server or a real server that do not go together.

use super::service_flags::is_for_udp;
use super::timing::said;
use super::virtual_identity::Identity;
use super::virtual_server::VirtualServerWords;
use super::{Lower, Said};
use crate::config::diagnostic::Code;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{Family, Granularity, ServiceKey};

impl<'s> Lower<'_, 's> {
    /// What has no effect with what else is said, and what cannot be together.
    pub(super) fn virtual_server_doubts(
        &mut self,
        block: StatementId,
        identity: &Identity,
        words: &VirtualServerWords<'s>,
    ) {
        let ast = self.ast;
        let is_persistent = words.persistence_timeout.is_some()
            || identity.every_port
            || ast
                .block(block)
                .any(|id| ast.keyword(id) == "persistence_granularity");
        for id in ast.block(block) {
            match ast.keyword(id) {
                "persistence_engine" if !is_persistent => {
                    self.without(id, "persistence_engine", "persistence_timeout");
                }
                "persistence_granularity" => self.granularity_of(id, identity),
                "persistence_engine" if !is_for_udp(identity) => {
                    self.without(id, "persistence_engine", "protocol UDP");
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
    pub(super) fn without(&mut self, id: StatementId, word: &str, other: &str) {
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
        let Some(granularity) = Granularity::parse(text) else {
            return;
        };
        let Some(family) = identity.around.family else {
            return;
        };
        if granularity.family() != family {
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
        if !identity.has_addresses_only() {
            let span = self.span(id);
            self.report(Code::NoEffect, "`ha_suspend` with a mark")
                .at(span, "this has no effect: a mark is on every host");
        } else if let [ServiceKey::Address { address, .. }] = identity.services[..] {
            self.across.suspended.push((address, id));
        }
    }

    /// `255.255.255.0`, or the length of an IPv6 prefix.
    pub(super) fn granularity(&mut self, word: Word) -> Option<Granularity> {
        let granularity = Granularity::parse(self.text(word));
        if granularity.is_none() {
            self.invalid(word, "a netmask").help(
                "with IPv4 it is a netmask like `255.255.255.0`, with IPv6 a prefix of 1 to 128",
            );
        }
        granularity
    }

    /// The thresholds of a real server, the upper one first. The kernel takes no lower one
    /// above the upper one, also where that is 0, which is none.
    pub(super) fn thresholds(
        &mut self,
        upper: Option<Said<u32>>,
        lower: Option<Said<u32>>,
        block: StatementId,
    ) -> (u32, u32) {
        let highest = said(upper).unwrap_or(0);
        let Some(lower) = lower.filter(|lower| lower.value > 0) else {
            return (highest, 0);
        };
        match upper.filter(|upper| upper.value > 0) {
            // What is wrong with it has been told.
            None if upper.is_none() && self.mentions(block, "uthreshold") => (0, 0),
            None => {
                self.without(lower.by, "lthreshold", "uthreshold");
                (0, 0)
            }
            Some(upper) if lower.value > upper.value => {
                let (highest, lowest) = (self.span(upper.by), self.span(lower.by));
                let most = upper.value;
                self.report(Code::InvalidValue, "the thresholds are the wrong way round")
                    .at(lowest, format!("at most {most} belongs here"))
                    .related(highest, "with more connections than this it gets none")
                    .help("the kernel refuses such a real server");
                (0, 0)
            }
            Some(_) => (highest, lower.value),
        }
    }
}
