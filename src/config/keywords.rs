//! Which words there are, and in which blocks. What they mean is in
//! [`lower`](super::lower); this is what it takes to say something useful about a
//! word that has no meaning where it stands.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::reference::{self, Fate};

pub(super) use super::reference::TOP_LEVEL;

pub(super) const GLOBAL_DEFS: &str = "global_defs";
pub(super) const VRRP_INSTANCE: &str = "vrrp_instance";
pub(super) const AUTHENTICATION: &str = "vrrp_instance/authentication";
pub(super) const AUTH_HMAC: &str = "vrrp_instance/auth_hmac";
pub(super) const GARP_GROUP: &str = "garp_group";
pub(super) const VRRP_SYNC_GROUP: &str = "vrrp_sync_group";
pub(super) const VIRTUAL_SERVER: &str = "virtual_server";
pub(super) const REAL_SERVER: &str = "virtual_server/real_server";
pub(super) const TCP_CHECK: &str = "virtual_server/real_server/TCP_CHECK";
pub(super) const HTTP_GET: &str = "virtual_server/real_server/HTTP_GET";
pub(super) const URL: &str = "virtual_server/real_server/HTTP_GET/url";
pub(super) const MISC_CHECK: &str = "virtual_server/real_server/MISC_CHECK";

/// The words of one block and the blocks of one word.
struct Index {
    words: HashMap<&'static str, Vec<&'static str>>,
    blocks: HashMap<&'static str, Vec<&'static str>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        words: HashMap::new(),
        blocks: HashMap::new(),
    };
    let blocks = reference::BLOCKS.iter();
    let table = blocks.flat_map(|block| block.all().map(|word| (block.path, word.name)));
    for (block, word) in table {
        let words = index.words.entry(block).or_default();
        words.push(word);
        index.blocks.entry(word).or_default().push(block);
    }
    index
});

/// The words that may stand in a block, in the order of the reference.
pub(super) fn words(block: &str) -> &'static [&'static str] {
    INDEX.words.get(block).map_or(&[], Vec::as_slice)
}

/// The blocks that a word may stand in.
pub(super) fn blocks(word: &str) -> &'static [&'static str] {
    INDEX.blocks.get(word).map_or(&[], Vec::as_slice)
}

/// The word as the table has it, if it may stand in the block.
pub(super) fn known(block: &str, word: &str) -> Option<&'static str> {
    let (word, blocks) = INDEX.blocks.get_key_value(word)?;
    blocks.contains(&block).then_some(*word)
}

/// Whether the reference has a word as one of older versions.
fn is_of_old(block: &str, word: &str) -> bool {
    reference::word(block, word)
        .is_some_and(|word| matches!(word.fate, Fate::Older(_) | Fate::Gone))
}

/// The word of a block that was probably meant.
pub(super) fn similar(block: &str, word: &str) -> Option<&'static str> {
    let known = words(block).iter();
    known
        .filter(|known| !is_of_old(block, known))
        .filter_map(|known| Some((distance(word, known)?, *known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// By how many letters a word differs from a known one, if it is so few that it may be
/// meant.
fn distance(word: &str, known: &str) -> Option<usize> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase();
    let allowed = word.chars().count().div_ceil(3).min(3);
    let distance = strsim::damerau_levenshtein(&known.to_lowercase(), &word);
    (distance <= allowed).then_some(distance)
}

/// The last word of a block's path, as it stands in the file.
pub(super) fn block_name(block: &str) -> &str {
    block.rsplit('/').next().unwrap_or(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_are_recognised() {
        assert_eq!(similar(VIRTUAL_SERVER, "lb_aglo"), Some("lb_algo"));
        assert_eq!(similar(VIRTUAL_SERVER, "DELAY_LOOP"), Some("delay_loop"));
        assert_eq!(similar(REAL_SERVER, "tcp_check"), Some("TCP_CHECK"));
        assert_eq!(similar(REAL_SERVER, "banana"), None);
    }

    #[test]
    fn the_blocks_that_are_read_have_words() {
        for block in [
            GLOBAL_DEFS,
            VRRP_INSTANCE,
            VRRP_SYNC_GROUP,
            VIRTUAL_SERVER,
            REAL_SERVER,
            TCP_CHECK,
            HTTP_GET,
            URL,
            MISC_CHECK,
        ] {
            assert!(words(block).len() > 5, "{block}");
        }
    }
}
