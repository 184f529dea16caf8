//! The model as text: the configuration as it was understood, with every default
//! and everything inherited in its place. It reads as a configuration, and is one.

mod address;
mod balancing;
mod blocks;
mod ipvs;
mod routing;
mod text;
mod vrrp;

use std::fmt::{self, Display};
use std::time::Duration;

use super::{
    AutoPriority, Check, CheckSpec, CheckTarget, HttpUrl, Mail, Model, ProcessOptions, RealServer,
    Script, ScriptId, Setting, SettingValue, SmtpHost, UserSpec, VirtualServer, VirtualServerGroup,
};
use crate::config::said::{Said, Sayer};
use crate::lvs::{DestinationKey, PoolId, ServiceKey};
pub use blocks::address_line;
use text::Text;
pub(super) use vrrp::CommandAndUser;

/// What stands in the place of a password.
pub(super) const MASK: &str = "********";
/// What stands behind it, because the text means something else by it.
const NOT_SHOWN: &str = "  # not shown; put it in before this is used";

impl Model {
    /// The configuration as it was understood, but for passwords, which are masked.
    pub fn dump(&self) -> String {
        let mut text = Text::new(None);
        text.model(self);
        text.out
    }

    /// The same, in which everything is marked that the file does not say itself.
    pub fn dump_beside(&self, said: &Said) -> String {
        let mut text = Text::new(Some(said));
        HEADER.lines().for_each(|line| text.line(line));
        text.model(self);
        text.out
    }

    /// A script as the words for scripts take it.
    fn command(&self, id: Option<ScriptId>) -> Option<CommandAndUser<'_>> {
        self.scripts.get(id?.0 as usize).map(CommandAndUser)
    }
}

/// What a dump with marks begins with.
const HEADER: &str = "\
# The configuration as ipvsd understands it. What the file does not say itself has a
# mark: where it comes from, or that it is so by default.
";

