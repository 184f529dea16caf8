//! The corpus of the fuzzers (docs/testing.md), through the same functions.

#[path = "../fuzz/properties/lib.rs"]
mod properties;

use std::path::Path;

/// Every kept input of a fuzzer.
fn go_through(fuzzer: &str, property: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(corpus.join(fuzzer)).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let octets = std::fs::read(&path).expect("a file");
        println!("{}", path.display());
        property(&octets);
        count += 1;
    }
    assert!(count >= 12, "{fuzzer}: nothing is left of its corpus");
}

#[test]
fn decoder() {
    go_through("decoder", properties::decoder);
}

#[test]
fn round_trip() {
    go_through("round_trip", properties::round_trip);
}

#[test]
fn router() {
    go_through("router", properties::router);
}
