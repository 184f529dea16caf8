//! What the words of a rule come to together.

use super::hop::name;
use super::rule::Draft;
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::model::route::Network;
use crate::config::model::rule::{Rule, RuleAction};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;

impl Lower<'_, '_> {
    pub(super) fn finished_rule(&mut self, draft: Draft, line: StatementId) -> Option<Rule> {
        let family = self.rule_family(&draft)?;
        let span = self.span(line);
        let Some((action, _)) = draft.action else {
            self.report(Code::MissingValue, "a rule needs something to do")
                .at(span, "it is not said what becomes of the packets")
                .help("add `table TABLE`, or `blackhole`, `unreachable`, `prohibit`");
            return None;
        };
        match (&action, draft.preference) {
            (RuleAction::Goto(target), Some(preference)) if *target <= preference => {
                let message = format!("`goto {target}` in a rule with the preference {preference}");
                self.report(Code::InvalidValue, message)
                    .at(span, "it leads back: the target comes behind the rule");
                return None;
            }
            (RuleAction::Goto(_), None) => {
                self.report(Code::MissingValue, "a rule with `goto` needs a preference")
                    .at(span, "its target has to come behind it")
                    .help("add `preference NUMBER`, below the target");
                return None;
            }
            (_, None) => self.no_preference(line),
            _ => {}
        }
        let looks_up = matches!(action, RuleAction::Table(_) | RuleAction::Vrf);
        let idle = draft.suppress_prefix_length.map(|(_, word)| word);
        let idle = idle.or(draft.suppress_group.as_ref().map(|(_, word)| *word));
        let idle = idle.or(draft.realms.as_ref().map(|(_, word)| *word));
        if let Some(word) = idle.filter(|_| !looks_up) {
            let span = word.span();
            self.report(
                Code::NoEffect,
                "suppressors and realms are for rules that look into a table",
            )
            .at(span, "this has no effect");
        }
        // Every address is what no selector means, too.
        let narrow = |(network, _): (Network, Word)| Some(network).filter(|it| it.length > 0);
        let prefix_length = draft.suppress_prefix_length.filter(|_| looks_up);
        Some(Rule {
            family,
            is_inverted: draft.is_inverted,
            from: draft.from.and_then(narrow),
            to: draft.to.and_then(narrow),
            tos: draft.tos,
            mark: draft.mark,
            incoming: draft.incoming,
            outgoing: draft.outgoing,
            users: draft.users,
            ip_protocol: draft.ip_protocol,
            source_ports: draft.source_ports,
            destination_ports: draft.destination_ports,
            tunnel: draft.tunnel,
            protocol: draft.protocol,
            preference: draft.preference,
            suppress_prefix_length: prefix_length.map(|(length, _)| length),
            suppress_group: draft.suppress_group.filter(|_| looks_up).map(|it| it.0),
            realms: draft.realms.filter(|_| looks_up).map(|(realms, _)| realms),
            action,
            track: draft.track,
            origin: self.origin(line),
        })
    }

    fn rule_family(&mut self, draft: &Draft) -> Option<Family> {
        let of = |(network, word): (Network, Word)| (Family::of(network.address), word);
        let mut said = draft.family.into_iter();
        let mut said = said
            .by_ref()
            .chain(draft.from.map(of))
            .chain(draft.to.map(of));
        let Some((family, _)) = said.next() else {
            return Some(Family::V4);
        };
        let other = said.find(|(other, _)| *other != family);
        let Some((other, word)) = other else {
            return Some(family);
        };
        let span = word.span();
        let (own, other) = (name(family), name(other));
        let message = format!("an {other} address in a rule of {own}");
        self.report(Code::FamilyMismatch, message)
            .at(span, format!("an {own} address belongs here"));
        None
    }

    /// Which rules come first then depends on who became master first.
    fn no_preference(&mut self, line: StatementId) {
        let span = self.span(line);
        let subject = "a rule's preference";
        if self.diagnostics.fold(Code::Doubtful, subject, span) {
            return;
        }
        let message = "a rule without a preference";
        self.diagnostics
            .report_first(Code::Doubtful, subject, message)
            .at(span, "one below 16384 is made up for it, as by keepalived")
            .help("add `preference NUMBER`: the lowest comes first");
    }
}
