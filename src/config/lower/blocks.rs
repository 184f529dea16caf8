//! Blocks that are there and should not be, or the other way round, or have no end.

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::syntax::StatementId;

impl Lower<'_, '_> {
    /// Blocks without an end, where the indentation shows it.
    pub(super) fn unclosed_blocks(&mut self) {
        let ast = self.ast;
        for unclosed in ast.unclosed() {
            let (Some(evidence), Some(opener)) =
                (unclosed.evidence, ast.open_brace(unclosed.block))
            else {
                continue;
            };
            self.block_explained = true;
            let word = shown(ast.keyword(unclosed.block));
            let line = ast.line_at(evidence);
            self.report(
                Code::UnclosedBlock,
                format!("this `{word}` block is not closed"),
            )
            .at(opener, "opened here")
            .related(evidence, "by its indentation, this is outside the block")
            .help(format!("a `}}` is missing before line {line}"));
        }
    }

    /// Whether a block has no closing brace: what it seems to lack may stand behind the
    /// place where that is missing.
    pub(super) fn lacks_its_end(&self, id: StatementId) -> bool {
        self.ast.has_block(id) && self.ast.close_brace(id).is_none()
    }

    /// Whether a block has a word that means nothing anywhere.
    pub(super) fn mentions_unknown(&self, block: StatementId) -> bool {
        let mut said = self.ast.block(block);
        said.any(|id| keywords::blocks(self.ast.keyword(id)).is_empty())
    }

    /// Blocks without an end, where only the end of the file shows it.
    pub(super) fn unexplained_blocks(&mut self) {
        let ast = self.ast;
        let mut unclosed = ast
            .unclosed()
            .iter()
            .filter(|unclosed| unclosed.evidence.is_none());
        let Some(innermost) = unclosed.next().filter(|_| !self.block_explained) else {
            return;
        };
        let Some(opener) = ast.open_brace(innermost.block) else {
            return;
        };
        let word = shown(ast.keyword(innermost.block));
        let outer: Vec<_> = unclosed
            .filter_map(|outer| ast.open_brace(outer.block))
            .collect();
        let diagnostic = self.report(
            Code::UnclosedBlock,
            format!("this `{word}` block is not closed"),
        );
        diagnostic.at(opener, "opened here, and the file ends before its `}`");
        for brace in outer.iter().take(3) {
            diagnostic.related(*brace, "nor is the block around it");
        }
        if outer.len() > 3 {
            diagnostic.help(format!(
                "{} blocks around it are not closed either",
                outer.len()
            ));
        }
    }

    /// Reports a word that takes a block and has none.
    pub(super) fn has_block(&mut self, id: StatementId) -> bool {
        let has_block = self.ast.has_block(id);
        if !has_block {
            let span = self.span(id);
            let word = shown(self.ast.keyword(id));
            self.report(Code::MissingBlock, format!("`{word}` has no block"))
                .at(span, "a `{` belongs at the end of this line");
        }
        has_block
    }

    /// Reports a word that takes no block and has one.
    pub(super) fn no_block(&mut self, id: StatementId) {
        if let Some(open) = self.ast.open_brace(id) {
            let word = shown(self.ast.keyword(id));
            self.report(Code::UnexpectedBlock, format!("`{word}` takes no block"))
                .at(open, "this block does not belong here");
        }
    }
}
