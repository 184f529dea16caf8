//! Whole configurations around one statement.

use ipvsd::config::reference::{self, Place, TOP_LEVEL, Takes, Word};

use crate::samples::{self, Part};

/// Values for words that want more than the kinds of their values say: block, word, what
/// stands behind it.
const GOOD: &[(&str, &str, &[&str])] = &[
    ("(top)", "virtual_server", &["10.0.0.1", "80"]),
    ("virtual_server", "real_server", &["10.0.0.2", "80"]),
    ("virtual_server", "lb_kind", &["TUN", "ipip"]),
    ("virtual_server", "lvs_method", &["TUN", "ipip"]),
    (
        "virtual_server",
        "sorry_server_lvs_method",
        &["TUN", "ipip"],
    ),
    ("virtual_server/real_server", "lvs_method", &["TUN", "ipip"]),
    ("global_defs", "vrrp_mcast_group4", &["224.0.0.77"]),
    ("global_defs", "vrrp_mcast_group6", &["ff02::77"]),
    ("vrrp_instance", "mcast_dst_ip", &["224.0.0.19"]),
    (
        "vrrp_instance/auth_hmac",
        "key",
        &["1", "abcdefghijklmnopqrstuvwxyz012345"],
    ),
    ("vrrp_instance/auth_hmac", "active_key", &["1"]),
];

/// What a block has to have, beside what is looked at. The first word is left out where it
/// is the one that is looked at.
const NEEDED: &[(&str, &str)] = &[
    ("virtual_server", "protocol TCP"),
    ("virtual_server", "real_server 10.0.0.3 80 {\n}"),
    ("virtual_server/real_server/HTTP_GET", "url {\npath /\n}"),
    ("virtual_server/real_server/HTTP_GET/url", "path /"),
    ("virtual_server/real_server/SSL_GET", "url {\npath /\n}"),
    ("virtual_server/real_server/SSL_GET/url", "path /"),
    (
        "virtual_server/real_server/MISC_CHECK",
        "misc_path /bin/true",
    ),
    ("virtual_server/real_server/FILE_CHECK", "track_file text"),
    ("virtual_server/real_server/BFD_CHECK", "name text"),
    ("vrrp_instance", "interface eth0"),
    ("vrrp_instance", "virtual_router_id 51"),
    ("vrrp_instance", "virtual_ipaddress {\n10.0.0.80\n}"),
    ("vrrp_instance/authentication", "auth_type PASS"),
    ("vrrp_instance/authentication", "auth_pass 1111"),
    (
        "vrrp_instance/auth_hmac",
        "key 1 abcdefghijklmnopqrstuvwxyz012345",
    ),
    ("vrrp_sync_group", "group {\nVI_1\nVI_2\n}"),
    ("bfd_instance", "neighbor_ip 10.0.0.78"),
    ("garp_group", "garp_interval 1"),
    ("garp_group", "interface eth0"),
];

/// What stands behind a block at the top level.
const BEHIND: &[(&str, &str)] = &[
    (
        "virtual_server",
        "track_file text {\nfile /tmp/file\n}\n\
         bfd_instance text {\nneighbor_ip 10.0.0.7\n}\n",
    ),
    (
        "vrrp_sync_group",
        "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\n\
     virtual_ipaddress {\n10.0.0.1\n}\n}\n\
     vrrp_instance VI_2 {\ninterface eth0\nvirtual_router_id 2\n\
     virtual_ipaddress {\n10.0.0.2\n}\n}\n",
    ),
];

/// A configuration, and the lines of it that are looked at.
pub struct Sentence {
    pub text: String,
    /// From 1.
    pub first: u32,
    pub last: u32,
}

