//! `virtual_ipaddress`: the addresses of the master.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::lower::Lower;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::Family;
use crate::vrrp::settings::VirtualAddress;

/// The block of addresses.
const VIRTUAL_IPADDRESS: &str = "vrrp_instance/virtual_ipaddress";
/// How many addresses an advert can count (RFC 3768 section 5.3.5).
const MOST_ADDRESSES: usize = 255;

impl<'s> Lower<'_, 's> {
    /// All addresses of an instance, in the order of the file. Those that are wrong
    /// have been told. `device` is the instance's interface, where that is known.
    pub(super) fn addresses(
        &mut self,
        instance: StatementId,
        name: Option<&'s str>,
        device: Option<&'s str>,
        blocks: &[StatementId],
    ) -> Vec<VirtualAddress> {
        let ast = self.ast;
        let mut addresses = Vec::new();
        let mut family = None;
        let mut lines = 0;
        for block in blocks {
            if !self.has_block(*block) {
                continue;
            }
            self.extra_words(*block, ast.words(*block).get(1..).unwrap_or(&[]));
            for line in ast.block(*block) {
                let is_word = !keywords::blocks(ast.keyword(line)).is_empty();
                if is_word || ast.has_block(line) {
                    self.stray(VIRTUAL_IPADDRESS, line);
                    continue;
                }
                lines += 1;
                let Some(address) = self.virtual_address(line, &mut family, device) else {
                    continue;
                };
                if lines > MOST_ADDRESSES {
                    if lines == MOST_ADDRESSES + 1 {
                        self.too_many(line);
                    }
                    continue;
                }
                self.not_elsewhere(name, &address, line);
                if let Some(name) = name.filter(|_| device != Some(&*address.interface)) {
                    self.used(name, &address.interface, false, line);
                }
                addresses.push(address);
            }
        }
        if lines == 0 && self.is_whole() && blocks.iter().all(|block| ast.has_block(*block)) {
            self.no_addresses(instance);
        }
        addresses
    }

    /// `ADDRESS[/PREFIX] [brd ADDRESS|+|-] [dev INTERFACE] [scope SCOPE] [label LABEL]`.
    fn virtual_address(
        &mut self,
        line: StatementId,
        family: &mut Option<Family>,
        device: Option<&'s str>,
    ) -> Option<VirtualAddress> {
        let (word, rest) = self.ast.words(line).split_first()?;
        let place = self.address_and_prefix(*word);
        let options = self.options(rest);
        let (address, prefix) = place?;
        self.same_family(*word, address, family)?;
        let options = options?;
        // None where the instance's interface is wrong, which has been told.
        let interface = options.interface.or(device)?;
        let label = match options.label {
            Some((label, word)) => {
                self.label(label, word, interface)?;
                Some(label.to_owned())
            }
            None => None,
        };
        Some(VirtualAddress {
            address,
            prefix,
            interface: interface.to_owned(),
            broadcast: self.broadcast(options.broadcast, address, prefix),
            scope: options.scope.unwrap_or(0),
            label,
        })
    }

    /// `ADDRESS[/PREFIX]`; without a prefix it is the whole address.
    fn address_and_prefix(&mut self, word: Word) -> Option<(IpAddr, u8)> {
        if self.is_substituted(word) {
            return None;
        }
        let text = self.text(word);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            let is_list = text.contains(['-', ',']);
            let is_name = text.chars().any(|part| part.is_ascii_alphabetic());
            let diagnostic = self.invalid(word, "an IPv4 address, with `/PREFIX` or without");
            if is_list {
                diagnostic.help("every address stands on a line of its own");
            } else if is_name && !text.contains(':') {
                diagnostic.help("names are not looked up");
            }
            return None;
        };
        if !can_be_assigned(address) {
            self.invalid(word, "an address that a host can have");
            return None;
        }
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let Some(prefix) = prefix else {
            return Some((address, bits));
        };
        match prefix.parse::<u8>() {
            Ok(prefix) if prefix <= bits => Some((address, prefix)),
            _ => {
                let span = word.span();
                let message = format!("`/{}` is no length of a prefix", shown(prefix));
                self.report(Code::OutOfRange, message)
                    .at(span, format!("possible is /0 to /{bits}"));
                None
            }
        }
    }

    /// All addresses of an advert are of one family.
    fn same_family(
        &mut self,
        word: Word,
        address: IpAddr,
        family: &mut Option<Family>,
    ) -> Option<()> {
        let own = Family::of(address);
        let first = family.is_none();
        match (*family.get_or_insert(own), own) {
            (Family::V4, Family::V4) => Some(()),
            (Family::V6, _) => {
                if first {
                    let span = word.span();
                    self.report(
                        Code::ValueNotServed,
                        "instances of IPv6 addresses are not served yet",
                    )
                    .at(span, "the first address decides the family of an instance");
                }
                None
            }
            (Family::V4, Family::V6) => {
                let span = word.span();
                self.report(
                    Code::FamilyMismatch,
                    "an IPv6 address in an instance of IPv4 addresses",
                )
                .at(span, "an IPv4 address belongs here")
                .help("addresses of the other family belong in `virtual_ipaddress_excluded`, which is not served yet");
                None
            }
        }
    }

    /// An address on an interface belongs to one instance: there is but one of it to be
    /// added and removed.
    fn not_elsewhere(
        &mut self,
        name: Option<&'s str>,
        address: &VirtualAddress,
        line: StatementId,
    ) {
        let Some(word) = self.ast.words(line).first().copied() else {
            return;
        };
        let name = name.unwrap_or("");
        let key = (address.address, address.interface.clone());
        let (other, first) = *self.named.addresses.entry(key).or_insert((name, word));
        if first == word {
            return;
        }
        let (first, second) = (first.span(), word.span());
        let (address, interface) = (address.address, &address.interface);
        let message = format!("{address} is there twice on {interface}");
        let diagnostic = self.report(Code::Duplicate, message);
        diagnostic
            .at(second, "the same again")
            .related(first, "first here");
        if other != name {
            diagnostic.help(
                "whichever of the two instances stops being master would take it from the other",
            );
        }
    }

    fn too_many(&mut self, line: StatementId) {
        let span = self.span(line);
        let message = format!("an instance has at most {MOST_ADDRESSES} virtual addresses");
        self.report(Code::OutOfRange, message)
            .at(span, "there is no room for this one in an advert")
            .help("put the rest into another instance, and both into a `vrrp_sync_group`");
    }

    fn no_addresses(&mut self, instance: StatementId) {
        let span = self.span(instance);
        self.report(Code::Doubtful, "an instance without virtual addresses")
            .at(span, "it decides who is master, and moves nothing")
            .help("list them in its block: `virtual_ipaddress { ADDRESS/PREFIX }`");
    }
}

/// Whether a host can have the address and others can reach it there.
fn can_be_assigned(address: IpAddr) -> bool {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}
