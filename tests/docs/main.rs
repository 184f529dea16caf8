//! The examples and the documentation are inputs, too: what they show must be so.
//!
//! In the Markdown files of this project,
//!
//! * a block marked `conf` is a whole configuration, and must be fine (a part of
//!   one is marked `conf fragment`);
//! * a block marked `console` is a session: a line that begins with `$ ` is a
//!   command, what follows is what it prints (`…` stands for lines left out).
//!   Commands that need no director are run here, in `tests/docs/files`, and must
//!   print exactly that. Of every other one [`ELSEWHERE`] says where it is run;
//! * a block marked `sh` holds commands, a line each, which must be known there too;
//! * links to other files of the project lead somewhere.
//!
//! And `docs/dependencies.md` has every crate of `Cargo.toml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const IPVSD: &str = env!("CARGO_BIN_EXE_ipvsd");

/// A command of the documentation that is not run here: its beginning, the file
/// where it is run instead, and words of that file that do it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("examples/demo.sh", "tests/demo.rs", "examples/demo.sh"),
    ("tests/run.sh", ".ci/run", "tests/run.sh"),
    (".ci/run", ".ci/run", "tests/run.sh"),
    ("cargo test", "tests/run.sh", "cargo test"),
    (
        "cargo build --release --locked",
        ".ci/run",
        "cargo build --release --locked",
    ),
    (
        "target/release/ipvsd check",
        ".ci/run",
        "target/release/ipvsd check",
    ),
    ("ipvsadm -Ln", "examples/lvs-dr/tour.sh", "ipvsadm -Ln"),
    ("ipvsd status", "examples/lvs-dr/tour.sh", "ipvsd status"),
    ("ipvsd plan", "tests/lab/scenarios/plan.rs", "plan(lab"),
    (
        "ipvsd drain",
        "tests/lab/scenarios/draining.rs",
        "\"drain\"",
    ),
    (
        "ipvsd undrain",
        "tests/lab/scenarios/draining.rs",
        "\"undrain\"",
    ),
    (
        "sudo sed -i.before",
        "tests/lab/scenarios/cutover.rs",
        "Two directors with VRRP",
    ),
    (
        "sudo mv /etc/keepalived/keepalived.conf.before",
        "tests/lab/scenarios/cutover.rs",
        "Two directors with VRRP",
    ),
    (
        "ip -brief address",
        "tests/lab/scenarios/cutover.rs",
        "What to look at",
    ),
    ("IPVSD_SEED=", "tests/vrrp/simulation/mod.rs", "IPVSD_SEED"),
    ("IPVSD_MUTATION=", "tests/mutants/mod.rs", "IPVSD_MUTATION"),
];

/// Commands that cannot be run in a test, with the reason.
const NOWHERE: &[(&str, &str)] = &[
    // What those of the cutover would do is done in tests/lab/scenarios/cutover.rs.
    ("systemctl ", "no systemd runs in the lab's guests"),
    ("sudo systemctl ", "no systemd runs in the lab's guests"),
    ("sudo install ", "changes the machine"),
    ("sudo iptables ", "changes the machine"),
    ("cargo deny check advisories", "asks the network"),
    ("cargo install cargo-fuzz", "asks the network"),
    ("cargo fuzz ", "ends when one has seen enough"),
    (
        "cargo bench ",
        "says nothing on a machine that does other things",
    ),
    (
        "sudo -E cargo bench ",
        "says nothing on a machine that does other things",
    ),
];

#[test]
fn every_example_configuration_is_fine_without_a_warning() {
    let files = files_below("examples", "conf");
    let ours = |path: &&PathBuf| path.file_name().is_some_and(|name| name != "nginx.conf");
    let mut seen = 0;
    for path in files.iter().filter(ours) {
        let output = ipvsd(&["check", path.to_str().unwrap()]);
        let printed = text(&output);
        assert!(output.status.success(), "{printed}");
        // What is said of this host (a script that is absent) is no fault of the
        // example, and not counted.
        assert!(printed.contains(": fine: "), "{printed}");
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn every_configuration_in_the_documentation_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    for block in blocks().filter(|block| block.marked == "conf") {
        let path = dir.path().join("ipvsd.conf");
        fs::write(&path, block.lines.join("\n") + "\n").unwrap();
        let output = ipvsd(&["check", path.to_str().unwrap()]);
        assert!(
            output.status.success(),
            "{}:\n{}",
            block.place(),
            text(&output)
        );
    }
}

#[test]
fn every_session_in_the_documentation_goes_as_shown() {
    for block in blocks().filter(|block| block.marked == "console") {
        let mut lines = block.lines.iter().peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").unwrap_or_else(|| {
                panic!(
                    "{}: a session begins with a command, not {line:?}",
                    block.place()
                )
            });
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push(line.as_str());
            }
            if !can_run_here(command) {
                assert_known(command, &block);
                continue;
            }
            let words: Vec<&str> = command.split_whitespace().skip(1).collect();
            let printed = text(&ipvsd(&words));
            let printed: Vec<&str> = printed.lines().collect();
            assert!(
                shows(&shown, &printed),
                "{}: `{command}` does not print what is shown, but\n{}",
                block.place(),
                printed.join("\n")
            );
        }
    }
}

