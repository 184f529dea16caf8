//! What may be watched, and who watches it: whether each side is there.

use std::collections::HashMap;

use super::{Lower, guess};
use crate::config::diagnostic::{Code, shown};
use crate::config::source::Span;
use crate::config::syntax::{StatementId, Word};

/// What kind of thing is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Script,
    File,
    Process,
    Bfd,
    /// `track_group`: who follows static addresses, routes and rules.
    Group,
}

impl Kind {
    /// Of a block of the top level that defines one.
    pub(super) fn defined_by(word: &str) -> Option<Self> {
        Some(match word {
            "vrrp_script" => Kind::Script,
            "track_file" | "vrrp_track_file" => Kind::File,
            "vrrp_track_process" => Kind::Process,
            "bfd_instance" => Kind::Bfd,
            "track_group" => Kind::Group,
            _ => return None,
        })
    }

    /// Of a block of an instance or a group that names them.
    fn tracked_by(word: &str) -> Option<Self> {
        Some(match word {
            "track_script" => Kind::Script,
            "track_file" => Kind::File,
            "track_process" => Kind::Process,
            "track_bfd" => Kind::Bfd,
            _ => return None,
        })
    }

    /// The word that defines it.
    fn word(self) -> &'static str {
        match self {
            Kind::Script => "vrrp_script",
            Kind::File => "track_file",
            Kind::Process => "vrrp_track_process",
            Kind::Bfd => "bfd_instance",
            Kind::Group => "track_group",
        }
    }

    /// What the weight is where neither side says one.
    fn default_weight(self) -> &'static str {
        match self {
            Kind::File => "1",
            _ => "0",
        }
    }
}

/// What is defined in the file.
#[derive(Debug, Default)]
pub(super) struct Trackers<'s> {
    defined: HashMap<(Kind, &'s str), Tracker>,
}

#[derive(Debug)]
struct Tracker {
    by: StatementId,
    is_used: bool,
}

