//! Why a packet was dropped, in words that say what to do.

use std::net::IpAddr;

use super::super::guard::Guard;
use super::super::packet::{Datagram, DropKind, View};
use super::super::settings::{Authentication, ChecksumForm, Delivery, InstanceSettings};
use super::super::types::Version;
use super::envelope;
use crate::moment::Moment;

/// What was in the packet and what is to be done about it. Never a password or a key.
pub fn explain(
    kind: DropKind,
    datagram: &Datagram<'_>,
    settings: &InstanceSettings,
    guard: &Guard,
    now: Moment,
) -> String {
    let vrid = settings.vrid;
    let interface = &settings.interface;
    let octet = |at: usize| datagram.message.get(at).copied().unwrap_or(0);
    let second_cluster = format!("a second cluster uses VRID {vrid} on {interface}");
    let view = || {
        let envelope = envelope(datagram, settings);
        View::parse(datagram.message, settings.version, &envelope).ok()
    };
    match kind {
        DropKind::Length => format!(
            "{} octets do not fit {} addresses: it is cut off, or no advert",
            datagram.message.len(),
            octet(3)
        ),
        DropKind::Header => "it has no IP header of VRRP's".to_owned(),
        DropKind::Ttl => ttl(datagram, settings),
        DropKind::Source => format!(
            "{} is none of the peers of this instance: name it in `unicast_peer`, or {second_cluster}",
            datagram.source
        ),
        DropKind::Version => format!(
            "it is of version {}, and this instance of version {}: set `version` alike on all \
             routers of VRID {vrid}",
            octet(0) >> 4,
            settings.version.number()
        ),
        DropKind::Type => format!("it is of type {}, and adverts of type 1", octet(0) & 0xf),
        DropKind::Checksum => "its checksum is wrong: it was damaged on the way".to_owned(),
        DropKind::ChecksumForm => checksum_form(datagram, settings),
        DropKind::AuthenticationType => format!(
            "it has {}, and this instance has {}: {second_cluster}, or {} differs between the routers",
            authentication_of(datagram, settings, view().as_ref()),
            match settings.authentication {
                Authentication::None => "no authentication",
                Authentication::Pass(_) => "authentication type 1 (PASS)",
                Authentication::Header(_) => "an authentication header (AH)",
                Authentication::Hmac(_) => "`auth_hmac`",
            },
            match settings.version {
                Version::V2 => "`auth_type` or `auth_hmac`",
                Version::V3 => "`auth_hmac`",
            }
        ),
        DropKind::Password => format!(
            "its password is another: {second_cluster}, or `auth_pass` differs between the routers"
        ),
        DropKind::Trailer => "what stands behind its addresses is no signature of a kind that \
             is known here, which is scheme 1, HMAC-SHA256: the sender may be of a later version"
            .to_owned(),
        DropKind::Unsigned => format!(
            "it is not signed: {second_cluster}, or the sender has no `auth_hmac`; until all \
             routers sign, `mode permissive` takes such adverts too"
        ),
        DropKind::UnknownKey => format!(
            "it is signed with key {}, which is not among the keys of `auth_hmac` here: give all \
             routers a new key before one of them makes it its `active_key`",
            view()
                .and_then(|view| view.trailer)
                .map_or(0, |trailer| trailer.key)
        ),
        DropKind::Spi => format!(
            "its authentication header is not that of {}, where it comes from: something on the \
             way translates addresses, or it is forged",
            datagram.source
        ),
        DropKind::Signature => match settings.authentication {
            Authentication::Header(_) => format!(
                "its authentication header is wrong: `auth_pass` differs between the routers, {} \
                 or it was changed on the way",
                match settings.delivery {
                    Delivery::Multicast { .. } => "or one of them has `unicast_peer`,",
                    Delivery::Unicast(_) => "or one of them has no `unicast_peer`,",
                }
            ),
            _ => format!(
                "its signature is wrong: the value of key {} differs between the routers, or it \
                 was changed on the way",
                view()
                    .and_then(|view| view.trailer)
                    .map_or(0, |trailer| trailer.key)
            ),
        },
        DropKind::Stale => {
            let theirs = view().and_then(|view| view.trailer).map(|it| it.sequence);
            let ours = guard.clock(now);
            let ahead = theirs.map_or(0, |theirs| theirs.seconds_since(ours));
            format!(
                "it was signed at {} s since 1970, which is {} s {} this host's clock at {} s, and \
                 more than `time_window` allows: set the clocks of both by NTP, or it is replayed",
                theirs.map_or(0, |theirs| theirs.seconds()),
                ahead.abs(),
                if ahead < 0 { "behind" } else { "ahead of" },
                ours.seconds()
            )
        }
        DropKind::Replayed => match &datagram.authentication {
            Some(header) => format!(
                "its sequence number {} is not above {}, its sender's last one: it is replayed, or \
                 the sender has begun again and has not yet heard another router",
                header.sequence,
                guard.numbers().heard.get(&datagram.source).unwrap_or(&0)
            ),
            None => "its sequence is not later than that of its sender's last advert: it is \
                 replayed, or the sender's clock was set back"
                .to_owned(),
        },
        DropKind::Addresses => format!(
            "its addresses are {}, and this instance's {}: {second_cluster}, or \
             `virtual_ipaddress` differs between the routers",
            view().map_or_else(String::new, |view| list(view.addresses())),
            list(settings.advertised())
        ),
        DropKind::Interval => interval(datagram, settings),
        DropKind::OwnAddress => format!(
            "it comes from an address of this router's own: a loop in the network sends adverts \
             back, or another host on {interface} has the same address"
        ),
        DropKind::UnknownVrid => format!(
            "no instance on {interface} has VRID {}: it is another cluster's",
            octet(1)
        ),
    }
}

