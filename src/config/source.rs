//! The files a configuration is read from, and places in them.
//!
//! This and `files` are the parts of [`config`](crate::config) that touch the file
//! system. A file may hold bytes that are not UTF-8 as long as they stand in comments: each
//! is replaced by one ASCII byte, so that offsets stay true to the file, and its
//! place is remembered until the comments are known.

mod contents;
mod files;
mod made;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub(super) use contents::Contents;
pub use files::{Disk, Files, Identity, NoFiles};
pub(super) use files::{KeyContents, read_key};
pub(super) use made::{Frame, FrameId, Made, Real, Stretch};

/// The largest file that is read, in bytes. The largest configuration seen has
/// some 30 MB; a file beyond this is a mistake (a log, a disk image).
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// How many times files may be included, the first one counted.
pub const MAX_INCLUSIONS: usize = 60_000;

/// Index of a file in [`Sources`]; a file that is included several times has several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

impl SourceId {
    /// No file, but the lines that definitions and sequences have made.
    pub(super) const MADE: SourceId = SourceId(u16::MAX);
}

/// A stretch of one file, in bytes from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the beginning of this to the end of `last`, which comes later. Where that is
    /// in another file, this alone.
    pub fn to(self, last: Span) -> Span {
        let end = match self.source == last.source {
            true => last.end.max(self.end),
            false => self.end,
        };
        Span { end, ..self }
    }
}

/// A place as people name it; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    /// In characters, not bytes.
    pub column: u32,
}

/// One file, as often as it is included.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub name: String,
    contents: Arc<Contents>,
    /// Index among the names of all files.
    number: u16,
    /// Where it is included, in a file. None is the first file.
    included: Option<Span>,
}

impl Source {
    /// A file with these contents.
    pub fn new(name: impl Into<String>, contents: Vec<u8>) -> Self {
        Source {
            name: name.into(),
            contents: Arc::new(Contents::new(contents)),
            number: 0,
            included: None,
        }
    }

    /// The contents, with a `?` for every byte that is not UTF-8.
    pub fn text(&self) -> &str {
        self.contents.text()
    }

    pub(super) fn contents(&self) -> Arc<Contents> {
        self.contents.clone()
    }

    /// Where it is included.
    pub fn included(&self) -> Option<Span> {
        self.included
    }

    /// Where the file has bytes that are not UTF-8: offsets, ascending.
    pub fn invalid_bytes(&self) -> &[u32] {
        self.contents.invalid()
    }
}

/// Whole lines that are read one after the other: part of a file, or lines that were
/// made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub span: Span,
    /// The number of its first line in its file, from 1.
    pub line: u32,
    /// The file whose lines these are, or were made from.
    pub of: SourceId,
}

/// All files of one configuration, and the lines that are made from theirs.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// The names of all files, in the order in which they are first read.
    names: Vec<String>,
    numbers: HashMap<String, u16>,
    /// For each of the names, as what it was read.
    copies: Vec<Vec<SourceId>>,
    /// What is hidden already: the number of the name, and where.
    hidden: HashSet<(u16, u32, u32)>,
    made: Made,
    /// What is to be read, in order.
    pieces: Vec<Piece>,
    /// Bytes that are not UTF-8 in lines that are in no piece.
    stray: Vec<Span>,
}

