//! What is asked of real servers.

use super::super::facts::switch;
use super::Reader;

impl Reader {
    pub(super) fn check(&mut self, line: &str, text: &str) {
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
