//! Takes in what is wrong, and puts it in order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Code, Diagnostic, Diagnostics, Tally, places};
use crate::config::source::{Sources, Span};

/// How many diagnostics of one severity are kept, and how many places one names.
/// Beyond that they are counted only.
const KEPT: usize = 500;

/// Takes in what is found to be wrong while a configuration is read.
#[derive(Debug, Default)]
pub(in crate::config) struct Collector {
    list: Vec<Diagnostic>,
    tally: Tally,
    /// Where in the list the first of those is that are told together.
    folded: HashMap<(Code, &'static str), usize>,
    /// Takes what is beyond the limit.
    discarded: Option<Box<Diagnostic>>,
    /// What must not be shown, though the lines around it are.
    hidden: Vec<Span>,
}

impl Collector {
    pub(in crate::config) fn errors(&self) -> usize {
        self.tally.errors
    }

    /// Whether another one with this code would only be counted, so that it is not
    /// worth the time to find out more about it.
    pub(in crate::config) fn is_full(&self, code: Code) -> bool {
        let mut tally = self.tally;
        *tally.of(code.severity()) >= KEPT
    }

    /// Takes in one more; the caller goes on to say where and what to do.
    pub(in crate::config) fn report(
        &mut self,
        code: Code,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let count = self.tally.of(code.severity());
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
    pub(in crate::config) fn fold(
        &mut self,
        code: Code,
        subject: &'static str,
        span: Span,
    ) -> bool {
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
    pub(in crate::config) fn report_first(
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
    pub(in crate::config) fn take(&mut self, other: Collector) {
        self.list.extend(other.list);
        self.tally.errors += other.tally.errors;
        self.tally.warnings += other.tally.warnings;
        self.tally.hints += other.tally.hints;
        self.hidden.extend(other.hidden);
    }

    /// Nobody is to see what stands there.
    pub(in crate::config) fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// Everything, in the order of the files.
    pub(in crate::config) fn finish(mut self, mut sources: Sources) -> Diagnostics {
        for span in self.hidden {
            sources.hide(span);
        }
        places::leave_out_unserved(&mut self.list, &mut self.tally);
        for diagnostic in &mut self.list {
            places::settle(diagnostic, &sources);
        }
        places::tell_once(&mut self.list, &mut self.tally);
        self.list.sort_by_key(|diagnostic| {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            place.map(|span| (span.source, span.start))
        });
        Diagnostics {
            sources,
            list: self.list,
            tally: self.tally,
        }
    }
}
