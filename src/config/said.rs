//! What a configuration says itself, so that a dump can tell it from what is there by
//! default.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::keywords::{GARP_GROUP, GLOBAL_DEFS};
use super::model::Origin;
use super::reference::{BLOCKS, Fate};
use super::syntax::{Ast, StatementId};

/// Words of the same meaning, and the one that dumps have.
const SAME: [(&str, &str); 2] = [("lb_algo", "lvs_sched"), ("lb_kind", "lvs_method")];

/// No block that the model knows the place of is any deeper.
const DEEPEST: usize = 8;

/// Words that are said, by the block that says them.
#[derive(Debug, Default)]
pub struct Said {
    /// By file and line of the block. Blocks that begin on one line share their words.
    blocks: HashMap<(u16, u32), HashSet<String>>,
    /// Of `global_defs` and the `garp_group`s.
    global: HashSet<String>,
}

/// A block whose words are looked for.
#[derive(Clone, Copy, Debug)]
pub enum Sayer {
    /// `global_defs` and the blocks at the top level that have no [`Origin`].
    Global,
    Block(Origin),
}

impl Said {
    pub(super) fn by(ast: &Ast<'_>) -> Self {
        let mut said = Said::default();
        let mut groups = 0;
        for id in ast.top_level() {
            match ast.keyword(id) {
                GLOBAL_DEFS => collect(ast, id, "", 0, &mut said.global),
                GARP_GROUP => {
                    let prefix = format!("{GARP_GROUP}{groups}/");
                    collect(ast, id, &prefix, 0, &mut said.global);
                    groups += 1;
                }
                _ if ast.has_block(id) => said.block(ast, id, 0),
                _ => {}
            }
        }
        said
    }

    fn block(&mut self, ast: &Ast<'_>, id: StatementId, depth: usize) {
        let (source, line) = ast.line(id);
        let words = self
            .blocks
            .entry((ast.file_number(source), line))
            .or_default();
        collect(ast, id, "", depth, words);
        if depth < DEEPEST {
            let inner = ast.block(id).filter(|inner| ast.has_block(*inner));
            inner.for_each(|inner| self.block(ast, inner, depth + 1));
        }
    }

    /// Whether a block says a word. A word of a block inside it has that one's name and
    /// number among those of its name before it: `url1/path`.
    pub fn says(&self, sayer: Sayer, word: &str) -> bool {
        match sayer {
            Sayer::Global => self.global.contains(word),
            Sayer::Block(Origin { file, line }) => {
                let words = self.blocks.get(&(file, line));
                words.is_some_and(|words| words.contains(word))
            }
        }
    }
}

/// The words of a block, and of blocks in it that the model does not know the place of.
fn collect(
    ast: &Ast<'_>,
    id: StatementId,
    prefix: &str,
    depth: usize,
    words: &mut HashSet<String>,
) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for inner in ast.block(id) {
        let word = today(ast.keyword(inner));
        words.insert(format!("{prefix}{word}"));
        if ast.has_block(inner) && !has_origin(word) && depth < DEEPEST {
            let number = numbers.entry(word).or_default();
            let prefix = format!("{prefix}{word}{number}/");
            collect(ast, inner, &prefix, depth + 1, words);
            *number += 1;
        }
    }
}

/// Real servers and their checks, which are written in capitals.
fn has_origin(word: &str) -> bool {
    word == "real_server" || word.starts_with(|first: char| first.is_ascii_uppercase())
}

/// What a word is called in a dump.
fn today(word: &str) -> &str {
    static OLDER: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        let words = BLOCKS.iter().flat_map(|block| block.all());
        let older = words.filter_map(|word| match word.fate {
            Fate::Older(today) => Some((word.name, today)),
            _ => None,
        });
        older.chain(SAME).collect()
    });
    OLDER.get(word).copied().unwrap_or(word)
}
