//! `use_vmac` and `use_ipvlan`: an interface that is made for an instance.

use std::net::IpAddr;

use super::delivery::Delivered;
use super::instance::InstanceWords;
use super::settled::Context;
use crate::config::diagnostic::Code;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::model::route::Network;
use crate::config::model::{IpvlanMode, Mac, VirtualInterface};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;
use crate::vrrp::settings::Delivery;

/// Names of groups that need no file of iproute2's.
const GROUPS: [(&str, u32); 1] = [("default", 0)];

impl Lower<'_, '_> {
    /// `use_vmac [[name] NAME] [MAC] [netlink_notify_msg] [group GROUP]`.
    pub(super) fn vmac(&mut self, id: StatementId) -> Option<VirtualInterface> {
        let (mut name, mut mac, mut group) = (None, None, None);
        let mut notify = false;
        let mut words = self.values(id).iter().copied();
        while let Some(word) = words.next() {
            match self.text(word) {
                "netlink_notify_msg" => notify = true,
                "name" => {
                    let word = self.option_value(word, &mut words)?;
                    self.second_name(&mut name, word)?;
                }
                "group" => {
                    let word = self.option_value(word, &mut words)?;
                    let what = "a group of interfaces";
                    group = Some(self.id(word, what, &GROUPS, 0..=u32::MAX)?);
                }
                text if text.contains(':') => mac = Some(self.mac(word)?),
                _ => self.second_name(&mut name, word)?,
            }
        }
        Some(VirtualInterface::Vmac {
            name,
            mac,
            notify,
            group,
        })
    }

    /// `use_ipvlan [[name] NAME] [ADDRESS[/LENGTH]] [bridge|private|vepa] [group GROUP]`.
    pub(super) fn ipvlan(&mut self, id: StatementId) -> Option<VirtualInterface> {
        let (mut name, mut address, mut group) = (None, None, None);
        let mut mode = IpvlanMode::default();
        let mut words = self.values(id).iter().copied();
        while let Some(word) = words.next() {
            match self.text(word) {
                "bridge" => mode = IpvlanMode::Bridge,
                "private" => mode = IpvlanMode::Private,
                "vepa" => mode = IpvlanMode::Vepa,
                "name" => {
                    let word = self.option_value(word, &mut words)?;
                    self.second_name(&mut name, word)?;
                }
                "group" => {
                    let word = self.option_value(word, &mut words)?;
                    let what = "a group of interfaces";
                    group = Some(self.id(word, what, &GROUPS, 0..=u32::MAX)?);
                }
                text if is_address(text) => {
                    let (own, length) = self.address_and_prefix(word)?;
                    address = Some(Network {
                        address: own,
                        length,
                    });
                }
                _ => self.second_name(&mut name, word)?,
            }
        }
        Some(VirtualInterface::Ipvlan {
            name,
            address,
            mode,
            group,
        })
    }

    /// A name, of which there is one.
    fn second_name(&mut self, name: &mut Option<String>, word: Word) -> Option<()> {
        let text = self.interface_name(word)?;
        if name.is_some() {
            self.invalid(word, "a word about a virtual interface")
                .help("it has a name already, which stands before this");
            return None;
        }
        *name = Some(text.to_owned());
        Some(())
    }

