//! `garp_group`, and what `global_defs` says of the time between announcements.

use std::collections::HashSet;
use std::time::Duration;

use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{self, GARP_GROUP};
use crate::config::lower::time::LONGEST_TIMEOUT;
use crate::config::lower::timing::said;
use crate::config::lower::{Lower, Said};
use crate::config::source::Span;
use crate::config::syntax::{StatementId, Word};
use crate::vrrp::settings::{Pace, PacingGroup};

/// The block of interfaces.
const INTERFACES: &str = "garp_group/interfaces";

/// What a group's block says.
#[derive(Default)]
struct GroupWords {
    arp: Option<Said<Duration>>,
    na: Option<Said<Duration>>,
    interfaces: Vec<Word>,
    /// Some interface was wrong, which has been told.
    wrong: bool,
}

impl<'s> Lower<'_, 's> {
    /// Whether this is a word of `global_defs` about the time between announcements.
    pub(super) fn global_pace(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vrrp_garp_interval" => {
                self.said_once("vrrp_garp_interval", id);
                if let Some(time) = self.pace(id) {
                    self.model.global.vrrp.pacing.each.arp = time;
                }
            }
            "vrrp_gna_interval" => {
                self.said_once("vrrp_gna_interval", id);
                if let Some(time) = self.pace(id) {
                    self.model.global.vrrp.pacing.each.na = time;
                }
            }
            _ => return false,
        }
        true
    }

    /// `garp_interval SECONDS`. 0, which stands in many files, is none; keepalived
    /// refuses it, to the same effect.
    fn pace(&mut self, id: StatementId) -> Option<Duration> {
        let word = self.value(id, "a time in seconds")?;
        self.seconds(word, Duration::ZERO..=LONGEST_TIMEOUT)
    }

    /// `garp_group { ... }`.
    pub(in crate::config::lower) fn garp_group(&mut self, block: StatementId) {
        let ast = self.ast;
        if !self.has_block(block) {
            return;
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        let mut words = GroupWords::default();
        for id in ast.block(block) {
            match ast.keyword(id) {
                "garp_interval" => {
                    let value = self.pace(id);
                    self.say(&mut words.arp, id, value);
                }
                "gna_interval" => {
                    let value = self.pace(id);
                    self.say(&mut words.na, id, value);
                }
                "interface" => {
                    let word = self.value(id, "the name of an interface");
                    words.interfaces.extend(word);
                    words.wrong |= word.is_none();
                }
                "interfaces" => self.interfaces(&mut words, id),
                _ => self.other(GARP_GROUP, id),
            }
        }
        self.paced(block, words);
    }

    /// `interfaces { NAME ... }`.
    fn interfaces(&mut self, words: &mut GroupWords, block: StatementId) {
        let ast = self.ast;
        if !ast.has_block(block) {
            words.wrong = true;
            self.interfaces_without_block(block);
            return;
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        for line in ast.block(block) {
            if ast.has_block(line) || keywords::known(GARP_GROUP, ast.keyword(line)).is_some() {
                self.stray(INTERFACES, line);
                words.wrong = true;
            } else {
                words.interfaces.extend(ast.words(line));
            }
        }
    }

    /// `interfaces NAME ...`, which is nearly right.
    fn interfaces_without_block(&mut self, id: StatementId) {
        let names = self.ast.words(id).get(1..).unwrap_or(&[]);
        let names: Vec<_> = names.iter().map(|word| shown(self.text(*word))).collect();
        let span = self.span(id);
        let diagnostic = self.report(Code::MissingBlock, "`interfaces` has no block");
        diagnostic.at(span, "its names stand in a block");
        match names.as_slice() {
            [] => diagnostic.help("write `interfaces { NAME NAME }`, or `interface NAME` for one"),
            [one] => diagnostic
                .help("for one interface, the word is `interface`")
                .replace_with(format!("interface {one}")),
            [one, ..] => {
                let all = names.join(" ");
                diagnostic.help(format!(
                    "write `interfaces {{ {all} }}`, or `interface {one}` and so on, a line each"
                ))
            }
        };
    }

    /// What the words of a group come to.
    fn paced(&mut self, block: StatementId, words: GroupWords) {
        let mut interfaces = Vec::new();
        let mut wrong = words.wrong;
        for word in words.interfaces {
            match self.interface_name(word) {
                Some(name) => {
                    let own = self.in_no_other(name, word);
                    wrong |= own.is_none();
                    interfaces.extend(own);
                }
                None => wrong = true,
            }
        }
        let pace = Pace {
            arp: said(words.arp).unwrap_or_default(),
            na: said(words.na).unwrap_or_default(),
        };
        let message = match (interfaces.is_empty(), pace == Pace::default()) {
            (true, _) if !wrong => "a `garp_group` without interfaces",
            (false, true) => "a `garp_group` without a time between announcements",
            _ => "",
        };
        if !message.is_empty() {
            let span = self.keyword_span(block);
            self.report(Code::NoEffect, message)
                .at(span, "this has no effect")
                .help(
                    "it takes `garp_interval` or `gna_interval`, and `interface` or `interfaces`",
                );
        } else if !interfaces.is_empty() {
            let groups = &mut self.model.global.vrrp.pacing.groups;
            groups.push(PacingGroup { interfaces, pace });
        }
    }

    /// An interface is in one group; the first counts, as with keepalived.
    fn in_no_other(&mut self, name: &'s str, word: Word) -> Option<String> {
        let first = *self.named.paced.entry(name).or_insert(word);
        if first == word {
            return Some(name.to_owned());
        }
        let (first, second) = (first.span(), word.span());
        let message = format!("`{}` is in a `garp_group` already", shown(name));
        self.report(Code::NoEffect, message)
            .at(second, "this has no effect")
            .related(first, "it is here");
        None
    }

    /// Interfaces of groups that nothing is announced on: perhaps their names are
    /// misspelt.
    pub(in crate::config::lower) fn unused_interfaces(&mut self) {
        if !self.is_whole() || self.model.vrrp_instances.is_empty() {
            return;
        }
        let used = self.model.interfaces.iter();
        let used: HashSet<&str> = used.map(|used| used.interface.as_str()).collect();
        let paced = self.named.paced.iter();
        let unused = paced.filter(|(name, _)| !used.contains(*name));
        let mut unused: Vec<(&str, Span)> =
            unused.map(|(name, word)| (*name, word.span())).collect();
        unused.sort_by_key(|(_, span)| (span.source, span.start));
        for (name, span) in unused {
            let message = format!("no instance uses `{}`", shown(name));
            self.report(Code::Doubtful, message)
                .at(span, "nothing is announced on this interface");
        }
    }
}