impl<'s> Lower<'_, 's> {
    /// A block that defines something to be watched. False where another one by this name
    /// counts in its place.
    pub(super) fn tracker(&mut self, kind: Kind, id: StatementId) -> bool {
        self.beyond_words(kind, id);
        let Some(word) = self.ast.words(id).get(1).copied() else {
            return true;
        };
        let name = self.text(word);
        let tracker = Tracker {
            by: id,
            is_used: false,
        };
        let trackers = &mut self.trackers.defined;
        let first = trackers.entry((kind, name)).or_insert(tracker).by;
        if first == id || !self.is_whole() {
            return true;
        }
        let (first, second) = (self.span(first), self.span(id));
        let message = format!("`{} {}` is there twice", kind.word(), shown(name));
        self.report(Code::Repeated, message)
            .at(second, "this one does not count")
            .related(first, "this one does, as with keepalived");
        false
    }

    /// What is wrong with the words of a block together.
    fn beyond_words(&mut self, kind: Kind, id: StatementId) {
        if !self.ast.has_block(id) || !self.is_whole() {
            return;
        }
        match kind {
            Kind::Bfd => {
                let neighbour = self
                    .said_in(id, "neighbor_ip")
                    .or_else(|| self.said_in(id, "neighbour_ip"));
                let Some(neighbour) = neighbour else {
                    self.lacks(id, "neighbor_ip");
                    return;
                };
                if let Some(source) = self.said_in(id, "source_ip")
                    && let Ok(from) = self.text(source).parse::<std::net::IpAddr>()
                    && let Ok(to) = self.text(neighbour).parse::<std::net::IpAddr>()
                    && from.is_ipv4() != to.is_ipv4()
                {
                    let (first, second) = (neighbour.span(), source.span());
                    let message = format!("`{from}` cannot send to `{to}`");
                    self.report(Code::FamilyMismatch, message)
                        .at(second, "the source")
                        .related(first, "the neighbour");
                }
            }
            Kind::Process => {
                let number = |lower: &Self, word: Word| lower.text(word).parse::<u32>().ok();
                if let Some(least) = self.said_in(id, "quorum")
                    && let Some(most) = self.said_in(id, "quorum_max")
                    && number(self, most) < number(self, least)
                    && number(self, most) != Some(0)
                {
                    let (first, second) = (least.span(), most.span());
                    let message = "`quorum_max` is below `quorum`";
                    self.report(Code::Doubtful, message)
                        .at(second, "no number of processes is right")
                        .related(first, "there have to be as many at least")
                        .help("keepalived does not take this `quorum_max`");
                }
            }
            Kind::Script | Kind::File | Kind::Group => {}
        }
    }

    /// The value that counts of a word in a block.
    fn said_in(&self, block: StatementId, word: &str) -> Option<Word> {
        let statements = self.ast.block(block);
        let said = statements.filter(|id| self.ast.keyword(*id) == word);
        self.ast.words(said.last()?).get(1).copied()
    }

    /// Looks at everything that names what is watched, when all blocks have been read.
    pub(super) fn tracked(&mut self) {
        let ast = self.ast;
        // Most files name nothing of the kind.
        let names_some = ["track_", "lvs_sync_daemon", "BFD_CHECK", "FILE_CHECK"];
        let is_concerned = names_some.iter().any(|word| ast.mentions(word));
        if !self.is_whole() || !is_concerned && self.trackers.defined.is_empty() {
            return;
        }
        for id in ast.all() {
            let word = ast.keyword(id);
            let Some(parent) = ast.parent(id) else {
                self.static_groups(id);
                continue;
            };
            match ast.keyword(parent) {
                "vrrp_instance" | "vrrp_sync_group" if ast.parent(parent).is_none() => {
                    if let Some(kind) = Kind::tracked_by(word) {
                        for line in ast.block(id).filter(|line| !ast.has_block(*line)) {
                            self.tracks(kind, parent, line);
                        }
                    }
                }
                "global_defs" if word == "lvs_sync_daemon" => self.synchronised_instance(id),
                "FILE_CHECK" if word == "track_file" => self.names(Kind::File, id, 1),
                "BFD_CHECK" if word == "name" => self.names(Kind::Bfd, id, 1),
                _ => {}
            }
        }
        self.unused_trackers();
        self.groups_of_instances();
    }

    /// A line of `track_script` and its like.
    fn tracks(&mut self, kind: Kind, owner: StatementId, line: StatementId) {
        self.names(kind, line, 0);
        let ast = self.ast;
        let Some(name) = ast.words(line).first().copied() else {
            return;
        };
        let Some(tracker) = self.trackers.defined.get(&(kind, self.text(name))) else {
            return;
        };
        let own = ast.words(line).iter();
        let own = own.skip_while(|word| self.text(**word) != "weight").nth(1);
        let general = self.said_in(tracker.by, "weight");
        let weight = own.copied().or(general);
        let weight = weight.map_or(kind.default_weight(), |word| self.text(word));
        if ast.keyword(owner) != "vrrp_instance" || weight.parse() == Ok(0_i64) {
            return;
        }
        let Some(instance) = ast.words(owner).get(1) else {
            return;
        };
        let Some(group) = self.group_of(self.text(*instance)) else {
            return;
        };
        let follows = ["sync_group_tracking_weight", "global_tracking"];
        if follows.iter().any(|word| self.mentions(group, word)) {
            return;
        }
        let (here, there) = (self.span(line), self.keyword_span(group));
        let message = format!(
            "`{}` has the weight {}, and its instance is in a sync group",
            shown(self.text(name)),
            shown(weight)
        );
        self.report(Code::NoEffect, message)
            .at(here, "no priority follows it, as with keepalived")
            .related(there, "the group")
            .help(
                "track it in the group, say `sync_group_tracking_weight` there, or `weight 0` here",
            );
    }

    /// A word that is the name of something that is watched.
    fn names(&mut self, kind: Kind, id: StatementId, at: usize) {
        let Some(word) = self.ast.words(id).get(at).copied() else {
            return;
        };
        let name = self.text(word);
        if let Some(tracker) = self.trackers.defined.get_mut(&(kind, name)) {
            tracker.is_used = true;
            return;
        }
        let defined = self.trackers.defined.keys();
        let known = defined.filter(|(other, _)| *other == kind);
        let known = known.map(|(_, name)| *name);
        // Whoever has very many wrong names is not shown them all.
        let similar = match self.diagnostics.is_full(Code::NoEffect) {
            true => None,
            false => guess::closest(name, known.take(guess::MOST)),
        };
        let message = format!("there is no `{} {}`", kind.word(), shown(name));
        let diagnostic = self.report(Code::NoEffect, message);
        match similar {
            Some((_, known)) => diagnostic
                .at(word.span(), format!("did you mean `{}`?", shown(known)))
                .replace_with(known),
            None => diagnostic.at(word.span(), "this watches nothing, as with keepalived"),
        };
    }

    /// `track_group NAME` in a line of static addresses, routes or rules.
    fn static_groups(&mut self, block: StatementId) {
        let ast = self.ast;
        if !matches!(
            ast.keyword(block),
            "static_ipaddress" | "static_routes" | "static_rules"
        ) {
            return;
        }
        for line in ast.block(block) {
            let words = ast.words(line).iter();
            let at = words
                .clone()
                .position(|word| self.text(*word) == "track_group");
            if let Some(at) = at {
                self.names(Kind::Group, line, at + 1);
            }
        }
    }

    /// What is defined and nobody watches.
    fn unused_trackers(&mut self) {
        // What would use it may be what is wrong.
        if self.diagnostics.errors() > 0 {
            return;
        }
        let defined = self.trackers.defined.iter();
        let unused = defined.filter(|(_, tracker)| !tracker.is_used);
        let mut unused: Vec<(Kind, &str, Span)> = unused
            .map(|((kind, name), tracker)| (*kind, *name, self.span(tracker.by)))
            .collect();
        unused.sort_by_key(|(_, _, span)| (span.source, span.start));
        for (kind, name, span) in unused {
            let message = format!("nothing tracks `{} {}`", kind.word(), shown(name));
            let label = match kind {
                Kind::Script => "the script is not run",
                Kind::File => "the file is not read",
                Kind::Process => "the processes are not counted",
                Kind::Bfd => "nobody is told of the session",
                Kind::Group => "no static address, route or rule names it",
            };
            self.report(Code::NoEffect, message).at(span, label);
        }
    }

    /// The instances that a `track_group` names.
    fn groups_of_instances(&mut self) {
        let ast = self.ast;
        let groups = ast.top_level();
        let groups = groups.filter(|id| ast.keyword(*id) == Kind::Group.word());
        let blocks = groups.flat_map(|group| ast.block(group));
        let lines = blocks.filter(|block| ast.keyword(*block) == "group");
        let lines: Vec<StatementId> = lines.flat_map(|block| ast.block(block)).collect();
        for line in lines {
            for word in ast.words(line) {
                self.instance_named(*word);
            }
        }
    }

    /// The instance that `lvs_sync_daemon` follows: behind `inst`, or behind the interface.
    fn synchronised_instance(&mut self, id: StatementId) {
        let words = self.ast.words(id);
        let is = |word: &&Word, text: &str| self.text(**word) == text;
        let announced = words.iter().skip_while(|word| !is(word, "inst")).nth(1);
        let options = ["id", "maxlen", "port", "ttl", "group"];
        let behind = words.get(2);
        let behind = behind.filter(|word| !options.iter().any(|option| is(word, option)));
        if let Some(word) = announced.or(behind) {
            self.instance_named(*word);
        }
    }

    /// Tells of an instance that is named and is not there.
    fn instance_named(&mut self, word: Word) {
        let name = self.text(word);
        if self.is_instance(name) {
            return;
        }
        let similar = match self.diagnostics.is_full(Code::NoEffect) {
            true => None,
            false => guess::closest(name, self.instances().take(guess::MOST)),
        };
        let message = format!("there is no `vrrp_instance {}`", shown(name));
        let diagnostic = self.report(Code::NoEffect, message);
        match similar {
            Some((_, known)) => diagnostic
                .at(word.span(), format!("did you mean `{}`?", shown(known)))
                .replace_with(known),
            None => diagnostic.at(word.span(), "this has no effect"),
        };
    }
}