    /// Six octets, or five of which the VRID makes six.
    fn mac(&mut self, word: Word) -> Option<Mac> {
        let octets = self.text(word).split(':').map(|octet| {
            let is_octet = (1..=2).contains(&octet.len());
            let is_hex = octet.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_octet && is_hex).then(|| u8::from_str_radix(octet, 16).ok())?
        });
        let octets: Option<Vec<u8>> = octets.collect();
        let octets = octets.unwrap_or_default();
        let mac = match *octets.as_slice() {
            [a, b, c, d, e, f] => Mac::Whole([a, b, c, d, e, f]),
            [a, b, c, d, e] => Mac::WithVrid([a, b, c, d, e]),
            _ => {
                self.invalid(word, "a MAC").help(
                    "it is six octets, `02:00:5e:00:00:01`, or five: the sixth is then the VRID",
                );
                return None;
            }
        };
        if octets.first().is_some_and(|first| first & 1 == 1) {
            self.invalid(word, "a MAC that an interface can have")
                .help("the first octet is even, or it is the address of a group");
            return None;
        }
        Some(mac)
    }

    /// Of both words in one instance, the later one counts.
    pub(super) fn say_virtual_interface(
        &mut self,
        slot: &mut Option<Said<VirtualInterface>>,
        by: StatementId,
        value: Option<VirtualInterface>,
    ) {
        let Some(value) = value else { return };
        if let Some(earlier) = slot
            && self.ast.keyword(earlier.by) != self.ast.keyword(by)
        {
            let (first, second) = (self.span(earlier.by), self.span(by));
            self.report(
                Code::Repeated,
                "`use_vmac` and `use_ipvlan` in one instance",
            )
            .at(second, "this one counts")
            .related(first, "this one does not");
            *slot = None;
        }
        self.say(slot, by, Some(value));
    }

    /// What the words about a virtual interface come to.
    pub(super) fn virtual_interface(
        &mut self,
        words: &InstanceWords<'_>,
        context: &Context,
        delivered: &Delivered,
    ) -> Option<VirtualInterface> {
        if let (Some(vrf), Some(interface)) = (words.vrf, words.interface) {
            let (vrf, interface) = (self.span(vrf), self.span(interface.by));
            self.report(
                Code::NoEffect,
                "`vrf` does not go together with `interface`",
            )
            .at(
                vrf,
                "this has no effect: an interface is in the VRF that it is in",
            )
            .related(interface, "because of this")
            .help("remove it");
        }
        let is_vmac = words
            .virtual_interface
            .as_ref()
            .is_some_and(|said| matches!(said.value, VirtualInterface::Vmac { .. }));
        if let Some(by) = words
            .on_base
            .filter(|_| !is_vmac && words.for_addresses.is_none())
        {
            let span = self.span(by);
            self.report(Code::NoEffect, "`vmac_xmit_base` without `use_vmac`")
                .at(span, "this has no effect: there is no other interface");
        }
        let Said { value, by } = words.virtual_interface.clone()?;
        let span = self.span(by);
        let value = self.sole_name(value, by, said(words.interface));
        match &value {
            VirtualInterface::Vmac { .. } => {
                let is_unicast = matches!(delivered.delivery, Delivery::Unicast(_));
                if is_unicast && words.on_base.is_none() {
                    self.report(
                        Code::DefaultAssumed,
                        "unicast with `use_vmac` needs `vmac_xmit_base`",
                    )
                    .at(span, "it is switched on, as by keepalived")
                    .help("add `vmac_xmit_base`");
                }
            }
            VirtualInterface::Ipvlan { address, .. } => {
                if let Some(other) = address.filter(|it| Family::of(it.address) != context.family) {
                    let (own, other) = match other.address {
                        IpAddr::V4(_) => ("IPv6", "IPv4"),
                        IpAddr::V6(_) => ("IPv4", "IPv6"),
                    };
                    let message = format!(
                        "an {other} address for the adverts of an instance of {own} addresses"
                    );
                    self.report(Code::FamilyMismatch, message)
                        .at(span, format!("an {own} address belongs here"));
                    return None;
                }
                let has_source = address.is_some() || delivered.source.is_some();
                if !has_source && context.family == Family::V4 {
                    self.report(Code::Doubtful, "`use_ipvlan` without an address")
                        .at(span, "the instance stays in FAULT, as with keepalived")
                        .help("adverts over IPv4 come from an address of the interface's own: `use_ipvlan NAME ADDRESS/LENGTH`");
                }
            }
        }
        Some(value)
    }

    /// The virtual interface without a name that another interface has.
    fn sole_name(
        &mut self,
        mut interface: VirtualInterface,
        by: StatementId,
        own: Option<&str>,
    ) -> VirtualInterface {
        let (VirtualInterface::Vmac { name, .. } | VirtualInterface::Ipvlan { name, .. }) =
            &mut interface;
        let Some(text) = name.clone() else {
            return interface;
        };
        let span = self.span(by);
        if own == Some(&text) {
            self.report(
                Code::ValueAdjusted,
                "an interface cannot be made on top of itself",
            )
            .at(span, "the name is made from the VRID, as by keepalived")
            .help("name one that is not there yet, or none");
            *name = None;
            return interface;
        }
        let first = *self
            .named
            .virtual_interfaces
            .entry(text.clone())
            .or_insert(by);
        if first != by {
            let first = self.span(first);
            let message = format!("`{text}` is the virtual interface of another instance");
            self.report(Code::ValueAdjusted, message)
                .at(span, "the name is made from the VRID, as by keepalived")
                .related(first, "first here")
                .help("each instance has a virtual interface of its own");
            *name = None;
        }
        interface
    }
}

fn is_address(text: &str) -> bool {
    let address = text.split('/').next().unwrap_or(text);
    address.parse::<IpAddr>().is_ok()
}
