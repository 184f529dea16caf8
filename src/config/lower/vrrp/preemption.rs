//! Whether an instance takes over from a lower master, and in which state it begins.

use std::time::Duration;

use super::instance::InstanceWords;
use super::settled::Context;
use crate::config::diagnostic::Code;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::types::{Priority, State};

impl Lower<'_, '_> {
    /// `priority`. Where nothing is said, whoever begins as MASTER is taken for the owner of
    /// the addresses, which nobody takes them from (seen with keepalived 2.2.7).
    pub(super) fn priority(&mut self, block: StatementId, words: &InstanceWords<'_>) -> Priority {
        if let Some(said) = words.priority {
            return said.value;
        }
        let Some(state) = words.state.filter(|state| state.value == State::Master) else {
            return Priority::DEFAULT;
        };
        if self.mentions(block, "priority") {
            return Priority::OWNER;
        }
        let span = self.span(state.by);
        self.report(Code::DefaultAssumed, "`state MASTER` without `priority`")
            .at(span, "`priority 255` is used, as by keepalived")
            .help(
                "write the priority: 255 is for the owner of the addresses, others have 1 to 254",
            );
        Priority::OWNER
    }

    /// `state`, which in strict mode is MASTER for the owner of the addresses only.
    pub(super) fn state_to_begin_with(
        &mut self,
        words: &InstanceWords<'_>,
        context: &Context,
    ) -> Option<Said<State>> {
        let state = words.state?;
        let Some(strict) = context.strict else {
            return Some(state);
        };
        let as_master = state.value == State::Master;
        if as_master == (context.priority == Priority::OWNER) {
            return Some(state);
        }
        let (span, by) = (self.span(state.by), self.span(strict));
        let (code, message, label, help) = match as_master {
            true => (
                Code::NoEffect,
                "in strict mode, MASTER is for the owner of the addresses",
                "this has no effect: it begins as BACKUP",
                "write `state BACKUP`, or `priority 255` for the owner of the addresses",
            ),
            false => (
                Code::Doubtful,
                "in strict mode, the owner of the addresses is MASTER at once",
                "this has no effect: it does not wait as a BACKUP",
                "remove it, or write `state MASTER`",
            ),
        };
        self.report(code, message)
            .at(span, label)
            .related(by, "because of this")
            .help(help);
        Some(Said {
            value: State::Backup,
            by: state.by,
        })
    }

    /// Whether the instance takes over from a lower master, and how long it waits.
    pub(super) fn preemption(
        &mut self,
        words: &InstanceWords<'_>,
        state: Option<Said<State>>,
        context: &Context,
    ) -> (bool, Duration) {
        let priority = context.priority;
        let as_master = state.filter(|state| state.value == State::Master);
        let mut nopreempt = words.preempt.filter(|preempt| !preempt.value);
        if let (Some(said), Some(state)) = (nopreempt, as_master) {
            let (span, state) = (self.span(said.by), self.span(state.by));
            self.report(
                Code::NoEffect,
                "`nopreempt` does not go together with `state MASTER`",
            )
            .at(
                span,
                "this has no effect: this director takes over from any of lower priority",
            )
            .related(state, "because of this")
            .help("write `state BACKUP`: alone, it becomes master all the same");
            nopreempt = None;
        } else if let Some(said) = nopreempt
            && priority == Priority::OWNER
        {
            let span = self.span(said.by);
            self.report(
                Code::NoEffect,
                "`nopreempt` does not go together with `priority 255`",
            )
            .at(
                span,
                "this has no effect: the owner of the addresses always takes over",
            )
            .help("write `priority 254`");
            nopreempt = None;
        }
        let mut delay = words.preempt_delay.filter(|delay| !delay.value.is_zero());
        let as_owner = words.priority.filter(|said| said.value == Priority::OWNER);
        let in_the_way = context.strict.map(|by| (by, "strict mode"));
        let in_the_way = in_the_way.or(nopreempt.map(|said| (said.by, "nopreempt")));
        let in_the_way = in_the_way.or(as_master.map(|said| (said.by, "state MASTER")));
        let in_the_way = in_the_way.or(as_owner.map(|said| (said.by, "priority 255")));
        if let (Some(said), Some((by, word))) = (delay, in_the_way) {
            let (span, by) = (self.span(said.by), self.span(by));
            let help = match word {
                "strict mode" => "remove one of the two",
                "nopreempt" => {
                    "remove one of the two: `preempt_delay` takes over later, `nopreempt` never"
                }
                "priority 255" => "write `priority 254`: the owner of the addresses never waits",
                _ => "write `state BACKUP`: alone, it becomes master all the same",
            };
            let word = match word {
                "strict mode" => word.to_owned(),
                _ => format!("`{word}`"),
            };
            self.report(
                Code::NoEffect,
                format!("`preempt_delay` does not go together with {word}"),
            )
            .at(span, "this has no effect")
            .related(by, "because of this")
            .help(help);
            delay = None;
        }
        (nopreempt.is_none(), said(delay).unwrap_or_default())
    }
}
