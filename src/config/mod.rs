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

use diagnostic::Collector;
use model::Model;
use syntax::Layout;

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
    let (mut model, mut diagnostics, misplaced) = read(&sources, Layout::Braces);
    if misplaced {
        // Braces that pair up can still be the wrong ones: one missing here and one
        // too many there. The indentation is right if it leaves no word misplaced.
        let (_, by_indentation, misplaced) = read(&sources, Layout::Indentation);
        if !misplaced && by_indentation.errors() > 0 {
            diagnostics = by_indentation;
        }
    }
    model.files = sources.names();
    let diagnostics = diagnostics.finish(sources);
    Loaded {
        model: (diagnostics.errors() == 0).then_some(model),
        diagnostics,
    }
}

/// What text means, what is wrong with it, and whether a word stands in a block that
/// should have ended before it.
fn read(sources: &Sources, layout: Layout) -> (Model, Collector, bool) {
    let mut diagnostics = Collector::default();
    let ast = syntax::parse(sources, layout, &mut diagnostics);
    if !ast.is_usable() {
        // Whatever else would be said, this is why.
        return (Model::default(), diagnostics, false);
    }
    let (model, misplaced) = lower::lower(&ast, &mut diagnostics);
    (model, diagnostics, misplaced)
}
