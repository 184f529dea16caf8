//! Gratuitous ARP (RFC 5227 section 3, RFC 826) in Ethernet frames.

use std::net::Ipv4Addr;

/// Octets of a frame, without what the network card adds.
pub const FRAME: usize = 42;

const BROADCAST: [u8; 6] = [0xff; 6];

/// What is the same in all: EtherType ARP; Ethernet and IPv4, with addresses of 6 and
/// 4 octets; a request, which hosts learn from even where they ignore replies that
/// they have not asked for.
const FIXED: [u8; 10] = [0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1];

/// A frame that tells everybody on the link that `address` is at `hardware`.
pub fn gratuitous(hardware: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
    let address = address.octets();
    let mut frame = Vec::with_capacity(FRAME);
    frame.extend(BROADCAST);
    frame.extend(hardware);
    frame.extend(FIXED);
    frame.extend(hardware);
    frame.extend(address);
    frame.extend(BROADCAST);
    frame.extend(address);
    frame
}

#[cfg(test)]
mod tests {
    use super::{FRAME, gratuitous};

    /// Octet for octet what keepalived sends.
    #[test]
    fn frame() {
        let frame = gratuitous([2, 0, 0, 0, 0, 1], [10, 0, 0, 80].into());
        let hex: String = frame.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(
            hex,
            "ffffffffffff02000000000108060001080006040001\
             0200000000010a000050ffffffffffff0a000050"
        );
        assert_eq!(frame.len(), FRAME);
    }
}
