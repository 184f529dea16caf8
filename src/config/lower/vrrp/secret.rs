//! What nobody is to see: passwords and keys.

use super::authentication::PASSWORD;
use super::hmac::{FILE, HEX, KEY};
use crate::config::keywords::{AUTH_HMAC, AUTHENTICATION, block_name};
use crate::config::lower::Lower;
use crate::config::syntax::{StatementId, Word};

/// The words of `auth_hmac` that say nothing secret.
const PLAIN_OF_HMAC: [&str; 4] = ["active_key", "anti_replay", "mode", "time_window"];

impl Lower<'_, '_> {
    /// No message shows a password or a key, also where it stands in a block that it does
    /// not belong in, or where its word is misspelt.
    pub(in crate::config::lower) fn hide_secrets(&mut self) {
        let ast = self.ast;
        if !ast.mentions("auth") && !ast.mentions(HEX) {
            return;
        }
        for id in ast.all() {
            let words = ast.words(id);
            let after = words.get(1..).unwrap_or(&[]);
            match self.secrecy(id) {
                Secrecy::None => {}
                Secrecy::Values => after.iter().for_each(|word| self.hide(*word)),
                Secrecy::Key => {
                    // A key on a line of its own is where a keyword would be.
                    let misplaced = words.first().filter(|word| self.is_long_secret(**word));
                    let keys = after.iter().filter(|word| !self.is_public(**word));
                    let secret: Vec<Word> = misplaced.into_iter().chain(keys).copied().collect();
                    secret.into_iter().for_each(|word| self.hide(word));
                }
            }
        }
    }

    fn secrecy(&self, id: StatementId) -> Secrecy {
        let ast = self.ast;
        let parent = ast.parent(id).map_or("", |parent| ast.keyword(parent));
        let in_hmac = parent == block_name(AUTH_HMAC);
        match ast.keyword(id) {
            PASSWORD => Secrecy::Values,
            "auth_type" => Secrecy::None,
            word if in_hmac && PLAIN_OF_HMAC.contains(&word) => Secrecy::None,
            // The one of `SSL` names a file.
            KEY if parent != "SSL" => Secrecy::Key,
            _ if in_hmac => Secrecy::Key,
            _ if parent == block_name(AUTHENTICATION) => Secrecy::Values,
            _ if ast.words(id).iter().any(|word| self.is_long_secret(*word)) => Secrecy::Key,
            _ => Secrecy::None,
        }
    }

    /// What is written for octets, wherever it stands.
    pub(super) fn is_long_secret(&self, word: Word) -> bool {
        self.text(word).starts_with(HEX)
    }

    /// The number of a key, and the name of a file that has one.
    fn is_public(&self, word: Word) -> bool {
        let text = self.text(word);
        text.starts_with(FILE) || text.parse::<u8>().is_ok()
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
