//! What must hold of what is written around the words, and of the words themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ipvsd::config::{self, Code, Files, Sources, Surroundings};

use super::holds;

/// Includes, definitions, conditions and sequences are worked off. The octets are a file,
/// and behind each NUL one that it may include: `a`, `b` and so on.
pub fn expansion(octets: &[u8]) {
    let mut pieces = octets.split(|octet| *octet == 0);
    let main = pieces.next().unwrap_or_default();
    let names = (b'a'..=b'z').map(|name| PathBuf::from(char::from(name).to_string()));
    let files = Tree(names.zip(pieces.map(<[u8]>::to_vec)).collect());
    let surroundings = Surroundings {
        files: &files,
        config_id: "main",
        all_files: false,
        environment: &|name| name.starts_with('A').then(|| name.to_owned()),
        seed: 1,
    };
    let read = || config::parse_with(Sources::from_text("fuzz.conf", main), &surroundings);
    let loaded = read();
    holds(&loaded);
    let diagnostics = &loaded.diagnostics;
    for diagnostic in diagnostics.list() {
        let places = diagnostic.primary.iter().chain(&diagnostic.related);
        for label in places.chain(&diagnostic.trail) {
            // A place in a file, and not in what was made of it.
            let file = diagnostics.sources().get(label.span.source);
            assert!(!file.name.is_empty());
            assert!(file.text().get(label.span.range()).is_some());
        }
    }
    assert_eq!(loaded.model, read().model);
}

/// Any text is taken apart. What stands in comments and how lines end changes nothing.
pub fn parser(octets: &[u8]) {
    // What goes on behind the end of a line is the other fuzzer's.
    let plain = octets.iter().filter(|octet| !b"$~@".contains(octet));
    let text: Vec<u8> = plain.copied().collect();
    let loaded = config::parse(Sources::from_text("fuzz.conf", text.clone()));
    holds(&loaded);
    let mut remarked = Vec::new();
    for line in text.split(|octet| *octet == b'\n') {
        remarked.extend_from_slice(line);
        remarked.extend_from_slice(b"\t # \xff } \" {\r\n");
    }
    let again = config::parse(Sources::from_text("fuzz.conf", remarked));
    holds(&again);
    let mut told = loaded.diagnostics.list().iter();
    // A quote without an end takes the comment in.
    if !told.any(|diagnostic| diagnostic.code == Code::UnclosedQuote) {
        assert_eq!(loaded.model, again.model);
        assert_eq!(loaded.diagnostics.errors(), again.diagnostics.errors());
    }
}

/// Files in memory.
struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Files for Tree {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn matching(&self, _: &Path, _: &str) -> Vec<PathBuf> {
        self.0.keys().cloned().collect()
    }
}
