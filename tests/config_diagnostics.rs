//! What is said about configurations that are not as they should be: every file
//! tests/diagnostics/NAME.conf has what is printed for it beside it, as NAME.txt. What
//! they include is in the folder `included`.
//!
//! `UPDATE=1 cargo test --test config_diagnostics` writes the second anew; what has
//! changed is then to be read in the diff.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ipvsd::cli::check::summary;
use ipvsd::config::diagnostic::Style;
use ipvsd::config::{self, Code, Disk, Files, Loaded, Sources, Surroundings};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of cases");
    let paths = entries.map(|entry| entry.expect("an entry of it").path());
    let mut cases: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    cases.sort();
    assert!(cases.len() > 30);
    cases
}

/// The files of the folder, named from there on.
struct Folder;

impl Files for Folder {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Disk.read(&folder().join(path))
    }

    fn matching(&self, within: &Path, pattern: &str) -> Vec<PathBuf> {
        let found = Disk.matching(&folder().join(within), pattern).into_iter();
        let named = found.map(|path| path.strip_prefix(folder()).map(Path::to_owned));
        named.flatten().collect()
    }
}

fn load(case: &Path) -> Loaded {
    let name = case.file_name().and_then(|name| name.to_str());
    let contents = fs::read(case).expect("a case");
    let sources = Sources::from_text(name.expect("a name"), contents);
    let surroundings = Surroundings {
        files: &Folder,
        config_id: "alpha",
        all_files: false,
        environment: &|_| None,
        seed: 1,
    };
    config::parse_with(sources, &surroundings)
}

fn told(loaded: &Loaded) -> String {
    let summary = summary(&loaded.diagnostics, loaded.model.as_ref());
    format!("{}{summary}\n", loaded.diagnostics.render(Style::Plain))
}

#[test]
fn what_is_told_is_what_is_written_down() {
    let mut different = Vec::new();
    for case in cases() {
        let expected = case.with_extension("txt");
        let told = told(&load(&case));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &told).expect("to write");
        } else if fs::read_to_string(&expected).unwrap_or_default() != told {
            different.push(format!("=== {}\n{told}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn there_is_a_model_exactly_if_there_is_no_error() {
    for case in cases() {
        let loaded = load(&case);
        assert_eq!(
            loaded.model.is_some(),
            loaded.diagnostics.errors() == 0,
            "{case:?}"
        );
    }
}

#[test]
fn every_code_has_a_case() {
    let told: BTreeSet<_> = cases()
        .iter()
        .flat_map(|case| load(case).diagnostics.list().to_vec())
        .map(|diagnostic| diagnostic.code.name())
        .collect();
    // These take files that are not in the folder; see tests/config_files.rs.
    let elsewhere = [Code::Unreadable, Code::TooLarge].map(Code::name);
    for code in Code::ALL {
        let name = code.name();
        assert!(
            told.contains(name) || elsewhere.contains(&name),
            "no case for {name}"
        );
    }
}

#[test]
fn places_in_json_are_those_of_the_file() {
    for case in cases() {
        let loaded = load(&case);
        let json = serde_json::to_value(loaded.diagnostics.json()).expect("JSON");
        let listed = json["diagnostics"].as_array().expect("a list");
        assert_eq!(listed.len(), loaded.diagnostics.list().len());
        for entry in listed {
            let file = entry["file"].as_str().unwrap_or_default();
            let text = fs::read_to_string(folder().join(file)).unwrap_or_default();
            let (Some(line), Some(start)) = (entry["line"].as_u64(), entry["start"].as_u64())
            else {
                continue;
            };
            if let Some(before) = text.get(..start as usize) {
                assert_eq!(before.matches('\n').count() as u64 + 1, line);
            }
        }
    }
}
