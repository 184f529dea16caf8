//! `$NAME` and `${NAME}`.

use std::rc::Rc;

use super::super::diagnostic::{Code, shown};
use super::super::source::{Frame, FrameId};
use super::define::Definition;
use super::reference::reference;
use super::text::{Text, is_blank};
use super::{Expander, MAX_DEPTH, budget};

/// What a line has become.
pub(super) enum Substituted {
    /// One line, and whether anything in it has been replaced.
    Line(Text, bool),
    /// Several, with what is still to be replaced in them.
    Lines(Vec<Text>),
    /// It is left out, for a reason that has been told.
    Nothing,
}

/// Why a definition is not used.
enum Refusal {
    Itself,
    ByOthers,
    TooDeep,
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
            if let Some(refusal) = self.refusal(&definition, frame) {
                let mut text = Text::default();
                text.push_part(&whole, range, Some(frame));
                self.tell_refusal(refusal, found.name, &text);
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
            match &*definition.lines {
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

    /// Why a definition must not be used in the text that `frame` has brought.
    fn refusal(&self, definition: &Definition, frame: FrameId) -> Option<Refusal> {
        let chain = self.sources.made().chain(frame);
        for (depth, around) in chain.enumerate() {
            if around.name == definition.name {
                return Some(match depth {
                    0 => Refusal::Itself,
                    _ => Refusal::ByOthers,
                });
            }
            if depth + 1 >= MAX_DEPTH {
                return Some(Refusal::TooDeep);
            }
        }
        None
    }

    fn tell_refusal(&mut self, refusal: Refusal, name: &str, text: &Text) {
        let range = 0..text.len();
        let message = match refusal {
            Refusal::Itself => format!("the definition of `{name}` refers to itself"),
            Refusal::ByOthers => {
                format!("the definition of `{name}` refers to itself by way of others")
            }
            Refusal::TooDeep => {
                let message = format!("definitions are nested more than {MAX_DEPTH} deep");
                self.tell(Code::TooLarge, message, text, range, "this is one too many");
                return;
            }
        };
        self.tell(
            Code::DefinitionCycle,
            message,
            text,
            range,
            "this never comes to an end",
        )
        .help("what a name stands for is looked up where it is used, not where it is defined");
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
