//! Network namespaces that a configuration names and this host does not have.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::config::model::{Model, SettingValue};

/// Where ip-netns(8) keeps those that have names.
const NAMED: &str = "/run/netns";

/// A network namespace that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsentNamespace {
    pub namespace: String,
    /// The word that names it: `net_namespace`, `net_namespace_ipvs`.
    pub word: String,
    /// Where it is named.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl AbsentNamespace {
    /// The stable name, as a code of `ipvsd check`.
    pub const CODE: &str = "namespace-absent";
}

impl fmt::Display for AbsentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AbsentNamespace {
            namespace,
            word,
            file,
            line,
        } = self;
        write!(
            f,
            "{file}:{line}: network namespace {namespace}, which `{word}` names, does not exist on \
             this host: `ip netns add {namespace}` makes it"
        )
    }
}

/// Network namespaces that are not there now.
pub fn absent(model: &Model) -> Vec<AbsentNamespace> {
    let words = ["net_namespace", "net_namespace_ipvs"];
    let named = model.later.iter();
    let named = named.filter(|setting| words.contains(&setting.word.as_str()));
    let named = named.filter_map(|setting| match setting.values.first() {
        Some(SettingValue::Text(name)) => Some((setting, name)),
        _ => None,
    });
    named
        .filter(|(_, name)| !Path::new(NAMED).join(name).exists())
        .map(|(setting, name)| AbsentNamespace {
            namespace: name.clone(),
            word: setting.word.clone(),
            file: model
                .files
                .get(usize::from(setting.origin.file))
                .cloned()
                .unwrap_or_default(),
            line: setting.origin.line,
        })
        .collect()
}
