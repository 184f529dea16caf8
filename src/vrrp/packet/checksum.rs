//! The Internet checksum (RFC 1071).

use std::net::IpAddr;

use super::datagram::PROTOCOL;

/// A sum of 16 bit words in the making.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// The pseudo header of an IPv4 datagram (RFC 768) or an IPv6 one (RFC 8200 section
    /// 8.1). Addresses of two families add nothing: no datagram has them.
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, length: usize) -> Self {
        let sum = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Sum::default()
                .add(&source.octets())
                .add(&destination.octets()),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Sum::default()
                .add(&source.octets())
                .add(&destination.octets()),
            _ => return Sum::default(),
        };
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        sum.add(&length.to_be_bytes()).add(&[0, PROTOCOL])
    }

    /// An odd last byte counts as if a zero stood behind it.
    pub fn add(self, bytes: &[u8]) -> Self {
        // Folded at the end only: no input is long enough to run over.
        let (pairs, last) = bytes.as_chunks::<2>();
        let words = pairs
            .iter()
            .map(|pair| u64::from(u16::from_be_bytes(*pair)));
        let last = last.first().map_or(0, |last| u64::from(*last) << 8);
        Sum(self.0 + words.sum::<u64>() + last)
    }

    /// What stands in the message. Of a message that includes its own checksum: 0 if
    /// that is right.
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn example_of_rfc_1071() {
        let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn nothing_runs_over() {
        assert_eq!(Sum::default().add(&[0xff; 65535]).finish(), 0x00ff);
    }
}
