//! Right and wrong values of every kind.

use ipvsd::config::Code;
use ipvsd::config::reference::{Count, Kind, Takes, Value};

/// A value that is wrong, and how that is told.
pub struct Wrong {
    pub text: String,
    pub told: &'static [Code],
}

const INVALID: &[Code] = &[Code::InvalidValue];
const RANGE: &[Code] = &[Code::OutOfRange];
const ADJUSTED: &[Code] = &[Code::ValueAdjusted];
/// What is too large for the one is none of the other.
const EITHER: &[Code] = &[Code::InvalidValue, Code::OutOfRange];
const FAMILY: &[Code] = &[Code::FamilyMismatch, Code::InvalidValue];

const TOO_LONG: &str = "99999999999999999999999999999999999999999";

/// A value that is right: the least where there is a range.
pub fn good(kind: Kind) -> String {
    match kind {
        Kind::Integer(low, high) | Kind::Clamped(low, high) | Kind::IntegerOr(low, high, _) => {
            1.clamp(low, high).to_string()
        }
        Kind::WholeSeconds(low, high) => 1.clamp(low, high).to_string(),
        Kind::Milliseconds(low, _) => seconds(low.saturating_mul(1000)),
        Kind::Umask => "022".to_owned(),
        Kind::Multicast | Kind::Multicast4 => "224.0.0.77".to_owned(),
        Kind::Multicast6 => "ff02::77".to_owned(),
        Kind::Nothing => String::new(),
        Kind::FileName | Kind::ProcessName => "name".to_owned(),
        Kind::Seconds(low, high) if low <= 1_000_000 && high >= 1_000_000 => "1".to_owned(),
        Kind::Seconds(low, _) => seconds(low),
        Kind::Switch => "off".to_owned(),
        Kind::Address | Kind::Ipv4 => "10.0.0.77".to_owned(),
        Kind::Ipv6 => "fd00::77".to_owned(),
        Kind::Network => "10.0.0.77/32".to_owned(),
        Kind::Port | Kind::PortOrAny => "8080".to_owned(),
        Kind::Mark => "0x1f".to_owned(),
        Kind::Interface => "eth0".to_owned(),
        Kind::OneOf(choices) => choices.first().copied().unwrap_or_default().to_owned(),
        Kind::Text | Kind::Secret => "text".to_owned(),
        Kind::Path => "/tmp/file".to_owned(),
        Kind::Name => "name".to_owned(),
        Kind::AddressRange => "10.0.0.1-9".to_owned(),
        Kind::Granularity => "255.255.255.0".to_owned(),
        Kind::UrlPath => "/index.html".to_owned(),
        Kind::StatusCode => "200-299".to_owned(),
        Kind::Md5 => "9b3a0c85a887a256d6939da88aabd8cd".to_owned(),
        Kind::Hex => "00fF".to_owned(),
        Kind::HexPattern => "0xXf".to_owned(),
        Kind::DomainName => "www.example.org.".to_owned(),
    }
}

/// The greatest value of a range, where that is another one than [`good`].
pub fn greatest(kind: Kind) -> Option<String> {
    match kind {
        Kind::Integer(_, high) | Kind::Clamped(_, high) => Some(high.to_string()),
        Kind::IntegerOr(_, _, words) => words.last().map(|word| (*word).to_owned()),
        Kind::WholeSeconds(_, high) => Some(high.to_string()),
        Kind::Milliseconds(_, high) => Some(seconds(high.saturating_mul(1000))),
        Kind::Umask => Some("0x1ff".to_owned()),
        Kind::Seconds(_, high) => Some(seconds(high)),
        Kind::Port | Kind::PortOrAny => Some("65535".to_owned()),
        Kind::Mark => Some("4294967295".to_owned()),
        Kind::Interface => Some("a23456789012345".to_owned()),
        _ => None,
    }
}

/// Several values that are right; none where it is not known what could be.
pub fn all_good(kind: Kind) -> Vec<String> {
    let more: &[&str] = match kind {
        Kind::Text | Kind::Secret | Kind::Path | Kind::Nothing => return Vec::new(),
        Kind::IntegerOr(_, _, words) => words,
        Kind::Umask => &["0", "77", "IRWXO|IWGRP"],
        Kind::Multicast => &["ff02::77"],
        Kind::Switch => &["on", "off", "true", "no"],
        Kind::OneOf(choices) => choices,
        Kind::Address => &["10.0.0.78", "fd00::78", "::ffff:10.0.0.1"],
        Kind::Network => &["10.0.0.0/8", "fd00::/64", "10.0.0.79"],
        Kind::Interface => &["eth0.100", "lo"],
        Kind::Mark => &["0", "7"],
        _ => &[],
    };
    let texts = more.iter().map(|text| (*text).to_owned());
    texts.chain([good(kind)]).chain(greatest(kind)).collect()
}

