//! Instances, groups and what they track.

use super::super::facts::{address, route_or_rule, switch};
use super::Reader;

/// `LABEL = VALUE` of an instance, and the word that says it.
const INSTANCE: &[(&str, &str)] = &[
    ("VRRP Version", "version"),
    ("Wantstate", "state"),
    ("Gratuitous ARP delay", "garp_master_delay"),
    ("Gratuitous ARP repeat", "garp_master_repeat"),
    ("Gratuitous ARP refresh", "garp_master_refresh"),
    (
        "Gratuitous ARP refresh repeat",
        "garp_master_refresh_repeat",
    ),
    (
        "Gratuitous ARP lower priority delay",
        "garp_lower_prio_delay",
    ),
    (
        "Gratuitous ARP lower priority repeat",
        "garp_lower_prio_repeat",
    ),
    ("Down timer adverts", "down_timer_adverts"),
    ("Virtual Router ID", "virtual_router_id"),
    ("Priority", "priority"),
    ("Debug level", "debug"),
    ("Kernel rx buffer size", "kernel_rx_buf_size"),
    ("Unicast TTL", "unicast_ttl"),
];

/// The same of a script that is tracked.
const SCRIPT: &[(&str, &str)] = &[
    ("Interval", "interval"),
    ("Timeout", "timeout"),
    ("Weight", "weight"),
    ("Rise", "rise"),
    ("Fall", "fall"),
    ("File", "file"),
    ("Process", "process"),
    ("Min processes", "quorum"),
    ("Max processes", "quorum_max"),
    ("Parameters", "parameters"),
    ("Terminate delay", "terminate_delay"),
    ("Fork delay", "fork_delay"),
];

/// Blocks of an instance or a group.
const LISTS: &[(&str, &str)] = &[
    ("Virtual IP", "virtual_ipaddress"),
    ("Virtual IP Excluded", "virtual_ipaddress_excluded"),
    ("Unicast Peer", "unicast_peer"),
    ("Tracked interfaces", "track_interface"),
    ("Tracked scripts", "track_script"),
    ("Tracked files", "track_file"),
    ("Tracked processes", "track_process"),
    ("Tracked BFDs", "track_bfd"),
    ("Virtual Routes", "virtual_routes"),
    ("Virtual Rules", "virtual_rules"),
    ("VRRP member instances", "group"),
];

impl Reader {
    pub(super) fn vrrp(&mut self, line: &str, text: &str) {
        let indent = line.len() - line.trim_start().len();
        if let Some((list, least)) = self.list {
            if indent >= least {
                return self.item(list, text);
            }
            self.list = None;
        }
        for (kind, word) in [
            ("VRRP Instance = ", "vrrp_instance"),
            ("VRRP Sync Group = ", "vrrp_sync_group"),
        ] {
            if let Some(name) = text.strip_prefix(kind) {
                let name = name.split(',').next().unwrap_or(name);
                self.thing = format!("{word} {name}");
                self.facts.there(&self.thing);
                return;
            }
        }
        let list = LISTS.iter().find(|(label, _)| {
            text.strip_suffix(':').is_some_and(|head| {
                let head = head.trim_end();
                let head = head.split(" (").next().unwrap_or(head);
                head == *label
            })
        });
        if let Some((_, word)) = list {
            self.list = Some((word, indent + 1));
            return;
        }
        if let Some(group) = text.strip_prefix("Multicast address ") {
            let group = group.split(',').next().unwrap_or(group);
            return self.say("mcast_dst_ip", group);
        }
        if let Some(name) = text.strip_prefix("Use VMAC, i/f name ") {
            let name = name.split(',').next().unwrap_or(name);
            return self.say("use_vmac", name);
        }
        match text {
            "VRRP interface tracking disabled" => return self.say("dont_track_primary", "on"),
            "Skip checking advert IP addresses" => return self.say("skip_check_adv_addr", "on"),
            _ => {}
        }
        if let Some((label, value)) = text.split_once(" : ").or(text.split_once(" = ")) {
            self.instance(label, value);
        }
    }

