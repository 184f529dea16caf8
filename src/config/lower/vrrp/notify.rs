//! The scripts of instances and sync groups.

use crate::config::diagnostic::{Code, shown};
use crate::config::lower::{Lower, Said};
use crate::config::model::{Notify, Script, ScriptId};
use crate::config::syntax::StatementId;

/// What a block says about scripts.
#[derive(Default)]
pub(super) struct NotifyWords {
    master: Option<Said<Script>>,
    backup: Option<Said<Script>>,
    fault: Option<Said<Script>>,
    stop: Option<Said<Script>>,
    /// An instance's only.
    lower_priority: Option<Said<Script>>,
    any: Option<Said<Script>>,
}

impl Lower<'_, '_> {
    /// Whether this is a word about a script.
    pub(super) fn notify_word(&mut self, words: &mut NotifyWords, id: StatementId) -> bool {
        let slot = match self.ast.keyword(id) {
            "notify_master" => &mut words.master,
            "notify_backup" => &mut words.backup,
            "notify_fault" => &mut words.fault,
            "notify_stop" => &mut words.stop,
            "notify" => &mut words.any,
            _ => return false,
        };
        self.one_script(slot, id);
        true
    }

    /// `notify_master_rx_lower_pri COMMAND [USER [GROUP]]`.
    pub(super) fn notify_lower_priority(&mut self, words: &mut NotifyWords, id: StatementId) {
        self.one_script(&mut words.lower_priority, id);
    }

    /// `COMMAND [USER [GROUP]]`, of which there is one.
    pub(in crate::config::lower) fn one_script(
        &mut self,
        slot: &mut Option<Said<Script>>,
        id: StatementId,
    ) {
        if self.empty_command(id) {
            return;
        }
        let script = self.command_and_user(id);
        match (&slot, script) {
            (Some(first), _) => self.second_script(first.by, id),
            (None, Some(value)) => *slot = Some(Said { value, by: id }),
            (None, None) => {}
        }
    }

    /// With keepalived, it is the first one that counts here.
    fn second_script(&mut self, first: StatementId, second: StatementId) {
        let word = shown(self.ast.keyword(second));
        let (first, second) = (self.span(first), self.span(second));
        self.report(Code::Repeated, format!("`{word}` is said twice"))
            .at(second, "this one does not count")
            .related(first, "this one does")
            .help("one script can run both");
    }

    /// The number of a script that is said.
    pub(in crate::config::lower) fn numbered(
        &mut self,
        said: Option<Said<Script>>,
    ) -> Option<ScriptId> {
        said.map(|said| self.script(said.value))
    }

    /// The scripts by their numbers.
    pub(super) fn notify(&mut self, words: NotifyWords) -> Notify {
        let mut number = |said| self.numbered(said);
        Notify {
            master: number(words.master),
            backup: number(words.backup),
            fault: number(words.fault),
            stop: number(words.stop),
            master_rx_lower_pri: number(words.lower_priority),
            any: number(words.any),
        }
    }
}
