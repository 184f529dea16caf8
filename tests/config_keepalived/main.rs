//! Every word of the table in keepalived: what is right for the one is so for the other.
//!
//! `keepalived -t` reads each word with right values, with the greatest one and with those
//! just out of range, as `config_reference` does with ipvsd. Words that keepalived 2.2.7
//! does not know are left out.

// Made for `config_reference`; less of it is used here.
#[path = "../config_reference/samples.rs"]
#[allow(dead_code)]
mod samples;
#[path = "../config_reference/sentences.rs"]
#[allow(dead_code)]
mod sentences;

mod coverage;
mod expected;
#[path = "../lab/scenarios/configurations/generated/mod.rs"]
mod generated;
mod newer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipvsd::config::reference::{BLOCKS, Fate, Word};
use ipvsd::config::{self, Code, Sources};

use expected::EXPECTED;

/// What keepalived says of this host, and of what the configurations lack, rather than of
/// the words. A line has all parts of one of these.
const OF_THE_HOST: &[&[&str]] = &[
    &["interface ", " doesn't exist"],
    &["Non-existent interface specified in configuration"],
    &[
        "SECURITY VIOLATION - ",
        "scripts are being executed but script_security not enabled",
    ],
    &["no scheduler set, setting default 'wlc'"],
    &["no forwarding method set, setting default NAT"],
    // The samples name what is defined nowhere, and a file that is none.
    &[" NAME not found, ignoring..."],
    &["track_file text not found"],
    &["FILE_CHECK has no track_file specified"],
    &["BFD text not configured"],
    &["Cannot initialise track file text - it is not a regular file"],
];

/// What ipvsd says of itself rather than of the words.
const OF_IPVSD: &[Code] = &[Code::NotServed, Code::NeverServed, Code::DefaultAssumed];

/// A word with a value.
struct Case {
    block: &'static str,
    word: &'static Word,
    statement: String,
}

fn keepalived() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = folders.map(|folder| folder.join("keepalived"));
    let found = candidates.find(|candidate| candidate.exists());
    found.expect("keepalived is missing: run tests/setup.sh")
}

/// What keepalived has against a configuration.
fn complaints(program: &Path, file: &Path) -> Vec<String> {
    let output = Command::new(program)
        .arg("-t")
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("keepalived");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = text.lines().map(str::to_owned);
    let is_of_the_host = |line: &String| {
        let parts = OF_THE_HOST.iter();
        parts
            .into_iter()
            .any(|parts| parts.iter().all(|part| line.contains(part)))
    };
    all.filter(|line| !is_of_the_host(line)).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for block in BLOCKS {
        for word in block.all() {
            if matches!(word.fate, Fate::Older(_) | Fate::Gone) {
                continue;
            }
            let parts = sentences::parts(block.path, word);
            let mut add = |parts: &[samples::Part]| {
                let statement = sentences::statement(block.path, word, parts);
                cases.push(Case {
                    block: block.path,
                    word,
                    statement,
                });
            };
            add(&parts);
            for (index, part) in parts.iter().enumerate() {
                let mut other = parts.clone();
                if let Some(greatest) = samples::greatest(part.kind) {
                    other[index].text = greatest;
                    add(&other);
                }
                let beyond = samples::wrong(part.kind).into_iter();
                let beyond = beyond.filter(|wrong| wrong.told == [Code::OutOfRange]);
                for wrong in beyond {
                    other[index].text = wrong.text;
                    add(&other);
                }
            }
        }
    }
    cases
}

/// What the programs make of a word differently, if they do.
fn difference(program: &Path, folder: &Path, number: usize, case: &Case) -> Option<String> {
    let sentence = sentences::within(case.block, &case.statement);
    let file = folder.join(format!("{number}.conf"));
    std::fs::write(&file, &sentence.text).expect("a file below target");
    let theirs = complaints(program, &file);
    let unknown = |line: &String| line.contains("nknown") || line.contains("Unexpected");
    if theirs.iter().any(unknown) {
        return None;
    }
    let loaded = config::parse(Sources::from_text("words.conf", sentence.text.as_str()));
    let of = format!("{}: {}", case.block, case.statement.replace('\n', " "));
    match (theirs.first(), loaded.diagnostics.errors()) {
        (Some(complaint), 0) => {
            // With a warning it is told as well.
            let mut told = loaded.diagnostics.list().iter();
            let is_told = told.any(|it| {
                let line = it.primary.as_ref().map(|label| label.span);
                let line = line.map(|span| loaded.diagnostics.sources().place(span).line);
                !OF_IPVSD.contains(&it.code)
                    && line.is_none_or(|line| (sentence.first..=sentence.last).contains(&line))
            });
            (!is_told)
                .then(|| format!("{of}: only keepalived has something against it: {complaint}"))
        }
        (None, errors) if errors > 0 => Some(format!("{of}: only ipvsd refuses it")),
        _ => None,
    }
}

#[test]
fn what_is_right_and_what_is_out_of_range_is_the_same() {
    let program = keepalived();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_keepalived");
    std::fs::create_dir_all(&folder).expect("a folder below target");
    let cases = cases();
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(BTreeSet::new());
    let used = Mutex::new(BTreeSet::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(number) else {
                return;
            };
            let Some(difference) = difference(&program, &folder, number, case) else {
                continue;
            };
            let key = (case.block, case.word.name);
            let expected = EXPECTED.iter().any(|it| (it.0, it.1) == key);
            match expected {
                true => used.lock().expect("no panic").insert(key),
                false => differences.lock().expect("no panic").insert(difference),
            };
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let _ = std::fs::remove_dir_all(&folder);
    let differences = differences.into_inner().expect("no panic");
    let list: Vec<String> = differences.into_iter().collect();
    assert!(list.is_empty(), "{}:\n{}", list.len(), list.join("\n"));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migrating.md");
    let page = std::fs::read_to_string(page).expect("docs/migrating.md");
    let used = used.into_inner().expect("no panic");
    for (block, word, line) in EXPECTED {
        assert!(page.contains(line), "docs/migrating.md lacks {line}");
        assert!(
            used.contains(&(*block, *word)),
            "{block}: {word} does not differ any more"
        );
    }
}
