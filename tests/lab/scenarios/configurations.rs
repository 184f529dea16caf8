//! The same configurations in keepalived and in ipvsd: does it run, and with what model,
//! read from the dumps that both write. They are those that people publish
//! (`tests/seeds`), the samples that keepalived's package has in its documentation, and
//! ones made from the table of words.
//!
//! A difference is a mistake, unless [`expected`] has it with its reason.

mod expected;
mod facts;
mod generated;
mod ours;
mod theirs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, poll, secs};
use crate::net::Namespace;
use crate::scenario::{Scenario, scenarios};
use expected::{EXPECTED, Expected};
use facts::{Facts, plain};

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
    let samples = files(Path::new(SAMPLES), "");
    let samples: Vec<_> = samples
        .into_iter()
        .filter(|(name, _)| name.starts_with("keepalived.conf"))
        .collect();
    assert!(
        samples.len() > 20,
        "keepalived's package is installed without its documentation: {SAMPLES}"
    );
    compare(lab, "samples", samples);
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
    for (name, text) in &configurations {
        let file = lab.scratch("configurations").join(name);
        fs::write(&file, text).unwrap();
        let name = format!("{kind}/{name}");
        let differences = differences(lab, &host, &file, text);
        let _ = writeln!(report, "{name}: {} differences", differences.len());
        for difference in differences {
            match expected(&name, &difference) {
                Some(index) => {
                    used.insert(index);
                }
                None => {
                    let _ = writeln!(report, "    {difference}");
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

fn expected(name: &str, difference: &str) -> Option<usize> {
    EXPECTED.iter().position(|expected| {
        name.starts_with(expected.of) && expected.has.iter().all(|part| difference.contains(part))
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
    host
}

/// What is not the same, a line each.
fn differences(lab: &Lab, host: &Namespace, file: &Path, text: &str) -> Vec<String> {
    let dump = host
        .command(lab.ipvsd())
        .args(["check", "--dump"])
        .arg(file)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&dump.stderr).into_owned();
    let processes = [("-P", "vrrp_instance"), ("-C", "virtual_server ")];
    let processes = processes
        .into_iter()
        .filter(|(_, word)| text.contains(word));
    let logs: Vec<Result<String, String>> = processes
        .map(|(option, _)| keepalived(lab, host, file, option))
        .collect();
    let their_error = logs.iter().find_map(|log| log.as_ref().err());
    match (their_error, dump.status.success()) {
        (None, true) => {}
        (None, false) => {
            let errors = told.lines().filter(|line| line.starts_with("error["));
            return errors
                .map(|error| format!("only ipvsd refuses: {error}"))
                .collect();
        }
        (Some(error), true) => return vec![format!("only keepalived refuses: {error}")],
        (Some(_), false) => return Vec::new(),
    }
    let logs: Vec<String> = logs.into_iter().flatten().collect();
    if logs.is_empty() {
        return Vec::new();
    }
    let theirs = theirs::facts(&logs);
    let ours = ours::facts(&String::from_utf8_lossy(&dump.stdout));
    apart(&theirs, &ours)
}

/// What keepalived logs up to where it is at work; if it gets there.
fn keepalived(lab: &Lab, host: &Namespace, file: &Path, option: &str) -> Result<String, String> {
    let folder = lab.scratch("keepalived");
    let log = folder.join("log");
    let pid = |name: &str| -> PathBuf { folder.join(name) };
    let output = fs::File::create(&log).unwrap();
    let mut child = host
        .command("keepalived")
        .args(["-n", "-l", "-G", "-d", option, "-f"])
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
        .spawn()
        .unwrap_or_else(|e| panic!("start keepalived: {e}"));
    let text = || String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let ended = poll(secs(60), || {
        if child.try_wait().unwrap().is_some() {
            return Some(true);
        }
        text().contains("Startup complete").then_some(false)
    });
    match ended {
        Some(false) => {
            kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
            if poll(secs(30), || child.try_wait().unwrap()).is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Ok(text())
        }
        Some(true) => Err(text().lines().rev().take(8).collect::<Vec<_>>().join(" | ")),
        None => {
            child.kill().unwrap();
            child.wait().unwrap();
            Err("it does not start within a minute".to_owned())
        }
    }
}

/// Words that a dump leaves out where nothing is said, with what holds then.
const DEFAULTS: &[(&str, &[&str])] = &[
    (
        "off",
        &[
            "alpha",
            "omega",
            "inhibit_on_failure",
            "nopreempt",
            "no_accept",
            "promote_secondaries",
            "notify_deleted",
            "notify_priority_changes",
            "dont_track_primary",
            "smtp_alert",
            "skip_check_adv_addr",
            "ops",
            "ha_suspend",
            "misc_dynamic",
            "sh-port",
            "sh-fallback",
            "mh-port",
            "mh-fallback",
            "require_reply",
            "enable_sni",
            "fast_recovery",
            "check_unicast_src",
        ],
    ),
    (
        "0",
        &[
            "preempt_delay",
            "lthreshold",
            "uthreshold",
            "weight",
            "debug",
            "kernel_rx_buf_size",
        ],
    ),
    ("1", &["interval", "rise", "fall", "quorum"]),
    ("none", &["auth_type"]),
    ("1", &["http_protocol"]),
    (
        "",
        &[
            "track_interface",
            "track_script",
            "track_file",
            "track_process",
            "track_bfd",
        ],
    ),
];

fn default(word: &str) -> Option<&'static str> {
    let found = DEFAULTS.iter().find(|(_, words)| words.contains(&word));
    found.map(|(value, _)| *value)
}

/// Words of keepalived's dump that are not in ours, and the other way round, because they
/// are told in another place.
const ELSEWHERE: &[&str] = &[
    // Of a script, where nothing is said.
    "timeout",
    "router_id",
];

fn apart(theirs: &Facts, ours: &Facts) -> Vec<String> {
    let mut all = Vec::new();
    let things: BTreeSet<&String> = theirs.0.keys().chain(ours.0.keys()).collect();
    for thing in things {
        match (theirs.0.get(thing), ours.0.get(thing)) {
            (Some(theirs), Some(ours)) => {
                // Of a check that is not served yet, only what the file says is known.
                let timing = ["delay_loop", "retry", "delay_before_retry", "warmup"];
                let is_known = !thing.contains(", check ")
                    || timing.into_iter().all(|word| ours.contains_key(word));
                let mut theirs = theirs.clone();
                theirs.retain(|word, _| is_known || ours.contains_key(word));
                let words = of_thing(&theirs, ours);
                all.extend(words.into_iter().map(|word| format!("{thing}: {word}")));
            }
            (Some(_), None) => all.push(format!("{thing}: only in keepalived")),
            (None, Some(_)) => all.push(format!("{thing}: only in ipvsd")),
            (None, None) => {}
        }
    }
    all
}

fn of_thing(theirs: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) -> Vec<String> {
    let mut all = Vec::new();
    let words: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for word in words {
        if ELSEWHERE.contains(&word.as_str()) {
            continue;
        }
        let (theirs, ours) = (theirs.get(word), ours.get(word));
        let default = default(word);
        // A word that only ours knows is not in keepalived's dump.
        let (Some(theirs), Some(ours)) = (
            theirs.map(String::as_str).or(default),
            ours.map(String::as_str).or(default),
        ) else {
            if let Some(theirs) = theirs {
                all.push(format!("{word}: keepalived {theirs}, ipvsd says nothing"));
            }
            continue;
        };
        let same = theirs == plain(ours);
        if !same {
            all.push(format!("{word}: keepalived {theirs}, ipvsd {ours}"));
        }
    }
    all
}
