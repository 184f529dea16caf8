//! What stands behind a virtual address: `brd`, `dev`, `scope`, `label`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::LONGEST_INTERFACE;
use crate::config::diagnostic::{Code, shown};
use crate::config::lower::Lower;
use crate::config::lower::routing::Owner;
use crate::config::syntax::Word;
use crate::vrrp::settings::AddressOptions;

/// Names of scopes: `rtm_scope` of linux/rtnetlink.h.
const SCOPES: [(&str, u8); 5] = [
    ("global", 0),
    ("site", 200),
    ("link", 253),
    ("host", 254),
    ("nowhere", 255),
];

/// What it means that nothing acts on an option yet.
const NOT_SERVED: [(&str, &str); 8] = [
    ("home", "the address is no home address"),
    (
        "-nodad",
        "duplicates of the address are not looked for, in any case",
    ),
    ("mngtmpaddr", "no temporary addresses are made from it"),
    (
        "noprefixroute",
        "the kernel adds the route to the address's network",
    ),
    (
        "autojoin",
        "the kernel joins no multicast group for the address",
    ),
    (
        "no_track",
        "the address is put back when another program removes it",
    ),
    (
        "preferred_lft",
        "an IPv6 address with a prefix of /128 is not preferred as a source, and any other is",
    ),
    (
        "use_vmac",
        "the address answers with the interface's own MAC",
    ),
];

/// What the options of an address say.
#[derive(Clone, Default)]
pub(super) struct Options<'s> {
    pub(super) broadcast: Option<Broadcast>,
    pub(super) interface: Option<&'s str>,
    pub(super) scope: Option<u8>,
    pub(super) label: Option<(&'s str, Word)>,
    pub(super) peer: Option<(IpAddr, Word)>,
    pub(super) further: AddressOptions,
}

#[derive(Clone, Copy)]
pub(super) enum Broadcast {
    Address(Ipv4Addr, Word),
    /// `+`: the bits of the host are all ones.
    Ones(Word),
    /// `-`: they are all zeroes.
    Zeroes(Word),
}

impl Broadcast {
    fn word(self) -> Word {
        match self {
            Broadcast::Address(_, word) | Broadcast::Ones(word) | Broadcast::Zeroes(word) => word,
        }
    }
}

