//! Which block lacks its closing brace, by the look of the file.
//!
//! Braces alone do not tell: when one is missing, each that follows closes the
//! block within the one that it was written for, and only the end of the file shows
//! that there are too few. Most files are indented, and there the first line that
//! stands too far to the left shows which block should have ended before it.

use super::super::source::SourceId;

/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// The indentation of the blocks that are open. Columns count from 0, with tabs.
pub(super) struct Indents {
    /// How many braces are still missing. No more blocks are ended than that.
    missing: usize,
    open: Vec<Block>,
}

struct Block {
    /// The file of that line. What is included or made from a line elsewhere has an
    /// indentation of its own, which says nothing of this block.
    of: SourceId,
    /// The column of the line on which the block's statement begins.
    column: usize,
    /// The first line within stands further to the right: the block is indented, so
    /// that a line further to the left means something.
    indented: Option<bool>,
}

impl Indents {
    pub(super) fn new(missing: usize) -> Self {
        Indents {
            missing,
            open: Vec::new(),
        }
    }

    /// A block is opened by a statement on a line of the file `of` that begins at
    /// `column`.
    pub(super) fn open(&mut self, of: SourceId, column: usize) {
        self.open.push(Block {
            of,
            column,
            indented: None,
        });
    }

    /// The innermost block is closed by a brace.
    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    /// The innermost block is ended without one.
    pub(super) fn close_missing(&mut self) {
        self.open.pop();
        self.missing = self.missing.saturating_sub(1);
    }

    /// Whether a statement that begins its line at `column` stands too far to the
    /// left to be within the innermost block.
    pub(super) fn statement_is_outside(&mut self, of: SourceId, column: usize) -> bool {
        let Some(block) = self.open.last_mut().filter(|block| block.of == of) else {
            return false;
        };
        let deeper = column > block.column;
        *block.indented.get_or_insert(deeper) && !deeper && self.missing > 0
    }

    /// Whether a `}` that begins its line at `column` stands too far to the left to
    /// close the innermost block.
    pub(super) fn brace_is_outside(&self, of: SourceId, column: usize) -> bool {
        match self.open.as_slice() {
            [.., outer, inner] => {
                let same = inner.of == of && outer.of == of;
                same && self.missing > 0 && column < inner.column && column <= outer.column
            }
            _ => false,
        }
    }
}

/// How many columns blanks take.
pub(super) fn width(blanks: &str) -> usize {
    blanks.chars().fold(0, |column, blank| match blank {
        '\t' => column / TAB * TAB + TAB,
        _ => column + 1,
    })
}
