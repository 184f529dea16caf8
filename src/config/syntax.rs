//! Text to a tree of statements: words, and for some a block of further statements.
//!
//! No keyword is known here. What can be wrong here is structure: braces and quotes
//! that have no counterpart, bytes that are no text.

mod build;
mod bytes;
mod indent;
mod portion;

use std::ops::Range;

use super::diagnostic::Collector;
use super::source::{SourceId, Sources, Span};

/// Files as trees of statements.
///
/// The tree lies in one vector in the order of the files, every statement before
/// what its block contains, so that no depth of nesting needs recursion.
#[derive(Debug)]
pub(super) struct Ast<'s> {
    sources: &'s Sources,
    words: Vec<Word>,
    statements: Vec<Statement>,
    unclosed: Vec<Unclosed>,
    /// There is no reason to stop here: the files are text, and not too much of it.
    usable: bool,
}

/// A block that nothing closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unclosed {
    pub block: StatementId,
    /// What by its indentation can no longer belong to the block. None where only
    /// the end of the file shows that a brace is missing.
    pub evidence: Option<Span>,
}

/// Index of a statement in its [`Ast`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StatementId(u32);

/// A word: what stands between blanks or between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without the quotes.
    inner: Span,
    pub quote: Quote,
}

/// What stands around a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    /// Quotes on both sides.
    Closed,
    /// A quote that the end of the line ends. It has been told.
    Open,
}

impl Word {
    /// With the quotes.
    pub fn span(self) -> Span {
        let (before, after) = match self.quote {
            Quote::None => (0, 0),
            Quote::Closed => (1, 1),
            Quote::Open => (1, 0),
        };
        Span {
            start: self.inner.start - before,
            end: self.inner.end + after,
            ..self.inner
        }
    }
}

#[derive(Clone, Debug)]
struct Statement {
    source: SourceId,
    /// From 1.
    line: u32,
    words: Range<u32>,
    /// The statement in whose block this one is.
    parent: Option<StatementId>,
    /// One past the last statement of the block.
    end: u32,
    block: Option<Braces>,
}

/// Where a block's braces are; they may be in different files. A block that nothing
/// closes has no second one.
#[derive(Clone, Copy, Debug)]
struct Braces {
    open: (SourceId, u32),
    close: Option<(SourceId, u32)>,
}

/// What shows where a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Its closing brace. The indentation has a say only where braces are missing.
    Braces,
    /// A line that stands further to the left, too.
    Indentation,
}

/// Reads all pieces of the files.
pub(super) fn parse<'s>(
    sources: &'s Sources,
    layout: Layout,
    diagnostics: &mut Collector,
) -> Ast<'s> {
    build::build(sources, layout, diagnostics)
}

impl<'s> Ast<'s> {
    /// The statements of the top level.
    pub fn top_level(&self) -> Siblings<'_> {
        Siblings {
            statements: &self.statements,
            next: 0,
            end: self.statements.len() as u32,
        }
    }

    /// All statements, whatever block they are in.
    pub fn all(&self) -> impl Iterator<Item = StatementId> + use<> {
        (0..self.statements.len() as u32).map(StatementId)
    }

    /// The statements in the block of `id`; none where it has no block.
    pub fn block(&self, id: StatementId) -> Siblings<'_> {
        Siblings {
            statements: &self.statements,
            next: id.0 + 1,
            end: self.statement(id).end,
        }
    }

    pub fn has_block(&self, id: StatementId) -> bool {
        self.statement(id).block.is_some()
    }

    /// Empty only where a block has no words before it.
    pub fn words(&self, id: StatementId) -> &[Word] {
        let words = &self.statement(id).words;
        &self.words[words.start as usize..words.end as usize]
    }

    /// The first word: what the statement is about.
    pub fn keyword(&self, id: StatementId) -> &'s str {
        self.words(id).first().map_or("", |word| self.text(*word))
    }

    /// What the word says, without quotes.
    pub fn text(&self, word: Word) -> &'s str {
        self.sources.text(word.inner)
    }

    /// What stands in the file.
    pub fn text_at(&self, span: Span) -> &'s str {
        self.sources.text(span)
    }

    /// The file of the statement, and its line, from 1.
    pub fn line(&self, id: StatementId) -> (SourceId, u32) {
        let statement = self.statement(id);
        match statement.source {
            SourceId::MADE => self.sources.line(self.span(id)),
            source => (source, statement.line),
        }
    }

    /// The index of a file among those that were read.
    pub fn file_number(&self, source: SourceId) -> u16 {
        self.sources.number(source)
    }

    /// The line of a place, from 1.
    pub fn line_at(&self, span: Span) -> u32 {
        self.sources.place(span).line
    }

    /// All words of the statement, or its opening brace where it has none.
    pub fn span(&self, id: StatementId) -> Span {
        match self.words(id) {
            [first, .., last] => first.span().to(last.span()),
            [only] => only.span(),
            [] => self.open_brace(id).unwrap_or(Span {
                source: self.statement(id).source,
                start: 0,
                end: 0,
            }),
        }
    }

    /// The statement in whose block this one is.
    pub fn parent(&self, id: StatementId) -> Option<StatementId> {
        self.statement(id).parent
    }

    pub fn open_brace(&self, id: StatementId) -> Option<Span> {
        self.statement(id).block.map(|braces| brace(braces.open))
    }

    pub fn close_brace(&self, id: StatementId) -> Option<Span> {
        self.statement(id).block?.close.map(brace)
    }

    /// Blocks that nothing closes.
    pub fn unclosed(&self) -> &[Unclosed] {
        &self.unclosed
    }

    /// The name of the first file.
    pub fn file_name(&self) -> &'s str {
        let mut files = self.sources.iter();
        files.next().map_or("", |(_, file)| &file.name)
    }

    /// Whether there is a point in looking for a meaning. If not, the reason has been
    /// told.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Whether this text stands anywhere, be it in a comment.
    pub fn mentions(&self, text: &str) -> bool {
        let mut files = self.sources.iter();
        let made = self.sources.made().source();
        files.any(|(_, file)| file.text().contains(text)) || made.text().contains(text)
    }

    fn statement(&self, id: StatementId) -> &Statement {
        &self.statements[id.0 as usize]
    }
}

fn brace((source, start): (SourceId, u32)) -> Span {
    let end = start + 1;
    Span { source, start, end }
}

/// Statements that stand beside each other.
#[derive(Clone, Debug)]
pub(super) struct Siblings<'a> {
    statements: &'a [Statement],
    next: u32,
    end: u32,
}

impl Iterator for Siblings<'_> {
    type Item = StatementId;

    fn next(&mut self) -> Option<StatementId> {
        if self.next >= self.end {
            return None;
        }
        let id = StatementId(self.next);
        self.next = self.statements[self.next as usize].end;
        Some(id)
    }
}
