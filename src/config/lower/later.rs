//! Words whose behaviour ipvsd does not have yet: their values are validated as the
//! reference has them, and land in the model.

use std::collections::hash_map::Entry;

use super::Lower;
use super::kinds::described;
use crate::config::keywords::{GLOBAL_DEFS, TOP_LEVEL};
use crate::config::model::{Script, Setting, SettingValue};
use crate::config::reference::{self, Again, Count, Fate, Kind, Takes, Value};
use crate::config::syntax::{StatementId, Word};

/// Where a setting was said, and where it is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct SaidLater {
    by: StatementId,
    /// Among the settings of its block; of `global_defs`, among those of all such blocks.
    at: usize,
}

impl Lower<'_, '_> {
    /// A statement that the reference has as one that comes later, or never. Of one that
    /// is wrong, what is wrong has been told.
    pub(super) fn later(&mut self, block: &str, known: &'static reference::Word, id: StatementId) {
        let setting = self.setting(block, known, id);
        if matches!(known.fate, Fate::Later(_))
            && let Some(setting) = setting
        {
            self.put(block, known, id, setting);
        }
    }

    /// A word that has had its effect while the files were read: it is right or wrong, and
    /// nothing of it is in the model.
    pub(super) fn worked_off(&mut self, block: &str, id: StatementId) {
        if let Some(known) = reference::word(block, self.ast.keyword(id)) {
            self.setting(block, known, id);
        }
    }

    /// Puts a setting into the block that is being looked at, where it may be already.
    fn put(
        &mut self,
        block: &str,
        known: &'static reference::Word,
        id: StatementId,
        setting: Setting,
    ) {
        if known.again == Again::AddsUp {
            self.later.push(setting);
            return;
        }
        // Of `global_defs` there may be several.
        let parent = self.ast.parent(id);
        let parent = parent.filter(|parent| self.ast.keyword(*parent) != GLOBAL_DEFS);
        let before = match block {
            GLOBAL_DEFS => self.model.global.later.len(),
            _ => 0,
        };
        match self.said_later.entry((parent, known.name)) {
            Entry::Vacant(entry) => {
                let at = before + self.later.len();
                entry.insert(SaidLater { by: id, at });
                self.later.push(setting);
            }
            Entry::Occupied(mut entry) => {
                let said = *entry.get();
                match known.again {
                    Again::FirstCounts => self.repeated_first(said.by, id),
                    Again::LastCounts | Again::AddsUp => {
                        entry.get_mut().by = id;
                        let settings = match said.at.checked_sub(before) {
                            Some(at) => self.later.get_mut(at),
                            None => self.model.global.later.get_mut(said.at),
                        };
                        if let Some(earlier) = settings {
                            *earlier = setting;
                        }
                        self.repeated(said.by, id);
                    }
                }
            }
        }
    }

    fn setting(
        &mut self,
        block: &str,
        known: &'static reference::Word,
        id: StatementId,
    ) -> Option<Setting> {
        let setting = |lower: &Self, values, block| Setting {
            word: known.name.to_owned(),
            values,
            block,
            origin: lower.origin(id),
        };
        match known.takes {
            Takes::Nothing => {
                self.flag(id)?;
                Some(setting(self, Vec::new(), None))
            }
            Takes::Values(values) => {
                let words = self.values(id);
                let values = self.read(id, words, values)?;
                Some(setting(self, values, None))
            }
            Takes::CommandLine => {
                let argv = self.command(id)?;
                let script = Script { argv, user: None };
                Some(setting(self, vec![SettingValue::Command(script)], None))
            }
            Takes::Command | Takes::OptionalCommand if self.empty_command(id) => None,
            Takes::Command => {
                let script = self.command_and_user(id)?;
                Some(setting(self, vec![SettingValue::Command(script)], None))
            }
            Takes::OptionalCommand if self.values(id).is_empty() => {
                Some(setting(self, Vec::new(), None))
            }
            Takes::OptionalCommand => {
                let script = self.command_and_user(id)?;
                Some(setting(self, vec![SettingValue::Command(script)], None))
            }
            Takes::User => {
                let words = self.values(id);
                let user = self.user(id, words)?;
                Some(setting(self, vec![SettingValue::User(user)], None))
            }
            Takes::Block(head) => {
                let words = self.ast.words(id).get(1..).unwrap_or(&[]);
                let head = self.read(id, words, head);
                if !self.has_block(id) {
                    return None;
                }
                let inside = self.inside(&inner(block, known.name), id);
                Some(setting(self, head?, Some(inside?)))
            }
            Takes::Lines(head, line) => {
                let words = self.ast.words(id).get(1..).unwrap_or(&[]);
                let head = self.read(id, words, head);
                if !self.has_block(id) {
                    return None;
                }
                let path = inner(block, known.name);
                let ast = self.ast;
                let lines: Vec<_> = ast.block(id).collect();
                let lines: Vec<_> = lines
                    .into_iter()
                    .map(|id| self.line(&path, id, line))
                    .collect();
                let lines: Option<Vec<_>> = lines.into_iter().collect();
                Some(setting(self, head?, Some(lines?)))
            }
            // What has a grammar of its own is lowered by code of its own.
            Takes::Own(_) => None,
            Takes::List(value) => {
                self.extra_words(id, self.ast.words(id).get(1..).unwrap_or(&[]));
                if !self.has_block(id) {
                    return None;
                }
                let path = inner(block, known.name);
                let ast = self.ast;
                let mut entries = Some(Vec::new());
                for line in ast.block(id) {
                    if ast.has_block(line) {
                        self.stray(&path, line);
                        return None;
                    }
                    for word in ast.words(line) {
                        // What stands in the block is a line each in a dump.
                        let entry = self.one(*word, value).map(|value| Setting {
                            word: String::new(),
                            values: vec![value],
                            block: None,
                            origin: self.origin(line),
                        });
                        entries = entries.zip(entry).map(|(mut entries, entry)| {
                            entries.push(entry);
                            entries
                        });
                    }
                }
                Some(setting(self, Vec::new(), Some(entries?)))
            }
        }
    }

