//! The tables of `docs/configuration.md` and `docs/migrating.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ipvsd::config::reference::{BLOCKS, Fate, TOP_LEVEL, Word};

use crate::form::{form, grammar, range};
use crate::pages::{self, MARKDOWN};

const REFERENCE: &str = "docs/configuration.md";
const MIGRATING: &str = "docs/migrating.md";

/// What the table in [`MIGRATING`] is called.
const NEVER: &str = "never served";

#[test]
fn the_reference_has_every_word_as_the_table_has_it() {
    let page = pages::read(REFERENCE);
    let page = pages::with_places(page, &MARKDOWN, "## What `check` tells", |block| {
        let name = block.path.rsplit('/').next().unwrap_or(block.path);
        format!("## {name}\n\n{}\n\n", block.about)
    });
    let (names, made) = pages::fill(&page, &MARKDOWN, |name| table(pages::block(name).all()));
    pages::assert_complete(REFERENCE, &names);
    pages::hold(REFERENCE, &made);
}

#[test]
fn what_is_never_served_is_told_to_those_who_come_from_keepalived() {
    let page = pages::read(MIGRATING);
    let (names, made) = pages::fill(&page, &MARKDOWN, |_| never());
    assert_eq!(names, [NEVER], "{MIGRATING}");
    pages::hold(MIGRATING, &made);
}

fn table(words: impl Iterator<Item = &'static Word> + Clone) -> String {
    let mut table =
        String::from("\n| word | range | default | meaning |\n| --- | --- | --- | --- |\n");
    for word in words.clone() {
        let cells = [
            format!("`{}`", form(word)),
            range(word),
            word.default.to_owned(),
            meaning(word),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    // An empty cell takes one blank, as elsewhere on the page.
    while table.contains("|  |") {
        table = table.replace("|  |", "| |");
    }
    table.push('\n');
    for word in words {
        if let Some(grammar) = grammar(word) {
            let _ = write!(table, "`{}`, a line:\n\n```\n", word.name);
            for line in grammar.syntax {
                let _ = writeln!(table, "{line}");
            }
            let _ = write!(table, "```\n\nFor example `{}`.\n\n", grammar.example);
        }
    }
    table
}

/// What it means, and whether that is so.
fn meaning(word: &Word) -> String {
    let fate = match word.fate {
        Fate::Served => String::new(),
        Fate::Later("") => "Not served yet.".to_owned(),
        Fate::Later(consequence) => format!("Not served yet: {consequence}."),
        Fate::Never(reason) => format!("Never served: {reason}."),
        Fate::Older(today) => format!("Older spelling of `{today}`."),
        Fate::Gone => "A word of older versions, which has no effect.".to_owned(),
    };
    match (word.meaning, fate.as_str()) {
        (meaning, "") => meaning.to_owned(),
        ("", _) => fate,
        (meaning, _) => format!("{}. {fate}", meaning.trim_end_matches('.')),
    }
}

/// The words that are never served, together where the reason is the same.
fn never() -> String {
    let mut reasons: Vec<&str> = Vec::new();
    let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for block in BLOCKS {
        for word in block.all() {
            let Fate::Never(reason) = word.fate else {
                continue;
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
            let place = match block.path {
                TOP_LEVEL | "global_defs" => format!("`{}`", word.name),
                path => format!("`{}` in `{path}`", word.name),
            };
            words.entry(reason).or_default().push(place);
        }
    }
    let mut table = String::from("\n| word | why not |\n| --- | --- |\n");
    for reason in reasons {
        let _ = writeln!(table, "| {} | {reason} |", words[reason].join(", "));
    }
    table.push('\n');
    table
}
