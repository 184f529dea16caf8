//! Whether the other tests would notice if the state machine were wrong: each fault of
//! `mutations.txt` is put into a copy of it, and the copy's tests have to fail.

use crate::mutants::{Mutants, read, root, sources, without_lines};

/// A package of nothing but the VRRP core and its tests.
fn mutants() -> Mutants {
    let mut files = [sources("src/vrrp"), sources("tests/vrrp")].concat();
    // These want more crates or files, or would begin again from here.
    let left_out = [
        "mod captured;",
        "mod corpus;",
        "#[path = \"../mutants/mod.rs\"]",
        "mod mutants;",
        "mod mutations;",
        "mod packets;",
        "mod pcap;",
    ];
    without_lines(&mut files, "tests/vrrp/main.rs", &left_out);
    for path in ["Cargo.lock", "src/family.rs", "src/moment.rs"] {
        files.push((path.into(), read(&root().join(path))));
    }
    let library = "pub mod family;\npub mod moment;\npub mod vrrp;\n";
    files.push(("src/lib.rs".into(), library.into()));
    files.push(("Cargo.toml".into(), MANIFEST.into()));
    Mutants {
        name: "mutants",
        records: include_str!("mutations.txt"),
        files,
        targets: &[&["--test", "vrrp"]],
        // Seeds of the simulation that each has to survive.
        environment: &[("IPVSD_SEEDS", "300")],
    }
}

const MANIFEST: &str = r#"[package]
name = "ipvsd"
version = "0.1.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
hmac = "0.13"
md-5 = "0.11"
serde = { version = "1", features = ["derive"] }
sha2 = { version = "0.11", default-features = false }
thiserror = "2"

[profile.dev]
debug = false
incremental = true

[[test]]
name = "vrrp"
path = "tests/vrrp/main.rs"
"#;

#[test]
fn every_mutation_has_its_place() {
    mutants().assert_all_have_their_place();
}

#[test]
fn mutations_are_caught() {
    mutants().assert_all_are_caught(25);
}
