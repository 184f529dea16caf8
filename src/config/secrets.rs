//! Passwords and keys as they are written, in lines that may be shown. What is said of
//! them goes by words and blocks; this goes by text, and so finds them as well where a
//! line is not what it should be, or is never read: several statements on one, a
//! definition, a word that is misspelt.

use std::ops::Range;

/// The words behind which all of a line is secret.
const BEFORE: [&str; 4] = ["auth_pass", "password", "authentication", "auth_hmac"];
/// A key of `auth_hmac` stands behind this one and a number. A path does in `SSL`.
const KEY: &str = "key";
/// What a number of a key has at most, in digits.
const LONGEST_NUMBER: usize = 3;
/// By how many letters a word may be misspelt.
const MISSPELT: usize = 2;

/// Where text has what nobody is to see.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if !text.contains("pas") && !text.contains("auth") {
        return found;
    }
    let has_keys = text.contains("auth_hmac");
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // Few lines are worth a closer look.
        let is_concerned = line.contains("pas") || line.contains("auth");
        if is_concerned || has_keys && line.contains(KEY) {
            in_line(line, start, &mut found);
        }
        start += line.len();
    }
    found
}

/// Which words of a statement stand behind one that has a secret behind it, wherever that
/// is among them. `has_keys`: also those of `auth_hmac`.
pub(super) fn among<'w>(words: impl Iterator<Item = &'w str>, has_keys: bool) -> Vec<usize> {
    behind(words, has_keys, |_| false)
}

fn in_line(line: &str, start: usize, found: &mut Vec<Range<usize>>) {
    let places: Vec<Range<usize>> = words(line).collect();
    let texts = places.iter().map(|place| &line[place.clone()]);
    let secret = behind(texts, true, |at| begins_block(line, &places[at]));
    found.extend(secret.into_iter().map(|at| {
        let place = &places[at];
        start + place.start..start + place.end
    }));
}

/// The words that are secret, by their places. `begins_block` tells of a word whether a
/// block begins with it, which has words of its own.
fn behind<'w>(
    words: impl Iterator<Item = &'w str>,
    has_keys: bool,
    begins_block: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let mut words = words.enumerate().peekable();
    let mut found = Vec::new();
    while let Some((_, word)) = words.next() {
        if has_keys && word == KEY {
            words.next_if(|(_, word)| is_number(word));
            let key = words.next_if(|(_, word)| !names_a_file(word));
            found.extend(key.map(|(at, _)| at));
        } else if is_before_secrets(word) {
            let may_have_block = matches!(word, "authentication" | "auth_hmac");
            while let Some((at, _)) =
                words.next_if(|(at, _)| !(may_have_block && begins_block(*at)))
            {
                found.push(at);
            }
        }
    }
    found
}

fn is_before_secrets(word: &str) -> bool {
    BEFORE.contains(&word)
        || word.contains("pas")
            && word.len() <= 2 * BEFORE[0].len()
            && ["auth_pass", "password"]
                .iter()
                .any(|known| strsim::damerau_levenshtein(known, word) <= MISSPELT)
}

fn is_number(word: &str) -> bool {
    word.len() <= LONGEST_NUMBER && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn names_a_file(word: &str) -> bool {
    word.starts_with("file:") || word.starts_with('/')
}

/// Whether a brace stands before a word, with nothing but blanks between them.
fn begins_block(line: &str, word: &Range<usize>) -> bool {
    line[..word.start].trim_end().ends_with('{')
}

/// The words of a line, between blanks and braces.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let separates = |character: char| character.is_whitespace() || "{}".contains(character);
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + line[at..].find(|character| !separates(character))?;
        let length = line[begin..].find(separates);
        at = length.map_or(line.len(), |length| begin + length);
        Some(begin..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut masked = text.to_owned();
        for range in secrets(text) {
            masked.replace_range(range.clone(), &"*".repeat(range.len()));
        }
        masked
    }

    #[test]
    fn whatever_stands_behind_such_a_word_is_secret() {
        for (text, wanted) in [
            ("auth_pass S3", "auth_pass **"),
            (
                "authentication { auth_type PASS auth_pass S3 }",
                "authentication { auth_type PASS auth_pass ** }",
            ),
            ("authentication PASS S3", "authentication **** **"),
            (
                "$AUTH=auth_type PASS auth_pass S3",
                "$AUTH=auth_type PASS auth_pass **",
            ),
            ("SSL { pasword S3 }", "SSL { pasword ** }"),
            (
                "priority 100 auth_pass \"S 3\" x",
                "priority 100 auth_pass ** ** *",
            ),
            (
                "auth_hmac { mode enforce key 1 S3 key 2 file:/etc/k }",
                "auth_hmac { mode enforce key 1 ** key 2 file:/etc/k }",
            ),
            ("auth_hmac {\nkey S3\n}", "auth_hmac {\nkey **\n}"),
            ("SSL { key /etc/key.pem }", "SSL { key /etc/key.pem }"),
            (
                "script \"/bin/check --pass x\"",
                "script \"/bin/check --pass x\"",
            ),
        ] {
            assert_eq!(masked(text), wanted);
        }
    }
}
