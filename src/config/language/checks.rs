//! `include_check` and the variants of `include`: what must be there.

use super::text::is_blank;

/// What makes an include that finds nothing an error: `include_check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checks {
    /// A file cannot be read.
    pub readable: bool,
    /// A name without wildcards is no file.
    pub matches: bool,
    /// Nothing matches wildcards.
    pub wildcard: bool,
    /// One of the names that braces make is no file.
    pub brace: bool,
}

impl Checks {
    pub(super) const ALL: Checks = Checks {
        readable: true,
        matches: true,
        wildcard: true,
        brace: true,
    };

    /// What a word adds. None where it is no include.
    pub fn with(self, word: &str) -> Option<Checks> {
        match word {
            "include" => Some(self),
            "includer" => Some(self.set("readable", true)),
            "includem" => Some(self.set("match", true)),
            "includew" => Some(self.set("wildcard_match", true)),
            "includeb" => Some(self.set("brace_match", true)),
            "includea" => Some(Checks::ALL),
            _ => None,
        }
    }

    fn set(mut self, check: &str, on: bool) -> Checks {
        match check {
            "readable" => self.readable = on,
            "match" => self.matches = on,
            "wildcard_match" => self.wildcard = on,
            "brace_match" => self.brace = on,
            _ => return self,
        }
        // The others are of no use without it.
        self.readable |= on;
        self
    }

    /// What stands behind `include_check`. A word that is none is told elsewhere.
    pub fn change<'t>(&mut self, words: impl Iterator<Item = &'t str>) {
        let mut changed: Option<Checks> = None;
        for word in words {
            let (base, check, on) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
                (Some(check), _) => (*self, check, true),
                (_, Some(check)) => (*self, check, false),
                _ => (Checks::default(), word, true),
            };
            changed = Some(changed.unwrap_or(base).set(check, on));
        }
        *self = changed.unwrap_or(Checks::ALL);
    }
}

/// Whether a line is an include.
pub(super) fn is_include(text: &str) -> bool {
    let length = text.find(is_blank).unwrap_or(text.len());
    Checks::default().with(&text[..length]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_added_and_removed() {
        let changed = |before: Checks, words: &str| {
            let mut checks = before;
            checks.change(words.split_whitespace());
            checks
        };
        let none = Checks::default();
        assert_eq!(changed(none, ""), Checks::ALL);
        let matches = changed(none, "match");
        assert!(matches.matches && matches.readable && !matches.wildcard);
        let fewer = changed(Checks::ALL, "+match -wildcard_match");
        assert!(fewer.matches && !fewer.wildcard && fewer.brace);
    }
}
