//! Where a route's packets go: `via`, `dev` and so on, once or behind each `nexthop`.

use std::net::IpAddr;

use super::Words;
use crate::config::diagnostic::Code;
use crate::config::lower::Lower;
use crate::config::model::route::Hop;
use crate::config::syntax::Word;
use crate::family::Family;

/// A hop as it is written.
#[derive(Default)]
pub(super) struct WrittenHop {
    pub(super) hop: Hop,
    /// Where the gateway is said.
    pub(super) gateway: Option<Word>,
    /// `inet6` stands before the gateway, so that another family is meant.
    pub(super) says_family: bool,
    /// Where the interface is said.
    pub(super) interface: Option<Word>,
}

impl Lower<'_, '_> {
    /// Whether a word is about a hop; None where its value is wrong.
    pub(super) fn hop_word(
        &mut self,
        written: &mut WrittenHop,
        option: Word,
        words: &mut Words<'_>,
    ) -> Option<bool> {
        match self.text(option) {
            "via" | "gw" => {
                if self.text(option) == "gw" {
                    self.old_gateway(option);
                }
                let (gateway, word, says_family) = self.gateway(option, words)?;
                written.hop.gateway = Some(gateway);
                written.gateway = Some(word);
                written.says_family = says_family;
            }
            "dev" | "oif" => {
                let word = self.option_value(option, words)?;
                written.hop.interface = Some(self.interface_name(word)?.to_owned());
                written.interface = Some(word);
            }
            "onlink" => written.hop.on_link = true,
            "encap" => written.hop.encapsulation = Some(self.encapsulation(option, words)?),
            _ => return Some(false),
        }
        Some(true)
    }

    /// `[inet|inet6] ADDRESS`.
    pub(super) fn gateway(
        &mut self,
        option: Word,
        words: &mut Words<'_>,
    ) -> Option<(IpAddr, Word, bool)> {
        let word = self.option_value(option, words)?;
        let family = match self.text(word) {
            "inet" => Some(Family::V4),
            "inet6" => Some(Family::V6),
            _ => None,
        };
        let word = match family {
            Some(_) => self.option_value(option, words)?,
            None => word,
        };
        let address = self.assignable(word)?;
        if let Some(family) = family
            && Family::of(address) != family
        {
            let span = word.span();
            let own = name(family);
            let message = format!("`{address}` is not an {own} address");
            self.report(Code::FamilyMismatch, message)
                .at(span, format!("an {own} address belongs here"));
            return None;
        }
        Some((address, word, family.is_some()))
    }

    /// What stands behind `nexthop`, up to the next one.
    pub(super) fn next_hop(&mut self, words: &mut Words<'_>) -> Option<WrittenHop> {
        let mut written = WrittenHop::default();
        while let Some(option) = words.peek() {
            if self.text(option) == "nexthop" {
                break;
            }
            words.next();
            match self.text(option) {
                "weight" => {
                    let word = self.option_value(option, words)?;
                    written.hop.weight = self.number(word, 1..=256)? as u16;
                }
                "realms" => {
                    let word = self.option_value(option, words)?;
                    written.hop.realms = Some(self.realms(word)?);
                }
                "as" => self.translated(option, words),
                _ if self.hop_word(&mut written, option, words)? => {}
                text if super::route::WORDS.contains(&text) => {
                    let span = option.span();
                    self.report(
                        Code::InvalidValue,
                        format!("`{text}` is not about a next hop"),
                    )
                    .at(span, "it belongs before the first `nexthop`");
                    return None;
                }
                _ => {
                    self.no_routing_word(option, "a next hop", &WORDS)?;
                }
            }
        }
        Some(written)
    }

    /// `as [to] ADDRESS`: NAT, which kernels had long ago.
    pub(super) fn translated(&mut self, option: Word, words: &mut Words<'_>) {
        if words.peek().is_some_and(|word| self.text(word) == "to") {
            words.next();
        }
        let last = words.next().unwrap_or(option);
        let span = option.span().to(last.span());
        self.report(Code::NoEffect, "`as` is for MPLS")
            .at(span, "this has no effect, as with keepalived");
    }

    fn old_gateway(&mut self, option: Word) {
        let span = option.span();
        if self.diagnostics.fold(Code::OlderSpelling, "via", span) {
            return;
        }
        self.diagnostics
            .report_first(Code::OlderSpelling, "via", "`gw` is an older spelling")
            .at(span, "called `via` today")
            .replace_with("via");
    }
}

/// The words of a hop.
const WORDS: [&str; 7] = ["via", "dev", "oif", "onlink", "encap", "weight", "realms"];

pub(super) fn name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}
