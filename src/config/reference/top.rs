//! What stands in no block.

use super::routes::{STATIC_ROUTES, STATIC_RULES};
use super::{Block, Kind, TOP_LEVEL, Word, one};

pub const TOP: Block = Block {
    path: TOP_LEVEL,
    about: "What stands in no block.",
    words: &[WORDS],
};

const WORDS: &[Word] = &[
    Word::block("global_defs", &[])
        .means("what holds for all of ipvsd; may be there several times"),
    Word::values("instance", &[one("NAME", Kind::Text)])
        .means("tells several of them on one host apart, in the names of pid files and the like")
        .later("the files have the names that they have without it"),
    Word::block("vrrp_instance", &[one("NAME", Kind::Text)])
        .means("addresses that one of several directors has"),
    Word::block("vrrp_sync_group", &[one("NAME", Kind::Text)])
        .means("instances that are master together or not at all"),
    Word::own("static_routes", &STATIC_ROUTES)
        .means("routes that are there whoever is master")
        .later("these are not added"),
    Word::own("static_rules", &STATIC_RULES)
        .means("rules of routing that are there whoever is master")
        .later("these are not added"),
];
