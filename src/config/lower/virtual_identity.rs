//! What a virtual server is for: an address, a mark, or all of a group.

use indexmap::IndexSet;

use super::server::{Around, Server};
use super::server_group::{number, with_number};
use super::timing::said;
use super::virtual_server::VirtualServerWords;
use super::{Lower, Said, guess};
use crate::config::diagnostic::{Code, shown};
use crate::config::model::GroupEntry;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{Family, ForwardingMethod, PoolId, Protocol, ServiceKey};

/// What stands behind `virtual_server`.
pub(super) enum Subject<'s> {
    Address(Server),
    Mark(u32),
    Group(&'s str, Vec<GroupEntry>),
}

/// What a virtual server is for, with its family and port.
pub(super) struct Identity {
    pub(super) around: Around,
    pub(super) id: PoolId,
    /// Of a group, that of its first address, or of its first mark where it has none.
    pub(super) key: ServiceKey,
    /// All that it is for.
    pub(super) services: Vec<ServiceKey>,
    /// Some address is for every port.
    pub(super) every_port: bool,
}

impl Identity {
    /// It is for no mark.
    pub(super) fn has_addresses_only(&self) -> bool {
        let mut services = self.services.iter();
        services.all(|service| matches!(service, ServiceKey::Address { .. }))
    }
}

impl<'s> Lower<'_, 's> {
    /// `ADDRESS [PORT]`, `fwmark MARK` or `group NAME`. None where it is wrong, which has
    /// been told.
    pub(super) fn subject(&mut self, id: StatementId) -> Option<Subject<'s>> {
        let arguments = self.ast.words(id).get(1..).unwrap_or(&[]);
        let kind = arguments.first().map_or("", |word| self.text(*word));
        match (kind, arguments) {
            ("fwmark" | "group", [_]) => {
                let what = match kind {
                    "fwmark" => "a mark behind `fwmark`",
                    _ => "the name of a group behind `group`",
                };
                self.missing_value(id, what);
                None
            }
            ("fwmark", [_, mark, extra @ ..]) => {
                self.extra_words(id, extra);
                self.mark_of_service(*mark).map(Subject::Mark)
            }
            ("group", [_, name, extra @ ..]) => {
                self.extra_words(id, extra);
                self.named_group(*name)
            }
            _ => self.server(id, arguments).map(Subject::Address),
        }
    }

    /// The group of this name.
    fn named_group(&mut self, word: Word) -> Option<Subject<'s>> {
        let name = self.text(word);
        if let Some(group) = self.groups.get_mut(name) {
            group.used = true;
            return Some(Subject::Group(name, group.entries.clone()?));
        }
        self.names_absent_group = true;
        let is_worth_it = self.groups.len() <= guess::MOST;
        let candidates = is_worth_it.then(|| self.groups.keys().copied());
        let similar = guess::closest(name, candidates.into_iter().flatten());
        let span = word.span();
        let message = format!("there is no `virtual_server_group {}`", shown(name));
        let diagnostic = self.report(Code::InvalidValue, message);
        match similar {
            Some((_, known)) => diagnostic
                .at(span, format!("did you mean `{}`?", shown(known)))
                .replace_with(known),
            None => diagnostic.at(span, "expected the name of a group of this file"),
        };
        None
    }

    /// What a virtual server is for, with what its block says.
    pub(super) fn identity(
        &mut self,
        id: StatementId,
        subject: Option<&Subject<'s>>,
        words: &VirtualServerWords<'s>,
        real_servers: &[StatementId],
    ) -> Option<Identity> {
        let needs_protocol = match subject {
            None => {
                let word = self.ast.words(id).get(1).map(|word| self.text(*word));
                !matches!(word, Some("fwmark" | "group"))
            }
            Some(Subject::Address(_)) => true,
            Some(Subject::Mark(_)) => false,
            Some(Subject::Group(_, entries)) => entries.iter().any(is_address),
        };
        let protocol = match words.protocol {
            Some(protocol) if needs_protocol => protocol.value,
            Some(protocol) => {
                if subject.is_some() {
                    self.protocol_of_mark(protocol);
                }
                protocol.value
            }
            None if needs_protocol => self.default_protocol(id),
            None => Protocol::Tcp,
        };
        let method = said(words.method).unwrap_or(ForwardingMethod::Nat);
        let around = |family, port| Around {
            family,
            port: Some(port),
            method,
        };
        match subject? {
            Subject::Address(server) => {
                let port = server.port.unwrap_or(0);
                let key = ServiceKey::Address {
                    protocol,
                    address: server.address,
                    port,
                };
                self.not_said_before(key, id);
                Some(Identity {
                    around: around(Some(Family::of(server.address)), port),
                    id: key.into(),
                    key,
                    services: vec![key],
                    every_port: port == 0,
                })
            }
            Subject::Mark(mark) => {
                let family = self.family_of_mark(id, words, real_servers, method);
                let key = ServiceKey::Fwmark {
                    mark: *mark,
                    family,
                };
                self.not_said_before(key, id);
                Some(Identity {
                    around: around(Some(family), 0),
                    id: key.into(),
                    key,
                    services: vec![key],
                    every_port: false,
                })
            }
            Subject::Group(name, entries) => {
                let mut families = entries.iter().filter_map(GroupEntry::family);
                let family = match families.next() {
                    None => Some(self.family_of_mark(id, words, real_servers, method)),
                    // With both, only tunnels reach the real servers.
                    Some(first) => {
                        Some(first).filter(|first| families.all(|other| other == *first))
                    }
                };
                let of_marks = family.unwrap_or(Family::V4);
                for entry in entries {
                    match *entry {
                        GroupEntry::Addresses { first, last, port } => {
                            self.claims.claim(protocol, (first, last), port, id);
                        }
                        GroupEntry::Fwmark { .. } => {
                            self.not_said_before(key_of(entry, protocol, of_marks), id);
                        }
                    }
                }
                let first = entries.iter().find(|entry| is_address(entry));
                let key = key_of(first.or(entries.first())?, protocol, of_marks);
                let every_port =
                    |entry: &GroupEntry| matches!(entry, GroupEntry::Addresses { port: 0, .. });
                let services: IndexSet<ServiceKey> = entries
                    .iter()
                    .flat_map(|entry| services_of(entry, protocol, of_marks))
                    .collect();
                Some(Identity {
                    around: Around {
                        port: only_port(&services),
                        ..around(family, 0)
                    },
                    id: PoolId::Group {
                        name: (*name).into(),
                        protocol: first.is_some().then_some(protocol),
                    },
                    key,
                    services: services.into_iter().collect(),
                    every_port: entries.iter().any(every_port),
                })
            }
        }
    }

    /// The family of a virtual server by mark: as it is said, or that of the real servers,
    /// of which those count first that cannot be of another.
    fn family_of_mark(
        &self,
        block: StatementId,
        words: &VirtualServerWords<'s>,
        real_servers: &[StatementId],
        method: ForwardingMethod,
    ) -> Family {
        let ast = self.ast;
        let value = |id: StatementId, word: &str| {
            let said = ast.block(id).filter(|id| ast.keyword(*id) == word).last();
            let value = said.and_then(|id| ast.words(id).get(1));
            value.map(|value| ast.text(*value))
        };
        if let Some(family) = said(words.ip_family) {
            return family;
        }
        if let Some(granularity) = value(block, "persistence_granularity") {
            return match granularity.contains('.') {
                true => Family::V4,
                false => Family::V6,
            };
        }
        let family = |id: &StatementId| {
            let address = ast.words(*id).get(1)?;
            let address = ast.text(*address).parse().ok()?;
            Some(Family::of(address))
        };
        let is_tunnel = |id: &StatementId| match value(*id, "lvs_method") {
            Some(method) => method.eq_ignore_ascii_case("TUN"),
            None => matches!(method, ForwardingMethod::Tunnel(_)),
        };
        let fixed = real_servers.iter().find(|id| !is_tunnel(id));
        if let Some(family) = fixed.and_then(family) {
            return family;
        }
        let mut families = real_servers.iter().filter_map(family);
        match families.next() {
            Some(first) if families.all(|other| other == first) => first,
            _ => Family::V4,
        }
    }

    fn protocol_of_mark(&mut self, protocol: Said<Protocol>) {
        let span = self.span(protocol.by);
        self.report(Code::NoEffect, "a mark is for all protocols")
            .at(span, "this has no effect, as with keepalived");
    }
}

