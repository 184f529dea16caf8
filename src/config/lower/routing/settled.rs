//! What the words of a route come to together.

use std::net::IpAddr;

use super::hop::{WrittenHop, name};
use super::route::Draft;
use crate::config::diagnostic::{Code, shown};
use crate::config::lower::Lower;
use crate::config::model::route::{Id, Network, Route, RouteKind, Track};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;

/// The number that keepalived's routes have: `RTPROT_KEEPALIVED` of linux/rtnetlink.h.
const KEEPALIVED: u32 = 18;

/// How many words of a line are shown.
const WORDS_SHOWN: usize = 8;

impl Lower<'_, '_> {
    /// The route that a line comes to.
    pub(super) fn finished(&mut self, draft: Draft, line: StatementId) -> Option<Route> {
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
        let words = self.ast.words(line).iter().map(|word| self.text(*word));
        let words: Vec<_> = words.take(WORDS_SHOWN).collect();
        let words = shown(&words.join(" "));
        let message = format!("the route `{words}` has neither gateway nor interface");
        self.report(Code::Doubtful, message)
            .at(span, "the kernel refuses it, as with keepalived")
            .help("add `dev INTERFACE` or `via ADDRESS`");
    }
}