impl Text<'_> {
    fn model(&mut self, model: &Model) {
        let global = &model.global;
        self.scope("global_defs", "global_defs", Sayer::Global, |text| {
            text.some("router_id", global.router_id.as_deref().map(Quoted));
            text.some("script_user", global.script_user.as_ref());
            text.flag("enable_script_security", global.enable_script_security);
            text.say("lvs_audit_interval", Seconds(global.audit_interval));
            text.say("notify_timeout", Seconds(global.notify_timeout));
            text.flag("rs_init_notifies", global.rs_init_notifies);
            text.mail(&global.mail);
            text.vrrp_global(&global.vrrp);
            text.ipvs(&global.ipvs);
            text.process("vrrp", &global.vrrp_process);
            text.process("checker", &global.checker_process);
            text.auto_priority(&global.auto_priority);
            text.later(&global.later);
        });
        self.later(&model.later);
        self.routing("static_ipaddress", &model.static_addresses);
        self.routing("static_routes", &model.static_routes);
        self.routing("static_rules", &model.static_rules);
        self.garp_groups(&global.vrrp.pacing);
        for group in &model.vrrp_sync_groups {
            self.vrrp_sync_group(model, group);
        }
        for instance in &model.vrrp_instances {
            self.vrrp_instance(model, instance);
        }
        for group in &model.virtual_server_groups {
            self.virtual_server_group(group);
        }
        for virtual_server in &model.virtual_servers {
            self.virtual_server(model, virtual_server);
        }
    }

    fn virtual_server_group(&mut self, group: &VirtualServerGroup) {
        let head = format!("virtual_server_group {}", Quoted(&group.name));
        self.block(head, |text| {
            group.entries.iter().for_each(|entry| text.line(entry));
        });
    }

    /// What nothing acts on yet.
    fn later(&mut self, settings: &[Setting]) {
        for setting in settings {
            let values = setting.values.iter().map(ToString::to_string);
            let word = Some(setting.word.clone()).filter(|word| !word.is_empty());
            let head: Vec<String> = word.into_iter().chain(values).collect();
            let is_secret = |value: &SettingValue| matches!(value, SettingValue::Secret(_));
            let mark = match setting.values.iter().any(is_secret) {
                true => NOT_SHOWN,
                false => "",
            };
            match &setting.block {
                Some(inside) => self.block(head.join(" "), |text| text.later(inside)),
                None => self.line(format_args!("{}{mark}", head.join(" "))),
            }
        }
    }

    fn mail(&mut self, mail: &Mail) {
        if !mail.recipients.is_empty() {
            self.block("notification_email", |text| {
                for recipient in &mail.recipients {
                    text.line(Quoted(recipient));
                }
            });
        }
        self.some("notification_email_from", mail.from.as_deref().map(Quoted));
        if let Some(server) = &mail.server {
            match &server.host {
                SmtpHost::Name(name) => {
                    self.say("smtp_server", format_args!("{name} {}", server.port));
                }
                SmtpHost::Address(address) => {
                    self.say("smtp_server", format_args!("{address} {}", server.port));
                }
            }
        }
        self.say("smtp_connect_timeout", Seconds(mail.timeout));
        self.some("smtp_helo_name", mail.helo_name.as_deref().map(Quoted));
        self.flag("no_email_faults", mail.no_faults);
    }

    /// How the process is run that the words about it begin with the name of.
    fn process(&mut self, name: &str, options: &ProcessOptions) {
        let ProcessOptions {
            nice,
            realtime,
            realtime_limit,
            no_swap,
            processors,
        } = options;
        self.some(&format!("{name}_priority"), *nice);
        self.some(&format!("{name}_rt_priority"), *realtime);
        let limit = realtime_limit.map(|limit| limit.as_micros());
        self.some(&format!("{name}_rlimit_rttime"), limit);
        self.flag(&format!("{name}_no_swap"), *no_swap);
        if !processors.is_empty() {
            let processors: Vec<_> = processors.iter().map(u16::to_string).collect();
            self.say(&format!("{name}_cpu_affinity"), processors.join(" "));
        }
    }

    fn auto_priority(&mut self, auto: &AutoPriority) {
        self.say("max_auto_priority", auto.most);
        self.say("min_auto_priority_delay", auto.from.as_micros());
    }

    /// A virtual server for its key, or for a group.
    fn virtual_server(&mut self, model: &Model, virtual_server: &VirtualServer) {
        let head = match &virtual_server.id {
            PoolId::Group { name, .. } => format!("virtual_server group {}", Quoted(name)),
            PoolId::Service(ServiceKey::Address { address, port, .. }) => {
                format!("virtual_server {address} {port}")
            }
            PoolId::Service(ServiceKey::Fwmark { mark, .. }) => {
                format!("virtual_server fwmark {mark}")
            }
        };
        let sayer = Sayer::Block(virtual_server.origin);
        self.scope(head, "virtual_server", sayer, |text| {
            if let Some(protocol) = virtual_server.id.protocol() {
                text.say("protocol", protocol.name().to_uppercase());
            }
            let mut services = virtual_server.services.iter();
            if services.any(|key| matches!(key, ServiceKey::Fwmark { .. }))
                && let Some(family) = virtual_server.family()
            {
                text.say("ip_family", family.word());
            }
            text.say("lvs_sched", virtual_server.scheduler.name());
            text.service_flags(virtual_server);
            text.persistence(virtual_server.persistence.as_ref());
            text.flag("alpha", virtual_server.alpha);
            text.say("quorum", virtual_server.quorum);
            text.say("hysteresis", virtual_server.hysteresis);
            text.some("quorum_up", model.command(virtual_server.quorum_up));
            text.some("quorum_down", model.command(virtual_server.quorum_down));
            text.flag("omega", virtual_server.omega);
            text.flag("ha_suspend", virtual_server.ha_suspend);
            text.say("smtp_alert", Switch(virtual_server.smtp_alert));
            if let Some(sorry) = &virtual_server.sorry_server {
                text.say("sorry_server", Place(sorry.key));
                text.say("sorry_server_lvs_method", sorry.method);
                text.flag("sorry_server_inhibit", sorry.inhibit);
            }
            text.later(&virtual_server.later);
            for server in &virtual_server.real_servers {
                text.real_server(model, server);
            }
        });
    }

    fn real_server(&mut self, model: &Model, server: &RealServer) {
        let head = format!("real_server {}", Place(server.key));
        let sayer = Sayer::Block(server.origin);
        self.scope(head, "real_server", sayer, |text| {
            text.say("weight", server.weight.0);
            text.say("lvs_method", server.method);
            text.thresholds(server);
            text.flag("inhibit_on_failure", server.inhibit_on_failure);
            text.say("drain_timeout", Seconds(server.drain_timeout));
            text.say("smtp_alert", Switch(server.smtp_alert));
            text.some("notify_up", model.command(server.notify_up));
            text.some("notify_down", model.command(server.notify_down));
            text.later(&server.later);
            for check in &server.checks {
                text.check(model, check);
            }
        });
    }

    fn check(&mut self, model: &Model, check: &Check) {
        let (keyword, sayer) = (check.spec.keyword(), Sayer::Block(check.origin));
        self.scope(keyword, keyword, sayer, |text| {
            let timing = &check.timing;
            match &check.spec {
                CheckSpec::Tcp(target) => text.target(target, timing.timeout),
                CheckSpec::Http(http) => {
                    text.target(&http.target, timing.timeout);
                    http.urls.iter().for_each(|url| text.url(url));
                }
                CheckSpec::Misc(misc) => {
                    let script = model.scripts.get(misc.script.0 as usize);
                    text.some("misc_path", script.map(CommandLine));
                    text.some("user", script.and_then(|script| script.user.as_ref()));
                    // An interval may be longer than a limit can be said, or be no whole
                    // number; 0 is the same.
                    let limit = match timing.timeout == timing.delay_loop {
                        true => 0,
                        false => timing.timeout.as_secs(),
                    };
                    text.say("misc_timeout", limit);
                    text.flag("misc_dynamic", misc.dynamic);
                }
            }
            text.say("delay_loop", Seconds(timing.delay_loop));
            text.say("retry", timing.retry);
            text.say("delay_before_retry", Seconds(timing.delay_before_retry));
            text.say("warmup", Seconds(timing.warmup));
            text.say("alpha", Switch(check.alpha));
            text.later(&check.later);
        });
    }

    fn target(&mut self, target: &CheckTarget, timeout: Duration) {
        self.say("connect_ip", target.address.ip());
        self.say("connect_port", target.address.port());
        self.say("connect_timeout", Seconds(timeout));
    }

    fn url(&mut self, url: &HttpUrl) {
        self.block("url", |text| {
            text.say("path", Quoted(&url.path));
            text.some("virtualhost", url.virtual_host.as_deref().map(Quoted));
            text.some("digest", url.digest.map(Hex));
            let codes = url
                .status_codes
                .0
                .iter()
                .map(|range| match range.start() == range.end() {
                    true => range.start().to_string(),
                    false => format!("{}-{}", range.start(), range.end()),
                });
            text.say("status_code", codes.collect::<Vec<_>>().join(" "));
            text.later(&url.later);
        });
    }
}

