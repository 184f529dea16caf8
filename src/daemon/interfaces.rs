//! What is wrong with the interfaces of a configuration on this host.

use std::collections::HashSet;
use std::fmt;

use nix::net::if_::if_nametoindex;
use serde::Serialize;

use crate::config::model::route::Route;
use crate::config::model::rule::Rule;
use crate::config::model::{Model, Origin, Setting, SettingValue};

/// Tells of an interface if it is not there: its name, the word, the instance or group.
type Naming<'n> = dyn FnMut(&str, &str, Option<&str>, Origin) + 'n;

/// An interface that is named and that this host does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsentInterface {
    pub interface: String,
    /// The instance or group that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The one that its adverts use; otherwise only addresses are put on it.
    pub is_own: bool,
    /// The word that names it, where that is not one of an instance which is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Where it is named.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl AbsentInterface {
    /// The stable name, as a code of `ipvsd check`.
    pub const CODE: &str = "interface-absent";
}

impl fmt::Display for AbsentInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: interface {} does not exist on this host: ",
            self.file, self.line, self.interface
        )?;
        let instance = self.instance.as_deref().unwrap_or_default();
        match (&self.word, self.is_own) {
            (Some(word), _) if instance.is_empty() => write!(f, "`{word}` names it"),
            (Some(word), _) => write!(f, "`{word}` of {instance} names it"),
            (None, true) => write!(f, "the instance {instance} waits in FAULT until it appears"),
            (None, false) => write!(
                f,
                "the instance {instance} cannot put its addresses on it until it appears"
            ),
        }
    }
}

/// Interfaces that are not there now, in this network namespace.
pub fn absent(model: &Model) -> Vec<AbsentInterface> {
    let is_absent = |name: &str| if_nametoindex(name).is_err();
    let place = |origin: Origin| {
        let file = model.files.get(usize::from(origin.file));
        (file.cloned().unwrap_or_default(), origin.line)
    };
    let uses = model.interfaces.iter();
    let mut absent: Vec<AbsentInterface> = uses
        .filter(|used| is_absent(&used.interface))
        .map(|used| {
            let (file, line) = place(used.origin);
            AbsentInterface {
                interface: used.interface.clone(),
                instance: Some(used.instance.clone()),
                is_own: used.is_own,
                word: None,
                file,
                line,
            }
        })
        .collect();
    let mut seen = HashSet::new();
    let mut named = |name: &str, word: &str, owner: Option<&str>, origin: Origin| {
        // One line is enough for each word that names it.
        let key = (name.to_owned(), word.to_owned(), owner.map(str::to_owned));
        if !is_absent(name) || !seen.insert(key) {
            return;
        }
        let (file, line) = place(origin);
        absent.push(AbsentInterface {
            interface: name.to_owned(),
            instance: owner.map(str::to_owned),
            is_own: false,
            word: Some(word.to_owned()),
            file,
            line,
        });
    };
    let instances = model.vrrp_instances.iter();
    let instances = instances.map(|it| (&it.settings.name, &it.tracking));
    let groups = model.vrrp_sync_groups.iter();
    let groups = groups.map(|it| (&it.settings.name, &it.tracking));
    for (owner, tracking) in instances.chain(groups) {
        for tracked in &tracking.interfaces {
            named(
                &tracked.name,
                "track_interface",
                Some(owner),
                tracked.origin,
            );
        }
    }
    let routes = |routes: &[Route], word: &str, owner: Option<&str>, named: &mut Naming<'_>| {
        for route in routes {
            let hops = route.hops.iter().filter_map(|hop| hop.interface.as_ref());
            for name in hops.chain(&route.vrf) {
                named(name, word, owner, route.origin);
            }
        }
    };
    let rules = |rules: &[Rule], word: &str, owner: Option<&str>, named: &mut Naming<'_>| {
        for rule in rules {
            for name in rule.incoming.iter().chain(&rule.outgoing) {
                named(name, word, owner, rule.origin);
            }
        }
    };
    for instance in &model.vrrp_instances {
        let owner = Some(instance.settings.name.as_str());
        routes(&instance.routes, "virtual_routes", owner, &mut named);
        rules(&instance.rules, "virtual_rules", owner, &mut named);
    }
    let ipvs = &model.global.ipvs;
    // In another network namespace it is another one.
    if let (Some(sync), None) = (&ipvs.sync, &model.ipvs_namespace) {
        let name = &sync.daemon.interface;
        named(name, "lvs_sync_daemon", None, ipvs.sync_origin);
    }
    routes(&model.static_routes, "static_routes", None, &mut named);
    rules(&model.static_rules, "static_rules", None, &mut named);
    for of in model.settings() {
        for outer in of.settings {
            outer.walk(&mut |setting: &Setting| {
                for value in &setting.values {
                    if let SettingValue::Interface(name) = value {
                        named(name, &outer.word, of.owner, setting.origin);
                    }
                }
            });
        }
    }
    for address in &model.static_addresses {
        let name = &address.address.interface;
        let is_default = default_interface(model) == Some(name);
        if !is_default {
            named(name, "static_ipaddress", None, address.origin);
        }
    }
    absent
}

/// The interface of static addresses that name none, where the file says it.
fn default_interface(model: &Model) -> Option<&String> {
    let said = model.global.later.iter();
    let mut said = said.filter(|setting| setting.word == "default_interface");
    match said.next_back()?.values.first()? {
        SettingValue::Interface(name) => Some(name),
        _ => None,
    }
}
