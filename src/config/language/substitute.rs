//! `$NAME` and `${NAME}`.

use std::ops::Range;
use std::rc::Rc;

use super::super::diagnostic::{Code, shown};
use super::super::source::{Frame, FrameId, SourceId};
use super::define::Definition;
use super::text::{Text, is_blank, name_length};
use super::{Expander, MAX_DEPTH, budget};

/// Names that stand for something without being defined.
pub(super) const PREDEFINED: [&str; 6] = ["_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"];

/// What stand for `#` and `!` that begin no comment, until the line is finished.
/// Unicode keeps these for such use.
const HASH: char = '\u{fdd0}';
const BANG: char = '\u{fdd1}';

/// The largest number that `${_RANDOM}` makes where nothing is said.
const MOST_RANDOM: u64 = 32_767;

/// What a line has become.
pub(super) enum Substituted {
    /// One line, and whether anything in it has been replaced.
    Line(Text, bool),
    /// Several, with what is still to be replaced in them.
    Lines(Vec<Text>),
    /// It is left out, for a reason that has been told.
    Nothing,
}

/// What a `$` begins.
struct Reference<'t> {
    name: &'t str,
    /// What stands behind the name in the braces.
    arguments: &'t str,
    /// With the `$` and the braces.
    length: usize,
    braced: bool,
}

/// Text that is still to be looked through.
struct Pending {
    text: Rc<Text>,
    at: usize,
    /// The use that has brought it; None where it says so itself.
    frame: Option<FrameId>,
}

impl Pending {
    fn frame(&self) -> FrameId {
        self.frame.unwrap_or_else(|| self.text.frame(self.at))
    }
}

