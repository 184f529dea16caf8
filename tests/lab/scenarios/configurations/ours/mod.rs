//! What `ipvsd check --dump` prints, read as the configuration that it is. Blocks begin
//! and end with a line, and each statement has a line of its own.

mod conclude;
mod global;
mod servers;

use super::facts::{Facts, address, checks_by_method, route_or_rule, script, server, switch};

/// A statement and the block behind it.
#[derive(Debug, Default)]
struct Statement {
    words: Vec<String>,
    /// It is marked as one that `global_defs` says for all.
    is_global: bool,
    block: Vec<Statement>,
}

impl Statement {
    fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn values(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(String::as_str).collect()
    }

    /// What stands behind the word; `on` where nothing does.
    fn value(&self) -> String {
        match self.values().as_slice() {
            [] => switch(true).to_owned(),
            values => values.join(" "),
        }
    }

    fn line(&self) -> String {
        self.words.join(" ")
    }

    /// The value of a word in the block.
    fn inner(&self, word: &str) -> Option<String> {
        let inner = self.block.iter().find(|inner| inner.keyword() == word);
        inner.map(Statement::value)
    }
}

pub fn facts(dump: &str) -> Facts {
    let mut facts = Facts::default();
    let mut lines = dump.lines();
    let statements = block(&mut lines);
    for statement in &statements {
        match statement.keyword() {
            "vrrp_instance" | "vrrp_sync_group" | "vrrp_script" | "track_file"
            | "vrrp_track_process" => vrrp(&mut facts, statement),
            "vrrp_track_file" => {
                let name = statement.value();
                words(&mut facts, &format!("track_file {name}"), &statement.block);
            }
            "global_defs" => global::global(&mut facts, &statement.block),
            "instance" => facts.say("global_defs", "instance", &statement.value()),
            _ if statement.keyword().starts_with("static_") => {
                routing(&mut facts, "static", statement);
            }
            "virtual_server" => servers::servers(&mut facts, statement),
            _ => {}
        }
    }
    conclude::conclude(&mut facts);
    for statement in statements
        .iter()
        .filter(|it| it.keyword() == "bfd_instance")
    {
        let is_for_vrrp = statement.inner("vrrp").is_some();
        if is_for_vrrp && statement.inner("checker").is_none() {
            conclude::not_for_checks(&mut facts, &statement.value());
        }
    }
    checks_by_method(facts)
}

/// The lines up to the brace that ends the block.
fn block(lines: &mut std::str::Lines<'_>) -> Vec<Statement> {
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let mut words = words_of(line);
        let is_global = line.ends_with("# from global_defs");
        match words.last().map(String::as_str) {
            Some("}") => break,
            Some("{") => {
                words.pop();
                let block = block(lines);
                all.push(Statement {
                    words,
                    is_global,
                    block,
                });
            }
            Some(_) => all.push(Statement {
                words,
                is_global,
                block: Vec::new(),
            }),
            None => {}
        }
    }
    all
}

/// Without the mark behind them. Quotes hold words together, and go.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '#' if !is_quoted => break,
            _ if character.is_whitespace() && !is_quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

fn words(facts: &mut Facts, thing: &str, block: &[Statement]) {
    facts.there(thing);
    for statement in block {
        word(facts, thing, statement);
    }
}

fn word(facts: &mut Facts, thing: &str, statement: &Statement) {
    let keyword = statement.keyword();
    let value = statement.value();
    if is_script(keyword) {
        return facts.say(thing, keyword, &script(&value));
    }
    match keyword {
        "process" => {
            let (process, parameters) = value.split_once(' ').unwrap_or((&value, ""));
            facts.say(thing, keyword, process);
            facts.say(thing, "parameters", parameters);
        }
        // With a command or without.
        "notify_deleted" => facts.say(thing, keyword, "on"),
        "delay" => {
            facts.say(thing, "fork_delay", &value);
            facts.say(thing, "terminate_delay", &value);
        }
        "check_unicast_src" => {
            facts.say(thing, keyword, &value);
            if statement.is_global {
                facts.say(thing, "(all check_unicast_src)", "yes");
            }
        }
        "mcast_src_ip" | "unicast_src_ip" => facts.say(thing, "source", &value),
        "accept" => facts.say(thing, "no_accept", switch(value == "off")),
        "preempt" => facts.say(thing, "nopreempt", switch(false)),
        "sorry_server" => {
            let words: Vec<&str> = value.split(' ').collect();
            // A mark has none.
            let protocol = thing.rsplit(':').nth(1).unwrap_or("none");
            if let [address, port] = words.as_slice() {
                facts.say(thing, keyword, &server(address, port, protocol));
            }
        }
        "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => facts.say(thing, keyword, "on"),
        "lvs_method" | "sorry_server_lvs_method" => {
            let method = value.split(' ').next().unwrap_or_default();
            facts.say(thing, keyword, method);
        }
        _ => facts.say(thing, keyword, &value),
    }
}

fn is_script(keyword: &str) -> bool {
    let no_scripts = [
        "notify_deleted",
        "notify_priority_changes",
        "notify_timeout",
        "notify_fifo",
    ];
    let is_notify = keyword.starts_with("notify") && !no_scripts.contains(&keyword);
    is_notify
        || keyword.ends_with("_script")
        || ["quorum_up", "quorum_down", "misc_path", "script"].contains(&keyword)
}

/// Each address, route or rule by what it says.
fn routing(facts: &mut Facts, thing: &str, of: &Statement) {
    let keyword = of.keyword();
    for line in &of.block {
        let said = match keyword == "static_ipaddress" {
            true => {
                let (name, rest) = address(&line.line());
                format!("{name} {rest}")
            }
            false => route_or_rule(&line.line()),
        };
        facts.say(thing, &format!("{keyword} {said}"), "");
    }
}

fn vrrp(facts: &mut Facts, of: &Statement) {
    let thing = format!("{} {}", of.keyword(), of.value());
    facts.there(&thing);
    for statement in &of.block {
        let keyword = statement.keyword();
        match keyword {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                for line in &statement.block {
                    let (name, rest) = address(&line.line());
                    facts.say(&thing, &format!("{keyword} {name}"), &rest);
                }
            }
            "virtual_routes" | "virtual_rules" => routing(facts, &thing, statement),
            "unicast_peer" => {
                for line in &statement.block {
                    let rest = line.values().join(" ");
                    let rest = Some(rest).filter(|rest| !rest.is_empty());
                    let rest = rest.unwrap_or_else(|| "min_ttl 0 max_ttl 255".to_owned());
                    facts.say(&thing, &format!("{keyword} {}", line.keyword()), &rest);
                }
            }
            "track_interface" | "track_script" | "track_file" | "track_process" | "track_bfd"
            | "group" => {
                for line in &statement.block {
                    let rest = line.values().join(" ");
                    let rest = rest.trim_start_matches("weight ");
                    facts.say(&thing, &format!("{keyword} {}", line.keyword()), rest);
                }
            }
            "authentication" => {
                let kind = statement.inner("auth_type").unwrap_or_default();
                facts.say(&thing, "auth_type", &kind);
            }
            "use_ipvlan" => {
                facts.say(&thing, "(vmac)", "yes");
            }
            "use_vmac" => {
                // Without a name it is made of the virtual router id.
                let values = statement.values();
                let name = values.iter().find(|value| **value != "name");
                if let Some(name) = name {
                    facts.say(&thing, keyword, name);
                }
                facts.say(&thing, "(vmac)", "yes");
            }
            _ => word(facts, &thing, statement),
        }
    }
}
