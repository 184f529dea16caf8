//! `global_defs`: how processes are scheduled and kept in memory.

use std::collections::HashSet;
use std::time::Duration;

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::model::ProcessOptions;
use crate::config::syntax::StatementId;

const VRRP_LIMIT: &str = "vrrp_rlimit_rttime";
const CHECKER_LIMIT: &str = "checker_rlimit_rttime";
/// The real-time priorities of Linux (sched(7)).
const REALTIME: std::ops::RangeInclusive<i64> = 1..=99;
/// The largest number of a processor, in a mask of 8192 (CONFIG_NR_CPUS).
const MOST_PROCESSOR: u32 = 8_191;
/// `min_auto_priority_delay`, in microseconds (keepalived.conf(5)).
const AUTO_DELAY: std::ops::RangeInclusive<u32> = 1..=10_000_000;

/// Whose process a word is about.
#[derive(Clone, Copy, Debug)]
enum Of {
    Vrrp,
    Checker,
}

impl Lower<'_, '_> {
    /// Whether this is a word about a process, or about all of them.
    pub(super) fn global_process(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vrrp_priority" => self.nice(Of::Vrrp, "vrrp_priority", id),
            "checker_priority" => self.nice(Of::Checker, "checker_priority", id),
            "vrrp_rt_priority" => self.realtime(Of::Vrrp, "vrrp_rt_priority", id),
            "checker_rt_priority" => self.realtime(Of::Checker, "checker_rt_priority", id),
            "vrrp_rlimit_rttime" => self.realtime_limit(Of::Vrrp, VRRP_LIMIT, id),
            "vrrp_rlimit_rtime" => {
                self.older(id, VRRP_LIMIT);
                self.realtime_limit(Of::Vrrp, VRRP_LIMIT, id);
            }
            "checker_rlimit_rttime" => self.realtime_limit(Of::Checker, CHECKER_LIMIT, id),
            "checker_rlimit_rtime" => {
                self.older(id, CHECKER_LIMIT);
                self.realtime_limit(Of::Checker, CHECKER_LIMIT, id);
            }
            "vrrp_no_swap" => {
                self.said_once("vrrp_no_swap", id);
                self.flag(id);
                self.process(Of::Vrrp).no_swap = true;
            }
            "checker_no_swap" => {
                self.said_once("checker_no_swap", id);
                self.flag(id);
                self.process(Of::Checker).no_swap = true;
            }
            "vrrp_cpu_affinity" => {
                self.said_once("vrrp_cpu_affinity", id);
                self.processors(Of::Vrrp, id);
            }
            "checker_cpu_affinity" => {
                self.said_once("checker_cpu_affinity", id);
                self.processors(Of::Checker, id);
            }
            "max_auto_priority" => {
                self.said_once("max_auto_priority", id);
                if let Some(most) = self.most_auto(id) {
                    self.model.global.auto_priority.most = most;
                }
            }
            "min_auto_priority_delay" => {
                self.said_once("min_auto_priority_delay", id);
                if let Some(word) = self.value(id, "a number of microseconds")
                    && let Some(delay) = self.number(word, AUTO_DELAY)
                {
                    self.model.global.auto_priority.from = Duration::from_micros(delay.into());
                }
            }
            _ => return false,
        }
        true
    }

    fn process(&mut self, of: Of) -> &mut ProcessOptions {
        let global = &mut self.model.global;
        match of {
            Of::Vrrp => &mut global.vrrp_process,
            Of::Checker => &mut global.checker_process,
        }
    }

    /// `…_priority NUMBER`.
    fn nice(&mut self, of: Of, word: &'static str, id: StatementId) {
        self.said_once(word, id);
        if let Some(word) = self.value(id, "a number from -20 to 19")
            && let Some(nice) = self.integer(word, -20, 19)
        {
            self.process(of).nice = Some(nice as i8);
        }
    }

    /// `…_rt_priority NUMBER`.
    fn realtime(&mut self, of: Of, word: &'static str, id: StatementId) {
        self.said_once(word, id);
        if let Some(word) = self.value(id, "a number from 1 to 99")
            && let Some(priority) = self.clamped(word, *REALTIME.start(), *REALTIME.end())
        {
            self.process(of).realtime = Some(priority as u8);
        }
    }

    /// `…_rlimit_rttime MICROSECONDS`.
    fn realtime_limit(&mut self, of: Of, word: &'static str, id: StatementId) {
        self.said_once(word, id);
        if let Some(word) = self.value(id, "a number of microseconds")
            && let Some(limit) = self.number(word, 1..=u32::MAX)
        {
            let limit = Duration::from_micros(limit.into());
            self.process(of).realtime_limit = Some(limit);
        }
    }

    /// `…_cpu_affinity NUMBER ...`. Whether they are there is for those to say who know
    /// the host.
    fn processors(&mut self, of: Of, id: StatementId) {
        let words = self.values(id);
        if words.is_empty() {
            self.missing_value(id, "the number of a processor");
            return;
        }
        let mut seen = HashSet::new();
        let mut processors = Vec::new();
        for word in words {
            let Some(number) = self.number(*word, 0..=MOST_PROCESSOR) else {
                continue;
            };
            let number = number as u16;
            if seen.insert(number) {
                processors.push(number);
            }
        }
        self.process(of).processors = processors;
    }

    /// `max_auto_priority [NUMBER]`: without one, the highest; -1 is none, as 0.
    fn most_auto(&mut self, id: StatementId) -> Option<u8> {
        let highest = *REALTIME.end();
        let Some(word) = self.optional_value(id) else {
            return Some(highest as u8);
        };
        let number = self.integer(word, -1, highest)?;
        Some(number.max(0) as u8)
    }

    /// Words about real-time scheduling that nothing asks for.
    pub(super) fn unused_realtime_limit(&mut self) {
        let global = &self.model.global;
        let of_vrrp = global.vrrp_process.realtime.is_some() || global.auto_priority.most > 0;
        let of_checker = global.checker_process.realtime.is_some();
        let help = "add `vrrp_rt_priority` or `max_auto_priority`, or remove it";
        self.unused_limit(VRRP_LIMIT, of_vrrp, help);
        let help = "add `checker_rt_priority`, or remove it";
        self.unused_limit(CHECKER_LIMIT, of_checker, help);
    }

    fn unused_limit(&mut self, word: &'static str, is_used: bool, help: &str) {
        let Some(by) = self.first.get(word).copied() else {
            return;
        };
        if is_used {
            return;
        }
        let span = self.span(by);
        let word = self.ast.keyword(by);
        self.report(
            Code::NoEffect,
            format!("`{word}` without real-time scheduling"),
        )
        .at(span, "this has no effect")
        .help(help);
    }
}