impl Sources {
    /// One file that is already in memory.
    pub fn from_text(name: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        let mut sources = Sources::default();
        let name = name.into();
        if let Some(id) = sources.add(name, Arc::new(Contents::new(contents.into())), None) {
            sources.push_piece(Piece {
                span: sources.whole(id),
                line: 1,
                of: id,
            });
        }
        sources
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::FileTooLarge`] beyond
    /// [`MAX_FILE_BYTES`].
    pub fn read(path: &Path) -> io::Result<Self> {
        let contents = Disk.read(path)?;
        Ok(Self::from_text(path.display().to_string(), contents))
    }

    /// Another file. None beyond [`MAX_INCLUSIONS`].
    pub(super) fn add(
        &mut self,
        name: String,
        contents: Arc<Contents>,
        included: Option<Span>,
    ) -> Option<SourceId> {
        if self.files.len() >= MAX_INCLUSIONS {
            return None;
        }
        let id = SourceId(self.files.len() as u16);
        let number = match self.numbers.get(&name) {
            Some(number) => *number,
            None => {
                let number = self.names.len() as u16;
                self.names.push(name.clone());
                self.copies.push(Vec::new());
                self.numbers.insert(name.clone(), number);
                number
            }
        };
        self.copies[usize::from(number)].push(id);
        self.files.push(Source {
            name,
            contents,
            number,
            included,
        });
        Some(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        let ids = (0..SourceId::MADE.0).map(SourceId);
        ids.zip(&self.files)
    }

    pub fn get(&self, id: SourceId) -> &Source {
        match id {
            SourceId::MADE => self.made.source(),
            SourceId(index) => &self.files[usize::from(index)],
        }
    }

    /// The names of all files, each once.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// One of [`names`](Self::names).
    pub fn name(&self, number: u16) -> &str {
        self.names
            .get(usize::from(number))
            .map_or("", String::as_str)
    }

    /// Which of [`names`](Self::names) the file has.
    pub fn number(&self, id: SourceId) -> u16 {
        self.get(id).number
    }

    pub fn text(&self, span: Span) -> &str {
        &self.get(span.source).text()[span.range()]
    }

    /// All of a file.
    pub(super) fn whole(&self, id: SourceId) -> Span {
        Span {
            source: id,
            start: 0,
            end: self.get(id).text().len() as u32,
        }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(super) fn clear_pieces(&mut self) {
        self.pieces.clear();
    }

    /// What is to be read next.
    pub(super) fn push_piece(&mut self, piece: Piece) {
        if let Some(last) = self.pieces.last_mut()
            && last.span.source == piece.span.source
            && last.span.end == piece.span.start
            && last.of == piece.of
        {
            last.span.end = piece.span.end;
        } else {
            self.pieces.push(piece);
        }
    }

    /// Bytes that are no text in lines that are in no piece.
    pub(super) fn stray(&self) -> &[Span] {
        &self.stray
    }

    pub(super) fn push_stray(&mut self, source: SourceId, offsets: &[u32]) {
        self.stray.extend(offsets.iter().map(|start| Span {
            source,
            start: *start,
            end: start + 1,
        }));
    }

    pub(super) fn made(&self) -> &Made {
        &self.made
    }

    pub(super) fn made_mut(&mut self) -> &mut Made {
        &mut self.made
    }

    /// Where in a file this really stands.
    pub(super) fn resolve(&self, span: Span) -> Real {
        match span.source {
            SourceId::MADE => self.made.resolve(span.start..span.end),
            _ => Real::plain(span),
        }
    }

    /// Puts `*` in the place of what must not be shown, so that all other places stay
    /// where they are.
    pub(super) fn hide(&mut self, span: Span) {
        if span.source == SourceId::MADE {
            for place in self.made.written(span.start..span.end) {
                self.hide(place);
            }
            return;
        }
        let number = self.number(span.source);
        if !self.hidden.insert((number, span.start, span.end)) {
            return;
        }
        let copies = self.copies.get(usize::from(number));
        for SourceId(copy) in copies.into_iter().flatten() {
            let contents = &mut self.files[usize::from(*copy)].contents;
            Arc::make_mut(contents).hide(span.range());
        }
    }

    /// The file in which `span` really begins, and the line, from 1.
    pub(super) fn line(&self, span: Span) -> (SourceId, u32) {
        let (source, start) = match span.source {
            SourceId::MADE => self.made.line(span.start),
            source => (source, span.start),
        };
        let (line, _) = self.get(source).contents.line(start);
        (source, 1 + line as u32)
    }

    /// How many lines there are to be read.
    pub(super) fn lines(&self) -> usize {
        let pieces = self.pieces.iter();
        let newlines = pieces.map(|piece| {
            let text = self.text(piece.span).bytes();
            1 + text.filter(|byte| *byte == b'\n').count()
        });
        newlines.sum()
    }

    /// Line and column of where `span` really begins.
    pub fn place(&self, span: Span) -> Place {
        let span = self.resolve(span).span;
        let source = self.get(span.source);
        let (line, start) = source.contents.line(span.start);
        let before = &source.text()[start as usize..span.start as usize];
        Place {
            line: 1 + line as u32,
            column: 1 + before.chars().count() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_keep_their_place() {
        let source = Source::new("a", b"# caf\xe9\nrouter_id b\xff\xfe\n# \xc3".to_vec());
        assert_eq!(source.text(), "# caf?\nrouter_id b??\n# ?");
        assert_eq!(source.invalid_bytes(), [5, 18, 19, 23]);
    }

    #[test]
    fn a_place_counts_characters() {
        let sources = Sources::from_text("a", "eins\nüß x\n");
        let span = Span {
            source: SourceId(0),
            start: 10,
            end: 11,
        };
        assert_eq!(sources.text(span), "x");
        assert_eq!(sources.place(span), Place { line: 2, column: 4 });
    }

    #[test]
    fn a_directory_is_refused() {
        assert!(Sources::read(Path::new("/")).is_err());
    }
}
