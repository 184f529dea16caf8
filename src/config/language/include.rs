//! `include` and its variants.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::diagnostic::{Code, shown};
use super::super::source::{Contents, Identity, MAX_FILE_BYTES, MAX_INCLUSIONS, SourceId, Span};
use super::braces::{MAX_BYTES, MAX_NAMES, braces};
use super::budget::MAX_TRIED;
use super::checks::Checks;
use super::text::{Text, is_blank};
use super::{Expander, MAX_DEPTH};

/// A file name as it is written.
struct Wanted {
    name: String,
    checks: Checks,
    /// The line, and where the name is in it.
    text: Text,
    range: std::ops::Range<usize>,
}

impl Expander<'_> {
    /// A line that includes files.
    pub(super) fn include(&mut self, text: &Text) {
        let Some(text) = self.inline(text.clone()) else {
            return;
        };
        let line = text.as_str();
        let length = line.find(is_blank).unwrap_or(line.len());
        let Some(checks) = self.checks.with(&line[..length]) else {
            return;
        };
        let after = line[length..].trim_start_matches(is_blank);
        let start = line.len() - after.len();
        let (range, rest) = match after.strip_prefix('"').map(|inner| inner.split_once('"')) {
            Some(None) => {
                let message = "this quote is not closed";
                self.tell(
                    Code::UnclosedQuote,
                    message,
                    &text,
                    start..start + 1,
                    "begins here",
                );
                return;
            }
            Some(Some((name, rest))) => (start + 1..start + 1 + name.len(), rest),
            None => {
                let length = after.find(is_blank).unwrap_or(after.len());
                (start..start + length, &after[length..])
            }
        };
        let name = line[range.clone()].to_owned();
        if name.is_empty() {
            let message = format!("`{}` needs the name of a file", &line[..length]);
            self.tell(
                Code::MissingValue,
                message,
                &text,
                0..length,
                "the name is missing",
            );
            return;
        }
        let rest = rest.trim_matches(is_blank);
        if !rest.is_empty() {
            let word = &line[..length];
            let message = format!("one `{word}` includes one name");
            let at = text.len() - rest.len();
            self.tell(
                Code::NoEffect,
                message,
                &text,
                at..at + rest.len(),
                "this has no effect",
            )
            .help("use braces, as in `{a,b}.conf`, or a line for each");
        }
        self.wanted(&Wanted {
            name,
            checks,
            text,
            range,
        });
    }

    /// Includes what a name stands for.
    fn wanted(&mut self, wanted: &Wanted) {
        let Some(names) = braces(&wanted.name) else {
            let message = format!(
                "the braces of this name make more than {MAX_NAMES} names or {} KB",
                MAX_BYTES >> 10
            );
            self.tell(
                Code::TooLarge,
                message,
                &wanted.text,
                wanted.range.clone(),
                "too many",
            );
            return;
        };
        let several = names.len() > 1;
        let folder = self.folder();
        let mut missing = Vec::new();
        let mut found = 0;
        for name in &names {
            if self.budget.is_exceeded() {
                return;
            }
            if name.contains(['*', '?', '[']) {
                let matching = self.surroundings.files.matching(&folder, name);
                if matching.is_empty() && wanted.checks.brace && several {
                    missing.push(name.as_str());
                }
                found += matching.len();
                for path in matching {
                    self.included(wanted, &path, true);
                }
            } else if self.included(wanted, &folder.join(name), several) {
                found += 1;
            } else {
                missing.push(name.as_str());
            }
        }
        self.none_found(wanted, found, &missing, several);
    }

    /// Tells what was not there.
    fn none_found(&mut self, wanted: &Wanted, found: usize, missing: &[&str], several: bool) {
        let Wanted {
            checks,
            text,
            range,
            ..
        } = wanted;
        let refused = match several {
            _ if several && checks.brace && !missing.is_empty() => true,
            _ if found > 0 => return,
            true => checks.matches,
            false if missing.is_empty() => checks.wildcard,
            // The file itself has been told.
            false => return,
        };
        if missing.is_empty() && !refused {
            return;
        }
        let name = match missing {
            [only] if several => shown(only),
            _ => shown(&wanted.name),
        };
        let message = format!("there is no file `{name}`");
        let code = if refused {
            Code::Unreadable
        } else {
            Code::NotIncluded
        };
        self.tell(
            code,
            message,
            text,
            range.clone(),
            "nothing is included here",
        );
    }

    /// Includes one file. False if it is not there, which is told unless it is `one of
    /// several`.
    fn included(&mut self, wanted: &Wanted, path: &Path, one_of_several: bool) -> bool {
        let Wanted {
            checks,
            text,
            range,
            ..
        } = wanted;
        if !self.budget.take_name() {
            if !self.budget.is_exceeded() {
                self.too_many(wanted);
            }
            return true;
        }
        // Before it is read: it may be large, and be asked for on every line.
        let identity = self.surroundings.files.identity(path);
        if self.is_cycle(&identity, wanted) {
            return true;
        }
        let contents = match self.surroundings.files.read(path) {
            Ok(contents) => contents,
            Err(error) if error.kind() == io::ErrorKind::NotFound && one_of_several => {
                return false;
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory && one_of_several => {
                return true;
            }
            Err(error) => {
                let name = shown_path(path);
                let (refused, message) = match error.kind() {
                    io::ErrorKind::NotFound => (
                        checks.readable || checks.matches,
                        format!("{name}: there is no such file"),
                    ),
                    io::ErrorKind::FileTooLarge => (
                        true,
                        format!("{name}: larger than {} MB", MAX_FILE_BYTES >> 20),
                    ),
                    io::ErrorKind::PermissionDenied => {
                        (checks.readable, format!("{name}: no permission to read it"))
                    }
                    io::ErrorKind::IsADirectory => (checks.readable, format!("{name}: a folder")),
                    io::ErrorKind::Unsupported => (true, format!("{name}: {error}")),
                    _ => (checks.readable, format!("{name}: {error}")),
                };
                let code = if refused {
                    Code::Unreadable
                } else {
                    Code::NotIncluded
                };
                let diagnostic = self.tell(code, message, text, range.clone(), "not included");
                if !refused {
                    diagnostic.help("keepalived runs without it; with `includea` in place of `include` this is an error");
                }
                return false;
            }
        };
        let place = self.place_of(text, range.clone());
        self.budget.take_bytes(contents.len());
        let name = path.display().to_string();
        let contents = Arc::new(Contents::new(contents));
        let source = match self.budget.holds_bytes() {
            true => self.sources.add(name, contents, Some(place)),
            false => None,
        };
        let Some(id) = source else {
            self.too_many(wanted);
            return true;
        };
        self.open.push(identity);
        self.file(id);
        self.open.pop();
        true
    }

    /// Too much is included, which is told; nothing more is.
    fn too_many(&mut self, wanted: &Wanted) {
        let message = format!(
            "more than {MAX_INCLUSIONS} inclusions, {MAX_TRIED} names of files, or {} MB in all",
            super::budget::MAX_BYTES >> 20
        );
        let Wanted { text, range, .. } = wanted;
        self.tell(Code::TooLarge, message, text, range.clone(), "one too many");
        self.budget.exceed();
    }

    /// Whether a file is being read already, or too many are; that is told.
    fn is_cycle(&mut self, identity: &Identity, wanted: &Wanted) -> bool {
        let cycle = self.open.contains(identity);
        if !cycle && self.open.len() < MAX_DEPTH {
            return false;
        }
        let Wanted { text, range, .. } = wanted;
        let diagnostic = match cycle {
            true => {
                let message = "a file that includes itself";
                self.tell(
                    Code::IncludeCycle,
                    message,
                    text,
                    range.clone(),
                    "this file is being read already",
                )
            }
            false => {
                let message = format!("files are included more than {MAX_DEPTH} deep");
                self.tell(Code::TooLarge, message, text, range.clone(), "one too many")
            }
        };
        diagnostic.help("the notes name the lines by which it was reached");
        true
    }

    /// The folder of the file that is being read.
    fn folder(&self) -> PathBuf {
        let file = Path::new(&self.sources.get(self.root.source).name);
        file.parent().map(Path::to_owned).unwrap_or_default()
    }

    fn place_of(&self, text: &Text, range: std::ops::Range<usize>) -> Span {
        let range = range.start as u32..range.end as u32;
        let end = text.len() as u32;
        let made = self.sources.made();
        let real = made.resolve_in(text.stretches(), end, range);
        debug_assert!(real.span.source != SourceId::MADE, "a place in a file");
        real.span
    }
}

/// A path as it can stand in a message: whole, unless no file can have it.
fn shown_path(path: &Path) -> String {
    let whole = path.display().to_string();
    match whole.len() <= libc::PATH_MAX as usize {
        true => whole,
        false => shown(&whole),
    }
}
