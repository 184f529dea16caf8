//! What was probably meant by a word that is none of those that are possible.

/// The longest word, in bytes, for which similar ones are looked for: comparing takes
/// time and memory by the product of both lengths.
const LONGEST: usize = 64;

/// Among how many names a similar one is looked for.
pub(super) const MOST: usize = 1_000;

/// By how many letters one name may differ from another that was meant.
const FARTHEST: usize = 2;

/// The known word that comes closest, and by how many letters it differs, if there are
/// no more than two.
pub(super) fn closest<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<(usize, &'k str)> {
    if !is_worth_it(word) {
        return None;
    }
    let known = known.into_iter().filter(|known| is_worth_it(known));
    known
        .map(|known| (strsim::damerau_levenshtein(known, word), known))
        .filter(|(distance, _)| *distance <= FARTHEST)
        .min()
}

/// Whether a word is so short that others may be compared with it.
pub(super) fn is_worth_it(word: &str) -> bool {
    word.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_counts_and_long_ones_are_not_compared() {
        assert_eq!(closest("VI_1", ["VI_2", "VG_11"]), Some((1, "VI_2")));
        assert_eq!(closest("VI_1", ["web"]), None);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(closest(&long, [long.as_str()]), None);
        assert_eq!(closest(&long[1..], [long.as_str()]), None);
    }
}
