//! Every word of the table is in a configuration that the lab gives to both programs.

use std::collections::BTreeSet;

use ipvsd::config::reference::{BLOCKS, TOP_LEVEL};

use crate::generated::{self, left_out};

/// The words of the table: block, word.
fn table() -> BTreeSet<(String, String)> {
    let table = include_str!("../../src/config/keywords.tsv");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once('\t'));
    words
        .map(|(block, word)| (block.to_owned(), word.to_owned()))
        .collect()
}

/// The words of a configuration whose statements and braces have lines of their own.
fn words(text: &str) -> BTreeSet<(String, String)> {
    let mut words = BTreeSet::new();
    let mut within: Vec<&str> = Vec::new();
    for line in text.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if word == "}" {
            within.pop();
            continue;
        }
        let block = match within.as_slice() {
            [] => TOP_LEVEL.to_owned(),
            within => within.join("/"),
        };
        if BLOCKS.iter().any(|it| it.path == block) {
            words.insert((block, word.to_owned()));
        }
        if line.ends_with('{') {
            within.push(word);
        }
    }
    words
}

#[test]
fn every_word_is_in_a_configuration_of_the_lab() {
    let all = generated::all();
    let used: BTreeSet<_> = all.iter().flat_map(|(_, text)| words(text)).collect();
    let table = table();
    assert!(table.len() > 500, "{}", table.len());
    let is_left_out = |it: &&(String, String)| left_out::is_left_out(&it.0, &it.1);
    let lacking: Vec<_> = table
        .difference(&used)
        .filter(|it| !is_left_out(it))
        .collect();
    assert!(lacking.is_empty(), "in no configuration: {lacking:?}");
    let both: Vec<_> = used.iter().filter(is_left_out).collect();
    assert!(both.is_empty(), "in one all the same: {both:?}");
    for (block, word, reason) in left_out::LEFT_OUT {
        let it = ((*block).to_owned(), (*word).to_owned());
        assert!(table.contains(&it), "{block} has no {word}");
        assert!(!reason.is_empty());
    }
}
