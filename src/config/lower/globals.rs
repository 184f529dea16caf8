//! `global_defs`.

use std::time::Duration;

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::keywords::GLOBAL_DEFS;
use crate::config::model::UserSpec;
use crate::config::syntax::{StatementId, Word};

/// The limits of `lvs_audit_interval`, in seconds.
const AUDIT_INTERVAL: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The limits of `notify_timeout`, in seconds.
const NOTIFY_TIMEOUT: std::ops::RangeInclusive<u32> = 1..=86_400;

impl Lower<'_, '_> {
    pub(super) fn global_defs(&mut self, block: StatementId) {
        let ast = self.ast;
        if !self.has_block(block) {
            return;
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        let around_it = std::mem::take(&mut self.later);
        for id in ast.block(block) {
            match ast.keyword(id) {
                "router_id" => self.router_id(id),
                "lvs_id" => {
                    self.older(id, "router_id");
                    self.router_id(id);
                }
                "script_user" => self.script_user(id),
                "enable_script_security" => {
                    let words = self.values(id);
                    self.extra_words(id, words);
                    self.model.global.enable_script_security = true;
                }
                "lvs_audit_interval" => self.audit_interval(id),
                "notify_timeout" => self.notify_timeout(id),
                "rs_init_notifies" => {
                    self.said_once("rs_init_notifies", id);
                    if self.flag(id).is_some() {
                        self.model.global.rs_init_notifies = true;
                    }
                }
                "reload_check_config" => self.reload_check_config(id),
                _ if self.global_mail(id)
                    || self.global_vrrp(id)
                    || self.global_process(id)
                    || self.global_ipvs(id) => {}
                "include_check" | "random_seed" => self.worked_off(GLOBAL_DEFS, id),
                _ => self.other(GLOBAL_DEFS, id),
            }
        }
        let later = std::mem::replace(&mut self.later, around_it);
        self.model.global.later.extend(later);
    }

    fn router_id(&mut self, id: StatementId) {
        self.said_once("router_id", id);
        if let Some(word) = self.value(id, "a name") {
            if self.text(word).is_empty() {
                let span = word.span();
                self.report(Code::Advice, "an empty `router_id`")
                    .at(span, "messages have no name in them")
                    .help("remove the line, and it is the host's name");
            }
            self.model.global.router_id = Some(self.text(word).to_owned());
        }
    }

    /// `script_user USER [GROUP]`.
    fn script_user(&mut self, id: StatementId) {
        self.said_once("script_user", id);
        let words = self.values(id);
        if let Some(user) = self.user(id, words) {
            self.model.global.script_user = Some(user);
        }
    }

    /// `USER [GROUP]`. Whether they exist is for those to say who know the host.
    pub(super) fn user(&mut self, id: StatementId, words: &[Word]) -> Option<UserSpec> {
        let Some((user, group)) = words.split_first() else {
            self.missing_value(id, "a user");
            return None;
        };
        self.extra_words(id, group.get(1..).unwrap_or(&[]));
        Some(UserSpec {
            user: self.text(*user).to_owned(),
            group: group.first().map(|group| self.text(*group).to_owned()),
        })
    }

    /// `lvs_audit_interval SECONDS`.
    fn audit_interval(&mut self, id: StatementId) {
        self.said_once("lvs_audit_interval", id);
        if let Some(word) = self.value(id, "a number of seconds")
            && let Some(seconds) = self.whole_seconds(word, AUDIT_INTERVAL)
        {
            self.model.global.audit_interval = Duration::from_secs(seconds.into());
        }
    }

    /// `notify_timeout SECONDS`.
    fn notify_timeout(&mut self, id: StatementId) {
        self.said_once("notify_timeout", id);
        if let Some(word) = self.value(id, "a number of seconds")
            && let Some(seconds) = self.whole_seconds(word, NOTIFY_TIMEOUT)
        {
            self.model.global.notify_timeout = Duration::from_secs(seconds.into());
        }
    }

    /// `reload_check_config [FILE]`: what ipvsd does in any case.
    fn reload_check_config(&mut self, id: StatementId) {
        self.said_once("reload_check_config", id);
        if let Some(word) = self.optional_value(id) {
            let span = word.span();
            self.report(
                Code::NoEffect,
                "no file is written when a reload is refused",
            )
            .at(span, "this has no effect")
            .help("what is wrong goes to the log, and `ipvsd check` tells it beforehand");
        }
    }

    /// For settings that may be in several blocks.
    pub(super) fn said_once(&mut self, setting: &'static str, id: StatementId) {
        if let Some(earlier) = self.first.insert(setting, id) {
            self.repeated(earlier, id);
        }
    }
}
