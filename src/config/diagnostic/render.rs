//! Diagnostics for people.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Severity};
use crate::config::source::{Sources, Span};

/// Whether a terminal shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// How much of a line is shown on either side of the mark, in bytes.
const CONTEXT: usize = 200;
/// How many further places are named.
const PLACES: usize = 8;

impl Diagnostics {
    /// Each diagnostic with the line it is about, an empty line after each.
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        let mut text = String::new();
        for diagnostic in &self.list {
            text.push_str(&renderer.render(&[group(&self.sources, diagnostic)]));
            text.push_str("\n\n");
        }
        let kept = self.list.len();
        let all = self.errors + self.warnings;
        if all > kept {
            text.push_str(&format!("… and {} more\n\n", all - kept));
        }
        text
    }
}

fn group<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.name());
    let mut group = Group::with_title(title);
    let primary = diagnostic.primary.iter();
    let primary = primary.map(|label| (label, AnnotationKind::Primary));
    let related = diagnostic.related.iter();
    let related = related.map(|label| (label, AnnotationKind::Context));
    for (label, kind) in primary.chain(related) {
        group = show(group, sources, label.span, &label.text, kind);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    if let Some(places) = further_places(sources, diagnostic) {
        group = group.element(Level::NOTE.message(places));
    }
    group
}

/// The line of one place with the mark.
fn show<'a>(
    group: Group<'a>,
    sources: &'a Sources,
    span: Span,
    label: &'a str,
    kind: AnnotationKind,
) -> Group<'a> {
    let source = sources.get(span.source);
    let place = sources.place(span);
    let excerpt = excerpt(source.text(), span);
    let start = span.start as usize - excerpt.start;
    let end = (span.end as usize).min(excerpt.end) - excerpt.start;
    let annotation = kind
        .span(start..end.max(start))
        .label((!label.is_empty()).then_some(label));
    let origin = Origin::path(source.name.as_str())
        .line(place.line as usize)
        .char_column(place.column as usize);
    let snippet = Snippet::source(&source.text()[excerpt])
        .line_start(place.line as usize)
        .annotation(annotation);
    group.element(origin).element(snippet)
}

/// The line on which `span` begins, or as much of it as can be looked at.
fn excerpt(text: &str, span: Span) -> Range<usize> {
    let (from, to) = (span.start as usize, span.end as usize);
    let start = text.floor_char_boundary(from.saturating_sub(CONTEXT));
    let start = match text[start..from].rfind('\n') {
        Some(newline) => start + newline + 1,
        None => start,
    };
    let end = text.ceil_char_boundary(to.min(from + CONTEXT).saturating_add(CONTEXT));
    let end = match text[from..end].find('\n') {
        Some(newline) => from + newline,
        None => end,
    };
    start..end
}

/// Where else the same is wrong, by line.
fn further_places(sources: &Sources, diagnostic: &Diagnostic) -> Option<String> {
    let (first, rest) = diagnostic.more.split_first()?;
    let mut text = format!("also on line {}", sources.place(*first).line);
    for span in rest.iter().take(PLACES - 1) {
        text.push_str(&format!(", {}", sources.place(*span).line));
    }
    if diagnostic.more_count > PLACES {
        text.push_str(&format!(" and {} more", diagnostic.more_count - PLACES));
    }
    Some(text)
}
