//! Commands with their arguments.

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::syntax::StatementId;

impl Lower<'_, '_> {
    /// The program and its arguments that a statement names: in one quoted string or
    /// in several words. Within a string, blanks separate the arguments, and single
    /// quotes hold together those that have blanks (keepalived.conf(5), SCRIPTS).
    pub(super) fn command(&mut self, id: StatementId) -> Option<Vec<String>> {
        let words = self.values(id);
        let Some(first) = words.first() else {
            self.missing_value(id, "a command");
            return None;
        };
        let mut argv = Vec::new();
        for word in words {
            if self.is_substituted(*word) {
                return None;
            }
            if word.quoted && words.len() > 1 && word != first {
                argv.push(self.text(*word).to_owned());
                continue;
            }
            match split(self.text(*word)) {
                Ok(parts) => argv.extend(parts),
                Err(Unterminated) => {
                    let span = word.span();
                    self.report(
                        Code::UnclosedQuote,
                        "a quote within this command is not closed",
                    )
                    .at(span, "`'` begins an argument and needs another to end it");
                    return None;
                }
            }
        }
        if argv.first().is_none_or(String::is_empty) {
            self.missing_value(id, "a command");
            return None;
        }
        Some(argv)
    }
}

/// A quote without an end.
#[derive(Debug, PartialEq, Eq)]
struct Unterminated;

/// Arguments between blanks; quotes and backslashes take their meaning from others.
fn split(text: &str) -> Result<Vec<String>, Unterminated> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next().unwrap_or('\\');
                current.get_or_insert_default().push(escaped);
            }
            _ if quote == Some(character) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(character);
                current.get_or_insert_default();
            }
            _ if character.is_ascii_whitespace() && quote.is_none() => {
                arguments.extend(current.take());
            }
            _ => current.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(Unterminated);
    }
    arguments.extend(current);
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text).unwrap_or_default()
    }

    #[test]
    fn blanks_separate_arguments() {
        assert_eq!(words("/bin/check  -p\t80 "), ["/bin/check", "-p", "80"]);
    }

    #[test]
    fn quotes_hold_arguments_together() {
        assert_eq!(
            words("/bin/check 'a b' c'd e'"),
            ["/bin/check", "a b", "cd e"]
        );
        assert_eq!(words("/bin/check ''"), ["/bin/check", ""]);
        assert_eq!(split("/bin/check 'a"), Err(Unterminated));
    }
}