fn ttl(datagram: &Datagram<'_>, settings: &InstanceSettings) -> String {
    let ttl = datagram.ttl;
    let name = if datagram.source.is_ipv4() {
        "TTL"
    } else {
        "hop limit"
    };
    match &settings.delivery {
        Delivery::Multicast { .. } => {
            format!("its {name} is {ttl} and not 255: it has passed a router, or is forged")
        }
        Delivery::Unicast(unicast) => {
            let peer = unicast
                .peers
                .iter()
                .find(|peer| peer.address == datagram.source);
            let (least, most) =
                peer.map_or((0, u8::MAX), |peer| (*peer.ttl.start(), *peer.ttl.end()));
            format!(
                "its {name} is {ttl}, and this peer's `min_ttl` to `max_ttl` are {least} to {most}: \
                 it has come another way, or is forged"
            )
        }
    }
}

/// Another convention than ours, by the words that set it.
fn checksum_form(datagram: &Datagram<'_>, settings: &InstanceSettings) -> String {
    let envelope = envelope(datagram, settings);
    let theirs = envelope
        .form_of(settings.version, datagram.message)
        .unwrap_or_default();
    let covers = match theirs {
        ChecksumForm::PseudoHeader => "the addresses of the datagram as well",
        ChecksumForm::MessageOnly => "the message alone",
        ChecksumForm::GroupInUnicast => "the multicast group's address",
    };
    let remedy = match (theirs, settings.checksum) {
        (ChecksumForm::MessageOnly, _) => {
            "set `v3_checksum_as_v2` here, or take it out of the other router's file"
        }
        (ChecksumForm::GroupInUnicast, _) => {
            "set `old_unicast_checksum` here, or take it out of the other router's file"
        }
        (ChecksumForm::PseudoHeader, ChecksumForm::GroupInUnicast) => {
            "take `old_unicast_checksum` out here, or set it on the other router"
        }
        (ChecksumForm::PseudoHeader, _) => {
            "take `v3_checksum_as_v2` out here, or set it on the other router"
        }
    };
    format!("its checksum covers {covers}, and this instance's does not: {remedy}")
}

fn authentication_of(
    datagram: &Datagram<'_>,
    settings: &InstanceSettings,
    view: Option<&View<'_>>,
) -> String {
    let kind = datagram.message.get(4).copied().unwrap_or(0);
    if datagram.authentication.is_some()
        != matches!(settings.authentication, Authentication::Header(_))
    {
        return match datagram.authentication {
            Some(_) => "an authentication header (AH)".to_owned(),
            None => "no authentication header".to_owned(),
        };
    }
    if view.is_some_and(|view| view.trailer.is_some()) {
        return "a signature of `auth_hmac`".to_owned();
    }
    format!("authentication type {kind}")
}

fn interval(datagram: &Datagram<'_>, settings: &InstanceSettings) -> String {
    let octet = |at: usize| datagram.message.get(at).copied().unwrap_or(0);
    match settings.version {
        Version::V2 => format!(
            "its interval is {} s, and this instance's {} s: set `advert_int` alike on all \
             routers of VRID {}",
            octet(5),
            f64::from(settings.advert_interval.centiseconds()) / 100.0,
            settings.vrid
        ),
        Version::V3 => "its interval is 0, so that no time would be left to hear the next one: \
             it is forged, or the sender is broken"
            .to_owned(),
    }
}

/// At most a few addresses, so that a line of the log stays one.
fn list(addresses: impl Iterator<Item = IpAddr>) -> String {
    const SHOWN: usize = 4;
    let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
    match addresses.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => {
            format!("{} … ({count} in all)", addresses[..SHOWN].join(" "))
        }
        _ => addresses.join(" "),
    }
}
