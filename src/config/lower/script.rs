//! Commands with their arguments.

use std::iter::Peekable;
use std::str::Chars;

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::model::{Script, UserSpec};
use crate::config::source::Span;
use crate::config::syntax::{Quote, StatementId};

impl Lower<'_, '_> {
    /// The program and its arguments that a statement names.
    ///
    /// The first word is a command line of its own, with blanks between arguments and
    /// quotes around those that have blanks in them. Further words are nothing, as
    /// for keepalived, which starts `misc_path /bin/check -x` without the `-x`.
    pub(super) fn command(&mut self, id: StatementId) -> Option<Vec<String>> {
        let line = self.command_line(id)?;
        if !line.rest.is_empty() {
            self.report(
                Code::NoEffect,
                "arguments outside the quotes are not passed on",
            )
            .at(line.span, format!("only `{}` is run", line.argv.join(" ")))
            .help("put quotes around the whole: `\"COMMAND ARGUMENT 'ONE WITH BLANKS'\"`");
        }
        Some(line.argv)
    }

    /// `COMMAND [USER [GROUP]]`: a command as [`command`](Self::command) reads it, and
    /// who runs it.
    pub(super) fn command_and_user(&mut self, id: StatementId) -> Option<Script> {
        let line = self.command_line(id)?;
        let mut rest = line.rest.into_iter();
        let user = rest.next().map(|user| UserSpec {
            user,
            group: rest.next(),
        });
        if rest.next().is_some() {
            self.report(
                Code::NoEffect,
                "only a user and a group belong after the command",
            )
            .at(line.span, "what follows them has no effect")
            .help("put quotes around a command with its arguments: `\"COMMAND ARGUMENT\" USER`");
        }
        Some(Script {
            argv: line.argv,
            user,
        })
    }

    /// Whether a command is an empty one, as templates have it for somebody to fill in.
    pub(super) fn empty_command(&mut self, id: StatementId) -> bool {
        let is_empty = match self.ast.words(id) {
            [_, only] => self.text(*only).is_empty() && only.quote != Quote::Open,
            _ => false,
        };
        if is_empty {
            let span = self.span(id);
            self.report(Code::NoEffect, "an empty command")
                .at(span, "nothing is run");
        }
        is_empty
    }

    fn command_line(&mut self, id: StatementId) -> Option<CommandLine> {
        let words = self.values(id);
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            self.missing_value(id, "a command");
            return None;
        };
        if words.iter().any(|word| word.quote == Quote::Open) {
            return None;
        }
        let span = first.span().to(last.span());
        // From the file again, because words are told apart by other rules here.
        let lines = split(self.ast.text_at(span)).and_then(|lines| {
            let mut lines = lines.into_iter();
            let line = lines.next().unwrap_or_default();
            Ok((split(&line)?, lines.collect()))
        });
        let Ok((argv, rest)) = lines else {
            self.report(Code::UnclosedQuote, "a quote in this command is not closed")
                .at(span, "quotes, `'` as well, come in pairs");
            return None;
        };
        if argv.first().is_none_or(String::is_empty) {
            self.missing_value(id, "a command");
            return None;
        }
        if let Some(sign) = shell_sign(&argv) {
            let message = format!(
                "`{}` is for a shell, and no shell runs this command",
                shown(sign)
            );
            self.report(Code::Doubtful, message)
                .at(span, "it is passed on as an argument, as by keepalived")
                .help("put it into a script, or run a shell: `\"/bin/sh -c 'COMMAND | COMMAND'\"`");
        }
        Some(CommandLine { argv, rest, span })
    }
}

/// An argument that only a shell would take for more than text. Within quotes of its own
/// it may be meant for the shell that the command is.
fn shell_sign(argv: &[String]) -> Option<&str> {
    if argv.get(1).is_some_and(|option| option == "-c") {
        return None;
    }
    let is_sign = |word: &str| {
        let after_number = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let redirects = after_number.starts_with(['<', '>']) || word.starts_with("&>");
        let separates = word.len() > 1 && word.ends_with(';');
        let stands_alone = matches!(word, "|" | "||" | "&" | "&&" | ";");
        (redirects || separates || stands_alone) && !word.contains(' ')
    };
    argv.iter().map(String::as_str).find(|word| is_sign(word))
}

/// A command and what stands after it.
struct CommandLine {
    /// Never empty.
    argv: Vec<String>,
    rest: Vec<String>,
    span: Span,
}

/// A quote without an end.
#[derive(Debug, PartialEq, Eq)]
struct Unterminated;

/// Words between blanks. Quotes of either kind hold one together and may begin and
/// end within it; a backslash begins one of the escapes of keepalived.conf(5),
/// "Quoted strings".
fn split(text: &str) -> Result<Vec<String>, Unterminated> {
    let mut words = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => current.get_or_insert_default().push(escape(&mut rest)),
            _ if quote == Some(character) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(character);
                current.get_or_insert_default();
            }
            _ if character.is_ascii_whitespace() && quote.is_none() => words.extend(current.take()),
            _ => current.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(Unterminated);
    }
    words.extend(current);
    Ok(words)
}

/// What stands for the characters after a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>) -> char {
    match rest.next() {
        Some('a') => '\x07',
        Some('b') => '\x08',
        Some('E') => '\x1b',
        Some('f') => '\x0c',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('v') => '\x0b',
        Some('x') => digits(rest, 16, 2, 0),
        Some('c') => control(rest.next()),
        Some(digit) if digit.is_digit(8) => digits(rest, 8, 2, digit.to_digit(8).unwrap_or(0)),
        Some(other) => other,
        None => '\\',
    }
}

/// At most `most` further digits of a character's number.
fn digits(rest: &mut Peekable<Chars<'_>>, radix: u32, most: usize, first: u32) -> char {
    let mut number = first;
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(radix)) else {
            break;
        };
        number = number * radix + digit;
        rest.next();
    }
    char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The character that the control key makes of another.
fn control(character: Option<char>) -> char {
    match character {
        Some(character) if character.is_ascii() => char::from(character as u8 & 0x1f),
        Some(character) => character,
        None => '\\',
    }
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
        assert_eq!(words("abcd\" efg h jkl \"mnop"), ["abcd efg h jkl mnop"]);
        assert_eq!(words("/bin/check ''"), ["/bin/check", ""]);
        assert_eq!(split("/bin/check 'a"), Err(Unterminated));
    }

    #[test]
    fn escapes() {
        assert_eq!(words(r"\x41\101\t\\\ b"), ["AA\t\\ b"]);
        assert_eq!(words(r"\cA\E\q\"), ["\x01\x1bq\\"]);
    }
}
