//! Signs that begin no comment, though they look like it: `${_HASH}`, `${_BANG}` and what
//! the environment says.

use std::ops::Range;

use super::text::{Text, is_blank};

/// What stand for `#` and `!` that begin no comment, until the line is finished.
/// Unicode keeps these for such use.
pub(super) const HASH: char = '\u{fdd0}';
pub(super) const BANG: char = '\u{fdd1}';

/// Whether there is anything to be done by [`without_marks`].
pub(super) fn has_marks(text: &str) -> bool {
    text.contains([HASH, BANG])
}

/// Puts the signs in that must not begin a comment. Outside quotes, the word around them
/// gets quotes.
pub(super) fn without_marks(text: &Text) -> Text {
    let line = text.as_str();
    let mut out = Text::default();
    let mut quoted = false;
    let mut word = 0..0;
    for (at, character) in line.char_indices() {
        let ends = is_blank(character) || matches!(character, '{' | '}' | '"');
        if character == '"' {
            quoted = !quoted;
        }
        let separates = if quoted { character == '"' } else { ends };
        if separates {
            push_word(&mut out, text, word, false);
            let end = at + character.len_utf8();
            out.push_part(text, at..end, None);
            word = end..end;
            if quoted {
                // All up to the next quote is within quotes already.
                let end = line[end..]
                    .find('"')
                    .map_or(line.len(), |length| end + length);
                push_word(&mut out, text, word.start..end, true);
                word = end..end;
            }
            continue;
        }
        if at >= word.start {
            word.end = at + character.len_utf8();
        }
    }
    push_word(&mut out, text, word, false);
    out
}

fn push_word(out: &mut Text, text: &Text, word: Range<usize>, quoted: bool) {
    if word.start >= word.end {
        return;
    }
    let marked = has_marks(&text.as_str()[word.clone()]);
    let quote = marked && !quoted;
    let place = text.place(word.clone());
    let frame = text.frame(word.start);
    if quote {
        out.push("\"", place, frame, false);
    }
    let mut from = word.start;
    while marked && let Some(mark) = text.as_str()[from..word.end].find([HASH, BANG]) {
        let at = from + mark;
        out.push_part(text, from..at, None);
        let end = at + HASH.len_utf8();
        let sign = if text.as_str()[at..].starts_with(HASH) {
            "#"
        } else {
            "!"
        };
        out.push(sign, text.place(at..end), text.frame(at), false);
        from = end;
    }
    out.push_part(text, from..word.end, None);
    if quote {
        out.push("\"", place, frame, false);
    }
}
