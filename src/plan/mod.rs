//! What a configuration would change: in the kernel's IPVS table and in the running
//! director. Pure: what the director knows and what the kernel has is given.
//!
//! The kernel's part is made as a reload makes it: the same pools from the same memory,
//! and the same [`reconcile`](crate::lvs::reconcile()). The other part puts the difference
//! of the two configurations ([`config::diff`](crate::config::diff)) into words.

mod kernel;
mod lines;
mod words;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;

use crate::config::model::Model;
use crate::lvs::pool::Memory;
use crate::lvs::{ServiceKey, Table};
use crate::moment::Moment;
use crate::vrrp::types::State;

pub use kernel::{KernelChange, wanted};
pub use words::{ConfigurationChange, What};

/// Whether something comes, goes or is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    Add,
    Remove,
    Change,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sign::Add => "+",
            Sign::Remove => "-",
            Sign::Change => "~",
        })
    }
}

/// What a director knows, or what one would begin with.
#[derive(Clone, Debug)]
pub struct Known {
    /// The configuration in force; an empty one where no director runs.
    pub model: Model,
    pub memory: Memory,
    /// The virtual servers that the record says are ours.
    pub owned: HashSet<ServiceKey>,
    /// Where instances stand, by their names.
    pub instances: BTreeMap<String, State>,
    /// What it serves by its command line.
    pub serves: Serves,
    /// Before anything else the table is emptied, of everybody's: a start with `lvs_flush`.
    pub flushes: bool,
}

/// `-P` and `-C` leave one of them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serves {
    pub virtual_servers: bool,
    pub vrrp: bool,
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// An entry for each operation, in the order in which they would be sent; those that
    /// remove whole virtual servers come last, and among them there is none.
    pub kernel: Vec<KernelChange>,
    /// Virtual servers, then instances and groups, each in the order of the file.
    pub configuration: Vec<ConfigurationChange>,
}

impl Plan {
    /// What `model` would change where `actual` is in the kernel: all of it that is owned
    /// or wanted by `model`, and whatever else.
    pub fn new(known: &Known, model: &Model, actual: &Table, now: Moment) -> Self {
        Plan {
            kernel: match known.serves.virtual_servers {
                true => kernel::changes(known, model, actual, now),
                false => Vec::new(),
            },
            configuration: words::changes(known, model),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.kernel.is_empty() && self.configuration.is_empty()
    }
}
