//! Configurations that are made from the table of words: the words of each block are
//! dealt out like cards, by the throw of a die that is always the same, until each has
//! been in several.

pub mod left_out;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write;

use ipvsd::config::reference::{self, TOP_LEVEL, Takes, Word};

use left_out::is_left_out;
use values::{ALWAYS, APART, BY_HAND, OF_A_FAMILY};

/// How many there are.
const COUNT: usize = 24;

/// The words that include a file.
const INCLUDES: &[&str] = &[
    "include", "includea", "includeb", "includem", "includer", "includew",
];

/// Each with its name.
pub fn all() -> Vec<(String, String)> {
    let mut maker = Maker {
        dice: Dice(0x9e37_79b9_7f4a_7c15),
        decks: BTreeMap::new(),
    };
    let made = (1..=COUNT).map(|number| (format!("{number:02}.conf"), maker.configuration()));
    let mut all: Vec<_> = made.collect();
    // And some of them by way of a file that includes them.
    for (index, word) in INCLUDES.iter().enumerate() {
        let included = &all[index].0;
        let text = format!("{word} {included}\n");
        all.push((format!("{word}.conf"), text));
    }
    all
}

/// xorshift64*: the same numbers everywhere and for ever.
pub struct Dice(u64);

impl Dice {
    /// By a seed other than 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 up to what is below `sides`.
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    pub fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.throw(all.len())]
    }
}

struct Maker {
    dice: Dice,
    /// The words of each block that are still to be dealt.
    decks: BTreeMap<String, Vec<&'static Word>>,
}

impl Maker {
    fn configuration(&mut self) -> String {
        let mut text = String::new();
        self.statement(&mut text, TOP_LEVEL, word(TOP_LEVEL, "global_defs"), 0);
        for tracker in ["vrrp_script", "vrrp_track_process", "bfd_instance"] {
            self.statement(&mut text, TOP_LEVEL, word(TOP_LEVEL, tracker), 0);
        }
        let file = self.dice.one_of(&["track_file", "vrrp_track_file"]);
        self.statement(&mut text, TOP_LEVEL, word(TOP_LEVEL, file), 0);
        for number in 1..=3 {
            let instance = word(TOP_LEVEL, "vrrp_instance");
            self.statement(&mut text, TOP_LEVEL, instance, number);
        }
        for number in 1..=3 {
            let server = word(TOP_LEVEL, "virtual_server");
            self.statement(&mut text, TOP_LEVEL, server, number);
        }
        for word in self.deal(TOP_LEVEL, 1) {
            self.statement(&mut text, TOP_LEVEL, word, 1);
        }
        text
    }

    /// A word with what belongs to it. The number makes those of a kind differ.
    fn statement(&mut self, text: &mut String, block: &str, word: &'static Word, number: usize) {
        let by_hand = values::by_hand(&mut self.dice, block, word.name, number);
        let is_block = matches!(word.takes, Takes::Block(_));
        let statement = match by_hand {
            Some(values) => format!("{} {values}", word.name),
            None => values::by_table(&mut self.dice, block, word),
        };
        if !is_block {
            text.push_str(statement.trim_end());
            text.push('\n');
            return;
        }
        let head = statement.lines().next().unwrap_or_default();
        let _ = writeln!(text, "{} {{", head.trim_end_matches('{').trim_end());
        let path = match block {
            TOP_LEVEL => word.name.to_owned(),
            _ => format!("{block}/{}", word.name),
        };
        self.block(text, &path, number);
        text.push_str("}\n");
    }

    fn block(&mut self, text: &mut String, path: &str, number: usize) {
        let always = ALWAYS.iter().filter(|(of, _)| *of == path);
        for name in always.flat_map(|(_, words)| *words) {
            self.statement(text, path, word(path, name), number);
        }
        for word in self.deal(path, number) {
            self.statement(text, path, word, number);
        }
        if path == "virtual_server" {
            for server in 1..=2 {
                let head = word(path, "real_server");
                self.statement(text, path, head, 10 * number + server);
            }
        }
    }

    /// Some words of a block, one in six at least.
    fn deal(&mut self, path: &str, number: usize) -> Vec<&'static Word> {
        let count = deck(path).len().div_ceil(6).max(2);
        let mut hand: Vec<&Word> = Vec::new();
        let mut back = Vec::new();
        // Those that do not go together wait for the next time.
        for _ in 0..count {
            let cards = self.decks.entry(path.to_owned()).or_default();
            if cards.is_empty() {
                let mut left = deck(path);
                while !left.is_empty() {
                    cards.push(left.swap_remove(self.dice.throw(left.len())));
                }
            }
            let Some(card) = cards.pop() else { break };
            let goes = |other: &&Word| other.name != card.name && !are_apart(path, other, card);
            let fits = fits(path, card, number);
            match fits && hand.iter().all(goes) {
                true => hand.push(card),
                false => back.push(card),
            }
        }
        self.decks.entry(path.to_owned()).or_default().extend(back);
        hand
    }
}

/// The words of a block that are dealt.
fn deck(path: &str) -> Vec<&'static Word> {
    let words = reference::block(path).into_iter().flat_map(|it| it.all());
    let is_always = |word: &Word| {
        ALWAYS
            .iter()
            .any(|(of, words)| *of == path && words.contains(&word.name))
    };
    let is_by_hand = |word: &Word| path == TOP_LEVEL && BY_HAND.contains(&word.name);
    words
        .filter(|word| !is_left_out(path, word.name) && !is_always(word) && !is_by_hand(word))
        .filter(|word| word.name != "real_server")
        .collect()
}

/// Whether a word may be in the instance with this number.
fn fits(path: &str, word: &Word, number: usize) -> bool {
    let of = OF_A_FAMILY.iter().find(|(name, _)| *name == word.name);
    path != "vrrp_instance" || of.is_none_or(|(_, is_ipv6)| *is_ipv6 == (number == 3))
}

fn are_apart(path: &str, one: &Word, other: &Word) -> bool {
    APART.iter().any(|(of, words)| {
        (path == *of || path.ends_with(&format!("/{of}")))
            && words.contains(&one.name)
            && words.contains(&other.name)
    })
}

fn word(block: &str, name: &str) -> &'static Word {
    reference::word(block, name).unwrap_or_else(|| panic!("{block} has no {name}"))
}
