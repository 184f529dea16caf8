//! From the lines that were made to the files that people see.

use std::collections::HashSet;

use super::{Code, Diagnostic, Label, Tally};
use crate::config::source::{Sources, Span};

/// By how many includes a place is explained.
const INCLUDES: usize = 8;

/// Names places in files, and says how they were reached.
pub(super) fn settle(diagnostic: &mut Diagnostic, sources: &Sources) {
    let mut trail = Vec::new();
    if let Some(label) = &mut diagnostic.primary {
        let real = sources.resolve(label.span);
        label.span = real.span;
        if !real.exact {
            // It would be written in the place of something else.
            diagnostic.replacement = None;
        }
        let notes = real.notes.into_iter();
        trail.extend(notes.map(|(span, text)| Label { span, text }));
    }
    for label in &mut diagnostic.related {
        label.span = sources.resolve(label.span).span;
    }
    for span in &mut diagnostic.more {
        *span = sources.resolve(*span).span;
    }
    // A line that is repeated brings one place again and again.
    let own = diagnostic.primary.as_ref().map(|label| label.span);
    let mut told: HashSet<Span> = own.into_iter().collect();
    let count = diagnostic.more.len();
    diagnostic.more.retain(|span| told.insert(*span));
    diagnostic.more_count -= count - diagnostic.more.len();
    diagnostic.trail.extend(trail);
    if !diagnostic.trail.is_empty() {
        diagnostic.replacement = None;
    }
    let included = diagnostic.primary.as_ref().map(|label| label.span);
    diagnostic.trail.extend(includes(included, sources));
}

/// The lines by which the file of a place is included, the innermost first.
fn includes(place: Option<Span>, sources: &Sources) -> impl Iterator<Item = Label> {
    let mut place = place;
    let lines = std::iter::from_fn(move || {
        place = sources.get(place?.source).included();
        place
    });
    lines.take(INCLUDES).map(|span| Label {
        span,
        text: "included here".to_owned(),
    })
}

/// A word that would have no effect if it were served is told as that, and not as one
/// that is not served yet, too.
pub(super) fn leave_out_unserved(list: &mut Vec<Diagnostic>, tally: &mut Tally) {
    let idle = list.iter().filter(|it| it.code == Code::NoEffect);
    let idle: HashSet<Span> = idle
        .filter_map(|it| it.primary.as_ref().map(|label| label.span))
        .collect();
    if idle.is_empty() {
        return;
    }
    list.retain_mut(|diagnostic| {
        if diagnostic.code != Code::NotServed {
            return true;
        }
        let count = diagnostic.more.len();
        diagnostic.more.retain(|span| !idle.contains(span));
        diagnostic.more_count -= count - diagnostic.more.len();
        let Some(label) = &mut diagnostic.primary else {
            return true;
        };
        if !idle.contains(&label.span) {
            return true;
        }
        if diagnostic.more.is_empty() {
            *tally.of(diagnostic.severity()) -= 1;
            return false;
        }
        label.span = diagnostic.more.remove(0);
        diagnostic.more_count -= 1;
        true
    });
}

/// What was found several times in one place, because a line was repeated, is told once.
pub(super) fn tell_once(list: &mut Vec<Diagnostic>, tally: &mut Tally) {
    let mut told = HashSet::new();
    list.retain(|diagnostic| {
        let Some(label) = &diagnostic.primary else {
            return true;
        };
        let is_new = told.insert((diagnostic.code, diagnostic.message.clone(), label.span));
        *tally.of(diagnostic.severity()) -= usize::from(!is_new);
        is_new
    });
}
