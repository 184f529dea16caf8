//! Adverts, the only messages there are (RFC 3768 section 5.1, RFC 9568 section 5.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DropKind;
use super::checksum::Sum;
use crate::vrrp::types::{AdvertInterval, Priority, Version, Vrid};

/// The only type of message (RFC 3768 section 5.3.2).
const ADVERTISEMENT: u8 = 1;

/// What stands before the addresses in both versions.
const HEADER: usize = 8;

/// Authentication type of a plain text password (RFC 2338 section 5.3.6).
pub const PASSWORD: u8 = 1;

/// An advert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub vrid: Vrid,
    pub priority: Priority,
    /// All of one family; at most 255.
    pub addresses: Vec<IpAddr>,
    pub form: Form,
}

/// What the versions have each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    V2 {
        /// Seconds, 0 to 255 as they stand there.
        interval: u8,
        authentication: WireAuthentication,
    },
    V3 {
        interval: AdvertInterval,
    },
}

/// The two fields of version 2 that RFC 2338 knew more to say about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireAuthentication {
    /// 0: none; [`PASSWORD`]; 2: an AH header, which is another protocol of IP.
    pub kind: u8,
    /// Some routers leave it away where there is nothing to say in it.
    pub data: Option<[u8; 8]>,
}

impl Message {
    /// The virtual router that it is meant for, without looking at anything else.
    pub fn peek_vrid(message: &[u8]) -> Option<Vrid> {
        Vrid::new(*message.get(1)?)
    }

    /// Takes a message apart. The addresses of its datagram belong to the checksum of
    /// version 3.
    pub fn decode(
        message: &[u8],
        version: Version,
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<Self, DropKind> {
        let Some((header, rest)) = message.split_first_chunk::<HEADER>() else {
            return Err(DropKind::Length);
        };
        let &[kind, vrid, priority, count, fifth, sixth, ..] = header;
        if kind >> 4 != version.number() {
            return Err(DropKind::Version);
        }
        if kind & 0xf != ADVERTISEMENT {
            return Err(DropKind::Type);
        }

        let octets = match source {
            IpAddr::V4(_) => 4,
            IpAddr::V6(_) => 16,
        };
        let Some((addresses, trailer)) = rest.split_at_checked(usize::from(count) * octets) else {
            return Err(DropKind::Length);
        };
        let data = match (version, trailer) {
            (Version::V2, []) if fifth == 0 => None,
            (Version::V2, trailer) => {
                let data: [u8; 8] = trailer.try_into().map_err(|_| DropKind::Length)?;
                Some(data)
            }
            (Version::V3, []) => None,
            (Version::V3, _) => return Err(DropKind::Length),
        };

        if checksum(version, message, source, destination) != 0 {
            return Err(DropKind::Checksum);
        }
        Ok(Message {
            vrid: Vrid::new(vrid).ok_or(DropKind::UnknownVrid)?,
            priority: Priority(priority),
            addresses: addresses.chunks_exact(octets).map(address).collect(),
            form: match version {
                Version::V2 => Form::V2 {
                    interval: sixth,
                    authentication: WireAuthentication { kind: fifth, data },
                },
                Version::V3 => Form::V3 {
                    interval: AdvertInterval::from_centiseconds(
                        u16::from_be_bytes([fifth, sixth]) & 0xfff,
                    )
                    .ok_or(DropKind::Interval)?,
                },
            },
        })
    }

    /// The octets on the wire.
    pub fn encode(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let (version, [fifth, sixth], data) = match self.form {
            Form::V2 {
                interval,
                authentication,
            } => (
                Version::V2,
                [authentication.kind, interval],
                authentication.data,
            ),
            Form::V3 { interval } => (Version::V3, interval.centiseconds().to_be_bytes(), None),
        };
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut octets = vec![
            version.number() << 4 | ADVERTISEMENT,
            self.vrid.get(),
            self.priority.0,
            count,
            fifth,
            sixth,
            0,
            0,
        ];
        for address in self.addresses.iter().take(usize::from(count)) {
            match address {
                IpAddr::V4(address) => octets.extend(address.octets()),
                IpAddr::V6(address) => octets.extend(address.octets()),
            }
        }
        octets.extend(data.iter().flatten());
        let sum = checksum(version, &octets, source, destination);
        octets[6..HEADER].copy_from_slice(&sum.to_be_bytes());
        octets
    }
}

/// Version 2 covers the message alone (RFC 3768 section 5.3.8); version 3 the pseudo
/// header too (RFC 5798 section 5.2.8), over IPv4 as keepalived sends it.
fn checksum(version: Version, message: &[u8], source: IpAddr, destination: IpAddr) -> u16 {
    let before = match version {
        Version::V2 => Sum::default(),
        Version::V3 => Sum::pseudo_header(source, destination, message.len()),
    };
    before.add(message).finish()
}

/// An address of 4 or 16 octets.
fn address(octets: &[u8]) -> IpAddr {
    match <[u8; 16]>::try_from(octets) {
        Ok(octets) => Ipv6Addr::from(octets).into(),
        Err(_) => {
            let octets = <[u8; 4]>::try_from(octets).unwrap_or_default();
            Ipv4Addr::from(octets).into()
        }
    }
}
