//! keepalived's dump, as `-d` writes it to the log.

use super::facts::{Facts, address, checks_by_method, server, switch, virtual_server};

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
];

/// Scripts of an instance or a group.
const NOTIFY: &[(&str, &str)] = &[
    ("Backup state transition script", "notify_backup"),
    ("Master state transition script", "notify_master"),
    ("Fault state transition script", "notify_fault"),
    ("Stop state transition script", "notify_stop"),
    ("Generic state transition script", "notify"),
    (
        "Master rx lower priority script",
        "notify_master_rx_lower_pri",
    ),
    ("Quorum up notify script", "quorum_up"),
    ("Quorum down notify script", "quorum_down"),
    ("RS up notify script", "notify_up"),
    ("RS down notify script", "notify_down"),
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

/// Without what `-d` puts before each line: the time, and nothing else.
fn stripped(line: &str) -> &str {
    // "Sat Nov 21 19:56:15 2026: "
    match line.get(24..26) {
        Some(": ") => &line[26..],
        _ => line,
    }
}

/// Everything that both logs say: of the VRRP process and of the checker.
pub fn facts(logs: &[String]) -> Facts {
    let mut reader = Reader::default();
    for log in logs {
        reader.section = String::new();
        for line in log.lines() {
            reader.line(stripped(line));
        }
    }
    checks_by_method(reader.facts)
}

#[derive(Default)]
struct Reader {
    facts: Facts,
    section: String,
    /// What the lines are about.
    thing: String,
    /// The block that the lines are in, and how far they are indented at least.
    list: Option<(&'static str, usize)>,
    /// A virtual server's first line, until its protocol is known.
    head: Vec<String>,
    virtual_server: String,
    protocol: String,
    /// Settings of a virtual server that come before its protocol.
    waiting: Vec<String>,
    urls: usize,
    sorry: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if let Some(section) = text.strip_prefix("------< ") {
            let section = section.trim_end_matches(" >------");
            let is_within = ["Virtual server", "Real server", "Virtual server group"];
            if !is_within.contains(&section) {
                self.section = section.to_owned();
            }
            self.list = None;
            return;
        }
        // What is logged meanwhile is not indented.
        if !line.starts_with(' ') {
            return;
        }
        match self.section.as_str() {
            "VRRP Topology" | "VRRP Sync groups" => self.vrrp(line, text),
            "VRRP Scripts" | "VRRP Track files" | "VRRP Track processes" => self.tracked(text),
            "LVS Topology" => self.server(text),
            "Health checkers" => self.check(line, text),
            "Global definitions" => self.global(text),
            _ => {}
        }
    }

    fn say(&mut self, word: &str, value: &str) {
        self.facts.say(&self.thing, word, value);
    }

    fn global(&mut self, text: &str) {
        self.thing = "global_defs".to_owned();
        let words = [
            ("Router ID", "router_id"),
            ("Smtp server", "smtp_server"),
            ("Smtp server connection timeout", "smtp_connect_timeout"),
            ("Email notification from", "notification_email_from"),
        ];
        if let Some((label, value)) = text.split_once(" = ") {
            for (known, word) in words {
                if known == label {
                    self.say(word, value);
                }
            }
        }
    }

    fn vrrp(&mut self, line: &str, text: &str) {
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
                let base = value.split_once("vmac on ").map(|(_, base)| base);
                let base = base.unwrap_or(value).split(',').next().unwrap_or(value);
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

    /// A script with its arguments; by whom it is run is not compared.
    fn script(&mut self, label: &str, value: &str) -> bool {
        let Some((_, word)) = NOTIFY.iter().find(|(known, _)| *known == label) else {
            return false;
        };
        let script = value.split(", uid:gid").next().unwrap_or(value);
        self.say(word, script);
        true
    }

    fn item(&mut self, list: &'static str, text: &str) {
        let (name, rest) = match list {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => address(text),
            "virtual_routes" | "virtual_rules" => return self.count(list),
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

    /// How many there are.
    fn count(&mut self, list: &str) {
        let facts = self.facts.there(&self.thing);
        let have = facts.get(list).and_then(|have| have.parse().ok());
        let count = have.unwrap_or(0) + 1;
        facts.insert(list.to_owned(), count.to_string());
    }

    fn tracked(&mut self, text: &str) {
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
            self.say(word, value.trim_end_matches(" sec"));
        } else if label == "Command" {
            self.say("script", value);
        }
    }

    fn server(&mut self, text: &str) {
        let head = text
            .strip_prefix("VS ")
            .and_then(|head| head.split_once(" = "));
        if let Some((kind, value)) = head {
            self.head = match kind {
                "VIP" => {
                    let (address, port) = value.split_once(", VPORT = ").unwrap_or((value, "0"));
                    vec![address.to_owned(), port.to_owned()]
                }
                "FWMARK" => vec!["fwmark".to_owned(), value.to_owned()],
                _ => {
                    let name = value.trim_start_matches('[');
                    let name = name.split(']').next().unwrap_or(name);
                    vec!["group".to_owned(), name.to_owned()]
                }
            };
            self.waiting.clear();
            self.virtual_server.clear();
            return;
        }
        if let Some(protocol) = text.strip_prefix("protocol = ") {
            let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
            self.protocol = protocol.to_owned();
            self.virtual_server = virtual_server(&head, protocol);
            self.thing = self.virtual_server.clone();
            self.facts.there(&self.thing);
            for line in std::mem::take(&mut self.waiting) {
                self.setting(&line);
            }
        } else if let Some(head) = text.strip_prefix("RIP = ") {
            let words: Vec<&str> = head
                .split([',', ' '])
                .filter(|word| !word.is_empty())
                .collect();
            if let [address, "RPORT", "=", port, "WEIGHT", "=", weight, ..] = words.as_slice() {
                let name = server(address, port, &self.protocol);
                self.thing = format!("{} -> {name}", self.virtual_server);
                self.say("weight", weight);
            }
        } else if self.virtual_server.is_empty() {
            self.waiting.push(text.to_owned());
        } else {
            self.setting(text);
        }
    }

    /// Of a virtual server or a real server.
    fn setting(&mut self, text: &str) {
        let is_virtual = self.thing == self.virtual_server;
        let of_sorry = std::mem::take(&mut self.sorry);
        for (label, word) in [
            ("alpha is ", "alpha"),
            ("omega is ", "omega"),
            ("Inhibit on failure is ", "inhibit_on_failure"),
        ] {
            if let Some(value) = text.strip_prefix(label)
                && (is_virtual != (word == "inhibit_on_failure"))
            {
                return self.say(word, switch(value == "ON"));
            }
        }
        if text == "Using HA suspend" {
            return self.say("ha_suspend", "on");
        }
        let Some((label, value)) = text.split_once(" = ") else {
            return;
        };
        if self.script(label, value) {
            return;
        }
        match (label, is_virtual) {
            ("lvs_sched", _) => self.say("lvs_sched", value),
            ("persistence timeout", _) => self.say("persistence_timeout", value),
            ("persistence granularity", _) => self.say("persistence_granularity", value),
            ("sh-port" | "sh-fallback" | "mh-port" | "mh-fallback", _) => {
                self.say(label, switch(value == "enabled"));
            }
            ("One packet scheduling", _) => self.say("ops", switch(value.starts_with("enabled"))),
            ("quorum", _) => {
                let (quorum, hysteresis) =
                    value.split_once(", hysteresis = ").unwrap_or((value, ""));
                self.say("quorum", quorum);
                self.say("hysteresis", hysteresis);
            }
            ("Using smtp notification", _) => self.say("smtp_alert", switch(value == "yes")),
            ("sorry server", _) => {
                self.say("sorry_server", value);
                self.sorry = true;
            }
            ("forwarding method", _) => {
                let method = value.split(',').next().unwrap_or(value);
                let word = if of_sorry {
                    "sorry_server_lvs_method"
                } else {
                    "lvs_method"
                };
                self.say(word, method);
            }
            ("connection limit range", false) => {
                let (low, high) = value.split_once(" -> ").unwrap_or((value, ""));
                self.say("lthreshold", low);
                self.say("uthreshold", high);
            }
            _ => {}
        }
    }

    fn check(&mut self, line: &str, text: &str) {
        if line.starts_with(' ') && !line.starts_with("  ") && text.contains(" -> ") {
            self.thing = self.facts.check(text);
            self.urls = 0;
            return;
        }
        if let Some(path) = text.strip_prefix("Checked url = ") {
            self.urls += 1;
            return self.say(&format!("url {} path", self.urls), path);
        }
        let url = format!("url {}", self.urls);
        let is_codes = text
            .split('-')
            .all(|code| code.len() == 3 && code.parse::<u16>().is_ok());
        if is_codes && self.urls > 0 {
            let word = format!("{url} status_code");
            let facts = self.facts.there(&self.thing);
            let codes = facts.entry(word).or_default();
            if !codes.is_empty() {
                codes.push(' ');
            }
            codes.push_str(text);
            return;
        }
        match text {
            "Enable SNI set" => return self.say("enable_sni", "on"),
            "Fast recovery set" => return self.say("fast_recovery", "on"),
            _ => {}
        }
        let Some((label, value)) = text.split_once(" = ") else {
            return;
        };
        let is_yes = value.eq_ignore_ascii_case("yes");
        let micros = || {
            let number = value.trim_end_matches(" us").parse::<u64>().unwrap_or(0);
            format!("{}.{:06}", number / 1_000_000, number % 1_000_000)
        };
        match label {
            "Alpha" => self.say("alpha", switch(is_yes)),
            "Delay loop" => self.say("delay_loop", &micros()),
            "Warmup" => self.say("warmup", &micros()),
            "Retries" => self.say("retry", value),
            "Delay before retry" => self.say("delay_before_retry", &micros()),
            "Dest" => self.say("target", value),
            "Timeout" => self.say("connect_timeout", value),
            "Bind i/f" => self.say("bind_if", value),
            "Mark" => self.say("fwmark", value),
            "Keepalive method" => {
                let (method, protocol) =
                    value.split_once(", http protocol ").unwrap_or((value, ""));
                self.say("method", method);
                if !protocol.is_empty() {
                    self.say("http_protocol", protocol);
                }
            }
            "digest" => self.say(&format!("{url} digest"), value),
            "Virtual host" => self.say(&format!("{url} virtualhost"), value),
            "helo" => self.say("helo_name", value),
            "Type" => self.say("type", value),
            "Name" => self.say("name", value),
            "script" => self.say("misc_path", value),
            "timeout" => self.say("misc_timeout", value),
            "dynamic" => self.say("misc_dynamic", switch(is_yes)),
            "Require reply" => self.say("require_reply", switch(is_yes)),
            "Min reply length" => self.say("min_reply_length", value),
            "Max reply length" => self.say("max_reply_length", value),
            "Tracked file" => self.say("track_file", value),
            _ => {}
        }
    }
}
