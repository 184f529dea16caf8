//! Tokens to statements.

use pest::Parser;

use super::super::diagnostic::{Code, Collector};
use super::super::source::{Piece, SourceId, Sources, Span};
use super::bytes::BadBytes;
use super::indent::{Indents, width};
use super::portion::end_of_portion;
use super::{Ast, Braces, Layout, Quote, Statement, StatementId, Unclosed, Word};

mod grammar {
    /// The parser that is made from grammar/ipvsd.pest.
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/ipvsd.pest"]
    pub(super) struct Lexer;
}

use grammar::{Lexer, Rule};

/// The largest numbers of statements and words, so that a file of nothing but braces
/// does not take all memory.
const MAX_STATEMENTS: usize = 4_000_000;
const MAX_WORDS: usize = 12_000_000;

/// How many closing braces may be missing for their places to be looked for. Where more
/// are, the file is no configuration, and its indentation says nothing.
const MAX_MISSING: usize = 1_000;

/// Reads everything.
pub(super) fn build<'s>(
    sources: &'s Sources,
    layout: Layout,
    diagnostics: &mut Collector,
) -> Ast<'s> {
    // Few lines have more than one statement or two words. Room that is not used costs
    // nothing; growing moves megabytes.
    let lines: usize = sources.lines();
    let mut ast = Ast {
        sources,
        words: Vec::with_capacity((2 * lines).min(MAX_WORDS)),
        statements: Vec::with_capacity(lines.min(MAX_STATEMENTS)),
        unclosed: Vec::new(),
        usable: true,
    };
    if layout == Layout::Indentation {
        let mut builder = Builder::new(&mut ast, diagnostics);
        builder.indents = Some(Indents::new(usize::MAX));
        builder.build();
        return ast;
    }
    let missing = Builder::new(&mut ast, diagnostics).build();
    if missing > 0 {
        // Again, with an eye on the indentation, which shows where braces are missing.
        // Everything else that is wrong has been said.
        ast.words.clear();
        ast.statements.clear();
        let mut said = Collector::default();
        let mut builder = Builder::new(&mut ast, &mut said);
        builder.indents = Some(Indents::new(missing));
        builder.build();
    }
    ast
}

/// Builds the statements.
struct Builder<'a, 's> {
    ast: &'a mut Ast<'s>,
    diagnostics: &'a mut Collector,
    /// What is being read, and its text.
    id: SourceId,
    text: &'s str,
    /// The file that it is, or was made from.
    of: SourceId,
    /// The line that is being read, from 1.
    line: u32,
    /// The first word of the statement that is being read; the statement is empty
    /// while there is no such word yet.
    first_word: usize,
    first_line: u32,
    /// Blocks that are open, the outermost first.
    open: Vec<StatementId>,
    /// The statement just finished: a `{` on a line by itself belongs to it.
    previous: Option<StatementId>,
    /// Where braces are missing, the indentation to find the place.
    indents: Option<Indents>,
    /// Where the current line begins, and the first thing on it with its column.
    line_start: usize,
    line_first: Option<(usize, usize)>,
    /// The column of the line on which the latest statement begins.
    statement_column: usize,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(ast: &'a mut Ast<'s>, diagnostics: &'a mut Collector) -> Self {
        Builder {
            ast,
            diagnostics,
            id: SourceId::default(),
            text: "",
            of: SourceId::default(),
            line: 1,
            first_word: 0,
            first_line: 1,
            open: Vec::new(),
            previous: None,
            indents: None,
            line_start: 0,
            line_first: None,
            statement_column: 0,
        }
    }

    /// Reads all pieces, and returns how many blocks nothing closes, where that is to be
    /// done again with an eye on the indentation.
    fn build(mut self) -> usize {
        let sources = self.ast.sources;
        let mut bad = BadBytes::default();
        for piece in sources.pieces() {
            let source = sources.get(piece.span.source);
            bad.begin(source, piece.span);
            self.piece(piece, &mut bad);
            bad.end();
            if !self.ast.usable {
                return 0;
            }
        }
        self.ast.usable &= bad.report(sources, self.diagnostics);
        self.end_of_file()
    }

