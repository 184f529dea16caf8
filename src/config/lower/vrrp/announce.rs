//! How a master makes its addresses known: words of an instance, and the same of
//! `global_defs` for those that say nothing.

use std::time::Duration;

use crate::config::diagnostic::Code;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::Announcements;

/// The time between rounds, in seconds, as keepalived takes it.
const DELAY: std::ops::RangeInclusive<u32> = 0..=4_294;
/// The frames of a round for one address. More would keep the link from everything else.
const MOST_REPEATS: u32 = 1_000;
/// The longest time between announcements on other interfaces, in seconds
/// (keepalived.conf(5)).
const LONGEST_EXTRA: u32 = 86_400;

/// What a block says about announcements.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnnounceWords {
    delay: Option<Said<Duration>>,
    repeat: Option<Said<u32>>,
    lower_prio_delay: Option<Said<Duration>>,
    lower_prio_repeat: Option<Said<u32>>,
    refresh: Option<Said<Duration>>,
    refresh_repeat: Option<Said<u32>>,
    extra: Option<Said<Extra>>,
    /// `vrrp_min_garp`, which is global.
    minimal: Option<Said<bool>>,
}

/// `garp_extra_if`.
#[derive(Clone, Copy, Debug)]
struct Extra {
    every: Duration,
    all: bool,
}

impl Lower<'_, '_> {
    /// Whether `name`, which is the word of the statement or what it is called today, is
    /// about announcements.
    pub(super) fn announce_word(
        &mut self,
        words: &mut AnnounceWords,
        name: &str,
        id: StatementId,
    ) -> bool {
        match name {
            "garp_master_delay" => {
                let value = self.announcement_delay(id);
                self.say(&mut words.delay, id, value);
            }
            "garp_master_repeat" => {
                let value = self.announcement_repeat(id);
                self.say(&mut words.repeat, id, value);
            }
            "garp_lower_prio_delay" => {
                let value = self.announcement_delay(id);
                self.say(&mut words.lower_prio_delay, id, value);
            }
            "garp_lower_prio_repeat" => {
                let word = self.value(id, "a number");
                let value = word.and_then(|word| self.number(word, 0..=MOST_REPEATS));
                self.say(&mut words.lower_prio_repeat, id, value);
            }
            "garp_master_refresh" => {
                let word = self.value(id, "a number of seconds");
                let value = word.and_then(|word| self.whole_seconds(word, 0..=u32::MAX));
                let value = value.map(|seconds| Duration::from_secs(seconds.into()));
                self.say(&mut words.refresh, id, value);
            }
            "garp_master_refresh_repeat" => {
                let value = self.announcement_repeat(id);
                self.say(&mut words.refresh_repeat, id, value);
            }
            "garp_extra_if" => {
                let value = self.extra(id);
                self.say(&mut words.extra, id, value);
            }
            _ => return false,
        }
        true
    }

