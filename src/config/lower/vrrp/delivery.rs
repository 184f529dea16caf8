//! Where adverts go to and come from: multicast, unicast, source and checksum.

use std::net::IpAddr;

use super::peer::{SaidPeer, SaidPeers};
use super::settled::Context;
use crate::config::diagnostic::Code;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;
use crate::vrrp::settings::{ChecksumForm, Delivery, Unicast, VirtualAddress};
use crate::vrrp::types::Version;

/// The TTL and hop limit of what is sent to peers, where the file names none.
const UNICAST_TTL: u8 = 255;

/// What a block says about delivery.
#[derive(Clone, Debug, Default)]
pub(super) struct DeliveryWords {
    /// `mcast_dst_ip`.
    pub(super) group: Option<Said<IpAddr>>,
    pub(super) multicast_source: Option<Said<IpAddr>>,
    pub(super) unicast_source: Option<Said<IpAddr>>,
    /// Blocks of peers, which add up.
    pub(super) peers: Vec<StatementId>,
    ttl: Option<Said<u8>>,
    check_source: Option<Said<bool>>,
    fault_without_peer: Option<Said<bool>>,
    /// `v3_checksum_as_v2`.
    message_only: Option<Said<bool>>,
    /// `old_unicast_checksum`; false is `never`.
    old_checksum: Option<Said<bool>>,
    pub(super) native_ipv6: Option<StatementId>,
}

/// What `global_defs` says about delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeliveryDefaults {
    group4: Option<IpAddr>,
    group6: Option<IpAddr>,
    check_source: bool,
    message_only: bool,
}

/// What the words of an instance about delivery come to.
pub(super) struct Delivered {
    pub(super) delivery: Delivery,
    pub(super) source: Option<IpAddr>,
    /// Where it is said.
    pub(super) source_by: Option<StatementId>,
    pub(super) checksum: ChecksumForm,
}

