//! What a router that is configured for it makes of a packet (RFC 3768 section 7.1, RFC
//! 9568 section 7.1).
//!
//! What is cheap is looked at first, and nothing is allocated for a packet that is
//! dropped: there may be tens of thousands of them a second.

mod explain;

use std::net::IpAddr;

use super::guard::{Guard, Remark};
use super::packet::{
    AUTHENTICATION_HEADER, Datagram, DropKind, Envelope, Form, PASSWORD, TTL, UNAUTHENTICATED, View,
};
use super::settings::{Authentication, Delivery, InstanceSettings};
use super::types::{AdvertInterval, Priority};
use crate::moment::Moment;

pub use explain::explain;

/// An advert that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub address: IpAddr,
    pub priority: Priority,
    /// How often its sender sends them: with version 2 as often as is configured here.
    pub interval: AdvertInterval,
}

/// What a packet is judged by beside the settings.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub now: Moment,
    /// The packet comes from this router itself.
    pub is_own: bool,
    /// Whose advert counted last, unless this router has been master since:
    /// `skip_check_adv_addr`.
    pub last_master: Option<IpAddr>,
}

/// Looks at everything that the configuration has something to say about. Gives what
/// the advert says, and what is remarkable about it.
pub fn check(
    datagram: &Datagram<'_>,
    settings: &InstanceSettings,
    guard: &mut Guard,
    context: Context,
) -> Result<(Heard, Option<Remark>), DropKind> {
    if context.is_own {
        return Err(DropKind::OwnAddress);
    }
    check_way(datagram, settings)?;
    let wants_header = matches!(settings.authentication, Authentication::Header(_));
    if datagram.authentication.is_some() != wants_header {
        return Err(DropKind::AuthenticationType);
    }
    let envelope = envelope(datagram, settings);
    let view = View::parse(datagram.message, settings.version, &envelope)?;
    let remark = check_authentication(datagram, &view, settings, guard, context.now)?;
    let interval = match view.form {
        Form::V2 { interval, .. } => {
            if u16::from(interval) * 100 != settings.advert_interval.centiseconds() {
                return Err(DropKind::Interval);
            }
            settings.advert_interval
        }
        Form::V3 { interval } => interval,
    };
    // Also with the priority of the addresses' owner, whom RFC 3768 section 7.1 would
    // have us believe whatever its addresses are: that is how another cluster with our
    // VRID would take ours down. keepalived does not believe it either.
    let is_known = settings.skip_check_adv_addr && context.last_master == Some(datagram.source);
    if !is_known && !same_addresses(&view, settings) {
        return Err(DropKind::Addresses);
    }
    let heard = Heard {
        address: datagram.source,
        priority: view.priority,
        interval,
    };
    Ok((heard, remark))
}

/// Where it comes from, and by how many routers.
fn check_way(datagram: &Datagram<'_>, settings: &InstanceSettings) -> Result<(), DropKind> {
    match &settings.delivery {
        Delivery::Multicast { .. } if datagram.ttl != TTL => Err(DropKind::Ttl),
        Delivery::Multicast { .. } => Ok(()),
        Delivery::Unicast(unicast) => {
            let peer = unicast
                .peers
                .iter()
                .find(|peer| peer.address == datagram.source);
            match peer {
                Some(peer) if !peer.ttl.contains(&datagram.ttl) => Err(DropKind::Ttl),
                None if unicast.check_source => Err(DropKind::Source),
                _ => Ok(()),
            }
        }
    }
}

fn envelope(datagram: &Datagram<'_>, settings: &InstanceSettings) -> Envelope {
    Envelope {
        source: datagram.source,
        destination: datagram.destination,
        checksum: settings.checksum,
    }
}

fn check_authentication(
    datagram: &Datagram<'_>,
    view: &View<'_>,
    settings: &InstanceSettings,
    guard: &mut Guard,
    now: Moment,
) -> Result<Option<Remark>, DropKind> {
    let is_signed = view.trailer.is_some();
    if is_signed && !matches!(settings.authentication, Authentication::Hmac(_)) {
        return Err(DropKind::AuthenticationType);
    }
    if let Form::V2 { authentication, .. } = view.form {
        let kind = match settings.authentication {
            Authentication::None | Authentication::Hmac(_) => UNAUTHENTICATED,
            Authentication::Pass(_) => PASSWORD,
            Authentication::Header(_) => AUTHENTICATION_HEADER,
        };
        if authentication.kind != kind {
            return Err(DropKind::AuthenticationType);
        }
        if let Authentication::Pass(password) = &settings.authentication
            && authentication.data != Some(password.0)
        {
            return Err(DropKind::Password);
        }
    }
    match (&settings.authentication, &datagram.authentication) {
        (Authentication::Header(key), Some(header)) => {
            let is_unicast = settings.group().is_none();
            guard.check_header(header, datagram.source, *key, is_unicast)?;
            Ok(None)
        }
        (Authentication::Hmac(hmac), _) => {
            guard.check_trailer(view, datagram.message, datagram.source, hmac, now)
        }
        _ => Ok(None),
    }
}

/// In whatever order.
fn same_addresses(view: &View<'_>, settings: &InstanceSettings) -> bool {
    let theirs = view.addresses();
    if theirs.len() != settings.advertised().count() {
        return false;
    }
    if theirs.eq(settings.advertised()) {
        return true;
    }
    let (mut theirs, mut ours) = ([0; MOST], [0; MOST]);
    sorted(&mut theirs, view.addresses()) == sorted(&mut ours, settings.advertised())
}

/// Addresses that an advert can have.
const MOST: usize = 255;

/// Puts addresses in their order as numbers.
fn sorted(into: &mut [u128; MOST], addresses: impl Iterator<Item = IpAddr>) -> &[u128] {
    let mut count = 0;
    for (number, address) in into.iter_mut().zip(addresses) {
        *number = match address {
            IpAddr::V4(address) => address.to_bits().into(),
            IpAddr::V6(address) => address.to_bits(),
        };
        count += 1;
    }
    let numbers = &mut into[..count];
    numbers.sort_unstable();
    numbers
}
