//! Bytes that are no text.

use super::super::diagnostic::{Code, Collector};
use super::super::source::{Source, SourceId, Span};

/// Which bytes of a file matter though they are no text: those outside comments.
pub(super) struct BadBytes<'s> {
    text: &'s str,
    /// Offsets not yet looked at, ascending.
    pending: &'s [u32],
    first: Option<u32>,
    count: usize,
}

impl<'s> BadBytes<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        BadBytes {
            text: source.text(),
            pending: source.invalid_bytes(),
            first: None,
            count: 0,
        }
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

    fn take_until(&mut self, end: usize) {
        let before = self.pending.partition_point(|at| (*at as usize) < end);
        self.first = self.first.or(self.pending[..before].first().copied());
        self.count += before;
        self.pending = &self.pending[before..];
    }

    /// Says what was found. False if it is no text at all.
    pub(super) fn report(mut self, source: SourceId, diagnostics: &mut Collector) -> bool {
        self.take_until(usize::MAX);
        let span = |start: u32| Span {
            source,
            start,
            end: start + 1,
        };
        if let Some(first) = self.text.find('\0') {
            diagnostics
                .report(Code::NulByte, "a NUL byte")
                .at(span(first as u32), "this is no text")
                .help("the file may be damaged, or be UTF-16: save it as UTF-8");
            return false;
        }
        if let Some(first) = self.first {
            let message = match self.count {
                1 => "a byte that is not UTF-8".to_owned(),
                count => format!("{count} bytes that are not UTF-8"),
            };
            diagnostics
                .report(Code::NotUtf8, message)
                .at(span(first), "the first one")
                .help("a configuration is UTF-8; only comments may hold other bytes");
        }
        true
    }
}
