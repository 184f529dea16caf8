//! `virtual_ipaddress`, `virtual_ipaddress_excluded`: the addresses of the master.

use std::net::{IpAddr, Ipv4Addr};

use super::instance::InstanceWords;
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{self, TOP_LEVEL};
use crate::config::lower::Lower;
use crate::config::lower::routing::Owner;
use crate::config::model::{SettingValue, StaticAddress};
use crate::config::source::Span;
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;
use crate::vrrp::settings::{AddressOptions, VirtualAddress};

/// The block of addresses.
const VIRTUAL_IPADDRESS: &str = "vrrp_instance/virtual_ipaddress";
/// The block of those that are in no advert.
const EXCLUDED: &str = "vrrp_instance/virtual_ipaddress_excluded";
/// How many addresses an advert can count (RFC 3768 section 5.3.5). Over IPv4 they fit
/// into 1,500 octets with every kind of authentication.
const MOST_ADDRESSES: usize = 255;
/// How many IPv6 addresses an advert has room for in 1,500 octets, beside the headers (40
/// and 8 octets) and the trailer of `auth_hmac` (28). keepalived takes as many, and
/// all directors of an instance have to count alike.
const MOST_IPV6: usize = (1_500 - 40 - 8 - 28) / 16;

/// The interface of static addresses where nothing names one (keepalived.conf(5)).
const DEFAULT_INTERFACE: &str = "eth0";
/// What stands for the name of an instance where an address is static.
const STATIC: &str = "";

/// All addresses of an instance.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// First those that stand in adverts, then the others.
    pub(super) list: Vec<VirtualAddress>,
    /// How many of them, at the end, stand in no advert.
    pub(super) excluded: usize,
    /// Of those in adverts; None where there are none.
    pub(super) family: Option<Family>,
    /// The first one in adverts, and where it is said.
    pub(super) first: Option<(IpAddr, Span)>,
    /// `virtual_ipaddress` has a line, be it right or wrong.
    pub(super) is_mentioned: bool,
}

/// A line that says an address, and the address, unless it is wrong.
type SaidAddress = (StatementId, Option<VirtualAddress>);