impl<'s> Lower<'_, 's> {
    /// All options of an address. None where one is wrong.
    pub(super) fn options(&mut self, words: &[Word], owner: Owner) -> Option<Options<'s>> {
        let mut options = Options::default();
        let mut is_right = true;
        let mut rest = words.iter().copied();
        let mut said = HashMap::new();
        while let Some(option) = rest.next() {
            if self.text(option) == "dev" && options.interface.is_some() {
                self.two_interfaces(option);
                is_right = false;
            } else {
                self.option_again(&mut said, option);
            }
            let known = self.option(&mut options, option, &mut rest, owner);
            is_right &= known.is_some();
        }
        is_right.then_some(options)
    }

    fn two_interfaces(&mut self, option: Word) {
        self.report(Code::Duplicate, "an address on two interfaces")
            .at(option.span(), "this is the second `dev` of the line")
            .help("an address is on one interface: remove one, as keepalived would the address");
    }

    /// One option and its value. None where it is wrong.
    fn option(
        &mut self,
        options: &mut Options<'s>,
        option: Word,
        rest: &mut impl Iterator<Item = Word>,
        owner: Owner,
    ) -> Option<()> {
        let text = self.text(option);
        let further = &mut options.further;
        match text {
            "brd" | "broadcast" => {
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
                if self.text(value).is_empty() {
                    return self.no_value(option);
                }
                options.label = Some((self.text(value), value));
            }
            "peer" => {
                let value = self.option_value(option, rest)?;
                options.peer = Some((self.assignable(value)?, option));
            }
            "track_group" => {
                self.option_value(option, rest)?;
                self.of_static(option, owner);
            }
            "use_vmac" if owner == Owner::Static => {
                let span = option.span();
                self.report(Code::NoEffect, "`use_vmac` is for virtual addresses")
                    .at(span, "this has no effect, as with keepalived");
            }
            "preferred_lft" => {
                let value = self.option_value(option, rest)?;
                further.preferred = Some(match self.text(value) {
                    "forever" => AddressOptions::FOR_EVER,
                    _ => self.lifetime(value)?,
                });
            }
            "home" => further.is_home = true,
            "-nodad" => further.is_optimistic = true,
            "mngtmpaddr" => further.makes_temporary = true,
            "noprefixroute" => further.no_prefix_route = true,
            "autojoin" => further.joins = true,
            "use_vmac" => further.has_vmac = true,
            "no_track" => further.is_untracked = true,
            _ => return self.no_option(option),
        }
        let not_served = NOT_SERVED.iter().find(|(word, _)| *word == text);
        if let Some((word, consequence)) = not_served.filter(|_| owner == Owner::Instance) {
            self.option_not_served(word, consequence, option);
        }
        Some(())
    }

    pub(in crate::config::lower) fn option_value(
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

    pub(in crate::config::lower) fn no_value(&mut self, option: Word) -> Option<()> {
        let span = option.span();
        let word = self.text(option);
        self.report(Code::MissingValue, format!("`{word}` needs a value"))
            .at(span, "its value is missing");
        None
    }

    /// A group that follows an address, which only static ones have.
    fn of_static(&mut self, option: Word, owner: Owner) {
        if owner == Owner::Instance {
            let span = option.span();
            self.report(Code::NoEffect, "`track_group` is for static addresses")
                .at(span, "this has no effect, as with keepalived")
                .help("remove it: a virtual address belongs to its instance already");
        }
    }

    /// A number of seconds, below what is for ever.
    fn lifetime(&mut self, word: Word) -> Option<u32> {
        let text = self.text(word);
        if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            self.invalid(word, "a number of seconds")
                .help("or `forever`");
            return None;
        }
        self.number(word, 0..=u32::MAX)
    }

    /// The other end of a link, which takes the place of a prefix and a broadcast address.
    pub(super) fn peer_of(
        &mut self,
        options: &Options<'_>,
        address: (IpAddr, Word),
        owner: Owner,
    ) -> Option<()> {
        let Some((peer, option)) = options.peer else {
            return Some(());
        };
        let span = option.span();
        let (address, word) = address;
        if peer.is_ipv4() != address.is_ipv4() {
            let message = format!("{peer} cannot be the other end of {address}");
            self.report(Code::FamilyMismatch, message)
                .at(span, "both are of one family");
            return None;
        }
        if self.text(word).contains('/') {
            let span = word.span();
            self.report(Code::NoEffect, "an address with a peer has no prefix")
                .at(span, "its prefix has no effect, as with keepalived")
                .replace_with(address.to_string());
        }
        if let Some(broadcast) = options.broadcast {
            let span = broadcast.word().span();
            self.report(
                Code::NoEffect,
                "an address with a peer has no broadcast address",
            )
            .at(span, "this has no effect, as with keepalived");
        }
        if owner == Owner::Static {
            return Some(());
        }
        self.report(
            Code::ValueNotServed,
            "virtual addresses with a peer are not served yet",
        )
        .at(span, "without it, this would be another address");
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
            false => diagnostic.help(
                "they are `brd`, `dev`, `scope`, `label`, `peer` and `preferred_lft`, each with \
                 a value",
            )
            .help(
                "and `home`, `-nodad`, `mngtmpaddr`, `noprefixroute`, `autojoin`, `use_vmac` and \
                 `no_track`",
            ),
        };
        None
    }

    fn broadcast_address(&mut self, word: Word) -> Option<Broadcast> {
        match self.text(word) {
            "+" => Some(Broadcast::Ones(word)),
            "-" => Some(Broadcast::Zeroes(word)),
            _ => match self.address(word)? {
                IpAddr::V4(address) => Some(Broadcast::Address(address, word)),
                IpAddr::V6(_) => {
                    self.invalid(word, "an IPv4 address, `+` or `-`");
                    None
                }
            },
        }
    }

    /// The broadcast address of an address, where it has one.
    pub(super) fn broadcast(
        &mut self,
        broadcast: Option<Broadcast>,
        address: IpAddr,
        prefix: u8,
    ) -> Option<Ipv4Addr> {
        let broadcast = broadcast?;
        let address = match (address, broadcast) {
            (IpAddr::V4(address), _) => address,
            (
                IpAddr::V6(_),
                Broadcast::Address(_, word) | Broadcast::Ones(word) | Broadcast::Zeroes(word),
            ) => {
                self.of_ipv4(word, "broadcast addresses are");
                return None;
            }
        };
        let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let (word, made) = match broadcast {
            Broadcast::Address(address, _) => return Some(address),
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
    pub(in crate::config::lower) fn scope(&mut self, word: Word) -> Option<u8> {
        if let Ok(number) = self.text(word).parse::<u8>() {
            return Some(number);
        }
        self.choice(word, "a scope", &SCOPES)
    }

    /// A label is what older programs take for an interface's name.
    pub(super) fn label(&mut self, label: &str, word: Word, interface: &str) -> Option<()> {
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
            self.report(Code::Advice, message)
                .at(span, "taken as it is")
                .help(format!(
                    "programs like ifconfig expect `{interface}:` and a few letters or digits"
                ));
        }
        Some(())
    }
}
