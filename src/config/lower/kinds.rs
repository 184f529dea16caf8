//! Single values, by the kinds that the reference has.

use std::net::IpAddr;
use std::time::Duration;

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::model::{Secret, SettingValue};
use crate::config::reference::{Kind, Value};
use crate::config::syntax::Word;

/// What the kernel keeps of a process's name, in bytes: TASK_COMM_LEN without the NUL.
const LONGEST_PROCESS: usize = 15;

impl Lower<'_, '_> {
    /// One value.
    pub(super) fn one(&mut self, word: Word, wanted: Value) -> Option<SettingValue> {
        let text = self.text(word);
        match wanted.kind {
            Kind::Integer(low, high) => self.integer(word, low, high).map(SettingValue::Integer),
            Kind::Clamped(low, high) => self.clamped(word, low, high).map(SettingValue::Integer),
            Kind::Seconds(low, high) => {
                let range = Duration::from_micros(low)..=Duration::from_micros(high);
                self.seconds(word, range).map(SettingValue::Seconds)
            }
            Kind::WholeSeconds(low, high) => {
                let seconds = self.whole_seconds(word, low..=high)?;
                Some(SettingValue::Integer(seconds.into()))
            }
            Kind::Milliseconds(low, high) => {
                let range = Duration::from_micros(low)..=Duration::from_micros(high);
                self.milliseconds(word, range)
                    .map(SettingValue::Milliseconds)
            }
            Kind::Switch => self.switch_value(word).map(SettingValue::Switch),
            Kind::Address => self.address(word).map(SettingValue::Address),
            Kind::Ipv4 | Kind::Ipv6 => {
                let address = self.address(word)?;
                if address.is_ipv4() != (wanted.kind == Kind::Ipv4) {
                    let span = word.span();
                    let expected = described(wanted.kind);
                    self.report(
                        Code::FamilyMismatch,
                        format!("`{address}` is not {expected}"),
                    )
                    .at(span, format!("expected {expected}"));
                    return None;
                }
                Some(SettingValue::Address(address))
            }
            Kind::Multicast | Kind::Multicast4 | Kind::Multicast6 => {
                let address = self.address(word)?;
                let is_right = address.is_multicast()
                    && match wanted.kind {
                        Kind::Multicast4 => address.is_ipv4(),
                        Kind::Multicast6 => address.is_ipv6(),
                        _ => true,
                    };
                if !is_right {
                    self.invalid(word, &described(wanted.kind));
                    return None;
                }
                Some(SettingValue::Address(address))
            }
            Kind::Network => self.network(word),
            Kind::Port => self
                .port(word)
                .map(|port| SettingValue::Integer(port.into())),
            Kind::PortOrAny => {
                let port = self.port_or_any(word)?;
                Some(SettingValue::Integer(port.into()))
            }
            Kind::Mark => self
                .mark(word)
                .map(|mark| SettingValue::Integer(mark.into())),
            Kind::Interface => {
                let name = self.interface_name(word)?;
                Some(SettingValue::Interface(name.to_owned()))
            }
            Kind::OneOf(choices) => {
                let choices: Vec<_> = choices.iter().map(|choice| (*choice, *choice)).collect();
                let choice = self.choice(word, "a word that is possible here", &choices)?;
                Some(SettingValue::Text(choice.to_owned()))
            }
            Kind::IntegerOr(low, high, words) => {
                let is_number = text.starts_with(|first: char| {
                    first.is_ascii_digit() || matches!(first, '+' | '-')
                });
                if is_number {
                    return self.integer(word, low, high).map(SettingValue::Integer);
                }
                // In whatever case, as for keepalived.
                let mut known = words.iter();
                let Some(known) = known.find(|known| known.eq_ignore_ascii_case(text)) else {
                    self.invalid(word, &described(wanted.kind));
                    return None;
                };
                Some(SettingValue::Text((*known).to_owned()))
            }
            Kind::Umask => {
                let is_mask = umask(text).is_some();
                if !is_mask {
                    self.invalid(word, "a mask of file modes").help(
                        "it is a number up to 0777 (octal behind `0`), or names of bits like \
                         `IWGRP|IWOTH`",
                    );
                }
                is_mask.then(|| SettingValue::Text(text.to_owned()))
            }
            // A word that announces it has been taken already.
            Kind::Nothing => None,
            Kind::FileName => {
                if matches!(text, "" | "." | "..") || text.contains('/') {
                    self.invalid(word, "a name without `/`")
                        .help("it is part of a file's name");
                    return None;
                }
                Some(SettingValue::Text(text.to_owned()))
            }
            Kind::Text | Kind::Secret | Kind::ProcessName if text.is_empty() => {
                self.invalid(word, "a value that says something");
                None
            }
            Kind::ProcessName => {
                let mut kept = text.len().min(LONGEST_PROCESS);
                while !text.is_char_boundary(kept) {
                    kept -= 1;
                }
                let kept = &text[..kept];
                if kept.len() < text.len() {
                    let span = word.span();
                    let message = format!("`{}` is too long for a process", shown(text));
                    self.report(Code::ValueAdjusted, message)
                        .at(span, format!("`{kept}` is used, as by keepalived"))
                        .help(format!(
                            "the kernel keeps {LONGEST_PROCESS} bytes of a name"
                        ))
                        .replace_with(kept);
                }
                Some(SettingValue::Text(kept.to_owned()))
            }
            Kind::Secret => Some(SettingValue::Secret(Secret(text.to_owned()))),
            Kind::Text => Some(SettingValue::Text(text.to_owned())),
            Kind::Name => self.plain_name(word, "a name").map(written),
            Kind::UrlPath => self.url_path(word).map(written),
            Kind::DomainName => self.domain_name(word).map(written),
            Kind::Hex => self.hex(word, "").map(written),
            Kind::HexPattern => self.hex(word, "xX").map(written),
            Kind::Md5 => self.md5(word).map(|_| written(text)),
            Kind::StatusCode => self.status_range(word).map(|_| written(text)),
            Kind::Granularity => self.granularity(word).map(|_| written(text)),
            Kind::AddressRange => self.address_range(word).map(|_| written(text)),
            Kind::Path => {
                if !text.starts_with('/') {
                    self.invalid(word, "an absolute path")
                        .help("ipvsd does not stay in the folder that it is started in");
                    return None;
                }
                Some(SettingValue::Text(text.to_owned()))
            }
        }
    }

