//! Settings that are validated and that nothing acts on yet.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Model, Origin, Script, UserSpec};

/// A word whose behaviour ipvsd does not have yet, with its values, which are right.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setting {
    pub word: String,
    pub values: Vec<SettingValue>,
    /// What is in its block; None where it has none.
    pub block: Option<Vec<Setting>>,
    pub origin: Origin,
}

/// Settings of one block of the model.
#[derive(Clone, Copy, Debug)]
pub struct SettingsOf<'m> {
    /// The name of the instance or group.
    pub owner: Option<&'m str>,
    pub settings: &'m [Setting],
}

impl Model {
    /// Everything that nothing acts on yet, wherever in the model it is.
    pub fn settings(&self) -> impl Iterator<Item = SettingsOf<'_>> {
        let plain = |settings| SettingsOf {
            owner: None,
            settings,
        };
        let servers = self.virtual_servers.iter().flat_map(move |service| {
            let real_servers = service.real_servers.iter().flat_map(move |server| {
                let checks = server.checks.iter();
                let checks = checks.map(move |check| plain(&check.later));
                std::iter::once(plain(&server.later)).chain(checks)
            });
            std::iter::once(plain(&service.later)).chain(real_servers)
        });
        let instances = self.vrrp_instances.iter().map(|instance| SettingsOf {
            owner: Some(&instance.settings.name),
            settings: &instance.later,
        });
        let groups = self.vrrp_sync_groups.iter().map(|group| SettingsOf {
            owner: Some(&group.settings.name),
            settings: &group.later,
        });
        [plain(&self.later), plain(&self.global.later)]
            .into_iter()
            .chain(instances)
            .chain(groups)
            .chain(servers)
    }

    /// The commands of what nothing acts on yet, with their users.
    pub fn later_scripts(&self) -> Vec<Script> {
        let mut scripts = Vec::new();
        for of in self.settings() {
            of.settings
                .iter()
                .for_each(|setting| setting.scripts(&mut scripts));
        }
        scripts
    }
}

impl Setting {
    /// This one and those in its block, the outer ones first.
    pub fn walk<'m>(&'m self, visit: &mut dyn FnMut(&'m Setting)) {
        visit(self);
        for inner in self.block.iter().flatten() {
            inner.walk(visit);
        }
    }

    /// Adds the commands in it. The user of one may be a word of its own beside it.
    fn scripts(&self, scripts: &mut Vec<Script>) {
        let of_value = |value: &SettingValue| match value {
            SettingValue::Command(script) => Some(script.clone()),
            _ => None,
        };
        scripts.extend(self.values.iter().filter_map(of_value));
        let Some(block) = &self.block else { return };
        let user = block
            .iter()
            .flat_map(|inner| &inner.values)
            .find_map(|value| match value {
                SettingValue::User(user) => Some(user),
                _ => None,
            });
        let first = scripts.len();
        block.iter().for_each(|inner| inner.scripts(scripts));
        for script in scripts.iter_mut().skip(first) {
            if script.user.is_none() {
                script.user = user.cloned();
            }
        }
    }
}

/// A value of a [`Setting`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SettingValue {
    Integer(i64),
    Seconds(Duration),
    /// A time that is written in milliseconds.
    Milliseconds(Duration),
    Switch(bool),
    Address(IpAddr),
    /// An address and the length of its prefix, where one is written.
    Network(IpAddr, Option<u8>),
    /// The name of a network interface.
    Interface(String),
    /// A name, a path, a choice, or the word that announces a value.
    Text(String),
    /// A password.
    Secret(Secret),
    /// A command, and who runs it.
    Command(Script),
    User(UserSpec),
}

/// What nobody is to see. Its Debug form does not show it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Integer(number) => write!(f, "{number}"),
            SettingValue::Seconds(seconds) => super::dump::Seconds(*seconds).fmt(f),
            // A thousand times as many, of which the model has a thousandth.
            SettingValue::Milliseconds(time) => super::dump::Seconds(*time * 1000).fmt(f),
            SettingValue::Switch(is_on) => f.write_str(if *is_on { "on" } else { "off" }),
            SettingValue::Address(address) | SettingValue::Network(address, None) => {
                write!(f, "{address}")
            }
            SettingValue::Network(address, Some(prefix)) => write!(f, "{address}/{prefix}"),
            SettingValue::Text(text) | SettingValue::Interface(text) => {
                super::dump::Quoted(text).fmt(f)
            }
            SettingValue::Secret(_) => f.write_str(super::dump::MASK),
            SettingValue::Command(script) => super::dump::CommandAndUser(script).fmt(f),
            SettingValue::User(user) => user.fmt(f),
        }
    }
}
