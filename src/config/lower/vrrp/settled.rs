//! What the words of an instance come to together, with everything inherited in its
//! place, and what they must not be together with those of other instances.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::instance::InstanceWords;
use crate::config::diagnostic::{Code, shown};
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::model::VrrpInstance;
use crate::config::syntax::StatementId;
use crate::family::Family;
use crate::vrrp::settings::{Announcements, Delivery, InstanceSettings};
use crate::vrrp::types::{Priority, State, Vrid};

/// Where adverts go to (RFC 3768 section 5.2.2).
const DESTINATION: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

impl<'s> Lower<'_, 's> {
    /// The instance that the words of a block make. None where something is wrong,
    /// which has been told.
    pub(super) fn settled(
        &mut self,
        block: StatementId,
        name: Option<&'s str>,
        mut words: InstanceWords<'s>,
    ) -> Option<VrrpInstance> {
        let help = "name the one that adverts go out from and come in by: `interface eth0`";
        let interface = self.required(block, "interface", words.interface, help);
        let help = "a number from 1 to 255, the same on all directors of the instance";
        let vrid = self.required(block, "virtual_router_id", words.vrid, help);
        let destination = said(words.destination)
            .or(self.vrrp_defaults.destination)
            .unwrap_or(DESTINATION);
        let priority = said(words.priority).unwrap_or(Priority::DEFAULT);
        let (preempt, preempt_delay) = self.preemption(&words, priority);
        let notify = self.notify(std::mem::take(&mut words.notify));
        if let (Some(name), Some(interface)) = (name, interface) {
            self.used(name, interface.value, true, interface.by);
        }
        let device = said(interface);
        let addresses = self.addresses(block, name, device, &words.addresses);
        let (name, interface, vrid) = (name?, interface?, vrid?);
        self.one_router(name, vrid, destination.into(), interface.value);
        let defaults = Announcements::default();
        let delay = said(words.garp_master_delay)
            .or(self.vrrp_defaults.garp_master_delay)
            .unwrap_or(defaults.delay);
        let repeat = said(words.garp_master_repeat)
            .or(self.vrrp_defaults.garp_master_repeat)
            .unwrap_or(defaults.repeat);
        Some(VrrpInstance {
            settings: InstanceSettings {
                delivery: Delivery::Multicast {
                    group: destination.into(),
                },
                initial_state: said(words.state).unwrap_or(State::Backup),
                priority,
                advert_interval: said(words.advert_interval).unwrap_or_default(),
                preempt,
                preempt_delay,
                authentication: said(words.authentication).unwrap_or_default(),
                addresses,
                announcements: Announcements {
                    delay,
                    repeat,
                    lower_prio_delay: delay,
                    lower_prio_repeat: repeat,
                    ..defaults
                },
                ..InstanceSettings::new(name, interface.value, vrid.value, Family::V4)
            },
            notify,
            smtp_alert: said(words.smtp_alert).unwrap_or_else(|| self.alert_defaults.vrrp()),
            origin: self.origin(block),
        })
    }

    /// Whether the instance takes over from a lower master, and how long it waits.
    fn preemption(&mut self, words: &InstanceWords<'_>, priority: Priority) -> (bool, Duration) {
        let as_master = words.state.filter(|state| state.value == State::Master);
        let mut nopreempt = words.preempt.filter(|preempt| !preempt.value);
        if let (Some(said), Some(state)) = (nopreempt, as_master) {
            let (span, state) = (self.span(said.by), self.span(state.by));
            self.report(
                Code::NoEffect,
                "`nopreempt` does not go together with `state MASTER`",
            )
            .at(
                span,
                "this has no effect: this director takes over from any of lower priority",
            )
            .related(state, "because of this")
            .help("write `state BACKUP`: alone, it becomes master all the same");
            nopreempt = None;
        } else if let Some(said) = nopreempt
            && priority == Priority::OWNER
        {
            let span = self.span(said.by);
            self.report(
                Code::NoEffect,
                "`nopreempt` does not go together with `priority 255`",
            )
            .at(
                span,
                "this has no effect: the owner of the addresses always takes over",
            )
            .help("write `priority 254`");
            nopreempt = None;
        }
        let mut delay = words.preempt_delay.filter(|delay| !delay.value.is_zero());
        let as_owner = words.priority.filter(|said| said.value == Priority::OWNER);
        let in_the_way = nopreempt.map(|said| (said.by, "nopreempt"));
        let in_the_way = in_the_way.or(as_master.map(|said| (said.by, "state MASTER")));
        let in_the_way = in_the_way.or(as_owner.map(|said| (said.by, "priority 255")));
        if let (Some(said), Some((by, word))) = (delay, in_the_way) {
            let (span, by) = (self.span(said.by), self.span(by));
            let help = match word {
                "nopreempt" => {
                    "remove one of the two: `preempt_delay` takes over later, `nopreempt` never"
                }
                "priority 255" => "write `priority 254`: the owner of the addresses never waits",
                _ => "write `state BACKUP`: alone, it becomes master all the same",
            };
            self.report(
                Code::NoEffect,
                format!("`preempt_delay` does not go together with `{word}`"),
            )
            .at(span, "this has no effect")
            .related(by, "because of this")
            .help(help);
            delay = None;
        }
        (nopreempt.is_none(), said(delay).unwrap_or_default())
    }

    /// An identifier belongs to one instance, where packets of several would meet.
    fn one_router(
        &mut self,
        name: &'s str,
        vrid: Said<Vrid>,
        destination: IpAddr,
        interface: &'s str,
    ) {
        let key = (vrid.value, destination, interface);
        let (other, first) = *self.named.routers.entry(key).or_insert((name, vrid.by));
        if first == vrid.by {
            return;
        }
        let (first, second) = (self.span(first), self.span(vrid.by));
        let message = format!(
            "`{}` and `{}` both have the virtual router id {} on {interface}",
            shown(other),
            shown(name),
            vrid.value
        );
        self.report(Code::Duplicate, message)
            .at(second, "the same again")
            .related(first, "first here")
            .help("each instance on an interface needs a number of its own, the same on all directors");
    }
}
