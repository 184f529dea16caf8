//! `$NAME=value`.

use std::cell::OnceCell;
use std::rc::Rc;

use super::super::diagnostic::{Code, shown};
use super::super::source::FrameId;
use super::predefined::PREDEFINED;
use super::text::{Text, comment, is_blank, name_length};
use super::{Expander, Reader};

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its lines; most have one, and an empty one has none.
    pub lines: Box<[Rc<Text>]>,
    /// The number of its name.
    pub name: u32,
    /// The value that it has in a round of a sequence.
    pub value: Option<Box<str>>,
    /// The number of what is said of the places that it brings; made when it is first
    /// used.
    pub label: OnceCell<u32>,
}

/// Whether a line is a definition, or is meant to be one.
pub(super) fn looks_like_definition(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('$') else {
        return false;
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = rest.bytes().take_while(|byte| is_name(byte)).count();
    let after = rest[length..].trim_start_matches(is_blank);
    length > 0 && after.starts_with('=')
}

impl Expander<'_> {
    /// A line that defines something, and the lines that it goes on with.
    pub(super) fn define(&mut self, text: Text, more: Vec<Text>) {
        let rest = &text.as_str()[1..];
        let length = name_length(rest);
        let equals = text.as_str().find('=').unwrap_or(0);
        let name = rest[..length].to_owned();
        if length + 1 != equals {
            let blank = length > 0;
            let message = format!("`{}` defines nothing", shown(&text.as_str()[..=equals]));
            let diagnostic = self.tell(Code::InvalidValue, message, &text, 0..equals + 1, "");
            match blank {
                true => diagnostic.help(format!("without blanks before the `=`: `${name}=`")),
                false => diagnostic.help("a name has letters, digits and `_`, and no digit first"),
            };
            return;
        }
        if PREDEFINED.contains(&name.as_str()) {
            let message = format!("`{name}` is predefined");
            self.tell(
                Code::InvalidValue,
                message,
                &text,
                0..equals,
                "it has a meaning of its own",
            )
            .help("names that begin with `_` are reserved");
            return;
        }
        let mut value = text.part(equals + 1..text.len()).trimmed();
        if !more.is_empty() || value.as_str().ends_with('\\') && self.depth == 1 {
            let end = value.as_str().trim_end_matches('\\').len();
            value = value.part(0..end).trimmed();
        }
        let lines = std::iter::once(value).chain(more);
        let lines = lines.filter(|line| !line.is_empty());
        let lines = lines.map(|line| Rc::new(line.shrink())).collect();
        self.set(name, lines, None);
    }

    /// From now on `name` stands for this.
    pub(super) fn set(&mut self, name: String, lines: Box<[Rc<Text>]>, value: Option<Box<str>>) {
        let next = self.definitions.len() as u32;
        let known = self.definitions.get_mut(&name);
        let number = known.as_ref().map_or(next, |known| known.name);
        let definition = Definition {
            lines,
            name: number,
            value,
            label: OnceCell::new(),
        };
        match known {
            Some(known) => *known = Rc::new(definition),
            None => {
                self.definitions.insert(name, Rc::new(definition));
            }
        }
    }

    /// The lines that a definition goes on with: `first`, its own line, ends with a
    /// backslash. An empty line ends it, unless the next one shows that it goes on.
    pub(super) fn continuation(&mut self, reader: &mut Reader, first: &str) -> Vec<Text> {
        let mut lines = Vec::new();
        let defines = looks_like_definition(without_conditions(first));
        if !defines || !goes_on(first) {
            return lines;
        }
        let contents = reader.contents.clone();
        let mut open = braces(first);
        let mut kept = (reader.at, reader.line);
        let mut empty = false;
        while let Some(range) = reader.next() {
            let line = &contents.text()[range.clone()];
            let more = goes_on(line);
            let content = &line[..comment(line)];
            let content = match more && content.len() == line.len() {
                true => content.trim_end_matches(is_blank).trim_end_matches('\\'),
                false => content,
            };
            let nothing = content.trim_matches(is_blank).is_empty();
            if nothing && !more {
                empty = true;
                continue;
            }
            let another = looks_like_definition(content.trim_start_matches(is_blank));
            if empty && open <= 0 && (!more || another) {
                break;
            }
            empty = false;
            open += braces(content);
            kept = (reader.at, reader.line);
            if !nothing {
                let range = range.start..range.start + content.len();
                let bad = contents.invalid_within(range.clone());
                self.sources.push_stray(reader.id, bad);
                let span = self.span(reader.id, range);
                lines.push(Text::written(content, span, FrameId::NONE).trimmed());
            }
            if !more {
                break;
            }
        }
        (reader.at, reader.line) = kept;
        lines
    }
}

/// Whether a line ends with a backslash.
fn goes_on(line: &str) -> bool {
    line.trim_end_matches(is_blank).ends_with('\\')
}

/// How many more braces a line opens than it closes; those of `${NAME}` are none.
fn braces(line: &str) -> i64 {
    let (mut open, mut reference, mut dollar) = (0, false, false);
    for byte in line.bytes() {
        match byte {
            b'{' if dollar => reference = true,
            b'}' if reference => reference = false,
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        dollar = byte == b'$';
    }
    open
}

/// A line without the `@id` that it begins with.
fn without_conditions(line: &str) -> &str {
    let mut text = line.trim_start_matches(is_blank);
    while text.starts_with('@') {
        let length = text.find(is_blank).unwrap_or(text.len());
        text = text[length..].trim_start_matches(is_blank);
    }
    text
}
