//! The corpus of the fuzzers that read configurations (docs/testing.md), through the same
//! functions.

#[path = "fuzz/properties/reading.rs"]
mod reading;

use std::path::Path;

/// Every kept input of a fuzzer.
fn go_through(fuzzer: &str, property: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(corpus.join(fuzzer)).expect("a corpus") {
        let path = entry.expect("an entry").path();
        // What goes wrong says where.
        println!("{}", path.display());
        property(&std::fs::read(&path).expect("an input"));
        count += 1;
    }
    assert!(count >= 12, "{fuzzer}: nothing is left of its corpus");
}

#[test]
fn expansion() {
    go_through("expansion", reading::expansion);
}

#[test]
fn parser() {
    go_through("parser", reading::parser);
}

#[test]
fn lowering() {
    go_through("lowering", reading::lowering);
}
