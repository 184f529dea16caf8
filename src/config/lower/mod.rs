//! Statements to [`Model`]: what the words mean. All diagnostics about meaning arise
//! here, and only here is a keyword known by more than its name.

mod blocks;
mod check_values;
mod checks;
mod globals;
mod guess;
mod ipvs;
mod kinds;
mod later;
mod mail;
mod method;
mod misplaced;
mod overlaps;
mod process;
mod real_server;
mod routing;
mod script;
mod server;
mod server_group;
mod servers_across;
mod service_flags;
mod time;
mod timing;
mod timing_doubts;
mod trackers;
mod unknown;
mod unserved_checks;
mod value;
mod virtual_doubts;
mod virtual_identity;
mod virtual_server;
mod vrrp;

use std::collections::HashMap;

use super::diagnostic::{Code, Collector, Diagnostic, shown};
use super::key_file::KeyFile;
use super::keywords::{GARP_GROUP, GLOBAL_DEFS, TOP_LEVEL, VRRP_SYNC_GROUP};
use super::model::{Model, Origin, Script, ScriptId, Setting};
use super::source::Span;
use super::syntax::{Ast, StatementId, Word};
use crate::lvs::ServiceKey;
use ipvs::{InstanceSync, WrittenSync};
use later::SaidLater;
use mail::AlertDefaults;
use overlaps::Claims;
use routing::Owner;
use server_group::Groups;
use servers_across::Across;
use trackers::Trackers;
use vrrp::{Defaults, Named};

/// What the statements mean.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    /// Of use only if there were no errors.
    pub model: Model,
    /// A word stands in a block that should have ended before it.
    pub misplaced: bool,
    /// Files that keys of the model are still to be read from.
    pub key_files: Vec<KeyFile>,
}

/// What the statements mean, without looking at any file.
pub(super) fn lower(ast: &Ast<'_>, diagnostics: &mut Collector) -> Lowered {
    let mut lower = Lower {
        ast,
        diagnostics,
        model: Model::default(),
        scripts: HashMap::new(),
        services: HashMap::new(),
        claims: Claims::default(),
        groups: Groups::default(),
        names_absent_group: false,
        across: Across::default(),
        first: HashMap::new(),
        alert_defaults: AlertDefaults::default(),
        vrrp_defaults: Defaults::default(),
        named: Named::default(),
        sync: None,
        instance_sync: None,
        last_block: None,
        orphan_of: None,
        block_explained: false,
        misplaced: false,
        key_files: Vec::new(),
        later: Vec::new(),
        said_later: HashMap::new(),
        trackers: Trackers::default(),
    };
    lower.file();
    lower.model.later = lower.later;
    Lowered {
        model: lower.model,
        misplaced: lower.misplaced,
        key_files: lower.key_files,
    }
}

/// The state of lowering one configuration.
struct Lower<'a, 's> {
    ast: &'a Ast<'s>,
    diagnostics: &'a mut Collector,
    model: Model,
    /// Numbers of the scripts in the model.
    scripts: HashMap<Script, ScriptId>,
    /// Where each virtual server was first said.
    services: HashMap<ServiceKey, StatementId>,
    /// What virtual servers by group are for.
    claims: Claims,
    /// Groups of addresses by their names.
    groups: Groups<'s>,
    /// A virtual server names a group that is not there.
    names_absent_group: bool,
    /// What servers and checks say that is to be compared with other blocks.
    across: Across,
    /// Where global words were first said, which may be in several blocks.
    first: HashMap<&'static str, StatementId>,
    /// What `global_defs` says of mail where a block says nothing.
    alert_defaults: AlertDefaults,
    /// What `global_defs` says of instances that say nothing themselves.
    vrrp_defaults: Defaults,
    /// Instances and sync groups by their names.
    named: Named<'s>,
    /// `lvs_sync_daemon`
    sync: Option<Said<WrittenSync>>,
    /// `lvs_sync_daemon_interface`
    instance_sync: Option<Said<InstanceSync>>,
    /// The latest block of the top level that means something.
    last_block: Option<StatementId>,
    /// The block after which words of its kind have been told to stand outside.
    orphan_of: Option<StatementId>,
    /// A missing brace has been told by a word that shows where it is missing.
    block_explained: bool,
    /// A word stands in a block that should have ended before it.
    misplaced: bool,
    /// Files that keys of the model are still to be read from.
    key_files: Vec<KeyFile>,
    /// Settings of the block that is being looked at which nothing acts on yet.
    later: Vec<Setting>,
    /// Where such settings were said, by the block that they stand in.
    said_later: HashMap<(Option<StatementId>, &'static str), SaidLater>,
    /// What is defined to be watched.
    trackers: Trackers<'s>,
}

impl<'s> Lower<'_, 's> {
    fn file(&mut self) {
        self.hide_secrets();
        self.unclosed_blocks();
        let ast = self.ast;
        // First, because what they say holds for blocks before them, too.
        for id in ast.top_level() {
            if ast.keyword(id) == GLOBAL_DEFS {
                self.global_defs(id);
            }
        }
        for id in ast.top_level() {
            if ast.keyword(id) == "virtual_server_group" {
                self.virtual_server_group(id);
            }
        }
        self.mail_without_server();
        self.unused_realtime_limit();
        let mut empty = true;
        for id in ast.top_level() {
            empty = false;
            match ast.keyword(id) {
                GLOBAL_DEFS | "virtual_server_group" => {}
                "virtual_server" => self.virtual_server(id),
                "vrrp_instance" => self.vrrp_instance(id),
                GARP_GROUP => self.garp_group(id),
                "static_ipaddress" => self.static_addresses(id),
                "static_routes" => {
                    self.told_not_served(TOP_LEVEL, id);
                    let routes = self.routes("static_routes", id, Owner::Static);
                    self.model.static_routes.extend(routes);
                }
                "static_rules" => {
                    self.told_not_served(TOP_LEVEL, id);
                    let rules = self.rules("static_rules", id, Owner::Static);
                    self.model.static_rules.extend(rules);
                }
                // Later: its instances may come after it.
                "vrrp_sync_group" => {}
                word => {
                    let kept = self.later.len();
                    let counts =
                        trackers::Kind::defined_by(word).is_none_or(|kind| self.tracker(kind, id));
                    self.other(TOP_LEVEL, id);
                    if !counts {
                        self.later.truncate(kept);
                    }
                    continue;
                }
            }
            self.last_block = Some(id);
        }
        for id in ast.top_level() {
            if ast.keyword(id) == VRRP_SYNC_GROUP {
                self.vrrp_sync_group(id);
            }
        }
        self.synchronisation();
        self.unused_interfaces();
        self.unused_groups();
        self.overlaps();
        self.servers_across();
        self.tracked();
        self.unexplained_blocks();
        if empty && self.diagnostics.errors() == 0 {
            let message = format!("{}: there is nothing in this file", ast.file_name());
            self.report(Code::Empty, message).help(
                "blanks, comments and files that are not there say nothing that could be run",
            );
        }
    }

