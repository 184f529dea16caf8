//! `virtual_ipaddress`: the addresses of the master.

use std::net::{IpAddr, Ipv4Addr};

use super::LONGEST_INTERFACE;
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

/// Names of scopes: `rtm_scope` of linux/rtnetlink.h.
const SCOPES: [(&str, u8); 5] = [
    ("global", 0),
    ("site", 200),
    ("link", 253),
    ("host", 254),
    ("nowhere", 255),
];

/// Options that are known and not served yet, how many values they have, and what it
/// means that they are skipped.
const NOT_SERVED: [(&str, usize, &str); 9] = [
    ("home", 0, "the address is no home address"),
    ("-nodad", 0, "it is for IPv6 addresses"),
    ("mngtmpaddr", 0, "it is for IPv6 addresses"),
    (
        "noprefixroute",
        0,
        "the kernel adds the route to the address's network",
    ),
    (
        "autojoin",
        0,
        "the kernel joins no multicast group for the address",
    ),
    (
        "no_track",
        0,
        "the address is put back when another program removes it",
    ),
    ("preferred_lft", 1, "the address stays preferred"),
    (
        "use_vmac",
        0,
        "the address answers with the interface's own MAC",
    ),
    (
        "track_group",
        1,
        "it is for static addresses, and means nothing here",
    ),
];

/// What the options of an address say.
#[derive(Clone, Copy, Default)]
struct Options<'s> {
    broadcast: Option<Broadcast>,
    interface: Option<&'s str>,
    scope: Option<u8>,
    label: Option<(&'s str, Word)>,
}

#[derive(Clone, Copy)]
enum Broadcast {
    Address(Ipv4Addr),
    /// `+`: the bits of the host are all ones.
    Ones(Word),
    /// `-`: they are all zeroes.
    Zeroes(Word),
}

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
                if lines == MOST_ADDRESSES + 1 {
                    self.too_many(line);
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

    fn options(&mut self, words: &[Word]) -> Option<Options<'s>> {
        let mut options = Options::default();
        let mut is_right = true;
        let mut rest = words.iter().copied();
        while let Some(option) = rest.next() {
            let known = self.option(&mut options, option, &mut rest);
            is_right &= known.is_some();
        }
        is_right.then_some(options)
    }

    /// One option and its value. None where it is wrong.
    fn option(
        &mut self,
        options: &mut Options<'s>,
        option: Word,
        rest: &mut impl Iterator<Item = Word>,
    ) -> Option<()> {
        let text = self.text(option);
        let not_served = NOT_SERVED.iter().find(|(word, ..)| *word == text);
        match text {
            "brd" => {
                let value = self.option_value(option, rest)?;
                options.broadcast = Some(self.broadcast_address(value)?);
            }
            "dev" => {
                let value = self.option_value(option, rest)?;
                options.interface = Some(self.interface_name(value)?);
            }
            "scope" => {
                let value = self.option_value(option, rest)?;
                options.scope = Some(self.scope(value)?);
            }
            "label" => {
                let value = self.option_value(option, rest)?;
                if self.is_substituted(value) {
                    return None;
                }
                if self.text(value).is_empty() {
                    return self.no_value(option);
                }
                options.label = Some((self.text(value), value));
            }
            "peer" => {
                self.option_value(option, rest)?;
                let span = option.span();
                self.report(
                    Code::ValueNotServed,
                    "virtual addresses with a peer are not served yet",
                )
                .at(span, "without it, this would be another address");
                return None;
            }
            _ => match not_served {
                Some((word, values, consequence)) => {
                    rest.take(*values).for_each(drop);
                    self.option_not_served(word, consequence, option);
                }
                None => return self.no_option(option),
            },
        }
        Some(())
    }

    fn option_value(
        &mut self,
        option: Word,
        rest: &mut impl Iterator<Item = Word>,
    ) -> Option<Word> {
        let value = rest.next();
        if value.is_none() {
            self.no_value(option);
        }
        value
    }

    fn no_value(&mut self, option: Word) -> Option<()> {
        let span = option.span();
        let word = self.text(option);
        self.report(Code::MissingValue, format!("`{word}` needs a value"))
            .at(span, "its value is missing");
        None
    }

    fn option_not_served(&mut self, word: &'static str, consequence: &str, option: Word) {
        let span = option.span();
        if self.diagnostics.fold(Code::NotServed, word, span) {
            return;
        }
        let message = format!("`{word}` of a virtual address is not served yet");
        self.diagnostics
            .report_first(Code::NotServed, word, message)
            .at(span, "this is skipped")
            .help(consequence);
    }

    fn no_option(&mut self, option: Word) -> Option<()> {
        let text = self.text(option);
        let is_address = text
            .split('/')
            .next()
            .is_some_and(|address| address.parse::<IpAddr>().is_ok());
        let diagnostic = self.invalid(option, "an option of a virtual address");
        match is_address {
            true => diagnostic.help("every address stands on a line of its own"),
            false => {
                diagnostic.help("they are `brd`, `dev`, `scope` and `label`, each with a value")
            }
        };
        None
    }

    fn broadcast_address(&mut self, word: Word) -> Option<Broadcast> {
        match self.text(word) {
            "+" => Some(Broadcast::Ones(word)),
            "-" => Some(Broadcast::Zeroes(word)),
            _ => match self.address(word)? {
                IpAddr::V4(address) => Some(Broadcast::Address(address)),
                IpAddr::V6(_) => {
                    self.invalid(word, "an IPv4 address, `+` or `-`");
                    None
                }
            },
        }
    }

    fn broadcast(
        &mut self,
        broadcast: Option<Broadcast>,
        address: IpAddr,
        prefix: u8,
    ) -> Option<Ipv4Addr> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let (word, made) = match broadcast? {
            Broadcast::Address(address) => return Some(address),
            Broadcast::Ones(word) => (word, Ipv4Addr::from_bits(address.to_bits() | host)),
            Broadcast::Zeroes(word) => (word, Ipv4Addr::from_bits(address.to_bits() & !host)),
        };
        if prefix < 31 {
            return Some(made);
        }
        let span = word.span();
        let message = format!("a network with a prefix of /{prefix} has no broadcast address");
        self.report(Code::NoEffect, message)
            .at(span, "this has no effect")
            .help("give the address the prefix of its network, like `/24`");
        None
    }

    /// A name, or a number up to 255.
    fn scope(&mut self, word: Word) -> Option<u8> {
        if let Ok(number) = self.text(word).parse::<u8>() {
            return Some(number);
        }
        self.choice(word, "a scope", &SCOPES)
    }

    /// A label is what older programs take for an interface's name.
    fn label(&mut self, label: &str, word: Word, interface: &str) -> Option<()> {
        let span = word.span();
        if label.len() > LONGEST_INTERFACE {
            let message = format!("the label `{}` is too long", shown(label));
            self.report(Code::InvalidValue, message)
                .at(span, format!("at most {LONGEST_INTERFACE} bytes"))
                .help("keepalived leaves out the address");
            return None;
        }
        let fits = label
            .strip_prefix(interface)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        if !fits {
            let message = format!("a label that does not fit `{interface}`");
            self.report(Code::Doubtful, message)
                .at(span, "taken as it is")
                .help(format!(
                    "programs like ifconfig expect `{interface}:` and a few letters or digits"
                ));
        }
        Some(())
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
