//! The same configurations in keepalived and in ipvsd: does it run, and with what model,
//! read from the dumps that both write. They are those that people publish
//! (`tests/seeds`), the samples that keepalived's package has in its documentation, and
//! ones made from the table of words.
//!
//! A difference is a mistake, unless [`expected`] has it with its reason.

mod apart;
mod expected;
mod facts;
pub mod generated;
mod ours;
mod theirs;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::lab::{Lab, poll, secs};
use crate::net::Namespace;
use crate::scenario::{Scenario, scenarios};
use apart::{Difference, apart};
use expected::{EXPECTED, Expected};

pub const ALL: &[Scenario] = scenarios!(configurations:
    seeds.limit(900),
    samples.limit(900),
    generated_ones.limit(1800),
);

/// Where Debian's package has its samples.
const SAMPLES: &str = "/usr/share/doc/keepalived/samples";

fn seeds(lab: &Lab) {
    compare(lab, "seeds", files(&lab.source("tests/seeds"), ".conf"));
}

fn samples(lab: &Lab) {
    compare(lab, "samples", keepalived_samples());
}

/// The samples of keepalived's package, with their names.
pub fn keepalived_samples() -> Vec<(String, String)> {
    let mut samples = files(Path::new(SAMPLES), "");
    samples.retain(|(name, _)| name.starts_with("keepalived.conf"));
    assert!(
        samples.len() > 20,
        "keepalived's package is installed without its documentation: {SAMPLES}"
    );
    samples
}

fn generated_ones(lab: &Lab) {
    compare(lab, "generated", generated::all());
}

/// Files of a folder with their names, in order.
fn files(folder: &Path, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<(String, String)> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.to_owned();
            let text = fs::read_to_string(&path).ok()?;
            name.ends_with(end).then_some((name, text))
        })
        .collect();
    files.sort();
    files
}

fn compare(lab: &Lab, kind: &str, configurations: Vec<(String, String)>) {
    let host = host(&configurations);
    let mut report = String::new();
    let mut used = BTreeSet::new();
    let folder = lab.scratch("configurations");
    for (name, text) in &configurations {
        fs::write(folder.join(name), text).unwrap();
    }
    for (name, text) in &configurations {
        let file = folder.join(name);
        let name = format!("{kind}/{name}");
        let differences = differences(lab, &host, (kind, text), &file);
        let _ = writeln!(report, "{name}: {} differences", differences.len());
        for difference in differences {
            match expected(&name, &difference) {
                Some(index) => {
                    used.insert(index);
                }
                None => {
                    let _ = writeln!(report, "    {}", difference.text);
                }
            }
        }
    }
    fs::write(lab.log_file("differences.txt"), &report).unwrap();
    let unexpected = report.lines().filter(|line| line.starts_with(' ')).count();
    assert_eq!(unexpected, 0, "differences:\n{report}");
    for (index, Expected { of, has, .. }) in EXPECTED.iter().enumerate() {
        let is_here = of.starts_with(kind) && !of.is_empty();
        assert!(
            !is_here || used.contains(&index),
            "{of} does not differ in {has:?} any more"
        );
    }
    // A reason that is not written down is none.
    let page = fs::read_to_string(lab.source("docs/migrating.md")).unwrap();
    for Expected { line, .. } in EXPECTED {
        assert!(page.contains(line), "docs/migrating.md lacks {line}");
    }
}

fn expected(name: &str, difference: &Difference) -> Option<usize> {
    EXPECTED.iter().position(|expected| {
        name.starts_with(expected.of)
            && (expected.word.is_empty() || difference.word == expected.word)
            && expected
                .has
                .iter()
                .all(|part| difference.text.contains(part))
            && expected.also.iter().all(|fact| difference.is_beside(*fact))
    })
}

/// A host with every interface that the configurations speak of.
fn host(configurations: &[(String, String)]) -> Namespace {
    let host = Namespace::create("host");
    let mut interfaces = BTreeSet::new();
    for (_, text) in configurations {
        let words =
            text.split(|character: char| !(character.is_alphanumeric() || character == '.'));
        interfaces.extend(words.filter(|word| {
            let stem = word.trim_end_matches(|end: char| end.is_ascii_digit() || end == '.');
            ["eth", "ens", "bond", "br"].contains(&stem) && stem.len() < word.len()
        }));
    }
    let mut lines = String::new();
    for (number, interface) in interfaces.iter().enumerate() {
        let _ = writeln!(lines, "link add {interface} type bridge");
        let _ = writeln!(lines, "addr add 10.99.{number}.1/24 dev {interface}");
        let _ = writeln!(lines, "link set {interface} up");
    }
    host.ip(&lines);
    for module in ["macvlan", "ipvlan"] {
        let _ = std::process::Command::new("modprobe").arg(module).status();
    }
    host
}

