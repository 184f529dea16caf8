//! Text to [`model::Model`].
//!
//! ```text
//! source (files) ──> grammar/ipvsd.pest ──> syntax::Ast ──> lower ──> model::Model
//! ```
//!
//! Pure but for [`source`], which reads the files.

use std::io;
use std::path::Path;

pub mod diagnostic;
mod key_file;
mod keywords;
mod lower;
pub mod model;
pub mod reference;
mod said;
pub mod source;
mod syntax;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use said::{Said, Sayer};
pub use source::Sources;

use diagnostic::Collector;
use lower::Lowered;
use model::Model;
use source::KeyContents;
use syntax::Layout;

/// What reading a configuration comes to.
#[derive(Debug)]
pub struct Loaded {
    /// None exactly when there is an error among the diagnostics.
    pub model: Option<Model>,
    pub diagnostics: Diagnostics,
}

impl Loaded {
    /// The configuration as it was understood, but for passwords and keys, which are
    /// masked. What it does not say itself is marked so. None where there is an error.
    pub fn dump(&self) -> Option<String> {
        let model = self.model.as_ref()?;
        // What is wrong has been told.
        let mut told = Collector::default();
        let ast = syntax::parse(self.diagnostics.sources(), Layout::Braces, &mut told);
        Some(model.dump_beside(&Said::by(&ast)))
    }
}

/// Reads a file and all that it means. A file that cannot be read is a diagnostic
/// as everything else that may be wrong.
pub fn load(path: &Path) -> Loaded {
    match Sources::read(path) {
        Ok(sources) => understand(sources, &source::read_key),
        Err(error) => Loaded {
            model: None,
            diagnostics: diagnostic::unreadable(path, &error),
        },
    }
}

/// What text means. No file is read, so a key that stands in one is an error.
pub fn parse(sources: Sources) -> Loaded {
    let none = |_: &Path| {
        let message = "files are not read here";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    };
    understand(sources, &none)
}

fn understand(sources: Sources, read_key: &dyn Fn(&Path) -> io::Result<KeyContents>) -> Loaded {
    let (mut lowered, mut diagnostics) = read(&sources, Layout::Braces);
    if lowered.misplaced {
        // Braces that pair up can still be the wrong ones: one missing here and one
        // too many there. The indentation is right if it leaves no word misplaced.
        let (by_indentation, told) = read(&sources, Layout::Indentation);
        if !by_indentation.misplaced && told.errors() > 0 {
            diagnostics = told;
        }
    }
    let model = &mut lowered.model;
    key_file::fill(model, &mut diagnostics, &lowered.key_files, read_key);
    model.files = sources.names();
    let diagnostics = diagnostics.finish(sources);
    Loaded {
        model: (diagnostics.errors() == 0).then_some(lowered.model),
        diagnostics,
    }
}

/// What text means, and what is wrong with it.
fn read(sources: &Sources, layout: Layout) -> (Lowered, Collector) {
    let mut diagnostics = Collector::default();
    let ast = syntax::parse(sources, layout, &mut diagnostics);
    if !ast.is_usable() {
        // Whatever else would be said, this is why.
        return (Lowered::default(), diagnostics);
    }
    let lowered = lower::lower(&ast, &mut diagnostics);
    (lowered, diagnostics)
}
