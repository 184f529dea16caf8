//! Values of routes and rules: networks, numbers, and the names that iproute2 has for
//! them.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::config::diagnostic::{Code, shown};
use crate::config::lower::Lower;
use crate::config::model::route::{Id, Network, Realms};
use crate::config::syntax::Word;
use crate::family::Family;

/// Names of tables: `rt_class_t` of linux/rtnetlink.h.
const TABLES: [(&str, u32); 3] = [("default", 253), ("main", 254), ("local", 255)];

/// Who makes routes: `RTPROT_*` of linux/rtnetlink.h.
const PROTOCOLS: [(&str, u32); 21] = [
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

/// Names of differentiated services (RFC 2474 section 4.2.2.2, RFC 2597 section 6, RFC 3246
/// section 2.7): the upper six bits of a type of service.
const CODE_POINTS: [(&str, u8); 21] = [
    ("default", 0),
    ("CS1", 8),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("CS2", 16),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("CS3", 24),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("CS4", 32),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
    ("CS5", 40),
    ("EF", 46),
    ("CS6", 48),
    ("CS7", 56),
];

/// The longest name that is taken for one, in bytes.
const LONGEST_NAME: usize = 64;

impl Lower<'_, '_> {
    /// A whole number, decimal or behind `0x`.
    pub(super) fn decimal_or_hex(&mut self, word: Word, range: RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(word);
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let Some(digits) = digits else {
            return self.number(word, range);
        };
        let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (low, high) = (*range.start(), *range.end());
        if !is_hex {
            self.not_a_number(word, &format!("a whole number from {low} to {high}"));
            return None;
        }
        match u32::from_str_radix(digits, 16) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.out_of_range(word, &format!("{low} to {high}"));
                None
            }
        }
    }

    /// A number, or a name that iproute2's files may have for it. `known` are names that
    /// need no file.
    pub(in crate::config::lower) fn id(
        &mut self,
        word: Word,
        what: &str,
        known: &[(&str, u32)],
        range: RangeInclusive<u32>,
    ) -> Option<Id> {
        let text = self.text(word);
        if let Some((_, number)) = known.iter().find(|(name, _)| *name == text) {
            return Some(Id::Number(*number));
        }
        if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return self.decimal_or_hex(word, range).map(Id::Number);
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-+".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_name) {
            let (low, high) = (range.start(), range.end());
            self.invalid(word, what).help(format!(
                "it is a number from {low} to {high}, or a name of iproute2's"
            ));
            return None;
        }
        Some(Id::Name(text.to_owned()))
    }

    pub(super) fn table(&mut self, word: Word, lowest: u32) -> Option<Id> {
        self.id(word, "a routing table", &TABLES, lowest..=u32::MAX)
    }

    pub(super) fn route_protocol(&mut self, word: Word) -> Option<Id> {
        self.id(word, "a protocol of routes", &PROTOCOLS, 0..=255)
    }

    /// `REALM`, or `REALM/REALM`.
    pub(super) fn realms(&mut self, word: Word) -> Option<Realms> {
        let text = self.text(word);
        let (from, to) = match text.split_once('/') {
            Some((from, to)) => (Some(from), to),
            None => (None, text),
        };
        let from = from.map(realm);
        match (from, realm(to)) {
            (None, Some(to)) => Some(Realms { from: None, to }),
            (Some(Some(from)), Some(to)) => Some(Realms {
                from: Some(from),
                to,
            }),
            _ => {
                self.invalid(word, "a realm, or two of them")
                    .help("a realm is a number from 0 to 255, or a name of iproute2's: `REALM`, or `SOURCE/DESTINATION`");
                None
            }
        }
    }

    /// A type of service. The lowest two bits are those of ECN, of which the kernel wants
    /// nothing here.
    pub(super) fn tos(&mut self, word: Word) -> Option<u8> {
        let text = self.text(word);
        if let Some((_, code)) = CODE_POINTS.iter().find(|(name, _)| *name == text) {
            return Some(code << 2);
        }
        let tos = self.decimal_or_hex(word, 0..=255)? as u8;
        if tos & 3 != 0 {
            let span = word.span();
            let near = tos & !3;
            self.report(Code::Doubtful, "the kernel takes multiples of 4 only")
                .at(span, "it refuses the line for this, as with keepalived")
                .help(format!(
                    "the two lowest bits belong to ECN: perhaps {near:#04x} is meant"
                ));
        }
        Some(tos)
    }

    /// `ADDRESS[/LENGTH]`.
    pub(super) fn prefix(&mut self, word: Word) -> Option<Network> {
        let text = self.text(word);
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            self.invalid(word, "an address, with `/LENGTH` or without");
            return None;
        };
        let bits = Family::of(address).address_bits();
        let length = match length.map(str::parse::<u8>) {
            None => bits,
            Some(Ok(length)) if length <= bits => length,
            Some(_) => {
                let span = word.span();
                let message = format!("`{}` has no such prefix", shown(text));
                self.report(Code::OutOfRange, message)
                    .at(span, format!("possible is /0 to /{bits}"));
                return None;
            }
        };
        let network = Network {
            address: masked(address, length),
            length,
        };
        if network.address != address {
            let span = word.span();
            self.report(
                Code::ValueAdjusted,
                "an address with more bits than its prefix",
            )
            .at(span, format!("{network} is used"))
            .replace_with(network.to_string());
        }
        Some(network)
    }
}

fn realm(text: &str) -> Option<Id> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = match hex {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match number {
        Some(number) => (number <= 255).then_some(Id::Number(number)),
        None => {
            let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            (begins && text.len() <= LONGEST_NAME && text.bytes().all(is_name))
                .then(|| Id::Name(text.to_owned()))
        }
    }
}

/// The address with its first bits only.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            IpAddr::V4((address.to_bits() & !host).into())
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            IpAddr::V6((address.to_bits() & !host).into())
        }
    }
}
