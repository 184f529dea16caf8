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

/// Words with values that are taken with a warning where others are errors: block, word.
const LENIENT: &[(&str, &str)] = &[];

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

/// One error at least is of a kind, and is told where the statement is.
fn assert_refused(of: &str, sentence: &Sentence, told: &[Code]) {
    let loaded = read(sentence);
    assert!(loaded.diagnostics.errors() > 0, "{of}: is taken");
    let found = loaded.diagnostics.list().iter().any(|diagnostic| {
        told.contains(&diagnostic.code)
            && diagnostic.primary.as_ref().is_some_and(|label| {
                let line = loaded.diagnostics.sources().place(label.span).line;
                (sentence.first..=sentence.last).contains(&line)
            })
    });
    assert!(found, "{of}: not told as {told:?}\n{}", report(&loaded));
}

#[test]
fn every_word_is_taken_in_its_block() {
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let taken = |parts: &[Part]| {
            let statement = sentences::statement(block, word, parts);
            let loaded = read(&within(block, &statement));
            let report = report(&loaded);
            assert_eq!(
                loaded.diagnostics.errors(),
                0,
                "{block}: {statement}\n{report}"
            );
            if let Some(told) = told(block, word) {
                assert!(
                    codes(&loaded).contains(&told),
                    "{block}: {statement}\n{report}"
                );
            }
            loaded.model.expect("a model where there is no error")
        };
        let model = taken(&parts);
        // What has a grammar of its own has a place of its own in the model.
        if let Fate::Later(_) = word.fate
            && !matches!(word.takes, Takes::Own(_))
        {
            let model = serde_json::to_value(&model).expect("JSON");
            assert!(has_setting(&model, word.name), "{block}: {}", word.name);
        }
        for (index, part) in parts.iter().enumerate() {
            if let Some(greatest) = samples::greatest(part.kind) {
                let mut parts = parts.clone();
                parts[index].text = greatest;
                taken(&parts);
            }
        }
    }
}

#[test]
fn every_word_is_refused_in_every_other_block() {
    let lines = include_str!("../../src/config/keywords.tsv").lines();
    let of_keepalived = lines.filter_map(|line| line.split_once('\t'));
    let of_table = all().map(|(block, word)| (block, word.name));
    let keywords: HashSet<_> = of_keepalived.chain(of_table).collect();
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let statement = sentences::statement(block, word, &parts);
        for other in BLOCKS {
            if !keywords.contains(&(other.path, word.name)) {
                let of = format!("{statement} in {}", other.path);
                assert_refused(&of, &within(other.path, &statement), &[Code::WrongBlock]);
            }
        }
    }
}

#[test]
fn every_wrong_value_of_every_word_is_refused() {
    for (block, word) in all() {
        if LENIENT.contains(&(block, word.name)) {
            continue;
        }
        let parts = sentences::parts(block, word);
        for (index, part) in parts.iter().enumerate() {
            // What text a word takes that is served, it knows itself.
            if part.kind == Kind::Text && word.fate == Fate::Served {
                continue;
            }
            for wrong in samples::wrong(part.kind) {
                let mut parts = parts.clone();
                parts[index].text = wrong.text;
                let statement = sentences::statement(block, word, &parts);
                let of = format!("{block}: {statement}");
                assert_refused(&of, &within(block, &statement), wrong.told);
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
                assert_refused(&of, &within(block, &statement), wrong.told);
            }
        }
    }
}

#[test]
fn every_missing_value_is_told() {
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
            assert_refused(&of, &within(block, &statement), &[Code::MissingValue]);
        }
        if let Takes::Command | Takes::User = word.takes {
            let of = format!("{block}: {}", word.name);
            assert_refused(&of, &within(block, word.name), &[Code::MissingValue]);
        }
    }
}

#[test]
fn every_word_too_many_is_told() {
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
        assert!(
            codes.iter().any(|code| told.contains(code)),
            "{block}: {statement}\n{}",
            report(&loaded)
        );
    }
}

#[test]
fn blocks_are_where_they_belong() {
    for (block, word) in all() {
        let parts = sentences::parts(block, word);
        let statement = sentences::statement(block, word, &parts);
        let (statement, told) = match word.takes {
            Takes::Nothing
            | Takes::Values(_)
            | Takes::Command
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
        assert_refused(&of, &within(block, &statement), &[told]);
    }
}
