//! Whether the other tests would notice if the state machine were wrong: each fault of
//! `mutations.txt` is put into a copy of it, and the copy's tests have to fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Mutants that are built and run side by side.
const WORKERS: usize = 2;

/// Seeds of the simulation that each has to survive.
const SEEDS: &str = "300";

/// A mutant that has not come to an end by then never will.
const LONGEST: Duration = Duration::from_secs(120);

/// A fault.
#[derive(Clone, Debug)]
struct Mutation {
    name: String,
    file: String,
    from: String,
    to: String,
}

/// The records of `mutations.txt`.
fn mutations() -> Vec<Mutation> {
    let text = include_str!("mutations.txt");
    let records = text.split("\n=== ").skip(1);
    records
        .map(|record| {
            let (head, change) = record.split_once("\n<<<\n").expect("no <<<");
            let (from, to) = change.split_once("\n>>>\n").expect("no >>>");
            let mut head = head.lines();
            let name = head.next().expect("no name").to_owned();
            let file = head.next().expect("no file").to_owned();
            assert!(head.next().is_some(), "{name}: why is it wrong?");
            Mutation {
                name,
                file,
                from: from.to_owned(),
                to: to.trim_end_matches('\n').to_owned(),
            }
        })
        .collect()
}

/// A package of nothing but the VRRP core and its tests.
struct Copy {
    directory: PathBuf,
}

impl Copy {
    fn new(worker: usize) -> Self {
        let copy = Copy {
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutants-{worker}")),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy.write("Cargo.toml", MANIFEST);
        copy.write("Cargo.lock", &read(&root.join("Cargo.lock")));
        copy.write(
            "src/lib.rs",
            "pub mod family;\npub mod moment;\npub mod vrrp;\n",
        );
        copy.write("src/family.rs", &read(&root.join("src/family.rs")));
        copy.write("src/moment.rs", &read(&root.join("src/moment.rs")));
        let mut wanted = BTreeSet::new();
        for file in files(&root.join("src/vrrp")) {
            let path = Path::new("src/vrrp").join(&file);
            copy.write(path.to_str().expect("a name"), &read(&root.join(&path)));
            wanted.insert(file);
        }
        for stale in files(&copy.directory.join("src/vrrp")) {
            if !wanted.contains(&stale) {
                fs::remove_file(copy.directory.join("src/vrrp").join(stale)).expect("stale");
            }
        }
        for file in files(&root.join("tests/vrrp")) {
            let path = Path::new("tests/vrrp").join(&file);
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let mut text = read(&root.join(&path));
            if file == Path::new("main.rs") {
                // These want more crates or files, or would begin again from here.
                let left_out = [
                    "mod captured;",
                    "mod corpus;",
                    "mod mutations;",
                    "mod packets;",
                    "mod pcap;",
                ];
                text = text
                    .lines()
                    .filter(|line| !left_out.contains(line))
                    .map(|line| format!("{line}\n"))
                    .collect();
            }
            copy.write(path.to_str().expect("a name"), &text);
        }
        copy
    }

    /// Leaves a file alone that is the same, so that nothing is built in vain.
    fn write(&self, path: &str, text: &str) {
        let path = self.directory.join(path);
        if fs::read_to_string(&path).is_ok_and(|present| present == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Whether the tests pass with the fault in, and what they have said.
    fn passes_with(&self, mutation: &Mutation) -> (bool, String) {
        let original = read(&self.directory.join(&mutation.file));
        let count = original.matches(&mutation.from).count();
        assert_eq!(
            count, 1,
            "{}: its text is {count} times in {}",
            mutation.name, mutation.file
        );
        self.write(
            &mutation.file,
            &original.replacen(&mutation.from, &mutation.to, 1),
        );
        let result = self.passes(&mutation.name);
        self.write(&mutation.file, &original);
        result
    }

    fn passes(&self, name: &str) -> (bool, String) {
        let built = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--no-run", "--test", "vrrp"])
            .args(["--message-format", "json"])
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .current_dir(&self.directory)
            .output()
            .expect("cargo");
        assert!(
            built.status.success(),
            "{name} does not compile:\n{}",
            String::from_utf8_lossy(&built.stdout)
        );
        let messages = String::from_utf8_lossy(&built.stdout);
        let executable = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| Some(message["executable"].as_str()?.to_owned()))
            .expect("no executable");

        let output = self.directory.join("output.txt");
        let file = fs::File::create(&output).expect("a file");
        let mut child = Command::new(executable)
            .env("IPVSD_SEEDS", SEEDS)
            .env_remove("IPVSD_SEED")
            .env("RUST_BACKTRACE", "0")
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file)
            .spawn()
            .expect("the tests");
        let begun = Instant::now();
        let is_success = loop {
            if let Some(status) = child.try_wait().expect("the tests") {
                break status.success();
            }
            if begun.elapsed() > LONGEST {
                child.kill().expect("the tests");
                child.wait().expect("the tests");
                break false;
            }
            thread::sleep(Duration::from_millis(20));
        };
        (is_success, read(&output))
    }
}

const MANIFEST: &str = r#"[package]
name = "ipvsd"
version = "0.1.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
hmac = "0.13"
md-5 = "0.11"
serde = { version = "1", features = ["derive"] }
sha2 = { version = "0.11", default-features = false }
thiserror = "2"

[profile.dev]
debug = false
incremental = true

[[test]]
name = "vrrp"
path = "tests/vrrp/main.rs"
"#;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a directory, as paths from there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(below) = directories.pop() {
        let Ok(entries) = fs::read_dir(directory.join(&below)) else {
            continue;
        };
        for entry in entries {
            let entry = entry.expect("an entry");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("a type").is_dir() {
                directories.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// So that a change of the sources is noticed before the long run.
#[test]
fn every_mutation_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let misplaced: Vec<String> = mutations()
        .iter()
        .map(|fault| {
            (
                fault,
                read(&root.join(&fault.file)).matches(&fault.from).count(),
            )
        })
        .filter(|(_, count)| *count != 1)
        .map(|(fault, count)| format!("{}: {count} times in {}", fault.name, fault.file))
        .collect();
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}

#[test]
fn mutations_are_caught() {
    let mut mutations = mutations();
    assert!(mutations.len() >= 25);
    let names: BTreeSet<&str> = mutations.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names.len(), mutations.len(), "a name twice");
    if let Ok(only) = std::env::var("IPVSD_MUTATION") {
        let only: BTreeSet<&str> = only.split(',').collect();
        mutations.retain(|mutation| only.contains(mutation.name.as_str()));
    }

    let copies: Vec<Copy> = (0..WORKERS).map(Copy::new).collect();
    let (passes, output) = copies[0].passes("the original");
    assert!(passes, "the original does not pass:\n{output}");

    mutations.reverse();
    let left = Mutex::new(mutations);
    let survivors = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for copy in &copies {
            scope.spawn(|| {
                while let Some(mutation) = { left.lock().expect("the list").pop() } {
                    let (passes, output) = copy.passes_with(&mutation);
                    let caught = output.lines().find(|line| line.ends_with("FAILED"));
                    println!("{}: {}", mutation.name, caught.unwrap_or("survived"));
                    if passes {
                        survivors.lock().expect("the list").push(mutation.name);
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().expect("the list");
    assert!(survivors.is_empty(), "nobody notices {survivors:?}");
}
