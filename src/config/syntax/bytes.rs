//! Bytes that are no text.

use std::collections::BTreeMap;

use super::super::diagnostic::{Code, Collector};
use super::super::source::{Source, SourceId, Sources, Span};

/// Which bytes matter though they are no text: those outside comments.
#[derive(Default)]
pub(super) struct BadBytes<'s> {
    source: SourceId,
    /// Offsets of the current piece that are not looked at yet, ascending.
    pending: &'s [u32],
    /// For each file that has some, the first one and how many there are.
    found: BTreeMap<SourceId, Found>,
}

struct Found {
    first: Span,
    count: usize,
}

impl<'s> BadBytes<'s> {
    /// Part of a file is read.
    pub(super) fn begin(&mut self, source: &'s Source, piece: Span) {
        self.source = piece.source;
        let range = piece.range();
        let before = |at: &u32, end: usize| (*at as usize) < end;
        let invalid = source.invalid_bytes();
        let from = invalid.partition_point(|at| before(at, range.start));
        let to = invalid.partition_point(|at| before(at, range.end));
        self.pending = invalid.get(from..to).unwrap_or(&[]);
    }

    /// There is a comment here; the one before it has been told.
    pub(super) fn comment(&mut self, from: usize, to: usize) {
        if self.pending.is_empty() {
            return;
        }
        self.take_until(from);
        let within = self.pending.partition_point(|at| (*at as usize) < to);
        self.pending = &self.pending[within..];
    }

    /// That part has been read.
    pub(super) fn end(&mut self) {
        self.take_until(usize::MAX);
    }

    fn take_until(&mut self, end: usize) {
        let before = self.pending.partition_point(|at| (*at as usize) < end);
        for start in &self.pending[..before] {
            let (start, source) = (*start, self.source);
            let end = start + 1;
            self.take(Span { source, start, end });
        }
        self.pending = &self.pending[before..];
    }

    fn take(&mut self, byte: Span) {
        let found = self.found.entry(byte.source).or_insert(Found {
            first: byte,
            count: 0,
        });
        found.count += 1;
        if byte.start < found.first.start {
            found.first = byte;
        }
    }

    /// Says what was found. False if it is no text at all.
    pub(super) fn report(mut self, sources: &Sources, diagnostics: &mut Collector) -> bool {
        let nul = sources
            .iter()
            .find_map(|(id, source)| source.text().find('\0').map(|at| (id, at as u32)));
        if let Some((source, start)) = nul {
            let end = start + 1;
            diagnostics
                .report(Code::NulByte, "a NUL byte")
                .at(Span { source, start, end }, "this is no text")
                .help("the file may be damaged, or be UTF-16: save it as UTF-8");
            return false;
        }
        for byte in sources.stray() {
            self.take(*byte);
        }
        for found in self.found.values() {
            let message = match found.count {
                1 => "a byte that is not UTF-8".to_owned(),
                count => format!("{count} bytes that are not UTF-8"),
            };
            diagnostics
                .report(Code::NotUtf8, message)
                .at(found.first, "the first one")
                .help("a configuration is UTF-8; only comments may hold other bytes");
        }
        true
    }
}
