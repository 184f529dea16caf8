//! What must hold of a configuration, whatever is in it.

mod language;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::reference::{self, BLOCKS, Kind, TOP_LEVEL, Takes, Value, Word};
use ipvsd::config::{self, Loaded, Sources};

pub use language::{expansion, parser};

/// How deep blocks are made; what the table has goes less deep.
const DEEPEST: usize = 8;

/// How much text is made of a few octets.
const LONGEST: usize = 64 << 10;

/// Statements of every kind are given a meaning, right ones and wrong ones, in right blocks
/// and in wrong ones; and so is any text.
pub fn lowering(octets: &[u8]) {
    let text = match octets.split_first() {
        Some((0, text)) => text.to_vec(),
        _ => written(octets).into_bytes(),
    };
    let loaded = config::parse(Sources::from_text("fuzz.conf", text));
    holds(&loaded);
}

/// There is a model exactly where there is no error; what is told can be shown; and the
/// model can be written down.
fn holds(loaded: &Loaded) {
    let diagnostics = &loaded.diagnostics;
    assert_eq!(loaded.model.is_none(), diagnostics.errors() > 0);
    diagnostics.render(Style::Plain);
    serde_json::to_string(&diagnostics.json()).expect("JSON");
    if let Some(model) = &loaded.model {
        for server in &model.virtual_servers {
            assert!(server.hysteresis < server.quorum);
            assert!(!server.real_servers.is_empty() || server.sorry_server.is_some());
        }
        for instance in &model.vrrp_instances {
            assert!(instance.settings.priority.0 > 0);
            assert!(instance.settings.advertised().count() <= 255);
        }
        serde_json::to_string(model).expect("JSON");
        loaded.dump().expect("a dump of a model");
    }
}

/// Octets that choose.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> Option<usize> {
        self.0.next().map(|octet| usize::from(*octet))
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let high = if all.len() > 256 { self.next()? } else { 0 };
        let number = high << 8 | self.next()?;
        all.get(number % all.len().max(1))
    }
}

/// A configuration as the octets choose it.
fn written(octets: &[u8]) -> String {
    let mut choices = Choices(octets.iter());
    let mut text = String::new();
    while text.len() < LONGEST && block(&mut choices, &mut text, TOP_LEVEL, 0).is_some() {}
    text
}

/// Statements up to where an octet ends the block; None where there are no more octets.
fn block(choices: &mut Choices<'_>, text: &mut String, path: &str, depth: usize) -> Option<()> {
    loop {
        let octet = choices.next()?;
        if text.len() >= LONGEST {
            return None;
        }
        // Most words stand where they belong.
        let path = match octet % 32 {
            0 => return Some(()),
            1 => choices.one_of(BLOCKS)?.path,
            _ => path,
        };
        let block = reference::block(path).or(BLOCKS.first())?;
        let words: Vec<&Word> = block.all().collect();
        let word = choices.one_of(&words)?;
        statement(choices, text, path, word, depth);
    }
}

fn statement(choices: &mut Choices<'_>, text: &mut String, path: &str, word: &Word, depth: usize) {
    text.push_str(word.name);
    match word.takes {
        Takes::Nothing => {}
        Takes::Values(values) => line(choices, text, values),
        Takes::Block(head) => {
            line(choices, text, head);
            text.push_str(" {\n");
            if depth < DEEPEST {
                let inner = match path {
                    TOP_LEVEL => word.name.to_owned(),
                    _ => format!("{path}/{}", word.name),
                };
                let _ = block(choices, text, &inner, depth + 1);
            }
            text.push('}');
        }
        Takes::Lines(head, inside) => {
            line(choices, text, head);
            text.push_str(" {\n");
            for _ in 0..choices.next().unwrap_or(1) % 4 {
                line(choices, text, inside);
                text.push('\n');
            }
            text.push('}');
        }
        Takes::List(inside) => {
            text.push_str(" {\n");
            for _ in 0..choices.next().unwrap_or(1) % 4 {
                value(choices, text, inside.kind);
                text.push('\n');
            }
            text.push('}');
        }
        Takes::Command => {
            let commands = [
                "/bin/true",
                "\"/bin/true 'a b'\" nobody nogroup",
                "\"",
                "'x\\",
            ];
            let command = choices.one_of(&commands).copied().unwrap_or_default();
            text.push(' ');
            text.push_str(command);
        }
        _ => text.push_str(" nobody nogroup"),
    }
    text.push('\n');
}

/// The values of a line, each there or not, and as often as an octet says.
fn line(choices: &mut Choices<'_>, text: &mut String, values: &[Value]) {
    for one in values {
        let count = match choices.next().unwrap_or(1) {
            0 => 0,
            2 => 2,
            _ => 1,
        };
        for _ in 0..count {
            if let Some(announced) = one.behind {
                text.push(' ');
                text.push_str(announced);
            }
            value(choices, text, one.kind);
        }
    }
}

/// A value of this kind, in most cases.
fn value(choices: &mut Choices<'_>, text: &mut String, kind: Kind) {
    const NUMBERS: &[&str] = &[
        "1",
        "0",
        "2",
        "3",
        "80",
        "51",
        "254",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "-1",
        "99999999999999999999",
        "1.5",
        "0.000001",
        "1.0000001",
        "0x1f",
        "1s",
    ];
    const ADDRESSES: &[&str] = &[
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.0/24",
        "10.0.0.1/33",
        "fd00::1",
        "fd00::2/64",
        "fe80::1%eth0",
        "224.0.0.18",
        "ff02::12",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "10.0.0.1-9",
        "::ffff:10.0.0.1",
        "10.0.0.1 dev eth0 label eth0:1 scope link",
        "10.0.0.9/24 brd +",
    ];
    const WORDS: &[&str] = &[
        "VI_1",
        "VI_2",
        "G",
        "eth0",
        "eth1",
        "on",
        "off",
        "text",
        "/tmp/file",
        "{",
        "}",
        "\"\"",
        "\"a b\"",
        "\u{a0}",
        "fwmark",
        "group",
        "weight",
        "reverse",
        "rr",
        "NAT",
        "DR",
        "TUN",
        "TCP",
        "UDP",
        "MASTER",
        "BACKUP",
        "PASS",
        "AH",
        "200-299",
        "via",
        "dev",
        "table",
        "from",
        "to",
        "abcdefghijklmnopqrstuvwxyz012345",
        "/",
        "@",
        "$A",
        "${",
        "~SEQ(A,1,3)",
    ];
    let octet = choices.next().unwrap_or(0);
    let pool = match kind {
        Kind::Integer(..) | Kind::Seconds(..) | Kind::Port | Kind::PortOrAny | Kind::Mark => {
            NUMBERS
        }
        Kind::Address | Kind::Ipv4 | Kind::Ipv6 | Kind::Network => ADDRESSES,
        Kind::OneOf(choices) if !choices.is_empty() => choices,
        _ => WORDS,
    };
    let pool = match octet {
        253 => NUMBERS,
        254 => ADDRESSES,
        255 => WORDS,
        _ => pool,
    };
    text.push(' ');
    text.push_str(pool[octet % pool.len()]);
}
