//! The trailer of `auth_hmac`: keepalived's, of no RFC.
//!
//! 28 octets behind the message, which count in the datagram's length: the scheme, the
//! key's id, two octets of zero, the sequence, and a tag of 16 octets. The tag is
//! HMAC-SHA256, cut to its first half, of 20 octets about the sender, the message up to
//! the tag with its checksum read as zero, and 16 octets of zero.

use std::net::IpAddr;
use std::time::Duration;

use ::hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::DropKind;
use crate::vrrp::settings::Key;
use crate::vrrp::types::{Version, Vrid};

/// HMAC-SHA256, cut to 128 bits: the only scheme there is.
const SCHEME: u8 = 1;

/// The length of the trailer, and of the tag at its end.
pub const LENGTH: usize = 28;
const TAG: usize = 16;

/// Where a message's checksum is.
const CHECKSUM: std::ops::Range<usize> = 6..8;

/// When an advert was signed: 32 bits of seconds since the epoch, 16 of fractions of a
/// second, and 16 that count adverts of the same tick. Compared as serial numbers (RFC
/// 1982): which of two is the later one holds over the end of the seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first one of a moment, given as the time since the epoch.
    pub fn at(time: Duration) -> Self {
        let seconds = time.as_secs() & u64::from(u32::MAX);
        let fraction = (u64::from(time.subsec_nanos()) << 16) / 1_000_000_000;
        Sequence(seconds << 32 | fraction << 16)
    }

    /// Seconds since the epoch, without what 32 bits cannot hold.
    pub fn seconds(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The next one of the same tick, or of the next tick.
    pub fn next(self) -> Self {
        Sequence(self.0.wrapping_add(1))
    }

    pub fn is_later_than(self, other: Sequence) -> bool {
        (self.0.wrapping_sub(other.0) as i64) > 0
    }

    /// Seconds from another one to this one; negative where that is the later one.
    pub fn seconds_since(self, other: Sequence) -> i64 {
        i64::from(self.seconds().wrapping_sub(other.seconds()) as i32)
    }
}

/// What stands behind a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    pub key: u8,
    pub sequence: Sequence,
    pub tag: [u8; TAG],
}

impl Trailer {
    pub(super) fn decode(octets: &[u8; LENGTH]) -> Result<Self, DropKind> {
        let (&[scheme, key, 0, 0, ref sequence @ ..], tag) = octets.split_at(LENGTH - TAG) else {
            return Err(DropKind::Trailer);
        };
        let sequence = <[u8; 8]>::try_from(sequence).map_err(|_| DropKind::Trailer)?;
        if scheme != SCHEME {
            return Err(DropKind::Trailer);
        }
        Ok(Trailer {
            key,
            sequence: Sequence(u64::from_be_bytes(sequence)),
            tag: tag.try_into().map_err(|_| DropKind::Trailer)?,
        })
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        into.extend([SCHEME, self.key, 0, 0]);
        into.extend(self.sequence.0.to_be_bytes());
        into.extend(self.tag);
    }
}

/// Who has sent a message; it is no part of it, but of what is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signer {
    pub version: Version,
    pub vrid: Vrid,
    pub source: IpAddr,
}

impl Signer {
    /// The tag of a message whose last octets it will be.
    pub(super) fn tag(&self, message: &[u8], key: &Key) -> [u8; TAG] {
        let mut tag = [0; TAG];
        tag.copy_from_slice(&self.mac(message, key).finalize().as_bytes()[..TAG]);
        tag
    }

    /// Whether the tag at a message's end is right.
    pub fn is_genuine(&self, message: &[u8], key: &Key) -> bool {
        let tag = message.last_chunk::<TAG>().map_or(&[][..], |tag| tag);
        let mac = self.mac(message, key);
        mac.verify_truncated_left(tag).is_ok()
    }

    fn mac(&self, message: &[u8], key: &Key) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&block(&key.0).into());
        let mut about = [0; 20];
        about[1] = self.version.number();
        about[2] = self.vrid.get();
        match self.source {
            IpAddr::V4(source) => {
                about[0] = 4;
                about[4..8].copy_from_slice(&source.octets());
            }
            IpAddr::V6(source) => {
                about[0] = 6;
                about[4..].copy_from_slice(&source.octets());
            }
        }
        mac.update(&about);
        let signed = &message[..message.len().saturating_sub(TAG)];
        mac.update(&signed[..signed.len().min(CHECKSUM.start)]);
        mac.update(&[0; CHECKSUM.end - CHECKSUM.start]);
        mac.update(signed.get(CHECKSUM.end..).unwrap_or_default());
        mac.update(&[0; TAG]);
        mac
    }
}

/// A key of a whole block of MD5 or SHA-256, as HMAC fills shorter ones up (RFC 2104
/// section 2). There are no longer ones.
pub(super) fn block(key: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    for (octet, byte) in block.iter_mut().zip(key) {
        *octet = *byte;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_on_over_the_end_of_the_seconds() {
        let before = Sequence::at(Duration::from_secs(u64::from(u32::MAX)));
        let after = Sequence::at(Duration::from_secs(u64::from(u32::MAX) + 2));
        assert_eq!(after.seconds(), 1);
        assert!(after.is_later_than(before));
        assert!(!before.is_later_than(after));
        assert!(!after.is_later_than(after));
        assert_eq!(after.seconds_since(before), 2);
        assert_eq!(before.seconds_since(after), -2);
    }

    #[test]
    fn fractions_have_sixteen_bits() {
        assert_eq!(Sequence::at(Duration::from_millis(1_500)).0, 0x1_8000_0000);
        let last = Sequence::at(Duration::new(1, 999_999_999));
        assert_eq!(last.0, 0x1_ffff_0000);
        assert_eq!(last.next().0, 0x1_ffff_0001);
    }
}