impl Expander<'_> {
    /// Whether there is something in a line that stands for something else. Says so where
    /// it is meant to and does not.
    pub(super) fn has_references(&mut self, content: &str, id: SourceId, start: usize) -> bool {
        let mut rest = 0;
        let mut found = false;
        while let Some(dollar) = content[rest..].find('$') {
            let at = rest + dollar;
            rest = at + 1;
            let Some(reference) = reference(&content[at..]) else {
                continue;
            };
            if !self.stands_for_something(reference.name) {
                continue;
            }
            let next = content[at + reference.length..].chars().next();
            if reference.braced || next.is_none_or(is_blank) {
                found = true;
            } else {
                let span = self.span(id, start + at..start + at + reference.length);
                let name = reference.name.to_owned();
                self.unreplaced(
                    &name,
                    Text::written(&content[at..at + reference.length], span, FrameId::NONE),
                );
            }
        }
        found
    }

    fn unreplaced(&mut self, name: &str, text: Text) {
        if self.diagnostics.is_full(Code::Doubtful) {
            return;
        }
        let message = format!("`${name}` is not replaced here");
        let end = text.len();
        self.tell(
            Code::Doubtful,
            message,
            &text,
            0..end,
            "this is text, because no blank follows",
        )
        .help(format!(
            "with braces it is replaced everywhere: `${{{name}}}`"
        ))
        .replace_with(format!("${{{name}}}"));
    }

    fn stands_for_something(&self, name: &str) -> bool {
        PREDEFINED.contains(&name) || self.definitions.contains_key(name)
    }

    /// Replaces what stands for something else, until nothing does. Where a definition
    /// has several lines, what is in them is left: it may change between them.
    pub(super) fn substitute(&mut self, text: Text) -> Substituted {
        if !text.as_str().contains('$') {
            return Substituted::Line(text, false);
        }
        let mut out = Text::default();
        let mut changed = false;
        let mut pending = vec![Pending {
            text: Rc::new(text),
            at: 0,
            frame: None,
        }];
        while let Some(mut top) = pending.pop() {
            let rest = &top.text.as_str()[top.at..];
            if rest.is_empty() {
                continue;
            }
            let dollar = rest.find('$').unwrap_or(rest.len());
            let until = top.at + dollar;
            out.push_part(&top.text, top.at..until, top.frame);
            top.at = until;
            if out.len() > budget::MAX_LINE {
                self.overflow();
                return Substituted::Nothing;
            }
            let whole = top.text.clone();
            let rest = &whole.as_str()[until..];
            if rest.is_empty() {
                continue;
            }
            let Some(found) = reference(rest).filter(|found| self.stands_for_something(found.name))
            else {
                out.push_part(&whole, until..until + 1, top.frame);
                top.at = until + 1;
                pending.push(top);
                continue;
            };
            let range = until..until + found.length;
            let next = rest[found.length..].chars().next();
            let next = next.or_else(|| {
                let mut after = pending.iter().rev();
                after.find_map(|pending| pending.text.as_str()[pending.at..].chars().next())
            });
            if !found.braced && next.is_some_and(|next| !is_blank(next)) {
                out.push_part(&whole, range.clone(), top.frame);
                top.at = range.end;
                pending.push(top);
                continue;
            }
            changed = true;
            if !self.budget.take_step() {
                self.overflow();
                return Substituted::Nothing;
            }
            let frame = top.frame();
            top.at = range.end;
            let Some(definition) = self.definitions.get(found.name).cloned() else {
                let place = whole.place(range.clone());
                let mut used = Text::default();
                used.push_part(&whole, range, Some(frame));
                match self.predefined(&found, &used) {
                    Some(value) => out.push(&value, place, frame, false),
                    None => return Substituted::Nothing,
                }
                pending.push(top);
                continue;
            };
            let used = whole.place(range.clone());
            let mut text = Text::default();
            text.push_part(&whole, range, Some(frame));
            if !self.may_be_used(&definition, frame, found.name, &text) {
                return Substituted::Nothing;
            }
            let label = self.label(&definition, found.name);
            let inner = self.sources.made_mut().push_frame(Frame {
                used,
                outer: frame,
                name: definition.name,
                label,
            });
            pending.push(top);
            match definition.lines.as_slice() {
                [] => {}
                [only] => pending.push(Pending {
                    text: only.clone(),
                    at: 0,
                    frame: Some(inner),
                }),
                lines => return Substituted::Lines(spread(out, lines, inner, pending)),
            }
        }
        Substituted::Line(out, changed)
    }

    /// What is said of the places that a definition brings.
    fn label(&mut self, definition: &Definition, name: &str) -> u32 {
        let made = self.sources.made_mut();
        *definition.label.get_or_init(|| {
            made.push_label(match &definition.value {
                Some(value) => format!("`{name}` is `{}` in this round", shown(value)),
                None => format!("in the definition of `{name}`"),
            })
        })
    }

    /// Whether a definition does not refer to itself, which is told.
    fn may_be_used(
        &mut self,
        definition: &Definition,
        frame: FrameId,
        name: &str,
        text: &Text,
    ) -> bool {
        let range = 0..text.len();
        let chain = self.sources.made().chain(frame);
        let names: Vec<u32> = chain.map(|frame| frame.name).take(MAX_DEPTH + 1).collect();
        if names.contains(&definition.name) {
            let message = match names.first() == Some(&definition.name) {
                true => format!("the definition of `{name}` refers to itself"),
                false => format!("the definition of `{name}` refers to itself by way of others"),
            };
            let real = self.tell(
                Code::DefinitionCycle,
                message,
                text,
                range,
                "this never comes to an end",
            );
            real.help(
                "what a name stands for is looked up where it is used, not where it is defined",
            );
            return false;
        }
        if names.len() >= MAX_DEPTH {
            let message = format!("definitions are nested more than {MAX_DEPTH} deep");
            self.tell(Code::TooLarge, message, text, range, "this is one too many");
            return false;
        }
        true
    }

    /// What a predefined name stands for.
    fn predefined(&mut self, reference: &Reference<'_>, text: &Text) -> Option<String> {
        let range = 0..text.len();
        let value = match reference.name {
            "_PWD" => {
                let file = &self.sources.get(self.root.source).name;
                let file = self.surroundings.files.absolute(file.as_ref());
                let folder = file.parent().unwrap_or(&file);
                folder.display().to_string()
            }
            "_INSTANCE" => self.surroundings.config_id.to_owned(),
            "_HASH" => HASH.to_string(),
            "_BANG" => BANG.to_string(),
            "_ENV" => return Some(self.variable(reference.arguments, text)),
            _ => {
                let numbers = random_range(reference.arguments);
                let Some((least, most)) = numbers else {
                    self.tell(
                        Code::InvalidValue,
                        format!("`{}` is no range", shown(reference.arguments)),
                        text,
                        range,
                        "expected the least number and the largest one",
                    )
                    .help("`${_RANDOM 10 20}` is a number from 10 to 20");
                    return None;
                };
                let span = most - least;
                let number = self.next_random();
                let offset = match span.checked_add(1) {
                    Some(count) => number % count,
                    None => number,
                };
                (least + offset).to_string()
            }
        };
        Some(value)
    }

    /// A variable of the environment, as text in which nothing is special.
    fn variable(&mut self, name: &str, text: &Text) -> String {
        match (self.surroundings.environment)(name) {
            Some(value) => value
                .chars()
                .map(|character| match character {
                    '#' => HASH,
                    '!' => BANG,
                    '\n' => ' ',
                    other => other,
                })
                .collect(),
            None => {
                if !self.environment_told.iter().any(|known| known == name) {
                    self.environment_told.push(name.to_owned());
                    let message = format!("there is no `{}` in the environment", shown(name));
                    self.tell(
                        Code::DefaultAssumed,
                        message,
                        text,
                        0..text.len(),
                        "replaced by nothing",
                    );
                }
                String::new()
            }
        }
    }

    /// SplitMix64: the same seed makes the same numbers.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.random;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// A text in which everything is replaced, and that has one line.
    pub(super) fn inline(&mut self, text: Text) -> Option<Text> {
        match self.substitute(text) {
            Substituted::Line(line, _) => Some(line.trimmed()),
            Substituted::Lines(lines) => {
                if let Some(first) = lines.first() {
                    let first = first.clone();
                    let end = first.len();
                    self.tell(
                        Code::InvalidValue,
                        "a definition of several lines does not belong here",
                        &first,
                        0..end,
                        "this would be several lines",
                    );
                }
                None
            }
            Substituted::Nothing => None,
        }
    }
}

