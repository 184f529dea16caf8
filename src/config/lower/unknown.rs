//! Words that mean nothing where they stand: misspelt, of old, of the future.

use super::misplaced::within;
use std::collections::HashMap;

use super::{Lower, guess};
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::reference::{self, Fate};
use crate::config::syntax::{StatementId, Word};

/// Words for the same thing that belong in different blocks.
const SYNONYMS: [(&str, &str); 2] = [("lb_kind", "lvs_method"), ("lb_algo", "lvs_sched")];

impl<'s> Lower<'_, 's> {
    /// A statement whose word has no meaning in this block, or not yet.
    pub(super) fn other(&mut self, block: &'static str, id: StatementId) {
        let word = self.ast.keyword(id);
        if self.ast.words(id).is_empty() {
            // A block without a word, which has been told.
        } else if let Some(known) = reference::word(block, word) {
            self.referenced(block, known, id);
        } else if keywords::blocks(word).is_empty() {
            self.unknown(block, id);
        } else if let Some(synonym) = synonym(block, word).or_else(|| of_all_instances(block, word))
        {
            let span = self.keyword_span(id);
            let message = format!("`{word}` does not belong {}", within(block));
            self.report(Code::WrongBlock, message)
                .at(span, format!("called `{synonym}` here"))
                .replace_with(synonym);
        } else {
            self.misplaced(block, id);
        }
    }

    /// A word that the reference has, and that the model has no field for.
    fn referenced(&mut self, block: &str, known: &'static reference::Word, id: StatementId) {
        match known.fate {
            // Not here, whatever the reference says.
            Fate::Served => self.told_later(known.name, "", id),
            Fate::Older(today) => {
                self.older(id, today);
                if let Some(word) = reference::word(block, today) {
                    self.referenced(block, word, id);
                }
            }
            Fate::Gone => {
                self.without_effect(id);
                self.later(block, known, id);
            }
            Fate::Later(consequence) => {
                self.told_later(known.name, consequence, id);
                self.later(block, known, id);
            }
            Fate::Never(reason) => {
                self.told_never(known.name, reason, id);
                self.later(block, known, id);
            }
        }
    }

    /// Tells of a word that the model has a field for, and that nothing acts on yet.
    pub(super) fn told_not_served(&mut self, block: &str, id: StatementId) {
        if let Some(word) = reference::word(block, self.ast.keyword(id))
            && let Fate::Later(consequence) = word.fate
        {
            self.told_later(word.name, consequence, id);
        }
    }

    pub(super) fn told_later(
        &mut self,
        word: &'static str,
        consequence: &'static str,
        id: StatementId,
    ) {
        let span = self.span(id);
        if self.diagnostics.fold(Code::NotServed, word, span) {
            return;
        }
        let message = format!("`{word}` is not served yet");
        let diagnostic = self
            .diagnostics
            .report_first(Code::NotServed, word, message);
        diagnostic.at(span, "this has no effect yet");
        if !consequence.is_empty() {
            diagnostic.help(consequence);
        }
    }

    fn told_never(&mut self, word: &'static str, reason: &'static str, id: StatementId) {
        let span = self.span(id);
        if self.diagnostics.fold(Code::NeverServed, word, span) {
            return;
        }
        let message = format!("ipvsd does not serve `{word}`");
        self.diagnostics
            .report_first(Code::NeverServed, word, message)
            .at(span, "this has no effect")
            .help(reason);
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

    /// Whether a block says something, be it right, wrong or misspelt: then that has been
    /// told, and not that it is missing, too.
    pub(super) fn mentions(&self, block: StatementId, word: &str) -> bool {
        let ast = self.ast;
        ast.block(block).any(|id| ast.keyword(id) == word) || self.misspells(block, word)
    }

    /// Whether a block has a word that was probably meant to be this one.
    pub(super) fn misspells(&self, block: StatementId, word: &str) -> bool {
        let ast = self.ast;
        let path = self.path_of(block);
        let unknown = ast.block(block).map(|id| ast.keyword(id));
        let mut unknown = unknown.filter(|other| keywords::blocks(other).is_empty());
        let is_meant = |other: &str| keywords::similar(&path, other) == Some(word);
        unknown.by_ref().take(guess::MOST).any(is_meant)
    }

    /// Tells of a word that is in a line twice, of which the last one counts. `said` has
    /// those before it.
    pub(super) fn option_again(&mut self, said: &mut HashMap<&'s str, Word>, option: Word) {
        let text = self.text(option);
        if let Some(earlier) = said.insert(text, option) {
            let message = format!("`{}` is said twice in this line", shown(text));
            self.report(Code::Repeated, message)
                .at(option.span(), "this one counts, as with keepalived")
                .related(earlier.span(), "this one does not");
        }
    }

    /// The names of a block and of those around it, the outermost first.
    fn path_of(&self, block: StatementId) -> String {
        let outer = std::iter::successors(Some(block), |id| self.ast.parent(*id));
        let mut names: Vec<_> = outer.map(|id| self.ast.keyword(id)).collect();
        names.reverse();
        names.join("/")
    }

    fn unknown(&mut self, block: &'static str, id: StatementId) {
        let span = self.keyword_span(id);
        let word = self.ast.keyword(id);
        let similar = match self.diagnostics.is_full(Code::UnknownWord) {
            true => None,
            false => keywords::similar(block, word),
        };
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
        if word.contains('=') {
            diagnostic.help("a value follows its word after a blank: `WORD VALUE`");
        } else if word.starts_with("//") || word.starts_with("/*") {
            diagnostic.help("a comment begins with `#` or `!`");
        } else if block == "vrrp_sync_group" && similar.is_none() {
            diagnostic.help("its instances stand in a block of their own: `group { … }`");
        }
    }
}

/// What a word about one instance is called where it is about all of them, and the
/// other way round.
fn of_all_instances(block: &str, word: &str) -> Option<&'static str> {
    match word.strip_prefix("vrrp_") {
        Some(of_one) => keywords::known(block, of_one),
        None => keywords::known(block, &format!("vrrp_{word}")),
    }
}

/// What a word is called in a block that does not know it by this name.
fn synonym(block: &str, word: &str) -> Option<&'static str> {
    let (_, synonym) = SYNONYMS.iter().find(|(other, _)| *other == word)?;
    keywords::known(block, synonym)
}