    fn instance(&mut self, label: &str, value: &str) {
        if let Some((_, word)) = INSTANCE.iter().find(|(known, _)| *known == label) {
            return self.say(word, value);
        }
        if self.script(label, value) {
            return;
        }
        let is_on = matches!(value, "enabled" | "yes" | "true" | "Deleted");
        match label {
            "Interface" => {
                let base = value.split_once(" on ").map(|(_, base)| base);
                let base = base.unwrap_or(value).split(',').next().unwrap_or(value);
                self.base = base.to_owned();
                self.say("interface", base);
            }
            "Using src_ip" => {
                if let Some(address) = value.strip_suffix(" (from configuration)") {
                    self.say("source", address);
                }
            }
            "Advert interval" => {
                let milliseconds = value.strip_suffix(" milli-sec");
                let seconds = match milliseconds.and_then(|number| number.parse::<u32>().ok()) {
                    Some(number) => format!("{}.{:03}", number / 1000, number % 1000),
                    None => value.trim_end_matches(" sec").to_owned(),
                };
                self.say("advert_int", &seconds);
            }
            "Send advert after receive lower priority advert" => {
                self.say("lower_prio_no_advert", switch(!is_on));
            }
            "Send advert after receive higher priority advert" => {
                self.say("higher_prio_send_advert", switch(is_on));
            }
            "Accept" => self.say("no_accept", switch(!is_on)),
            "Preempt" => self.say("nopreempt", switch(!is_on)),
            "Preempt delay" => self.say("preempt_delay", value.trim_end_matches(" secs")),
            "Promote_secondaries" => self.say("promote_secondaries", switch(is_on)),
            "Authentication type" => {
                let name = match value {
                    "SIMPLE_PASSWORD" => "PASS",
                    "IPSEC_AH" => "AH",
                    other => other,
                };
                self.say("auth_type", name);
            }
            "Check unicast src" => self.say("check_unicast_src", switch(is_on)),
            "Using smtp notification" => self.say("smtp_alert", switch(is_on)),
            "Notify deleted" => self.say("notify_deleted", switch(is_on)),
            "Notify priority changes" => self.say("notify_priority_changes", switch(is_on)),
            _ => {}
        }
    }

    fn item(&mut self, list: &'static str, text: &str) {
        let (name, rest) = match list {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                let (name, rest) = address(text);
                (name, self.on_base(&rest))
            }
            "virtual_routes" => (route_or_rule(text), String::new()),
            "virtual_rules" => (route_or_rule(text), String::new()),
            _ => {
                let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
                let name = name.trim_end_matches([',', ':']);
                (
                    name.to_owned(),
                    rest.trim_start_matches("weight ").to_owned(),
                )
            }
        };
        self.say(&format!("{list} {name}"), &rest);
    }

    /// With the instance's interface in the place of a virtual one that is on it.
    fn on_base(&self, options: &str) -> String {
        let is_real = |name: &str| {
            let stem = name.trim_end_matches(|end: char| end.is_ascii_digit() || end == '.');
            ["eth", "ens", "bond", "br"].contains(&stem)
        };
        let mut words: Vec<&str> = options.split(' ').collect();
        for index in 1..words.len() {
            if words[index - 1] == "dev" && !is_real(words[index]) {
                words[index] = &self.base;
            }
        }
        words.join(" ")
    }

    /// Addresses, routes and rules that no instance moves.
    pub(super) fn fixed(&mut self, text: &str) {
        // What the kernel made of it is in brackets.
        let text = text.trim_end_matches(" set");
        let text = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or(rest, |(_, rest)| rest),
            None => text,
        };
        let text = text.split('[').next().unwrap_or(text).trim();
        let (word, said) = match self.section.as_str() {
            "Static Addresses" => {
                let (name, rest) = address(text);
                ("static_ipaddress", format!("{name} {rest}"))
            }
            "Static Routes" => ("static_routes", route_or_rule(text)),
            _ => ("static_rules", route_or_rule(text)),
        };
        self.thing = "static".to_owned();
        self.say(&format!("{word} {said}"), "");
    }

    pub(super) fn tracked(&mut self, text: &str) {
        let Some((label, value)) = text.split_once(" = ") else {
            return;
        };
        let kinds = [
            ("VRRP Script", "vrrp_script"),
            ("Track file", "track_file"),
            ("VRRP Track process", "vrrp_track_process"),
        ];
        if let Some((_, word)) = kinds.iter().find(|(known, _)| *known == label) {
            self.thing = format!("{word} {value}");
            self.facts.there(&self.thing);
        } else if let Some((_, word)) = SCRIPT.iter().find(|(known, _)| *known == label) {
            let value = value.trim_end_matches(" sec");
            self.say(word, value.strip_suffix('s').unwrap_or(value));
        } else if label == "Command" {
            self.say("script", value);
        }
    }
}
