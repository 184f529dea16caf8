//! What the reader does with every word: with good values, with wrong ones, and in a
//! wrong block.

use std::collections::HashSet;

use ipvsd::config::reference::{
    self, BLOCKS, Count, Fate, Grammar, Kind, Place, TOP_LEVEL, Takes, Word,
};
use ipvsd::config::{self, Code, Loaded, Sources};
use serde_json::Value;

use crate::samples::{self, Part};
use crate::sentences::{self, Sentence, within};

/// Values that are no good and taken with a warning, as by keepalived: block, word, value.
const LENIENT: &[(&str, &str, &str)] = &[
    ("global_defs", "vrrp_garp_master_repeat", "0"),
    ("global_defs", "vrrp_garp_master_refresh_repeat", "0"),
];

/// Words that come later and have a place of their own in the model.
const TYPED: &[(&str, &str)] = &[("(top)", "virtual_server_group")];

fn read(sentence: &Sentence) -> Loaded {
    config::parse(Sources::from_text("words.conf", sentence.text.as_str()))
}

fn report(loaded: &Loaded) -> String {
    loaded.diagnostics.render(config::diagnostic::Style::Plain)
}

fn codes(loaded: &Loaded) -> Vec<Code> {
    let list = loaded.diagnostics.list().iter();
    list.map(|diagnostic| diagnostic.code).collect()
}

/// Every word of the table with its block.
fn all() -> impl Iterator<Item = (&'static str, &'static Word)> {
    BLOCKS
        .iter()
        .flat_map(|block| block.all().map(|word| (block.path, word)))
}

/// What is told of a word where it stands right: of the outermost block that is not
/// served, or of itself.
fn told(block: &str, word: &Word) -> Option<Code> {
    let mut outer = TOP_LEVEL.to_owned();
    for name in block.split('/').filter(|name| *name != TOP_LEVEL) {
        if let Some(code) = reference::word(&outer, name).and_then(of_fate) {
            return Some(code);
        }
        outer = match outer.as_str() {
            TOP_LEVEL => name.to_owned(),
            outer => format!("{outer}/{name}"),
        };
    }
    of_fate(word)
}

fn of_fate(word: &Word) -> Option<Code> {
    match word.fate {
        Fate::Served => None,
        Fate::Later(_) => Some(Code::NotServed),
        Fate::Never(_) => Some(Code::NeverServed),
        Fate::Older(_) | Fate::Gone => Some(Code::OlderSpelling),
    }
}

/// Whether the model has a setting by this name.
fn has_setting(model: &Value, name: &str) -> bool {
    match model {
        Value::Object(fields) => {
            fields.get("word").and_then(Value::as_str) == Some(name)
                || fields.values().any(|field| has_setting(field, name))
        }
        Value::Array(items) => items.iter().any(|item| has_setting(item, name)),
        _ => false,
    }
}

/// What does not hold. All of it is told together.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    /// What is wrong is told as what it is, and where it is.
    fn unless_told(&mut self, of: &str, sentence: &Sentence, told: &[Code]) {
        if !is_told(sentence, told) {
            let report = report(&read(sentence));
            self.0.push(format!("{of}: not told as {told:?}\n{report}"));
        }
    }

    fn none(self) {
        let Failures(failures) = self;
        assert!(
            failures.is_empty(),
            "{}: {}",
            failures.len(),
            failures.join("\n")
        );
    }
}

fn is_told(sentence: &Sentence, told: &[Code]) -> bool {
    let loaded = read(sentence);
    loaded.diagnostics.list().iter().any(|diagnostic| {
        told.contains(&diagnostic.code)
            && diagnostic.primary.as_ref().is_some_and(|label| {
                let line = loaded.diagnostics.sources().place(label.span).line;
                (sentence.first..=sentence.last).contains(&line)
            })
    })
}