    /// Whether this is a word of an instance about announcements.
    pub(super) fn instance_announce(&mut self, words: &mut AnnounceWords, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vmac_garp_intvl" => {
                self.older(id, "garp_extra_if");
                self.announce_word(words, "garp_extra_if", id)
            }
            name => self.announce_word(words, name, id),
        }
    }

    /// Whether this is a word of `global_defs` about announcements.
    pub(super) fn global_announce(&mut self, id: StatementId) -> bool {
        let mut words = self.vrrp_defaults.announce;
        let known = match self.ast.keyword(id) {
            "vrrp_min_garp" => {
                let value = self.switch(id);
                self.say(&mut words.minimal, id, value);
                true
            }
            "vrrp_vmac_garp_intvl" => {
                self.older(id, "vrrp_garp_extra_if");
                self.announce_word(&mut words, "garp_extra_if", id)
            }
            word => match word.strip_prefix("vrrp_") {
                Some(name) => self.announce_word(&mut words, name, id),
                None => false,
            },
        };
        self.vrrp_defaults.announce = words;
        known
    }

    /// `garp_master_delay SECONDS`, where 0 is no second round.
    fn announcement_delay(&mut self, id: StatementId) -> Option<Duration> {
        let word = self.value(id, "a number of seconds")?;
        let seconds = self.whole_seconds(word, DELAY)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// `garp_master_repeat NUMBER`.
    fn announcement_repeat(&mut self, id: StatementId) -> Option<u32> {
        let word = self.value(id, "a number")?;
        if self.text(word) != "0" {
            return self.number(word, 1..=MOST_REPEATS);
        }
        let span = word.span();
        self.report(
            Code::ValueAdjusted,
            "a master has to announce its addresses",
        )
        .at(span, "1 is used, as by keepalived");
        Some(1)
    }

    /// `garp_extra_if [all] SECONDS`, where 0 is never.
    fn extra(&mut self, id: StatementId) -> Option<Extra> {
        let words = self.values(id);
        let (all, words) = match words.split_first() {
            Some((first, rest)) if self.text(*first) == "all" => (true, rest),
            _ => (false, words),
        };
        let Some((word, rest)) = words.split_first() else {
            self.missing_value(id, "a number of seconds");
            return None;
        };
        self.extra_words(id, rest);
        let seconds = self.whole_seconds(*word, 0..=LONGEST_EXTRA)?;
        if !all && seconds > 0 {
            let span = self.span(id);
            let keyword = self.ast.keyword(id);
            let message = format!("`{keyword}` without `all` is for virtual MAC interfaces");
            self.report(Code::NoEffect, message)
                .at(span, "this has no effect: there are none yet")
                .help(format!(
                    "for other interfaces, write `{keyword} all {seconds}`"
                ));
        }
        Some(Extra {
            every: Duration::from_secs(seconds.into()),
            all,
        })
    }

    /// What the words of a block come to, with what is inherited.
    pub(super) fn announcements(
        &mut self,
        words: &AnnounceWords,
        strict: Option<StatementId>,
    ) -> Announcements {
        let global = self.vrrp_defaults.announce;
        let mut defaults = Announcements::default();
        if said(global.minimal) == Some(true) {
            // One frame for each address, and nothing later.
            defaults.delay = Duration::ZERO;
            defaults.repeat = 1;
            defaults.lower_prio_delay = Duration::ZERO;
            defaults.lower_prio_repeat = 1;
        }
        let extra = said(words.extra.or(global.extra));
        let mut announcements = Announcements {
            delay: said(words.delay.or(global.delay)).unwrap_or(defaults.delay),
            repeat: said(words.repeat.or(global.repeat)).unwrap_or(defaults.repeat),
            // Not from the instance's own `garp_master_delay`: keepalived.conf(5).
            lower_prio_delay: said(
                words
                    .lower_prio_delay
                    .or(global.lower_prio_delay)
                    .or(global.delay),
            )
            .unwrap_or(defaults.lower_prio_delay),
            lower_prio_repeat: said(
                words
                    .lower_prio_repeat
                    .or(global.lower_prio_repeat)
                    .or(global.repeat),
            )
            .unwrap_or(defaults.lower_prio_repeat),
            refresh: said(words.refresh.or(global.refresh)).unwrap_or(defaults.refresh),
            refresh_repeat: said(words.refresh_repeat.or(global.refresh_repeat))
                .unwrap_or(defaults.refresh_repeat),
            extra_interfaces: extra.map_or(Duration::ZERO, |extra| extra.every),
            extra_all: extra.is_some_and(|extra| extra.all && !extra.every.is_zero()),
        };
        if let Some(strict) = strict {
            let repeat = words.lower_prio_repeat.filter(|said| said.value > 0);
            let delay = words.lower_prio_delay.filter(|said| !said.value.is_zero());
            let loud = repeat.map(|said| said.by).into_iter();
            for by in loud.chain(delay.map(|said| said.by)) {
                let instead = "adverts of lower priority are no reason to announce addresses";
                self.not_strict(by, strict, instead);
            }
            announcements.lower_prio_repeat = 0;
            announcements.lower_prio_delay = Duration::ZERO;
        }
        announcements
    }
}
