//! Text to [`model::Model`].
//!
//! ```text
//! source (files) ──> grammar/ipvsd.pest ──> syntax::Ast ──> lower ──> model::Model
//! ```
//!
//! Pure but for [`source`], which reads the files.

use std::path::Path;

pub mod diagnostic;
mod keywords;
mod lower;
pub mod model;
pub mod source;
mod syntax;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use source::Sources;

use model::Model;

/// What reading a configuration comes to.
#[derive(Debug)]
pub struct Loaded {
    /// None exactly when there is an error among the diagnostics.
    pub model: Option<Model>,
    pub diagnostics: Diagnostics,
}

/// Reads a file and all that it means. A file that cannot be read is a diagnostic
/// as everything else that may be wrong.
pub fn load(path: &Path) -> Loaded {
    match Sources::read(path) {
        Ok(sources) => parse(sources),
        Err(error) => Loaded {
            model: None,
            diagnostics: diagnostic::unreadable(path, &error),
        },
    }
}

/// What text means.
pub fn parse(sources: Sources) -> Loaded {
    let mut diagnostics = diagnostic::Collector::default();
    let ast = syntax::parse(&sources, &mut diagnostics);
    let mut model = lower::lower(&ast, &mut diagnostics);
    model.files = sources.names();
    let diagnostics = diagnostics.finish(sources);
    Loaded {
        model: (diagnostics.errors() == 0).then_some(model),
        diagnostics,
    }
}