#[test]
fn every_word_is_taken_in_its_block() {
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let mut taken = |parts: &[Part]| {
            let statement = sentences::statement(block, word, parts);
            let loaded = read(&within(block, &statement));
            let report = report(&loaded);
            let codes = codes(&loaded);
            // A word that would have no effect here if it were served is told as that.
            let is_told = told(block, word).is_none_or(|told| {
                codes.contains(&told) || told == Code::NotServed && codes.contains(&Code::NoEffect)
            });
            if loaded.model.is_none() || !is_told {
                failures.0.push(format!("{block}: {statement}\n{report}"));
            }
            loaded.model
        };
        let model = taken(&parts);
        let model = serde_json::to_value(&model).expect("JSON");
        let is_there = has_setting(&model, word.name) || TYPED.contains(&(block, word.name));
        for (index, part) in parts.iter().enumerate() {
            if let Some(greatest) = samples::greatest(part.kind) {
                let mut parts = parts.clone();
                parts[index].text = greatest;
                taken(&parts);
            }
        }
        // What has a grammar of its own has a place of its own in the model.
        let is_own = matches!(word.takes, Takes::Own(_));
        if matches!(word.fate, Fate::Later(_)) && !is_own && !is_there {
            failures
                .0
                .push(format!("{block}: {} is not in the model", word.name));
        }
    }
    failures.none();
}

#[test]
fn every_word_is_refused_in_every_other_block() {
    let lines = include_str!("../../src/config/keywords.tsv").lines();
    let of_keepalived = lines.filter_map(|line| line.split_once('\t'));
    let of_table = all().map(|(block, word)| (block, word.name));
    let keywords: HashSet<_> = of_keepalived.chain(of_table).collect();
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let statement = sentences::statement(block, word, &parts);
        for other in BLOCKS {
            if !keywords.contains(&(other.path, word.name)) {
                let of = format!("{statement} in {}", other.path);
                failures.unless_told(&of, &within(other.path, &statement), &[Code::WrongBlock]);
            }
        }
    }
    failures.none();
}

#[test]
fn every_wrong_value_of_every_word_is_refused() {
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        for (index, part) in parts.iter().enumerate() {
            // What text a word takes that is served, it knows itself.
            let is_later = matches!(word.fate, Fate::Later(_) | Fate::Never(_));
            if part.kind == Kind::Text && !is_later {
                continue;
            }
            for wrong in samples::wrong(part.kind) {
                let is_lenient = LENIENT.contains(&(block, word.name, wrong.text.as_str()));
                let told = match is_lenient {
                    true => &[Code::ValueAdjusted][..],
                    false => wrong.told,
                };
                let mut parts = parts.clone();
                parts[index].text = wrong.text;
                let statement = sentences::statement(block, word, &parts);
                let of = format!("{block}: {statement}");
                failures.unless_told(&of, &within(block, &statement), told);
            }
        }
        // In its block, too.
        let inside: Vec<_> = match word.takes {
            Takes::Lines(_, line) => line.iter().collect(),
            Takes::List(ref value) => vec![value],
            _ => Vec::new(),
        };
        for value in inside {
            for wrong in samples::wrong(value.kind) {
                let good = sentences::statement(block, word, &parts);
                let text = samples::good(value.kind);
                let (before, after) = good.rsplit_once(&text).expect("the value");
                let statement = format!("{before}{}{after}", wrong.text);
                let of = format!("{block}: {statement}");
                failures.unless_told(&of, &within(block, &statement), wrong.told);
            }
        }
    }
    failures.none();
}

#[test]
fn every_missing_value_is_told() {
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        for (index, part) in parts.iter().enumerate() {
            let mut fewer = parts.clone();
            match (part.announced, part.count) {
                (Some(_), Count::One | Count::Many) => fewer[index].text.clear(),
                (None, Count::One | Count::Many) => fewer.truncate(index),
                (_, Count::Optional | Count::Any) => continue,
            }
            fewer.truncate(index + 1);
            let statement = sentences::statement(block, word, &fewer);
            let of = format!("{block}: {statement}");
            failures.unless_told(&of, &within(block, &statement), &[Code::MissingValue]);
        }
        if let Takes::Command | Takes::CommandLine | Takes::User = word.takes {
            let of = format!("{block}: {}", word.name);
            failures.unless_told(&of, &within(block, word.name), &[Code::MissingValue]);
        }
    }
    failures.none();
}

