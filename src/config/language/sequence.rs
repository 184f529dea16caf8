//! `~SEQ(…)` and `~LST(…)`: a line once for each number or each entry of a list.

use std::rc::Rc;

use super::super::diagnostic::{Code, Diagnostic, shown};
use super::super::source::{FrameId, Span};
use super::Expander;
use super::text::{Text, comment, is_blank, name_length};

/// Whether a line begins with a sequence or a list.
pub(super) fn is_sequence(text: &str) -> bool {
    text.starts_with("~SEQ") || text.starts_with("~LST")
}

/// What is repeated.
struct Repeated {
    /// `~SEQ(…)` as it stands there.
    head: Text,
    /// Where that is.
    place: Span,
    /// What stands behind it.
    rest: Text,
    /// How many times it has been repeated.
    rounds: u64,
}

/// Numbers from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    start: i64,
    step: i64,
    end: i64,
}

impl Expander<'_> {
    /// A line that begins with a sequence or a list.
    pub(super) fn sequence(&mut self, text: &Text) {
        let line = text.as_str();
        let word_length = line.find(|character| is_blank(character) || character == '(');
        let word = &line[..word_length.unwrap_or(line.len())];
        let after = line[word.len()..].trim_start_matches(is_blank);
        let open = line.len() - after.len();
        let close = line[open..].find(')').map(|length| open + length);
        let known = matches!(word, "~SEQ" | "~SEQx" | "~LST");
        let (true, true, Some(close)) = (known, after.starts_with('('), close) else {
            let message = format!("`{}` is no sequence", shown(word));
            self.wrong(
                text,
                message,
                "expected `~SEQ(NAME, START, STEP, END)` or `~LST(NAME, VALUE, …)`",
            );
            return;
        };
        let Some(arguments) = self.inline(text.part(open + 1..close)) else {
            return;
        };
        let mut repeated = Repeated {
            head: text.part(0..close + 1),
            place: text.place(0..close + 1),
            rest: text.part(close + 1..text.len()).trimmed(),
            rounds: 0,
        };
        match word {
            "~LST" => self.list(&arguments, &mut repeated),
            _ => self.numbers(&arguments, &mut repeated, word == "~SEQx"),
        }
    }

    fn numbers(&mut self, arguments: &Text, repeated: &mut Repeated, hexadecimal: bool) {
        let parts: Vec<_> = arguments.as_str().split(',').map(trim).collect();
        let [name, written @ ..] = parts.as_slice() else {
            return;
        };
        if !is_name(name) {
            return self.wrong_name(name, repeated);
        }
        let mut numbers = Vec::new();
        for written in written {
            match number(written) {
                Some(number) => numbers.push(number),
                None => {
                    let message = format!("`{}` is not a number", shown(written));
                    let label = "expected numbers of at most 64 bits, decimal or with `0x`";
                    self.wrong(&repeated.head, message, label);
                    return;
                }
            }
        }
        let numbers = match *numbers.as_slice() {
            [end] if end > 0 => Numbers {
                start: 1,
                step: 1,
                end,
            },
            [end] => Numbers {
                start: -1,
                step: -1,
                end,
            },
            [start, end] => Numbers {
                start,
                step: if end < start { -1 } else { 1 },
                end,
            },
            [start, step, end] => Numbers { start, step, end },
            _ => {
                let message = "a sequence has a name and up to three numbers";
                self.wrong(
                    &repeated.head,
                    message,
                    "expected `~SEQ(NAME, START, STEP, END)`",
                );
                return;
            }
        };
        let Numbers { start, step, end } = numbers;
        if step == 0 || start < end && step < 0 || start > end && step > 0 {
            let message = format!("steps of {step} do not lead from {start} to {end}");
            self.wrong(&repeated.head, message, "this never comes to an end");
            return;
        }
        // What would never be done is not begun.
        let rounds = (i128::from(end) - i128::from(start)) / i128::from(step) + 1;
        if !self.budget.has_steps(rounds.unsigned_abs()) {
            return self.overflow();
        }
        let mut at = Some(start);
        while let Some(number) = at.filter(|at| if step > 0 { *at <= end } else { *at >= end }) {
            let value = match (hexadecimal, number < 0) {
                (true, true) => format!("-{:x}", number.unsigned_abs()),
                (true, false) => format!("{number:x}"),
                (false, _) => number.to_string(),
            };
            if !self.round(&[(name, &value)], repeated) {
                return;
            }
            at = number.checked_add(step);
        }
    }

    fn list(&mut self, arguments: &Text, repeated: &mut Repeated) {
        // Twice, so that a list of millions is never as a whole in memory.
        let mut entries = Entries::of(arguments.as_str());
        let Some(names) = entries.next() else {
            return self.unmatched(repeated);
        };
        if entries.rest.is_none() {
            self.wrong(
                &repeated.head,
                "a list without values",
                "expected `~LST(NAME, VALUE, …)`",
            );
            return;
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return self.wrong_name(name, repeated);
        }
        let mut checked = entries;
        if let Some(entry) = checked.find(|entry| entry.len() != names.len()) {
            let message = format!(
                "`{{{}}}` has {} values, and there are {} names",
                shown(&entry.join(", ")),
                entry.len(),
                names.len()
            );
            self.wrong(
                &repeated.head,
                message,
                "every entry has a value for each name",
            );
            return;
        }
        if checked.broken {
            return self.unmatched(repeated);
        }
        for entry in entries {
            let pairs: Vec<_> = names.iter().copied().zip(entry).collect();
            if !self.round(&pairs, repeated) {
                return;
            }
        }
    }

    /// The rest of the line once, with these values. False if no further time makes sense.
    fn round(&mut self, values: &[(&str, &str)], repeated: &mut Repeated) -> bool {
        if self.budget.is_exceeded() {
            return false;
        }
        if !self.budget.take_step() {
            self.overflow();
            return false;
        }
        repeated.rounds += 1;
        if repeated.rounds == 2 {
            self.block_left_open(repeated);
        }
        for (name, value) in values {
            let text = Text::standing_for(value, repeated.place, FrameId::NONE);
            let lines: Box<[_]> = match value.is_empty() {
                true => Box::default(),
                false => Box::new([Rc::new(text)]),
            };
            self.set((*name).to_owned(), lines, Some((*value).into()));
        }
        let errors = self.diagnostics.errors();
        self.line(repeated.rest.clone(), Vec::new());
        // What is wrong in one round is wrong in each.
        self.diagnostics.errors() == errors
    }

    fn unmatched(&mut self, repeated: &Repeated) {
        let message = "the braces of this list do not match";
        self.wrong(&repeated.head, message, "each entry is `{VALUE, VALUE}`");
    }

    /// A block that begins on a line which is repeated is opened each time, and what
    /// stands on the lines after it is there once.
    fn block_left_open(&mut self, repeated: &Repeated) {
        let rest = repeated.rest.as_str();
        if is_sequence(rest) || !leaves_block_open(rest) {
            return;
        }
        let message = "a sequence repeats its own line only";
        let label = "the block that begins on this line is opened each time";
        let head = &repeated.head;
        self.tell(Code::Advice, message, head, 0..head.len(), label)
            .help(
                "write the whole block on this line, or give it as the value of a definition, \
                 which may have several lines, and name that here",
            );
    }

    fn wrong_name(&mut self, name: &str, repeated: &Repeated) {
        let message = format!("`{}` is no name", shown(name));
        let label = "a name has letters, digits and `_`, and no digit first";
        self.wrong(&repeated.head, message, label);
    }

    fn wrong(&mut self, text: &Text, message: impl Into<String>, label: &str) -> &mut Diagnostic {
        self.tell(Code::InvalidValue, message, text, 0..text.len(), label)
    }
}

