//! What a router that is configured for it makes of a packet (RFC 3768 section 7.1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::packet::{Datagram, DropKind, Form, Message, PASSWORD, TTL};
use super::settings::{Authentication, InstanceSettings};
use super::types::{AdvertInterval, Priority, Version};

/// An advert that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub address: IpAddr,
    pub priority: Priority,
    /// How often its sender sends them: with version 2 as often as is configured here.
    pub interval: AdvertInterval,
}

/// Looks at everything that the configuration has something to say about. `is_own`
/// says whether the packet comes from this router itself.
pub fn check(
    datagram: &Datagram<'_>,
    settings: &InstanceSettings,
    is_own: bool,
) -> Result<Heard, DropKind> {
    if is_own {
        return Err(DropKind::OwnAddress);
    }
    if datagram.ttl != TTL {
        return Err(DropKind::Ttl);
    }
    let message = Message::decode(
        datagram.message,
        settings.version,
        datagram.source,
        datagram.destination,
    )?;
    if let Form::V2 {
        interval,
        authentication,
    } = message.form
    {
        let (kind, wanted) = match settings.authentication {
            Authentication::Pass(password) => (PASSWORD, Some(password.0)),
            _ => (0, None),
        };
        if authentication.kind != kind {
            return Err(DropKind::AuthenticationType);
        }
        if wanted.is_some() && authentication.data != wanted {
            return Err(DropKind::Password);
        }
        if u16::from(interval) * 100 != settings.advert_interval.centiseconds() {
            return Err(DropKind::Interval);
        }
    }
    // Also with the priority of the addresses' owner, whom RFC 3768 section 7.1 would
    // have us believe whatever its addresses are: that is how another cluster with our
    // VRID would take ours down. keepalived does not believe it either.
    if !same_addresses(&message, settings) {
        return Err(DropKind::Addresses);
    }
    Ok(Heard {
        address: datagram.source,
        priority: message.priority,
        interval: match message.form {
            Form::V2 { .. } => settings.advert_interval,
            Form::V3 { interval } => interval,
        },
    })
}

/// In whatever order.
fn same_addresses(message: &Message, settings: &InstanceSettings) -> bool {
    if message.addresses.iter().copied().eq(settings.advertised()) {
        return true;
    }
    let theirs: BTreeSet<IpAddr> = message.addresses.iter().copied().collect();
    let ours: BTreeSet<IpAddr> = settings.advertised().collect();
    message.addresses.len() == settings.advertised().count() && theirs == ours
}

/// What was in the packet and what is to be done about it. Never the password.
pub fn explain(kind: DropKind, datagram: &Datagram<'_>, settings: &InstanceSettings) -> String {
    let vrid = settings.vrid;
    let interface = &settings.interface;
    let octet = |at: usize| datagram.message.get(at).copied().unwrap_or(0);
    match kind {
        DropKind::Length => format!(
            "{} octets do not fit {} addresses: it is cut off, or no advert",
            datagram.message.len(),
            octet(3)
        ),
        DropKind::Header => "it has no IP header of VRRP's".to_owned(),
        DropKind::Ttl => format!(
            "its TTL is {} and not 255: it has passed a router, or is forged",
            datagram.ttl
        ),
        DropKind::Version => format!(
            "it is of version {}, and this instance of version {}: set `version` alike on all \
             routers of VRID {vrid}",
            octet(0) >> 4,
            settings.version.number()
        ),
        DropKind::Type => format!("it is of type {}, and adverts of type 1", octet(0) & 0xf),
        DropKind::Checksum => "its checksum is wrong: it was damaged on the way".to_owned(),
        DropKind::AuthenticationType => format!(
            "it has authentication type {}, and this instance {}: a second cluster uses VRID \
             {vrid} on {interface}, or `auth_type` differs between the routers",
            octet(4),
            match settings.authentication {
                Authentication::Pass(_) => "1 (PASS)",
                _ => "none",
            }
        ),
        DropKind::Password => format!(
            "its password is another: a second cluster uses VRID {vrid} on {interface}, or \
             `auth_pass` differs between the routers"
        ),
        DropKind::Addresses => format!(
            "its addresses are {}, and this instance's {}: a second cluster uses VRID {vrid} on \
             {interface}, or `virtual_ipaddress` differs between the routers",
            list(
                Message::decode(
                    datagram.message,
                    settings.version,
                    datagram.source,
                    datagram.destination
                )
                .map(|message| message.addresses)
                .unwrap_or_default()
            ),
            list(settings.advertised().collect())
        ),
        DropKind::Interval => {
            let theirs = match settings.version {
                Version::V2 => u16::from(octet(5)) * 100,
                Version::V3 => u16::from_be_bytes([octet(4), octet(5)]) & 0xfff,
            };
            format!(
                "its interval is {} s, and this instance's {} s: set `advert_int` alike on all \
                 routers of VRID {vrid}",
                f64::from(theirs) / 100.0,
                f64::from(settings.advert_interval.centiseconds()) / 100.0
            )
        }
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

/// At most a few addresses, so that a line of the log stays one.
fn list(addresses: Vec<IpAddr>) -> String {
    const SHOWN: usize = 4;
    if addresses.is_empty() {
        return "none".to_owned();
    }
    let mut text: Vec<String> = addresses
        .iter()
        .take(SHOWN)
        .map(IpAddr::to_string)
        .collect();
    if addresses.len() > SHOWN {
        text.push(format!("… ({} in all)", addresses.len()));
    }
    text.join(" ")
}
