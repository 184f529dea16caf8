//! Diagnostics for programs.

use serde::Serialize;

use super::{Diagnostic, Diagnostics, Label};
use crate::config::source::{Sources, Span};

/// Everything that is wrong, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    pub errors: usize,
    pub warnings: usize,
    pub hints: usize,
    /// How many are counted, and not among the diagnostics.
    pub omitted: usize,
    pub diagnostics: Vec<Entry<'a>>,
}

/// One diagnostic.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    pub severity: &'static str,
    pub code: &'static str,
    pub message: &'a str,
    #[serde(flatten)]
    pub at: Option<At<'a>>,
    /// What to write there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub help: &'a [String],
    /// Other places that have to do with it, and those that it comes from: definitions,
    /// sequences, includes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<At<'a>>,
    /// Further places with the same fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<At<'a>>,
    /// How many of them are counted only.
    #[serde(skip_serializing_if = "is_none")]
    pub more_omitted: usize,
}

/// For serde.
fn is_none(number: &usize) -> bool {
    *number == 0
}

/// A place. Lines and columns count from 1, columns in characters; offsets are bytes.
#[derive(Debug, Serialize)]
pub struct At<'a> {
    pub file: &'a str,
    pub line: u32,
    pub column: u32,
    pub start: u32,
    pub end: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub label: &'a str,
}

impl Diagnostics {
    /// For `--json`.
    pub fn json(&self) -> Json<'_> {
        Json {
            errors: self.tally.errors,
            warnings: self.tally.warnings,
            hints: self.tally.hints,
            omitted: self.omitted(),
            diagnostics: self.list.iter().map(|entry| self.entry(entry)).collect(),
        }
    }

    fn entry<'a>(&'a self, diagnostic: &'a Diagnostic) -> Entry<'a> {
        let label = |label: &'a Label| at(&self.sources, label.span, &label.text);
        Entry {
            severity: diagnostic.severity().name(),
            code: diagnostic.code.name(),
            message: &diagnostic.message,
            at: diagnostic.primary.as_ref().map(label),
            replacement: diagnostic.replacement.as_deref(),
            help: &diagnostic.help,
            related: diagnostic
                .related
                .iter()
                .chain(&diagnostic.trail)
                .map(label)
                .collect(),
            more: diagnostic
                .more
                .iter()
                .map(|span| at(&self.sources, *span, ""))
                .collect(),
            more_omitted: diagnostic.more_count.saturating_sub(diagnostic.more.len()),
        }
    }
}

fn at<'a>(sources: &'a Sources, span: Span, label: &'a str) -> At<'a> {
    let place = sources.place(span);
    At {
        file: &sources.get(span.source).name,
        line: place.line,
        column: place.column,
        start: span.start,
        end: span.end,
        label,
    }
}
