//! `vrrp_instance`: its words.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::notify::NotifyWords;
use crate::config::diagnostic::Code;
use crate::config::keywords::VRRP_INSTANCE;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::Authentication;
use crate::vrrp::types::{AdvertInterval, Priority, State, Vrid};

/// The limits of `advert_int` (keepalived.conf(5), and the octet of RFC 3768
/// section 5.3.7).
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(255);
/// The longest `preempt_delay` (keepalived.conf(5)).
const LONGEST_DELAY: Duration = Duration::from_secs(1000);

/// What an instance's block says.
#[derive(Default)]
pub(super) struct InstanceWords<'s> {
    pub(super) state: Option<Said<State>>,
    pub(super) interface: Option<Said<&'s str>>,
    pub(super) vrid: Option<Said<Vrid>>,
    pub(super) priority: Option<Said<Priority>>,
    pub(super) advert_interval: Option<Said<AdvertInterval>>,
    pub(super) preempt: Option<Said<bool>>,
    pub(super) preempt_delay: Option<Said<Duration>>,
    pub(super) destination: Option<Said<Ipv4Addr>>,
    pub(super) authentication: Option<Said<Authentication>>,
    pub(super) garp_master_delay: Option<Said<Duration>>,
    pub(super) garp_master_repeat: Option<Said<u32>>,
    pub(super) smtp_alert: Option<Said<bool>>,
    pub(super) notify: NotifyWords,
    /// The blocks of addresses, which add up.
    pub(super) addresses: Vec<StatementId>,
}

impl<'s> Lower<'_, 's> {
    pub(in crate::config::lower) fn vrrp_instance(&mut self, id: StatementId) {
        let ast = self.ast;
        let name = self.name(id, "instance", |named| &mut named.instances);
        if !self.has_block(id) {
            return;
        }
        let mut words = InstanceWords::default();
        for id in ast.block(id) {
            self.instance_word(&mut words, id);
        }
        if let Some(instance) = self.settled(id, name, words) {
            self.model.vrrp_instances.push(instance);
        }
    }

    fn instance_word(&mut self, words: &mut InstanceWords<'s>, id: StatementId) {
        match self.ast.keyword(id) {
            "state" => {
                let value = self.initial_state(id);
                self.say(&mut words.state, id, value);
            }
            "interface" => {
                let word = self.value(id, "the name of an interface");
                let value = word.and_then(|word| self.interface_name(word));
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
                let value = self.advert_interval(id);
                self.say(&mut words.advert_interval, id, value);
            }
            "version" => self.vrrp_version(id),
            "nopreempt" | "preempt" => self.preempt(words, id),
            "preempt_delay" => {
                let word = self.value(id, "a time in seconds");
                let value =
                    word.and_then(|word| self.seconds(word, Duration::ZERO..=LONGEST_DELAY));
                self.say(&mut words.preempt_delay, id, value);
            }
            "mcast_dst_ip" => {
                let value = self.multicast_group(id);
                self.say(&mut words.destination, id, value);
            }
            "authentication" => {
                let value = self.authentication(id);
                self.say(&mut words.authentication, id, value);
            }
            "virtual_ipaddress" => words.addresses.push(id),
            "garp_master_delay" => {
                let value = self.announcement_delay(id);
                self.say(&mut words.garp_master_delay, id, value);
            }
            "garp_master_repeat" => {
                let value = self.announcement_repeat(id);
                self.say(&mut words.garp_master_repeat, id, value);
            }
            "smtp_alert" => {
                let value = self.switch(id);
                self.say(&mut words.smtp_alert, id, value);
            }
            _ if self.notify_word(&mut words.notify, id) => {}
            _ => self.other(VRRP_INSTANCE, id),
        }
    }

    fn initial_state(&mut self, id: StatementId) -> Option<State> {
        let word = self.value(id, "`MASTER` or `BACKUP`")?;
        let choices = [("MASTER", State::Master), ("BACKUP", State::Backup)];
        self.choice(word, "a state to begin with", &choices)
    }

    /// `advert_int SECONDS`: a whole number of them with version 2.
    fn advert_interval(&mut self, id: StatementId) -> Option<AdvertInterval> {
        let word = self.value(id, "a time in seconds")?;
        let time = self.seconds(word, SHORTEST_INTERVAL..=LONGEST_INTERVAL)?;
        let rounded = (time.as_millis() + 500) / 1000;
        let seconds = u8::try_from(rounded.max(1)).unwrap_or(u8::MAX);
        if Duration::from_secs(seconds.into()) != time {
            let span = word.span();
            self.report(
                Code::ValueAdjusted,
                "version 2 of VRRP counts whole seconds between adverts",
            )
            .at(span, format!("{seconds} s is used"))
            .help("all directors of an instance have to have the same `advert_int`");
        }
        AdvertInterval::from_seconds(seconds)
    }

    /// `nopreempt`, and `preempt`, which takes it back. The later one counts.
    fn preempt(&mut self, words: &mut InstanceWords<'_>, id: StatementId) {
        let extra = self.values(id);
        self.extra_words(id, extra);
        let value = self.ast.keyword(id) == "preempt";
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
