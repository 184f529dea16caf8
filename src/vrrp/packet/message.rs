//! Adverts, the only messages there are (RFC 3768 section 5.1, RFC 9568 section 5.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DropKind;
use super::checksum::Sum;
use super::hmac::{self, Sequence, Signer, Trailer};
use crate::family::Family;
use crate::vrrp::settings::{ChecksumForm, Delivery, Key};
use crate::vrrp::types::{AdvertInterval, Priority, Version, Vrid};

/// The only type of message (RFC 3768 section 5.3.2).
const ADVERTISEMENT: u8 = 1;

/// What stands before the addresses in both versions.
const HEADER: usize = 8;

/// Authentication types of version 2 (RFC 2338 section 5.3.6): none; a plain text
/// password; an authentication header of IP's.
pub const UNAUTHENTICATED: u8 = 0;
pub const PASSWORD: u8 = 1;
pub const AUTHENTICATION_HEADER: u8 = 2;

/// What belongs to a message's checksum beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub checksum: ChecksumForm,
}

impl Envelope {
    /// The form in which a message's checksum is right, if it is right in any.
    pub fn form_of(&self, version: Version, message: &[u8]) -> Option<ChecksumForm> {
        let layout = Layout::of(message, version, Family::of(self.source)).ok()?;
        let is_right = |form: &ChecksumForm| {
            let envelope = Envelope {
                checksum: *form,
                ..*self
            };
            envelope.sum(version, message, layout.trailer.is_some()) == 0
        };
        ChecksumForm::ALL.into_iter().find(is_right)
    }

    /// The checksum of a message; 0 of one that includes the right one.
    ///
    /// Version 2 covers the message alone (RFC 3768 section 5.3.8). Version 3 covers the
    /// pseudo header too (RFC 5798 section 5.2.8): over IPv6 always, over IPv4 in one
    /// way or another. A trailer is not covered over IPv4, where keepalived makes the
    /// checksum, and is over IPv6, where the kernel does.
    fn sum(&self, version: Version, message: &[u8], has_trailer: bool) -> u16 {
        let (form, covered) = match self.source {
            IpAddr::V4(_) if has_trailer => {
                let length = message.len().saturating_sub(hmac::LENGTH);
                (self.checksum, &message[..length])
            }
            IpAddr::V4(_) => (self.checksum, message),
            IpAddr::V6(_) => (ChecksumForm::PseudoHeader, message),
        };
        let destination = match (version, form) {
            (Version::V2, _) | (Version::V3, ChecksumForm::MessageOnly) => None,
            (Version::V3, ChecksumForm::PseudoHeader) => Some(self.destination),
            (Version::V3, ChecksumForm::GroupInUnicast) => Some(Delivery::group(Family::V4)),
        };
        let before = destination.map_or(Sum::default(), |destination| {
            Sum::pseudo_header(self.source, destination, covered.len())
        });
        before.add(covered).finish()
    }
}

/// An advert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub vrid: Vrid,
    pub priority: Priority,
    /// All of one family; at most 255.
    pub addresses: Vec<IpAddr>,
    pub form: Form,
    /// With `auth_hmac`.
    pub trailer: Option<Trailer>,
}

/// An advert as it came in, which nothing has been allocated for.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub vrid: Vrid,
    pub priority: Priority,
    pub form: Form,
    pub trailer: Option<Trailer>,
    family: Family,
    addresses: &'a [u8],
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

impl Form {
    pub fn version(self) -> Version {
        match self {
            Form::V2 { .. } => Version::V2,
            Form::V3 { .. } => Version::V3,
        }
    }
}

/// The two fields of version 2 that RFC 2338 knew more to say about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireAuthentication {
    /// [`UNAUTHENTICATED`], [`PASSWORD`] or [`AUTHENTICATION_HEADER`].
    pub kind: u8,
    /// Some routers leave it away where there is nothing to say in it.
    pub data: Option<[u8; 8]>,
}

