//! `global_defs`.

use super::{Block, Kind, Word, one};

pub const GLOBAL_DEFS: Block = Block {
    path: "global_defs",
    about: "What holds for all of ipvsd.",
    words: &[GENERAL],
};

const GENERAL: &[Word] = &[
    Word::values("router_id", &[one("NAME", Kind::Text)])
        .default("the host's name")
        .means("the name of this director in messages"),
    Word::values("checker_priority", &[one("NICE", Kind::Integer(-20, 19))])
        .default("0")
        .means("the nice value of the checker process")
        .later("the checker process has the nice value of ipvsd"),
    Word::flag("snmp_socket")
        .never("there is no AgentX library for Rust; the metrics have the same figures"),
];
