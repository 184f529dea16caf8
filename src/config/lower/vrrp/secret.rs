//! What nobody is to see: passwords and keys.

use super::authentication::PASSWORD;
use super::hmac::{FILE, HEX, KEY};
use crate::config::diagnostic::Code;
use crate::config::keywords::{self, AUTH_HMAC, AUTHENTICATION, block_name};
use crate::config::lower::Lower;
use crate::config::secrets;
use crate::config::syntax::{StatementId, Word};

/// The words of `auth_hmac` that say nothing secret.
const PLAIN_OF_HMAC: [&str; 4] = ["active_key", "anti_replay", "mode", "time_window"];

/// How many digits are taken for the number of a key, be it right or wrong.
const LONGEST_NUMBER: usize = 4;
/// The block of the client's certificate.
const SSL: &str = "SSL";

impl Lower<'_, '_> {
    /// No message shows a password or a key, also where it stands in a block that it does
    /// not belong in, or where its word is misspelt.
    pub(in crate::config::lower) fn hide_secrets(&mut self) {
        let ast = self.ast;
        if !["auth", HEX, SSL].iter().any(|word| ast.mentions(word)) {
            return;
        }
        for id in ast.all() {
            let words = ast.words(id);
            let after = words.get(1..).unwrap_or(&[]);
            // A secret on a line of its own is where a keyword would be.
            if let Some(word) = words.first()
                && self.may_be_secret(id)
            {
                self.hide(*word);
            }
            // What stands for a secret may be a definition's, of which the text says nothing.
            let in_hmac = self.parent(id) == block_name(AUTH_HMAC);
            let texts = words.iter().map(|word| self.text(*word));
            for at in secrets::among(texts, in_hmac) {
                self.hide(words[at]);
            }
            match self.secrecy(id) {
                Secrecy::None => {}
                Secrecy::Values => after.iter().for_each(|word| self.hide(*word)),
                Secrecy::Key => {
                    let values = after.iter().enumerate();
                    let secret = values.filter(|(at, word)| !self.is_public(*at, **word));
                    let secret: Vec<Word> = secret.map(|(_, word)| *word).collect();
                    secret.into_iter().for_each(|word| self.hide(word));
                }
            }
        }
    }

    fn secrecy(&self, id: StatementId) -> Secrecy {
        let ast = self.ast;
        let parent = self.parent(id);
        let in_hmac = parent == block_name(AUTH_HMAC);
        match ast.keyword(id) {
            PASSWORD => Secrecy::Values,
            "auth_type" => Secrecy::None,
            word if in_hmac && PLAIN_OF_HMAC.contains(&word) => Secrecy::None,
            "password" if parent == SSL => Secrecy::Values,
            // The one of `SSL` names a file.
            KEY if parent != SSL => Secrecy::Key,
            _ if in_hmac => Secrecy::Key,
            _ if parent == block_name(AUTHENTICATION) => Secrecy::Values,
            _ if ast.words(id).iter().any(|word| self.is_octets(*word)) => Secrecy::Key,
            _ => Secrecy::None,
        }
    }

    /// The word of the block that a statement is in.
    fn parent(&self, id: StatementId) -> &str {
        let parent = self.ast.parent(id);
        parent.map_or("", |parent| self.ast.keyword(parent))
    }

    /// What is written for octets, wherever it stands.
    fn is_octets(&self, word: Word) -> bool {
        self.text(word).starts_with(HEX)
    }

    /// Whether the keyword of a statement is none, and is where a secret may be: in a
    /// block that has some, and like no word of it.
    pub(super) fn may_be_secret(&self, id: StatementId) -> bool {
        let ast = self.ast;
        let Some(word) = ast.words(id).first() else {
            return false;
        };
        let parent = self.parent(id);
        let mut blocks = [AUTHENTICATION, AUTH_HMAC].into_iter();
        let block = blocks.find(|block| block_name(block) == parent);
        let unlike = |block: &str| {
            let text = self.text(*word);
            keywords::blocks(text).is_empty() && keywords::similar(block, text).is_none()
        };
        self.is_octets(*word) || block.is_some_and(unlike)
    }

    /// A word that does not belong in a block that has secrets; not shown where it may be
    /// one.
    pub(super) fn other_among_secrets(&mut self, block: &'static str, id: StatementId) {
        if !self.may_be_secret(id) {
            return self.other(block, id);
        }
        let span = self.keyword_span(id);
        let message = format!("unknown word in `{}`", block_name(block));
        self.report(Code::UnknownWord, message)
            .at(span, "nothing is known by this name")
            .help("it is not shown, because it may be a secret: one stands behind its word, on the same line");
    }

    /// The number of a key, and the name of a file that has one. `at` counts from the word
    /// behind the keyword on. A number with few digits is no key, though it be out of range.
    fn is_public(&self, at: usize, word: Word) -> bool {
        let text = self.text(word);
        let is_number = text.len() <= LONGEST_NUMBER && text.bytes().all(|it| it.is_ascii_digit());
        text.starts_with(FILE) || at == 0 && is_number
    }

    fn hide(&mut self, word: Word) {
        self.diagnostics.hide(word.span());
    }
}

/// Which words of a statement are secret.
enum Secrecy {
    None,
    /// All that stand behind the keyword.
    Values,
    /// All but the number of a key.
    Key,
}
