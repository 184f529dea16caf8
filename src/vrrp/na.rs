//! Unsolicited neighbour advertisements (RFC 4861 sections 4.4 and 7.2.6) in Ethernet
//! frames: what gratuitous ARP is to IPv4.

use std::net::Ipv6Addr;

use super::packet::Sum;

/// Octets of a frame, without what the network card adds.
pub const FRAME: usize = ETHERNET + IP + ADVERTISEMENT;

const ETHERNET: usize = 14;
const IP: usize = 40;
/// With the one option that it has.
const ADVERTISEMENT: usize = 32;

/// All nodes of the link (RFC 4291 section 2.7.1), and what such an address is on an
/// Ethernet (RFC 2464 section 7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_HARDWARE: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

const ICMP: u8 = 58;

/// EtherType IPv6; version 6 with no traffic class and no flow label; the octets that
/// follow the header, and their protocol; a hop limit that shows that no router has had
/// it in its hands (RFC 4861 section 7.1.2).
const FIXED: [u8; 10] = [0x86, 0xdd, 0x60, 0, 0, 0, 0, ADVERTISEMENT as u8, ICMP, 255];

/// A neighbour advertisement (RFC 4861 section 4.4) has type 136 and code 0.
const TYPE: [u8; 2] = [136, 0];

/// The sender forwards packets. A host that is told otherwise takes it off its list of
/// default routers (RFC 4861 section 7.2.5).
const ROUTER: u8 = 0x80;
/// What the receiver knows so far is out of date.
const OVERRIDE: u8 = 0x20;

/// The target's link-layer address (RFC 4861 section 4.6.1), of one unit of 8 octets.
const OPTION: [u8; 2] = [2, 1];

/// A frame that tells everybody on the link that `address` is at `hardware`; `is_router`
/// where this host forwards IPv6 packets.
pub fn unsolicited(hardware: [u8; 6], address: Ipv6Addr, is_router: bool) -> Vec<u8> {
    let mut message = [0; ADVERTISEMENT];
    message[..2].copy_from_slice(&TYPE);
    message[4] = OVERRIDE | if is_router { ROUTER } else { 0 };
    message[8..24].copy_from_slice(&address.octets());
    message[24..26].copy_from_slice(&OPTION);
    message[26..].copy_from_slice(&hardware);
    let checksum = Sum::default()
        .add(&address.octets())
        .add(&ALL_NODES.octets())
        .add(&[0, ADVERTISEMENT as u8, 0, ICMP])
        .add(&message)
        .finish();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());

    let mut frame = Vec::with_capacity(FRAME);
    frame.extend(ALL_NODES_HARDWARE);
    frame.extend(hardware);
    frame.extend(FIXED);
    frame.extend(address.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use super::{FRAME, unsolicited};

    fn hex(frame: &[u8]) -> String {
        frame.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// Octet for octet what keepalived sends.
    #[test]
    fn frame() {
        let frame = unsolicited([2, 0, 0, 0, 0, 1], "fe80::80".parse().unwrap(), false);
        assert_eq!(
            hex(&frame),
            "33330000000102000000000186dd\
             6000000000203afffe800000000000000000000000000080ff020000000000000000000000000001\
             8800569d20000000fe800000000000000000000000000080\
             0201020000000001"
        );
        assert_eq!(frame.len(), FRAME);
    }

    #[test]
    fn frame_of_a_router() {
        let frame = unsolicited([2, 0, 0, 0, 0, 1], "fd00::80".parse().unwrap(), true);
        assert_eq!(
            hex(&frame)[2 * 54..],
            *"8800d99ca0000000fd000000000000000000000000000080\
             0201020000000001"
        );
    }
}
