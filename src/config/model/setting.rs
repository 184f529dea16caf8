//! Settings that are validated and that nothing acts on yet.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Origin, Script, UserSpec};

/// A word whose behaviour ipvsd does not have yet, with its values, which are right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub word: String,
    pub values: Vec<SettingValue>,
    /// What is in its block; None where it has none.
    pub block: Option<Vec<Setting>>,
    pub origin: Origin,
}

/// A value of a [`Setting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A command, and who runs it.
    Command(Script),
    User(UserSpec),
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
            SettingValue::Command(script) => super::dump::CommandAndUser(script).fmt(f),
            SettingValue::User(user) => user.fmt(f),
        }
    }
}
