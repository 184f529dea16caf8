//! Diagnostics for people.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Label, Severity};
use crate::config::source::{SourceId, Sources, Span};

/// Whether a terminal shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// How much of a line is shown on either side of the mark, in bytes.
const CONTEXT: usize = 200;
/// How far apart places may be, in bytes, to be shown together.
const NEAR: usize = 4000;
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
        let omitted = self.omitted();
        if omitted > 0 {
            text.push_str(&format!("… and {omitted} more\n\n"));
        }
        text
    }
}

fn group<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::HELP.with_name(Severity::Hint.name()),
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.name());
    let mut group = Group::with_title(title);
    for view in views(sources, diagnostic) {
        group = view.show(group, sources);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    if let Some(places) = further_places(sources, diagnostic) {
        group = group.element(Level::NOTE.message(places));
    }
    group
}

/// Part of a file that is shown, with what is marked in it.
struct View<'a> {
    source: SourceId,
    range: Range<usize>,
    /// The range is whole lines.
    whole: bool,
    marks: Vec<(&'a Label, AnnotationKind)>,
}

/// What is shown: the place first, and together with it what is near.
fn views<'a>(sources: &Sources, diagnostic: &'a Diagnostic) -> Vec<View<'a>> {
    let primary = diagnostic.primary.iter();
    let primary = primary.map(|label| (label, AnnotationKind::Primary));
    let related = diagnostic.related.iter().chain(&diagnostic.trail);
    let related = related.map(|label| (label, AnnotationKind::Context));
    let mut views: Vec<View<'_>> = Vec::new();
    for (label, kind) in primary.chain(related) {
        let source = label.span.source;
        let text = sources.get(source).text();
        let range = excerpt(text, label.span);
        let whole = text[..range.start].ends_with('\n') || range.start == 0;
        let near = views.iter_mut().find(|view| {
            let start = view.range.start.min(range.start);
            let end = view.range.end.max(range.end);
            view.source == source && view.whole && whole && end - start < NEAR
        });
        match near {
            Some(view) => {
                view.range.start = view.range.start.min(range.start);
                view.range.end = view.range.end.max(range.end);
                view.marks.push((label, kind));
            }
            None => views.push(View {
                source,
                range,
                whole,
                marks: vec![(label, kind)],
            }),
        }
    }
    views
}

impl<'a> View<'a> {
    fn show(self, group: Group<'a>, sources: &'a Sources) -> Group<'a> {
        let source = sources.get(self.source);
        let offset = self.range.start;
        let first = Span {
            source: self.source,
            start: offset as u32,
            end: offset as u32,
        };
        let annotations = self.marks.iter().map(|(label, kind)| {
            let start = label.span.start as usize - offset;
            let end = (label.span.end as usize).min(self.range.end) - offset;
            let text = label.text.as_str();
            kind.span(start..end.max(start))
                .label((!text.is_empty()).then_some(text))
        });
        let snippet = Snippet::source(&source.text()[self.range.clone()])
            .line_start(sources.place(first).line as usize)
            .annotations(annotations);
        if self.whole {
            return group.element(snippet.path(source.name.as_str()));
        }
        // Columns cannot be told from a part of a line.
        let place = sources.place(self.marks[0].0.span);
        let origin = Origin::path(source.name.as_str())
            .line(place.line as usize)
            .char_column(place.column as usize);
        group.element(origin).element(snippet)
    }
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
    let here = diagnostic.primary.as_ref().map(|label| label.span.source);
    let here = here.map(|source| sources.number(source));
    let mut lines: Vec<_> = diagnostic
        .more
        .iter()
        .map(|span| (sources.number(span.source), sources.place(*span).line))
        .collect();
    lines.dedup();
    let kept = lines.len();
    let more = diagnostic.more_count - diagnostic.more.len() + kept.saturating_sub(PLACES);
    let elsewhere = lines.iter().any(|(file, _)| Some(*file) != here);
    let named = |(file, line): &(u16, u32)| match elsewhere {
        true => format!("{}:{line}", sources.name(*file)),
        false => line.to_string(),
    };
    let lines: Vec<_> = lines.iter().take(PLACES).map(named).collect();
    let what = match (elsewhere, kept) {
        (true, _) => "in",
        (false, 1) => "on line",
        (false, _) => "on lines",
    };
    let and_more = match more {
        0 => String::new(),
        _ => format!(" and {more} more"),
    };
    (kept > 0).then(|| format!("also {what} {}{and_more}", lines.join(", ")))
}
