//! `vrrp_instance`, `vrrp_sync_group`, and what `global_defs` says of them.

mod address;
mod authentication;
mod group;
mod instance;
mod notify;
mod options;
mod settled;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Lower, Said};
use crate::config::diagnostic::{Code, shown};
use crate::config::model::InterfaceUse;
use crate::config::syntax::{StatementId, Word};
use crate::vrrp::types::Vrid;

/// The longest name of an interface, and of an address's label, in bytes: IFNAMSIZ of
/// linux/if.h without the NUL.
const LONGEST_INTERFACE: usize = 15;
/// The time between rounds of gratuitous ARP, in seconds, as keepalived takes it.
const ANNOUNCEMENT_DELAY: std::ops::RangeInclusive<u32> = 0..=4_294;
/// The frames of a round for one address. More would keep the link from everything else.
const MOST_ANNOUNCEMENTS: u32 = 1_000;

/// What `global_defs` says of instances that say nothing themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    destination: Option<Ipv4Addr>,
    garp_master_delay: Option<Duration>,
    garp_master_repeat: Option<u32>,
}

/// What is known by a name, and what must not be there twice.
#[derive(Debug, Default)]
pub(super) struct Named<'s> {
    instances: HashMap<&'s str, StatementId>,
    groups: HashMap<&'s str, StatementId>,
    /// The group that an instance is in, and where that is said.
    members: HashMap<&'s str, (StatementId, Word)>,
    routers: HashMap<(Vrid, IpAddr, &'s str), (&'s str, StatementId)>,
    /// The instance that has an address on an interface, and where that is said.
    addresses: HashMap<(IpAddr, String), (&'s str, Word)>,
}

impl<'s> Lower<'_, 's> {
    /// Whether this is a word about VRRP.
    pub(super) fn global_vrrp(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vrrp_version" => {
                self.said_once("vrrp_version", id);
                self.vrrp_version(id);
            }
            "vrrp_mcast_group4" => {
                self.said_once("vrrp_mcast_group4", id);
                if let Some(group) = self.multicast_group(id) {
                    self.vrrp_defaults.destination = Some(group);
                }
            }
            "vrrp_garp_master_delay" => {
                self.said_once("vrrp_garp_master_delay", id);
                if let Some(delay) = self.announcement_delay(id) {
                    self.vrrp_defaults.garp_master_delay = Some(delay);
                }
            }
            "vrrp_garp_master_repeat" => {
                self.said_once("vrrp_garp_master_repeat", id);
                if let Some(repeat) = self.announcement_repeat(id) {
                    self.vrrp_defaults.garp_master_repeat = Some(repeat);
                }
            }
            _ => return false,
        }
        true
    }

    /// `version 2`; 3 is to come.
    fn vrrp_version(&mut self, id: StatementId) {
        let Some(word) = self.value(id, "a number") else {
            return;
        };
        if self.number(word, 2..=3) == Some(3) {
            let span = word.span();
            self.report(Code::ValueNotServed, "version 3 of VRRP is not served yet")
                .at(span, "version 2 is served")
                .help("all directors of an instance have to speak the same version");
        }
    }

    /// Where adverts go to instead of 224.0.0.18.
    fn multicast_group(&mut self, id: StatementId) -> Option<Ipv4Addr> {
        let word = self.value(id, "a multicast address")?;
        match self.address(word)? {
            IpAddr::V4(address) if address.is_multicast() => Some(address),
            IpAddr::V6(address) if address.is_multicast() => {
                let span = word.span();
                self.report(Code::ValueNotServed, "adverts over IPv6 are not served yet")
                    .at(span, "an IPv4 address is served");
                None
            }
            _ => {
                self.invalid(word, "an IPv4 multicast address")
                    .help("these are 224.0.0.0 to 239.255.255.255");
                None
            }
        }
    }

    /// `garp_master_delay SECONDS`, where 0 is no second round.
    fn announcement_delay(&mut self, id: StatementId) -> Option<Duration> {
        let word = self.value(id, "a number of seconds")?;
        let seconds = self.number(word, ANNOUNCEMENT_DELAY)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// `garp_master_repeat NUMBER`.
    fn announcement_repeat(&mut self, id: StatementId) -> Option<u32> {
        let word = self.value(id, "a number")?;
        if self.text(word) != "0" {
            return self.number(word, 1..=MOST_ANNOUNCEMENTS);
        }
        let span = word.span();
        self.report(
            Code::ValueAdjusted,
            "a master has to announce its addresses",
        )
        .at(span, "1 is used, as by keepalived");
        Some(1)
    }

    /// The name of an interface as the kernel allows it. Whether it is there is for
    /// those to say who know the host.
    fn interface_name(&mut self, word: Word) -> Option<&'s str> {
        if self.is_substituted(word) {
            return None;
        }
        let name = self.text(word);
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

    /// Notes where an instance names an interface.
    fn used(&mut self, instance: &str, interface: &str, is_own: bool, by: StatementId) {
        let origin = self.origin(by);
        let uses = &mut self.model.interfaces;
        // Those of one instance come together.
        let mut known = uses
            .iter()
            .rev()
            .take_while(|used| used.instance == instance);
        if !known.any(|used| used.interface == interface) {
            uses.push(InterfaceUse {
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
        if self.is_substituted(*word) {
            return None;
        }
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

    /// Whether a block says something, be it right or wrong.
    fn mentions(&self, block: StatementId, word: &str) -> bool {
        let mut statements = self.ast.block(block);
        statements.any(|id| self.ast.keyword(id) == word)
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
            let span = self.span(block);
            let keyword = shown(self.ast.keyword(block));
            self.report(Code::MissingValue, format!("`{keyword}` needs `{word}`"))
                .at(span, format!("`{word}` is missing in this block"))
                .help(help);
        }
        said
    }
}
