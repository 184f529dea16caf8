//! One route.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::hop::{WrittenHop, name};
use super::{Owner, Words};
use crate::config::diagnostic::{Code, shown};
use crate::config::lower::Lower;
use crate::config::model::route::{
    Id, Metric, MetricKind, Network, Placement, Realms, Route, RouteKind, RouterPreference, Track,
};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;

/// The number that keepalived's routes have: `RTPROT_KEEPALIVED` of linux/rtnetlink.h.
const KEEPALIVED: u32 = 18;

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
enum Destination {
    /// `default`: every address, of whichever family.
    All,
    Network(Network),
}

impl Destination {
    fn network(self) -> Option<Network> {
        match self {
            Destination::All => None,
            Destination::Network(network) => Some(network),
        }
    }
}

/// What a line says.
#[derive(Default)]
struct Draft {
    kind: Option<RouteKind>,
    /// `inet` or `inet6`.
    family: Option<Family>,
    destination: Option<(Destination, Word)>,
    from: Option<(Network, Word)>,
    source: Option<(IpAddr, Word)>,
    tos: u8,
    table: Option<Id>,
    vrf: Option<String>,
    protocol: Option<(Id, Word)>,
    scope: Option<u8>,
    metric: Option<u32>,
    realms: Option<(Realms, Word)>,
    first: WrittenHop,
    /// `or`.
    other_gateway: Option<IpAddr>,
    others: Vec<WrittenHop>,
    metrics: BTreeMap<MetricKind, Metric>,
    congestion: Option<(String, bool)>,
    preference: Option<(RouterPreference, Word)>,
    expires: Option<(u32, Word)>,
    ttl_propagate: Option<bool>,
    placement: Placement,
    track: Track,
}

