//! One rule.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::{Owner, Words};
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::model::route::{Id, Network, Realms, Track};
use crate::config::model::rule::{Rule, RuleAction};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;

/// The words that a line may have.
pub(super) const WORDS: [&str; 42] = [
    "blackhole",
    "dev",
    "dport",
    "dsfield",
    "from",
    "fwmark",
    "goto",
    "iif",
    "inet",
    "inet6",
    "ip_proto",
    "ipproto",
    "l3mdev",
    "lookup",
    "no_track",
    "nop",
    "not",
    "oif",
    "order",
    "preference",
    "priority",
    "prohibit",
    "protocol",
    "realms",
    "sport",
    "suppress_ifgroup",
    "suppress_prefixlength",
    "table",
    "to",
    "tos",
    "track_group",
    "tun_id",
    "tunnel-id",
    "uidrange",
    "unreachable",
    "sup_group",
    "sup_group_id",
    "sup_pl",
    "sup_prefixlen",
    "suppress_group",
    "type",
    "unicast",
];

/// Protocols by the names that /etc/protocols has everywhere.
const IP_PROTOCOLS: [(&str, u8); 15] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// What becomes of packets: one of these is in a line.
const ACTIONS: [&str; 8] = [
    "table",
    "lookup",
    "l3mdev",
    "goto",
    "nop",
    "blackhole",
    "prohibit",
    "unreachable",
];

/// What a line says.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) family: Option<(Family, Word)>,
    pub(super) is_inverted: bool,
    pub(super) from: Option<(Network, Word)>,
    pub(super) to: Option<(Network, Word)>,
    pub(super) tos: u8,
    pub(super) mark: Option<(u32, u32)>,
    pub(super) incoming: Option<String>,
    pub(super) outgoing: Option<String>,
    pub(super) users: Option<RangeInclusive<u32>>,
    pub(super) ip_protocol: Option<u8>,
    pub(super) source_ports: Option<RangeInclusive<u16>>,
    pub(super) destination_ports: Option<RangeInclusive<u16>>,
    pub(super) tunnel: Option<u64>,
    pub(super) protocol: Option<u8>,
    pub(super) preference: Option<u32>,
    pub(super) suppress_prefix_length: Option<(u8, Word)>,
    pub(super) suppress_group: Option<(Id, Word)>,
    pub(super) realms: Option<(Realms, Word)>,
    pub(super) action: Option<(RuleAction, Word)>,
    pub(super) track: Track,
}

impl Lower<'_, '_> {
    /// The rule that a line says. None where something is wrong with it, which has been
    /// told.
    pub(super) fn rule(&mut self, line: StatementId, owner: Owner) -> Option<Rule> {
        let mut words = Words(self.ast.words(line));
        let mut draft = Draft::default();
        let mut said = HashMap::new();
        while let Some(word) = words.next() {
            // Of two actions more is told.
            if !ACTIONS.contains(&self.text(word)) {
                self.option_again(&mut said, word);
            }
            // What stands behind a wrong word may belong to it.
            self.rule_word(&mut draft, word, &mut words, owner)?;
        }
        self.finished_rule(draft, line)
    }

    fn rule_word(
        &mut self,
        draft: &mut Draft,
        option: Word,
        words: &mut Words<'_>,
        owner: Owner,
    ) -> Option<()> {
        match self.text(option) {
            "inet" => draft.family = Some((Family::V4, option)),
            "inet6" => draft.family = Some((Family::V6, option)),
            "not" => draft.is_inverted = true,
            "from" => draft.from = self.selector(option, words)?.or(draft.from),
            "to" => draft.to = self.selector(option, words)?.or(draft.to),
            "tos" | "dsfield" => {
                let word = self.option_value(option, words)?;
                draft.tos = self.tos(word)?;
            }
            "fwmark" => {
                let word = self.option_value(option, words)?;
                draft.mark = Some(self.mark_and_mask(word)?);
            }
            "iif" | "dev" => {
                let word = self.option_value(option, words)?;
                draft.incoming = Some(self.interface_name(word)?.to_owned());
            }
            "oif" => {
                let word = self.option_value(option, words)?;
                draft.outgoing = Some(self.interface_name(word)?.to_owned());
            }
            "uidrange" => {
                let word = self.option_value(option, words)?;
                draft.users = Some(self.range(word, "a range of users", u32::MAX, false)?);
            }
            "ipproto" | "ip_proto" => {
                let word = self.option_value(option, words)?;
                draft.ip_protocol = Some(self.ip_protocol(word)?);
            }
            "sport" => draft.source_ports = Some(self.ports(option, words)?),
            "dport" => draft.destination_ports = Some(self.ports(option, words)?),
            "tunnel-id" | "tun_id" => {
                let word = self.option_value(option, words)?;
                draft.tunnel = Some(self.number_64(word)?);
            }
            "protocol" => {
                let word = self.option_value(option, words)?;
                draft.protocol = Some(self.decimal_or_hex(word, 0..=255)? as u8);
            }
            "preference" | "priority" | "order" => {
                let word = self.option_value(option, words)?;
                draft.preference = Some(self.decimal_or_hex(word, 0..=u32::MAX)?);
            }
            "suppress_prefixlength" | "sup_prefixlen" | "sup_pl" => {
                let word = self.option_value(option, words)?;
                let length = self.decimal_or_hex(word, 0..=128)? as u8;
                draft.suppress_prefix_length = Some((length, word));
            }
            "suppress_ifgroup" | "suppress_group" | "sup_group" | "sup_group_id" => {
                let word = self.option_value(option, words)?;
                let known = [("default", 0)];
                let group = self.id(word, "a group of interfaces", &known, 0..=u32::MAX)?;
                draft.suppress_group = Some((group, word));
            }
            "realms" => {
                let word = self.option_value(option, words)?;
                draft.realms = Some((self.realms(word)?, word));
            }
            "no_track" => draft.track = Track::No,
            "track_group" => draft.track = Track::Group(self.track_group(option, words, owner)?),
            // What all others are, too.
            "type" | "unicast" => {}
            _ => {
                let action = self.rule_action(option, words)?;
                self.one_action(draft, action, option)?;
            }
        }
        Some(())
    }

