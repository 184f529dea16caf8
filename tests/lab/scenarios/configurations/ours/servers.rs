//! Virtual servers, real servers, and what is asked of them.

use super::super::facts::{Facts, plain, server, virtual_server};
use super::{Statement, word};

pub fn servers(facts: &mut Facts, of: &Statement) {
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
            "require_reply" => facts.say(&thing, keyword, "on"),
            // The file is one that the real server follows.
            "weight" if of.keyword() == "FILE_CHECK" => {
                let file = of.inner("track_file").unwrap_or_default();
                let weight = statement.value();
                let weight = weight.trim_end_matches(" noreverse");
                facts.say(real_server, &format!("track_file {file}"), weight);
            }
            _ => word(facts, &thing, statement),
        }
    }
    if let (Some(ip), Some(port)) = (of.inner("connect_ip"), of.inner("connect_port")) {
        facts.say(&thing, "target", &format!("[{}]:{port}", plain(&ip)));
    }
}