impl Lower<'_, '_> {
    /// The route that a line says. None where something is wrong with it, which has been
    /// told.
    pub(super) fn route(&mut self, line: StatementId, owner: Owner) -> Option<Route> {
        let mut words = Words(self.ast.words(line));
        let mut draft = Draft::default();
        while let Some(word) = words.next() {
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

    fn finished(&mut self, draft: Draft, line: StatementId) -> Option<Route> {
        let Some((destination, _)) = draft.destination else {
            let span = self.span(line);
            self.report(Code::MissingValue, "a route needs a destination")
                .at(span, "there is none in this line")
                .help("begin it with `ADDRESS/LENGTH` or `default`");
            return None;
        };
        let family = self.route_family(&draft)?;
        let kind = draft.kind.unwrap_or_default();
        let destination = destination.network().unwrap_or(Network::all(family));
        let protocol = self.tracked_protocol(draft.protocol, &draft.track);
        let hops = self.hops(
            line,
            kind,
            draft.first,
            draft.other_gateway,
            draft.others,
            draft.vrf.is_some(),
        )?;
        Some(Route {
            kind,
            destination,
            from: draft.from.map(|(from, _)| from),
            source: draft.source.map(|(source, _)| source),
            tos: draft.tos,
            table: draft.table,
            vrf: draft.vrf,
            protocol,
            scope: draft.scope,
            metric: draft.metric,
            realms: draft.realms.map(|(realms, _)| realms),
            hops: hops.into_iter().map(|written| written.hop).collect(),
            metrics: draft.metrics,
            congestion: draft.congestion,
            preference: draft.preference.map(|(preference, _)| preference),
            expires: draft.expires.map(|(expires, _)| expires),
            ttl_propagate: draft.ttl_propagate,
            placement: draft.placement,
            track: draft.track,
            origin: self.origin(line),
        })
    }

    /// The family of a route, which all its addresses are of.
    fn route_family(&mut self, draft: &Draft) -> Option<Family> {
        let destination = draft.destination.as_ref();
        let said = destination.and_then(|(destination, _)| destination.network());
        let said = said.map(|network| Family::of(network.address));
        let gateways = std::iter::once(&draft.first).chain(&draft.others);
        let gateways: Vec<_> = gateways
            .filter_map(|written| {
                let gateway = written.hop.gateway?;
                Some((Family::of(gateway), written.gateway?, written.says_family))
            })
            .collect();
        let of_source = draft
            .source
            .map(|(source, word)| (Family::of(source), word));
        let of_from = draft
            .from
            .map(|(from, word)| (Family::of(from.address), word));
        let family = draft
            .family
            .or(said)
            .or(of_source.map(|(family, _)| family));
        let family = family.or(of_from.map(|(family, _)| family));
        let family = family.or(gateways.first().map(|(family, ..)| *family));
        let family = family.unwrap_or_default();
        if let (Some(said), Some((_, word))) = (said, destination)
            && said != family
        {
            self.mixed(*word, family);
            return None;
        }
        for (other, word) in of_source.into_iter().chain(of_from) {
            if other != family {
                self.mixed(word, family);
                return None;
            }
        }
        for (other, word, says_family) in gateways {
            // The kernel sends IPv4 by routers of IPv6, not the other way round.
            let is_meant = says_family && family == Family::V4;
            if other != family && !is_meant {
                self.mixed(word, family);
                return None;
            }
        }
        let of_one = [
            (
                draft.from.as_ref().map(|(_, word)| *word),
                Family::V6,
                "a network that packets come from",
            ),
            (
                draft.realms.as_ref().map(|(_, word)| *word),
                Family::V4,
                "a realm",
            ),
            (draft.preference.map(|(_, word)| word), Family::V6, "`pref`"),
            (draft.expires.map(|(_, word)| word), Family::V6, "`expires`"),
        ];
        for (word, only, what) in of_one {
            if let Some(word) = word.filter(|_| only != family) {
                let span = word.span();
                let own = name(only);
                let message = format!("{what} is for routes of {own}");
                self.report(Code::FamilyMismatch, message)
                    .at(span, format!("this route is of {}", name(family)));
                return None;
            }
        }
        Some(family)
    }

    fn mixed(&mut self, word: Word, family: Family) {
        let span = word.span();
        let own = name(family);
        let other = match family {
            Family::V4 => "IPv6",
            Family::V6 => "IPv4",
        };
        let message = format!("an {other} address in a route of {own}");
        let diagnostic = self.report(Code::FamilyMismatch, message);
        diagnostic.at(span, format!("an {own} address belongs here"));
        if family == Family::V4 {
            diagnostic.help("a gateway of IPv6 is written `via inet6 ADDRESS`");
        }
    }

    /// Who has made the route. keepalived knows what it watches by its own number.
    fn tracked_protocol(&mut self, said: Option<(Id, Word)>, track: &Track) -> Option<Id> {
        let (protocol, word) = said?;
        if *track == Track::No || protocol == Id::Number(KEEPALIVED) {
            return Some(protocol);
        }
        let span = word.span();
        self.report(
            Code::ValueAdjusted,
            "a route that is watched has keepalived's protocol",
        )
        .at(span, "18 is used, as by keepalived")
        .help("with `no_track`, it is as it is written");
        None
    }

    /// The ways of a route of this kind.
    fn hops(
        &mut self,
        line: StatementId,
        kind: RouteKind,
        mut first: WrittenHop,
        other_gateway: Option<IpAddr>,
        others: Vec<WrittenHop>,
        has_vrf: bool,
    ) -> Option<Vec<WrittenHop>> {
        if kind.drops() {
            let gateway = first
                .gateway
                .or(others.iter().find_map(|other| other.gateway));
            if let Some(word) = gateway {
                let span = word.span();
                let name = kind.name();
                let message = format!("a `{name}` route has no gateway");
                self.report(Code::InvalidValue, message)
                    .at(span, "packets end here: the kernel refuses it");
                return None;
            }
            if let Some(word) = first.interface {
                let span = word.span();
                let name = kind.name();
                self.report(Code::NoEffect, format!("a `{name}` route has no interface"))
                    .at(span, "this has no effect");
            }
            return Some(Vec::new());
        }
        if others.is_empty() {
            let goes_nowhere = first.gateway.is_none()
                && first.interface.is_none()
                && first.hop.encapsulation.is_none()
                && !has_vrf;
            if goes_nowhere {
                self.goes_nowhere(line);
            }
            return Some(match other_gateway {
                None => vec![first],
                Some(gateway) => {
                    let mut second = WrittenHop {
                        hop: first.hop.clone(),
                        ..WrittenHop::default()
                    };
                    second.hop.gateway = Some(gateway);
                    vec![first, second]
                }
            });
        }
        if let Some(word) = first.gateway.or(first.interface) {
            let span = word.span();
            self.report(
                Code::InvalidValue,
                "a way of its own beside those behind `nexthop`",
            )
            .at(span, "the kernel refuses the route for this")
            .help("write it as a `nexthop`, too");
            return None;
        }
        first.hop.on_link = false;
        if others
            .iter()
            .any(|other| other.gateway.is_none() && other.interface.is_none())
        {
            self.goes_nowhere(line);
        }
        Some(others)
    }

    fn goes_nowhere(&mut self, line: StatementId) {
        let span = self.span(line);
        let word = shown(self.ast.keyword(line));
        let message = format!("the route `{word}` has neither gateway nor interface");
        self.report(Code::Doubtful, message)
            .at(span, "the kernel refuses it, as with keepalived")
            .help("add `dev INTERFACE` or `via ADDRESS`");
    }
}
