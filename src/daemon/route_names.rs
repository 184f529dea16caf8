//! Names in routes and rules that iproute2's files on this host do not have: of tables,
//! protocols, realms and groups of interfaces.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::config::model::route::{Id, Realms, Route};
use crate::config::model::rule::{Rule, RuleAction};
use crate::config::model::{Model, Origin, VirtualInterface};

/// Where ip(8) looks: what it is delivered with, and what the host adds.
const FOLDERS: [&str; 2] = ["/usr/share/iproute2", "/etc/iproute2"];

/// What a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOf {
    Table,
    Protocol,
    Realm,
    InterfaceGroup,
}

impl NameOf {
    /// The file that has such names. There may be a folder beside it, with `.d` behind
    /// its name and more of them in files `*.conf`.
    fn file(self) -> &'static str {
        match self {
            NameOf::Table => "rt_tables",
            NameOf::Protocol => "rt_protos",
            NameOf::Realm => "rt_realms",
            NameOf::InterfaceGroup => "group",
        }
    }

    fn name(self) -> &'static str {
        match self {
            NameOf::Table => "routing table",
            NameOf::Protocol => "protocol of routes",
            NameOf::Realm => "realm",
            NameOf::InterfaceGroup => "group of interfaces",
        }
    }
}

/// A name that this host has no number for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsentName {
    pub name: String,
    pub of: NameOf,
    /// The block that it is in: `virtual_routes`.
    pub word: &'static str,
    /// The instance whose block it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where it is named.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl AbsentName {
    /// The stable name, as a code of `ipvsd check`.
    pub const CODE: &str = "route-name-absent";
}

impl fmt::Display for AbsentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, file) = (self.of.name(), self.of.file());
        write!(
            f,
            "{}:{}: {what} {}, which `{}`",
            self.file, self.line, self.name, self.word
        )?;
        if let Some(instance) = &self.instance {
            write!(f, " of {instance}")?;
        }
        write!(
            f,
            " names, is not known on this host: give its number, or add it to {}/{file}",
            FOLDERS[1]
        )
    }
}

/// Names that iproute2's files do not have now.
pub fn absent(model: &Model) -> Vec<AbsentName> {
    absent_from(model, &FOLDERS.map(Path::new))
}

/// The same with other folders than the system's.
pub fn absent_from(model: &Model, folders: &[&Path]) -> Vec<AbsentName> {
    let mut absent = Vec::new();
    let mut known: HashMap<NameOf, HashSet<String>> = HashMap::new();
    let mut told = HashSet::new();
    each_name(model, &mut |name, of, word, instance, origin| {
        let known = known.entry(of).or_insert_with(|| names(of, folders));
        if known.contains(name) || !told.insert((of, name.to_owned())) {
            return;
        }
        let file = model.files.get(usize::from(origin.file));
        absent.push(AbsentName {
            name: name.to_owned(),
            of,
            word,
            instance: instance.map(str::to_owned),
            file: file.cloned().unwrap_or_default(),
            line: origin.line,
        });
    });
    absent
}

/// Takes a name: what it is for, the word of its block, the instance, the line.
type Naming<'n> = dyn FnMut(&str, NameOf, &'static str, Option<&str>, Origin) + 'n;

fn each_name(model: &Model, named: &mut Naming<'_>) {
    for instance in &model.vrrp_instances {
        let owner = Some(instance.settings.name.as_str());
        for route in &instance.routes {
            of_route(route, &mut |name, of| {
                named(name, of, "virtual_routes", owner, route.origin);
            });
        }
        for rule in &instance.rules {
            of_rule(rule, &mut |name, of| {
                named(name, of, "virtual_rules", owner, rule.origin);
            });
        }
        let (word, group) = match instance.virtual_interface.as_deref() {
            Some(VirtualInterface::Vmac { group, .. }) => ("use_vmac", group),
            Some(VirtualInterface::Ipvlan { group, .. }) => ("use_ipvlan", group),
            None => continue,
        };
        if let Some(Id::Name(name)) = group {
            named(name, NameOf::InterfaceGroup, word, owner, instance.origin);
        }
    }
    for route in &model.static_routes {
        of_route(route, &mut |name, of| {
            named(name, of, "static_routes", None, route.origin);
        });
    }
    for rule in &model.static_rules {
        of_rule(rule, &mut |name, of| {
            named(name, of, "static_rules", None, rule.origin);
        });
    }
}

