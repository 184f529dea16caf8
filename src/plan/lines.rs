//! Blocks of the dump compared line by line: what is said differently, in the words of
//! the file.

use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;

/// A word that says something else, or is there in one of the two only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WordChange {
    /// With the blocks around it: `url path`.
    pub word: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl WordChange {
    /// Something that is not shown.
    pub fn secret() -> Self {
        WordChange {
            word: "a password or key (not shown)".to_owned(),
            from: None,
            to: None,
        }
    }
}

/// `weight 1 -> 3`, `+alpha`, `-quorum_up "/bin/up"`.
impl fmt::Display for WordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WordChange { word, from, to } = self;
        let value = |value: &str| match value {
            "" => String::new(),
            value => format!(" {value}"),
        };
        match (from, to) {
            (Some(from), Some(to)) => write!(f, "{word} {from} -> {to}"),
            (None, Some(to)) => write!(f, "+{word}{}", value(to)),
            (Some(from), None) => write!(f, "-{word}{}", value(from)),
            (None, None) => f.write_str(word),
        }
    }
}

/// What two dumps of one block say differently, in the order of the new one, and last
/// what only the old one says.
pub fn compare(old: &str, new: &str) -> Vec<WordChange> {
    if old == new {
        return Vec::new();
    }
    // Where one of them has several, the names of both are said.
    let several = [old, new].into_iter().any(has_several_blocks);
    let (mut before, after) = (words(old, several), words(new, several));
    let mut changes = Vec::new();
    for (word, to) in after {
        let from = before.get_mut(&word).map(std::mem::take);
        tell(&mut changes, &word, &from.unwrap_or_default(), &to);
    }
    for (word, from) in before {
        tell(&mut changes, &word, &from, &[]);
    }
    changes
}

fn tell(changes: &mut Vec<WordChange>, word: &str, from: &[String], to: &[String]) {
    if from == to {
        return;
    }
    let mut push = |from: Option<&String>, to: Option<&String>| {
        changes.push(WordChange {
            word: word.to_owned(),
            from: from.cloned(),
            to: to.cloned(),
        });
    };
    if let ([from], [to]) = (from, to) {
        return push(Some(from), Some(to));
    }
    let mut any = false;
    let (there, here): (HashSet<_>, HashSet<_>) = (from.iter().collect(), to.iter().collect());
    for gone in from.iter().filter(|value| !here.contains(value)) {
        push(Some(gone), None);
        any = true;
    }
    for come in to.iter().filter(|value| !there.contains(value)) {
        push(None, Some(come));
        any = true;
    }
    if !any {
        // The same in another order, or more than once.
        push(Some(&from.join(", ")), Some(&to.join(", ")));
    }
}

fn has_several_blocks(dump: &str) -> bool {
    dump.lines().filter(|line| *line == "}").nth(1).is_some()
}

/// What is said in a block, or in several one behind the other, by the word that says it.
/// The heads of single blocks are their names and no part of what they say.
fn words(dump: &str, several: bool) -> IndexMap<String, Vec<String>> {
    let mut words: IndexMap<String, Vec<String>> = IndexMap::new();
    let mut around: Vec<&str> = Vec::new();
    for line in dump.lines() {
        let line = line.trim();
        if line == "}" {
            around.pop();
            continue;
        }
        if let Some(head) = line.strip_suffix(" {") {
            around.push(match around.is_empty() && !several {
                true => "",
                false => head,
            });
            continue;
        }
        // What is behind it is said to readers.
        let line = line.split("  # ").next().unwrap_or_default();
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        let names = around.iter().copied().filter(|name| !name.is_empty());
        let path: Vec<_> = names.chain([word]).collect();
        words
            .entry(path.join(" "))
            .or_default()
            .push(value.to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(old: &str, new: &str) -> Vec<String> {
        compare(old, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_said_differently() {
        let old = "a b {\n    x 1\n    y 2\n    on\n    url {\n        p /\n    }\n}\n";
        let new = "a c {\n    x 3\n    y 2\n    z \"4 5\"\n    url {\n        p /x\n    }\n}\n";
        assert_eq!(said(old, old), [""; 0]);
        assert_eq!(
            said(old, new),
            ["x 1 -> 3", "+z \"4 5\"", "url p / -> /x", "-on"]
        );
    }

    #[test]
    fn lists() {
        let old = "a {\n    l {\n        1.1\n        1.2\n    }\n    n a\n    n b\n}\n";
        let new = "a {\n    l {\n        1.2\n        1.3\n    }\n    n b\n    n c\n    n d\n}\n";
        assert_eq!(said(old, new), ["+l 1.3", "-n a", "+n c", "+n d", "-l 1.1"]);
        let turned = "a {\n    n b\n    n a\n}\n";
        assert_eq!(
            said("a {\n    n a\n    n b\n}\n", turned),
            ["n a, b -> b, a"]
        );
    }

    #[test]
    fn several_blocks_are_named() {
        let old = "g {\n    x 1\n}\nh {\n    x 1\n}\n";
        let new = "g {\n    x 1\n}\nh {\n    x 2\n}\n";
        assert_eq!(said(old, new), ["h x 1 -> 2"]);
        // Also where one of the two has only one.
        assert_eq!(said("g {\n    x 1\n}\n", old), ["+h x 1"]);
        assert_eq!(said(old, "g {\n    x 1\n}\n"), ["-h x 1"]);
    }
}
