//! `virtual_server_group`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::model::{GroupEntry, VirtualServerGroup};
use crate::config::syntax::{StatementId, Word};
use crate::lvs::Family;

/// The path of the block.
const GROUP: &str = "virtual_server_group";
/// More addresses than this are told: each is a virtual server of its own.
const MANY: u128 = 65_536;
/// More than this no kernel has ever had. With a range of IPv6 it is soon more than there
/// is memory for.
const TOO_MANY: u128 = 1 << 20;

/// Groups by their names.
pub(super) type Groups<'s> = HashMap<&'s str, Group>;

/// A group, and whether anything uses it.
pub(super) struct Group {
    pub(super) by: StatementId,
    /// None where something is wrong with it, which has been told.
    pub(super) entries: Option<Vec<GroupEntry>>,
    pub(super) used: bool,
}

impl<'s> Lower<'_, 's> {
    /// `virtual_server_group NAME { ... }`.
    pub(super) fn virtual_server_group(&mut self, id: StatementId) {
        let ast = self.ast;
        let arguments = ast.words(id).get(1..).unwrap_or(&[]);
        let name = match arguments.split_first() {
            None => {
                self.missing_value(id, "a name");
                None
            }
            Some((name, extra)) => {
                self.extra_words(id, extra);
                if self.text(*name).is_empty() {
                    self.invalid(*name, "a name");
                }
                let is_name = !self.text(*name).is_empty();
                Some(*name).filter(|_| is_name)
            }
        };
        if !self.has_block(id) {
            return;
        }
        let errors = self.diagnostics.errors();
        let mut entries = Vec::new();
        let mut places = Vec::new();
        let mut lines: HashMap<String, StatementId> = HashMap::new();
        for line in ast.block(id) {
            let Some(entry) = self.group_line(line) else {
                continue;
            };
            if let Some(first) = lines.insert(entry.to_string(), line) {
                let (first, second) = (self.span(first), self.span(line));
                self.report(Code::Redundant, "a line of this group is there twice")
                    .at(second, "this has no effect")
                    .related(first, "it is in the group already");
                continue;
            }
            entries.push(entry);
            places.push((entry, line));
        }
        self.overlaps_within(places);
        let is_right = self.diagnostics.errors() == errors;
        if entries.is_empty() && is_right {
            let span = self.span(id);
            self.report(Code::MissingValue, "a group without addresses and marks")
                .at(span, "nothing could answer here")
                .help("on each line: `ADDRESS [PORT]`, `FIRST-LAST [PORT]`, `ADDRESS/PREFIX [PORT]` or `fwmark MARK`");
        }
        let Some(name) = name.map(|name| self.text(name)) else {
            return;
        };
        if let Some(first) = self.groups.get(name) {
            let (first, second) = (self.span(first.by), self.span(id));
            let message = format!("the group `{}` is there twice", shown(name));
            self.report(Code::Duplicate, message)
                .at(second, "the same again")
                .related(first, "first here")
                .help("make one of the two, or give this one another name");
            return;
        }
        let is_right = is_right && !entries.is_empty();
        if is_right {
            self.model.virtual_server_groups.push(VirtualServerGroup {
                name: name.to_owned(),
                entries: entries.clone(),
                origin: self.origin(id),
            });
        }
        let group = Group {
            by: id,
            entries: is_right.then_some(entries),
            used: false,
        };
        self.groups.insert(name, group);
    }

    /// Lines of a group that have addresses in common, which does no harm.
    fn overlaps_within(&mut self, entries: Vec<(GroupEntry, StatementId)>) {
        let ranges = entries.into_iter().filter_map(|(entry, line)| match entry {
            GroupEntry::Addresses { first, last, port } => Some(((port, first), last, line)),
            GroupEntry::Fwmark { .. } => None,
        });
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort();
        let mut before: Option<(u16, IpAddr, StatementId)> = None;
        for ((port, first), last, line) in ranges {
            match before {
                // An IPv4 address is below every IPv6 address.
                Some((other, end, earlier)) if other == port && first <= end => {
                    let (earlier, later) = (earlier.min(line), earlier.max(line));
                    let (one, other) = (self.span(earlier), self.span(later));
                    self.report(Code::Redundant, "some addresses are in this group twice")
                        .at(other, format!("{first} is one of them"))
                        .related(one, "it is in the group already");
                    if last > end {
                        before = Some((port, last, line));
                    }
                }
                _ => before = Some((port, last, line)),
            }
        }
    }

    fn group_line(&mut self, line: StatementId) -> Option<GroupEntry> {
        let ast = self.ast;
        let words = ast.words(line);
        let (first, rest) = words.split_first()?;
        if ast.keyword(line) == "fwmark" {
            self.no_block(line);
            return self.mark_of_group(line, rest);
        }
        if ast.unclosed().iter().any(|unclosed| unclosed.block == line) {
            // Its brace has been told; whether it belongs here, nobody can say.
            return None;
        }
        if ast.has_block(line) || !keywords::blocks(ast.keyword(line)).is_empty() {
            self.stray(GROUP, line);
            return None;
        }
        let range = self.address_range(*first);
        let port = match rest.split_first() {
            None => Some(0),
            Some((port, extra)) => {
                self.extra_words(line, extra);
                self.port_or_any(*port)
            }
        };
        let ((first_address, last), port) = (range?, port?);
        let count = count(first_address, last);
        let span = first.span();
        if count > TOO_MANY {
            self.report(Code::InvalidValue, "a range of too many addresses")
                .at(span, format!("{count} addresses, each a virtual server"))
                .help("give their packets a mark, and say `fwmark MARK` in the place of the range");
            return None;
        }
        if count > MANY {
            self.report(Code::Doubtful, "a range of very many addresses")
                .at(span, format!("{count} addresses, each a virtual server"));
        }
        Some(GroupEntry::Addresses {
            first: first_address,
            last,
            port,
        })
    }

    /// `fwmark MARK [inet|inet6]`.
    fn mark_of_group(&mut self, line: StatementId, words: &[Word]) -> Option<GroupEntry> {
        let Some((mark, rest)) = words.split_first() else {
            self.missing_value(line, "a mark");
            return None;
        };
        let mark = self.mark_of_service(*mark);
        let family = match rest.split_first() {
            None => None,
            Some((word, extra)) => {
                self.extra_words(line, extra);
                Some(self.family_name(*word)?)
            }
        };
        Some(GroupEntry::Fwmark {
            mark: mark?,
            family,
        })
    }

    /// A mark that packets have: 0 is none.
    pub(super) fn mark_of_service(&mut self, word: Word) -> Option<u32> {
        let mark = self.mark(word)?;
        if mark == 0 {
            self.out_of_range(word, "1 to 4294967295; packets without a mark have 0");
            return None;
        }
        Some(mark)
    }

    /// `inet` or `inet6`.
    pub(super) fn family_name(&mut self, word: Word) -> Option<Family> {
        let choices = [Family::V4, Family::V6].map(|family| (family.word(), family));
        self.choice(word, "a family", &choices)
    }

    /// `ADDRESS`, `FIRST-LAST` with a whole address or the last part of one behind the
    /// dash, or `ADDRESS/PREFIX`: the first address and the last.
    pub(super) fn address_range(&mut self, word: Word) -> Option<(IpAddr, IpAddr)> {
        let text = self.text(word);
        if let Some((address, prefix)) = text.split_once('/') {
            return self.network_range(word, address, prefix);
        }
        let Some((first, last)) = text.split_once('-') else {
            let address = self.address(word)?;
            return Some((address, address));
        };
        let Ok(first) = first.parse::<IpAddr>() else {
            self.invalid(word, "a range of addresses").help(RANGE_HELP);
            return None;
        };
        let last = match last.parse::<IpAddr>() {
            Ok(last) => Some(last),
            Err(_) => last_part(first, last),
        };
        match last {
            Some(last) if first.is_ipv4() != last.is_ipv4() => {
                let span = word.span();
                self.report(Code::FamilyMismatch, "a range from one family to the other")
                    .at(span, "both ends are IPv4, or both are IPv6");
                None
            }
            Some(last) if last < first => {
                let span = word.span();
                let message = format!("`{}` ends before it begins", shown(text));
                self.report(Code::InvalidValue, message)
                    .at(span, "the smaller address comes first");
                None
            }
            Some(last) => Some((first, last)),
            None => {
                self.invalid(word, "a range of addresses").help(RANGE_HELP);
                None
            }
        }
    }

    /// All addresses of a network, the first and the last included.
    fn network_range(
        &mut self,
        word: Word,
        address: &str,
        prefix: &str,
    ) -> Option<(IpAddr, IpAddr)> {
        let (Ok(address), Ok(prefix)) = (address.parse::<IpAddr>(), prefix.parse::<u32>()) else {
            self.invalid(word, "a range of addresses").help(RANGE_HELP);
            return None;
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if !(1..=bits).contains(&prefix) {
            self.out_of_range(word, &format!("a prefix of 1 to {bits}"));
            return None;
        }
        let host_bits = match bits - prefix {
            0 => 0,
            bits => u128::MAX >> (128 - bits),
        };
        let number = number(address);
        let first = with_number(address, number & !host_bits);
        if number & host_bits != 0 {
            let span = word.span();
            let fixed = format!("{first}/{prefix}");
            let message = format!("`{}` is no network", shown(self.text(word)));
            self.report(Code::InvalidValue, message)
                .at(span, "bits beyond the prefix are not 0")
                .help(format!("the network of this address is {fixed}"))
                .replace_with(fixed);
            return None;
        }
        Some((first, with_number(address, number | host_bits)))
    }

    /// Groups that nothing is for.
    pub(super) fn unused_groups(&mut self) {
        if self.misplaced || !self.ast.unclosed().is_empty() || self.names_absent_group {
            // What uses them may be in a wrong block, or have a misspelt name.
            return;
        }
        let mut unused: Vec<_> = self
            .groups
            .values()
            .filter(|group| !group.used && group.entries.is_some())
            .map(|group| group.by)
            .collect();
        unused.sort();
        for id in unused {
            let span = self.span(id);
            if self.diagnostics.fold(Code::NoEffect, GROUP, span) {
                continue;
            }
            self.diagnostics
                .report_first(
                    Code::NoEffect,
                    GROUP,
                    "a group that no virtual server is for",
                )
                .at(span, "this has no effect")
                .help("`virtual_server group NAME` is for all of a group");
        }
    }
}

const RANGE_HELP: &str =
    "`10.0.0.1`, `10.0.0.1-9`, `10.0.0.1-10.0.1.9` and `10.0.0.0/24` are possible";

/// The address in the place of whose last part this is: decimal with IPv4, hexadecimal
/// with IPv6.
fn last_part(first: IpAddr, text: &str) -> Option<IpAddr> {
    let is_digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    match first {
        _ if !is_digits => None,
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let last = text.parse().ok()?;
            Some(Ipv4Addr::new(a, b, c, last).into())
        }
        IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[7] = u16::from_str_radix(text, 16).ok()?;
            Some(Ipv6Addr::from(parts).into())
        }
    }
}

/// An address as a number, to compare and count with those of its family.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address with this number in the family of another.
pub(super) fn with_number(family: IpAddr, number: u128) -> IpAddr {
    match family {
        // The upper bits are 0: they come from an IPv4 address.
        IpAddr::V4(_) => Ipv4Addr::from(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

/// How many addresses there are from one to another.
fn count(first: IpAddr, last: IpAddr) -> u128 {
    (number(last) - number(first)).saturating_add(1)
}