/// Every way in which a value of this kind can be wrong.
pub fn wrong(kind: Kind) -> Vec<Wrong> {
    let mut all = match kind {
        Kind::Integer(low, high) => {
            let mut all = wrongs(INVALID, &["banana", "1.5", "0x10", "1s"]);
            let beyond = [low.checked_sub(1), high.checked_add(1)];
            let beyond = beyond
                .into_iter()
                .flatten()
                .map(|number| number.to_string());
            all.extend(beyond.map(|text| Wrong { text, told: RANGE }));
            all.extend(wrongs(RANGE, &[TOO_LONG, &format!("-{TOO_LONG}")]));
            all
        }
        Kind::Seconds(low, high) => {
            let mut all = wrongs(INVALID, &["banana", "1s", "1.5.5", "1,5", "."]);
            let beyond = [low.checked_sub(1), high.checked_add(1)];
            let beyond = beyond.into_iter().flatten().map(seconds);
            all.extend(beyond.map(|text| Wrong { text, told: RANGE }));
            all.extend(wrongs(EITHER, &["-1", TOO_LONG]));
            all
        }
        Kind::Clamped(low, high) => {
            let mut all = wrongs(INVALID, &["banana", "1.5"]);
            all.extend(beyond(low, high, ADJUSTED));
            all
        }
        Kind::IntegerOr(low, high, _) => {
            let mut all = wrongs(INVALID, &["banana", "1.5"]);
            all.extend(beyond(low, high, RANGE));
            all
        }
        Kind::WholeSeconds(low, high) => {
            let mut all = wrongs(INVALID, &["banana", "1.5", "1s"]);
            all.extend(beyond(low.into(), high.into(), RANGE));
            all
        }
        Kind::Milliseconds(low, high) => {
            let mut all = wrongs(INVALID, &["banana", "1ms", "1.5.5"]);
            let beyond = [low.checked_sub(1), high.checked_add(1)];
            let beyond = beyond
                .into_iter()
                .flatten()
                .map(|micros| seconds(micros * 1000));
            all.extend(beyond.map(|text| Wrong { text, told: RANGE }));
            all
        }
        Kind::Umask => wrongs(
            EITHER,
            &["banana", "01000", "08", "512", "IRWXO|", TOO_LONG],
        ),
        Kind::Multicast4 => wrongs(FAMILY, &["banana", "10.0.0.1", "ff02::1"]),
        Kind::Multicast6 => wrongs(FAMILY, &["banana", "224.0.0.1", "fd00::1"]),
        Kind::Multicast => wrongs(INVALID, &["banana", "10.0.0.1", "fd00::1", "224.0.0.0/4"]),
        Kind::FileName => wrongs(INVALID, &["a/b", ".", ".."]),
        Kind::ProcessName => wrongs(ADJUSTED, &["a234567890123456"]),
        Kind::Nothing => return Vec::new(),
        Kind::Switch => wrongs(INVALID, &["banana", "2"]),
        Kind::Address | Kind::Ipv4 | Kind::Ipv6 => {
            let others = [
                "banana",
                "10.0.0.256",
                "10.0.0",
                "fd00::1%eth0",
                "[fd00::1]",
                "fd00::1::2",
            ];
            let mut all = wrongs(INVALID, &others);
            match kind {
                Kind::Ipv4 => all.extend(wrongs(FAMILY, &["fd00::1"])),
                Kind::Ipv6 => all.extend(wrongs(FAMILY, &["10.0.0.1"])),
                _ => {}
            }
            all
        }
        Kind::Network => {
            let mut all = wrongs(INVALID, &["banana", "10.0.0.256/24", "/24"]);
            all.extend(wrongs(
                EITHER,
                &["10.0.0.1/33", "fd00::1/129", "10.0.0.1/-1", "10.0.0.1/"],
            ));
            all
        }
        Kind::Port => {
            let mut all = wrongs(INVALID, &["banana", "http", "80.5"]);
            all.extend(wrongs(RANGE, &["0", "65536", "-1", TOO_LONG]));
            all
        }
        Kind::PortOrAny => {
            let mut all = wrongs(INVALID, &["banana", "http", "80.5"]);
            all.extend(wrongs(RANGE, &["65536", "-1", TOO_LONG]));
            all
        }
        Kind::Mark => {
            let mut all = wrongs(INVALID, &["banana", "0x", "0xg", "1.5"]);
            all.extend(wrongs(
                EITHER,
                &["4294967296", "0x100000000", "-1", TOO_LONG],
            ));
            all
        }
        Kind::Interface => wrongs(EITHER, &["a234567890123456"]),
        Kind::OneOf(_) => wrongs(INVALID, &["banana"]),
        Kind::Path => wrongs(INVALID, &["banana", "./file", "../file"]),
        Kind::Secret | Kind::Text => Vec::new(),
        Kind::Name => wrongs(INVALID, &["\"a b\""]),
        Kind::AddressRange => {
            let mut all = wrongs(
                INVALID,
                &[
                    "banana",
                    "10.0.0.9-1",
                    "10.0.0.1-300",
                    "10.0.1.0-10.0.0.9",
                    "10.0.0.1/24",
                    "10.0.0.1-9/24",
                    "fd00::1-12345",
                    "10.0.0.1-",
                ],
            );
            all.extend(wrongs(RANGE, &["10.0.0.0/33", "10.0.0.0/0", "fd00::/129"]));
            all.extend(wrongs(FAMILY, &["fd00::1-10.0.0.1"]));
            all
        }
        Kind::Granularity => wrongs(INVALID, &["banana", "0", "129", "fd00::", "255.255.256.0"]),
        Kind::UrlPath => wrongs(INVALID, &["index.html", "\"/a b\""]),
        Kind::StatusCode => wrongs(INVALID, &["banana", "99", "600", "299-200", "200-"]),
        Kind::Md5 => wrongs(INVALID, &["1234", "gb3a0c85a887a256d6939da88aabd8cd"]),
        Kind::Hex => wrongs(INVALID, &["xyz", "0x1", "0f,0f"]),
        Kind::HexPattern => wrongs(INVALID, &["xyz", "0f,0f"]),
        Kind::DomainName => {
            let long = format!("{}.org", "a".repeat(64));
            wrongs(INVALID, &["a..b", ".a", "\"a b\"", &long])
        }
    };
    all.extend(wrongs(EITHER, &["\"\""]));
    all
}

