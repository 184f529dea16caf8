//! `virtual_routes`, `virtual_rules` and the static ones: the words of `ip route` and
//! `ip rule`, of which keepalived takes no abbreviations.

mod encapsulation;
mod hop;
mod metric;
mod route;
mod rule;
mod settled;
mod values;
mod whole_rule;

use super::{Lower, guess};
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::model::route::Route;
use crate::config::model::rule::Rule;
use crate::config::syntax::{StatementId, Word};

/// Whose a route or a rule is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// An instance's, that is master.
    Instance,
    /// Nobody's: it stays.
    Static,
}

/// The words of a line that have not been looked at yet.
struct Words<'w>(&'w [Word]);

impl Words<'_> {
    fn peek(&self) -> Option<Word> {
        self.0.first().copied()
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

impl Lower<'_, '_> {
    /// The lines of a block of routes, which `path` names for messages.
    pub(super) fn routes(
        &mut self,
        path: &'static str,
        block: StatementId,
        owner: Owner,
    ) -> Vec<Route> {
        let lines = self.routing_lines(path, block, &route::WORDS);
        let routes = lines.into_iter().map(|line| self.route(line, owner));
        let routes: Vec<_> = routes.collect();
        routes.into_iter().flatten().collect()
    }

    /// The lines of a block of rules, which `path` names for messages.
    pub(super) fn rules(
        &mut self,
        path: &'static str,
        block: StatementId,
        owner: Owner,
    ) -> Vec<Rule> {
        let lines = self.routing_lines(path, block, &rule::WORDS);
        let rules = lines.into_iter().map(|line| self.rule(line, owner));
        let rules: Vec<_> = rules.collect();
        rules.into_iter().flatten().collect()
    }

    fn routing_lines(
        &mut self,
        path: &'static str,
        block: StatementId,
        own: &[&str],
    ) -> Vec<StatementId> {
        let ast = self.ast;
        if !self.has_block(block) {
            return Vec::new();
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        let mut lines = Vec::new();
        for line in ast.block(block) {
            let word = ast.keyword(line);
            let is_own = own.contains(&word);
            if ast.has_block(line) || !is_own && !keywords::blocks(word).is_empty() {
                // What follows would stand in a wrong block for the same reason.
                self.stray(path, line);
                break;
            } else {
                lines.push(line);
            }
        }
        lines
    }

    /// A word that the line of a route or a rule (`what`) cannot have.
    fn no_routing_word(&mut self, word: Word, what: &str, words: &[&'static str]) -> Option<()> {
        let span = word.span();
        let text = self.text(word);
        // What iproute2 would take for short.
        let long = words
            .iter()
            .copied()
            .filter(|known| known.starts_with(text));
        let long = long
            .filter(|_| text.len() >= 3)
            .min_by_key(|known| known.len());
        let similar = words
            .iter()
            .filter(|_| guess::is_worth_it(text))
            .map(|known| (strsim::damerau_levenshtein(known, text), *known))
            .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
            .min()
            .map(|(_, known)| known);
        let similar = long.or(similar);
        let message = format!("`{}` is no word of {what}", shown(text));
        let diagnostic = self.report(Code::InvalidValue, message);
        match similar {
            Some(known) => diagnostic
                .at(span, format!("did you mean `{known}`?"))
                .replace_with(known),
            None => diagnostic.at(span, "nothing is known by this name"),
        }
        .help("the words are those of iproute2, in full: `preference`, not `pref`");
        None
    }

    /// `track_group GROUP`, which static ones have.
    fn track_group(&mut self, option: Word, words: &mut Words<'_>, owner: Owner) -> Option<String> {
        let name = self.option_value(option, words)?;
        if owner == Owner::Instance {
            let span = option.span();
            self.report(Code::InvalidValue, "`track_group` is for what is static")
                .at(span, "this belongs to its instance already")
                .help("remove it");
            return None;
        }
        Some(self.text(name).to_owned())
    }
}
