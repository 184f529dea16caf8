//! `vrrp_instance`: its words.

use std::time::Duration;

use super::announce::AnnounceWords;
use super::behaviour::BehaviourWords;
use super::delivery::DeliveryWords;
use super::hmac::HmacWords;
use super::notify::NotifyWords;
use super::tracking::TrackingWords;
use super::version::WrittenInterval;
use crate::config::diagnostic::Code;
use crate::config::keywords::VRRP_INSTANCE;
use crate::config::lower::routing::Owner;
use crate::config::lower::{Lower, Said};
use crate::config::model::route::Route;
use crate::config::model::rule::Rule;
use crate::config::model::{VirtualInterface, VrrpInstance};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::Authentication;
use crate::vrrp::types::{Priority, State, Version, Vrid};

/// The longest `preempt_delay` (keepalived.conf(5)).
const LONGEST_DELAY: Duration = Duration::from_secs(1000);

/// What an instance's block says.
#[derive(Default)]
pub(super) struct InstanceWords<'s> {
    pub(super) state: Option<Said<State>>,
    pub(super) interface: Option<Said<&'s str>>,
    pub(super) vrid: Option<Said<Vrid>>,
    pub(super) priority: Option<Said<Priority>>,
    pub(super) version: Option<Said<Version>>,
    pub(super) advert_interval: Option<Said<WrittenInterval>>,
    pub(super) preempt: Option<Said<bool>>,
    pub(super) preempt_delay: Option<Said<Duration>>,
    pub(super) delivery: DeliveryWords,
    pub(super) authentication: Option<Said<Authentication>>,
    pub(super) hmac: Option<Said<HmacWords>>,
    pub(super) behaviour: BehaviourWords,
    pub(super) announce: AnnounceWords,
    pub(super) smtp_alert: Option<Said<bool>>,
    pub(super) notify: NotifyWords,
    /// The blocks of addresses, which add up.
    pub(super) addresses: Vec<StatementId>,
    /// The blocks of those that are in no advert.
    pub(super) excluded: Vec<StatementId>,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
    pub(super) tracking: TrackingWords,
    /// `use_vmac` or `use_ipvlan`.
    pub(super) virtual_interface: Option<Said<VirtualInterface>>,
    pub(super) vrf: Option<StatementId>,
    /// `accept` or `no_accept`.
    pub(super) accept: Option<Said<bool>>,
    /// `vmac_xmit_base`.
    pub(super) on_base: Option<StatementId>,
    /// `use_vmac_addr`.
    pub(super) for_addresses: Option<StatementId>,
    /// `no_virtual_ipaddress`.
    pub(super) no_addresses: Option<Said<bool>>,
}

