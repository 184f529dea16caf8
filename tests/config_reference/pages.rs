//! Pages with parts that are made from the table of words, between two marks in
//! comments, and with prose that is written by hand around them.

use std::fs;
use std::path::{Path, PathBuf};

use ipvsd::config::reference::{BLOCKS, Block, EVERYWHERE};

/// How a page marks what is made.
pub struct Marks {
    /// Before the name of what is made, from the beginning of a line on.
    pub begin: &'static str,
    /// Behind it, at the end of the line.
    pub rest: &'static str,
    /// The line after it.
    pub end: &'static str,
}

pub const MARKDOWN: Marks = Marks {
    begin: "<!-- made from the table of words: ",
    rest: " -->",
    end: "<!-- until here -->",
};

pub const ROFF: Marks = Marks {
    begin: ".\\\" made from the table of words: ",
    rest: "",
    end: ".\\\" until here",
};

/// The names of the parts that a page has made, and the page with them made anew.
///
/// # Panics
/// Where a mark has no end.
pub fn fill(page: &str, marks: &Marks, make: impl Fn(&str) -> String) -> (Vec<String>, String) {
    let mut names = Vec::new();
    let mut filled = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        filled.push_str(line);
        filled.push('\n');
        let name = line.strip_prefix(marks.begin);
        let Some(name) = name.and_then(|name| name.strip_suffix(marks.rest)) else {
            continue;
        };
        let end = lines.find(|line| *line == marks.end);
        assert!(end.is_some(), "`{name}` has no end");
        names.push(name.to_owned());
        filled.push_str(&make(name));
        filled.push_str(marks.end);
        filled.push('\n');
    }
    (names, filled)
}

/// Holds a page to the table of words, or writes it where `UPDATE` asks for it.
pub fn hold(path: &str, made: &str) {
    let path = top().join(path);
    let there = fs::read_to_string(&path).unwrap_or_default();
    if there == made {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let differ = there.lines().zip(made.lines()).position(|(a, b)| a != b);
    let line = differ.unwrap_or_else(|| there.lines().count().min(made.lines().count()));
    panic!(
        "{} is not what the table of words says, from line {} on:\n  it has {:?}\n  not    {:?}\n\
         UPDATE=1 cargo test --test config_reference makes it anew",
        path.display(),
        line + 1,
        there.lines().nth(line).unwrap_or_default(),
        made.lines().nth(line).unwrap_or_default(),
    );
}

/// A page as it is.
pub fn read(path: &str) -> String {
    let path = top().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The block of the table by the name that a mark has.
pub fn block(name: &str) -> &'static Block {
    let mut blocks = BLOCKS.iter().chain([&EVERYWHERE]);
    let found = blocks.find(|block| block.path == name);
    found.unwrap_or_else(|| panic!("there is no block `{name}`"))
}

/// The page with a place for every block: where `UPDATE` asks for it, sections for those
/// that have none are put before the line `before`.
pub fn with_places(
    mut page: String,
    marks: &Marks,
    before: &str,
    heading: impl Fn(&Block) -> String,
) -> String {
    if std::env::var_os("UPDATE").is_none() {
        return page;
    }
    for block in BLOCKS.iter().chain([&EVERYWHERE]) {
        let mark = format!("{}{}{}\n", marks.begin, block.path, marks.rest);
        if page.contains(&mark) {
            continue;
        }
        let at = page.find(&format!("\n{before}\n")).expect(before) + 1;
        let section = format!("{}{mark}{}\n", heading(block), marks.end);
        page.insert_str(at, &section);
    }
    page
}

/// Every block has its place on the page, and only one.
pub fn assert_complete(page: &str, names: &[String]) {
    for Block { path, .. } in BLOCKS.iter().chain([&EVERYWHERE]) {
        let count = names.iter().filter(|name| name == path).count();
        assert_eq!(count, 1, "{page}: places for the words of `{path}`");
    }
}
