//! What is said differently in another configuration.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem;

use serde::Serialize;

use super::lines::{WordChange, compare};
use super::{Known, Sign};
use crate::check::{self, CheckKey};
use crate::config::diff::{Keyed, ListDiff, ModelDiff};
use crate::config::model::{
    Check, Model, RealServer, StaticAddress, VirtualServer, VrrpInstance, address_line,
};
use crate::lvs::DestinationKey;
use crate::vrrp::settings::VirtualAddress;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Global,
    VirtualServerGroup,
    VirtualServer,
    RealServer,
    Check,
    VrrpInstance,
    VrrpSyncGroup,
    Address,
    StaticAddress,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            What::Global => "global settings",
            What::VirtualServerGroup => "virtual server group",
            What::VirtualServer => "virtual server",
            What::RealServer => "real server",
            What::Check => "check",
            What::VrrpInstance => "VRRP instance",
            What::VrrpSyncGroup => "VRRP sync group",
            What::Address => "address",
            What::StaticAddress => "static address",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfigurationChange {
    pub change: Sign,
    pub what: What,
    /// Empty for the global settings.
    pub name: String,
    /// What it is in: the virtual server of a real server, the real server of a check,
    /// the instance of an address.
    pub of: Vec<String>,
    /// Empty where it comes or goes.
    pub changes: Vec<WordChange>,
    /// Of an address: where its instance stands (`MASTER`), if that is known. Only a
    /// master has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The line of the plan.
impl fmt::Display for ConfigurationChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change, self.what.words())?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        for of in &self.of {
            write!(f, " of {of}")?;
        }
        if let Some(state) = &self.state {
            write!(f, " ({state} here)")?;
        }
        for (number, change) in self.changes.iter().enumerate() {
            let before = if number == 0 { ": " } else { ", " };
            write!(f, "{before}{change}")?;
        }
        Ok(())
    }
}

pub(super) fn changes(known: &Known, new: &Model) -> Vec<ConfigurationChange> {
    let old = &known.model;
    let diff = ModelDiff::between(old, new);
    if diff.is_empty() {
        return Vec::new();
    }
    let mut teller = Teller {
        known,
        old,
        new,
        scripts: diff.scripts.is_some(),
        changes: Vec::new(),
    };
    teller.global();
    if known.serves.virtual_servers {
        teller.virtual_servers(&diff);
    }
    if known.serves.vrrp {
        teller.vrrp(&diff);
    }
    teller.changes
}

struct Teller<'a> {
    known: &'a Known,
    old: &'a Model,
    new: &'a Model,
    /// Scripts have other numbers, so that what has not changed may still run another
    /// one, and what has changed the same.
    scripts: bool,
    changes: Vec<ConfigurationChange>,
}

/// What is in both lists, the old one first.
fn pairs<'m, T: Keyed>(
    old: &'m [T],
    new: &'m [T],
    diff: &ListDiff<T>,
    all: bool,
) -> Vec<(&'m T, &'m T)> {
    if diff.changed.is_empty() && !all {
        return Vec::new();
    }
    let changed: HashSet<T::Key> = diff.changed.iter().map(Keyed::key).collect();
    let before: HashMap<T::Key, &T> = old.iter().map(|it| (it.key(), it)).collect();
    new.iter()
        .filter(|it| all || changed.contains(&it.key()))
        .filter_map(|it| Some((*before.get(&it.key())?, it)))
        .collect()
}

/// What goes, as the old list has it.
fn gone<'m, T: Keyed>(old: &'m [T], diff: &ListDiff<T>) -> Vec<&'m T> {
    let removed: HashSet<&T::Key> = diff.removed.iter().collect();
    old.iter()
        .filter(|it| removed.contains(&it.key()))
        .collect()
}

impl Teller<'_> {
    fn tell(&mut self, change: Sign, what: What, name: String, of: Vec<String>) {
        self.changes.push(ConfigurationChange {
            change,
            what,
            name,
            of,
            changes: Vec::new(),
            state: None,
        });
    }

    fn tell_words(&mut self, what: What, name: String, of: Vec<String>, changes: Vec<WordChange>) {
        if !changes.is_empty() {
            self.changes.push(ConfigurationChange {
                change: Sign::Change,
                what,
                name,
                of,
                changes,
                state: None,
            });
        }
    }

    fn global(&mut self) {
        let mut changes = compare(&self.old.dump_global(), &self.new.dump_global());
        let (old, new) = (self.old, self.new);
        let is_hidden = old.global.later != new.global.later || old.later != new.later;
        if changes.is_empty() && is_hidden {
            changes.push(WordChange::secret());
        }
        self.tell_words(What::Global, String::new(), Vec::new(), changes);
        self.static_addresses();
    }

    fn static_addresses(&mut self) {
        let line = |it: &StaticAddress| match &it.group {
            Some(group) => format!("{} track_group {group}", address_line(&it.address)),
            None => address_line(&it.address),
        };
        let old: Vec<_> = self.old.static_addresses.iter().map(line).collect();
        let new: Vec<_> = self.new.static_addresses.iter().map(line).collect();
        self.tell_lines(What::StaticAddress, old, new);
    }

    fn tell_lines(&mut self, what: What, old: Vec<String>, new: Vec<String>) {
        let (before, after): (HashSet<_>, HashSet<_>) =
            (old.iter().collect(), new.iter().collect());
        for line in old.iter().filter(|line| !after.contains(line)) {
            self.tell(Sign::Remove, what, line.clone(), Vec::new());
        }
        for line in new.iter().filter(|line| !before.contains(line)) {
            self.tell(Sign::Add, what, line.clone(), Vec::new());
        }
    }
}

