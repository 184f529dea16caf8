//! `vrrp_sync_group`.

use super::notify::NotifyWords;
use super::tracking::TrackingWords;
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{self, TOP_LEVEL, VRRP_INSTANCE, VRRP_SYNC_GROUP};
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said, guess};
use crate::config::model::VrrpSyncGroup;
use crate::config::syntax::{StatementId, Word};
use crate::vrrp::settings::GroupSettings;

/// The block of members.
const GROUP: &str = "vrrp_sync_group/group";

/// What a group's block says.
#[derive(Default)]
struct GroupWords {
    /// Blocks of members, which add up.
    members: Vec<StatementId>,
    tracking: TrackingWords,
    /// Its members may have weights of their own.
    may_weigh: bool,
    notify: NotifyWords,
    smtp_alert: Option<Said<bool>>,
}

impl<'s> Lower<'_, 's> {
    pub(in crate::config::lower) fn vrrp_sync_group(&mut self, id: StatementId) {
        let ast = self.ast;
        let name = self.name(id, "sync group", |named| &mut named.groups);
        if !self.has_block(id) {
            return;
        }
        let around_it = std::mem::take(&mut self.later);
        let mut words = GroupWords::default();
        for id in ast.block(id) {
            match ast.keyword(id) {
                "group" => words.members.push(id),
                "smtp_alert" => {
                    let value = self.switch(id);
                    self.say(&mut words.smtp_alert, id, value);
                }
                "global_tracking" | "sync_group_tracking_weight" => {
                    words.may_weigh = true;
                    self.other(VRRP_SYNC_GROUP, id);
                }
                _ if self.tracking_word(VRRP_SYNC_GROUP, &mut words.tracking, id) => {}
                _ if self.notify_word(&mut words.notify, id) => {}
                _ => self.other(VRRP_SYNC_GROUP, id),
            }
        }
        let later = std::mem::replace(&mut self.later, around_it);
        let errors = self.diagnostics.errors();
        let members = self.members(id, &words.members);
        if members.is_empty() && self.mentions_unknown(id) {
            // Where the instances are to stand has been told.
        } else if members.is_empty() && self.diagnostics.errors() == errors {
            let span = self.span(id);
            self.report(Code::MissingValue, "a sync group without instances")
                .at(span, "there is nobody to be kept together")
                .help("name them in its block: `group { INSTANCE INSTANCE }`");
        } else if members.len() == 1 && self.diagnostics.errors() == errors {
            let span = self.span(id);
            self.report(Code::Advice, "a sync group with one instance")
                .at(span, "there is nobody that it could be kept together with")
                .help("name all instances that are to be master on one director");
        }
        let tracking = self.tracking(&words.tracking, None, None);
        if !words.may_weigh {
            self.weights_of_members(id, &members);
        }
        let notify = self.notify(words.notify);
        let Some(name) = name else { return };
        let group = VrrpSyncGroup {
            settings: GroupSettings {
                name: name.to_owned(),
                members: members.into_iter().map(str::to_owned).collect(),
            },
            notify,
            tracking,
            smtp_alert: said(words.smtp_alert).unwrap_or_else(|| self.alert_defaults.vrrp()),
            origin: self.origin(id),
            later,
        };
        self.model.vrrp_sync_groups.push(group);
    }

    /// `group { INSTANCE ... }`.
    fn members(&mut self, group: StatementId, blocks: &[StatementId]) -> Vec<&'s str> {
        let ast = self.ast;
        let mut members = Vec::new();
        for block in blocks {
            if !self.has_block(*block) {
                continue;
            }
            self.extra_words(*block, ast.words(*block).get(1..).unwrap_or(&[]));
            for line in ast.block(*block) {
                if self.is_stray(line) {
                    self.stray(GROUP, line);
                    continue;
                }
                for word in ast.words(line) {
                    members.extend(self.member(group, *word));
                }
            }
        }
        members
    }

    /// Whether a line cannot be meant to be the name of an instance.
    fn is_stray(&self, line: StatementId) -> bool {
        let word = self.ast.keyword(line);
        let is_known = |block| keywords::known(block, word).is_some();
        let is_instance = self.named.instances.contains_key(word);
        let is_word = [VRRP_SYNC_GROUP, VRRP_INSTANCE, TOP_LEVEL]
            .into_iter()
            .any(is_known);
        self.ast.has_block(line) || is_word && !is_instance
    }

    /// An instance of this name that is in no group yet.
    fn member(&mut self, group: StatementId, word: Word) -> Option<&'s str> {
        let name = self.text(word);
        if !self.named.instances.contains_key(name) {
            self.no_instance(word, name);
            return None;
        }
        let (other, first) = *self.named.members.entry(name).or_insert((group, word));
        if first == word {
            return Some(name);
        }
        let (first, second) = (first.span(), word.span());
        let name = shown(name);
        if other == group {
            self.report(Code::Redundant, format!("`{name}` is named twice"))
                .at(second, "this has no effect")
                .related(first, "it is in the group already");
        } else {
            let message = format!("the instance `{name}` is in two sync groups");
            self.report(Code::Duplicate, message)
                .at(second, "the same again")
                .related(first, "it is in a group here")
                .help("make one group of the two, or remove it from one");
        }
        None
    }

    fn no_instance(&mut self, word: Word, name: &str) {
        let is_worth_it = self.named.instances.len() <= guess::MOST
            && !self.diagnostics.is_full(Code::InvalidValue);
        let candidates = is_worth_it.then(|| self.named.instances.keys().copied());
        let similar = guess::closest(name, candidates.into_iter().flatten());
        let span = word.span();
        let message = format!("there is no `vrrp_instance {}`", shown(name));
        let diagnostic = self.report(Code::InvalidValue, message);
        match similar {
            Some((_, known)) => diagnostic
                .at(span, format!("did you mean `{}`?", shown(known)))
                .replace_with(known),
            None => diagnostic.at(span, "expected the name of an instance of this file"),
        }
        .help("a sync group is of no use without all its instances: add it, or remove the name");
    }
}
