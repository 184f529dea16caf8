//! The table, and what is said on the way to it.

use std::fmt::Write;

use crate::daemon::Program;
use crate::lab::Lab;

#[derive(Default)]
pub struct Report {
    rows: String,
    notes: String,
}

impl Report {
    /// Whoever waits sees how far it has come.
    pub fn say(&self, lab: &Lab, what: &str, program: Program) {
        self.say_both(lab, &format!("{what}: {}", program.name()));
    }

    pub fn say_both(&self, lab: &Lab, what: &str) {
        eprintln!("[{:6.1} s] {what}", lab.now().as_secs_f64());
    }

    /// Medians of keepalived's values and of ours, the largest of each, and the ratio of
    /// the medians.
    pub fn row(&mut self, what: &str, [theirs, ours]: [Vec<f64>; 2]) {
        let (theirs, ours) = (Spread::of(theirs), Spread::of(ours));
        let _ = writeln!(
            self.rows,
            "| {what} | {theirs} | {ours} | {:.2} |",
            ours.median / theirs.median
        );
    }

    pub fn note(&mut self, note: &str) {
        let _ = writeln!(self.notes, "\n{note}");
    }

    pub fn text(&self) -> String {
        let Self { rows, notes } = self;
        format!("| work | keepalived | ipvsd | ratio |\n| --- | --- | --- | --- |\n{rows}{notes}")
    }
}

struct Spread {
    median: f64,
    most: f64,
    count: usize,
}

impl Spread {
    fn of(values: Vec<f64>) -> Self {
        Spread {
            most: values.iter().copied().fold(f64::MIN, f64::max),
            count: values.len(),
            median: median(values),
        }
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2}", self.median)?;
        if self.count > 1 {
            write!(formatter, " (at most {:.2})", self.most)?;
        }
        Ok(())
    }
}
