//! Whether the other tests would notice if what keeps the table were wrong: each fault of
//! `mutations.txt` is put into a copy of it, and the copy's tests have to fail.

use std::path::Path;

use crate::mutants::{Mutants, read, root, sources, without_lines};

/// A package of nothing but the reconciler and the keeper with their tests. What stands on
/// half of the configuration is left out.
fn mutants() -> Mutants {
    let mut files = [sources("src/lvs"), sources("tests/reconcile")].concat();
    let modules = ["advice", "named", "pool"];
    files.retain(|(path, _)| {
        let mut modules = modules.iter();
        !modules.any(|module| {
            let folder = Path::new("src/lvs").join(module);
            path.starts_with(&folder) || *path == folder.with_extension("rs")
        })
    });
    let lines = modules.map(|module| format!("pub mod {module};"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    without_lines(&mut files, "src/lvs/mod.rs", &lines);
    // These would begin again from here.
    let left_out = [
        "#[path = \"../mutants/mod.rs\"]",
        "mod mutants;",
        "mod mutations;",
    ];
    without_lines(&mut files, "tests/reconcile/main.rs", &left_out);
    for path in ["Cargo.lock", "src/family.rs", "src/moment.rs"] {
        files.push((path.into(), read(&root().join(path))));
    }
    files.push(("src/lib.rs".into(), LIBRARY.into()));
    files.push(("Cargo.toml".into(), MANIFEST.into()));
    Mutants {
        name: "table-mutants",
        records: include_str!("mutations.txt"),
        files,
        targets: &[&["--test", "reconcile"]],
        // A case is found, and need not be made small.
        environment: &[
            ("PROPTEST_CASES", "100"),
            ("PROPTEST_MAX_SHRINK_ITERS", "0"),
            // The same cases each time: who is caught once is caught always.
            ("PROPTEST_RNG_SEED", "1"),
        ],
    }
}

const LIBRARY: &str = "pub mod family;\npub mod lvs;\npub mod moment;\n";

const MANIFEST: &str = r#"[package]
name = "ipvsd"
version = "0.1.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
indexmap = { version = "2", features = ["serde"] }
libc = "0.2"
serde = { version = "1", features = ["derive", "rc"] }
thiserror = "2"

[dev-dependencies]
proptest = { version = "1", default-features = false, features = ["std"] }

[profile.dev]
debug = false
incremental = true

[[test]]
name = "reconcile"
path = "tests/reconcile/main.rs"
"#;

#[test]
fn every_mutation_has_its_place() {
    mutants().assert_all_have_their_place();
}

#[test]
fn mutations_are_caught() {
    mutants().assert_all_are_caught(20);
}
