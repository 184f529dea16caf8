//! Somebody on the link who sends VRRP packets, right ones and wrong ones.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use crate::net::Namespace;
use crate::packet_socket;

/// A packet of VRRP version 2 (RFC 3768 section 5.1) as it should be, of which any part
/// can be made wrong.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
    pub ttl: u8,
    pub version: u8,
    pub kind: u8,
    pub vrid: u8,
    pub priority: u8,
    pub interval: u8,
    /// How many addresses it claims to have; None for as many as it has.
    pub count: Option<u8>,
    pub addresses: Vec<Ipv4Addr>,
    pub authentication: u8,
    pub password: [u8; 8],
    /// Added to the checksum that would be right.
    pub checksum_error: u16,
    /// How much is left of the VRRP part, or how long it is made with zeros. The IP
    /// header has the resulting length.
    pub length: Option<usize>,
    /// Added to the length that the IP header tells.
    pub length_error: i16,
}

impl Packet {
    /// An advert for `addresses` from a router of the highest priority, whom everybody
    /// who believes it gives way to.
    pub fn highest(from: &str, vrid: u8, addresses: &[&str], password: &str) -> Self {
        let mut padded = [0; 8];
        padded[..password.len()].copy_from_slice(password.as_bytes());
        Self {
            from: from.parse().unwrap(),
            to: Ipv4Addr::new(224, 0, 0, 18),
            ttl: 255,
            version: 2,
            kind: 1,
            vrid,
            priority: 255,
            interval: 1,
            count: None,
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            authentication: u8::from(!password.is_empty()),
            password: padded,
            checksum_error: 0,
            length: None,
            length_error: 0,
        }
    }

    /// The whole Ethernet frame.
    pub fn frame(&self) -> Vec<u8> {
        let count = self.count.unwrap_or(self.addresses.len() as u8);
        let mut message = vec![
            self.version << 4 | self.kind,
            self.vrid,
            self.priority,
            count,
            self.authentication,
            self.interval,
            0,
            0,
        ];
        for address in &self.addresses {
            message.extend(address.octets());
        }
        message.extend(self.password);
        let sum = checksum(&message).wrapping_add(self.checksum_error);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        if let Some(length) = self.length {
            message.resize(length, 0);
        }

        let length = (20 + message.len() as i16 + self.length_error) as u16;
        let mut header = vec![0x45, 0xc0];
        header.extend(length.to_be_bytes());
        header.extend([0, 1, 0, 0, self.ttl, 112, 0, 0]);
        header.extend(self.from.octets());
        header.extend(self.to.octets());
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());

        // RFC 1112 section 6.4: the lower 23 bits of the group.
        let [_, b, c, d] = self.to.octets();
        let mut frame = vec![0x01, 0x00, 0x5e, b & 0x7f, c, d];
        frame.extend([0x02, 0, 0, 0, 0, 0x66, 0x08, 0x00]);
        frame.extend(header);
        frame.extend(message);
        frame
    }
}

/// RFC 1071.
pub fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub struct Intruder {
    socket: OwnedFd,
}

impl Intruder {
    /// On the first link of this host.
    pub fn on(host: &Namespace) -> Self {
        let socket = host.enter(|| packet_socket::open("eth0")).unwrap();
        Self { socket }
    }

    pub fn send(&self, packet: &Packet) {
        packet_socket::send(&self.socket, &packet.frame()).unwrap();
    }
}
