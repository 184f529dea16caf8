//! Words that mean nothing where they stand: misspelt, misplaced, of old, of the
//! future.

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{self, TOP_LEVEL, block_name};
use crate::config::syntax::{StatementId, Word};

/// Definitions that there are without being defined.
const PREDEFINED: [&str; 6] = ["_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"];

/// Words that read another file.
const INCLUDES: [&str; 6] = [
    "include", "includer", "includem", "includew", "includeb", "includea",
];

impl Lower<'_, '_> {
    /// A statement whose word has no meaning in this block, or not yet.
    pub(super) fn other(&mut self, block: &'static str, id: StatementId) {
        let word = self.ast.keyword(id);
        if word.is_empty() {
            // A block without a word, which has been told.
        } else if let Some(construct) = self.construct(id) {
            self.language(construct, id);
        } else if let Some(today) = keywords::older(block, word) {
            match today {
                Some(today) => {
                    self.older(id, today);
                    self.not_served(block, today, id);
                }
                None => self.without_effect(id),
            }
        } else if let Some(known) = keywords::known(block, word) {
            self.not_served(block, known, id);
        } else if keywords::blocks(word).is_empty() {
            self.unknown(block, id);
        } else {
            self.misplaced(block, id);
        }
    }

    /// A word by which an older keepalived knew `today`.
    pub(super) fn older(&mut self, id: StatementId, today: &'static str) {
        let span = self.keyword_span(id);
        if self.diagnostics.fold(Code::OlderSpelling, today, span) {
            return;
        }
        let word = self.ast.keyword(id);
        let message = format!("`{word}` is an older spelling");
        self.diagnostics
            .report_first(Code::OlderSpelling, today, message)
            .at(span, format!("called `{today}` today"))
            .replace_with(today);
    }

    /// A word of an older keepalived that nothing takes the place of.
    fn without_effect(&mut self, id: StatementId) {
        let span = self.span(id);
        let word = self.ast.keyword(id);
        self.report(
            Code::OlderSpelling,
            format!("`{word}` is a word of older versions"),
        )
        .at(span, "this has no effect")
        .help("remove it");
    }

    fn not_served(&mut self, block: &'static str, word: &'static str, id: StatementId) {
        let span = self.span(id);
        if self.diagnostics.fold(Code::NotServed, word, span) {
            return;
        }
        let label = match self.ast.has_block(id) {
            true => "this block is skipped",
            false => "this line is skipped",
        };
        let diagnostic = self.diagnostics.report_first(
            Code::NotServed,
            word,
            format!("`{word}` is not served yet"),
        );
        diagnostic.at(span, label);
        if let Some(consequence) = consequence(block, word) {
            diagnostic.help(consequence);
        }
    }

    fn unknown(&mut self, block: &'static str, id: StatementId) {
        let span = self.keyword_span(id);
        let word = self.ast.keyword(id);
        let similar = keywords::similar(block, word);
        let place = within(block);
        let message = format!("unknown word `{}` {place}", shown(word));
        let diagnostic = self.report(Code::UnknownWord, message);
        match similar {
            Some(similar) => diagnostic
                .at(span, format!("did you mean `{similar}`?"))
                .replace_with(similar),
            None => diagnostic.at(span, "nothing is known by this name"),
        };
        if word.contains('\u{a0}') {
            diagnostic.help(super::value::NO_BREAK_SPACE);
        }
    }

    /// A word that is right elsewhere.
    fn misplaced(&mut self, block: &'static str, id: StatementId) {
        let word = self.ast.keyword(id);
        let blocks = keywords::blocks(word);
        let outer = enclosing(block).find(|outer| blocks.contains(outer));
        let span = self.keyword_span(id);
        let opener = self
            .ast
            .parent(id)
            .and_then(|parent| self.ast.open_brace(parent));
        match (outer, opener) {
            (Some(outer), Some(opener)) if !self.ast.unclosed().is_empty() => {
                // What follows stands in the wrong block for the same reason.
                if !std::mem::replace(&mut self.block_explained, true) {
                    self.report(
                        Code::UnclosedBlock,
                        format!("this `{}` block is not closed", block_name(block)),
                    )
                    .at(opener, "opened here")
                    .related(span, format!("`{word}` belongs {}", within(outer)))
                    .help("a `}` is missing before this line");
                }
            }
            _ => {
                // All that follows a block that was closed too early is outside.
                let after = self.last_block.filter(|_| block == TOP_LEVEL);
                if after.is_some() && after == self.orphan_of {
                    return;
                }
                self.orphan_of = after.or(self.orphan_of);
                let closed = after.and_then(|block| self.ast.close_brace(block));
                self.misplaced |= outer.is_some();
                let listed: Vec<_> = blocks.iter().map(|block| within(block)).collect();
                let diagnostic = self.report(
                    Code::WrongBlock,
                    format!("`{word}` does not belong {}", within(block)),
                );
                diagnostic.at(span, format!("belongs {}", listed.join(", or ")));
                if let Some(closed) = closed {
                    diagnostic.related(closed, "the block before it ends here");
                }
                if let (Some(_), Some(opener)) = (outer, opener) {
                    diagnostic
                        .related(opener, "this block is still open")
                        .help("is a `}` missing before this line?");
                }
            }
        }
    }
}

