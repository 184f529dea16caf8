//! Keys of `auth_hmac`, and the files that they may stand in.
//!
//! Lowering only names the files; they are read here, behind it, by what
//! [`load`](super::load) is given for it.

use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::{Code, Collector, Diagnostic};
use super::model::Model;
use super::source::{KeyContents, Span};
use crate::vrrp::settings::{Authentication, Key};

/// How many octets a key has.
const OCTETS: std::ops::RangeInclusive<usize> = 32..=64;

/// What stands before hexadecimal digits.
const HEX: &[u8] = b"hex:";

/// A file that a key of the model is still to be read from.
#[derive(Clone, Debug)]
pub(super) struct KeyFile {
    /// From the root on.
    pub path: PathBuf,
    /// Where the configuration names it.
    pub span: Span,
    /// Index of the instance in the model; there is none where it was left out, for a
    /// reason that has been told.
    pub instance: usize,
    /// The number of the key.
    pub number: u8,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// An odd number of hexadecimal digits, or something else among them.
    NotHex,
    /// It has so many octets.
    Length(usize),
    /// A text with characters beyond ASCII, which programs may write in several ways.
    NotAscii,
}

impl KeyFault {
    pub(super) fn code(self) -> Code {
        match self {
            KeyFault::Length(_) => Code::OutOfRange,
            KeyFault::NotHex | KeyFault::NotAscii => Code::InvalidValue,
        }
    }

    /// Never with the key.
    pub(super) fn message(self, number: u8) -> String {
        match self {
            KeyFault::NotHex => format!("the key {number} is not in hexadecimal digits"),
            KeyFault::Length(octets) => format!("the key {number} has {octets} octets"),
            KeyFault::NotAscii => format!("the key {number} has characters beyond ASCII"),
        }
    }

    pub(super) fn tell(self, diagnostic: &mut Diagnostic, span: Span) {
        match self {
            KeyFault::NotHex => diagnostic
                .at(span, "expected two digits for each of 32 to 64 octets")
                .help("without `hex:`, a key is taken as the text that it is"),
            KeyFault::Length(_) => diagnostic
                .at(span, "possible is 32 to 64")
                .help("`openssl rand -hex 32` makes 32 octets, to be written behind `hex:`"),
            KeyFault::NotAscii => diagnostic
                .at(span, "expected letters, digits and signs of ASCII")
                .help("other octets can be written as `hex:` and their digits"),
        };
    }
}

/// The octets of a key as it is written: `hex:` and digits, or a text.
pub(super) fn key(written: &[u8]) -> Result<Key, KeyFault> {
    let octets = match written.strip_prefix(HEX) {
        Some(digits) => from_hex(digits).ok_or(KeyFault::NotHex)?,
        None if written.is_ascii() => written.to_vec(),
        None => return Err(KeyFault::NotAscii),
    };
    match OCTETS.contains(&octets.len()) {
        true => Ok(Key(octets)),
        false => Err(KeyFault::Length(octets.len())),
    }
}

/// Tells of a text that looks like hexadecimal digits, which it is not taken for.
pub(super) fn tell_digits(written: &[u8], number: u8, span: Span, diagnostics: &mut Collector) {
    let is_octets = OCTETS.contains(&(written.len() / 2)) && from_hex(written).is_some();
    if is_octets {
        diagnostics
            .report(
                Code::Doubtful,
                format!("the key {number} looks like hexadecimal digits"),
            )
            .at(span, "it is taken as the text that it is, as by keepalived")
            .help("for the octets that it stands for, write `hex:` before it, on all directors");
    }
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    });
    pairs.collect()
}

/// Reads the files that keys stand in, each into its place in the model.
pub(super) fn fill(
    model: &mut Model,
    diagnostics: &mut Collector,
    files: &[KeyFile],
    read: &dyn Fn(&Path) -> io::Result<KeyContents>,
) {
    for file in files {
        let Some(key) = read_one(diagnostics, file, read) else {
            continue;
        };
        let instance = model.vrrp_instances.get_mut(file.instance);
        if let Some(instance) = instance
            && let Authentication::Hmac(hmac) = &mut instance.settings.authentication
        {
            hmac.keys.insert(file.number, key);
        }
    }
}

fn read_one(
    diagnostics: &mut Collector,
    file: &KeyFile,
    read: &dyn Fn(&Path) -> io::Result<KeyContents>,
) -> Option<Key> {
    let (number, path) = (file.number, file.path.display());
    let contents = match read(&file.path) {
        Ok(contents) => contents,
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
                _ => error.to_string(),
            };
            diagnostics
                .report(Code::Unreadable, format!("{path}: {why}"))
                .at(file.span, format!("the key {number} cannot be read"))
                .help("files are read as the user that ipvsd is started by");
            return None;
        }
    };
    if contents.is_open {
        diagnostics
            .report(
                Code::Doubtful,
                format!("{path}: everybody can read or change it"),
            )
            .at(file.span, format!("the key {number} is no secret"))
            .help("take the permissions from the others: `chmod 600`; then take a new key");
    }
    let written = without_newline(&contents.octets);
    if contents.octets.ends_with(b"\r\n") {
        diagnostics
            .report(
                Code::Doubtful,
                format!("{path}: the line ends with CR and LF"),
            )
            .at(file.span, format!("neither is part of the key {number}"))
            .help("keepalived may count the CR: end the line with LF alone, on all directors");
    } else if written.ends_with(b"\n") || written.ends_with(b"\r") {
        diagnostics
            .report(Code::Doubtful, format!("{path}: more than one line end"))
            .at(
                file.span,
                format!("all but the last one are part of the key {number}"),
            )
            .help("remove the empty lines at its end, on all directors");
    }
    tell_digits(written, number, file.span, diagnostics);
    match key(written) {
        Ok(key) => Some(key),
        Err(fault) => {
            fault.tell(
                diagnostics.report(fault.code(), fault.message(number)),
                file.span,
            );
            None
        }
    }
}

/// Editors end a file with a newline, which is not meant to be part of the key.
fn without_newline(octets: &[u8]) -> &[u8] {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    octets.strip_suffix(b"\r").unwrap_or(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_32_to_64_octets() {
        let text = |length| key("k".repeat(length).as_bytes());
        assert_eq!(text(31), Err(KeyFault::Length(31)));
        assert_eq!(text(32), Ok(Key(vec![b'k'; 32])));
        assert_eq!(text(64), Ok(Key(vec![b'k'; 64])));
        assert_eq!(text(65), Err(KeyFault::Length(65)));
        let hex = |digits: &str, pairs| key(format!("hex:{}", digits.repeat(pairs)).as_bytes());
        assert_eq!(hex("0aF", 2), Err(KeyFault::Length(3)));
        assert_eq!(hex("fF", 32), Ok(Key(vec![255; 32])));
        assert_eq!(hex("fFf", 33), Err(KeyFault::NotHex));
        assert_eq!(hex("0g", 32), Err(KeyFault::NotHex));
        assert_eq!(key("é".repeat(20).as_bytes()), Err(KeyFault::NotAscii));
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_key() {
        assert_eq!(without_newline(b"key\n"), b"key");
        assert_eq!(without_newline(b"key\r\n"), b"key");
        assert_eq!(without_newline(b"key\n\n"), b"key\n");
        assert_eq!(without_newline(b"k\ney"), b"k\ney");
    }
}
