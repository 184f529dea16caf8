//! What is wrong with a configuration, where, and what to do about it.

mod json;
mod line;
mod places;
mod render;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::Path;

use super::source::{self, Sources, Span};

pub use json::Json;
pub use line::Line;
pub use render::Style;

/// How many diagnostics of one severity are kept, and how many places one names.
/// Beyond that they are counted only.
const KEPT: usize = 500;
/// How many characters of the user's text a message repeats.
const SHOWN: usize = 60;

/// Whether the configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used; something in it does not do what it seems to.
    Warning,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $severity:ident)*) => {
        /// What kind of thing is wrong. The names are stable: scripts and editors go
        /// by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            pub fn severity(self) -> Severity {
                match self {
                    $(Code::$variant => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The file cannot be read.
    Unreadable "unreadable" Error
    /// Nothing but blanks and comments.
    Empty "empty" Error
    /// Too many bytes or statements.
    TooLarge "too-large" Error
    /// Bytes that are not UTF-8, outside comments.
    NotUtf8 "not-utf8" Error
    NulByte "nul-byte" Error
    UnclosedQuote "unclosed-quote" Error
    /// A block that nothing closes.
    UnclosedBlock "unclosed-block" Error
    /// A word that takes a block has none.
    MissingBlock "missing-block" Error
    /// A block where none belongs.
    UnexpectedBlock "unexpected-block" Error
    UnknownWord "unknown-word" Error
    /// A word that is right in another block.
    WrongBlock "wrong-block" Error
    MissingValue "missing-value" Error
    /// Not a number, not an address, not one of the names that are possible.
    InvalidValue "invalid-value" Error
    /// A number too small or too large.
    OutOfRange "out-of-range" Error
    /// The same thing a second time.
    Duplicate "duplicate" Error
    /// A virtual server with neither real servers nor a sorry server.
    NoRealServers "no-real-servers" Error
    /// IPv4 and IPv6 where only one can be.
    FamilyMismatch "family-mismatch" Error
    /// A file that includes itself.
    IncludeCycle "include-cycle" Error
    /// A definition that refers to itself.
    DefinitionCycle "definition-cycle" Error
    /// A value that is known but not served yet, and cannot be left out.
    ValueNotServed "value-not-served" Error
    /// A file that is to be included and is not there; the rest is used without it.
    NotIncluded "not-included" Warning
    /// A known word that is not served yet; it is skipped.
    NotServed "not-served" Warning
    /// A known word that ipvsd will not serve; its reason is told.
    NeverServed "never-served" Warning
    /// What older versions of keepalived called it.
    OlderSpelling "older-spelling" Warning
    /// Upper and lower case other than the usual.
    UnusualCase "unusual-case" Warning
    /// A `}` that closes nothing; it is skipped.
    ExtraBrace "extra-brace" Warning
    /// Words that change nothing; they are skipped.
    NoEffect "no-effect" Warning
    /// A value is missing, and keepalived goes on with a default.
    DefaultAssumed "default-assumed" Warning
    /// It can be run as it stands, but is hardly what is meant.
    Doubtful "doubtful" Warning
    /// Said twice; one of the two counts.
    Repeated "repeated" Warning
    /// Another port than the one that is written is used.
    PortOverridden "port-overridden" Warning
    /// Another value than the one that is written is used.
    ValueAdjusted "value-adjusted" Warning
}

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

/// Takes in what is found to be wrong while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Collector {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// Where in the list the first of those is that are told together.
    folded: HashMap<(Code, &'static str), usize>,
    /// Takes what is beyond the limit.
    discarded: Option<Box<Diagnostic>>,
    /// What must not be shown, though the lines around it are.
    hidden: Vec<Span>,
}

impl Collector {
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether another one with this code would only be counted, so that it is not
    /// worth the time to find out more about it.
    pub(super) fn is_full(&self, code: Code) -> bool {
        match code.severity() {
            Severity::Error => self.errors >= KEPT,
            Severity::Warning => self.warnings >= KEPT,
        }
    }

    /// Takes in one more; the caller goes on to say where and what to do.
    pub(super) fn report(&mut self, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        let count = match code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        let diagnostic = Diagnostic::new(code, message.into());
        if *count > KEPT {
            return self.discarded.insert(Box::new(diagnostic));
        }
        self.list.push(diagnostic);
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Adds `span` to the first diagnostic with this code and subject. None says
    /// that this is the first, which the caller has to [`report_first`](Self::report_first).
    pub(super) fn fold(&mut self, code: Code, subject: &'static str, span: Span) -> bool {
        let Some(first) = self.folded.get(&(code, subject)) else {
            return false;
        };
        if let Some(diagnostic) = self.list.get_mut(*first) {
            diagnostic.more_count += 1;
            if diagnostic.more.len() < KEPT {
                diagnostic.more.push(span);
            }
        }
        true
    }

    /// Takes in the first of those that [`fold`](Self::fold) puts together.
    pub(super) fn report_first(
        &mut self,
        code: Code,
        subject: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        if let Entry::Vacant(entry) = self.folded.entry((code, subject)) {
            entry.insert(self.list.len());
        }
        self.report(code, message)
    }

    /// Takes in everything that another has.
    pub(super) fn take(&mut self, other: Collector) {
        self.list.extend(other.list);
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.hidden.extend(other.hidden);
    }

    /// Nobody is to see what stands there.
    pub(super) fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// Everything, in the order of the files.
    pub(super) fn finish(mut self, mut sources: Sources) -> Diagnostics {
        for span in self.hidden {
            sources.hide(span);
        }
        for diagnostic in &mut self.list {
            places::settle(diagnostic, &sources);
        }
        places::tell_once(&mut self.list, &mut self.errors, &mut self.warnings);
        self.list.sort_by_key(|diagnostic| {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            place.map(|span| (span.source, span.start))
        });
        Diagnostics {
            sources,
            list: self.list,
            errors: self.errors,
            warnings: self.warnings,
        }
    }
}

/// Everything that is wrong with a configuration, with the files that it takes to
/// show it.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Sources,
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// In the order of the files; not all where there are very many.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many errors there are, those not in the list included.
    pub fn errors(&self) -> usize {
        self.errors
    }

    pub fn warnings(&self) -> usize {
        self.warnings
    }

    pub fn is_empty(&self) -> bool {
        self.errors + self.warnings == 0
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