    /// The number of a script in the model.
    fn script(&mut self, script: Script) -> ScriptId {
        if let Some(id) = self.scripts.get(&script) {
            return *id;
        }
        let id = ScriptId(self.model.scripts.len() as u32);
        self.model.scripts.push(script.clone());
        self.scripts.insert(script, id);
        id
    }

    fn origin(&self, id: StatementId) -> Origin {
        let (source, line) = self.ast.line(id);
        Origin {
            file: self.ast.file_number(source),
            line,
        }
    }

    fn text(&self, word: Word) -> &'s str {
        self.ast.text(word)
    }

    fn span(&self, id: StatementId) -> Span {
        self.ast.span(id)
    }

    /// The place of the first word.
    fn keyword_span(&self, id: StatementId) -> Span {
        match self.ast.words(id) {
            [keyword, ..] => keyword.span(),
            [] => self.ast.span(id),
        }
    }

    fn report(&mut self, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.report(code, message)
    }
}

/// A value and the statement that says it, for settings that may be said once.
#[derive(Clone, Copy, Debug)]
struct Said<T> {
    value: T,
    by: StatementId,
}

impl<'s> Lower<'_, 's> {
    /// Puts down a setting. Of several the last one counts, as with keepalived.
    fn say<T>(&mut self, slot: &mut Option<Said<T>>, by: StatementId, value: Option<T>) {
        let Some(value) = value else { return };
        if let Some(earlier) = slot {
            self.repeated(earlier.by, by);
        }
        *slot = Some(Said { value, by });
    }

    /// As [`repeated`](Self::repeated), of a word where the first one counts.
    fn repeated_first(&mut self, earlier: StatementId, later: StatementId) {
        if self.is_alike(earlier, later) {
            return self.repeated(earlier, later);
        }
        let (first, second) = (self.span(earlier), self.span(later));
        let word = shown(self.ast.keyword(later));
        self.report(Code::Repeated, format!("`{word}` is said twice"))
            .at(second, "this one does not count")
            .related(first, "this one does, as with keepalived");
    }

    /// Two statements say the same, word by word.
    fn is_alike(&self, one: StatementId, other: StatementId) -> bool {
        let ast = self.ast;
        let words = |id| ast.words(id).iter().map(|word| ast.text(*word));
        !ast.has_block(one) && !ast.has_block(other) && words(one).eq(words(other))
    }

    fn repeated(&mut self, earlier: StatementId, later: StatementId) {
        let (first, second) = (self.span(earlier), self.span(later));
        let word = shown(self.ast.keyword(later));
        let message = format!("`{word}` is said twice");
        if self.is_alike(earlier, later) {
            self.report(Code::Redundant, message)
                .at(second, "the same again")
                .related(first, "first here");
            return;
        }
        self.report(Code::Repeated, message)
            .at(second, "this one counts")
            .related(first, "this one does not");
    }
}