    /// Reads whole lines.
    fn piece(&mut self, piece: &Piece, bad: &mut BadBytes<'s>) {
        let text = self.ast.sources.get(piece.span.source).text();
        let range = piece.span.range();
        let text = &text[..range.end];
        (self.id, self.text, self.of) = (piece.span.source, text, piece.of);
        (self.line, self.line_start, self.line_first) = (piece.line, range.start, None);
        let mut start = range.start;
        if start == 0 {
            // A byte-order mark says nothing.
            start = text.len() - text.trim_start_matches('\u{feff}').len();
        }
        while start < text.len() {
            let end = end_of_portion(text, start);
            let tokens = Lexer::parse(Rule::tokens, &text[start..end]);
            debug_assert!(tokens.is_ok(), "the grammar takes every input");
            for token in tokens.into_iter().flatten() {
                let range = token.as_span();
                let (from, to) = (start + range.start(), start + range.end());
                match token.as_rule() {
                    Rule::text => self.text(from, to),
                    Rule::open => self.open_brace(from),
                    Rule::close => self.close_brace(from),
                    Rule::quoted => self.word(from + 1, to - 1, Quote::Closed),
                    Rule::unclosed => self.unclosed_quote(from, to),
                    Rule::comment => bad.comment(from, to),
                    _ => {}
                }
            }
            start = end;
            if self.ast.statements.len() > MAX_STATEMENTS || self.ast.words.len() > MAX_WORDS {
                let message = format!("more than {MAX_STATEMENTS} statements or {MAX_WORDS} words");
                self.diagnostics.report(Code::TooLarge, message);
                self.ast.usable = false;
                return;
            }
        }
        self.end_statement();
    }

