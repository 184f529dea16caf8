//! What `ipvsd check --dump` prints, read as the configuration that it is. Blocks begin
//! and end with a line, and each statement has a line of its own.

use std::path::Path;

use super::facts::{Facts, address, checks_by_method, plain, server, switch, virtual_server};

/// A statement and the block behind it.
#[derive(Debug, Default)]
struct Statement {
    words: Vec<String>,
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
    for statement in block(&mut lines) {
        match statement.keyword() {
            "vrrp_instance" | "vrrp_sync_group" | "vrrp_script" | "track_file"
            | "vrrp_track_process" => vrrp(&mut facts, &statement),
            "vrrp_track_file" => {
                let name = statement.value();
                words(&mut facts, &format!("track_file {name}"), &statement.block);
            }
            "global_defs" => words(&mut facts, "global_defs", &statement.block),
            "virtual_server" => servers(&mut facts, &statement),
            _ => {}
        }
    }
    checks_by_method(facts)
}

/// The lines up to the brace that ends the block.
fn block(lines: &mut std::str::Lines<'_>) -> Vec<Statement> {
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let mut words = words_of(line);
        match words.last().map(String::as_str) {
            Some("}") => break,
            Some("{") => {
                words.pop();
                let block = block(lines);
                all.push(Statement { words, block });
            }
            Some(_) => all.push(Statement {
                words,
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
        "smtp_server" => {
            let address = value.split(' ').next().unwrap_or_default();
            facts.say(thing, keyword, address);
        }
        "mcast_src_ip" | "unicast_src_ip" => facts.say(thing, "source", &value),
        "accept" => facts.say(thing, "no_accept", switch(value == "off")),
        "preempt" => facts.say(thing, "nopreempt", switch(false)),
        "sorry_server" => {
            let words: Vec<&str> = value.split(' ').collect();
            let protocol = thing.rsplit(':').nth(1).unwrap_or_default();
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
    let no_scripts = ["notify_deleted", "notify_priority_changes"];
    let is_notify = keyword.starts_with("notify") && !keyword.starts_with("notification");
    (is_notify && !no_scripts.contains(&keyword) && keyword != "notify_timeout")
        || ["quorum_up", "quorum_down", "misc_path", "script"].contains(&keyword)
}

/// The command line as keepalived shows it: the program where it really is, each word in
/// quotes, and by whom it is run left out.
fn script(value: &str) -> String {
    let mut words = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start();
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (word, after) = quoted.split_once('\'').unwrap_or((quoted, ""));
            words.push(word.to_owned());
            rest = after;
        } else if words.is_empty() && !rest.is_empty() {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push(word.to_owned());
            rest = after;
        } else {
            break;
        }
    }
    if let Some(program) = words.first_mut() {
        let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let candidates = folders
            .iter()
            .map(|folder| Path::new(folder).join(&*program));
        let mut real = candidates.filter_map(|candidate| candidate.canonicalize().ok());
        if let Some(real) = real.next() {
            *program = real.to_string_lossy().into_owned();
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
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
            "virtual_routes" | "virtual_rules" => {
                let count = statement.block.len().to_string();
                facts.say(&thing, keyword, &count);
            }
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
            "use_vmac" => {
                let name = statement.values().first().copied().unwrap_or_default();
                facts.say(&thing, keyword, name);
            }
            _ => word(facts, &thing, statement),
        }
    }
}

fn servers(facts: &mut Facts, of: &Statement) {
    let protocol = of.inner("protocol").unwrap_or_else(|| "none".to_owned());
    let thing = virtual_server(&of.values(), &protocol);
    facts.there(&thing);
    for statement in &of.block {
        if statement.keyword() == "real_server" {
            real_server(facts, &thing, &protocol, statement);
        } else {
            word(facts, &thing, statement);
        }
    }
}

fn real_server(facts: &mut Facts, service: &str, protocol: &str, of: &Statement) {
    let values = of.values();
    let (address, port) = match values.as_slice() {
        [address, port, ..] => (*address, *port),
        [address] => (*address, "0"),
        [] => return,
    };
    let thing = format!("{service} -> {}", server(address, port, protocol));
    facts.there(&thing);
    for statement in &of.block {
        let keyword = statement.keyword();
        if keyword.ends_with("_CHECK") || keyword.ends_with("_GET") {
            // One for each host.
            let hosts = statement.block.iter().filter(|it| it.keyword() == "host");
            for _ in 0..hosts.count().max(1) {
                check(facts, &thing, statement);
            }
        } else {
            word(facts, &thing, statement);
        }
    }
}

fn check(facts: &mut Facts, real_server: &str, of: &Statement) {
    let thing = facts.check(real_server);
    facts.say(&thing, "method", of.keyword());
    let mut urls = 0;
    for statement in &of.block {
        let keyword = statement.keyword();
        match keyword {
            "url" => {
                urls += 1;
                for inner in &statement.block {
                    let word = format!("url {urls} {}", inner.keyword());
                    facts.say(&thing, &word, &inner.value());
                }
            }
            "connect_ip" | "connect_port" | "bindto" | "bind_port" => {}
            _ => word(facts, &thing, statement),
        }
    }
    if let (Some(ip), Some(port)) = (of.inner("connect_ip"), of.inner("connect_port")) {
        facts.say(&thing, "target", &format!("[{}]:{port}", plain(&ip)));
    }
}
