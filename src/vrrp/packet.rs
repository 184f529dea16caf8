//! The messages on the wire (RFC 3768 section 5.1, RFC 9568 section 5.1).
//!
//! [`Datagram`] takes apart what a socket hands over, [`Message`] is what is in it;
//! [`ah`] is what may be around one, [`hmac`] what may be behind.

pub mod ah;
mod checksum;
mod datagram;
pub mod hmac;
mod message;

use serde::{Deserialize, Serialize};

pub(super) use checksum::Sum;
pub use datagram::{Datagram, PROTOCOL, TTL};
pub use message::{
    AUTHENTICATION_HEADER, Envelope, Form, Message, PASSWORD, UNAUTHENTICATED, View,
    WireAuthentication,
};

/// Why a packet was dropped. The names are stable: they stand in the status, in the
/// log and in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DropKind {
    /// Shorter than its headers say, or longer than an advert can be.
    Length,
    /// The IP header is none, or not of protocol 112 or 51, or the authentication header
    /// is not one around an advert.
    Header,
    /// The TTL or hop limit is not 255: it has passed a router (RFC 3768 section 5.2.3).
    /// With unicast, it is not in the peer's range.
    Ttl,
    /// It comes from none of the configured peers.
    Source,
    /// Another version of the protocol than is configured.
    Version,
    /// No advert.
    Type,
    /// Damaged on the way.
    Checksum,
    /// The checksum is right, but covers something else than is configured.
    ChecksumForm,
    /// Another kind of authentication than is configured.
    AuthenticationType,
    Password,
    /// What stands behind the message is no trailer of `auth_hmac` of a known scheme.
    Trailer,
    /// There is no trailer of `auth_hmac` where one is wanted.
    Unsigned,
    /// It is signed with a key that is not configured.
    UnknownKey,
    /// The security parameters index is not the sender's address.
    Spi,
    /// Signed with another key, or changed on the way.
    Signature,
    /// The time in it is not within the window around ours.
    Stale,
    /// Its sequence number is no later one than the sender's last.
    Replayed,
    /// The addresses are not the configured ones.
    Addresses,
    /// The interval is not the configured one; with version 3, it is 0.
    Interval,
    /// One of our own adverts, come back.
    OwnAddress,
    /// No instance on this interface has its VRID.
    UnknownVrid,
}

impl DropKind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            DropKind::Length => "length",
            DropKind::Header => "ip-header",
            DropKind::Ttl => "ttl",
            DropKind::Source => "source",
            DropKind::Version => "version",
            DropKind::Type => "type",
            DropKind::Checksum => "checksum",
            DropKind::ChecksumForm => "checksum-form",
            DropKind::AuthenticationType => "authentication-type",
            DropKind::Password => "password",
            DropKind::Trailer => "trailer",
            DropKind::Unsigned => "unsigned",
            DropKind::UnknownKey => "unknown-key",
            DropKind::Spi => "spi",
            DropKind::Signature => "signature",
            DropKind::Stale => "stale",
            DropKind::Replayed => "replayed",
            DropKind::Addresses => "addresses",
            DropKind::Interval => "interval",
            DropKind::OwnAddress => "own-address",
            DropKind::UnknownVrid => "unknown-vrid",
        }
    }
}
