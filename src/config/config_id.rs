//! How a file is read: as which of the directors that share it, and how strictly.

use std::fmt;

/// What the command line says of how the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub config_id: ConfigId,
    /// `-e`: an include that finds nothing is an error, whichever word it is.
    pub all_files: bool,
    /// `-s`: the network namespace that stands in the place of `net_namespace`.
    pub namespace: Option<String>,
}

impl Default for Reading {
    /// What holds where nothing is said.
    fn default() -> Self {
        Reading {
            config_id: ConfigId::new(None),
            all_files: false,
            namespace: None,
        }
    }
}

/// `-i`: the name that lines beginning with `@` go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigId(String);

impl ConfigId {
    /// What the command line says, and otherwise the first part of this host's name.
    pub fn new(said: Option<&str>) -> Self {
        ConfigId(match said {
            Some(said) => said.to_owned(),
            None => host_name(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfigId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The host's name up to its first dot. Empty where the host has none that is text.
fn host_name() -> String {
    let names = nix::sys::utsname::uname().ok();
    let name = names.as_ref().and_then(|names| names.nodename().to_str());
    let first = name.and_then(|name| name.split('.').next());
    first.unwrap_or_default().to_owned()
}
