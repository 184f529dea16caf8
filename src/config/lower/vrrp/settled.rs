//! What the words of an instance come to together, with everything inherited in its
//! place, and what they must not be together with those of other instances.

use std::net::IpAddr;

use super::address::Addresses;
use super::instance::InstanceWords;
use crate::config::diagnostic::{Code, shown};
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::model::VrrpInstance;
use crate::config::syntax::StatementId;
use crate::family::Family;
use crate::vrrp::settings::{Delivery, InstanceSettings};
use crate::vrrp::types::{AdvertInterval, Priority, State, Version, Vrid};

/// What has been settled of an instance, and decides what else its words come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Where strict mode is switched on, if it is.
    pub(super) strict: Option<StatementId>,
    pub(super) priority: Priority,
    pub(super) family: Family,
    pub(super) version: Version,
    pub(super) advert_interval: AdvertInterval,
}

impl<'s> Lower<'_, 's> {
    /// The instance that the words of a block make. None where something is wrong,
    /// which has been told.
    pub(super) fn settled(
        &mut self,
        block: StatementId,
        name: Option<&'s str>,
        mut words: InstanceWords<'s>,
    ) -> Option<VrrpInstance> {
        let help = "name the one that adverts go out from and come in by: `interface eth0`";
        let interface = self.required(block, "interface", words.interface, help);
        let help = "a number from 1 to 255, the same on all directors of the instance";
        let vrid = self.required(block, "virtual_router_id", words.vrid, help);
        let notify = self.notify(std::mem::take(&mut words.notify));
        if let (Some(name), Some(interface)) = (name, interface) {
            self.used(name, interface.value, true, interface.by);
        }
        let addresses = self.addresses(name, said(interface), &words);
        let peers = self.peers(&words.delivery.peers);
        let family = self.family(addresses.family, &words.delivery, &peers);
        let version = self.version(words.version, family);
        let context = Context {
            strict: self.strict(&words.behaviour),
            priority: self.priority(block, &words),
            family,
            version,
            advert_interval: self.interval(words.advert_interval, version),
        };
        if let (Some(strict), Some(accept)) = (context.strict, words.accept)
            && accept.value
            && version == Version::V2
        {
            let instead = "version 2 knows no such mode, as keepalived has it";
            self.not_strict(accept.by, strict, instead);
        }
        self.enough_addresses(block, &words, &addresses, &context);
        let state = self.state_to_begin_with(&words, &context);
        let (preempt, preempt_delay) = self.preemption(&words, state, &context);
        let delivered = self.delivered(&words.delivery, peers, &context, &addresses.list);
        let virtual_interface = self.virtual_interface(&words, &context, &delivered);
        let authentication =
            self.settled_authentication(words.authentication, words.hmac.take(), &context);
        let announcements = self.announcements(&words.announce, context.strict);
        // Unless its own interface is left unwatched, naming it is idle.
        let ast = self.ast;
        let is_watched = !ast
            .block(block)
            .any(|id| ast.keyword(id) == "dont_track_primary");
        let own = said(interface).filter(|_| is_watched);
        // It says so, or without a word about it is taken for the owner as MASTER.
        let by = words.priority.map(|said| said.by);
        let by = by.or(words.state.map(|said| said.by));
        let owner = by.filter(|_| context.priority == Priority::OWNER);
        let tracking = self.tracking(&words.tracking, own, owner);
        let (name, interface, vrid) = (name?, interface?, vrid?);
        self.weighted(name, &words.tracking);
        self.one_router(name, vrid, &delivered.delivery, interface.value);
        let mut settings = InstanceSettings {
            version,
            delivery: delivered.delivery,
            source: delivered.source,
            checksum: delivered.checksum,
            initial_state: said(state).unwrap_or(State::Backup),
            priority: context.priority,
            advert_interval: context.advert_interval,
            preempt,
            preempt_delay,
            authentication,
            addresses: addresses.list,
            excluded: addresses.excluded,
            announcements,
            ..InstanceSettings::new(name, interface.value, vrid.value, family)
        };
        self.behave(&mut settings, &words.behaviour, context.strict);
        Some(VrrpInstance {
            settings,
            notify,
            routes: words.routes,
            rules: words.rules,
            tracking,
            virtual_interface: virtual_interface.map(Box::new),
            smtp_alert: said(words.smtp_alert).unwrap_or_else(|| self.alert_defaults.vrrp()),
            origin: self.origin(block),
            source_origin: delivered.source_by.map(|by| self.origin(by)),
            later: Vec::new(),
        })
    }

    /// Tells where there are no addresses to be moved, or not those that there have to be.
    fn enough_addresses(
        &mut self,
        block: StatementId,
        words: &InstanceWords<'_>,
        addresses: &Addresses,
        context: &Context,
    ) {
        if let Some(by) = words.no_addresses
            && addresses.is_mentioned
        {
            let span = self.span(by.by);
            self.report(
                Code::Redundant,
                "`no_virtual_ipaddress` in an instance that has some",
            )
            .at(span, "this has no effect");
        }
        let blocks = words.addresses.iter();
        if addresses.is_mentioned
            || self.misspells(block, "virtual_ipaddress")
            || !self.is_whole()
            || !blocks.into_iter().all(|id| self.ast.has_block(*id))
        {
            self.link_local_first(addresses, context);
            return;
        }
        let span = self.keyword_span(block);
        match (context.strict, words.no_addresses) {
            (Some(strict), _) => {
                let by = self.span(strict);
                self.report(
                    Code::MissingValue,
                    "in strict mode an instance needs a virtual address",
                )
                .at(span, "no advert of it has one")
                .related(by, "because of this")
                .help("list it in its block: `virtual_ipaddress { ADDRESS/PREFIX }`");
            }
            (None, Some(_)) => {}
            (None, None) if context.version == Version::V3 => {
                self.report(
                    Code::MissingValue,
                    "an instance of version 3 needs a virtual address",
                )
                .at(span, "no advert of it has one")
                .help("list it in its block: `virtual_ipaddress { ADDRESS/PREFIX }`")
                .help("or write `no_virtual_ipaddress`, if it is not to have any");
            }
            (None, None) => {
                let span = self.span(block);
                self.report(Code::Doubtful, "an instance without virtual addresses")
                    .at(span, "it decides who is master, and moves nothing")
                    .help("list them in its block: `virtual_ipaddress { ADDRESS/PREFIX }`")
                    .help("or write `no_virtual_ipaddress`, if it is not to have any");
            }
        }
    }

    /// RFC 9568 section 5.2.9: the first address over IPv6 is a link-local one.
    fn link_local_first(&mut self, addresses: &Addresses, context: &Context) {
        let Some((IpAddr::V6(first), span)) = addresses.first else {
            return;
        };
        if context.family == Family::V4 || first.is_unicast_link_local() {
            return;
        }
        let strict = context.strict.map(|strict| self.span(strict));
        let diagnostic = self.report(
            Code::Advice,
            "the first virtual address over IPv6 should be a link-local one",
        );
        diagnostic
            .at(span, "taken as it is")
            .help("the RFCs ask for it: begin the list with an address of fe80::/64, alike on all directors");
        if let Some(strict) = strict {
            diagnostic.related(strict, "strict mode asks for it, too");
        }
    }

    /// An identifier belongs to one instance, where packets of several would meet: those
    /// of a multicast group on an interface, or those to and from a peer.
    fn one_router(
        &mut self,
        name: &'s str,
        vrid: Said<Vrid>,
        delivery: &Delivery,
        interface: &'s str,
    ) {
        let places: Vec<IpAddr> = match delivery {
            Delivery::Multicast { group } => vec![*group],
            Delivery::Unicast(unicast) => unicast.peers.iter().map(|it| it.address).collect(),
        };
        for place in places {
            let key = (vrid.value, place, interface);
            let (other, first) = *self.named.routers.entry(key).or_insert((name, vrid.by));
            if first != vrid.by {
                self.same_router(
                    [other, name],
                    [first, vrid.by],
                    vrid.value,
                    place,
                    interface,
                );
                return;
            }
        }
    }

    fn same_router(
        &mut self,
        names: [&str; 2],
        places: [StatementId; 2],
        vrid: Vrid,
        place: IpAddr,
        interface: &str,
    ) {
        let [first, second] = places.map(|place| self.span(place));
        let [other, name] = names.map(shown);
        let mut message =
            format!("`{other}` and `{name}` both have the virtual router id {vrid} on {interface}");
        if !place.is_multicast() {
            message += &format!(", with the peer {place}");
        }
        self.report(Code::Duplicate, message)
            .at(second, "the same again")
            .related(first, "first here")
            .help("each instance on an interface needs a number of its own, the same on all directors");
    }
}
