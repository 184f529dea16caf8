//! What is written around the words of a configuration: includes, definitions,
//! lines for one configuration id, sequences. None is served yet, and none can be
//! left out, because the configuration would mean something else without it.

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::source::Span;
use crate::config::syntax::{StatementId, Word};

/// Definitions that there are without being defined.
const PREDEFINED: [&str; 6] = ["_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"];

/// Words that read another file.
const INCLUDES: [&str; 6] = [
    "include", "includer", "includem", "includew", "includeb", "includea",
];

/// What is written in the language around the words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Construct {
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
    pub(super) fn construct(&self, id: StatementId) -> Option<Construct> {
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
    pub(super) fn language(&mut self, construct: Construct, id: StatementId) {
        let span = self.span(id);
        self.language_at(construct, span);
    }

    fn language_at(&mut self, construct: Construct, span: Span) {
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
