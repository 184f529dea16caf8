//! What reading a configuration costs beside keepalived: `ipvsd check` against
//! `keepalived -t`, turn by turn on this machine. Neither touches the network, and root
//! is not needed. `docs/benchmarks.md` has the command and the table that it prints.

mod files;
mod process;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::files::Kind;
use crate::process::Cost;

/// Each program's turns of each size.
const ROUNDS: usize = 7;
/// Ten times as much takes ten times as long.
const ROUNDS_OF_TENFOLD: usize = 5;

fn main() -> ExitCode {
    if process::measures() {
        return ExitCode::SUCCESS;
    }
    let Some(keepalived) = keepalived() else {
        eprintln!("there is no keepalived: tests/setup.sh installs it");
        return ExitCode::FAILURE;
    };
    println!(
        "| configuration | keepalived, s | ipvsd, s | ratio | at most | keepalived, MB | ipvsd, MB | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let wanted = wanted();
    let mut outcome = ExitCode::SUCCESS;
    for kind in Kind::ALL.into_iter().filter(|kind| wanted(kind.name())) {
        let mut sizes = Vec::new();
        for (size, rounds) in [(kind.size(), ROUNDS), (10 * kind.size(), ROUNDS_OF_TENFOLD)] {
            let folder = folder(kind, size);
            let main = kind.write(&folder, size);
            let mut turns = Turns::default();
            for _ in 0..rounds {
                turns
                    .theirs
                    .push(process::run(&keepalived, &["-t", "-f"], &main));
                turns.ours.push(process::run(ipvsd(), &["check"], &main));
            }
            // Whoever refuses it has not read it to the end.
            if turns.ours.iter().any(|cost| cost.status != 0) {
                eprintln!("ipvsd refuses {}", main.display());
                outcome = ExitCode::FAILURE;
            }
            println!("{}", turns.row(&kind.describe(size)));
            sizes.push(turns);
            let _ = std::fs::remove_dir_all(&folder);
        }
        if let [once, tenfold] = sizes.as_slice() {
            println!("{}", growth(once, tenfold));
        }
    }
    outcome
}

/// Words of the command line choose kinds; without any it is all of them.
fn wanted() -> impl Fn(&str) -> bool {
    let words = std::env::args().skip(1);
    let names: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    move |kind| names.is_empty() || names.iter().any(|name| name == kind)
}

fn ipvsd() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ipvsd"))
}

/// An ordinary user's PATH lacks where it is.
fn keepalived() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = folders.map(|folder| folder.join("keepalived"));
    candidates.find(|candidate| candidate.exists())
}

fn folder(kind: Kind, size: usize) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check/{}-{size}", kind.name()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder below target");
    folder
}

/// What was measured of one configuration.
#[derive(Default)]
struct Turns {
    theirs: Vec<Cost>,
    ours: Vec<Cost>,
}

impl Turns {
    fn row(&self, what: &str) -> String {
        let [theirs, ours] = [&self.theirs, &self.ours].map(|turns| seconds(turns));
        let worst = self
            .ours
            .iter()
            .map(|cost| cost.seconds)
            .fold(0.0, f64::max);
        let [their_memory, our_memory] = [&self.theirs, &self.ours].map(|turns| megabytes(turns));
        format!(
            "| {what} | {theirs:.3} | {ours:.3} | {:.2} | {worst:.3} | {their_memory:.0} | {our_memory:.0} | {:.2} |",
            ours / theirs,
            our_memory / their_memory,
        )
    }
}

/// By what everything grows; the memory that a process takes for nothing is in it.
fn growth(once: &Turns, tenfold: &Turns) -> String {
    let of = |measure: fn(&[Cost]) -> f64, turns: fn(&Turns) -> &[Cost]| {
        measure(turns(tenfold)) / measure(turns(once))
    };
    format!(
        "| tenfold is | {:.1} times | {:.1} times | | | {:.1} times | {:.1} times | |",
        of(seconds, |turns| &turns.theirs),
        of(seconds, |turns| &turns.ours),
        of(megabytes, |turns| &turns.theirs),
        of(megabytes, |turns| &turns.ours),
    )
}

fn seconds(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.seconds).collect())
}

fn megabytes(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.megabytes).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
