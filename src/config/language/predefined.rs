//! `${_PWD}`, `${_ENV NAME}` and the other names that stand for something by themselves.

use super::super::diagnostic::{Code, shown};
use super::Expander;
use super::marks::{BANG, HASH};
use super::reference::Reference;
use super::text::{Text, is_blank};

/// These names.
pub(super) const PREDEFINED: [&str; 6] = ["_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"];

/// The largest number that `${_RANDOM}` makes where nothing is said.
const MOST_RANDOM: u64 = 32_767;

impl Expander<'_> {
    /// What a predefined name stands for.
    pub(super) fn predefined(&mut self, reference: &Reference<'_>, text: &Text) -> Option<String> {
        let range = 0..text.len();
        let value = match reference.name {
            "_PWD" => {
                let file = &self.sources.get(self.root.source).name;
                let file = self.surroundings.files.absolute(file.as_ref());
                let folder = file.parent().unwrap_or(&file);
                folder.display().to_string()
            }
            "_INSTANCE" => self.surroundings.config_id.to_owned(),
            "_HASH" => HASH.to_string(),
            "_BANG" => BANG.to_string(),
            "_ENV" => return Some(self.variable(reference.arguments, text)),
            _ => {
                let numbers = random_range(reference.arguments);
                let Some((least, most)) = numbers else {
                    self.tell(
                        Code::InvalidValue,
                        format!("`{}` is no range", shown(reference.arguments)),
                        text,
                        range,
                        "expected the least number and the largest one",
                    )
                    .help("`${_RANDOM 10 20}` is a number from 10 to 20");
                    return None;
                };
                let span = most - least;
                let number = self.next_random();
                let offset = match span.checked_add(1) {
                    Some(count) => number % count,
                    None => number,
                };
                (least + offset).to_string()
            }
        };
        Some(value)
    }

    /// A variable of the environment: `$`, `#` and `!` are nothing special in it, blanks,
    /// quotes and braces are.
    fn variable(&mut self, name: &str, text: &Text) -> String {
        match (self.surroundings.environment)(name) {
            Some(value) => value
                .chars()
                .map(|character| match character {
                    '#' => HASH,
                    '!' => BANG,
                    '\n' => ' ',
                    other => other,
                })
                .collect(),
            None => {
                if !self.environment_told.contains(name) {
                    self.environment_told.insert(name.to_owned());
                    let message = format!("there is no `{}` in the environment", shown(name));
                    self.tell(
                        Code::DefaultAssumed,
                        message,
                        text,
                        0..text.len(),
                        "replaced by nothing",
                    );
                }
                String::new()
            }
        }
    }

    /// SplitMix64: the same seed makes the same numbers.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.random;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

/// The least and the largest number that `${_RANDOM …}` asks for.
fn random_range(arguments: &str) -> Option<(u64, u64)> {
    let words = arguments.split(is_blank).filter(|word| !word.is_empty());
    let numbers: Vec<u64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let (least, most) = match numbers.as_slice() {
        [] => (0, MOST_RANDOM),
        [least] => (*least, (*least).max(MOST_RANDOM)),
        [least, most] => (*least, *most),
        _ => return None,
    };
    (least <= most).then_some((least, most))
}