impl Lower<'_, '_> {
    /// Whether this is a word of an instance about delivery.
    pub(super) fn delivery_word(&mut self, words: &mut DeliveryWords, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "mcast_dst_ip" => {
                let value = self.multicast_group(id, None);
                self.say(&mut words.group, id, value);
            }
            "mcast_src_ip" => {
                let value = self.source(id);
                self.say(&mut words.multicast_source, id, value);
            }
            "unicast_src_ip" => {
                let value = self.source(id);
                self.say(&mut words.unicast_source, id, value);
            }
            "unicast_peer" => words.peers.push(id),
            "unicast_ttl" => {
                let value = self.unicast_ttl(id);
                self.say(&mut words.ttl, id, value);
            }
            "check_unicast_src" => {
                let value = self.switch(id);
                self.say(&mut words.check_source, id, value);
            }
            "unicast_fault_no_peer" => {
                let value = self.flag(id);
                self.say(&mut words.fault_without_peer, id, value);
            }
            "v3_checksum_as_v2" => {
                let value = self.switch(id);
                self.say(&mut words.message_only, id, value);
            }
            "old_unicast_checksum" => {
                let value = self.old_checksum(id);
                self.say(&mut words.old_checksum, id, value);
            }
            "native_ipv6" => {
                self.flag(id);
                words.native_ipv6 = Some(id);
            }
            _ => return false,
        }
        true
    }

    /// Whether this is a word of `global_defs` about delivery.
    pub(super) fn global_delivery(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vrrp_mcast_group4" => {
                self.said_once("vrrp_mcast_group4", id);
                let group = self.multicast_group(id, Some(Family::V4));
                let defaults = &mut self.vrrp_defaults.delivery;
                defaults.group4 = group.or(defaults.group4);
            }
            "vrrp_mcast_group6" => {
                self.said_once("vrrp_mcast_group6", id);
                let group = self.multicast_group(id, Some(Family::V6));
                let defaults = &mut self.vrrp_defaults.delivery;
                defaults.group6 = group.or(defaults.group6);
            }
            "vrrp_check_unicast_src" => {
                self.said_once("vrrp_check_unicast_src", id);
                self.flag(id);
                self.vrrp_defaults.delivery.check_source = true;
            }
            "v3_checksum_as_v2" => {
                self.said_once("v3_checksum_as_v2", id);
                if let Some(value) = self.switch(id) {
                    self.vrrp_defaults.delivery.message_only = value;
                }
            }
            _ => return false,
        }
        true
    }

    /// A multicast address, of this family where it matters.
    fn multicast_group(&mut self, id: StatementId, family: Option<Family>) -> Option<IpAddr> {
        let word = self.value(id, "a multicast address")?;
        let address = self.address(word)?;
        let (wanted, help) = match family {
            Some(Family::V4) => (
                "an IPv4 multicast address",
                "these are 224.0.0.0 to 239.255.255.255",
            ),
            Some(Family::V6) => ("an IPv6 multicast address", "these begin with ff"),
            None => (
                "a multicast address",
                "these are 224.0.0.0 to 239.255.255.255, and those of IPv6 begin with ff",
            ),
        };
        let is_wanted = family.is_none_or(|family| Family::of(address) == family);
        if !address.is_multicast() || !is_wanted {
            self.invalid(word, wanted).help(help);
            return None;
        }
        if let IpAddr::V6(group) = address
            && group.segments()[0] & 0xf != 2
        {
            let span = word.span();
            self.report(Code::Doubtful, "adverts are for one link only")
                .at(span, "this group reaches further")
                .help("take a group that begins with `ff02:`");
        }
        Some(address)
    }

    /// An address that adverts come from.
    fn source(&mut self, id: StatementId) -> Option<IpAddr> {
        let word = self.value(id, "an address")?;
        self.assignable(word)
    }

    /// `unicast_ttl NUMBER`.
    fn unicast_ttl(&mut self, id: StatementId) -> Option<u8> {
        let word = self.value(id, "a number")?;
        let ttl = self.number(word, 0..=255)? as u8;
        if ttl == 0 {
            let span = word.span();
            self.report(Code::ValueAdjusted, "a packet with a TTL of 0 is not sent")
                .at(span, "1 is used, which passes no router either");
        }
        Some(ttl.max(1))
    }

    /// `old_unicast_checksum [never]`: whether the old form is sent.
    fn old_checksum(&mut self, id: StatementId) -> Option<bool> {
        let Some(word) = self.optional_value(id) else {
            return Some(true);
        };
        self.choice(word, "`never`, or nothing", &[("never", false)])
    }

    /// What the words of an instance come to.
    pub(super) fn delivered(
        &mut self,
        words: &DeliveryWords,
        peers: SaidPeers,
        context: &Context,
        addresses: &[VirtualAddress],
    ) -> Delivered {
        let family = context.family;
        let sources = [words.unicast_source, words.multicast_source, words.group];
        for of_other in sources.into_iter().flatten() {
            if Family::of(of_other.value) != family
                && let Some(word) = self.ast.words(of_other.by).get(1).copied()
            {
                let what = format!("`{}`", self.ast.keyword(of_other.by));
                self.other_family(word, &what, family);
            }
        }
        let own = said(words.unicast_source).or(said(words.multicast_source));
        let peers = self.sensible_peers(peers, family, own, addresses);
        let has_peers = !peers.list.is_empty() || peers.some_wrong;
        let is_unicast = has_peers || self.without_peers(words);
        let delivery = match is_unicast {
            true => {
                self.no_group_with_unicast(words);
                self.unicast_though_strict(words, context);
                Delivery::Unicast(self.unicast(words, &peers.list))
            }
            false => {
                if let Some(ttl) = words.ttl {
                    self.without_unicast(ttl.by, "adverts go out with a TTL of 255");
                }
                let defaults = self.vrrp_defaults.delivery;
                let default = match family {
                    Family::V4 => defaults.group4,
                    Family::V6 => defaults.group6,
                };
                let group = said(words.group).or(default);
                Delivery::Multicast {
                    group: group.unwrap_or(Delivery::group(family)),
                }
            }
        };
        let checksum = self.checksum(words, context, is_unicast);
        let source = self.one_source(words, is_unicast);
        Delivered {
            checksum,
            source: said(source),
            source_by: source.map(|said| said.by),
            delivery,
        }
    }

    fn unicast(&mut self, words: &DeliveryWords, peers: &[SaidPeer]) -> Unicast {
        let has_range = peers.iter().any(|said| said.has_range);
        let check_source = said(words.check_source);
        let check_source = check_source.unwrap_or(self.vrrp_defaults.delivery.check_source);
        Unicast {
            peers: peers.iter().map(|said| said.peer.clone()).collect(),
            ttl: said(words.ttl).unwrap_or(UNICAST_TTL),
            check_source: check_source || has_range,
        }
    }

    /// Whether an instance without peers has unicast all the same, which is a fault.
    /// Otherwise words about unicast are told to have none.
    fn without_peers(&mut self, words: &DeliveryWords) -> bool {
        let block = words.peers.first().copied();
        let about = block
            .or(words.unicast_source.map(|said| said.by))
            .or(words.check_source.map(|said| said.by));
        let Some(about) = about.or(words.fault_without_peer.map(|said| said.by)) else {
            return false;
        };
        let is_fault = said(words.fault_without_peer) == Some(true);
        let span = self.keyword_span(about);
        let diagnostic = self.report(Code::Doubtful, "unicast without peers");
        let help = "list the other directors in its block: `unicast_peer { ADDRESS }`";
        match is_fault {
            true => diagnostic
                .at(span, "the instance stays in FAULT")
                .help(help),
            false => diagnostic
                .at(span, "adverts go out by multicast, as with keepalived")
                .help(help)
                .help(
                    "or remove the words about unicast; `unicast_fault_no_peer` makes it a fault",
                ),
        };
        is_fault
    }

    fn no_group_with_unicast(&mut self, words: &DeliveryWords) {
        let Some(group) = words.group else { return };
        let span = self.span(group.by);
        let by = words.peers.first().map(|block| self.keyword_span(*block));
        let diagnostic = self.report(
            Code::NoEffect,
            "`mcast_dst_ip` does not go together with unicast",
        );
        diagnostic.at(span, "this has no effect: adverts go to the peers");
        if let Some(by) = by {
            diagnostic.related(by, "because of this");
        }
    }

    /// keepalived does it all the same, though its manual says otherwise.
    fn unicast_though_strict(&mut self, words: &DeliveryWords, context: &Context) {
        let (Some(block), Some(strict)) = (words.peers.first(), context.strict) else {
            return;
        };
        let (span, strict) = (self.keyword_span(*block), self.span(strict));
        self.report(
            Code::Advice,
            "strict mode follows the RFCs, which know no unicast",
        )
        .at(
            span,
            "adverts go to the peers all the same, as with keepalived",
        )
        .related(strict, "strict mode is switched on here");
    }

    /// A word that says something of unicast only.
    fn without_unicast(&mut self, by: StatementId, instead: &str) {
        let span = self.span(by);
        let word = self.ast.keyword(by);
        let message = format!("`{word}` without `unicast_peer`");
        self.report(Code::NoEffect, message)
            .at(span, format!("this has no effect: {instead}"));
    }

    /// Of two sources, the one that is named for what is done.
    fn one_source(&mut self, words: &DeliveryWords, is_unicast: bool) -> Option<Said<IpAddr>> {
        let (first, second) = match is_unicast {
            true => (words.unicast_source, words.multicast_source),
            false => (words.multicast_source, words.unicast_source),
        };
        if let (Some(first), Some(second)) = (first, second)
            && first.value != second.value
        {
            let (first, second) = (self.span(first.by), self.span(second.by));
            self.report(Code::NoEffect, "two addresses that adverts come from")
                .at(second, "this has no effect")
                .related(first, "this one counts");
        }
        first.or(second)
    }

    fn checksum(
        &mut self,
        words: &DeliveryWords,
        context: &Context,
        is_unicast: bool,
    ) -> ChecksumForm {
        let (version, family) = (context.version, context.family);
        let has_forms = version == Version::V3 && family == Family::V4;
        let message_only = words.message_only.filter(|said| said.value);
        let old = words.old_checksum.filter(|said| said.value);
        if let Some(said) = message_only
            && !has_forms
        {
            self.one_checksum(said.by, version);
        }
        if let Some(said) = old {
            match message_only {
                _ if !has_forms => self.one_checksum(said.by, version),
                _ if !is_unicast => self.without_unicast(said.by, "there is no old form of it"),
                Some(other) => {
                    let (span, other) = (self.span(said.by), self.span(other.by));
                    self.report(Code::NoEffect, "two forms of checksum")
                        .at(span, "this has no effect")
                        .related(other, "this one counts");
                }
                None => {}
            }
        }
        let global = self.vrrp_defaults.delivery.message_only;
        match (said(words.message_only).unwrap_or(global), old) {
            _ if !has_forms => ChecksumForm::PseudoHeader,
            (true, _) => ChecksumForm::MessageOnly,
            (false, Some(_)) if is_unicast => ChecksumForm::GroupInUnicast,
            (false, _) => ChecksumForm::PseudoHeader,
        }
    }

    fn one_checksum(&mut self, by: StatementId, version: Version) {
        let span = self.span(by);
        let word = self.ast.keyword(by);
        let label = match version {
            Version::V2 => "this has no effect: version 2 has but one checksum",
            Version::V3 => "this has no effect: over IPv6 there is but one checksum",
        };
        let message = format!("`{word}` is for version 3 over IPv4");
        self.report(Code::NoEffect, message).at(span, label);
    }

    /// An address of another family than its instance's.
    pub(super) fn other_family(&mut self, word: Word, what: &str, family: Family) {
        let span = word.span();
        let (own, other) = match family {
            Family::V4 => ("IPv4", "IPv6"),
            Family::V6 => ("IPv6", "IPv4"),
        };
        let message = format!("an {other} address as {what} in an instance of {own} addresses");
        self.report(Code::FamilyMismatch, message)
            .at(span, format!("an {own} address belongs here"))
            .help("the first virtual address decides the family of an instance");
    }
}
