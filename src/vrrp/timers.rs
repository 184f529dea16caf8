//! The intervals that everything is decided by (RFC 3768 section 6.1, RFC 9568 section
//! 6.1).

use std::time::Duration;

use super::settings::InstanceSettings;
use super::types::{Priority, Version};

/// Adverts that may be lost before a master is given up, with the one that is due.
const ADVERTS: u32 = 3;

/// How long a backup waits for an advert before it gives the master up: three
/// intervals and the skew.
pub fn master_down_interval(settings: &InstanceSettings) -> Duration {
    settings.advert_interval.as_duration() * ADVERTS + skew_time(settings)
}

/// By which routers of higher priority come first: (256 - priority) / 256, of a second
/// with version 2, of the interval with version 3.
pub fn skew_time(settings: &InstanceSettings) -> Duration {
    skew(settings, settings.priority)
}

/// How long others wait at least before they give this one up, if it is master: what
/// the one of the highest priority waits.
pub fn patience_of_others(settings: &InstanceSettings) -> Duration {
    settings.advert_interval.as_duration() * ADVERTS + skew(settings, Priority::OWNER)
}

fn skew(settings: &InstanceSettings, priority: Priority) -> Duration {
    let whole = match settings.version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => settings.advert_interval.as_duration(),
    };
    whole * (256 - u32::from(priority.0)) / 256
}
