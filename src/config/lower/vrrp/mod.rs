//! `vrrp_instance`, `vrrp_sync_group`, and what `global_defs` says of them.

mod address;
mod announce;
mod authentication;
mod behaviour;
mod delivery;
mod garp_group;
mod globals;
mod group;
mod hmac;
mod instance;
mod notify;
mod options;
mod peer;
mod preemption;
mod secret;
mod settled;
mod tracking;
mod version;
mod virtual_interface;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::{Lower, Said};
use crate::config::diagnostic::{Code, Diagnostic, shown};
use crate::config::model::InterfaceUse;
use crate::config::syntax::{StatementId, Word};
use crate::vrrp::types::{Version, Vrid};
use announce::AnnounceWords;
use behaviour::BehaviourWords;
use delivery::DeliveryDefaults;

/// The longest name of an interface, and of an address's label, in bytes: IFNAMSIZ of
/// linux/if.h without the NUL.
const LONGEST_INTERFACE: usize = 15;

/// What `global_defs` says of instances that say nothing themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    version: Option<Version>,
    delivery: DeliveryDefaults,
    behaviour: BehaviourWords,
    announce: AnnounceWords,
}

/// What is known by a name, and what must not be there twice.
#[derive(Debug, Default)]
pub(super) struct Named<'s> {
    instances: HashMap<&'s str, StatementId>,
    groups: HashMap<&'s str, StatementId>,
    /// The group that an instance is in, and where that is said.
    members: HashMap<&'s str, (StatementId, Word)>,
    /// The instance that adverts with a VRID to an address on an interface are of: a
    /// group's, or a peer's.
    routers: HashMap<(Vrid, IpAddr, &'s str), (&'s str, StatementId)>,
    /// The latest instance, and the interfaces that it names.
    used: (&'s str, HashSet<String>),
    /// Where an instance first says the weight of something that it watches.
    weighted: HashMap<&'s str, StatementId>,
    /// The instance whose virtual interface has a name, and where that is said.
    virtual_interfaces: HashMap<String, StatementId>,
    /// Where an interface is put into a `garp_group`.
    paced: HashMap<&'s str, Word>,
    /// The instance that has an address on an interface, and where that is said.
    addresses: HashMap<(IpAddr, String), (&'s str, Word)>,
}

impl<'s> Lower<'_, 's> {
    /// The name of an interface as the kernel allows it. Whether it is there is for
    /// those to say who know the host.
    pub(super) fn interface_name(&mut self, word: Word) -> Option<&'s str> {
        let name = self.text(word);
        if let Some(undefined) = name.strip_prefix('$') {
            let span = word.span();
            let message = format!("`{}` is not defined", shown(undefined));
            self.report(Code::Doubtful, message)
                .at(span, "this is the name of the interface as it stands here");
        } else if name.ends_with([';', ',']) {
            let span = word.span();
            let message = format!("`{}` is the name of the interface", shown(name));
            self.report(Code::Doubtful, message)
                .at(span, "the sign at its end belongs to it")
                .help("statements end with their line");
        }
        if name.parse::<IpAddr>().is_ok() {
            self.invalid(word, "the name of an interface")
                .help("`ip address` shows which interface has an address");
            return None;
        }
        let is_name = |name: &str| {
            !matches!(name, "" | "." | "..")
                && !name
                    .bytes()
                    .any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b':'))
        };
        if name.len() > LONGEST_INTERFACE {
            let span = word.span();
            let message = format!("`{}` is too long for an interface", shown(name));
            self.report(Code::InvalidValue, message)
                .at(span, format!("at most {LONGEST_INTERFACE} bytes"));
            None
        } else if !is_name(name) {
            let diagnostic = self.invalid(word, "the name of an interface");
            if let Some((device, _)) = name.split_once(':').filter(|(name, _)| is_name(name)) {
                diagnostic
                    .help(format!(
                        "`{}` is a label, not an interface: the interface is `{device}`",
                        shown(name)
                    ))
                    .replace_with(device);
            }
            None
        } else {
            Some(name)
        }
    }

    /// Notes where an instance names an interface. Those of one instance come together.
    fn used(&mut self, instance: &'s str, interface: &str, is_own: bool, by: StatementId) {
        let (latest, interfaces) = &mut self.named.used;
        if *latest != instance {
            *latest = instance;
            interfaces.clear();
        }
        if interfaces.insert(interface.to_owned()) {
            let origin = self.origin(by);
            self.model.interfaces.push(InterfaceUse {
                interface: interface.to_owned(),
                instance: instance.to_owned(),
                is_own,
                origin,
            });
        }
    }

    /// The name of an instance or a group, and its block. A second one by the same name
    /// has been told, and is looked at all the same.
    fn name(
        &mut self,
        id: StatementId,
        what: &'static str,
        names: impl for<'n> FnOnce(&'n mut Named<'s>) -> &'n mut HashMap<&'s str, StatementId>,
    ) -> Option<&'s str> {
        let words = self.ast.words(id).get(1..).unwrap_or(&[]);
        let Some((word, extra)) = words.split_first() else {
            self.missing_value(id, "a name");
            return None;
        };
        self.extra_words(id, extra);
        let name = self.text(*word);
        let first = *names(&mut self.named).entry(name).or_insert(id);
        if first != id {
            let (first, second) = (self.span(first), self.span(id));
            let message = format!("the {what} `{}` is there twice", shown(name));
            self.report(Code::Duplicate, message)
                .at(second, "the same name again")
                .related(first, "first here");
            return None;
        }
        Some(name)
    }

    /// Whether there is an instance by this name.
    pub(super) fn is_instance(&self, name: &str) -> bool {
        self.named.instances.contains_key(name)
    }

    /// The names of all instances.
    pub(super) fn instances(&self) -> impl Iterator<Item = &'s str> {
        self.named.instances.keys().copied()
    }

    /// The sync group that an instance is in.
    pub(super) fn group_of(&self, instance: &str) -> Option<StatementId> {
        self.named.members.get(instance).map(|(group, _)| *group)
    }

    /// Whether blocks begin and end where they seem to, so that what is missing in one
    /// is not merely elsewhere.
    pub(super) fn is_whole(&self) -> bool {
        self.ast.unclosed().is_empty() && !self.misplaced
    }

    /// A setting that a block has to have and has not.
    fn required<T>(
        &mut self,
        block: StatementId,
        word: &'static str,
        said: Option<Said<T>>,
        help: &str,
    ) -> Option<Said<T>> {
        // What is there and wrong has been told.
        if said.is_none() && !self.mentions(block, word) && self.is_whole() {
            self.lacks(block, word).help(help);
        }
        said
    }

    /// Tells that a block has to have a word and has not.
    pub(super) fn lacks(&mut self, block: StatementId, word: &str) -> &mut Diagnostic {
        let span = self.span(block);
        let keyword = shown(self.ast.keyword(block));
        self.report(Code::MissingValue, format!("`{keyword}` needs `{word}`"))
            .at(span, format!("`{word}` is missing in this block"))
    }
}
