//! Virtual servers that are for more than one address.

use std::fmt::{self, Display};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::lvs::Family;

/// `virtual_server_group`: addresses and marks that virtual servers are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServerGroup {
    /// Not empty; no other group has it.
    pub name: String,
    /// In the order of the file; at least one.
    pub entries: Vec<GroupEntry>,
    pub origin: Origin,
}

/// A line of a [`VirtualServerGroup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupEntry {
    /// All addresses from `first` to `last`, which are of one family and in this order.
    Addresses {
        first: IpAddr,
        last: IpAddr,
        /// 0 is every port.
        port: u16,
    },
    /// A mark other than 0. Without a family, that of the real servers.
    Fwmark { mark: u32, family: Option<Family> },
}

impl GroupEntry {
    /// The family that the line is for, where it says so itself.
    pub fn family(&self) -> Option<Family> {
        match self {
            GroupEntry::Addresses { first, .. } => Some(Family::of(*first)),
            GroupEntry::Fwmark { family, .. } => *family,
        }
    }
}

/// As a line of the block.
impl Display for GroupEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupEntry::Addresses { first, last, port } if first == last => {
                write!(f, "{first} {port}")
            }
            GroupEntry::Addresses { first, last, port } => write!(f, "{first}-{last} {port}"),
            GroupEntry::Fwmark { mark, family } => {
                write!(f, "fwmark {mark}")?;
                match family {
                    None => Ok(()),
                    Some(family) => write!(f, " {}", family.word()),
                }
            }
        }
    }
}
