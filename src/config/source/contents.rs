//! What stands in a file.

use std::ops::Range;
use std::sync::OnceLock;

/// What stands in for a byte that is not UTF-8.
const SUBSTITUTE: u8 = b'?';

/// What stands in a file.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Contents {
    text: String,
    /// Offsets of bytes that are not UTF-8, ascending.
    invalid: Vec<u32>,
    /// Where the lines begin; found when it is first asked for.
    line_starts: OnceLock<Vec<u32>>,
}

impl Contents {
    /// Beyond 4 GB they are cut off; who reads a file refuses it before.
    pub fn new(contents: Vec<u8>) -> Self {
        let (text, invalid) = decode(contents);
        Contents {
            text,
            invalid,
            line_starts: OnceLock::new(),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where bytes are not UTF-8: offsets, ascending.
    pub fn invalid(&self) -> &[u32] {
        &self.invalid
    }

    /// Puts `*` in the place of every byte of a range.
    pub fn hide(&mut self, range: Range<usize>) {
        let stars = "*".repeat(range.len());
        self.text.replace_range(range, &stars);
    }

    /// Where bytes of the range are not UTF-8.
    pub fn invalid_within(&self, range: Range<usize>) -> &[u32] {
        let from = self
            .invalid
            .partition_point(|at| (*at as usize) < range.start);
        let to = self
            .invalid
            .partition_point(|at| (*at as usize) < range.end);
        self.invalid.get(from..to).unwrap_or(&[])
    }

    /// Index of the line that holds the byte at `offset`, and where it begins.
    pub fn line(&self, offset: u32) -> (usize, u32) {
        let starts = self.line_starts.get_or_init(|| {
            let newlines = self
                .text
                .bytes()
                .zip(1..)
                .filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0)
                .chain(newlines.map(|(_, next)| next))
                .collect()
        });
        let line = starts.partition_point(|start| *start <= offset) - 1;
        (line, starts[line])
    }
}

fn decode(contents: Vec<u8>) -> (String, Vec<u32>) {
    let mut bytes = match String::from_utf8(contents) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut invalid = Vec::new();
    let mut start = 0;
    while let Err(error) = std::str::from_utf8(&bytes[start..]) {
        let at = start + error.valid_up_to();
        // No length: the file ends within a character.
        let end = error.error_len().map_or(bytes.len(), |length| at + length);
        for (offset, byte) in (at..).zip(&mut bytes[at..end]) {
            invalid.push(offset as u32);
            *byte = SUBSTITUTE;
        }
        start = end;
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    (text, invalid)
}