/// A statement in a block, with everything around it that it takes to be fine.
pub fn within(block: &str, statement: &str) -> Sentence {
    let (mut text, mut after) = (String::new(), String::new());
    let keyword = keyword(statement);
    let mut outer = String::new();
    for name in block.split('/').filter(|name| *name != TOP_LEVEL) {
        let path = match outer.as_str() {
            "" => name.to_owned(),
            outer => format!("{outer}/{name}"),
        };
        let parent = if outer.is_empty() { TOP_LEVEL } else { &outer };
        text.push_str(&format!("{} {{\n", head(parent, name)));
        after.push_str("}\n");
        let looked_at = Some(keyword).filter(|_| path == block);
        text.push_str(&needed(&path, looked_at));
        outer = path;
    }
    let outermost = match block {
        TOP_LEVEL => keyword,
        _ => block.split('/').next().unwrap_or(block),
    };
    let behind = BEHIND.iter().filter(|(of, _)| *of == outermost);
    behind.for_each(|(_, behind)| after.push_str(behind));
    let line = |text: &str| text.matches('\n').count() as u32;
    let first = line(&text) + 1;
    text.push_str(statement);
    let last = line(&text) + 1;
    text.push('\n');
    text.push_str(&after);
    Sentence { text, first, last }
}

/// What a block has to have but for one word.
fn needed(path: &str, but: Option<&str>) -> String {
    let by_hand = NEEDED.iter().filter(|(of, _)| *of == path);
    let by_hand: Vec<&str> = by_hand.map(|(_, statement)| *statement).collect();
    let is_by_hand = |word: &Word| by_hand.iter().any(|it| keyword(it) == word.name);
    let words = reference::block(path)
        .into_iter()
        .flat_map(|block| block.all());
    let words = words.filter(|word| word.needed && !is_by_hand(word));
    let by_table = words.map(|word| statement(path, word, &parts(path, word)));
    let by_hand = by_hand.iter().map(|statement| (*statement).to_owned());
    let needed = by_hand.chain(by_table);
    let needed = needed.filter(|statement| Some(keyword(statement)) != but);
    needed.map(|statement| format!("{statement}\n")).collect()
}

/// The first word.
fn keyword(statement: &str) -> &str {
    statement.split([' ', '\n']).next().unwrap_or(statement)
}

/// A word that begins a block, and its values.
fn head(block: &str, name: &str) -> String {
    match reference::word(block, name) {
        Some(word) => {
            let parts = parts(block, word);
            format!("{name} {}", samples::line(&parts))
        }
        None => name.to_owned(),
    }
}

/// The values of a word that stand on its line, all right.
pub fn parts(block: &str, word: &Word) -> Vec<Part> {
    let good = GOOD
        .iter()
        .find(|good| good.0 == block && good.1 == word.name);
    let values = samples::head(word.takes);
    match good {
        Some((_, _, texts)) => samples::parts(&values[..texts.len()], texts),
        None => samples::parts(values, &[]),
    }
}

/// A statement with these values, and with the block that belongs to it.
pub fn statement(block: &str, word: &Word, parts: &[Part]) -> String {
    let head = format!("{} {}", word.name, samples::line(parts));
    let head = head.trim_end();
    match word.takes {
        Takes::Nothing | Takes::Values(_) => head.to_owned(),
        Takes::Block(_) => {
            let path = match block {
                TOP_LEVEL => word.name.to_owned(),
                _ => format!("{block}/{}", word.name),
            };
            format!("{head} {{\n{}}}", needed(&path, None))
        }
        Takes::Lines(_, line) => {
            let line = samples::line(&samples::parts(line, &[]));
            format!("{head} {{\n{line}\n}}")
        }
        Takes::List(value) => format!("{head} {{\n{}\n}}", samples::good(value.kind)),
        Takes::Own(grammar) => match grammar.place {
            Place::Line => format!("{head} {}", grammar.example),
            Place::Block => format!("{head} {{\n{}\n}}", grammar.example),
        },
        Takes::CommandLine => format!("{head} \"/bin/true 'a b'\""),
        Takes::Command | Takes::OptionalCommand => {
            format!("{head} \"/bin/true 'a b'\" nobody nogroup")
        }
        Takes::User => format!("{head} nobody nogroup"),
    }
}
