//! What stands in no block.

use super::{Block, Kind, TOP_LEVEL, Word, one};

pub const TOP: Block = Block {
    path: TOP_LEVEL,
    about: "What stands in no block.",
    words: &[WORDS, super::servers::TOP],
};

const WORDS: &[Word] = &[
    Word::block("global_defs", &[])
        .means("what holds for all of ipvsd; may be there several times"),
    Word::values("instance", &[one("NAME", Kind::Text)])
        .means("tells several of them on one host apart, in the names of pid files and the like")
        .later("the files have the names that they have without it"),
];
