//! What a configuration comes to, in words that both programs' dumps are put into.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Between a real server's name and what tells its checks apart.
const CHECK: &str = ", check ";

/// Things by their names, each with what is said of it, by the configuration's words.
#[derive(Debug, Default)]
pub struct Facts(pub BTreeMap<String, BTreeMap<String, String>>);

impl Facts {
    /// The thing is there, whatever is said of it.
    pub fn there(&mut self, thing: &str) -> &mut BTreeMap<String, String> {
        self.0.entry(thing.to_owned()).or_default()
    }

    pub fn say(&mut self, thing: &str, word: &str, value: &str) {
        let value = plain(value);
        self.there(thing).insert(word.to_owned(), value);
    }

    /// A check of a real server is called by its number among them.
    pub fn check(&mut self, real_server: &str) -> String {
        let number = (1..).find(|number| {
            let name = check(real_server, *number);
            !self.0.contains_key(&name)
        });
        let name = check(real_server, number.expect("a number"));
        self.there(&name);
        name
    }
}

/// Checks are called by what they are and their number among those, because the order of
/// different ones means nothing.
pub fn checks_by_method(facts: Facts) -> Facts {
    let mut named = Facts::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (thing, mut words) in facts.0 {
        // No time of its own is the time to the next one.
        if words.get("misc_timeout").is_some_and(|time| time == "0")
            && let Some(time) = words.get("delay_loop").cloned()
        {
            words.insert("misc_timeout".to_owned(), time);
        }
        let name = match (thing.split_once(CHECK), words.get("method")) {
            (Some((real_server, _)), Some(method)) => {
                let kind = format!("{real_server}{CHECK}{method}");
                let count = counts.entry(kind.clone()).or_default();
                *count += 1;
                format!("{kind} {count}")
            }
            _ => thing,
        };
        named.0.insert(name, words);
    }
    named
}

fn check(real_server: &str, number: usize) -> String {
    format!("{real_server}{CHECK}{number}")
}

/// Without what means nothing: quotes around it, zeroes at the end of a fraction.
pub fn plain(value: &str) -> String {
    let value = value.trim();
    let value = match value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inside) => inside,
        None => value,
    };
    match value.split_once('.') {
        Some((whole, fraction)) if is_number(whole) && is_number(fraction) => {
            let fraction = fraction.trim_end_matches('0');
            match fraction {
                "" => whole.to_owned(),
                _ => format!("{whole}.{fraction}"),
            }
        }
        _ => value.to_owned(),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `on` or `off`.
pub fn switch(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// A virtual server's name, as keepalived has it.
pub fn virtual_server(head: &[&str], protocol: &str) -> String {
    match head {
        ["fwmark", mark] => format!("FWM {mark}"),
        ["group", name] => format!("[{name}]:0"),
        [address, port, ..] => server(address, port, protocol),
        [address] => server(address, "0", protocol),
        [] => String::new(),
    }
}

pub fn server(address: &str, port: &str, protocol: &str) -> String {
    format!("[{address}]:{}:{port}", protocol.to_lowercase())
}

/// An address with its options, in an order and a spelling of their own: the address
/// with its prefix length, and the rest.
pub fn address(line: &str) -> (String, String) {
    let mut words = line.split_whitespace().map(plain);
    let address = words.next().unwrap_or_default();
    let full = match (address.contains('/'), address.contains(':')) {
        (true, _) => address,
        (false, true) => format!("{address}/128"),
        (false, false) => format!("{address}/32"),
    };
    let mut options = BTreeMap::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "dev" => {
                // A virtual interface with the one that it is on.
                let name = words.next().unwrap_or_default();
                let real = name.split_once('@').map(|(_, real)| real.to_owned());
                options.insert(word, real.unwrap_or(name));
            }
            "label" | "brd" => {
                options.insert(word, words.next().unwrap_or_default());
            }
            "scope" => {
                let scope = words.next().unwrap_or_default();
                let number = scope_number(&scope);
                if number != "0" {
                    options.insert(word, number.to_owned());
                }
            }
            // Of IPv6 addresses, and said of none of ours.
            "preferred_lft" => {
                words.next();
            }
            "deprecated" => {}
            _ => {
                options.insert(word, String::new());
            }
        }
    }
    let options: Vec<String> = options
        .into_iter()
        .map(|(option, value)| format!("{option} {value}").trim_end().to_owned())
        .collect();
    (full, options.join(" "))
}

/// The command line as keepalived shows it: the program where it really is, each word in
/// quotes, and by whom it is run left out.
pub fn script(value: &str) -> String {
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

/// Words of a route or a rule behind which there is a value.
const WITH_VALUE: &[&str] = &[
    "via",
    "dev",
    "src",
    "from",
    "to",
    "iif",
    "oif",
    "tos",
    "table",
    "metric",
    "protocol",
    "scope",
    "realms",
    "preference",
    "weight",
    "mtu",
    "fwmark",
    "suppress_prefixlength",
];

/// A route or a rule in an order and a spelling of its own.
pub fn route_or_rule(line: &str) -> String {
    let mut words = line.split_whitespace().map(plain);
    let mut said = BTreeSet::new();
    while let Some(word) = words.next() {
        let word = match word.as_str() {
            // What is so where nothing is said, and the family, which the addresses show.
            "add" | "prepend" | "inet" | "inet6" | "unicast" => continue,
            "proto" => "protocol",
            "lookup" => "table",
            "priority" => "preference",
            "gw" => "via",
            other => other,
        };
        if !WITH_VALUE.contains(&word) {
            said.insert(network(word));
            continue;
        }
        let value = words.find(|value| !["inet", "inet6"].contains(&value.as_str()));
        let value = value.unwrap_or_default();
        match (word, value.as_str()) {
            // The number that keepalived has for itself.
            ("protocol", "18" | "keepalived") | ("tos", "0x0" | "0") | ("weight", "1") => {}
            ("scope", scope) => {
                said.insert(format!("scope {}", scope_number(scope)));
            }
            // A rule says from where and to where, a route where to.
            ("from" | "to", value) => {
                said.insert(format!("{word} {}", network(value)));
            }
            (word, value) => {
                said.insert(format!("{word} {value}"));
            }
        }
    }
    // Of a route without an interface there is nothing to track.
    if !said.iter().any(|it| it.starts_with("dev ")) {
        said.remove("no_track");
    }
    said.into_iter().collect::<Vec<_>>().join(" ")
}

/// An address with its prefix length; anything else as it is.
fn network(word: &str) -> String {
    match word {
        "default" => "0.0.0.0/0".to_owned(),
        _ if word.contains('/') || !word.contains(['.', ':']) => word.to_owned(),
        _ if word.contains(':') => format!("{word}/128"),
        _ => format!("{word}/32"),
    }
}

fn scope_number(scope: &str) -> &str {
    match scope {
        "global" | "universe" => "0",
        "site" => "200",
        "link" => "253",
        "host" => "254",
        "nowhere" => "255",
        other => other,
    }
}
