//! `global_defs`.

use super::super::facts::Facts;
use super::{Statement, word};

/// `global_defs`, with what a word takes several of apart.
pub fn global(facts: &mut Facts, block: &[Statement]) {
    let thing = "global_defs";
    facts.there(thing);
    for statement in block {
        let keyword = statement.keyword();
        let values = statement.values();
        let pairs = |facts: &mut Facts, values: &[&str]| {
            for pair in values.chunks(2) {
                if let [name, value] = pair {
                    facts.say(thing, &format!("{keyword} {name}"), value);
                }
            }
        };
        match (keyword, values.as_slice()) {
            ("notification_email", _) => {
                for line in &statement.block {
                    facts.say(thing, &format!("{keyword} {}", line.line()), "");
                }
            }
            ("smtp_server", [address, port]) => {
                facts.say(thing, keyword, address);
                facts.say(thing, "smtp_server port", port);
            }
            ("lvs_timeouts", values) => pairs(facts, values),
            ("lvs_sync_daemon", [interface, rest @ ..]) => {
                facts.say(thing, "lvs_sync_daemon interface", interface);
                pairs(facts, rest);
            }
            // Who may read it is not compared.
            ("notify_fifo" | "vrrp_notify_fifo" | "lvs_notify_fifo", [path, ..]) => {
                facts.say(thing, keyword, path);
            }
            ("dynamic_interfaces", [_]) => {
                facts.say(thing, keyword, "on");
                facts.say(thing, "dynamic_interfaces changes", "on");
            }
            ("nftables", []) => facts.say(thing, keyword, "keepalived"),
            ("nftables_ipvs", []) => facts.say(thing, keyword, "keepalived_ipvs"),
            ("lvs_flush_on_stop", []) => facts.say(thing, keyword, "full"),
            _ => word(facts, thing, statement),
        }
    }
}