impl<'s> Lower<'_, 's> {
    /// All addresses of an instance, in the order of the file. Those that are wrong
    /// have been told. `device` is the instance's interface, where that is known.
    pub(super) fn addresses(
        &mut self,
        name: Option<&'s str>,
        device: Option<&'s str>,
        words: &InstanceWords<'s>,
    ) -> Addresses {
        let mut family = None;
        let advertised = self.lines(VIRTUAL_IPADDRESS, &words.addresses, |lower, line| {
            lower.virtual_address(line, Some(&mut family), device, Owner::Instance)
        });
        let most = match family {
            Some(Family::V6) => MOST_IPV6,
            Some(Family::V4) | None => MOST_ADDRESSES,
        };
        if let Some((line, _)) = advertised.get(most) {
            self.too_many(*line, most);
        }
        let others = self.lines(EXCLUDED, &words.excluded, |lower, line| {
            lower.virtual_address(line, None, device, Owner::Instance)
        });
        let mut addresses = Addresses {
            family,
            is_mentioned: !advertised.is_empty(),
            first: advertised.iter().find_map(|(line, address)| {
                let address = address.as_ref()?.address;
                Some((address, self.keyword_span(*line)))
            }),
            ..Addresses::default()
        };
        let within = advertised.len().min(most);
        for (at, (line, address)) in advertised.into_iter().chain(others).enumerate() {
            let Some(address) = address else { continue };
            // Without a name, or with that of another, it is no instance.
            if let Some(name) = name {
                self.not_elsewhere(name, &address, line);
            }
            if let Some(name) = name.filter(|_| device != Some(&*address.interface)) {
                self.used(name, &address.interface, false, line);
            }
            addresses.list.push(address);
            addresses.excluded += usize::from(at >= within);
        }
        addresses
    }

    /// What the lines of blocks of addresses say.
    fn lines(
        &mut self,
        path: &'static str,
        blocks: &[StatementId],
        mut address: impl FnMut(&mut Self, StatementId) -> Option<VirtualAddress>,
    ) -> Vec<SaidAddress> {
        let ast = self.ast;
        let mut lines = Vec::new();
        for block in blocks {
            if !self.has_block(*block) {
                continue;
            }
            self.extra_words(*block, ast.words(*block).get(1..).unwrap_or(&[]));
            for line in ast.block(*block) {
                let is_word = !keywords::blocks(ast.keyword(line)).is_empty();
                if is_word || ast.has_block(line) {
                    self.stray(path, line);
                } else {
                    lines.push((line, address(self, line)));
                }
            }
        }
        lines
    }

    /// `ADDRESS[/PREFIX] [brd ADDRESS|+|-] [dev INTERFACE] [scope SCOPE] [label LABEL]`.
    /// `family` is that of the ones before it, where all are of one.
    fn virtual_address(
        &mut self,
        line: StatementId,
        family: Option<&mut Option<Family>>,
        device: Option<&str>,
        owner: Owner,
    ) -> Option<VirtualAddress> {
        let (word, rest) = self.ast.words(line).split_first()?;
        let place = self.address_and_prefix(*word);
        let options = self.options(rest, owner);
        let (address, prefix) = place?;
        if let Some(family) = family {
            self.same_family(*word, address, family)?;
        }
        let options = options?;
        self.peer_of(&options, (address, *word), owner)?;
        let peer = options.peer.map(|(peer, _)| peer);
        let (prefix, broadcast) = match peer {
            Some(_) => (Family::of(address).address_bits(), None),
            None => (prefix, options.broadcast),
        };
        // None where the instance's interface is wrong, which has been told.
        let interface = options.interface.or(device)?;
        let label = match options.label {
            Some((_, word)) if address.is_ipv6() => {
                self.of_ipv4(word, "labels are");
                None
            }
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
            broadcast: self.broadcast(broadcast, address, prefix),
            scope: options.scope.unwrap_or(0),
            label,
            options: AddressOptions {
                peer,
                ..options.further
            },
        })
    }

    /// `static_ipaddress { }`.
    pub(in crate::config::lower) fn static_addresses(&mut self, block: StatementId) {
        self.told_not_served(TOP_LEVEL, block);
        let of_global = self.model.global.later.iter();
        let default = of_global.rev().find(|it| it.word == "default_interface");
        let default = default.and_then(|setting| match setting.values.first() {
            Some(SettingValue::Interface(name)) => Some(name.clone()),
            _ => None,
        });
        let default = default.unwrap_or_else(|| DEFAULT_INTERFACE.to_owned());
        let lines = self.lines("static_ipaddress", &[block], |lower, line| {
            lower.virtual_address(line, None, Some(&default), Owner::Static)
        });
        for (line, address) in lines {
            let Some(address) = address else { continue };
            self.not_elsewhere(STATIC, &address, line);
            let words = self.ast.words(line).iter();
            let group = words.skip_while(|word| self.text(**word) != "track_group");
            let group = group.copied().nth(1).map(|word| self.text(word).to_owned());
            let origin = self.origin(line);
            self.model.static_addresses.push(StaticAddress {
                address,
                group,
                origin,
            });
        }
    }

    /// `ADDRESS[/PREFIX]`; without a prefix it is the whole address.
    pub(super) fn address_and_prefix(&mut self, word: Word) -> Option<(IpAddr, u8)> {
        let text = self.text(word);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            let is_list = text.contains(['-', ',']);
            let is_name = text.chars().any(|part| part.is_ascii_alphabetic());
            let diagnostic = self.invalid(word, "an address, with `/PREFIX` or without");
            if is_list {
                diagnostic.help("every address stands on a line of its own");
            } else if text.contains('%') {
                diagnostic.help("the interface is an option: `ADDRESS dev INTERFACE`");
            } else if is_name && !text.contains(':') {
                diagnostic.help("names are not looked up");
            }
            return None;
        };
        if !can_be_assigned(address) {
            self.invalid(word, "an address that a host can have")
                .help("an address of a group, of no host or of every host belongs to none");
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
        let (wanted, message) = match (*family.get_or_insert(own), own) {
            (Family::V4, Family::V6) => {
                ("IPv4", "an IPv6 address in an instance of IPv4 addresses")
            }
            (Family::V6, Family::V4) => {
                ("IPv6", "an IPv4 address in an instance of IPv6 addresses")
            }
            _ => return Some(()),
        };
        let span = word.span();
        self.report(Code::FamilyMismatch, message)
            .at(span, format!("an {wanted} address belongs here"))
            .help("addresses of the other family belong in `virtual_ipaddress_excluded`");
        None
    }

    /// An option that the kernel knows with IPv4 only.
    pub(super) fn of_ipv4(&mut self, word: Word, what: &str) {
        let span = word.span();
        self.report(Code::NoEffect, format!("{what} for IPv4 addresses"))
            .at(span, "this has no effect");
    }

    /// An address on an interface belongs to one instance: there is but one of it to be
    /// added and removed.
    fn not_elsewhere(&mut self, name: &'s str, address: &VirtualAddress, line: StatementId) {
        let Some(word) = self.ast.words(line).first().copied() else {
            return;
        };
        let key = (address.address, address.interface.clone());
        let (other, first) = *self.named.addresses.entry(key).or_insert((name, word));
        if first == word {
            return;
        }
        let (first, second) = (first.span(), word.span());
        let (address, interface) = (address.address, &address.interface);
        let message = format!("{address} is there twice on {interface}");
        if other.is_empty() != name.is_empty() {
            self.report(Code::Doubtful, message)
                .at(second, "once static, and once an instance's")
                .related(first, "first here")
                .help("the instance takes it from the host when it stops being master");
            return;
        }
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

    fn too_many(&mut self, line: StatementId, most: usize) {
        let span = self.span(line);
        let message = format!("an advert has room for {most} addresses");
        self.report(Code::ValueAdjusted, message)
            .at(
                span,
                "from here on they are moved without being in adverts, as by keepalived",
            )
            .help("write them into `virtual_ipaddress_excluded`, alike on all directors");
    }
}

/// Whether a host can have the address and others can reach it there.
pub(super) fn can_be_assigned(address: IpAddr) -> bool {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}