    /// A whole number, of which keepalived sets what is beyond the limits to them.
    pub(super) fn clamped(&mut self, word: Word, low: i64, high: i64) -> Option<i64> {
        let Ok(number) = self.text(word).trim_start().parse::<i64>() else {
            return self.integer(word, low, high);
        };
        let used = number.clamp(low, high);
        if used != number {
            let span = word.span();
            let message = format!("{number} is beyond {low} to {high}");
            self.report(Code::ValueAdjusted, message)
                .at(span, format!("{used} is used, as by keepalived"))
                .replace_with(used.to_string());
        }
        Some(used)
    }

    /// A mark of a packet: decimal, or hexadecimal behind `0x`.
    pub(super) fn mark(&mut self, word: Word) -> Option<u32> {
        let text = self.text(word);
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => match u32::from_str_radix(digits, 16) {
                Ok(mark) => Some(mark),
                Err(_) => {
                    self.invalid(word, "a mark, like `7` or `0x1f`");
                    None
                }
            },
            None => self.number(word, 0..=u32::MAX),
        }
    }

    /// An address, perhaps with the length of its prefix.
    fn network(&mut self, word: Word) -> Option<SettingValue> {
        let text = self.text(word);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            let what = "an address, perhaps with the length of its prefix";
            self.invalid(word, what);
            return None;
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse::<u8>) {
            None => None,
            Some(Ok(prefix)) if prefix <= longest => Some(prefix),
            Some(_) => {
                let span = word.span();
                let message = format!("`{}` has no such prefix", shown(text));
                self.report(Code::OutOfRange, message)
                    .at(span, format!("a prefix of 0 to {longest} is possible"));
                return None;
            }
        };
        Some(SettingValue::Network(address, prefix))
    }
}

