//! The network namespaces that a configuration names: those that this host does not have,
//! and those that a director goes to.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use serde::Serialize;

use crate::config::model::{IpvsNamespace, Model, NamedNamespace};
use crate::sys::host;
use crate::sys::ipvs::Ipvs;
use crate::sys::net_namespace::{self, NetNamespace};

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
    let ipvs = match &model.ipvs_namespace {
        Some(IpvsNamespace::Named(named)) => Some(named),
        Some(IpvsNamespace::Default) | None => None,
    };
    let named = [
        ("net_namespace", model.namespace.as_ref()),
        ("net_namespace_ipvs", ipvs),
    ];
    named
        .into_iter()
        .filter_map(|(word, named)| Some((word, named?)))
        .filter(|(_, named)| !net_namespace::path(&named.name).exists())
        .map(|(word, NamedNamespace { name, origin })| AbsentNamespace {
            namespace: name.clone(),
            word: word.to_owned(),
            file: model
                .files
                .get(usize::from(origin.file))
                .cloned()
                .unwrap_or_default(),
            line: origin.line,
        })
        .collect()
}

/// Where a director is, and where its IPVS table is.
#[derive(Debug, Default)]
pub struct Place {
    /// The name of the namespace that was entered; None is where ipvsd was started.
    pub entered: Option<String>,
    /// What was said of the IPVS table's.
    ipvs: Option<IpvsNamespace>,
    /// None is where the director is.
    ipvs_namespace: Option<NetNamespace>,
    /// Where this process was before it entered another.
    started_in: Option<NetNamespace>,
}

/// Why a director cannot be where it is to be.
#[derive(Debug, thiserror::Error)]
#[error(
    "{word}: cannot use the network namespace {namespace}: {error}{}",
    hint(error, namespace)
)]
pub struct PlaceError {
    /// The word or option that names it.
    word: &'static str,
    namespace: String,
    error: io::Error,
}

fn hint(error: &io::Error, namespace: &str) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("; `ip netns add {namespace}` makes it"),
        io::ErrorKind::PermissionDenied => "; CAP_SYS_ADMIN is needed".to_owned(),
        _ => String::new(),
    }
}

impl Place {
    /// Goes where the configuration, or before it the command line, wants a director: this
    /// thread and what it starts from now on.
    ///
    /// # Errors
    /// Where a namespace is not there, or must not be entered.
    pub fn take(model: &Model, option: Option<&str>) -> Result<Self, PlaceError> {
        let error = |word, namespace: &str| {
            let namespace = namespace.to_owned();
            move |error| PlaceError {
                word,
                namespace,
                error,
            }
        };
        let ipvs_namespace = match &model.ipvs_namespace {
            None => None,
            Some(IpvsNamespace::Default) => {
                let this = NetNamespace::this();
                Some(this.map_err(error("net_namespace_ipvs", "of this process"))?)
            }
            Some(IpvsNamespace::Named(NamedNamespace { name, .. })) => {
                let named = NetNamespace::named(name);
                Some(named.map_err(error("net_namespace_ipvs", name))?)
            }
        };
        let named = model.namespace.as_ref().map(|named| named.name.as_str());
        if let (Some(option), Some(named)) = (option, named)
            && option != named
        {
            tracing::warn!("net_namespace {named} has no effect: -s/--namespace says {option}");
        }
        let started_in = NetNamespace::this().ok();
        let (word, entered) = match option {
            Some(option) => ("-s/--namespace", Some(option)),
            None => ("net_namespace", named),
        };
        if let Some(name) = entered {
            NetNamespace::named(name)
                .and_then(|namespace| namespace.enter())
                .map_err(error(word, name))?;
        }
        // Where the table is where the director is, nothing has to be handed to anybody.
        let here = host::net_namespace().unwrap_or_default();
        Ok(Place {
            entered: entered.map(str::to_owned),
            ipvs: model.ipvs_namespace.clone(),
            ipvs_namespace: ipvs_namespace.filter(|it| it.inode() != here),
            started_in,
        })
    }

    /// What was said of the namespace of the IPVS table.
    pub fn of_table(&self) -> Option<&IpvsNamespace> {
        self.ipvs.as_ref()
    }

    /// The name of the namespace of the IPVS table, for `ip netns exec`; None is that in which
    /// ipvsd was started.
    pub fn table_name(&self) -> Option<&str> {
        match &self.ipvs {
            Some(IpvsNamespace::Named(NamedNamespace { name, .. })) => Some(name),
            Some(IpvsNamespace::Default) => None,
            None => self.entered.as_deref(),
        }
    }

    /// The same place with the table where another process was told that it is.
    ///
    /// # Errors
    /// Where that namespace is not there.
    pub fn with_table(mut self, ipvs: Option<&IpvsNamespace>) -> Result<Self, PlaceError> {
        if self.ipvs.as_ref() == ipvs {
            return Ok(self);
        }
        let namespace = match ipvs {
            None => None,
            Some(IpvsNamespace::Default) => self.started_in.take(),
            Some(IpvsNamespace::Named(NamedNamespace { name, .. })) => {
                let named = NetNamespace::named(name).map_err(|error| PlaceError {
                    word: "net_namespace_ipvs",
                    namespace: name.clone(),
                    error,
                })?;
                Some(named)
            }
        };
        let here = host::net_namespace().unwrap_or_default();
        self.ipvs_namespace = namespace.filter(|it| it.inode() != here);
        self.ipvs = ipvs.cloned();
        Ok(self)
    }

    /// The number of the network namespace of the IPVS table.
    ///
    /// # Errors
    /// Where /proc is not mounted.
    pub fn ipvs_inode(&self) -> io::Result<u64> {
        match &self.ipvs_namespace {
            Some(namespace) => Ok(namespace.inode()),
            None => host::net_namespace(),
        }
    }

    /// A socket to IPVS for a process that is not where the table is; None where it is.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn ipvs_socket(&self) -> io::Result<Option<OwnedFd>> {
        match &self.ipvs_namespace {
            Some(namespace) => namespace.inside(Ipvs::socket)?.map(Some),
            None => Ok(None),
        }
    }

    /// Does something where the table is; where that cannot be, here.
    pub fn at_the_table<T: Send>(&self, act: impl Fn() -> T + Send + Sync) -> T {
        match &self.ipvs_namespace {
            Some(namespace) => namespace.inside(&act).unwrap_or_else(|_| act()),
            None => act(),
        }
    }

    /// What another configuration says of the place and what therefore waits for a restart.
    pub fn differs(&self, model: &Model, option: Option<&str>) -> Vec<&'static str> {
        let named = model.namespace.as_ref().map(|named| named.name.as_str());
        let mut words = Vec::new();
        if option.is_none() && named != self.entered.as_deref() {
            words.push("net_namespace");
        }
        if model.ipvs_namespace != self.ipvs {
            words.push("net_namespace_ipvs");
        }
        words
    }
}

/// Does something in the namespace that a configuration, or the command line before it, is
/// for. None where that cannot be entered.
pub fn inside<T: Send>(
    model: &Model,
    option: Option<&str>,
    act: impl FnOnce() -> T + Send,
) -> Option<T> {
    let named = model.namespace.as_ref().map(|named| named.name.as_str());
    match option.or(named) {
        None => Some(act()),
        Some(name) => NetNamespace::named(name).ok()?.inside(act).ok(),
    }
}
