//! One route.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use super::hop::WrittenHop;
use super::{Owner, Words};
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::model::route::{
    Id, Metric, MetricKind, Network, Placement, Realms, Route, RouteKind, RouterPreference, Track,
};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;

/// The words that a line may have, besides the kinds of routes.
pub(super) const WORDS: [&str; 51] = [
    "add",
    "advmss",
    "anycast",
    "append",
    "as",
    "blackhole",
    "broadcast",
    "congctl",
    "cwnd",
    "default",
    "dev",
    "dsfield",
    "encap",
    "expires",
    "fastopen_no_cookie",
    "features",
    "from",
    "hoplimit",
    "inet",
    "inet6",
    "initcwnd",
    "initrwnd",
    "local",
    "metric",
    "mtu",
    "multicast",
    "nat",
    "nexthop",
    "no_track",
    "oif",
    "onlink",
    "pref",
    "preference",
    "priority",
    "prohibit",
    "protocol",
    "quickack",
    "realms",
    "reordering",
    "rto_min",
    "rtt",
    "rttvar",
    "scope",
    "src",
    "ssthresh",
    "table",
    "throw",
    "to",
    "tos",
    "ttl-propagate",
    "unicast",
];

/// Those of [`WORDS`] that few lines have.
const FURTHER: [&str; 6] = ["track_group", "unreachable", "via", "gw", "vrf", "window"];

#[derive(Clone, Copy)]
pub(super) enum Destination {
    /// `default`: every address, of whichever family.
    All,
    Network(Network),
}

impl Destination {
    pub(super) fn network(self) -> Option<Network> {
        match self {
            Destination::All => None,
            Destination::Network(network) => Some(network),
        }
    }
}

/// What a line says.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) kind: Option<RouteKind>,
    /// `inet` or `inet6`.
    pub(super) family: Option<Family>,
    pub(super) destination: Option<(Destination, Word)>,
    pub(super) from: Option<(Network, Word)>,
    pub(super) source: Option<(IpAddr, Word)>,
    pub(super) tos: u8,
    pub(super) table: Option<Id>,
    pub(super) vrf: Option<String>,
    pub(super) protocol: Option<(Id, Word)>,
    pub(super) scope: Option<u8>,
    pub(super) metric: Option<u32>,
    pub(super) realms: Option<(Realms, Word)>,
    pub(super) first: WrittenHop,
    /// `or`.
    pub(super) other_gateway: Option<IpAddr>,
    pub(super) others: Vec<WrittenHop>,
    pub(super) metrics: BTreeMap<MetricKind, Metric>,
    pub(super) congestion: Option<(String, bool)>,
    pub(super) preference: Option<(RouterPreference, Word)>,
    pub(super) expires: Option<(u32, Word)>,
    pub(super) ttl_propagate: Option<bool>,
    pub(super) placement: Placement,
    pub(super) track: Track,
}

impl Lower<'_, '_> {
    /// The route that a line says. None where something is wrong with it, which has been
    /// told.
    pub(super) fn route(&mut self, line: StatementId, owner: Owner) -> Option<Route> {
        let mut words = Words(self.ast.words(line));
        let mut draft = Draft::default();
        let mut said = HashMap::new();
        while let Some(word) = words.next() {
            if self.text(word) != "nexthop" {
                self.option_again(&mut said, word);
            }
            // What stands behind a wrong word may belong to it.
            self.route_word(&mut draft, word, &mut words, owner)?;
        }
        self.finished(draft, line)
    }