impl<'s> Lower<'_, 's> {
    pub(in crate::config::lower) fn vrrp_instance(&mut self, id: StatementId) {
        let ast = self.ast;
        let name = self.name(id, "instance", |named| &mut named.instances);
        if !self.has_block(id) {
            return;
        }
        let around_it = std::mem::take(&mut self.later);
        let mut words = InstanceWords::default();
        for id in ast.block(id) {
            self.instance_word(name, &mut words, id);
        }
        let later = std::mem::replace(&mut self.later, around_it);
        if let Some(instance) = self.settled(id, name, words) {
            let instance = VrrpInstance { later, ..instance };
            self.model.vrrp_instances.push(instance);
        }
    }

    fn instance_word(
        &mut self,
        name: Option<&str>,
        words: &mut InstanceWords<'s>,
        id: StatementId,
    ) {
        match self.ast.keyword(id) {
            "lvs_sync_daemon_interface" => self.instance_sync(id, name.unwrap_or_default()),
            "lvs_sync_daemon_inteface" => {
                self.older(id, "lvs_sync_daemon_interface");
                self.instance_sync(id, name.unwrap_or_default());
            }
            "state" => {
                let value = self.initial_state(id);
                self.say(&mut words.state, id, value);
            }
            "interface" => {
                let word = self.value(id, "the name of an interface");
                let value = word.and_then(|word| self.interface_name(word));
                if let Some(word) = word.filter(|_| value == Some("lo")) {
                    self.report(Code::Doubtful, "an instance on the loopback interface")
                        .at(word.span(), "no other director hears its adverts: all are master")
                        .help("name the one by which they reach each other; keepalived does not take `lo`");
                }
                self.say(&mut words.interface, id, value);
            }
            "virtual_router_id" => {
                let word = self.value(id, "a number");
                let number = word.and_then(|word| self.number(word, 1..=255));
                let value = number.and_then(|number| Vrid::new(number as u8));
                self.say(&mut words.vrid, id, value);
            }
            "priority" => {
                let word = self.value(id, "a number");
                let number = word.and_then(|word| self.number(word, 1..=255));
                let value = number.map(|number| Priority(number as u8));
                self.say(&mut words.priority, id, value);
            }
            "advert_int" => {
                let value = self.written_interval(id);
                self.say(&mut words.advert_interval, id, value);
            }
            "version" => {
                let value = self.vrrp_version(id);
                self.say(&mut words.version, id, value);
            }
            "nopreempt" | "preempt" => self.preempt(words, id),
            "preempt_delay" => {
                let word = self.value(id, "a time in seconds");
                let value =
                    word.and_then(|word| self.seconds(word, Duration::ZERO..=LONGEST_DELAY));
                self.say(&mut words.preempt_delay, id, value);
            }
            "authentication" => {
                let value = self.authentication(id);
                self.say(&mut words.authentication, id, value);
            }
            "auth_hmac" => {
                let value = self.auth_hmac(id);
                self.say(&mut words.hmac, id, value);
            }
            "virtual_ipaddress" => words.addresses.push(id),
            "virtual_ipaddress_excluded" => words.excluded.push(id),
            "no_virtual_ipaddress" => {
                let value = self.flag(id);
                self.say(&mut words.no_addresses, id, value);
            }
            "smtp_alert" => {
                let value = self.switch(id);
                self.say(&mut words.smtp_alert, id, value);
            }
            "virtual_routes" => {
                self.told_not_served(VRRP_INSTANCE, id);
                let routes = self.routes("vrrp_instance/virtual_routes", id, Owner::Instance);
                words.routes.extend(routes);
            }
            "virtual_rules" => {
                self.told_not_served(VRRP_INSTANCE, id);
                let rules = self.rules("vrrp_instance/virtual_rules", id, Owner::Instance);
                words.rules.extend(rules);
            }
            word @ ("use_vmac" | "use_ipvlan") => {
                self.told_not_served(VRRP_INSTANCE, id);
                let value = match word {
                    "use_vmac" => self.vmac(id),
                    _ => self.ipvlan(id),
                };
                self.say_virtual_interface(&mut words.virtual_interface, id, value);
            }
            word @ ("vmac_xmit_base" | "use_vmac_addr") => {
                match word {
                    "vmac_xmit_base" => words.on_base = Some(id),
                    _ => words.for_addresses = Some(id),
                }
                self.other(VRRP_INSTANCE, id);
            }
            "accept" | "no_accept" => self.acceptance(words, id),
            "vrf" => {
                self.other(VRRP_INSTANCE, id);
                words.vrf = words.vrf.or(Some(id));
            }
            "notify_master_rx_lower_pri" => self.notify_lower_priority(&mut words.notify, id),
            _ if self.tracking_word(VRRP_INSTANCE, &mut words.tracking, id)
                || self.notify_word(&mut words.notify, id)
                || self.delivery_word(&mut words.delivery, id)
                || self.behaviour_word(&mut words.behaviour, id)
                || self.instance_announce(&mut words.announce, id) => {}
            _ => self.other(VRRP_INSTANCE, id),
        }
    }

    /// `accept`, which is what holds without it, and `no_accept`.
    fn acceptance(&mut self, words: &mut InstanceWords<'_>, id: StatementId) {
        let value = self.ast.keyword(id) == "accept";
        match value {
            true => {
                self.flag(id);
            }
            false => self.other(VRRP_INSTANCE, id),
        }
        if let Some(earlier) = words.accept.filter(|earlier| earlier.value != value) {
            let (first, second) = (self.span(earlier.by), self.span(id));
            self.report(Code::Repeated, "`accept` and `no_accept` in one instance")
                .at(second, "this one counts")
                .related(first, "this one does not");
        }
        words.accept = Some(Said { value, by: id });
    }

    fn initial_state(&mut self, id: StatementId) -> Option<State> {
        let word = self.value(id, "`MASTER` or `BACKUP`")?;
        let choices = [("MASTER", State::Master), ("BACKUP", State::Backup)];
        self.choice(word, "a state to begin with", &choices)
    }

    /// `nopreempt`, and `preempt`, which takes it back. The later one counts.
    fn preempt(&mut self, words: &mut InstanceWords<'_>, id: StatementId) {
        let value = self.ast.keyword(id) == "preempt";
        if value {
            let extra = self.values(id);
            self.extra_words(id, extra);
        } else {
            self.flag(id);
        }
        match words.preempt {
            Some(earlier) if earlier.value != value => {
                let (first, second) = (self.span(earlier.by), self.span(id));
                self.report(Code::Repeated, "`preempt` and `nopreempt` in one instance")
                    .at(second, "this one counts")
                    .related(first, "this one does not");
                words.preempt = Some(Said { value, by: id });
            }
            _ => self.say(&mut words.preempt, id, Some(value)),
        }
    }
}
