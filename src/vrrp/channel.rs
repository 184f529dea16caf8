//! What adverts come in by.

use std::fmt;
use std::net::IpAddr;

use super::settings::{Authentication, InstanceSettings};
use crate::family::Family;

/// Which adverts a socket is for, beside the interface that they come in by. All
/// instances for which it is the same share a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    pub family: Family,
    /// The multicast group that they are sent to, of this family; None is what is sent
    /// to this host alone.
    pub group: Option<IpAddr>,
    /// In an authentication header, which is another protocol. IPv4 only.
    pub in_header: bool,
}

impl Channel {
    /// What an instance's adverts come in by.
    pub fn of(instance: &InstanceSettings) -> Self {
        Channel {
            family: instance.family,
            group: instance.group(),
            in_header: matches!(instance.authentication, Authentication::Header(_)),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.in_header, self.family) {
            (true, _) => "adverts with an authentication header",
            (false, Family::V4) => "adverts",
            (false, Family::V6) => "IPv6 adverts",
        })?;
        match self.group {
            Some(group) => write!(f, " to {group}"),
            None => f.write_str(" to this host"),
        }
    }
}