    fn rule_action(&mut self, option: Word, words: &mut Words<'_>) -> Option<RuleAction> {
        Some(match self.text(option) {
            "table" | "lookup" => {
                let word = self.option_value(option, words)?;
                RuleAction::Table(self.table(word, 1)?)
            }
            "l3mdev" => RuleAction::Vrf,
            "goto" => {
                let word = self.option_value(option, words)?;
                RuleAction::Goto(self.decimal_or_hex(word, 0..=u32::MAX)?)
            }
            "nop" => RuleAction::Nop,
            "blackhole" => RuleAction::Blackhole,
            "unreachable" => RuleAction::Unreachable,
            "prohibit" => RuleAction::Prohibit,
            _ => {
                self.no_routing_word(option, "a rule", &WORDS)?;
                return None;
            }
        })
    }

    fn one_action(&mut self, draft: &mut Draft, action: RuleAction, word: Word) -> Option<()> {
        if let Some((_, first)) = &draft.action {
            let (first, second) = (first.span(), word.span());
            self.report(Code::InvalidValue, "a rule does one thing only")
                .at(second, "this is a second one")
                .related(first, "the first one")
                .help("they are `table`, `l3mdev`, `goto`, `nop`, `blackhole`, `unreachable` and `prohibit`");
            return None;
        }
        draft.action = Some((action, word));
        Some(())
    }

    /// A network; none behind `all`.
    fn selector(&mut self, option: Word, words: &mut Words<'_>) -> Option<Option<(Network, Word)>> {
        let word = self.option_value(option, words)?;
        if matches!(self.text(word), "all" | "any" | "default") {
            return Some(None);
        }
        Some(Some((self.prefix(word)?, word)))
    }

    /// `MARK[/MASK]`.
    fn mark_and_mask(&mut self, word: Word) -> Option<(u32, u32)> {
        let text = self.text(word);
        let (mark, mask) = match text.split_once('/') {
            Some((mark, mask)) => (mark, Some(mask)),
            None => (text, None),
        };
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        match (number(mark), mask.map(number)) {
            (Some(mark), None) => Some((mark, u32::MAX)),
            (Some(mark), Some(Some(mask))) => Some((mark, mask)),
            _ => {
                self.invalid(word, "a mark")
                    .help("it is a number below 2^32, perhaps with a mask: `7`, `0x10/0xf0`");
                None
            }
        }
    }

    /// `NUMBER-NUMBER`, or one number where that is all.
    fn range(
        &mut self,
        word: Word,
        what: &str,
        most: u32,
        may_be_one: bool,
    ) -> Option<RangeInclusive<u32>> {
        let text = self.text(word);
        let (low, high) = match text.split_once('-') {
            Some((low, high)) => (low.parse::<u64>().ok(), high.parse::<u64>().ok()),
            None => {
                let only = text.parse().ok().filter(|_| may_be_one);
                (only, only)
            }
        };
        let (Some(low), Some(high)) = (low, high) else {
            self.invalid(word, what)
                .help("it is two numbers with a `-` between them: `10-20`");
            return None;
        };
        let most = u64::from(most);
        if low > high || high > most {
            self.out_of_range(word, &format!("0 to {most}, the lower number first"));
            return None;
        }
        Some(low as u32..=high as u32)
    }

    fn ports(&mut self, option: Word, words: &mut Words<'_>) -> Option<RangeInclusive<u16>> {
        let word = self.option_value(option, words)?;
        // The kernel's limit (`fib_rule_port_range_valid`).
        let range = self.range(word, "a range of ports", 65_534, true)?;
        let (low, high) = (*range.start() as u16, *range.end() as u16);
        if low == 0 {
            self.out_of_range(word, "1 to 65534");
            return None;
        }
        Some(low..=high)
    }

    fn ip_protocol(&mut self, word: Word) -> Option<u8> {
        let text = self.text(word).to_ascii_lowercase();
        let known = IP_PROTOCOLS.iter().find(|(name, _)| *name == text);
        if let Some((_, number)) = known {
            return Some(*number);
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Some(self.decimal_or_hex(word, 0..=255)? as u8);
        }
        self.invalid(word, "a protocol over IP")
            .help("it is a number from 0 to 255, or a name like `tcp` and `udp`");
        None
    }
}
