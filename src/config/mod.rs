//! Text to [`model::Model`].
//!
//! ```text
//! source (files) ──> language ──> grammar/ipvsd.pest ──> syntax::Ast ──> lower ──> model::Model
//! ```
//!
//! Pure but for [`source`], which reads the files.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

mod config_id;

pub mod diagnostic;
pub mod diff;
mod key_file;
mod keywords;
mod language;
mod lower;
pub mod model;
pub mod reference;
mod said;
mod secrets;
pub mod source;
mod syntax;

pub use config_id::{ConfigId, Reading};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use language::Surroundings;
pub use said::{Said, Sayer};
pub use source::{Disk, Files, NoFiles, Sources};

use diagnostic::Collector;
use lower::Lowered;
use model::Model;
use source::{KeyContents, Span};
use syntax::Layout;

/// What reading a configuration comes to.
#[derive(Debug)]
pub struct Loaded {
    /// None exactly when there is an error among the diagnostics.
    pub model: Option<Model>,
    pub diagnostics: Diagnostics,
    /// What was understood in spite of errors.
    incomplete: Option<Model>,
}

impl Loaded {
    /// What was understood, with errors or without: enough to look at what it names, and
    /// not to be run. None where braces are so wrong that nothing is certain.
    pub fn understood(&self) -> Option<&Model> {
        self.model.as_ref().or(self.incomplete.as_ref())
    }

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
    load_as(path, &Reading::default())
}

/// The same, read as the command line says.
pub fn load_as(path: &Path, reading: &Reading) -> Loaded {
    let sources = match Sources::read(path) {
        Ok(sources) => sources,
        Err(error) => {
            return Loaded {
                model: None,
                incomplete: None,
                diagnostics: diagnostic::unreadable(path, &error),
            };
        }
    };
    let surroundings = Surroundings {
        files: &Disk,
        config_id: reading.config_id.as_str(),
        all_files: reading.all_files,
        environment: &|name| std::env::var(name).ok(),
        seed: RandomState::new().hash_one(path),
    };
    understand(sources, &surroundings, &source::read_key)
}

/// What text means. No file is read, so what stands in one is an error.
pub fn parse(sources: Sources) -> Loaded {
    let surroundings = Surroundings {
        files: &NoFiles,
        config_id: "",
        all_files: false,
        environment: &|_| None,
        seed: 0,
    };
    parse_with(sources, &surroundings)
}

/// What text means, with what it is read with. Keys are not read.
pub fn parse_with(sources: Sources, surroundings: &Surroundings<'_>) -> Loaded {
    let none = |_: &Path| {
        let message = "files are not read here";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    };
    understand(sources, surroundings, &none)
}

fn understand(
    mut sources: Sources,
    surroundings: &Surroundings<'_>,
    read_key: &dyn Fn(&Path) -> io::Result<KeyContents>,
) -> Loaded {
    let mut expansion = Collector::default();
    if !language::expand(&mut sources, surroundings, &mut expansion) {
        // What is missing because of it would be told as well.
        hide_secrets(&sources, &mut expansion);
        return Loaded {
            model: None,
            incomplete: None,
            diagnostics: expansion.finish(sources),
        };
    }
    let (mut lowered, mut diagnostics) = read(&sources, Layout::Braces);
    if lowered.misplaced {
        // Braces that pair up can still be the wrong ones: one missing here and one
        // too many there. The indentation is right if it leaves no word misplaced.
        let (by_indentation, told) = read(&sources, Layout::Indentation);
        if !by_indentation.misplaced && told.errors() > 0 {
            diagnostics = told;
        }
    }
    diagnostics.take(expansion);
    let model = &mut lowered.model;
    key_file::fill(model, &mut diagnostics, &lowered.key_files, read_key);
    model.files = sources.names();
    hide_secrets(&sources, &mut diagnostics);
    let diagnostics = diagnostics.finish(sources);
    let (model, incomplete) = match diagnostics.errors() {
        0 => (Some(lowered.model), None),
        _ => (None, Some(lowered.model).filter(|_| !lowered.misplaced)),
    };
    Loaded {
        model,
        incomplete,
        diagnostics,
    }
}

/// Hides the secrets of all files, if anything of them is shown.
fn hide_secrets(sources: &Sources, diagnostics: &mut Collector) {
    if diagnostics.is_empty() {
        return;
    }
    for (id, source) in sources.iter() {
        for secret in secrets::secrets(source.text()) {
            diagnostics.hide(Span {
                source: id,
                start: secret.start as u32,
                end: secret.end as u32,
            });
        }
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