/// The blocks around a block, the innermost first.
fn enclosing(block: &'static str) -> impl Iterator<Item = &'static str> {
    let mut inner = Some(block).filter(|block| *block != TOP_LEVEL);
    std::iter::from_fn(move || {
        let block = inner?;
        inner = block.rsplit_once('/').map(|(outer, _)| outer);
        Some(inner.unwrap_or(TOP_LEVEL))
    })
}

/// Where a block is, in words.
fn within(block: &str) -> String {
    match block {
        TOP_LEVEL => "at the top level".to_owned(),
        _ => format!("in `{}`", block_name(block)),
    }
}

/// What it means that a word is skipped, where that is not plain.
fn consequence(block: &str, word: &str) -> Option<&'static str> {
    match (block_name(block), word) {
        (_, "virtual_server") => Some("this virtual server is not run"),
        ("real_server", check) if check.ends_with("_CHECK") || check.ends_with("_GET") => {
            Some("the real server is not checked by this; with no other check it counts as up")
        }
        (
            "virtual_server" | "real_server",
            "notify_up" | "notify_down" | "quorum_up" | "quorum_down",
        ) => Some("the script is not run"),
        ("virtual_server", "ha_suspend") => {
            Some("the real servers are checked whether or not the address is here")
        }
        (TOP_LEVEL, "vrrp_instance") => Some("no address is moved between directors"),
        _ => None,
    }
}

/// What is written in the language around the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Construct {
    Include,
    Definition,
    Conditional,
    Sequence,
    Substitution,
}

impl Construct {
    fn message(self) -> &'static str {
        match self {
            Construct::Include => "files are not included yet",
            Construct::Definition => "definitions are not served yet",
            Construct::Conditional => "lines for one configuration id are not served yet",
            Construct::Sequence => "sequences and lists are not served yet",
            Construct::Substitution => "definitions are not replaced yet",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Construct::Include => "what is in this file would be missing",
            Construct::Definition => "what it stands for would be missing",
            Construct::Conditional => "whether this holds is not known",
            Construct::Sequence => "what it repeats would be missing",
            Construct::Substitution => "this would be taken as it is written",
        }
    }
}

impl Lower<'_, '_> {
    /// Whether a statement is none by itself, but makes others.
    fn construct(&self, id: StatementId) -> Option<Construct> {
        let word = *self.ast.words(id).first()?;
        let text = self.text(word);
        match text.chars().next()? {
            '@' => Some(Construct::Conditional),
            '~' if text.starts_with("~SEQ") || text.starts_with("~LST") => {
                Some(Construct::Sequence)
            }
            '$' if text.contains('=') => Some(Construct::Definition),
            _ if INCLUDES.contains(&text) => Some(Construct::Include),
            _ => self.refers(word).then_some(Construct::Substitution),
        }
    }

    /// It cannot be left out: the configuration would mean something else without.
    fn language(&mut self, construct: Construct, id: StatementId) {
        let span = self.span(id);
        self.language_at(construct, span);
    }

    fn language_at(&mut self, construct: Construct, span: crate::config::source::Span) {
        let subject = construct.message();
        if self
            .diagnostics
            .fold(Code::LanguageNotServed, subject, span)
        {
            return;
        }
        self.diagnostics
            .report_first(Code::LanguageNotServed, subject, subject)
            .at(span, construct.label());
    }

    /// Whether a word stands for something else; if so, that is told.
    pub(super) fn is_substituted(&mut self, word: Word) -> bool {
        let refers = self.refers(word);
        if refers {
            self.language_at(Construct::Substitution, word.span());
        }
        refers
    }

    /// Whether there is a `$NAME` or `${NAME}` in a word with a name that is
    /// defined. Any other `$` is text.
    fn refers(&self, word: Word) -> bool {
        if !self.substitutes {
            return false;
        }
        let after_dollars = self.text(word).split('$').skip(1);
        after_dollars.into_iter().any(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length = rest.bytes().take_while(|byte| is_name(byte)).count();
            let name = &rest[..length];
            PREDEFINED.contains(&name) || self.ast.defines(name)
        })
    }
}

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
            self.report(
                Code::UnclosedBlock,
                format!("this `{word}` block is not closed"),
            )
            .at(opener, "opened here")
            .related(evidence, "by its indentation, this is outside the block")
            .help("a `}` is missing before this line");
        }
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
