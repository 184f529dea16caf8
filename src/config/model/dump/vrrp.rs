//! Instances and sync groups.

use std::fmt::{self, Display};

use super::address::AddressLine;
use super::{CommandLine, MASK, NOT_SHOWN, Quoted, Seconds, Switch, Text};
use crate::config::model::tracking::{Tracked, Tracking};
use crate::config::model::{Model, Notify, Script, VrrpGlobal, VrrpInstance, VrrpSyncGroup};
use crate::config::said::Sayer;
use crate::family::Family;
use crate::vrrp::settings::{
    Announcements, AntiReplay, Authentication, ChecksumForm, Delivery, Hmac, HmacMode,
    InstanceSettings, Pacing, Peer, VirtualAddress,
};
use crate::vrrp::types::Version;

impl Text<'_> {
    /// What `global_defs` says of VRRP, but for what each instance has in its own words.
    pub(super) fn vrrp_global(&mut self, global: &VrrpGlobal) {
        let VrrpGlobal {
            pacing,
            startup_delay,
            delay_after_boot,
            log_unknown_vrids,
        } = global;
        if !startup_delay.is_zero() {
            self.say("vrrp_startup_delay", Seconds(*startup_delay));
        }
        if !delay_after_boot.is_zero() {
            self.say("vrrp_delay_after_boot", Seconds(*delay_after_boot));
        }
        self.flag("log_unknown_vrids", *log_unknown_vrids);
        // keepalived refuses these two as 0, which is what it has without them.
        if !pacing.each.arp.is_zero() {
            self.say("vrrp_garp_interval", Seconds(pacing.each.arp));
        }
        if !pacing.each.na.is_zero() {
            self.say("vrrp_gna_interval", Seconds(pacing.each.na));
        }
    }

    pub(super) fn garp_groups(&mut self, pacing: &Pacing) {
        for (number, group) in pacing.groups.iter().enumerate() {
            let prefix = format!("garp_group{number}/");
            self.numbered_scope("garp_group", "garp_group", Sayer::Global, prefix, |text| {
                text.say("garp_interval", Seconds(group.pace.arp));
                text.say("gna_interval", Seconds(group.pace.na));
                text.block("interfaces", |text| {
                    for interface in &group.interfaces {
                        text.line(Quoted(interface));
                    }
                });
            });
        }
    }

    pub(super) fn vrrp_sync_group(&mut self, model: &Model, group: &VrrpSyncGroup) {
        let head = format!("vrrp_sync_group {}", Quoted(&group.settings.name));
        let sayer = Sayer::Block(group.origin);
        self.scope(head, "vrrp_sync_group", sayer, |text| {
            text.block("group", |text| {
                for member in &group.settings.members {
                    text.line(Quoted(member));
                }
            });
            text.tracking(&group.tracking);
            text.notify(model, &group.notify);
            text.say("smtp_alert", Switch(group.smtp_alert));
            text.later(&group.later);
        });
    }

    pub(super) fn vrrp_instance(&mut self, model: &Model, instance: &VrrpInstance) {
        let settings = &instance.settings;
        let head = format!("vrrp_instance {}", Quoted(&settings.name));
        let sayer = Sayer::Block(instance.origin);
        self.scope(head, "vrrp_instance", sayer, |text| {
            text.say("state", settings.initial_state);
            text.say("interface", Quoted(&settings.interface));
            text.say("virtual_router_id", settings.vrid);
            text.say("version", settings.version.number());
            text.delivery(settings);
            text.say("priority", settings.priority);
            text.say(
                "advert_int",
                Seconds(settings.advert_interval.as_duration()),
            );
            text.flag("preempt", settings.preempt);
            text.flag("nopreempt", !settings.preempt);
            if !settings.preempt_delay.is_zero() {
                text.say("preempt_delay", Seconds(settings.preempt_delay));
            }
            text.authentication(&settings.authentication);
            text.behaviour(settings);
            text.announcements(&settings.announcements);
            if let Some(interface) = &instance.virtual_interface {
                text.line(interface);
            }
            text.addresses(settings);
            text.routing("virtual_routes", &instance.routes);
            text.routing("virtual_rules", &instance.rules);
            text.tracking(&instance.tracking);
            text.notify(model, &instance.notify);
            text.say("smtp_alert", Switch(instance.smtp_alert));
            text.later(&instance.later);
        });
    }

    fn delivery(&mut self, settings: &InstanceSettings) {
        match &settings.delivery {
            Delivery::Multicast { group } => {
                self.say("mcast_dst_ip", group);
                self.some("mcast_src_ip", settings.source);
            }
            Delivery::Unicast(unicast) => {
                self.some("unicast_src_ip", settings.source);
                self.say("unicast_ttl", unicast.ttl);
                self.say("check_unicast_src", Switch(unicast.check_source));
                self.flag("unicast_fault_no_peer", unicast.peers.is_empty());
                self.block("unicast_peer", |text| {
                    for Peer { address, ttl } in &unicast.peers {
                        let (least, most) = (ttl.start(), ttl.end());
                        // A line that has a range switches `check_unicast_src` on.
                        match (*least, *most) {
                            (0, u8::MAX) => text.line(address),
                            _ => {
                                text.line(format_args!("{address} min_ttl {least} max_ttl {most}"))
                            }
                        }
                    }
                });
            }
        }
        let has_forms = settings.version == Version::V3 && settings.family == Family::V4;
        let message_only = settings.checksum == ChecksumForm::MessageOnly;
        if has_forms {
            self.say("v3_checksum_as_v2", Switch(message_only));
        }
        let old = settings.checksum == ChecksumForm::GroupInUnicast;
        self.flag("old_unicast_checksum", old);
        // Where nothing else says the family.
        let has_address = match &settings.delivery {
            Delivery::Multicast { .. } => true,
            Delivery::Unicast(unicast) => !unicast.peers.is_empty() || settings.source.is_some(),
        };
        let says_nothing = settings.advertised().next().is_none() && !has_address;
        self.flag("native_ipv6", says_nothing && settings.family == Family::V6);
    }

    fn authentication(&mut self, authentication: &Authentication) {
        match authentication {
            Authentication::None => {}
            Authentication::Pass(_) => self.password("PASS"),
            Authentication::Header(_) => self.password("AH"),
            Authentication::Hmac(hmac) => self.hmac(hmac),
        }
    }

    fn password(&mut self, kind: &str) {
        self.block("authentication", |text| {
            text.say("auth_type", kind);
            text.say("auth_pass", format_args!("{MASK}{NOT_SHOWN}"));
        });
    }

    fn hmac(&mut self, hmac: &Hmac) {
        self.block("auth_hmac", |text| {
            for number in hmac.keys.keys() {
                // As many as a key has at least, so that it reads as one.
                text.say(
                    "key",
                    format_args!("{number} {}{NOT_SHOWN}", MASK.repeat(4)),
                );
            }
            text.say("active_key", hmac.active_key);
            match hmac.anti_replay {
                AntiReplay::Time { window } => {
                    text.say("anti_replay", "time");
                    text.say("time_window", window.as_secs());
                }
                AntiReplay::Monotonic => text.say("anti_replay", "monotonic"),
            }
            let mode = match hmac.mode {
                HmacMode::Enforce => "enforce",
                HmacMode::Permissive => "permissive",
                HmacMode::ReceiveOnly => "receive-only",
            };
            text.say("mode", mode);
        });
    }

    fn behaviour(&mut self, settings: &InstanceSettings) {
        self.say("strict_mode", Switch(settings.strict));
        self.say("down_timer_adverts", settings.down_timer_adverts);
        let switches = [
            ("skip_check_adv_addr", settings.skip_check_adv_addr),
            ("lower_prio_no_advert", settings.lower_prio_no_advert),
            ("higher_prio_send_advert", settings.higher_prio_send_advert),
            ("owner_ignore_adverts", settings.owner_ignore_adverts),
        ];
        for (word, is_on) in switches {
            self.say(word, Switch(is_on));
        }
        self.some("timer_expired_backup", settings.timer_expired_backup);
    }

    fn announcements(&mut self, announcements: &Announcements) {
        let Announcements {
            delay,
            repeat,
            lower_prio_delay,
            lower_prio_repeat,
            refresh,
            refresh_repeat,
            extra_interfaces,
            extra_all,
        } = *announcements;
        self.say("garp_master_delay", Seconds(delay));
        self.say("garp_master_repeat", repeat);
        self.say("garp_lower_prio_delay", Seconds(lower_prio_delay));
        self.say("garp_lower_prio_repeat", lower_prio_repeat);
        self.say("garp_master_refresh", Seconds(refresh));
        self.say("garp_master_refresh_repeat", refresh_repeat);
        let all = if extra_all { "all " } else { "" };
        let every = Seconds(extra_interfaces);
        self.say("garp_extra_if", format_args!("{all}{every}"));
    }

    fn addresses(&mut self, settings: &InstanceSettings) {
        let count = settings.advertised().count();
        let (advertised, excluded) = settings.addresses.split_at(count);
        match advertised {
            [] => self.flag("no_virtual_ipaddress", true),
            _ => self.address_block("virtual_ipaddress", advertised),
        }
        if !excluded.is_empty() {
            self.address_block("virtual_ipaddress_excluded", excluded);
        }
    }

    fn address_block(&mut self, word: &str, addresses: &[VirtualAddress]) {
        self.block(word, |text| {
            for address in addresses {
                text.line(AddressLine(address));
            }
        });
    }

    /// Routes or rules, a line each.
    pub(super) fn routing(&mut self, word: &str, lines: &[impl Display]) {
        if !lines.is_empty() {
            self.block(word, |text| lines.iter().for_each(|line| text.line(line)));
        }
    }

    fn tracking(&mut self, tracking: &Tracking) {
        let Tracking {
            interfaces,
            scripts,
            files,
            processes,
            bfds,
        } = tracking;
        self.routing("track_interface", interfaces);
        self.routing("track_script", scripts);
        self.routing("track_file", files);
        self.routing("track_process", processes);
        self.routing("track_bfd", bfds);
    }

    fn notify(&mut self, model: &Model, notify: &Notify) {
        let script = |id| model.command(id);
        self.some("notify_master", script(notify.master));
        self.some("notify_backup", script(notify.backup));
        self.some("notify_fault", script(notify.fault));
        self.some("notify_stop", script(notify.stop));
        self.some(
            "notify_master_rx_lower_pri",
            script(notify.master_rx_lower_pri),
        );
        self.some("notify", script(notify.any));
    }
}

impl Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.name).fmt(f)?;
        if let Some(weight) = self.weight {
            write!(f, " weight {weight}")?;
        }
        f.write_str(match self.is_reversed {
            Some(true) => " reverse",
            Some(false) => " noreverse",
            None => "",
        })
    }
}

pub(in crate::config::model) struct CommandAndUser<'a>(pub(in crate::config::model) &'a Script);

impl Display for CommandAndUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", CommandLine(self.0))?;
        match &self.0.user {
            Some(user) => write!(f, " {user}"),
            None => Ok(()),
        }
    }
}
