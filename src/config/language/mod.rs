//! What is written around the words of a configuration: includes, definitions, lines
//! for one configuration id, sequences and lists. They are worked off here, between the
//! files and the grammar, so that nothing behind knows of them.
//!
//! Lines that need nothing are read where they lie; the others are made anew, and each
//! byte of them knows where it comes from.

mod braces;
mod budget;
mod checks;
mod define;
mod include;
mod lines;
mod marks;
mod predefined;
mod reference;
mod sequence;
mod substitute;
mod text;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::diagnostic::{Code, Collector, Diagnostic};
use super::source::{Files, FrameId, Identity, Piece, SourceId, Sources, Span, Stretch};
use budget::Budget;
use checks::Checks;
use define::Definition;
use lines::{Reader, is_special, needs_attention};
use substitute::Substituted;
use text::{Text, comment, is_blank};

/// How deep what is made of lines may be nested: definitions, sequences, includes.
const MAX_DEPTH: usize = 100;

/// What a configuration is read with.
pub struct Surroundings<'a> {
    /// Where the files come from that are included.
    pub files: &'a dyn Files,
    /// `-i`: which lines that begin with `@` hold, and what `${_INSTANCE}` is.
    pub config_id: &'a str,
    /// `-e`: every include is checked as `includea` is.
    pub all_files: bool,
    /// The environment, for `${_ENV NAME}`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// What `${_RANDOM}` begins with, unless `random_seed` says something else.
    pub seed: u64,
}

/// Works off what is around the words. What is to be read then are the pieces of
/// `sources`. False if it makes no sense to read them, which has been told.
pub(super) fn expand(
    sources: &mut Sources,
    surroundings: &Surroundings<'_>,
    diagnostics: &mut Collector,
) -> bool {
    let Some((first, source)) = sources.iter().next() else {
        return true;
    };
    if !needs_attention(source.text()) {
        return true;
    }
    let name = source.name.clone();
    sources.clear_pieces();
    let errors = diagnostics.errors();
    let mut expander = Expander {
        sources,
        surroundings,
        diagnostics,
        made: String::new(),
        made_stretches: Vec::new(),
        definitions: HashMap::new(),
        environment_told: HashSet::new(),
        random: surroundings.seed,
        root: Root {
            source: first,
            blanks: Span::default(),
            line: Span::default(),
        },
        open: Vec::new(),
        checks: match surroundings.all_files {
            true => Checks::ALL,
            false => Checks::default(),
        },
        depth: 0,
        budget: Budget::default(),
    };
    let identity = surroundings.files.identity(name.as_ref());
    expander.open.push(identity);
    expander.file(first);
    let (made, stretches) = (expander.made, expander.made_stretches);
    sources.made_mut().set(made, stretches);
    diagnostics.errors() == errors
}

/// The state of working off one configuration.
struct Expander<'a> {
    sources: &'a mut Sources,
    surroundings: &'a Surroundings<'a>,
    diagnostics: &'a mut Collector,
    /// The lines that have been made, and where each byte of them comes from.
    made: String,
    made_stretches: Vec<Stretch>,
    definitions: HashMap<String, Rc<Definition>>,
    /// Variables of the environment that are known to be missing.
    environment_told: HashSet<String>,
    /// The state of `${_RANDOM}`.
    random: u64,
    root: Root,
    /// The files that are being read, each included by the one before it.
    open: Vec<Identity>,
    /// `include_check`, in the file that is being read.
    checks: Checks,
    depth: usize,
    budget: Budget,
}

/// The line of a file that is being worked off.
#[derive(Clone, Copy)]
struct Root {
    source: SourceId,
    /// The blanks that it begins with.
    blanks: Span,
    /// The line.
    line: Span,
}

