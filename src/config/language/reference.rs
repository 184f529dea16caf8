//! What looks like the use of a definition, and whether it is one.

use super::super::diagnostic::Code;
use super::super::source::{FrameId, SourceId};
use super::Expander;
use super::predefined::PREDEFINED;
use super::text::{Text, is_blank, name_length};

/// How far the end of `${_ENV NAME}` and `${_RANDOM A B}` is looked for, in bytes: a line
/// may begin very many that have none.
const LONGEST_ARGUMENTS: usize = 1024;

/// What a `$` begins.
pub(super) struct Reference<'t> {
    pub name: &'t str,
    /// What stands behind the name in the braces.
    pub arguments: &'t str,
    /// With the `$` and the braces.
    pub length: usize,
    pub braced: bool,
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

    pub(super) fn stands_for_something(&self, name: &str) -> bool {
        self.definitions.contains_key(name) || PREDEFINED.contains(&name)
    }
}

/// What the `$` at the beginning begins. None where it is text.
pub(super) fn reference(text: &str) -> Option<Reference<'_>> {
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
        "_RANDOM" | "_ENV" => {
            let near = &after[..after.floor_char_boundary(LONGEST_ARGUMENTS)];
            &near[..near.find('}')?]
        }
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
