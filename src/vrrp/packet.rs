//! The messages on the wire (RFC 3768 section 5.1, RFC 9568 section 5.1).
//!
//! `ipv4` takes a datagram apart, [`Message`] is what is in it.

mod checksum;
mod ipv4;
mod message;

use serde::{Deserialize, Serialize};

pub(super) use checksum::Sum;
pub use ipv4::{Datagram, PROTOCOL, TTL};
pub use message::{Form, Message, PASSWORD, WireAuthentication};

/// Why a packet was dropped. The names are stable: they stand in the status, in the
/// log and in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DropKind {
    /// Shorter than its headers say, or longer than an advert can be.
    Length,
    /// The IP header is none, or not of protocol 112.
    Header,
    /// The TTL is not 255: it has passed a router (RFC 3768 section 5.2.3).
    Ttl,
    /// Another version of the protocol than is configured.
    Version,
    /// No advert.
    Type,
    Checksum,
    /// Another kind of authentication than is configured.
    AuthenticationType,
    Password,
    /// The addresses are not the configured ones.
    Addresses,
    /// The interval is not the configured one.
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
            DropKind::Version => "version",
            DropKind::Type => "type",
            DropKind::Checksum => "checksum",
            DropKind::AuthenticationType => "authentication-type",
            DropKind::Password => "password",
            DropKind::Addresses => "addresses",
            DropKind::Interval => "interval",
            DropKind::OwnAddress => "own-address",
            DropKind::UnknownVrid => "unknown-vrid",
        }
    }
}