/// Virtual servers and what is in them.
impl Teller<'_> {
    fn virtual_servers(&mut self, diff: &ModelDiff) {
        let groups = &diff.virtual_server_groups;
        for name in &groups.removed {
            self.tell(
                Sign::Remove,
                What::VirtualServerGroup,
                name.clone(),
                Vec::new(),
            );
        }
        let (old, new) = (self.old, self.new);
        let all = (&old.virtual_server_groups, &new.virtual_server_groups);
        for (before, after) in pairs(all.0, all.1, groups, false) {
            let changes = compare(
                &old.dump_virtual_server_group(before),
                &new.dump_virtual_server_group(after),
            );
            let name = after.name.clone();
            self.tell_words(What::VirtualServerGroup, name, Vec::new(), changes);
        }
        for group in &groups.added {
            let name = group.name.clone();
            self.tell(Sign::Add, What::VirtualServerGroup, name, Vec::new());
        }

        let diff = &diff.virtual_servers;
        for it in gone(&old.virtual_servers, diff) {
            self.tell(Sign::Remove, What::VirtualServer, of(it), Vec::new());
        }
        for (before, after) in pairs(
            &old.virtual_servers,
            &new.virtual_servers,
            diff,
            self.scripts,
        ) {
            self.virtual_server(before, after);
        }
        for it in &diff.added {
            self.tell(Sign::Add, What::VirtualServer, of(it), Vec::new());
            for server in &it.real_servers {
                self.real_server(Sign::Add, new, it, server);
            }
        }
    }

    fn virtual_server(&mut self, before: &VirtualServer, after: &VirtualServer) {
        let (old, new) = (self.old, self.new);
        let mut changes = compare(
            &old.dump_virtual_server(before),
            &new.dump_virtual_server(after),
        );
        if changes.is_empty() && before.later != after.later {
            changes.push(WordChange::secret());
        }
        self.tell_words(What::VirtualServer, of(after), Vec::new(), changes);
        let diff = ListDiff::between(&before.real_servers, &after.real_servers);
        for server in gone(&before.real_servers, &diff) {
            self.real_server(Sign::Remove, old, before, server);
        }
        for (was, is) in pairs(
            &before.real_servers,
            &after.real_servers,
            &diff,
            self.scripts,
        ) {
            let changes = compare(&old.dump_real_server(was), &new.dump_real_server(is));
            self.tell_words(
                What::RealServer,
                is.key.to_string(),
                vec![of(after)],
                changes,
            );
            self.checks(after, (before, was), (after, is));
        }
        for server in &diff.added {
            self.real_server(Sign::Add, new, after, server);
        }
    }

    /// A real server comes or goes, and with it its checks.
    fn real_server(
        &mut self,
        sign: Sign,
        model: &Model,
        virtual_server: &VirtualServer,
        server: &RealServer,
    ) {
        let of = of(virtual_server);
        self.tell(
            sign,
            What::RealServer,
            server.key.to_string(),
            vec![of.clone()],
        );
        for check in &server.checks {
            let of = vec![server.key.to_string(), of.clone()];
            self.tell(sign, What::Check, check.name(model), of);
        }
    }

    /// Checks are known by what they ask, as over a reload.
    fn checks(
        &mut self,
        in_service: &VirtualServer,
        before: (&VirtualServer, &RealServer),
        after: (&VirtualServer, &RealServer),
    ) {
        let (old, new) = (self.old, self.new);
        let keyed = |model, (service, server): (&VirtualServer, &'_ RealServer)| {
            check::keys_of(model, &service.id, server)
        };
        let (keys_before, keys_after) = (keyed(old, before), keyed(new, after));
        let known: HashMap<&CheckKey, &Check> = keys_before.iter().zip(&before.1.checks).collect();
        let stays: HashSet<&CheckKey> = keys_after.iter().collect();
        let within = |server: &DestinationKey| vec![server.to_string(), of(in_service)];
        for (key, check) in keys_before.iter().zip(&before.1.checks) {
            if !stays.contains(key) {
                let name = check.name(old);
                self.tell(Sign::Remove, What::Check, name, within(&before.1.key));
            }
        }
        for (key, check) in keys_after.iter().zip(&after.1.checks) {
            let (name, of) = (check.name(new), within(&after.1.key));
            match known.get(key) {
                None => self.tell(Sign::Add, What::Check, name, of),
                Some(was) => {
                    let mut changes = compare(&old.dump_check(was), &new.dump_check(check));
                    if changes.is_empty() && was.later != check.later {
                        changes.push(WordChange::secret());
                    }
                    self.tell_words(What::Check, name, of, changes);
                }
            }
        }
    }
}

