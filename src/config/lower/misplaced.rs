//! Words that stand in a block where they do not belong, which mostly says something
//! about the braces before them.

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::keywords::{self, TOP_LEVEL, block_name};
use crate::config::source::Span;
use crate::config::syntax::StatementId;

/// How many blocks are named where a word belongs.
const PLACES: usize = 2;

impl Lower<'_, '_> {
    /// A word that is right elsewhere.
    pub(super) fn misplaced(&mut self, block: &str, id: StatementId) {
        let ast = self.ast;
        let blocks = keywords::blocks(ast.keyword(id));
        let outer = enclosing(block).find(|outer| blocks.contains(outer));
        let opener = ast.parent(id).and_then(|parent| ast.open_brace(parent));
        match (outer, opener) {
            (Some(outer), Some(opener)) => self.beyond(block_name(block), opener, outer, id),
            _ => self.elsewhere(block, blocks, id),
        }
    }

    /// A line that is no entry of a block that lists things: a word of another block, or
    /// one with a block.
    pub(super) fn stray(&mut self, block: &str, id: StatementId) {
        if keywords::blocks(self.ast.keyword(id)).is_empty() {
            self.no_block(id);
        } else {
            self.misplaced(block, id);
        }
    }

    /// A word that belongs in a block around the one that it is in, which should have
    /// ended before it.
    fn beyond(&mut self, block: &str, opener: Span, outer: &str, id: StatementId) {
        let word = self.ast.keyword(id);
        let span = self.keyword_span(id);
        let (_, line) = self.ast.line(id);
        let belongs = format!("`{word}` belongs {}", within(outer));
        if self.ast.unclosed().is_empty() {
            self.misplaced = true;
            let message = format!("`{word}` does not belong in `{block}`");
            self.report(Code::WrongBlock, message)
                .at(span, belongs)
                .related(opener, "this block is still open")
                .help(format!("is a `}}` missing before line {line}?"));
        } else if !std::mem::replace(&mut self.block_explained, true) {
            // What follows stands in a wrong block for the same reason.
            self.report(
                Code::UnclosedBlock,
                format!("this `{block}` block is not closed"),
            )
            .at(opener, "opened here")
            .related(span, belongs)
            .help(format!("a `}}` is missing before line {line}"));
        }
    }

    /// A word that belongs in quite another block.
    fn elsewhere(&mut self, block: &str, blocks: &[&str], id: StatementId) {
        // All that follows a block that was closed too early is outside.
        let after = self.last_block.filter(|_| block == TOP_LEVEL);
        if after.is_some() && after == self.orphan_of {
            return;
        }
        self.orphan_of = after.or(self.orphan_of);
        let closed = after.and_then(|block| self.ast.close_brace(block));
        let span = self.keyword_span(id);
        let word = self.ast.keyword(id);
        let diagnostic = self.report(
            Code::WrongBlock,
            format!("`{word}` does not belong {}", within(block)),
        );
        diagnostic.at(span, format!("belongs {}", within_any(blocks)));
        if let Some(closed) = closed {
            diagnostic.related(closed, "the block before it ends here");
        }
    }
}

/// The blocks around a block, the innermost first.
fn enclosing(block: &str) -> impl Iterator<Item = &str> {
    let mut inner = Some(block).filter(|block| *block != TOP_LEVEL);
    std::iter::from_fn(move || {
        let block = inner?;
        inner = block.rsplit_once('/').map(|(outer, _)| outer);
        Some(inner.unwrap_or(TOP_LEVEL))
    })
}

/// Where a block is, in words.
pub(super) fn within(block: &str) -> String {
    match block {
        TOP_LEVEL => "at the top level".to_owned(),
        _ => format!("in `{}`", block_name(block)),
    }
}

/// Where some blocks are, in words.
fn within_any(blocks: &[&str]) -> String {
    let mut places: Vec<_> = blocks.iter().map(|block| within(block)).collect();
    places.dedup();
    let more = places.len().saturating_sub(PLACES);
    places.truncate(PLACES);
    let places = places.join(" or ");
    match more {
        0 => places,
        1 => format!("{places} or in another block"),
        _ => format!("{places} or in {more} other blocks"),
    }
}