#[test]
fn every_word_too_many_is_told() {
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let is_open = parts
            .iter()
            .any(|part| matches!(part.count, Count::Many | Count::Any));
        if is_open {
            continue;
        }
        let statement = sentences::statement(block, word, &parts);
        let statement = match statement.split_once(" {") {
            Some((head, block)) => format!("{head} banana {{{block}"),
            None => format!("{statement} banana"),
        };
        let loaded = read(&within(block, &statement));
        let codes = codes(&loaded);
        let told = [Code::NoEffect, Code::InvalidValue];
        if !codes.iter().any(|code| told.contains(code)) {
            let report = report(&loaded);
            failures.0.push(format!("{block}: {statement}\n{report}"));
        }
    }
    failures.none();
}

#[test]
fn blocks_are_where_they_belong() {
    let mut failures = Failures::default();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let statement = sentences::statement(block, word, &parts);
        let (statement, told) = match word.takes {
            Takes::Nothing
            | Takes::Values(_)
            | Takes::Command
            | Takes::CommandLine
            | Takes::OptionalCommand
            | Takes::User
            | Takes::Own(Grammar {
                place: Place::Line, ..
            }) => (format!("{statement} {{\n}}"), Code::UnexpectedBlock),
            Takes::Block(_) | Takes::Lines(..) | Takes::List(_) | Takes::Own(_) => {
                let head = statement.split_once(" {").expect("a block").0;
                (head.to_owned(), Code::MissingBlock)
            }
        };
        let of = format!("{block}: {statement}");
        failures.unless_told(&of, &within(block, &statement), &[told]);
    }
    failures.none();
}

#[test]
fn every_block_is_told_what_it_lacks() {
    let mut failures = Failures::default();
    for block in BLOCKS {
        for word in block.all().filter(|word| word.needed) {
            let sentence = sentences::within(block.path, word.name);
            let lines: Vec<&str> = sentence.text.lines().collect();
            let line = lines.iter().rposition(|line| *line == word.name);
            let line = line.expect("the word");
            let text = [&lines[..line], &lines[line + 1..]].concat().join("\n");
            let loaded = config::parse(Sources::from_text("words.conf", text.as_str()));
            if !codes(&loaded).contains(&Code::MissingValue) {
                let report = report(&loaded);
                failures
                    .0
                    .push(format!("{}: {}\n{report}", block.path, word.name));
            }
        }
    }
    failures.none();
}

#[test]
fn words_that_nobody_knows_are_told_in_every_block() {
    let mut failures = Failures::default();
    let unknown = [
        "banana",
        "Weight",
        "weigth",
        "virtual-server",
        "TCP_CHECK;",
        "=",
        "é",
    ];
    for (block, word) in BLOCKS
        .iter()
        .flat_map(|block| unknown.map(|word| (block, word)))
    {
        let of = format!("{}: {word}", block.path);
        failures.unless_told(&of, &within(block.path, word), &[Code::UnknownWord]);
    }
    failures.none();
}

#[test]
fn no_word_is_twice_in_a_block() {
    for block in BLOCKS {
        let mut names: Vec<_> = block.all().map(|word| word.name).collect();
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{}: {twice:?}", block.path);
    }
}

#[test]
fn every_word_of_keepalived_is_in_the_table() {
    let lines = include_str!("../../src/config/keywords.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#'));
    let missing = rows.filter(|row| {
        let (block, word) = row.split_once('\t').expect("a block and a word");
        // Other files are read before there are words.
        reference::word(block, word).is_none() && !word.starts_with("include")
    });
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "{}: {missing:#?}", missing.len());
}
