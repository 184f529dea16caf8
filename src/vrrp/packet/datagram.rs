//! What is around a message: an IP header, and maybe an authentication header.

use std::net::{IpAddr, Ipv4Addr};

use super::DropKind;
use super::ah;
use crate::vrrp::input::Received;

/// IP's protocol number for VRRP (RFC 3768 section 5.2.4).
pub const PROTOCOL: u8 = 112;

/// What a packet has that has passed no router (RFC 3768 section 5.2.3).
pub const TTL: u8 = 255;

/// An IPv4 header without options (RFC 791 section 3.1).
pub(super) const IPV4_HEADER: usize = 20;

/// A datagram as a raw socket hands it over (raw(7)): defragmented, its header's
/// checksum looked at by the kernel, nothing behind its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    /// The one between IP's header and the message; none with protocol 112.
    pub authentication: Option<ah::Header<'a>>,
    /// What is behind the headers.
    pub message: &'a [u8],
}

/// A datagram that is none, with what can be said of where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub kind: DropKind,
    pub source: IpAddr,
}

impl<'a> Datagram<'a> {
    /// Takes a datagram apart. TTL, authentication and message are the caller's to
    /// judge.
    pub fn parse(packet: Received<'a>) -> Result<Self, Malformed> {
        match packet {
            Received::V4(bytes) => {
                let source = match bytes.get(12..16) {
                    Some(&[a, b, c, d]) => Ipv4Addr::new(a, b, c, d),
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                let source = IpAddr::V4(source);
                Self::parse_v4(bytes, source).map_err(|kind| Malformed { kind, source })
            }
            Received::V6 {
                source,
                destination,
                hop_limit,
                message,
            } => Ok(Datagram {
                source: source.into(),
                destination: destination.into(),
                ttl: hop_limit,
                authentication: None,
                message,
            }),
        }
    }

    fn parse_v4(bytes: &'a [u8], source: IpAddr) -> Result<Self, DropKind> {
        let Some((header, _)) = bytes.split_first_chunk::<IPV4_HEADER>() else {
            return Err(DropKind::Length);
        };
        if header[0] >> 4 != 4 {
            return Err(DropKind::Header);
        }
        let header_length = usize::from(header[0] & 0xf) * 4;
        let total_length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header_length < IPV4_HEADER {
            return Err(DropKind::Header);
        }
        if total_length != bytes.len() {
            return Err(DropKind::Length);
        }
        let Some(payload) = bytes.get(header_length..) else {
            return Err(DropKind::Length);
        };
        // A fragment has no whole message, and raw sockets get none.
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
        if fragment != 0 {
            return Err(DropKind::Header);
        }
        let (authentication, message) = match header[9] {
            PROTOCOL => (None, payload),
            ah::PROTOCOL => {
                let (header, message) = ah::Header::parse(bytes, header_length)?;
                (Some(header), message)
            }
            _ => return Err(DropKind::Header),
        };
        Ok(Datagram {
            source,
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
            ttl: header[8],
            authentication,
            message,
        })
    }
}
