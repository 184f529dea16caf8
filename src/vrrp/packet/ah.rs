//! IPsec's authentication header (RFC 2402) with HMAC-MD5-96 (RFC 2403), as keepalived
//! puts it around adverts of version 2.
//!
//! Its keys are configured, as is all of its security association: the SPI is the
//! sender's address, and the key the first 8 octets of `auth_pass`.

use std::net::Ipv4Addr;

use ::hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::DropKind;
use super::checksum::Sum;
use super::datagram::{self, IPV4_HEADER};
use super::hmac::block;
use crate::vrrp::settings::Password;

/// IP's protocol number of the header.
pub const PROTOCOL: u8 = 51;

/// The length of the header with its integrity check value, and of the latter.
const LENGTH: usize = 24;
const ICV: usize = 12;

/// Where the integrity check value begins in the datagram.
const ICV_AT: usize = IPV4_HEADER + LENGTH - ICV;

/// The length of the header as it stands there: in words of 32 bits, without two of
/// them (RFC 2402 section 2.2).
const PAYLOAD_LENGTH: u8 = (LENGTH / 4 - 2) as u8;

/// Precedence of network control, as all adverts have it.
const TOS: u8 = 0xc0;

/// An authentication header, and the datagram that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The security parameters index: the sender's address.
    pub spi: u32,
    pub sequence: u32,
    datagram: &'a [u8],
}

/// What is around a message that is sent.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub ttl: u8,
    /// Identification of the datagram; never 0, in place of which the kernel would put
    /// another one that nothing covers.
    pub id: u16,
    pub sequence: u32,
    /// See [`Header::is_genuine`].
    pub is_unicast: bool,
}

impl<'a> Header<'a> {
    /// Takes the header apart that begins at `at`, and gives what is behind it.
    pub(super) fn parse(datagram: &'a [u8], at: usize) -> Result<(Self, &'a [u8]), DropKind> {
        // What the sender has made of options cannot be known here.
        if at != IPV4_HEADER {
            return Err(DropKind::Header);
        }
        let payload = datagram.get(at..).unwrap_or_default();
        let Some((header, message)) = payload.split_first_chunk::<LENGTH>() else {
            return Err(DropKind::Length);
        };
        let &[next, length, _, _, a, b, c, d, e, f, g, h, ..] = header;
        if next != datagram::PROTOCOL || length != PAYLOAD_LENGTH {
            return Err(DropKind::Header);
        }
        let header = Header {
            spi: u32::from_be_bytes([a, b, c, d]),
            sequence: u32::from_be_bytes([e, f, g, h]),
            datagram,
        };
        Ok((header, message))
    }

    /// Whether who has sent it knows the key. The TTL is covered with multicast, and
    /// not with unicast, where routers change it on the way: so keepalived has it.
    pub fn is_genuine(&self, key: Password, is_unicast: bool) -> bool {
        let icv = self.datagram.get(ICV_AT..ICV_AT + ICV).unwrap_or_default();
        covered(self.datagram, key, is_unicast)
            .verify_truncated_left(icv)
            .is_ok()
    }
}

impl Seal {
    /// The whole datagram around a message.
    pub fn around(&self, message: &[u8], key: Password) -> Vec<u8> {
        let length = IPV4_HEADER + LENGTH + message.len();
        let [long, short] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let [high, low] = self.id.to_be_bytes();
        let mut octets = Vec::with_capacity(length);
        octets.extend([
            0x45, TOS, long, short, high, low, 0, 0, self.ttl, PROTOCOL, 0, 0,
        ]);
        octets.extend(self.source.octets());
        octets.extend(self.destination.octets());
        let sum = Sum::default().add(&octets).finish();
        octets[10..12].copy_from_slice(&sum.to_be_bytes());

        octets.extend([datagram::PROTOCOL, PAYLOAD_LENGTH, 0, 0]);
        octets.extend(self.source.octets());
        octets.extend(self.sequence.to_be_bytes());
        octets.extend([0; ICV]);
        octets.extend(message);
        let tag = covered(&octets, key, self.is_unicast).finalize();
        for (octet, byte) in octets[ICV_AT..].iter_mut().zip(&tag.as_bytes()[..ICV]) {
            *octet = *byte;
        }
        octets
    }
}

/// What is covered: all but what changes on the way (RFC 2402 section 3.3.3.1.1.1), and
/// the value itself.
fn covered(datagram: &[u8], key: Password, is_unicast: bool) -> Hmac<Md5> {
    let mut mac = Hmac::<Md5>::new(&block(&key.0).into());
    let Some((header, rest)) = datagram.split_at_checked(IPV4_HEADER) else {
        return mac;
    };
    let mut header = <[u8; IPV4_HEADER]>::try_from(header).unwrap_or_default();
    header[1] = 0;
    header[6..8].fill(0);
    header[10..12].fill(0);
    if is_unicast {
        header[8] = 0;
    }
    mac.update(&header);
    let (before, behind) = rest.split_at(rest.len().min(LENGTH));
    mac.update(&before[..before.len().min(LENGTH - ICV)]);
    mac.update(&[0; ICV]);
    mac.update(behind);
    mac
}
