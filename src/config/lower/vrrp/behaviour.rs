//! How an instance behaves towards others, what strict mode makes of that, and what
//! `global_defs` says where the instance does not.

use crate::config::diagnostic::Code;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::InstanceSettings;
use crate::vrrp::types::Priority;

/// The priority of the best of the other routers where `timer_expired_backup` names none:
/// the highest that is not the owner's.
const HIGHEST_OF_OTHERS: Priority = Priority(254);

/// What a block says about behaviour: an instance's, or `global_defs`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BehaviourWords {
    strict: Option<Said<bool>>,
    down_timer_adverts: Option<Said<u8>>,
    skip_check_adv_addr: Option<Said<bool>>,
    lower_prio_no_advert: Option<Said<bool>>,
    higher_prio_send_advert: Option<Said<bool>>,
    owner_ignore_adverts: Option<Said<bool>>,
    timer_expired_backup: Option<Said<Priority>>,
}

impl Lower<'_, '_> {
    /// Whether this is a word of an instance about behaviour.
    pub(super) fn behaviour_word(&mut self, words: &mut BehaviourWords, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "strict_mode" => {
                let value = self.switch(id);
                self.say(&mut words.strict, id, value);
            }
            "down_timer_adverts" => {
                let value = self.adverts(id);
                self.say(&mut words.down_timer_adverts, id, value);
            }
            "skip_check_adv_addr" => {
                let value = self.switch(id);
                self.say(&mut words.skip_check_adv_addr, id, value);
            }
            "lower_prio_no_advert" => {
                let value = self.switch(id);
                self.say(&mut words.lower_prio_no_advert, id, value);
            }
            "higher_prio_send_advert" => {
                let value = self.switch(id);
                self.say(&mut words.higher_prio_send_advert, id, value);
            }
            "owner_ignore_adverts" => {
                let value = self.switch(id);
                self.say(&mut words.owner_ignore_adverts, id, value);
            }
            "timer_expired_backup" => self.timer_expired_backup(words, id),
            "thread_timer_expired" => {
                self.older(id, "timer_expired_backup");
                self.timer_expired_backup(words, id);
            }
            _ => return false,
        }
        true
    }

    /// Whether this is a word of `global_defs` about behaviour.
    pub(super) fn global_behaviour(&mut self, id: StatementId) -> bool {
        let mut words = self.vrrp_defaults.behaviour;
        match self.ast.keyword(id) {
            "vrrp_strict" => {
                let value = self.flag(id);
                self.say(&mut words.strict, id, value);
            }
            "vrrp_down_timer_adverts" => {
                let value = self.adverts(id);
                self.say(&mut words.down_timer_adverts, id, value);
            }
            "vrrp_skip_check_adv_addr" => {
                let value = self.flag(id);
                self.say(&mut words.skip_check_adv_addr, id, value);
            }
            "vrrp_lower_prio_no_advert" => {
                let value = self.switch(id);
                self.say(&mut words.lower_prio_no_advert, id, value);
            }
            "vrrp_higher_prio_send_advert" => {
                let value = self.switch(id);
                self.say(&mut words.higher_prio_send_advert, id, value);
            }
            "vrrp_owner_ignore_adverts" => {
                let value = self.switch(id);
                self.say(&mut words.owner_ignore_adverts, id, value);
            }
            _ => return false,
        }
        self.vrrp_defaults.behaviour = words;
        true
    }

    /// `down_timer_adverts NUMBER`.
    fn adverts(&mut self, id: StatementId) -> Option<u8> {
        let word = self.value(id, "a number of adverts")?;
        self.number(word, 1..=100).map(|number| number as u8)
    }

    /// `timer_expired_backup [PRIORITY]`.
    fn timer_expired_backup(&mut self, words: &mut BehaviourWords, id: StatementId) {
        let value = match self.optional_value(id) {
            None => Some(HIGHEST_OF_OTHERS),
            Some(word) => {
                let number = self.number(word, 1..=255);
                number.map(|number| Priority(number as u8))
            }
        };
        self.say(&mut words.timer_expired_backup, id, value);
    }

    /// Where strict mode is switched on for an instance, if it is.
    pub(super) fn strict(&self, words: &BehaviourWords) -> Option<StatementId> {
        let said = words.strict.or(self.vrrp_defaults.behaviour.strict)?;
        said.value.then_some(said.by)
    }

    /// A word that strict mode does not allow, and what becomes of it.
    pub(super) fn not_strict(&mut self, by: StatementId, strict: StatementId, instead: &str) {
        let (span, strict) = (self.span(by), self.span(strict));
        let word = self.ast.keyword(by);
        let message = format!("`{word}` does not go together with strict mode");
        self.report(Code::NoEffect, message)
            .at(span, format!("this has no effect: {instead}"))
            .related(strict, "because of this")
            .help("remove one of the two");
    }

    /// Puts what the words of a block come to into the settings, which have everything
    /// else already.
    pub(super) fn behave(
        &mut self,
        settings: &mut InstanceSettings,
        words: &BehaviourWords,
        strict: Option<StatementId>,
    ) {
        let global = self.vrrp_defaults.behaviour;
        settings.strict = strict.is_some();
        settings.skip_check_adv_addr =
            said(words.skip_check_adv_addr.or(global.skip_check_adv_addr)).unwrap_or(false);
        settings.down_timer_adverts = said(words.down_timer_adverts.or(global.down_timer_adverts))
            .unwrap_or(InstanceSettings::DOWN_TIMER_ADVERTS);
        settings.lower_prio_no_advert =
            said(words.lower_prio_no_advert.or(global.lower_prio_no_advert)).unwrap_or(false);
        // Unset is on: see `InstanceSettings::new`.
        settings.higher_prio_send_advert = said(
            words
                .higher_prio_send_advert
                .or(global.higher_prio_send_advert),
        )
        .unwrap_or(settings.higher_prio_send_advert);
        settings.owner_ignore_adverts =
            said(words.owner_ignore_adverts.or(global.owner_ignore_adverts)).unwrap_or(false);
        settings.timer_expired_backup = said(words.timer_expired_backup);
        if let Some(said) = words.timer_expired_backup
            && settings.preempt
        {
            let span = self.span(said.by);
            let word = self.ast.keyword(said.by);
            self.report(Code::NoEffect, format!("`{word}` without `nopreempt`"))
                .at(
                    span,
                    "this has no effect: who is better takes over in any case",
                )
                .help("add `nopreempt`, or remove it");
            settings.timer_expired_backup = None;
        }
        if let Some(strict) = strict {
            self.behave_strictly(settings, words, strict);
        }
    }

    /// What strict mode does not leave to the words. What `global_defs` says is overruled
    /// without a word: it may be for the other instances.
    fn behave_strictly(
        &mut self,
        settings: &mut InstanceSettings,
        words: &BehaviourWords,
        strict: StatementId,
    ) {
        let standard = InstanceSettings::DOWN_TIMER_ADVERTS;
        if let Some(said) = words.down_timer_adverts.filter(|it| it.value != standard) {
            self.not_strict(said.by, strict, "a master is missed after 3 adverts");
        }
        if let Some(said) = words.lower_prio_no_advert.filter(|it| !it.value) {
            let instead = "a master does not answer adverts of lower priority";
            self.not_strict(said.by, strict, instead);
        }
        if let Some(said) = words.higher_prio_send_advert.filter(|it| it.value) {
            let instead = "a master that gives way sends no more adverts";
            self.not_strict(said.by, strict, instead);
        }
        settings.down_timer_adverts = standard;
        settings.lower_prio_no_advert = true;
        settings.higher_prio_send_advert = false;
        if settings.priority == Priority::OWNER {
            settings.owner_ignore_adverts = true;
        } else {
            self.answers_though_strict(strict);
        }
    }

    /// Strict mode without `accept` drops what comes to the virtual addresses.
    fn answers_though_strict(&mut self, strict: StatementId) {
        let span = self.span(strict);
        let global = self.vrrp_defaults.behaviour.strict.map(|said| said.by);
        let told = "vrrp_strict's no_accept";
        if global == Some(strict) && self.first.insert(told, strict).is_some() {
            return;
        }
        let subject = "strict mode's no_accept";
        if self.diagnostics.fold(Code::NotServed, subject, span) {
            return;
        }
        let message = "`no_accept`, which strict mode implies, is not served yet";
        self.diagnostics
            .report_first(Code::NotServed, subject, message)
            .at(
                span,
                "the master answers at its virtual addresses all the same",
            )
            .help("everything else that strict mode implies holds");
    }
}
