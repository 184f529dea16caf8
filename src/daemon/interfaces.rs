//! What is wrong with the interfaces of a configuration on this host.

use std::fmt;

use nix::net::if_::if_nametoindex;
use serde::Serialize;

use crate::config::model::Model;

/// An interface that an instance names and this host does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsentInterface {
    pub interface: String,
    /// The instance that names it.
    pub instance: String,
    /// The one that its adverts use; otherwise only addresses are put on it.
    pub is_own: bool,
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
        match self.is_own {
            true => write!(
                f,
                "the instance {} waits in FAULT until it appears",
                self.instance
            ),
            false => write!(
                f,
                "the instance {} cannot put its addresses on it until it appears",
                self.instance
            ),
        }
    }
}

/// Interfaces that are not there now, in this network namespace.
pub fn absent(model: &Model) -> Vec<AbsentInterface> {
    let is_absent = |name: &str| if_nametoindex(name).is_err();
    let uses = model.interfaces.iter();
    uses.filter(|used| is_absent(&used.interface))
        .map(|used| AbsentInterface {
            interface: used.interface.clone(),
            instance: used.instance.clone(),
            is_own: used.is_own,
            file: model
                .files
                .get(usize::from(used.origin.file))
                .cloned()
                .unwrap_or_default(),
            line: used.origin.line,
        })
        .collect()
}
