//! Whether tests would notice if the code were wrong: each fault of a list is put into a
//! copy of it, and the copy's tests have to fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Mutants that are built and run side by side.
const WORKERS: usize = 2;

/// A mutant that has not come to an end by then never will.
const LONGEST: Duration = Duration::from_secs(120);

/// What is copied and how it is tested.
pub struct Mutants {
    /// Of the copies' folders.
    pub name: &'static str,
    /// The faults. A record: its name, the file, why it is wrong; the text that is there,
    /// once; what it becomes.
    pub records: &'static str,
    /// The package of the copy: its files, by their paths from its top. A folder that has
    /// a file in the list has no others.
    pub files: Vec<(PathBuf, String)>,
    /// What `cargo test` is asked to build, one after the other.
    pub targets: &'static [&'static [&'static str]],
    pub environment: &'static [(&'static str, &'static str)],
}

/// A fault.
#[derive(Clone, Debug)]
struct Mutation {
    name: String,
    file: String,
    from: String,
    to: String,
}

impl Mutants {
    fn mutations(&self) -> Vec<Mutation> {
        let records = self.records.split("\n=== ").skip(1);
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

    /// So that a change of the sources is noticed before the long run.
    #[track_caller]
    pub fn assert_all_have_their_place(&self) {
        let misplaced: Vec<String> = self
            .mutations()
            .iter()
            .map(|fault| {
                let text = read(&root().join(&fault.file));
                (fault, text.matches(&fault.from).count())
            })
            .filter(|(_, count)| *count != 1)
            .map(|(fault, count)| format!("{}: {count} times in {}", fault.name, fault.file))
            .collect();
        assert!(misplaced.is_empty(), "{misplaced:#?}");
    }

    /// Builds and runs them all, at least so many; `IPVSD_MUTATION` says which, by name
    /// and separated by commas.
    #[track_caller]
    pub fn assert_all_are_caught(&self, at_least: usize) {
        let mut mutations = self.mutations();
        assert!(mutations.len() >= at_least);
        let names: BTreeSet<&str> = mutations.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names.len(), mutations.len(), "a name twice");
        if let Ok(only) = std::env::var("IPVSD_MUTATION") {
            let only: BTreeSet<&str> = only.split(',').collect();
            mutations.retain(|mutation| only.contains(mutation.name.as_str()));
        }

        let copies: Vec<Copy> = (0..WORKERS).map(|worker| Copy::new(self, worker)).collect();
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
}

struct Copy<'a> {
    of: &'a Mutants,
    directory: PathBuf,
}

impl<'a> Copy<'a> {
    fn new(of: &'a Mutants, worker: usize) -> Self {
        let name = format!("{}-{worker}", of.name);
        let copy = Copy {
            of,
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
        };
        for (path, text) in &of.files {
            copy.write(path, text);
        }
        let wanted: BTreeSet<&PathBuf> = of.files.iter().map(|(path, _)| path).collect();
        for folder in ["src", "tests"] {
            for file in files(&copy.directory.join(folder)) {
                let path = Path::new(folder).join(file);
                if !wanted.contains(&path) {
                    fs::remove_file(copy.directory.join(path)).expect("a stale file");
                }
            }
        }
        copy
    }

    /// Leaves a file alone that is the same, so that nothing is built in vain.
    fn write(&self, path: &Path, text: &str) {
        let path = self.directory.join(path);
        if fs::read_to_string(&path).is_ok_and(|present| present == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Whether the tests pass with the fault in, and what they have said.
    fn passes_with(&self, mutation: &Mutation) -> (bool, String) {
        let path = Path::new(&mutation.file);
        let original = read(&self.directory.join(path));
        let count = original.matches(&mutation.from).count();
        assert_eq!(
            count, 1,
            "{}: its text is {count} times in {}",
            mutation.name, mutation.file
        );
        self.write(path, &original.replacen(&mutation.from, &mutation.to, 1));
        let result = self.passes(&mutation.name);
        self.write(path, &original);
        result
    }

    fn passes(&self, name: &str) -> (bool, String) {
        let mut said = String::new();
        for target in self.of.targets {
            let (passes, output) = self.passes_target(name, target);
            said += &output;
            if !passes {
                return (false, said);
            }
        }
        (true, said)
    }

    fn passes_target(&self, name: &str, target: &[&str]) -> (bool, String) {
        let built = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--no-run"])
            .args(target)
            .args(["--message-format", "json"])
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .current_dir(&self.directory)
            .output()
            .expect("cargo");
        assert!(
            built.status.success(),
            "{name} does not compile:\n{}{}",
            String::from_utf8_lossy(&built.stdout),
            String::from_utf8_lossy(&built.stderr)
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
            .env_remove("IPVSD_SEED")
            .envs(self.of.environment.iter().copied())
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

/// The top of this project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder of this project, with their texts.
pub fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    files(&root().join(folder))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| Path::new(folder).join(file))
        .map(|path| (path.clone(), read(&root().join(path))))
        .collect()
}

/// Takes these lines out of a file of a copy: modules that want more than the copy has.
pub fn without_lines(files: &mut [(PathBuf, String)], path: &str, left_out: &[&str]) {
    let (_, text) = files
        .iter_mut()
        .find(|(known, _)| known == Path::new(path))
        .expect("a file of the copy");
    let kept = text.lines().filter(|line| !left_out.contains(line));
    *text = kept.map(|line| format!("{line}\n")).collect();
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
