//! What a word takes, in short, as the reference shows it.

use ipvsd::config::reference::{Count, Grammar, Kind, Place, Takes, Value, Word};

/// The word and what follows it: `smtp_server HOST [PORT]`.
pub fn form(word: &Word) -> String {
    let name = word.name;
    match word.takes {
        Takes::Nothing => name.to_owned(),
        Takes::Values(values) => with(name, values),
        Takes::Block(head) => format!("{} {{ }}", with(name, head)),
        Takes::Lines(head, line) => format!("{} {{ {} ... }}", with(name, head), line_form(line)),
        Takes::List(value) => format!("{name} {{ {} ... }}", value.name),
        Takes::Command => format!("{name} COMMAND [USER [GROUP]]"),
        Takes::CommandLine => format!("{name} COMMAND"),
        Takes::OptionalCommand => format!("{name} [COMMAND [USER [GROUP]]]"),
        Takes::User => format!("{name} USER [GROUP]"),
        Takes::Own(grammar) => match (grammar.place, grammar.syntax) {
            (Place::Line, syntax) => format!("{name} {}", syntax.join(" ")),
            (Place::Block, [line]) => {
                let line = line.trim_end_matches(" ...");
                format!("{name} {{ {line} ... }}")
            }
            (Place::Block, _) => format!("{name} {{ }}"),
        },
    }
}

/// The lines that a word takes where they are too much for its form.
pub fn grammar(word: &Word) -> Option<&'static Grammar> {
    match word.takes {
        Takes::Own(grammar) if grammar.syntax.len() > 1 => Some(grammar),
        _ => None,
    }
}

fn with(name: &str, values: &[Value]) -> String {
    let line = line_form(values);
    format!("{name} {line}").trim_end().to_owned()
}

fn line_form(values: &[Value]) -> String {
    let forms: Vec<_> = values.iter().map(value_form).collect();
    forms.join(" ")
}

fn value_form(value: &Value) -> String {
    let name = value.name;
    let Some(word) = value.behind else {
        return match value.count {
            Count::One => name.to_owned(),
            Count::Optional => format!("[{name}]"),
            Count::Many => format!("{name} ..."),
            Count::Any => format!("[{name} ...]"),
        };
    };
    if value.kind == Kind::Nothing {
        return format!("[{word}]");
    }
    // What is announced may be left out as a whole.
    match value.count {
        Count::One | Count::Many => format!("[{word} {name}]"),
        Count::Optional | Count::Any => format!("[{word} [{name}]]"),
    }
}

/// What its values may be, beyond what their names say: `1 to 255`.
pub fn range(word: &Word) -> String {
    let values: Vec<&Value> = match &word.takes {
        Takes::Values(values) | Takes::Block(values) => values.iter().collect(),
        Takes::Lines(head, line) => head.iter().chain(line.iter()).collect(),
        Takes::List(value) => vec![value],
        Takes::Nothing
        | Takes::Command
        | Takes::CommandLine
        | Takes::OptionalCommand
        | Takes::User
        | Takes::Own(_) => Vec::new(),
    };
    let ranges = values
        .iter()
        .map(|value| (value.name, kind_range(value.kind)))
        .filter(|(_, range)| !range.is_empty());
    let mut ranges: Vec<_> = ranges.collect();
    ranges.dedup();
    match (ranges.as_slice(), values.len()) {
        ([(_, range)], 1) => range.clone(),
        _ => {
            let named = ranges
                .iter()
                .map(|(name, range)| format!("{name}: {range}"));
            named.collect::<Vec<_>>().join("; ")
        }
    }
}

fn kind_range(kind: Kind) -> String {
    match kind {
        Kind::Integer(low, high) if low == i64::MIN && high == i64::MAX => String::new(),
        Kind::Integer(low, high) => format!("{low} to {high}"),
        Kind::Clamped(low, high) => format!("{low} to {high}; beyond, the nearest of these"),
        Kind::WholeSeconds(low, high) => format!("{low} to {high}"),
        Kind::Milliseconds(low, high) => format!("{} to {}", milliseconds(low), milliseconds(high)),
        Kind::IntegerOr(low, high, words) => format!("{low} to {high}, {}", choices(words)),
        Kind::Umask => "0 to 0777".to_owned(),
        Kind::Multicast => "multicast".to_owned(),
        Kind::Multicast4 => "IPv4 multicast".to_owned(),
        Kind::Multicast6 => "IPv6 multicast".to_owned(),
        Kind::Seconds(low, high) => format!("{} to {}", seconds(low), seconds(high)),
        Kind::Ipv4 => "IPv4".to_owned(),
        Kind::Ipv6 => "IPv6".to_owned(),
        Kind::Port => "1 to 65535".to_owned(),
        Kind::PortOrAny => "0 to 65535".to_owned(),
        Kind::Mark => "0 to 4294967295".to_owned(),
        Kind::Interface => "1 to 15 bytes".to_owned(),
        Kind::OneOf(words) => choices(words),
        Kind::ProcessName => "15 bytes; longer ones are cut off".to_owned(),
        Kind::Path => "absolute".to_owned(),
        Kind::Name => "no blanks".to_owned(),
        Kind::AddressRange => "`ADDRESS`, `FIRST-LAST`, `ADDRESS/PREFIX`".to_owned(),
        Kind::Granularity => "IPv4 netmask, IPv6 prefix of 1 to 128".to_owned(),
        Kind::UrlPath => "begins with `/`, no blanks".to_owned(),
        Kind::StatusCode => "100 to 599, or `FIRST-LAST`".to_owned(),
        Kind::Md5 => "32 hexadecimal digits".to_owned(),
        Kind::Hex => "hexadecimal digits".to_owned(),
        Kind::HexPattern => "hexadecimal digits and `x`".to_owned(),
        Kind::DomainName => "at most 253 bytes".to_owned(),
        Kind::Switch
        | Kind::Address
        | Kind::Network
        | Kind::Text
        | Kind::Secret
        | Kind::Nothing
        | Kind::FileName => String::new(),
    }
}

fn choices(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Microseconds, in milliseconds.
fn milliseconds(micros: u64) -> String {
    seconds(micros.saturating_mul(1000))
}

/// Microseconds, in seconds.
fn seconds(micros: u64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    match fraction {
        0 => whole.to_string(),
        _ => format!("{whole}.{}", format!("{fraction:06}").trim_end_matches('0')),
    }
}
