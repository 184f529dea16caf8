//! `unicast_peer`: the routers that adverts are sent to.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::address::can_be_assigned;
use crate::config::diagnostic::Code;
use crate::config::keywords;
use crate::config::lower::Lower;
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;
use crate::vrrp::settings::{Peer, VirtualAddress};

/// The block of peers.
const UNICAST_PEER: &str = "vrrp_instance/unicast_peer";

/// The peers of an instance as it says them.
#[derive(Clone, Debug, Default)]
pub(super) struct SaidPeers {
    pub(super) list: Vec<SaidPeer>,
    /// More are said, and wrong, which has been told.
    pub(super) some_wrong: bool,
}

/// A peer as a line says it.
#[derive(Clone, Debug)]
pub(super) struct SaidPeer {
    pub(super) peer: Peer,
    pub(super) word: Word,
    /// The line says something of TTLs.
    pub(super) has_range: bool,
}

impl Lower<'_, '_> {
    /// All peers of an instance, in the order of the file.
    pub(super) fn peers(&mut self, blocks: &[StatementId]) -> SaidPeers {
        let ast = self.ast;
        let errors = self.diagnostics.errors();
        let mut list = Vec::new();
        for block in blocks {
            if !self.has_block(*block) {
                continue;
            }
            self.extra_words(*block, ast.words(*block).get(1..).unwrap_or(&[]));
            for line in ast.block(*block) {
                let is_word = !keywords::blocks(ast.keyword(line)).is_empty();
                if is_word || ast.has_block(line) {
                    self.stray(UNICAST_PEER, line);
                } else {
                    list.extend(self.peer(line));
                }
            }
        }
        SaidPeers {
            list,
            some_wrong: self.diagnostics.errors() > errors,
        }
    }

    /// `ADDRESS [min_ttl NUMBER] [max_ttl NUMBER]`.
    fn peer(&mut self, line: StatementId) -> Option<SaidPeer> {
        let (word, options) = self.ast.words(line).split_first()?;
        let address = self.assignable(*word);
        let (mut least, mut most) = (None, None);
        let mut is_right = true;
        let mut rest = options.iter().copied();
        while let Some(option) = rest.next() {
            let slot = match self.text(option) {
                "min_ttl" => &mut least,
                "max_ttl" => &mut most,
                other => {
                    let is_address = other.parse::<IpAddr>().is_ok();
                    let diagnostic = self.invalid(option, "an option of a peer");
                    diagnostic.help(match is_address {
                        true => "every peer stands on a line of its own",
                        false => "they are `min_ttl` and `max_ttl`, each with a number",
                    });
                    return None;
                }
            };
            let number = match rest.next() {
                Some(value) => self.number(value, 0..=255),
                None => {
                    self.no_value(option);
                    None
                }
            };
            is_right &= number.is_some();
            *slot = number.map(|number| number as u8);
        }
        let has_range = least.or(most).is_some();
        let (least, most) = (least.unwrap_or(0), most.unwrap_or(u8::MAX));
        if is_right && least > most {
            let span = self.span(line);
            let message = format!("`min_ttl {least}` is above `max_ttl {most}`");
            self.report(Code::OutOfRange, message)
                .at(span, "every advert of this peer would be dropped");
            return None;
        }
        Some(SaidPeer {
            peer: Peer {
                address: address.filter(|_| is_right)?,
                ttl: least..=most,
            },
            word: *word,
            has_range,
        })
    }

    /// An address that a host can have.
    pub(in crate::config::lower) fn assignable(&mut self, word: Word) -> Option<IpAddr> {
        let text = self.text(word);
        if let Some((address, prefix)) = text.split_once('/')
            && let Ok(address) = address.parse::<IpAddr>()
            && prefix
                .parse::<u8>()
                .is_ok_and(|it| it < Family::of(address).address_bits())
        {
            self.invalid(word, "an IPv4 or IPv6 address")
                .help(format!("without the length of a prefix: `{address}`"))
                .replace_with(address.to_string());
            return None;
        }
        let address = self.address(word)?;
        if !can_be_assigned(address) {
            let what = match address {
                _ if address.is_multicast() => "it is the address of a group, which all listen to",
                _ if address.is_unspecified() => "it stands for no host in particular",
                _ => "it stands for every host on a link",
            };
            self.invalid(word, "an address that a host can have")
                .help(what);
            return None;
        }
        Some(address)
    }

    /// The peers of an instance of a family, without what is said twice, and without
    /// this director (`own`) itself.
    pub(super) fn sensible_peers(
        &mut self,
        said: SaidPeers,
        family: Family,
        own: Option<IpAddr>,
        addresses: &[VirtualAddress],
    ) -> SaidPeers {
        let mut some_wrong = said.some_wrong;
        let mut seen: HashMap<IpAddr, Word> = HashMap::new();
        let addresses: HashSet<IpAddr> = addresses.iter().map(|it| it.address).collect();
        let mut peers = Vec::new();
        for said in said.list {
            let (address, word) = (said.peer.address, said.word);
            let span = word.span();
            if Family::of(address) != family {
                self.other_family(word, "peer", family);
                some_wrong = true;
                continue;
            }
            if own == Some(address) {
                self.report(Code::NoEffect, "a peer that is this director itself")
                    .at(span, "this has no effect: no adverts are sent there")
                    .help("the list has the other directors only");
                continue;
            }
            if let Some(first) = seen.get(&address) {
                let first = first.span();
                self.report(
                    Code::Redundant,
                    format!("the peer {address} is there twice"),
                )
                .at(span, "this has no effect")
                .related(first, "first here");
                continue;
            }
            seen.insert(address, word);
            if addresses.contains(&address) {
                self.report(
                    Code::Doubtful,
                    "a peer that is one of the virtual addresses",
                )
                .at(span, "whoever is master would send adverts to itself")
                .help("name the directors by addresses of their own");
            }
            peers.push(said);
        }
        SaidPeers {
            list: peers,
            some_wrong,
        }
    }
}
