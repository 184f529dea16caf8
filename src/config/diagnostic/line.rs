//! Diagnostics for logs: one line each.

use super::{Diagnostics, Severity};

/// A diagnostic in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub severity: Severity,
    /// `FILE:LINE:COLUMN: message (help)`
    pub text: String,
}

impl Diagnostics {
    /// For the log.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.list.iter().map(|diagnostic| {
            let mut text = String::new();
            if let Some(label) = &diagnostic.primary {
                let place = self.sources.place(label.span);
                let name = &self.sources.get(label.span.source).name;
                text = format!("{name}:{}:{}: ", place.line, place.column);
            }
            text.push_str(&diagnostic.message);
            for help in &diagnostic.help {
                text.push_str(&format!(" ({help})"));
            }
            for label in &diagnostic.trail {
                let place = self.sources.place(label.span);
                let name = &self.sources.get(label.span.source).name;
                text.push_str(&format!(" ({}: {name}:{})", label.text, place.line));
            }
            Line {
                severity: diagnostic.severity(),
                text: text.replace('\n', " "),
            }
        })
    }
}
