//! Lines of a dump, and the marks behind what the file does not say itself.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use crate::config::said::{Said, Sayer};

/// Words of `global_defs` that instances go by, where it is not their own name behind
/// `vrrp_`.
const OF_INSTANCES: [(&str, &str); 6] = [
    ("mcast_dst_ip", "vrrp_mcast_group4"),
    ("mcast_dst_ip", "vrrp_mcast_group6"),
    ("strict_mode", "vrrp_strict"),
    ("v3_checksum_as_v2", "v3_checksum_as_v2"),
    ("smtp_alert", "smtp_alert_vrrp"),
    ("smtp_alert", "smtp_alert"),
];

/// The same for virtual servers and real servers.
const OF_SERVERS: [&str; 2] = ["smtp_alert_checker", "smtp_alert"];

/// Lines, indented by the depth of the blocks.
pub(super) struct Text<'a> {
    pub(super) out: String,
    depth: usize,
    /// None for a dump without marks.
    said: Option<&'a Said>,
    /// The blocks that are open and have a place of their own, the innermost last.
    scopes: Vec<Scope>,
}

/// A block that is open.
struct Scope {
    name: &'static str,
    sayer: Sayer,
    /// What the words of the block in it begin with that is being written.
    prefix: String,
    /// How many blocks of a name there have been in it.
    numbers: HashMap<String, usize>,
}

impl<'a> Text<'a> {
    pub(super) fn new(said: Option<&'a Said>) -> Self {
        Text {
            out: String::new(),
            depth: 0,
            said,
            scopes: Vec::new(),
        }
    }

    pub(super) fn line(&mut self, line: impl Display) {
        let indent = self.depth * 4;
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{:indent$}{line}", "");
    }

    /// A word and its value.
    pub(super) fn say(&mut self, word: &str, value: impl Display) {
        match self.mark(word) {
            Some(mark) => self.line(format_args!("{word} {value}  # {mark}")),
            None => self.line(format_args!("{word} {value}")),
        }
    }

    pub(super) fn some(&mut self, word: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.say(word, value);
        }
    }

    pub(super) fn flag(&mut self, word: &str, is_set: bool) {
        if !is_set {
            return;
        }
        match self.mark(word) {
            Some(mark) => self.line(format_args!("{word}  # {mark}")),
            None => self.line(word),
        }
    }

    /// A block within that of [`scope`](Self::scope).
    pub(super) fn block(&mut self, head: impl Display, inside: impl FnOnce(&mut Self)) {
        let head = head.to_string();
        let mut outer = None;
        if let Some(scope) = self.scopes.last_mut() {
            let name = head.split(' ').next().unwrap_or_default();
            let path = format!("{}{name}", scope.prefix);
            let number = scope.numbers.entry(path.clone()).or_default();
            let prefix = format!("{path}{number}/");
            *number += 1;
            outer = Some(std::mem::replace(&mut scope.prefix, prefix));
        }
        self.braces(&head, inside);
        if let (Some(outer), Some(scope)) = (outer, self.scopes.last_mut()) {
            scope.prefix = outer;
        }
    }

    /// A block that has its place in the file.
    pub(super) fn scope(
        &mut self,
        head: impl Display,
        name: &'static str,
        sayer: Sayer,
        inside: impl FnOnce(&mut Self),
    ) {
        self.numbered_scope(head, name, sayer, String::new(), inside);
    }

    /// One of several blocks of a sayer, whose words begin with `prefix`.
    pub(super) fn numbered_scope(
        &mut self,
        head: impl Display,
        name: &'static str,
        sayer: Sayer,
        prefix: String,
        inside: impl FnOnce(&mut Self),
    ) {
        self.scopes.push(Scope {
            name,
            sayer,
            prefix,
            numbers: HashMap::new(),
        });
        self.braces(&head, inside);
        self.scopes.pop();
    }

    fn braces(&mut self, head: impl Display, inside: impl FnOnce(&mut Self)) {
        self.line(format_args!("{head} {{"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    /// Where a word comes from that the innermost block does not say.
    fn mark(&self, word: &str) -> Option<String> {
        let said = self.said?;
        let (scope, around) = self.scopes.split_last()?;
        if said.says(scope.sayer, &format!("{}{word}", scope.prefix)) {
            return None;
        }
        let outer = around
            .iter()
            .rev()
            .find(|outer| said.says(outer.sayer, word));
        if let Some(outer) = outer.filter(|_| scope.prefix.is_empty()) {
            return Some(format!("from {}", outer.name));
        }
        let global = |word: &str| said.says(Sayer::Global, word);
        let from_global = match scope.name {
            "vrrp_instance" | "vrrp_sync_group" => {
                let named = OF_INSTANCES.iter().filter(|(own, _)| *own == word);
                // `vrrp_priority` is about a process.
                let of_all = word != "priority" && global(&format!("vrrp_{word}"));
                of_all || named.into_iter().any(|(_, of)| global(of))
            }
            "virtual_server" | "real_server" => {
                word == "smtp_alert" && OF_SERVERS.into_iter().any(global)
            }
            _ => false,
        };
        match from_global {
            true => Some("from global_defs".to_owned()),
            false => Some("default".to_owned()),
        }
    }
}