impl<'a> View<'a> {
    /// Takes a message apart, if its checksum is right. Whether a trailer is, is
    /// another question.
    pub fn parse(
        message: &'a [u8],
        version: Version,
        envelope: &Envelope,
    ) -> Result<Self, DropKind> {
        let family = Family::of(envelope.source);
        let Layout {
            header,
            addresses,
            data,
            trailer,
        } = Layout::of(message, version, family)?;
        if envelope.sum(version, message, trailer.is_some()) != 0 {
            return Err(match envelope.form_of(version, message) {
                Some(_) => DropKind::ChecksumForm,
                None => DropKind::Checksum,
            });
        }
        let &[_, vrid, priority, _, fifth, sixth, ..] = header;
        Ok(View {
            vrid: Vrid::new(vrid).ok_or(DropKind::UnknownVrid)?,
            priority: Priority(priority),
            form: match version {
                Version::V2 => Form::V2 {
                    interval: sixth,
                    authentication: WireAuthentication { kind: fifth, data },
                },
                // The first four bits are reserved.
                Version::V3 => Form::V3 {
                    interval: AdvertInterval::from_centiseconds(
                        u16::from_be_bytes([fifth, sixth]) & 0xfff,
                    )
                    .ok_or(DropKind::Interval)?,
                },
            },
            trailer: trailer.map(Trailer::decode).transpose()?,
            family,
            addresses,
        })
    }

    /// In their order.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + use<'a> {
        let family = self.family;
        let octets = usize::from(family.address_bits() / 8);
        self.addresses
            .chunks_exact(octets)
            .map(move |octets| address(family, octets))
    }
}

impl Message {
    /// The virtual router that it is meant for, without looking at anything else.
    pub fn peek_vrid(message: &[u8]) -> Option<Vrid> {
        Vrid::new(*message.get(1)?)
    }

    /// Takes a message apart, as [`View::parse`] does.
    pub fn decode(message: &[u8], version: Version, envelope: &Envelope) -> Result<Self, DropKind> {
        let view = View::parse(message, version, envelope)?;
        Ok(Message {
            vrid: view.vrid,
            priority: view.priority,
            addresses: view.addresses().collect(),
            form: view.form,
            trailer: view.trailer,
        })
    }

    /// Signs it with the key of this id, as from this address. To be called last: the
    /// tag is one of all the rest.
    pub fn sign(&mut self, source: IpAddr, id: u8, key: &Key, sequence: Sequence) {
        let mut trailer = Trailer {
            key: id,
            sequence,
            tag: [0; 16],
        };
        self.trailer = Some(trailer);
        let signer = Signer {
            version: self.form.version(),
            vrid: self.vrid,
            source,
        };
        trailer.tag = signer.tag(&self.without_checksum(), key);
        self.trailer = Some(trailer);
    }

    /// The octets on the wire.
    pub fn encode(&self, envelope: &Envelope) -> Vec<u8> {
        let mut octets = self.without_checksum();
        let sum = envelope.sum(self.form.version(), &octets, self.trailer.is_some());
        octets[6..HEADER].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    fn without_checksum(&self) -> Vec<u8> {
        let ([fifth, sixth], data) = match self.form {
            Form::V2 {
                interval,
                authentication,
            } => ([authentication.kind, interval], authentication.data),
            Form::V3 { interval } => (interval.centiseconds().to_be_bytes(), None),
        };
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut octets = vec![
            self.form.version().number() << 4 | ADVERTISEMENT,
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
        if let Some(trailer) = &self.trailer {
            trailer.encode(&mut octets);
        }
        octets
    }
}

/// Where the parts of a message are.
struct Layout<'a> {
    header: &'a [u8; HEADER],
    addresses: &'a [u8],
    /// Version 2.
    data: Option<[u8; 8]>,
    trailer: Option<&'a [u8; hmac::LENGTH]>,
}

impl<'a> Layout<'a> {
    fn of(message: &'a [u8], version: Version, family: Family) -> Result<Self, DropKind> {
        let Some((header, rest)) = message.split_first_chunk::<HEADER>() else {
            return Err(DropKind::Length);
        };
        let &[kind, _, _, count, authentication, ..] = header;
        if kind >> 4 != version.number() {
            return Err(DropKind::Version);
        }
        if kind & 0xf != ADVERTISEMENT {
            return Err(DropKind::Type);
        }
        let octets = usize::from(count) * usize::from(family.address_bits() / 8);
        let Some((addresses, rest)) = rest.split_at_checked(octets) else {
            return Err(DropKind::Length);
        };
        let (data, trailer) = match (version, rest.split_first_chunk::<8>()) {
            (Version::V2, Some((data, trailer))) => (Some(*data), trailer),
            (Version::V2, None) if authentication != UNAUTHENTICATED => {
                return Err(DropKind::Length);
            }
            _ => (None, rest),
        };
        let trailer = match trailer {
            [] => None,
            trailer => Some(trailer.try_into().map_err(|_| DropKind::Length)?),
        };
        Ok(Layout {
            header,
            addresses,
            data,
            trailer,
        })
    }
}

/// An address of 4 or 16 octets.
fn address(family: Family, octets: &[u8]) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap_or_default()).into(),
        Family::V6 => Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap_or_default()).into(),
    }
}
