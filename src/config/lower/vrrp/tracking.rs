//! `track_interface`, `track_script`, `track_file`, `track_process` and `track_bfd`: what
//! an instance or a sync group watches.

use std::collections::HashMap;

use crate::config::diagnostic::{Code, shown};
use crate::config::keywords;
use crate::config::lower::{Lower, Said};
use crate::config::model::tracking::{Tracked, Tracking};
use crate::config::syntax::{StatementId, Word};

/// The greatest weight in either direction: beyond it, nobody could be outweighed.
const MOST: i64 = 253;
/// keepalived.conf(5): where what is read may be negative, one more.
const MOST_OF_VALUES: i64 = 254;

/// What is watched by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Watch {
    Interface,
    Script,
    File,
    Process,
    Bfd,
}

/// What a block says about tracking: a line each.
pub(super) type TrackingWords = Vec<(Watch, Said<Tracked>, Word)>;

impl<'s> Lower<'_, 's> {
    /// Whether this is a word about tracking.
    pub(super) fn tracking_word(
        &mut self,
        block: &'static str,
        words: &mut TrackingWords,
        id: StatementId,
    ) -> bool {
        let watch = match self.ast.keyword(id) {
            "track_interface" => Watch::Interface,
            "track_script" => Watch::Script,
            "track_file" => Watch::File,
            "track_process" => Watch::Process,
            "track_bfd" => Watch::Bfd,
            _ => return false,
        };
        self.told_not_served(block, id);
        if !self.has_block(id) {
            return true;
        }
        let ast = self.ast;
        self.extra_words(id, ast.words(id).get(1..).unwrap_or(&[]));
        for line in ast.block(id) {
            let is_word = !keywords::blocks(ast.keyword(line)).is_empty();
            if ast.has_block(line) || is_word {
                // What follows would stand in a wrong block for the same reason.
                self.stray(path(watch), line);
                break;
            } else if let Some((tracked, word)) = self.tracked_line(watch, line) {
                let said = Said {
                    value: tracked,
                    by: line,
                };
                words.push((watch, said, word));
            }
        }
        true
    }

    /// `NAME [weight NUMBER [reverse|noreverse]]`.
    fn tracked_line(&mut self, watch: Watch, line: StatementId) -> Option<(Tracked, Word)> {
        let (word, rest) = self.ast.words(line).split_first()?;
        let name = match watch {
            Watch::Interface => self.interface_name(*word)?,
            _ => self.text(*word),
        };
        if name.is_empty() {
            self.invalid(*word, "a name");
            return None;
        }
        let mut tracked = Tracked {
            name: name.to_owned(),
            weight: None,
            is_reversed: None,
            origin: self.origin(line),
        };
        let mut rest = rest.iter().copied();
        while let Some(option) = rest.next() {
            match self.text(option) {
                "weight" => {
                    let value = self.option_value(option, &mut rest)?;
                    tracked.weight = Some(self.tracking_weight(watch, value)?);
                }
                "reverse" => tracked.is_reversed = Some(true),
                "noreverse" | "no_reverse" => tracked.is_reversed = Some(false),
                _ => {
                    let diagnostic = self.invalid(option, "a word about a weight");
                    diagnostic.help("they are `weight NUMBER`, `reverse` and `noreverse`");
                    diagnostic.help("everything that is watched stands on a line of its own");
                    return None;
                }
            }
        }
        Some((tracked, *word))
    }

    /// A weight; what keepalived cuts by one is cut here, too.
    fn tracking_weight(&mut self, watch: Watch, word: Word) -> Option<i16> {
        if matches!(watch, Watch::File | Watch::Process) {
            let weight = self.integer(word, -MOST_OF_VALUES, MOST_OF_VALUES)?;
            return Some(weight as i16);
        }
        let is_cut = |weight: &i64| weight.abs() == MOST_OF_VALUES;
        if let Some(weight) = self.text(word).parse().ok().filter(is_cut) {
            let span = word.span();
            let used = weight.clamp(-MOST, MOST);
            self.report(Code::ValueAdjusted, "a weight is -253 to 253")
                .at(span, format!("{used} is used, as by keepalived"));
            return Some(used as i16);
        }
        Some(self.integer(word, -MOST, MOST)? as i16)
    }

    /// What the lines of a block come to. `own` is the interface that is watched in any
    /// case, `owner` what makes an instance the owner of its addresses.
    pub(super) fn tracking(
        &mut self,
        words: &TrackingWords,
        own: Option<&str>,
        owner: Option<StatementId>,
    ) -> Tracking {
        let mut tracking = Tracking::default();
        let mut seen = HashMap::new();
        for (watch, said, word) in words {
            let tracked = &said.value;
            let span = word.span();
            let name = shown(&tracked.name);
            if let Some(first) = seen.insert((*watch, &tracked.name), word.span()) {
                self.report(Code::NoEffect, format!("`{name}` is there twice"))
                    .at(span, "this has no effect")
                    .related(first, "first here");
                seen.insert((*watch, &tracked.name), first);
                continue;
            }
            if *watch == Watch::Interface && own == Some(&*tracked.name) {
                let message = format!("`{name}` is the instance's own interface");
                self.report(Code::Redundant, message)
                    .at(span, "this has no effect: it is watched in any case")
                    .help("remove it; `dont_track_primary` is what leaves it unwatched");
                continue;
            }
            if let Some(owner) = owner
                && tracked.weight.is_some_and(|weight| weight != 0)
            {
                let by = self.span(owner);
                self.report(Code::NoEffect, "the owner of the addresses has no weights")
                    .at(span, "this has no effect: its priority is always 255")
                    .related(by, "because of this")
                    .help("without a weight, it is in FAULT when this fails");
                continue;
            }
            match watch {
                Watch::Interface => &mut tracking.interfaces,
                Watch::Script => &mut tracking.scripts,
                Watch::File => &mut tracking.files,
                Watch::Process => &mut tracking.processes,
                Watch::Bfd => &mut tracking.bfds,
            }
            .push(tracked.clone());
        }
        tracking
    }

    /// Notes where an instance says the weight of an interface, which its sync group may not
    /// allow.
    pub(super) fn weighted(&mut self, name: &'s str, words: &TrackingWords) {
        let weight = words
            .iter()
            .filter(|(watch, ..)| *watch == Watch::Interface)
            .find(|(_, said, _)| said.value.weight.is_some_and(|weight| weight != 0));
        if let Some((_, said, _)) = weight {
            self.named.weighted.entry(name).or_insert(said.by);
        }
    }

    /// Members of a sync group have one state, which their weights could not agree on.
    pub(super) fn weights_of_members(&mut self, group: StatementId, members: &[&'s str]) {
        let group = self.keyword_span(group);
        for member in members {
            let Some(by) = self.named.weighted.get(member).copied() else {
                continue;
            };
            let span = self.span(by);
            let subject = "weights in a sync group";
            if self.diagnostics.fold(Code::NoEffect, subject, span) {
                continue;
            }
            self.diagnostics
                .report_first(
                    Code::NoEffect,
                    subject,
                    "a weight in an instance of a sync group",
                )
                .at(
                    span,
                    "this has no effect, as with keepalived: it counts as `weight 0`",
                )
                .related(group, "the sync group")
                .help("say it in the group's block, where it holds for all its instances")
                .help("or write `sync_group_tracking_weight` there");
        }
    }
}

/// The block of a word, for messages.
fn path(watch: Watch) -> &'static str {
    match watch {
        Watch::Interface => "vrrp_instance/track_interface",
        Watch::Script => "vrrp_instance/track_script",
        Watch::File => "vrrp_instance/track_file",
        Watch::Process => "vrrp_instance/track_process",
        Watch::Bfd => "vrrp_instance/track_bfd",
    }
}