fn is_address(entry: &GroupEntry) -> bool {
    matches!(entry, GroupEntry::Addresses { .. })
}

/// The virtual server that the first address of an entry is, or its mark.
fn key_of(entry: &GroupEntry, protocol: Protocol, of_marks: Family) -> ServiceKey {
    match *entry {
        GroupEntry::Addresses { first, port, .. } => ServiceKey::Address {
            protocol,
            address: first,
            port,
        },
        GroupEntry::Fwmark { mark, family } => ServiceKey::Fwmark {
            mark,
            family: family.unwrap_or(of_marks),
        },
    }
}

/// All virtual servers of the kernel that an entry is.
fn services_of(
    entry: &GroupEntry,
    protocol: Protocol,
    of_marks: Family,
) -> impl Iterator<Item = ServiceKey> {
    let key = key_of(entry, protocol, of_marks);
    let range = match *entry {
        GroupEntry::Addresses { first, last, .. } => number(first)..=number(last),
        GroupEntry::Fwmark { .. } => 0..=0,
    };
    range.map(move |at| match key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => ServiceKey::Address {
            protocol,
            address: with_number(address, at),
            port,
        },
        mark @ ServiceKey::Fwmark { .. } => mark,
    })
}

/// The port that all of these have.
fn only_port(services: &IndexSet<ServiceKey>) -> Option<u16> {
    let mut ports = services.iter().map(ServiceKey::port);
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}