    /// Words, with the blanks and the ends of lines between them.
    fn text(&mut self, from: usize, to: usize) {
        let bytes = &self.text.as_bytes()[..to];
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\n' => self.end_line(at),
                _ if is_blank(*byte) => {}
                _ => {
                    let word = &bytes[at..];
                    let ends = |byte: &u8| *byte == b'\n' || is_blank(*byte);
                    let length = word.iter().position(ends).unwrap_or(word.len());
                    self.word(at, at + length, Quote::None);
                    at += length;
                    continue;
                }
            }
            at += 1;
        }
    }

    fn end_line(&mut self, newline: usize) {
        self.end_statement();
        self.line += 1;
        self.line_start = newline + 1;
        self.line_first = None;
    }

    fn word(&mut self, start: usize, end: usize, quote: Quote) {
        if self.ast.words.len() == self.first_word {
            self.begin_statement(start - usize::from(quote != Quote::None));
        }
        self.ast.words.push(Word {
            inner: self.span(start, end),
            quote,
        });
    }

    fn begin_statement(&mut self, start: usize) {
        self.first_line = self.line;
        let (first, column) = self.line_first(start);
        self.statement_column = column;
        if first != start {
            return;
        }
        while let Some(block) = self.open.last().copied()
            && let Some(indents) = &mut self.indents
            && indents.statement_is_outside(self.of, column)
        {
            let first = self.text[start..].chars().next();
            let end = start + first.map_or(0, char::len_utf8);
            let evidence = Some(self.span(start, end));
            self.close_without_brace(block, evidence);
        }
    }

    /// The first thing on the current line and its column, which is told only where
    /// indentation matters. There is something at `at`.
    fn line_first(&mut self, at: usize) -> (usize, usize) {
        if self.indents.is_none() {
            return (at, 0);
        }
        let before = &self.text[self.line_start..at];
        *self.line_first.get_or_insert_with(|| (at, width(before)))
    }

    fn unclosed_quote(&mut self, from: usize, to: usize) {
        let quote = self.span(from, from + 1);
        self.diagnostics
            .report(Code::UnclosedQuote, "this quote is not closed")
            .at(quote, "begins here")
            .help("a quoted word ends on the line that it begins on, with another `\"`");
        let end = from + self.text[from..to].trim_end().len();
        self.word(from + 1, end.max(from + 1), Quote::Open);
    }

    /// The words so far are a statement, if there are any.
    fn end_statement(&mut self) -> Option<StatementId> {
        if self.ast.words.len() == self.first_word {
            return None;
        }
        let id = self.push_statement();
        self.previous = Some(id);
        Some(id)
    }

    fn push_statement(&mut self) -> StatementId {
        let index = self.ast.statements.len() as u32;
        self.ast.statements.push(Statement {
            source: self.id,
            line: self.first_line,
            words: self.first_word as u32..self.ast.words.len() as u32,
            parent: self.open.last().copied(),
            end: index + 1,
            block: None,
        });
        self.first_word = self.ast.words.len();
        StatementId(index)
    }

    fn open_brace(&mut self, at: usize) {
        let id = match self.end_statement().or(self.previous) {
            Some(id) => id,
            None => {
                let brace = self.span(at, at + 1);
                let subject = "anonymous";
                if !self.diagnostics.fold(Code::UnexpectedBlock, subject, brace) {
                    let message = "a block without a word before it";
                    self.diagnostics
                        .report_first(Code::UnexpectedBlock, subject, message)
                        .at(brace, "nothing says what this is")
                        .help(
                            "write what the block is about before its `{`, or remove it with its `}`",
                        );
                }
                self.first_line = self.line;
                (_, self.statement_column) = self.line_first(at);
                self.push_statement()
            }
        };
        self.ast.statements[id.0 as usize].block = Some(Braces {
            open: (self.id, at as u32),
            close: None,
        });
        self.line_first(at);
        if let Some(indents) = &mut self.indents {
            indents.open(self.of, self.statement_column);
        }
        self.open.push(id);
        self.previous = None;
    }

    fn close_brace(&mut self, at: usize) {
        self.end_statement();
        self.previous = None;
        let (first, column) = self.line_first(at);
        while let Some(block) = self.open.last().copied()
            && let Some(indents) = &self.indents
            && first == at
            && indents.brace_is_outside(self.of, column)
        {
            let evidence = Some(self.span(at, at + 1));
            self.close_without_brace(block, evidence);
        }
        match self.open.pop() {
            Some(block) => {
                let end = self.ast.statements.len() as u32;
                let statement = &mut self.ast.statements[block.0 as usize];
                statement.end = end;
                if let Some(braces) = &mut statement.block {
                    braces.close = Some((self.id, at as u32));
                }
                if let Some(indents) = &mut self.indents {
                    indents.close();
                }
            }
            None => {
                let brace = self.span(at, at + 1);
                self.diagnostics
                    .report(Code::ExtraBrace, "a `}` that closes nothing")
                    .at(brace, "every block before it is closed already")
                    .help("remove it, or look for the block above that was closed too early");
            }
        }
    }

    /// Ends a block as if its brace were there.
    fn close_without_brace(&mut self, block: StatementId, evidence: Option<Span>) {
        self.open.pop();
        self.ast.statements[block.0 as usize].end = self.ast.statements.len() as u32;
        self.ast.unclosed.push(Unclosed { block, evidence });
        if let Some(indents) = &mut self.indents {
            indents.close_missing();
        }
    }

    /// Closes what is still open. Where that is better done with an eye on the
    /// indentation, it does nothing, and returns how many blocks that is to be.
    fn end_of_file(mut self) -> usize {
        let missing = self.open.len();
        if self.indents.is_none() && (1..=MAX_MISSING).contains(&missing) {
            return missing;
        }
        while let Some(block) = self.open.last().copied() {
            self.close_without_brace(block, None);
        }
        0
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: self.id,
            start: start as u32,
            end: end as u32,
        }
    }
}

/// What separates words: C's isspace without the end of a line, which keepalived
/// goes by. A no-break space is none of them.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c')
}
