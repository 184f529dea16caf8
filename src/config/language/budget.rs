//! How much may be made of a configuration.

use super::super::diagnostic::Code;
use super::super::source::Span;
use super::Expander;

/// The most lines that are made, as many as there may be statements.
pub const MAX_LINES: usize = 4_000_000;
/// The most bytes that are made.
pub const MAX_BYTES: usize = 256 << 20;
/// The longest line that is made, in bytes.
pub const MAX_LINE: usize = 1 << 20;
/// How often definitions are replaced, and lines of sequences repeated.
pub const MAX_STEPS: usize = 4_000_000;

/// How many names of files are tried, those counted that no file has.
pub const MAX_TRIED: usize = 200_000;

/// What has been used up.
#[derive(Debug, Default)]
pub(super) struct Budget {
    lines: usize,
    steps: usize,
    /// Lines and steps when the line of the file was begun that is being worked off.
    lines_before: usize,
    steps_before: usize,
    /// Names of files that were tried.
    tried: usize,
    /// Bytes of files that are included.
    included: usize,
    exceeded: bool,
    /// The line that has made most.
    largest: Option<(usize, Span)>,
}

impl Budget {
    pub fn begin(&mut self) {
        (self.lines_before, self.steps_before) = (self.lines, self.steps);
    }

    /// How much the current line has used up.
    fn used(&self) -> usize {
        (self.lines - self.lines_before).max(self.steps - self.steps_before)
    }

    pub fn end(&mut self, line: Span) {
        let used = self.used();
        if self.largest.is_none_or(|(most, _)| used > most) {
            self.largest = Some((used, line));
        }
    }

    /// One more line of so many bytes, with `before` bytes made already. False if that is
    /// too much.
    pub fn take_line(&mut self, before: usize, length: usize) -> bool {
        self.lines += 1;
        self.lines <= MAX_LINES && before + length < MAX_BYTES
    }

    /// One more replacement. False if that is too much.
    pub fn take_step(&mut self) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS
    }

    /// Whether there is room for so many replacements more. If not, nothing is left.
    pub fn has_steps(&mut self, steps: u128) -> bool {
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let after = self.steps.saturating_add(steps);
        if after > MAX_STEPS {
            self.steps = after;
        }
        after <= MAX_STEPS
    }

    /// One more file is looked for. False if that is too much.
    pub fn take_name(&mut self) -> bool {
        self.tried += 1;
        self.tried <= MAX_TRIED
    }

    /// A file of so many bytes is included.
    pub fn take_bytes(&mut self, length: usize) {
        self.included += length;
    }

    /// Whether there is room for what is included.
    pub fn holds_bytes(&self) -> bool {
        self.included <= MAX_BYTES
    }

    pub fn exceed(&mut self) {
        self.exceeded = true;
    }

    /// Nothing more is made. Why has been told.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded
    }
}

impl Expander<'_> {
    pub(super) fn end_of_root(&mut self) {
        self.budget.end(self.root.line);
    }

    /// Too much is made. Says which line makes most of it.
    pub(super) fn overflow(&mut self) {
        if self.budget.is_exceeded() {
            return;
        }
        self.end_of_root();
        self.budget.exceed();
        let (made, line) = self.budget.largest.unwrap_or((0, self.root.line));
        let message = format!(
            "definitions and sequences make more than {MAX_LINES} lines, {} MB or {MAX_STEPS} replacements",
            MAX_BYTES >> 20
        );
        self.diagnostics.report(Code::TooLarge, message).at(
            line,
            format!("this line multiplies: {made} lines or replacements"),
        );
    }
}
