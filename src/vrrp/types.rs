//! What VRRP knows by name, in the ranges that it allows (RFC 3768, RFC 9568).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A virtual router identifier, 1 to 255 (RFC 3768 section 5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vrid(u8);

impl Vrid {
    /// None for 0, which identifies nothing.
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            0 => None,
            _ => Some(Vrid(number)),
        }
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A priority as it stands in an advert, 0 to 255 (RFC 3768 section 5.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Priority(pub u8);

impl Priority {
    /// The master says that it stops being one.
    pub const RELEASE: Priority = Priority(0);
    /// What a router has that nobody has given a priority.
    pub const DEFAULT: Priority = Priority(100);
    /// The virtual addresses are the router's own.
    pub const OWNER: Priority = Priority(255);
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The version of the protocol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Version {
    /// RFC 3768: IPv4, whole seconds.
    #[default]
    V2,
    /// RFC 9568: IPv4 and IPv6, centiseconds.
    V3,
}

impl Version {
    pub fn number(self) -> u8 {
        match self {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }
}

/// The time between two adverts, in centiseconds, above 0: a whole number of seconds
/// up to 255 with version 2 (RFC 3768 section 5.3.7), up to 40.95 s with version 3
/// (RFC 9568 section 5.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AdvertInterval(u16);

impl AdvertInterval {
    /// One second, as both versions have it by default.
    pub const DEFAULT: AdvertInterval = AdvertInterval(100);

    /// The twelve bits of version 3 (RFC 9568 section 5.2.7): 40.95 s.
    pub const LONGEST_OF_V3: AdvertInterval = AdvertInterval(4095);

    /// Version 2. None for 0.
    pub const fn from_seconds(seconds: u8) -> Option<Self> {
        match seconds {
            0 => None,
            _ => Some(AdvertInterval(seconds as u16 * 100)),
        }
    }

    /// Version 3. None for 0 and above 4095.
    pub const fn from_centiseconds(centiseconds: u16) -> Option<Self> {
        match centiseconds {
            1..=4095 => Some(AdvertInterval(centiseconds)),
            _ => None,
        }
    }

    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    pub const fn centiseconds(self) -> u16 {
        self.0
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The state of an instance or of a sync group (RFC 3768 section 6.4). FAULT is
/// keepalived's: RFC routers whose interface is down are in INIT.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum State {
    /// Nothing has been looked at yet.
    #[default]
    Init,
    Backup,
    Master,
    /// It cannot take part: its interface is down or absent, or has no address.
    Fault,
}

impl State {
    /// As keepalived writes it in its log, and hands it to scripts.
    pub fn name(self) -> &'static str {
        match self {
            State::Init => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
