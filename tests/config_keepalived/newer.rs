//! Which words keepalived 2.2.7 does not know.

use std::collections::BTreeSet;
use std::path::Path;

use ipvsd::config::reference::BLOCKS;

use crate::generated::left_out::NEWER;
use crate::{complaints, keepalived, sentences};

#[test]
fn words_that_this_keepalived_does_not_know() {
    let program = keepalived();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_keepalived_newer");
    std::fs::create_dir_all(&folder).expect("a folder below target");
    let file = folder.join("word.conf");
    let mut unknown = BTreeSet::new();
    for block in BLOCKS {
        for word in block.all() {
            let parts = sentences::parts(block.path, word);
            let statement = sentences::statement(block.path, word, &parts);
            let sentence = sentences::within(block.path, &statement);
            std::fs::write(&file, &sentence.text).expect("a file below target");
            let name = format!("'{}'", word.name);
            let is_unknown =
                |line: &String| line.contains("nknown keyword") && line.contains(&name);
            if complaints(&program, &file).iter().any(is_unknown) {
                unknown.insert((block.path, word.name));
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    let listed = NEWER.iter().flat_map(|(block, words)| {
        let words = words.iter().copied();
        words.map(move |word| (*block, word))
    });
    assert_eq!(
        unknown,
        listed.collect(),
        "the list of words that are newer"
    );
}