    fn route_word(
        &mut self,
        draft: &mut Draft,
        option: Word,
        words: &mut Words<'_>,
        owner: Owner,
    ) -> Option<()> {
        let text = self.text(option);
        let metric = MetricKind::ALL.iter().find(|(name, _)| *name == text);
        if let Some((_, kind)) = metric {
            let metric = self.metric(*kind, option, words)?;
            draft.metrics.insert(*kind, metric);
            return Some(());
        }
        let kind = RouteKind::ALL.iter().find(|(name, _)| *name == text);
        if let Some((_, kind)) = kind.filter(|_| draft.kind.is_none()) {
            draft.kind = Some(*kind);
            return Some(());
        }
        if self.hop_word(&mut draft.first, option, words)? {
            return Some(());
        }
        match text {
            "inet" => draft.family = Some(Family::V4),
            "inet6" => draft.family = Some(Family::V6),
            "to" => {
                let word = self.option_value(option, words)?;
                draft.destination = Some((self.route_destination(word)?, word));
            }
            "from" => {
                let word = self.option_value(option, words)?;
                draft.from = Some((self.prefix(word)?, word));
            }
            "src" => {
                let word = self.option_value(option, words)?;
                draft.source = Some((self.assignable(word)?, word));
            }
            "tos" | "dsfield" => {
                let word = self.option_value(option, words)?;
                draft.tos = self.tos(word)?;
            }
            "table" => {
                let word = self.option_value(option, words)?;
                draft.table = Some(self.table(word, 0)?);
            }
            "vrf" => {
                let word = self.option_value(option, words)?;
                draft.vrf = Some(self.interface_name(word)?.to_owned());
            }
            "protocol" => {
                let word = self.option_value(option, words)?;
                draft.protocol = Some((self.route_protocol(word)?, word));
            }
            "scope" => {
                let word = self.option_value(option, words)?;
                draft.scope = Some(self.scope(word)?);
            }
            "metric" | "priority" | "preference" => {
                let word = self.option_value(option, words)?;
                draft.metric = Some(self.decimal_or_hex(word, 0..=u32::MAX)?);
            }
            "realms" => {
                let word = self.option_value(option, words)?;
                draft.realms = Some((self.realms(word)?, word));
            }
            "or" => {
                let (gateway, ..) = self.gateway(option, words)?;
                self.old_or(option);
                draft.other_gateway = Some(gateway);
            }
            "congctl" => {
                let is_locked = self.lock(words);
                let word = self.option_value(option, words)?;
                draft.congestion = Some((self.algorithm(word)?, is_locked));
            }
            "pref" => {
                let word = self.option_value(option, words)?;
                let preference = self.choice(word, "a preference", &RouterPreference::ALL)?;
                draft.preference = Some((preference, option));
            }
            "expires" => {
                let word = self.option_value(option, words)?;
                draft.expires = Some((self.decimal_or_hex(word, 0..=u32::MAX)?, option));
            }
            "ttl-propagate" => {
                let word = self.option_value(option, words)?;
                let choices = [("enabled", true), ("disabled", false)];
                draft.ttl_propagate =
                    Some(self.choice(word, "`enabled` or `disabled`", &choices)?);
            }
            "append" => draft.placement = Placement::Append,
            "add" => draft.placement = Placement::Add,
            "prepend" => draft.placement = Placement::Prepend,
            "no_track" => draft.track = Track::No,
            "track_group" => draft.track = Track::Group(self.track_group(option, words, owner)?),
            "as" => self.translated(option, words),
            "nexthop" => draft.others.push(self.next_hop(words)?),
            _ if draft.destination.is_none() && self.may_be_destination(option) => {
                draft.destination = Some((self.route_destination(option)?, option));
            }
            _ => self.no_route_word(option)?,
        }
        Some(())
    }

    /// Whether a word without one before it can be meant to be a destination.
    fn may_be_destination(&self, word: Word) -> bool {
        let text = self.text(word);
        matches!(text, "default" | "default6" | "all" | "any")
            || text.starts_with(|first: char| first.is_ascii_digit())
            || text.contains(':')
    }

    fn route_destination(&mut self, word: Word) -> Option<Destination> {
        match self.text(word) {
            "default" | "all" | "any" => Some(Destination::All),
            "default6" => Some(Destination::Network(Network::all(Family::V6))),
            _ => self.prefix(word).map(Destination::Network),
        }
    }

    fn no_route_word(&mut self, word: Word) -> Option<()> {
        let words: Vec<_> = WORDS.into_iter().chain(FURTHER).collect();
        let text = self.text(word);
        let is_address = text
            .split('/')
            .next()
            .is_some_and(|address| address.parse::<IpAddr>().is_ok());
        if is_address {
            self.invalid(word, "a word of a route")
                .help("every route stands on a line of its own, with one destination");
            return None;
        }
        self.no_routing_word(word, "a route", &words)
    }

    fn old_or(&mut self, option: Word) {
        let span = option.span();
        if self.diagnostics.fold(Code::OlderSpelling, "nexthop", span) {
            return;
        }
        self.diagnostics
            .report_first(Code::OlderSpelling, "nexthop", "`or` is an older spelling")
            .at(span, "this is a second next hop")
            .help("write `nexthop via ADDRESS nexthop via ADDRESS`");
    }

    fn algorithm(&mut self, word: Word) -> Option<String> {
        let text = self.text(word);
        // TCP_CA_NAME_MAX of net/tcp.h.
        if text.is_empty() || text.len() > 15 {
            self.invalid(word, "a congestion control of TCP, like `cubic`");
            return None;
        }
        Some(text.to_owned())
    }
}