/// What is not the same, a line each.
fn differences(
    lab: &Lab,
    host: &Namespace,
    (kind, text): (&str, &str),
    file: &Path,
) -> Vec<Difference> {
    let dump = host
        .command(lab.ipvsd())
        .args(["check", "--dump"])
        .arg(file)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&dump.stderr).into_owned();
    let ours = String::from_utf8_lossy(&dump.stdout).into_owned();
    let keep = |what: &str, text: &str| {
        let folder = lab.log_file("dumps");
        fs::create_dir_all(&folder).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        fs::write(folder.join(format!("{name}.{what}")), text).unwrap();
    };
    keep("file", text);
    keep("ipvsd", &format!("{told}{ours}"));
    let processes = [("-P", "vrrp_instance"), ("-C", "virtual_server ")];
    // What is included is in the dump only.
    let processes = processes
        .into_iter()
        .filter(|(_, word)| text.contains(word) || ours.contains(word));
    let logs: Vec<Result<String, String>> = processes
        .map(|(option, _)| {
            let log = keepalived(lab, host, file, option);
            let (Ok(text) | Err(text)) = &log;
            keep(&format!("keepalived{option}"), text);
            log
        })
        .collect();
    let refused = logs.iter().find_map(|log| log.as_ref().err());
    match (refused, dump.status.success()) {
        (None, true) => {}
        (None, false) => {
            let errors = told.lines().filter(|line| line.starts_with("error["));
            return errors
                .map(|error| Difference::new(format!("only ipvsd refuses: {error}")))
                .collect();
        }
        (Some(log), true) => {
            let text = format!("only keepalived refuses: {}", end(log));
            return vec![Difference::new(text)];
        }
        (Some(log), false) if kind == "generated" => {
            return vec![Difference::new(format!("neither runs: {}", end(log)))];
        }
        (Some(_), false) => return Vec::new(),
    }
    let logs: Vec<String> = logs.into_iter().flatten().collect();
    if logs.is_empty() {
        return Vec::new();
    }
    let theirs = theirs::facts(&logs);
    let ours = ours::facts(&ours);
    apart(&theirs, &ours)
}

/// The last lines of a log.
fn end(log: &str) -> String {
    let from = log.lines().count().saturating_sub(12);
    log.lines().skip(from).collect::<Vec<_>>().join(" | ")
}

/// What keepalived logs up to where it is at work; if it gets there.
fn keepalived(lab: &Lab, host: &Namespace, file: &Path, option: &str) -> Result<String, String> {
    let folder = lab.scratch("keepalived");
    let log = folder.join("log");
    let pid = |name: &str| -> PathBuf { folder.join(name) };
    // Whatever is still written by one that ended is not in the next one's.
    let _ = fs::remove_file(&log);
    let output = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let mut child = host
        .command("keepalived")
        .args(["-n", "-l", "-G", "-d", "-R", "-B", option, "-f"])
        .arg(file)
        .arg("-p")
        .arg(pid("parent.pid"))
        .arg("-c")
        .arg(pid("checkers.pid"))
        .arg("-r")
        .arg(pid("vrrp.pid"))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .process_group(0)
        .spawn()
        .unwrap_or_else(|e| panic!("start keepalived: {e}"));
    let text = || String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let ended = poll(secs(60), || {
        if child.try_wait().unwrap().is_some() {
            return Some(true);
        }
        text().contains("Startup complete").then_some(false)
    });
    let result = match ended {
        Some(false) => {
            kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
            if poll(secs(30), || child.try_wait().unwrap()).is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Ok(text())
        }
        Some(true) => Err(text()),
        None => {
            child.kill().unwrap();
            child.wait().unwrap();
            Err(format!("{}\nit does not start within a minute", text()))
        }
    };
    // Its children, if there are any left.
    let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    remove_virtual(host);
    result
}

/// Removes interfaces that are left over, which the next one would take for its own.
fn remove_virtual(host: &Namespace) {
    for kind in ["macvlan", "ipvlan"] {
        let links = host
            .command("ip")
            .args(["-o", "link", "show", "type", kind])
            .output()
            .unwrap();
        for link in String::from_utf8_lossy(&links.stdout).lines() {
            let name = link.split([':', '@']).nth(1).unwrap_or_default().trim();
            let mut ip = host.command("ip");
            let _ = ip.args(["link", "del", name]).status();
        }
    }
}