/// Address and port, apart from each other.
struct Place(DestinationKey);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.address, self.0.port)
    }
}

/// Seconds, with a fraction where there is one.
pub(super) struct Seconds(pub(super) Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_micros() {
            0 => write!(f, "{}", self.0.as_secs()),
            micros => {
                let fraction = format!("{micros:06}");
                write!(f, "{}.{}", self.0.as_secs(), fraction.trim_end_matches('0'))
            }
        }
    }
}

/// On or off.
struct Switch(bool);

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

/// A word that may have blanks. No word has quotes, and nothing is special between
/// them.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

struct Hex([u8; 16]);

impl Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A command line as `misc_path` takes it: read twice, with escapes each time.
struct CommandLine<'a>(&'a Script);

impl Display for CommandLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self
            .0
            .argv
            .iter()
            .map(|word| format!("'{}'", escaped(word).replace('\\', r"\\")))
            .collect();
        write!(f, "\"{}\"", words.join(" "))
    }
}

/// An argument as it stands between single quotes.
fn escaped(argument: &str) -> String {
    let mut escaped = String::new();
    for character in argument.chars() {
        match character {
            '\'' | '\\' => escaped.extend(['\\', character]),
            // No double quote: it would end the word around it.
            '"' => escaped.push_str(r"\042"),
            _ if character.is_ascii_control() => {
                escaped.push_str(&format!("\\{:03o}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

impl Display for UserSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{} {group}", self.user),
            None => f.write_str(&self.user),
        }
    }
}
