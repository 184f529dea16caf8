//! Reads captures (pcap-savefile(5)) of Ethernet frames, little endian.

use std::net::Ipv6Addr;
use std::time::Duration;

use ipvsd::vrrp::input::Received;

/// An advert in a capture.
pub struct Captured {
    /// Since the epoch.
    pub time: Duration,
    /// From the IP header on.
    pub datagram: Vec<u8>,
}

impl Captured {
    /// As a raw socket would hand it over.
    pub fn received(&self) -> Received<'_> {
        let octets = &self.datagram;
        let address =
            |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&octets[at..at + 16]).unwrap());
        match octets[0] >> 4 {
            4 => Received::V4(octets),
            _ => Received::V6 {
                source: address(8),
                destination: address(24),
                hop_limit: octets[7],
                message: &octets[40..],
            },
        }
    }
}

/// The datagrams of protocols 112 and 51 in a capture.
pub fn adverts(capture: &[u8]) -> Vec<Captured> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let unit = match word(0) {
        0xa1b2_c3d4 => 1_000,
        0xa1b2_3c4d => 1,
        other => panic!("no capture: {other:x}"),
    };
    let mut found = Vec::new();
    let mut at = 24;
    while at < capture.len() {
        let time = Duration::new(word(at).into(), word(at + 4) * unit);
        let length = word(at + 8) as usize;
        let frame = &capture[at + 16..at + 16 + length];
        let datagram = &frame[14..];
        let number = |at: usize| usize::from(datagram[at]) * 256 + usize::from(datagram[at + 1]);
        let total = match (frame[12], frame[13]) {
            (0x08, 0x00) if matches!(datagram[9], 112 | 51) => Some(number(2)),
            (0x86, 0xdd) if datagram[6] == 112 => Some(40 + number(4)),
            _ => None,
        };
        found.extend(total.map(|total| Captured {
            time,
            datagram: datagram[..total].to_vec(),
        }));
        at += 16 + length;
    }
    found
}
