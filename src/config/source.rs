//! The files a configuration is read from, and places in them.
//!
//! This is the one part of [`config`](crate::config) that touches the file system.
//! A file may hold bytes that are not UTF-8 as long as they stand in comments: each
//! is replaced by one ASCII byte, so that offsets stay true to the file, and its
//! place is remembered until the comments are known.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// The largest file that is read, in bytes. The largest configuration seen has
/// some 30 MB; a file beyond this is a mistake (a log, a disk image).
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// How much is read of a file with a key, which has 64 octets at most, two digits each.
const KEY_FILE_BYTES: u64 = 4096;

/// What stands in for a byte that is not UTF-8.
const SUBSTITUTE: u8 = b'?';

/// Index of a file in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// A stretch of one file, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the beginning of this to the end of `last`, which comes later in the
    /// same file.
    pub fn to(self, last: Span) -> Span {
        Span {
            end: last.end.max(self.end),
            ..self
        }
    }
}

/// A place as people name it; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    /// In characters, not bytes.
    pub column: u32,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub name: String,
    text: String,
    /// Offsets of bytes that are not UTF-8, ascending.
    invalid: Vec<u32>,
    /// Where the lines begin; found when it is first asked for.
    line_starts: OnceLock<Vec<u32>>,
}

impl Source {
    /// A file with these contents. Beyond 4 GB they are cut off; [`Sources::read`]
    /// refuses such a file before.
    pub fn new(name: impl Into<String>, contents: Vec<u8>) -> Self {
        let (text, invalid) = decode(contents);
        Source {
            name: name.into(),
            text,
            invalid,
            line_starts: OnceLock::new(),
        }
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        1 + self.text.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// The contents, with a `?` for every byte that is not UTF-8.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Index of the line that holds the byte at `offset`, and where it begins.
    fn line(&self, offset: u32) -> (usize, u32) {
        let starts = self.line_starts.get_or_init(|| {
            let newlines = self
                .text
                .bytes()
                .zip(1..)
                .filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0)
                .chain(newlines.map(|(_, next)| next))
                .collect()
        });
        let line = starts.partition_point(|start| *start <= offset) - 1;
        (line, starts[line])
    }

    /// Where the file has bytes that are not UTF-8: offsets, ascending.
    pub fn invalid_bytes(&self) -> &[u32] {
        &self.invalid
    }
}

/// All files of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// One file that is already in memory.
    pub fn from_text(name: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Sources {
            files: vec![Source::new(name, contents.into())],
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::FileTooLarge`] beyond
    /// [`MAX_FILE_BYTES`].
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        // In one piece: growing by doubling moves what is there again and again.
        let size = file.metadata()?.len().min(MAX_FILE_BYTES);
        let mut contents = Vec::with_capacity(size as usize + 1);
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut contents)?;
        if contents.len() as u64 > MAX_FILE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Self::from_text(path.display().to_string(), contents))
    }

    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        let ids = (0..=u16::MAX).map(SourceId);
        ids.zip(&self.files)
    }

    pub fn get(&self, id: SourceId) -> &Source {
        &self.files[usize::from(id.0)]
    }

    /// The names of all files, in the order of their [`SourceId`]s.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).collect()
    }

    pub fn text(&self, span: Span) -> &str {
        &self.get(span.source).text[span.range()]
    }

    /// Puts `*` in the place of what must not be shown, so that all other places stay
    /// where they are.
    pub(super) fn hide(&mut self, span: Span) {
        if let Some(file) = self.files.get_mut(usize::from(span.source.0)) {
            let range = span.range();
            file.text
                .replace_range(range.clone(), &"*".repeat(range.len()));
        }
    }

    /// Line and column of the beginning of `span`.
    pub fn place(&self, span: Span) -> Place {
        let source = self.get(span.source);
        let (line, start) = source.line(span.start);
        let before = &source.text[start as usize..span.start as usize];
        Place {
            line: 1 + line as u32,
            column: 1 + before.chars().count() as u32,
        }
    }
}

/// A file with a key.
#[derive(Clone)]
pub(super) struct KeyContents {
    pub octets: Vec<u8>,
    /// Who is neither its owner nor of its group can read it, or change it.
    pub is_open: bool,
}

/// Reads a file with a key.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::FileTooLarge`] where it is far too large to
/// be a key.
pub(super) fn read_key(path: &Path) -> io::Result<KeyContents> {
    let file = open(path)?;
    let is_open = file.metadata()?.permissions().mode() & 0o006 != 0;
    let mut octets = Vec::new();
    file.take(KEY_FILE_BYTES + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > KEY_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(KeyContents { octets, is_open })
}

fn decode(contents: Vec<u8>) -> (String, Vec<u32>) {
    let mut bytes = match String::from_utf8(contents) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut invalid = Vec::new();
    let mut start = 0;
    while let Err(error) = std::str::from_utf8(&bytes[start..]) {
        let at = start + error.valid_up_to();
        // No length: the file ends within a character.
        let end = error.error_len().map_or(bytes.len(), |length| at + length);
        for (offset, byte) in (at..).zip(&mut bytes[at..end]) {
            invalid.push(offset as u32);
            *byte = SUBSTITUTE;
        }
        start = end;
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    (text, invalid)
}

/// Opens a file to be read. A named pipe without a writer would keep core waiting for
/// one; so it is opened without waiting, and then read as any other (`<(…)` of a shell
/// is a pipe, too): without a writer it is empty.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
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
