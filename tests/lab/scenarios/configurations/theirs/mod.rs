//! keepalived's dump, as `-d` writes it to the log.

mod checks;
mod global;
mod servers;
mod vrrp;

use super::facts::{Facts, checks_by_method};

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
    /// The interface that an instance's is on.
    base: String,
    /// The line is one of those who get mail.
    is_recipient: bool,
    /// The line before is about one of the times of IPVS.
    is_timeout: bool,
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
            "VRRP Scripts"
            | "VRRP Track files"
            | "Checker track files"
            | "VRRP Track processes" => self.tracked(text),
            "Static Addresses" | "Static Routes" | "Static Rules" => self.fixed(text),
            "LVS Topology" => self.server(text),
            "Health checkers" => self.check(line, text),
            "Global definitions" => self.global(text),
            _ => {}
        }
    }

    fn say(&mut self, word: &str, value: &str) {
        self.facts.say(&self.thing, word, value);
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
}
