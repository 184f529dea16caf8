//! Where files come from.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::MAX_FILE_BYTES;

/// How much is read of a file with a key, which has 64 octets at most, two digits each.
const KEY_FILE_BYTES: u64 = 4096;

/// As the C library's glob() has it: no sign stands for a `/`, and none for the dot that
/// a hidden file begins with.
const WILDCARDS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Where a configuration gets the files that it includes, so that reading one needs no
/// disk.
pub trait Files {
    /// What stands in a file.
    ///
    /// # Errors
    /// Whatever keeps it from being read; a folder is
    /// [`io::ErrorKind::IsADirectory`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files in `folder` whose path from there matches a pattern with `*`, `?` and
    /// `[…]`, sorted.
    fn matching(&self, folder: &Path, pattern: &str) -> Vec<PathBuf>;

    /// The same for all paths to the same file.
    fn identity(&self, path: &Path) -> Identity {
        Identity::Path(path.to_owned())
    }

    /// A path from the root on.
    fn absolute(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// What tells a file from others, by whatever path it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The device and the number there of what the path leads to (stat(2)).
    Inode(u64, u64),
    /// Nothing but its path is known.
    Path(PathBuf),
}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (file, metadata) = open(path)?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // In one piece: growing by doubling moves what is there again and again.
        let size = metadata.len().min(MAX_FILE_BYTES);
        let mut contents = Vec::with_capacity(size as usize + 1);
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut contents)?;
        if contents.len() as u64 > MAX_FILE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(contents)
    }

    fn matching(&self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        let folder = Pattern::escape(&folder.to_string_lossy());
        let whole = Path::new(&folder).join(without_recursion(pattern));
        let found = glob::glob_with(&whole.to_string_lossy(), WILDCARDS);
        found.into_iter().flatten().flatten().collect()
    }

    fn identity(&self, path: &Path) -> Identity {
        match path.metadata() {
            Ok(metadata) => Identity::Inode(metadata.dev(), metadata.ino()),
            Err(_) => Identity::Path(path.to_owned()),
        }
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// Two asterisks are one, as the C library has it. The library here would go through all
/// folders below.
fn without_recursion(pattern: &str) -> String {
    let mut before = None;
    let differs = |sign: &char| before.replace(*sign) != Some('*') || *sign != '*';
    pattern.chars().filter(differs).collect()
}

/// There are none.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        let message = "files are not read here";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    fn matching(&self, _: &Path, _: &str) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// A file with a key.
#[derive(Clone)]
pub(in crate::config) struct KeyContents {
    pub octets: Vec<u8>,
    /// Who is neither its owner nor of its group can read it, or change it.
    pub is_open: bool,
}

/// Reads a file with a key.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::FileTooLarge`] where it is far too large to
/// be a key.
pub(in crate::config) fn read_key(path: &Path) -> io::Result<KeyContents> {
    let (file, metadata) = open(path)?;
    let is_open = metadata.permissions().mode() & 0o006 != 0;
    let mut octets = Vec::new();
    file.take(KEY_FILE_BYTES + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > KEY_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(KeyContents { octets, is_open })
}

/// Opens a file to be read. A named pipe without a writer would keep core waiting for
/// one; so it is opened without waiting, and then read as any other (`<(…)` of a shell
/// is a pipe, too): without a writer it is empty.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_asterisks_are_one() {
        assert_eq!(without_recursion("/**/a*b***"), "/*/a*b*");
        assert_eq!(without_recursion("a.conf"), "a.conf");
    }

    #[test]
    fn no_folder_below_is_gone_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).expect("folders");
        for file in [folder.path().join("a/x.conf"), below.join("x.conf")] {
            std::fs::write(file, "").expect("a file");
        }
        let found = Disk.matching(folder.path(), "**/x.conf");
        assert_eq!(found, [folder.path().join("a/x.conf")]);
    }
}
