//! Octets and messages.

use std::net::{IpAddr, Ipv6Addr};

use ipvsd::vrrp::input::Received;
use ipvsd::vrrp::packet::hmac::{Sequence, Trailer};
use ipvsd::vrrp::packet::{Datagram, Envelope, Form, Message, WireAuthentication};
use ipvsd::vrrp::settings::{ChecksumForm, Password};
use ipvsd::vrrp::{AdvertInterval, Priority, Version, Vrid};

use super::bytes::Bytes;

const VERSIONS: [Version; 2] = [Version::V2, Version::V3];

/// A datagram as a raw socket hands it over, of whichever family its first byte says.
pub fn received(octets: &[u8]) -> Received<'_> {
    match octets.split_at_checked(40) {
        Some((header, message)) if header[0] >> 4 == 6 => {
            let address = |at: usize| {
                let octets = <[u8; 16]>::try_from(&header[at..at + 16]).unwrap();
                Ipv6Addr::from(octets)
            };
            Received::V6 {
                source: address(8),
                destination: address(24),
                hop_limit: header[7],
                message,
            }
        }
        _ => Received::V4(octets),
    }
}

/// Any datagram is taken apart, in every way there is.
pub fn decoder(octets: &[u8]) {
    let Ok(datagram) = Datagram::parse(received(octets)) else {
        return;
    };
    if let Some(header) = datagram.authentication {
        for is_unicast in [true, false] {
            header.is_genuine(Password::new("secret"), is_unicast);
        }
    }
    for version in VERSIONS {
        for checksum in ChecksumForm::ALL {
            let envelope = Envelope {
                source: datagram.source,
                destination: datagram.destination,
                checksum,
            };
            read_and_write(datagram.message, version, &envelope);
        }
    }
}

/// What is read is written again as it was, but for bits that mean nothing.
fn read_and_write(octets: &[u8], version: Version, envelope: &Envelope) {
    let Ok(message) = Message::decode(octets, version, envelope) else {
        return;
    };
    let mut written = message.encode(envelope);
    assert_eq!(Message::decode(&written, version, envelope), Ok(message));
    let mut octets = octets.to_vec();
    if version == Version::V3 {
        octets[4] &= 0xf;
    }
    // It covers these bits, and of ones' complements there are two zeroes.
    written[6..8].fill(0);
    octets[6..8].fill(0);
    assert_eq!(written, octets);
}

/// Any message is written and read again, and any octets behind a right checksum are
/// read and written again.
pub fn round_trip(octets: &[u8]) {
    let mut bytes = Bytes(octets);
    let what = bytes.byte();
    let is_v6 = what & 1 != 0;
    let envelope = Envelope {
        source: bytes.address(is_v6),
        destination: bytes.address(is_v6),
        checksum: ChecksumForm::ALL[usize::from(bytes.byte() % 3)],
    };
    if what & 2 != 0 {
        let mut octets = bytes.0.to_vec();
        for version in VERSIONS {
            mend_checksum(&mut octets, version, &envelope);
            read_and_write(&octets, version, &envelope);
        }
        return;
    }
    let message = message(&mut bytes, is_v6);
    let octets = message.encode(&envelope);
    let version = message.form.version();
    assert_eq!(Message::decode(&octets, version, &envelope), Ok(message));
}

fn message(bytes: &mut Bytes<'_>, is_v6: bool) -> Message {
    let vrid = Vrid::new(bytes.byte().max(1)).unwrap();
    let priority = Priority(bytes.byte());
    let what = bytes.byte();
    let form = match what & 1 {
        0 if !is_v6 => {
            let kind = bytes.byte();
            let data = (kind != 0 || what & 2 != 0).then(|| bytes.array());
            Form::V2 {
                interval: bytes.byte(),
                authentication: WireAuthentication { kind, data },
            }
        }
        _ => Form::V3 {
            interval: AdvertInterval::from_centiseconds((bytes.number() & 0xfff).max(1)).unwrap(),
        },
    };
    let has_place =
        !matches!(form, Form::V2 { authentication, .. } if authentication.data.is_none());
    let trailer = (what & 4 != 0 && has_place).then(|| Trailer {
        key: bytes.byte(),
        sequence: Sequence(u64::from_be_bytes(bytes.array())),
        tag: bytes.array(),
    });
    let count = bytes.byte();
    let addresses: Vec<IpAddr> = (0..count).map(|_| bytes.address(is_v6)).collect();
    Message {
        vrid,
        priority,
        addresses,
        form,
        trailer,
    }
}

/// Makes the checksum right, by the letter of RFC 1071.
pub fn mend_checksum(octets: &mut [u8], version: Version, envelope: &Envelope) {
    if octets.len() < 8 {
        return;
    }
    octets[6..8].fill(0);
    let is_v6 = envelope.source.is_ipv6();
    let addresses = usize::from(octets[3]) * if is_v6 { 16 } else { 4 };
    let body = 8 + addresses + if version == Version::V2 { 8 } else { 0 };
    let mut covered = octets.to_vec();
    if !is_v6 && octets.len() == body + 28 {
        // keepalived leaves out what `auth_hmac` puts behind a message.
        covered.truncate(body);
    }
    let length = u32::try_from(covered.len()).unwrap();
    if !covered.len().is_multiple_of(2) {
        covered.push(0);
    }
    let group = [224, 0, 0, 18].into();
    let destination = match envelope.checksum {
        ChecksumForm::PseudoHeader => Some(envelope.destination),
        ChecksumForm::MessageOnly => None,
        ChecksumForm::GroupInUnicast => Some(group),
    };
    let destination = if is_v6 {
        Some(envelope.destination)
    } else {
        destination
    };
    if let Some(destination) = destination.filter(|_| version == Version::V3) {
        for address in [envelope.source, destination] {
            match address {
                IpAddr::V4(address) => covered.extend(address.octets()),
                IpAddr::V6(address) => covered.extend(address.octets()),
            }
        }
        covered.extend(length.to_be_bytes());
        covered.extend([0, 0, 0, 112]);
    }
    let mut sum: u64 = covered
        .chunks(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    octets[6..8].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