fn of_route(route: &Route, named: &mut dyn FnMut(&str, NameOf)) {
    named_id(route.table.as_ref(), NameOf::Table, named);
    named_id(route.protocol.as_ref(), NameOf::Protocol, named);
    let hops = route.hops.iter().map(|hop| &hop.realms);
    for realms in hops.chain([&route.realms]) {
        of_realms(realms.as_ref(), named);
    }
}

fn of_rule(rule: &Rule, named: &mut dyn FnMut(&str, NameOf)) {
    if let RuleAction::Table(table) = &rule.action {
        named_id(Some(table), NameOf::Table, named);
    }
    of_realms(rule.realms.as_ref(), named);
    let group = rule.suppress_group.as_ref();
    named_id(group, NameOf::InterfaceGroup, named);
}

fn of_realms(realms: Option<&Realms>, named: &mut dyn FnMut(&str, NameOf)) {
    let Some(Realms { from, to }) = realms else {
        return;
    };
    for id in from.iter().chain([to]) {
        named_id(Some(id), NameOf::Realm, named);
    }
}

fn named_id(id: Option<&Id>, of: NameOf, named: &mut dyn FnMut(&str, NameOf)) {
    if let Some(Id::Name(name)) = id {
        named(name, of);
    }
}

/// All names that the files have. One that is not there has none.
fn names(of: NameOf, folders: &[&Path]) -> HashSet<String> {
    let mut names = HashSet::new();
    for folder in folders {
        let file = folder.join(of.file());
        let more = fs::read_dir(folder.join(format!("{}.d", of.file())));
        let more = more.into_iter().flatten().flatten();
        let more = more.map(|entry| entry.path());
        let more = more.filter(|path| path.extension().is_some_and(|it| it == "conf"));
        for path in std::iter::once(file).chain(more) {
            // Some are in Latin-1.
            let text = fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            names.extend(text.lines().filter_map(name_in).map(str::to_owned));
        }
    }
    names
}

/// The name in a line `NUMBER NAME`; the number may be hexadecimal.
fn name_in(line: &str) -> Option<&str> {
    let line = line.split('#').next()?;
    let mut words = line.split_ascii_whitespace();
    let (number, name) = (words.next()?, words.next()?);
    number
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    #[test]
    fn names_are_looked_up_where_ip_has_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("to make it");
            fs::write(path, text).expect("to write");
        };
        write(
            "etc/rt_tables",
            b"# \xe9\n#7 not\n 100\tblue # yes\n0x65 green\n",
        );
        write("etc/rt_tables.d/more.conf", b"102 red\n");
        write("etc/rt_tables.d/README", b"103 grey\n");
        write("usr/rt_realms", b"1 cosmos\n");
        write("etc/group", b"3 inside\n");
        let text = "static_routes {\n\
                    10.0.0.0/8 dev e table blue\n\
                    10.0.0.0/8 dev e table green realms cosmos/chaos\n\
                    10.0.0.0/8 dev e table red protocol bgp\n\
                    10.0.0.0/8 dev e table main protocol nobody no_track\n\
                    }\n\
                    static_rules {\n\
                    from all table grey preference 5\n\
                    from all table not suppress_ifgroup inside preference 6\n\
                    from all table not suppress_ifgroup outside preference 7\n\
                    }\n";
        let sources = Sources::from_text("f", text.as_bytes().to_vec());
        let loaded = config::parse(sources);
        let model = loaded.model.expect("a configuration in order");
        let folders = ["usr", "etc"].map(|name| folder.path().join(name));
        let folders = folders.each_ref().map(|path| path.as_path());
        let absent = absent_from(&model, &folders);
        let absent: Vec<_> = absent
            .iter()
            .map(|it| (it.line, it.name.as_str()))
            .collect();
        let wanted = [
            (3, "chaos"),
            (5, "nobody"),
            (8, "grey"),
            (9, "not"),
            (10, "outside"),
        ];
        assert_eq!(absent, wanted);
    }
}
