//! What is wrong with a configuration, where, and what to do about it.

mod code;
mod collector;
mod json;
mod line;
mod places;
mod render;

use std::io;
use std::path::Path;

use super::source::{self, Sources, Span};

pub use code::{Code, Severity};
pub(super) use collector::Collector;
pub use json::Json;
pub use line::Line;
pub use render::Style;

/// How many characters of the user's text a message repeats.
const SHOWN: usize = 60;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// The place, and what is the matter there. None where it is about no place in
    /// particular.
    pub primary: Option<Label>,
    /// Other places that have to do with it.
    pub related: Vec<Label>,
    /// How it came to the primary place: the definitions and sequences that it comes out
    /// of, and the lines by which its file is included.
    pub trail: Vec<Label>,
    pub help: Vec<String>,
    /// What to write at the primary place instead.
    pub replacement: Option<String>,
    /// Further places where the same is wrong.
    pub more: Vec<Span>,
    /// How many further places there are; more than [`more`](Self::more) has where
    /// they are very many.
    pub more_count: usize,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

impl Diagnostic {
    fn new(code: Code, message: String) -> Self {
        Diagnostic {
            code,
            message,
            primary: None,
            related: Vec::new(),
            trail: Vec::new(),
            help: Vec::new(),
            replacement: None,
            more: Vec::new(),
            more_count: 0,
        }
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub(super) fn at(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        let text = label.into();
        self.primary = Some(Label { span, text });
        self
    }

    pub(super) fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        let text = label.into();
        self.related.push(Label { span, text });
        self
    }

    /// The primary place comes out of what stands at `span`.
    pub(super) fn comes_from(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        let text = label.into();
        self.trail.push(Label { span, text });
        self
    }

    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help.push(help.into());
        self
    }

    pub(super) fn replace_with(&mut self, text: impl Into<String>) -> &mut Self {
        self.replacement = Some(text.into());
        self
    }
}

/// Everything that is wrong with a configuration, with the files that it takes to
/// show it.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Sources,
    list: Vec<Diagnostic>,
    tally: Tally,
}

/// How many there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    errors: usize,
    warnings: usize,
    hints: usize,
}

impl Tally {
    fn of(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Hint => &mut self.hints,
        }
    }

    fn all(self) -> usize {
        self.errors + self.warnings + self.hints
    }
}

impl Diagnostics {
    /// How many are counted only.
    fn omitted(&self) -> usize {
        self.tally.all().saturating_sub(self.list.len())
    }

    /// In the order of the files; not all where there are very many.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many errors there are, those not in the list included.
    pub fn errors(&self) -> usize {
        self.tally.errors
    }

    pub fn warnings(&self) -> usize {
        self.tally.warnings
    }

    pub fn hints(&self) -> usize {
        self.tally.hints
    }

    pub fn is_empty(&self) -> bool {
        self.tally.all() == 0
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// Text of the user's as it can stand in a message: short, and without anything that
/// a terminal acts on.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN) {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Diagnostics {
    let mut collector = Collector::default();
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => collector
            .report(Code::Unreadable, format!("{path}: there is no such file"))
            .help("name the configuration with -f FILE"),
        io::ErrorKind::FileTooLarge => collector.report(
            Code::TooLarge,
            format!("{path}: larger than {} MB", source::MAX_FILE_BYTES >> 20),
        ),
        io::ErrorKind::PermissionDenied => collector
            .report(
                Code::Unreadable,
                format!("{path}: no permission to read it"),
            )
            .help("the configuration is read as the user that ipvsd is started by"),
        _ => collector.report(Code::Unreadable, format!("{path}: {error}")),
    };
    collector.finish(Sources::default())
}