/// Whether there are more opening braces than closing ones in a line.
fn leaves_block_open(line: &str) -> bool {
    let (mut quoted, mut open) = (false, 0_i64);
    for byte in line.as_bytes()[..comment(line)].iter() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' if !quoted => open += 1,
            b'}' if !quoted => open -= 1,
            _ => {}
        }
    }
    open > 0
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && name_length(text) == text.len()
}

/// A decimal or hexadecimal number.
fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

/// The entries of a list, each with its values: `a, b` or `{a, b}, {c, d}`.
#[derive(Clone, Copy, Debug)]
struct Entries<'t> {
    /// None behind the last one.
    rest: Option<&'t str>,
    /// Braces do not match; there are no more entries then.
    broken: bool,
}

impl<'t> Entries<'t> {
    fn of(text: &'t str) -> Self {
        Entries {
            rest: Some(trim(text)),
            broken: false,
        }
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Vec<&'t str>;

    fn next(&mut self) -> Option<Vec<&'t str>> {
        let rest = self.rest.take()?;
        self.broken = true;
        let (entry, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let (inner, after) = inner.split_once('}')?;
                (inner.split(',').map(trim).collect(), trim(after))
            }
            None => {
                let length = rest.find(',').unwrap_or(rest.len());
                (vec![trim(&rest[..length])], &rest[length..])
            }
        };
        match after.strip_prefix(',') {
            Some(next) => self.rest = Some(trim(next)),
            None if after.is_empty() => {}
            None => return None,
        }
        self.broken = false;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let all = |text| {
            let mut entries = Entries::of(text);
            let all: Vec<_> = entries.by_ref().collect();
            (!entries.broken).then_some(all)
        };
        assert_eq!(all("A, 1 ,2"), Some(vec![vec!["A"], vec!["1"], vec!["2"]]));
        let pairs = all("{A,B}, {1, 2},{3,4}");
        assert_eq!(
            pairs,
            Some(vec![vec!["A", "B"], vec!["1", "2"], vec!["3", "4"]])
        );
        assert_eq!(all("{A,B"), None);
        assert_eq!(all("{A} B"), None);
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0x1F"), Some(31));
        assert_eq!(number("-5"), Some(-5));
        assert_eq!(number("010"), Some(10));
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(number("--5"), None);
        assert_eq!(number("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(number("9223372036854775808"), None);
    }
}