#[test]
fn every_command_in_the_documentation_is_run_somewhere() {
    for block in blocks().filter(|block| block.marked == "sh") {
        for line in &block.lines {
            let command = line.split(" #").next().unwrap_or_default().trim();
            if command.is_empty() || command.starts_with('#') || can_run_here(command) {
                continue;
            }
            assert_known(command, &block);
        }
    }
}

#[test]
fn the_unit_file_starts_ipvsd_with_options_it_takes() {
    let unit = read(&top().join("examples/systemd/ipvsd.service"));
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("ExecStart");
    let mut words = start.split_whitespace();
    assert_eq!(words.next(), Some("/usr/local/sbin/ipvsd"));
    let mut words: Vec<&str> = words.filter(|word| !word.starts_with('$')).collect();
    let example = top().join("examples/lvs-dr/ipvsd.conf");
    words.extend(["--use-file", example.to_str().unwrap(), "--config-test"]);
    let output = ipvsd(&words);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn links_lead_somewhere() {
    for file in markdown() {
        let content = read(&file);
        for link in links(&content) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let target = file.parent().unwrap().join(path);
            assert!(
                target.exists(),
                "{} links to {path}, which is not there",
                file.display()
            );
        }
    }
}

#[test]
fn every_dependency_is_accounted_for() {
    let page = read(&top().join("docs/dependencies.md"));
    let manifest = read(&top().join("Cargo.toml"));
    let mut in_dependencies = false;
    let mut seen = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (in_dependencies, line.split_once(" = ")) {
            let row = page
                .lines()
                .find(|row| row.starts_with('|') && row.contains(&format!("`{name}`")));
            assert!(row.is_some(), "docs/dependencies.md does not have `{name}`");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// A block of a Markdown file between fences.
struct Block {
    file: PathBuf,
    /// Of the opening fence, from 1.
    line: usize,
    /// What stands behind the opening fence.
    marked: String,
    lines: Vec<String>,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

fn blocks() -> impl Iterator<Item = Block> {
    markdown().into_iter().flat_map(|file| {
        let content = read(&file);
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (index, line) in content.lines().enumerate() {
            match (line.strip_prefix("```"), open) {
                (Some(marked), false) => {
                    open = true;
                    blocks.push(Block {
                        file: file.clone(),
                        line: index + 1,
                        marked: marked.trim().to_owned(),
                        lines: Vec::new(),
                    });
                }
                (Some(_), true) => open = false,
                (None, true) => blocks.last_mut().unwrap().lines.push(line.to_owned()),
                (None, false) => {}
            }
        }
        assert!(!open, "{}: a block is not closed", file.display());
        blocks
    })
}

/// The targets of `[text](target)`.
fn links(content: &str) -> impl Iterator<Item = &str> {
    content
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// `ipvsd` commands that need neither root nor a director.
fn can_run_here(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.next() == Some("ipvsd")
        && matches!(words.next(), Some("check" | "--version" | "-t" | "--help"))
        && !command.contains("/etc/")
        && !command.contains(['|', '>', '&'])
}

fn assert_known(command: &str, block: &Block) {
    // Somebody's own file is an example of ours here.
    if command.starts_with("ipvsd check /etc/") || command.starts_with("ipvsd -t -f /etc/") {
        return;
    }
    if NOWHERE.iter().any(|(begin, _)| command.starts_with(begin)) {
        return;
    }
    let (_, file, words) = ELSEWHERE
        .iter()
        .find(|(begin, ..)| command.starts_with(begin))
        .unwrap_or_else(|| {
            panic!(
                "{}: say in tests/docs/main.rs where `{command}` is run",
                block.place()
            )
        });
    assert!(
        read(&top().join(file)).contains(words),
        "{file} no longer runs `{command}`"
    );
}

/// Whether `printed` is what is shown, where `…` stands for any lines.
fn shows(shown: &[&str], printed: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skipped| shows(rest, &printed[skipped..])),
        [line, rest @ ..] => printed.split_first().is_some_and(|(first, printed)| {
            first.trim_end() == line.trim_end() && shows(rest, printed)
        }),
    }
}

fn ipvsd(arguments: &[&str]) -> Output {
    Command::new(IPVSD)
        .args(arguments)
        .current_dir(top().join("tests/docs/files"))
        .env_remove("NO_COLOR")
        .output()
        .expect("ipvsd")
}

fn text(output: &Output) -> String {
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(printed).expect("UTF-8")
}

fn markdown() -> Vec<PathBuf> {
    let mut files = vec![top().join("README.md"), top().join("CHANGELOG.md")];
    for dir in ["docs", "examples", "tests"] {
        files.extend(files_below(dir, "md"));
    }
    files
}

fn files_below(dir: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![top().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