/// Instances, sync groups and their addresses.
impl Teller<'_> {
    fn vrrp(&mut self, diff: &ModelDiff) {
        let (old, new) = (self.old, self.new);
        let instances = &diff.vrrp_instances;
        for instance in gone(&old.vrrp_instances, instances) {
            let name = instance.key();
            self.tell(Sign::Remove, What::VrrpInstance, name, Vec::new());
            self.addresses(Some(instance), None);
        }
        for (before, after) in pairs(
            &old.vrrp_instances,
            &new.vrrp_instances,
            instances,
            self.scripts,
        ) {
            let mut changes = compare(&old.dump_instance(before), &new.dump_instance(after));
            let (was, is) = (
                &before.settings.authentication,
                &after.settings.authentication,
            );
            // Whatever else there is: by it two directors understand each other.
            let is_another = was != is && mem::discriminant(was) == mem::discriminant(is);
            let is_hidden = changes.is_empty() && (was != is || before.later != after.later);
            if is_another || is_hidden {
                changes.push(WordChange::secret());
            }
            self.tell_words(What::VrrpInstance, after.key(), Vec::new(), changes);
            self.addresses(Some(before), Some(after));
        }
        for instance in &instances.added {
            self.tell(Sign::Add, What::VrrpInstance, instance.key(), Vec::new());
            self.addresses(None, Some(instance));
        }
        let groups = &diff.vrrp_sync_groups;
        for name in &groups.removed {
            self.tell(Sign::Remove, What::VrrpSyncGroup, name.clone(), Vec::new());
        }
        for (before, after) in pairs(
            &old.vrrp_sync_groups,
            &new.vrrp_sync_groups,
            groups,
            self.scripts,
        ) {
            let mut changes = compare(&old.dump_sync_group(before), &new.dump_sync_group(after));
            if changes.is_empty() && before.later != after.later {
                changes.push(WordChange::secret());
            }
            self.tell_words(What::VrrpSyncGroup, after.key(), Vec::new(), changes);
        }
        for group in &groups.added {
            self.tell(Sign::Add, What::VrrpSyncGroup, group.key(), Vec::new());
        }
    }

    fn addresses(&mut self, before: Option<&VrrpInstance>, after: Option<&VrrpInstance>) {
        let Some(instance) = after.or(before) else {
            return;
        };
        let (was, is) = (addresses(before), addresses(after));
        let name = instance.key();
        let state = self.known.instances.get(&name).map(ToString::to_string);
        let mut tell = |change, address: &VirtualAddress, changes| {
            self.changes.push(ConfigurationChange {
                change,
                what: What::Address,
                name: address_line(address),
                of: vec![name.clone()],
                changes,
                state: state.clone(),
            });
        };
        let before: HashMap<_, _> = was.iter().map(|it| (place(it), it)).collect();
        let after: HashSet<_> = is.iter().map(place).collect();
        for gone in was.iter().filter(|it| !after.contains(&place(it))) {
            tell(Sign::Remove, gone.0, Vec::new());
        }
        for it in &is {
            match before.get(&place(it)) {
                None => tell(Sign::Add, it.0, Vec::new()),
                Some(known) if *known != it => {
                    let mut changes = Vec::new();
                    let (from, to) = (address_line(known.0), address_line(it.0));
                    if from != to {
                        changes.push(WordChange {
                            word: "it was".to_owned(),
                            from: Some(from),
                            to: Some(to),
                        });
                    }
                    if known.1 != it.1 {
                        let block = |in_adverts: bool| match in_adverts {
                            true => "virtual_ipaddress".to_owned(),
                            false => "virtual_ipaddress_excluded".to_owned(),
                        };
                        changes.push(WordChange {
                            word: "in".to_owned(),
                            from: Some(block(known.1)),
                            to: Some(block(it.1)),
                        });
                    }
                    tell(Sign::Change, it.0, changes);
                }
                Some(_) => {}
            }
        }
    }
}

/// An address, and whether it stands in adverts.
type Advertised<'m> = (&'m VirtualAddress, bool);

fn addresses(instance: Option<&VrrpInstance>) -> Vec<Advertised<'_>> {
    let Some(instance) = instance else {
        return Vec::new();
    };
    let count = instance.settings.advertised().count();
    let all = instance.settings.addresses.iter().enumerate();
    all.map(|(number, address)| (address, number < count))
        .collect()
}

/// What an address is known by.
fn place<'m>((address, _): &Advertised<'m>) -> (std::net::IpAddr, &'m str) {
    (address.address, &address.interface)
}

fn of(virtual_server: &VirtualServer) -> String {
    virtual_server.id.listed()
}