/// The lines of a definition, with what stands before it in front of the first, and what
/// stands behind it after the last.
fn spread(before: Text, lines: &[Rc<Text>], frame: FrameId, after: Vec<Pending>) -> Vec<Text> {
    let mut spread: Vec<Text> = Vec::with_capacity(lines.len());
    let mut current = before;
    for (index, line) in lines.iter().enumerate() {
        current.push_part(line, 0..line.len(), Some(frame));
        if index + 1 < lines.len() {
            spread.push(std::mem::take(&mut current));
        }
    }
    for rest in after.into_iter().rev() {
        let end = rest.text.len();
        current.push_part(&rest.text, rest.at..end, rest.frame);
    }
    spread.push(current);
    spread
}

/// What the `$` at the beginning begins. None where it is text.
fn reference(text: &str) -> Option<Reference<'_>> {
    let rest = text.strip_prefix('$')?;
    let Some(inner) = rest.strip_prefix('{') else {
        let length = name_length(rest);
        return (length > 0).then_some(Reference {
            name: &rest[..length],
            arguments: "",
            length: 1 + length,
            braced: false,
        });
    };
    let length = name_length(inner);
    let name = &inner[..length];
    let after = &inner[length..];
    let arguments = match name {
        "_RANDOM" | "_ENV" => &after[..after.find('}')?],
        _ => "",
    };
    let closed = after[arguments.len()..].starts_with('}') && length > 0;
    let separate = arguments.is_empty() || arguments.starts_with(is_blank);
    (closed && separate).then(|| Reference {
        name,
        arguments: arguments.trim_matches(is_blank),
        length: 2 + length + arguments.len() + 1,
        braced: true,
    })
}

/// The least and the largest number that `${_RANDOM …}` asks for.
fn random_range(arguments: &str) -> Option<(u64, u64)> {
    let words = arguments.split(is_blank).filter(|word| !word.is_empty());
    let numbers: Vec<u64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let (least, most) = match numbers.as_slice() {
        [] => (0, MOST_RANDOM),
        [least] => (*least, (*least).max(MOST_RANDOM)),
        [least, most] => (*least, *most),
        _ => return None,
    };
    (least <= most).then_some((least, most))
}

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
