//! Virtual servers and real servers.

use super::super::facts::{server, switch, virtual_server};
use super::Reader;

impl Reader {
    pub(super) fn server(&mut self, text: &str) {
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
            if let [address, "RPORT", "=", port, ..] = words.as_slice() {
                let name = server(address, port, &self.protocol);
                self.thing = format!("{} -> {name}", self.virtual_server);
                self.facts.there(&self.thing);
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
            // A file that the real server follows.
            if let Some((file, weight)) = text.split_once(", weight ") {
                self.say(&format!("track_file {file}"), weight);
            }
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
            // What files and checks make of it is another one.
            ("initial weight", false) => self.say("weight", value),
            ("connection limit range", false) => {
                let (low, high) = value.split_once(" -> ").unwrap_or((value, ""));
                self.say("lthreshold", low);
                self.say("uthreshold", high);
            }
            _ => {}
        }
    }
}