/// The numbers next to a range.
fn beyond(low: i64, high: i64, told: &'static [Code]) -> impl Iterator<Item = Wrong> {
    let numbers = [low.checked_sub(1), high.checked_add(1)];
    let numbers = numbers.into_iter().flatten();
    numbers.map(move |number| Wrong {
        text: number.to_string(),
        told,
    })
}

fn wrongs(told: &'static [Code], texts: &[&str]) -> Vec<Wrong> {
    let wrong = |text: &&str| Wrong {
        text: (*text).to_owned(),
        told,
    };
    texts.iter().map(wrong).collect()
}

/// Microseconds, in seconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A value on a line, with the word that announces it.
#[derive(Clone)]
pub struct Part {
    pub announced: Option<&'static str>,
    pub kind: Kind,
    pub count: Count,
    pub text: String,
}

/// Every value that may be there, right. `texts` are used for the first of them.
pub fn parts(values: &[Value], texts: &[&str]) -> Vec<Part> {
    let with_texts = values.iter().enumerate();
    let parts = with_texts.map(|(index, value)| Part {
        announced: value.behind,
        kind: value.kind,
        count: value.count,
        text: match texts.get(index) {
            Some(text) => (*text).to_owned(),
            None => good(value.kind),
        },
    });
    parts.collect()
}

/// The parts as they stand on a line.
pub fn line(parts: &[Part]) -> String {
    let words = parts.iter().flat_map(|part| {
        let text = Some(part.text.clone()).filter(|text| !text.is_empty());
        part.announced.map(str::to_owned).into_iter().chain(text)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The values of a word that stand on its line.
pub fn head(takes: Takes) -> &'static [Value] {
    match takes {
        Takes::Values(values) | Takes::Block(values) | Takes::Lines(values, _) => values,
        Takes::Nothing
        | Takes::List(_)
        | Takes::Command
        | Takes::CommandLine
        | Takes::OptionalCommand
        | Takes::User
        | Takes::Own(_) => &[],
    }
}
