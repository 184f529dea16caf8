//! `encap` of a route: what packets are wrapped in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Words;
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::model::route::{Encapsulation, Seg6Mode, Tunnel};
use crate::config::syntax::Word;

/// MPLS labels have 20 bits.
const HIGHEST_LABEL: u32 = (1 << 20) - 1;

#[derive(Clone, Copy)]
enum Kind {
    Mpls,
    Ip,
    Ip6,
    Ila,
    Seg6,
}

const KINDS: [(&str, Kind); 5] = [
    ("mpls", Kind::Mpls),
    ("ip", Kind::Ip),
    ("ip6", Kind::Ip6),
    ("ila", Kind::Ila),
    ("seg6", Kind::Seg6),
];

impl Lower<'_, '_> {
    /// What stands behind `encap`.
    pub(super) fn encapsulation(
        &mut self,
        option: Word,
        words: &mut Words<'_>,
    ) -> Option<Encapsulation> {
        let word = self.option_value(option, words)?;
        match self.choice(word, "an encapsulation", &KINDS)? {
            Kind::Mpls => self.labels(word, words).map(Encapsulation::Mpls),
            Kind::Ip => {
                let names = ["tos", "dsfield", "ttl"];
                let address = |address| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                };
                let tunnel: Tunnel<Ipv4Addr> = self.tunnel(word, words, names, address)?;
                Some(Encapsulation::Ip(tunnel))
            }
            Kind::Ip6 => {
                let names = ["tos", "tc", "hoplimit"];
                let address = |address| match address {
                    IpAddr::V6(address) => Some(address),
                    IpAddr::V4(_) => None,
                };
                let tunnel: Tunnel<Ipv6Addr> = self.tunnel(word, words, names, address)?;
                Some(Encapsulation::Ip6(tunnel))
            }
            Kind::Ila => self.locator(word, words).map(Encapsulation::Ila),
            Kind::Seg6 => self.segment_routing(word, words),
        }
    }

    /// `LABEL/LABEL`.
    fn labels(&mut self, option: Word, words: &mut Words<'_>) -> Option<Vec<u32>> {
        let word = self.option_value(option, words)?;
        let labels = self.text(word).split('/').map(str::parse::<u32>);
        let labels: Result<Vec<_>, _> = labels.collect();
        match labels {
            Ok(labels) if labels.iter().all(|label| *label <= HIGHEST_LABEL) => Some(labels),
            _ => {
                self.invalid(word, "labels of MPLS").help(format!(
                    "they are numbers from 0 to {HIGHEST_LABEL}, the outermost first: `100/200`"
                ));
                None
            }
        }
    }

    /// The outer header of a tunnel. `names` are two for the type of service, and one for
    /// the TTL.
    fn tunnel<A>(
        &mut self,
        kind: Word,
        words: &mut Words<'_>,
        names: [&str; 3],
        family: impl Fn(IpAddr) -> Option<A>,
    ) -> Option<Tunnel<A>> {
        let mut tunnel = Tunnel::default();
        while let Some(option) = words.peek() {
            match self.text(option) {
                "id" => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    tunnel.id = Some(self.number_64(word)?);
                }
                "dst" => {
                    words.next();
                    tunnel.destination = Some(self.outer(option, words, &family)?);
                }
                "src" => {
                    words.next();
                    tunnel.source = Some(self.outer(option, words, &family)?);
                }
                "flags" => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    tunnel.flags = Some(self.decimal_or_hex(word, 0..=65_535)? as u16);
                }
                name if name == names[0] || name == names[1] => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    tunnel.tos = Some(self.decimal_or_hex(word, 0..=255)? as u8);
                }
                name if name == names[2] => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    tunnel.ttl = Some(self.decimal_or_hex(word, 0..=255)? as u8);
                }
                _ => break,
            }
        }
        if tunnel.id.is_none() && tunnel.destination.is_none() {
            let span = kind.span();
            let kind = self.text(kind);
            let message = format!("`encap {kind}` needs `dst ADDRESS` or `id NUMBER`");
            self.report(Code::MissingValue, message)
                .at(span, "it is not said where packets go");
            return None;
        }
        Some(tunnel)
    }

    fn outer<A>(
        &mut self,
        option: Word,
        words: &mut Words<'_>,
        family: &impl Fn(IpAddr) -> Option<A>,
    ) -> Option<A> {
        let word = self.option_value(option, words)?;
        let address = self.address(word)?;
        let fitting = family(address);
        if fitting.is_none() {
            let (own, other) = match address {
                IpAddr::V4(_) => ("IPv6", "IPv4"),
                IpAddr::V6(_) => ("IPv4", "IPv6"),
            };
            let span = word.span();
            let message = format!("an {other} address in an outer header of {own}");
            self.report(Code::FamilyMismatch, message)
                .at(span, format!("an {own} address belongs here"))
                .help("`encap ip` wraps in IPv4, `encap ip6` in IPv6");
        }
        fitting
    }

    /// A number of up to 64 bits.
    pub(super) fn number_64(&mut self, word: Word) -> Option<u64> {
        if self.is_substituted(word) {
            return None;
        }
        let number = self.text(word).parse().ok();
        if number.is_none() {
            self.not_a_number(word, "a whole number below 2^64");
        }
        number
    }

    /// Four groups of hexadecimal digits.
    fn locator(&mut self, option: Word, words: &mut Words<'_>) -> Option<u64> {
        let word = self.option_value(option, words)?;
        let groups = self.text(word).split(':');
        let groups: Vec<_> = groups
            .map(|group| u16::from_str_radix(group, 16).ok())
            .collect();
        if let [Some(a), Some(b), Some(c), Some(d)] = groups[..] {
            let groups = [a, b, c, d].into_iter();
            return Some(groups.fold(0, |locator, group| locator << 16 | u64::from(group)));
        }
        self.invalid(word, "a locator")
            .help("it is four groups of hexadecimal digits: `1:2:3:4`");
        None
    }

    /// `mode encap|inline|l2encap segs ADDRESS,ADDRESS [hmac NUMBER]`.
    fn segment_routing(&mut self, kind: Word, words: &mut Words<'_>) -> Option<Encapsulation> {
        let (mut mode, mut segments, mut hmac) = (None, Vec::new(), None);
        while let Some(option) = words.peek() {
            match self.text(option) {
                "mode" => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    mode = Some(self.choice(word, "a mode of SRv6", &Seg6Mode::ALL)?);
                }
                "segs" => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    segments = self.segments(word)?;
                }
                "hmac" => {
                    words.next();
                    let word = self.option_value(option, words)?;
                    hmac = Some(self.decimal_or_hex(word, 0..=u32::MAX)?);
                }
                _ => break,
            }
        }
        match mode {
            Some(mode) if !segments.is_empty() => Some(Encapsulation::Seg6 {
                mode,
                segments,
                hmac,
            }),
            _ => {
                let span = kind.span();
                let message = "`encap seg6` needs `mode` and `segs`";
                self.report(Code::MissingValue, message)
                    .at(span, "write `encap seg6 mode encap segs ADDRESS,ADDRESS`");
                None
            }
        }
    }

    fn segments(&mut self, word: Word) -> Option<Vec<Ipv6Addr>> {
        let segments = self.text(word).split(',').map(str::parse);
        let segments: Result<Vec<Ipv6Addr>, _> = segments.collect();
        if segments.is_err() {
            self.invalid(word, "a list of segments")
                .help("they are IPv6 addresses with commas between them: `fd00::1,fd00::2`");
        }
        segments.ok()
    }
}
