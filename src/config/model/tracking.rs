//! What instances and sync groups watch to decide who may be master.

use serde::{Deserialize, Serialize};

use super::Origin;

/// A thing that is watched, and what it does to the priority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Of an interface, or of the block that says what to watch.
    pub name: String,
    /// -254 to 254; 0 is FAULT when it fails. None is what its block says, and 0 for
    /// interfaces.
    pub weight: Option<i16>,
    /// Whether it counts the other way round; None is what its block says, and no for
    /// interfaces.
    pub is_reversed: Option<bool>,
    pub origin: Origin,
}

/// All that an instance or a sync group watches, each in the order of the file, no two
/// with the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    pub interfaces: Vec<Tracked>,
    /// `vrrp_script`.
    pub scripts: Vec<Tracked>,
    /// `track_file`.
    pub files: Vec<Tracked>,
    /// `vrrp_track_process`.
    pub processes: Vec<Tracked>,
    /// `bfd_instance`.
    pub bfds: Vec<Tracked>,
}
