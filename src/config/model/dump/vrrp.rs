//! Instances and sync groups.

use std::fmt::{self, Display};

use super::{CommandLine, Quoted, Seconds, Switch, Text};
use crate::config::model::{Model, Notify, Script, ScriptId, VrrpInstance, VrrpSyncGroup};
use crate::vrrp::settings::{Authentication, VirtualAddress};

/// What stands in the place of a password.
const MASK: &str = "********";

impl Text {
    pub(super) fn vrrp_sync_group(&mut self, model: &Model, group: &VrrpSyncGroup) {
        let head = format!("vrrp_sync_group {}", Quoted(&group.settings.name));
        self.block(head, |text| {
            text.block("group", |text| {
                for member in &group.settings.members {
                    text.line(Quoted(member));
                }
            });
            text.notify(model, &group.notify);
            text.say("smtp_alert", Switch(group.smtp_alert));
        });
    }

    pub(super) fn vrrp_instance(&mut self, model: &Model, instance: &VrrpInstance) {
        let settings = &instance.settings;
        let head = format!("vrrp_instance {}", Quoted(&settings.name));
        self.block(head, |text| {
            text.say("state", settings.initial_state);
            text.say("interface", Quoted(&settings.interface));
            text.say("virtual_router_id", settings.vrid);
            text.say("version", settings.version.number());
            if let Some(group) = settings.group() {
                text.say("mcast_dst_ip", group);
            }
            text.say("priority", settings.priority);
            text.say(
                "advert_int",
                Seconds(settings.advert_interval.as_duration()),
            );
            text.flag("nopreempt", !settings.preempt);
            if !settings.preempt_delay.is_zero() {
                text.say("preempt_delay", Seconds(settings.preempt_delay));
            }
            if let Authentication::Pass(_) = settings.authentication {
                text.block("authentication", |text| {
                    text.line("auth_type PASS");
                    text.say("auth_pass", MASK);
                });
            }
            text.say("garp_master_delay", Seconds(settings.announcements.delay));
            text.say("garp_master_repeat", settings.announcements.repeat);
            text.block("virtual_ipaddress", |text| {
                for address in &settings.addresses {
                    text.line(Line(address));
                }
            });
            text.notify(model, &instance.notify);
            text.say("smtp_alert", Switch(instance.smtp_alert));
        });
    }

    fn notify(&mut self, model: &Model, notify: &Notify) {
        let script = |id: Option<ScriptId>| {
            let script = model.scripts.get(id?.0 as usize)?;
            Some(CommandAndUser(script))
        };
        self.some("notify_master", script(notify.master));
        self.some("notify_backup", script(notify.backup));
        self.some("notify_fault", script(notify.fault));
        self.some("notify_stop", script(notify.stop));
        self.some("notify", script(notify.any));
    }
}

/// A virtual address with its options.
struct Line<'a>(&'a VirtualAddress);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VirtualAddress {
            address,
            prefix,
            interface,
            broadcast,
            scope,
            label,
        } = self.0;
        write!(f, "{address}/{prefix}")?;
        if let Some(broadcast) = broadcast {
            write!(f, " brd {broadcast}")?;
        }
        write!(f, " dev {}", Quoted(interface))?;
        if *scope != 0 {
            write!(f, " scope {scope}")?;
        }
        match label {
            Some(label) => write!(f, " label {}", Quoted(label)),
            None => Ok(()),
        }
    }
}

struct CommandAndUser<'a>(&'a Script);

impl Display for CommandAndUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", CommandLine(self.0))?;
        match &self.0.user {
            Some(user) => write!(f, " {user}"),
            None => Ok(()),
        }
    }
}