    /// The statements in the block of a word that is not served yet.
    fn inside(&mut self, path: &str, id: StatementId) -> Option<Vec<Setting>> {
        let block = reference::block(path)?;
        let ast = self.ast;
        let before = std::mem::take(&mut self.later);
        let errors = self.diagnostics.errors();
        for id in ast.block(id) {
            match reference::word(block.path, ast.keyword(id)) {
                // All of it comes later: that has been told of the block.
                Some(known) if known.fate != Fate::Gone => {
                    let known = match known.fate {
                        Fate::Older(today) => {
                            self.older(id, today);
                            reference::word(block.path, today).unwrap_or(known)
                        }
                        _ => known,
                    };
                    if let Some(setting) = self.setting(block.path, known, id) {
                        self.put(block.path, known, id, setting);
                    }
                }
                _ => self.other(block.path, id),
            }
        }
        if self.is_whole() {
            for word in block.all().filter(|word| word.needed) {
                if !self.mentions(id, word.name) {
                    self.lacks(id, word.name);
                }
            }
        }
        let inside = std::mem::replace(&mut self.later, before);
        (self.diagnostics.errors() == errors).then_some(inside)
    }

    /// A line that consists of values only.
    fn line(&mut self, path: &str, id: StatementId, values: &[Value]) -> Option<Setting> {
        if self.ast.has_block(id) {
            self.stray(path, id);
            return None;
        }
        let words = self.ast.words(id);
        let values = self.read(id, words, values)?;
        Some(Setting {
            word: String::new(),
            values,
            block: None,
            origin: self.origin(id),
        })
    }

    /// The values of a statement. None where something is wrong with them, which has
    /// been told.
    pub(super) fn read(
        &mut self,
        id: StatementId,
        words: &[Word],
        wanted: &[Value],
    ) -> Option<Vec<SettingValue>> {
        let mut values = Vec::new();
        let mut is_right = true;
        let mut rest = words.iter().copied();
        let (plain, announced): (Vec<Value>, Vec<Value>) =
            wanted.iter().partition(|value| value.behind.is_none());
        let mut plain = plain.into_iter().peekable();
        let mut count = 0;
        let mut is_announced = false;
        while let Some(word) = rest.next() {
            let text = self.text(word);
            if let Some(value) = announced.iter().find(|value| value.behind == Some(text)) {
                is_announced = true;
                values.push(SettingValue::Text(text.to_owned()));
                if value.kind == Kind::Nothing {
                    continue;
                }
                match rest.next() {
                    Some(word) => match self.one(word, *value) {
                        Some(value) => values.push(value),
                        None => is_right = false,
                    },
                    None if value.count == Count::Optional => {}
                    None => {
                        let wanted = format!("{} behind `{text}`", described(value.kind));
                        self.missing_value(id, &wanted);
                        return None;
                    }
                }
            } else if let Some(value) = plain.peek().copied() {
                match self.one(word, value) {
                    Some(value) => values.push(value),
                    None => is_right = false,
                }
                count += 1;
                if matches!(value.count, Count::One | Count::Optional) {
                    plain.next();
                    count = 0;
                }
            } else {
                let extra: Vec<Word> = std::iter::once(word).chain(rest).collect();
                self.extra_words(id, &extra);
                break;
            }
        }
        let missing = plain.find(|value| match value.count {
            Count::One => true,
            // Others may be there already of the first one that is left.
            Count::Many => std::mem::take(&mut count) == 0,
            Count::Optional | Count::Any => false,
        });
        if let Some(missing) = missing {
            let wanted = match missing.name {
                "NAME" if missing.kind == Kind::Text => "a name".to_owned(),
                _ => described(missing.kind),
            };
            self.missing_value(id, &wanted);
            return None;
        }
        let needed = announced.iter().filter(|value| value.count == Count::Many);
        let needed: Vec<String> = needed
            .filter_map(|value| Some(format!("`{} {}`", value.behind?, value.name)))
            .collect();
        if !needed.is_empty() && !is_announced {
            self.missing_value(id, &needed.join(" or "));
            return None;
        }
        is_right.then_some(values)
    }
}

/// The path of a word's own block. One of the top level is known by the word alone.
fn inner(block: &str, word: &str) -> String {
    match block {
        TOP_LEVEL => word.to_owned(),
        _ => format!("{block}/{word}"),
    }
}