/// A value as it is written.
fn written(text: &str) -> SettingValue {
    SettingValue::Text(text.to_owned())
}

/// What a value is, as a message names it.
pub(super) fn described(kind: Kind) -> String {
    match kind {
        Kind::Integer(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Clamped(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Seconds(..) | Kind::WholeSeconds(..) => "a number of seconds".to_owned(),
        Kind::Milliseconds(..) => "a number of milliseconds".to_owned(),
        Kind::Multicast => "a multicast address".to_owned(),
        Kind::Multicast4 => "an IPv4 multicast address".to_owned(),
        Kind::Multicast6 => "an IPv6 multicast address".to_owned(),
        Kind::IntegerOr(low, high, words) => {
            format!(
                "a whole number from {low} to {high}, or {}",
                words.join(" or ")
            )
        }
        Kind::Umask => "a mask of file modes".to_owned(),
        Kind::Nothing => "nothing".to_owned(),
        Kind::FileName | Kind::ProcessName => "a name".to_owned(),
        Kind::Switch => "`on` or `off`".to_owned(),
        Kind::Address => "an address".to_owned(),
        Kind::Ipv4 => "an IPv4 address".to_owned(),
        Kind::Ipv6 => "an IPv6 address".to_owned(),
        Kind::Network => "an address".to_owned(),
        Kind::Port | Kind::PortOrAny => "a port".to_owned(),
        Kind::Mark => "a mark".to_owned(),
        Kind::Interface => "an interface".to_owned(),
        Kind::OneOf(choices) => format!("one of {}", choices.join(", ")),
        Kind::Text | Kind::Secret => "a value".to_owned(),
        Kind::Path => "an absolute path".to_owned(),
        Kind::Name => "a name".to_owned(),
        Kind::AddressRange => "an address or a range of addresses".to_owned(),
        Kind::Granularity => "a netmask".to_owned(),
        Kind::UrlPath => "a path".to_owned(),
        Kind::StatusCode => "a status code".to_owned(),
        Kind::Md5 => "an MD5 sum".to_owned(),
        Kind::Hex | Kind::HexPattern => "hexadecimal digits".to_owned(),
        Kind::DomainName => "a domain name".to_owned(),
    }
}

/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o777;

/// Names of bits, after the `S_` of stat.h.
const MODE_BITS: [(&str, u32); 12] = [
    ("IRUSR", 0o400),
    ("IWUSR", 0o200),
    ("IXUSR", 0o100),
    ("IRGRP", 0o040),
    ("IWGRP", 0o020),
    ("IXGRP", 0o010),
    ("IROTH", 0o004),
    ("IWOTH", 0o002),
    ("IXOTH", 0o001),
    ("IRWXU", 0o700),
    ("IRWXG", 0o070),
    ("IRWXO", 0o007),
];

/// What a mask of file modes is, as strtol(3) reads numbers with any base.
fn umask(text: &str) -> Option<u32> {
    let mask = if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u32::from_str_radix(digits, 16).ok()?
    } else if text.starts_with('0') {
        u32::from_str_radix(text, 8).ok()?
    } else if text.starts_with(|first: char| first.is_ascii_digit()) {
        text.parse().ok()?
    } else {
        let mut bits = text.split('|').map(|name| {
            let bit = MODE_BITS.iter().find(|(known, _)| *known == name.trim());
            bit.map(|(_, bit)| *bit)
        });
        bits.try_fold(0, |mask, bit| Some(mask | bit?))?
    };
    (mask <= PERMISSIONS).then_some(mask)
}