impl Expander<'_> {
    /// Reads a file.
    fn file(&mut self, id: SourceId) {
        let contents = self.sources.get(id).contents();
        let text = contents.text();
        let mut reader = Reader {
            id,
            contents: contents.clone(),
            at: text.len() - text.trim_start_matches('\u{feff}').len(),
            line: 1,
        };
        if !needs_attention(text) {
            self.raw(id, 0..text.len(), 1);
            return;
        }
        let (outer, checks) = (self.root, self.checks);
        let (mut raw, mut raw_line) = (reader.at, 1);
        while let Some(range) = reader.next() {
            if self.budget.is_exceeded() {
                break;
            }
            let whole = &text[range.clone()];
            if !is_special(whole) && !whole.contains('$') {
                continue;
            }
            let content = &whole[..comment(whole)];
            self.notice(content);
            if !self.concerns(content, id, range.start) {
                continue;
            }
            self.raw(id, raw..range.start, raw_line);
            self.begin(id, range.clone(), content);
            let trimmed = content.trim_start_matches(is_blank);
            let start = range.start + content.len() - trimmed.len();
            let trimmed = trimmed.trim_end_matches(is_blank);
            let span = self.span(id, start..start + trimmed.len());
            let text = Text::written(trimmed, span, FrameId::NONE);
            let more = self.continuation(&mut reader, whole);
            self.line(text, more);
            self.end_of_root();
            (raw, raw_line) = (reader.at, reader.line);
        }
        self.raw(id, raw..text.len(), raw_line);
        (self.root, self.checks) = (outer, checks);
    }

    /// Lines that are read where they lie.
    fn raw(&mut self, id: SourceId, range: Range<usize>, line: u32) {
        if !range.is_empty() {
            let span = self.span(id, range);
            self.sources.push_piece(Piece { span, line, of: id });
        }
    }

    /// What is made from now on is made from this line.
    fn begin(&mut self, id: SourceId, range: Range<usize>, content: &str) {
        let blanks = content.len() - content.trim_start_matches(is_blank).len();
        let end = range.start + content.trim_end_matches(is_blank).len().max(blanks);
        self.root = Root {
            source: id,
            blanks: self.span(id, range.start..range.start + blanks),
            line: self.span(id, range.start + blanks..end),
        };
        let contents = self.sources.get(id).contents();
        let bad = contents.invalid_within(range.start..range.start + content.len());
        self.sources.push_stray(id, bad);
        self.budget.begin();
    }

    /// Whether a line is anything but words. Says so where a `$` is in vain.
    fn concerns(&mut self, content: &str, id: SourceId, start: usize) -> bool {
        let text = content.trim_start_matches(is_blank);
        match text.as_bytes().first() {
            Some(b'@') => return true,
            Some(b'~') if sequence::is_sequence(text) => return true,
            Some(b'$') if define::looks_like_definition(text) => return true,
            Some(b'i') if checks::is_include(text) => return true,
            _ => {}
        }
        self.has_references(content, id, start)
    }

    /// One line without a comment, with the lines that it goes on with where it is a
    /// definition.
    fn line(&mut self, mut text: Text, more: Vec<Text>) {
        if self.depth >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            self.tell_at_root(Code::TooLarge, message, "what this makes");
            self.budget.exceed();
        }
        if self.budget.is_exceeded() {
            return;
        }
        self.depth += 1;
        loop {
            match text.as_str().as_bytes().first() {
                None => break,
                Some(b'@') => match self.condition(text) {
                    Some(rest) => {
                        text = rest;
                        continue;
                    }
                    None => break,
                },
                Some(b'$') if define::looks_like_definition(text.as_str()) => {
                    self.define(text, more);
                    break;
                }
                Some(b'~') if sequence::is_sequence(text.as_str()) => {
                    self.sequence(&text);
                    break;
                }
                Some(b'i') if checks::is_include(text.as_str()) => {
                    self.include(&text);
                    break;
                }
                _ => {}
            }
            match self.substitute(text) {
                Substituted::Line(line, true) if is_special(line.as_str()) => {
                    text = line.trimmed();
                }
                Substituted::Line(line, _) => {
                    self.emit(&line.trimmed());
                    break;
                }
                Substituted::Lines(lines) => {
                    for line in lines {
                        self.line(line.trimmed(), Vec::new());
                    }
                    break;
                }
                Substituted::Nothing => break,
            }
        }
        self.depth -= 1;
    }

    /// What follows `@id`, where that is this one, or `@^id`, where it is not.
    fn condition(&self, text: Text) -> Option<Text> {
        let condition = text.as_str().get(1..).unwrap_or("");
        let length = condition.find(is_blank).unwrap_or(condition.len());
        let wanted = &condition[..length];
        let holds = match wanted.strip_prefix('^') {
            Some(unwanted) => unwanted != self.surroundings.config_id,
            None => wanted == self.surroundings.config_id,
        };
        holds.then(|| text.part(1 + length..text.len()).trimmed())
    }

    /// Words that change how what follows is read.
    fn notice(&mut self, content: &str) {
        let mut words = content.split(is_blank).filter(|word| !word.is_empty());
        match words.next() {
            Some("random_seed") => {
                if let Some(seed) = words.next().and_then(|seed| seed.parse::<u32>().ok()) {
                    self.random = u64::from(seed);
                }
            }
            Some("include_check") => self.checks.change(words),
            _ => {}
        }
    }

    /// A line is finished: it is to be read as what it has become.
    fn emit(&mut self, text: &Text) {
        if text.is_empty() {
            return;
        }
        let unmarked;
        let text = match marks::has_marks(text.as_str()) {
            true => {
                unmarked = marks::without_marks(text);
                &unmarked
            }
            false => text,
        };
        self.notice(text.as_str());
        let blanks = self.root.blanks;
        let start = self.made.len();
        if !self
            .budget
            .take_line(start, blanks.range().len() + text.len())
        {
            self.overflow();
            return;
        }
        if !blanks.range().is_empty() {
            self.made_stretches.push(Stretch {
                start: start as u32,
                place: blanks,
                frame: FrameId::NONE,
                exact: true,
            });
            self.made.push_str(self.sources.text(blanks));
        }
        let shift = self.made.len() as u32;
        let moved = text.stretches().iter().map(|stretch| Stretch {
            start: stretch.start + shift,
            ..*stretch
        });
        self.made_stretches.extend(moved);
        self.made.push_str(text.as_str());
        self.made.push('\n');
        self.sources.push_piece(Piece {
            span: Span {
                source: SourceId::MADE,
                start: start as u32,
                end: self.made.len() as u32,
            },
            line: 1,
            of: self.root.source,
        });
    }

    /// Reports something at a place in a text.
    fn tell(
        &mut self,
        code: Code,
        message: impl Into<String>,
        text: &Text,
        range: Range<usize>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let end = text.len() as u32;
        let range = range.start as u32..range.end as u32;
        let real = self.sources.made().resolve_in(text.stretches(), end, range);
        let diagnostic = self.diagnostics.report(code, message);
        diagnostic.at(real.span, label);
        for (span, label) in real.notes {
            diagnostic.comes_from(span, label);
        }
        diagnostic
    }

    /// Reports something of the line that is being worked off.
    fn tell_at_root(
        &mut self,
        code: Code,
        message: impl Into<String>,
        label: &str,
    ) -> &mut Diagnostic {
        let line = self.root.line;
        self.diagnostics.report(code, message).at(line, label)
    }

    fn span(&self, source: SourceId, range: Range<usize>) -> Span {
        Span {
            source,
            start: range.start as u32,
            end: range.end as u32,
        }
    }
}
