//! The tables of many configurations, with no server that answers: after a start, and
//! after a reload to another configuration.

use std::fmt::Write;

use super::super::configurations::keepalived_samples;
use super::generated::Maker;
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::lab::{Lab, poll, secs};
use crate::table::{difference, sorted};

/// How many are started, each with a reload to the next.
const GENERATED: usize = 72;
/// How many of them run at once.
const AT_ONCE: usize = 6;
const SEED: u64 = 0x1bd1_1bda_a9fc_1a22;

pub fn generated_tables(lab: &Lab) {
    let mut maker = Maker::new(SEED);
    let texts: Vec<String> = (0..=GENERATED).map(|_| maker.configuration()).collect();
    let steps: Vec<Step> = texts
        .windows(2)
        .enumerate()
        .map(|(number, pair)| Step {
            name: format!("generated {number}"),
            first: pair[0].clone(),
            second: Some(pair[1].clone()),
        })
        .collect();
    compare(lab, &steps);
}

/// The samples of keepalived's package, of each what is about virtual servers. No server
/// of theirs is there, and none is asked while the tables are compared.
pub fn tables_of_samples(lab: &Lab) {
    let steps: Vec<Step> = keepalived_samples()
        .into_iter()
        .filter_map(|(name, text)| {
            let first = about_virtual_servers(&text);
            (!first.is_empty()).then_some(Step {
                name,
                first,
                second: None,
            })
        })
        .collect();
    assert!(steps.len() >= 16, "{} samples", steps.len());
    compare(lab, &steps);
}

/// The blocks of virtual servers and their groups, with checks an hour apart.
fn about_virtual_servers(text: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut is_wanted) = (0, false);
    for line in text.lines() {
        let line = line.split(['!', '#']).next().unwrap_or_default();
        if depth == 0 && !line.trim().is_empty() {
            is_wanted = line.starts_with("virtual_server");
        }
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
        if is_wanted && !line.trim_start().starts_with("delay_loop") {
            out += line;
            out.push('\n');
        }
        if depth == 1 && line.starts_with("virtual_server ") {
            out += "delay_loop 3600\n";
        }
    }
    out
}

/// What is started and what that is reloaded to.
struct Step {
    name: String,
    first: String,
    second: Option<String>,
}

/// A configuration under both programs.
struct Pair<'a> {
    step: &'a Step,
    directors: [&'a Director<'a>; 2],
    /// keepalived and ipvsd.
    daemons: [Daemon<'a>; 2],
}

fn compare(lab: &Lab, steps: &[Step]) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(2 * AT_ONCE)
        .build(lab);
    let mut report = String::new();
    for steps in steps.chunks(AT_ONCE) {
        let pairs = start(&cluster, steps);
        for pair in &pairs {
            lab.note(&pair.step.name);
            for daemon in &pair.daemons {
                daemon.wait_for_log("Startup complete", secs(60));
            }
            judge(&mut report, pair, "after the start", &pair.step.first);
        }
        reload(&mut report, &pairs);
        for pair in &pairs {
            for daemon in &pair.daemons {
                daemon.sigterm(secs(20));
            }
            let [reference, tested] = pair.directors;
            assert_eq!(tested.sorted_table(), [""; 0], "{}", pair.step.name);
            // keepalived may leave something there after a reload.
            reference.sh("ipvsadm -C");
        }
    }
    std::fs::write(lab.log_file("differences.txt"), &report).unwrap();
    assert!(report.is_empty(), "- as keepalived, + as ipvsd\n{report}");
}

fn start<'a>(cluster: &'a Cluster<'a>, steps: &'a [Step]) -> Vec<Pair<'a>> {
    let directors = cluster.directors.chunks(2);
    let pairs = steps.iter().zip(directors).map(|(step, directors)| {
        let [reference, tested] = directors else {
            unreachable!()
        };
        Pair {
            step,
            directors: [reference, tested],
            daemons: [
                reference.start_keepalived(&step.first),
                tested.start(&step.first),
            ],
        }
    });
    pairs.collect()
}

fn reload(report: &mut String, pairs: &[Pair]) {
    let mut marks = Vec::new();
    for pair in pairs {
        let Some(second) = &pair.step.second else {
            continue;
        };
        for daemon in &pair.daemons {
            marks.push((pair, daemon, daemon.log().mark()));
            daemon.reload(second);
        }
    }
    for (_, daemon, mark) in &marks {
        daemon.wait_for_log_after(*mark, "Reload complete", secs(60));
    }
    for pair in pairs {
        if let Some(second) = &pair.step.second {
            let text = format!("{}\n# and then\n{second}", pair.step.first);
            judge(report, pair, "after the reload", &text);
        }
    }
}

/// Waits for both tables to be equal; reports both and the configuration where they do
/// not become so.
fn judge(report: &mut String, pair: &Pair, when: &str, text: &str) {
    let [reference, tested] = pair.directors;
    let mut tables = (Vec::new(), Vec::new());
    let equal = poll(secs(2), || {
        tables = (table(reference), table(tested));
        (tables.0 == tables.1).then_some(())
    });
    assert!(!tables.0.is_empty(), "{}: no table\n{text}", pair.step.name);
    if equal.is_none() {
        let both = difference(&tables.0, &tables.1);
        let _ = writeln!(report, "{} {when}:\n{both}\n{text}", pair.step.name);
    }
}

/// The table as `ipvsadm -S` has it, with the limits that only `ipvsadm -L` shows.
fn table(director: &Director) -> Vec<String> {
    let mut lines = director.table();
    let limits = director.sh("ipvsadm -Ln --thresholds");
    let mut service = "";
    for line in limits.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["->", server, upper, lower, _, _] => {
                lines.push(format!("{service} -> {server} -x {upper} -y {lower}"));
            }
            ["->", ..] => {}
            _ => service = line.split(" -> ").next().unwrap_or(line).trim_end(),
        }
    }
    sorted(lines)
}
