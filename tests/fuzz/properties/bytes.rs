//! Bytes that are taken for values, one after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is left of them. When nothing is left there are zeroes.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// As many as the first of them says.
    pub fn some(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (some, rest) = self.0.split_at(length);
        self.0 = rest;
        some
    }

    pub fn address(&mut self, is_v6: bool) -> IpAddr {
        match is_v6 {
            true => Ipv6Addr::from(self.array::<16>()).into(),
            false => Ipv4Addr::from(self.array::<4>()).into(),
        }
    }
}
