//! The lines of a file, and which of them may be more than words.

use std::ops::Range;
use std::sync::Arc;

use super::super::source::{Contents, SourceId};
use super::text::is_blank;

/// Goes through the lines of a file.
pub(super) struct Reader {
    pub id: SourceId,
    pub contents: Arc<Contents>,
    pub at: usize,
    /// The number of the next line, from 1.
    pub line: u32,
}

impl Reader {
    /// The next line, without its end.
    pub fn next(&mut self) -> Option<Range<usize>> {
        let text = self.contents.text();
        let rest = text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        let range = self.at..self.at + length;
        self.at = (range.end + 1).min(text.len());
        self.line += 1;
        Some(range)
    }
}

/// Whether there may be more in a file than words. Most have nothing of the kind, and
/// are not looked at line by line.
pub(super) fn needs_attention(text: &str) -> bool {
    text.contains('$')
        || text.contains('~')
        || text.contains("include")
        || text.contains('@') && text.lines().any(|line| line.trim_start().starts_with('@'))
}

/// Whether a line may be something else than words by its beginning.
pub(super) fn is_special(line: &str) -> bool {
    let text = line.trim_start_matches(is_blank);
    match text.as_bytes().first() {
        Some(b'@' | b'~') => true,
        Some(b'i') => text.starts_with("include"),
        Some(b'r') => text.starts_with("random_seed"),
        _ => false,
    }
}
