//! The intervals that everything is decided by (RFC 3768 section 6.1, RFC 9568 section
//! 6.1).

use std::time::Duration;

use super::settings::InstanceSettings;
use super::types::{AdvertInterval, Priority, Version};

/// How long a backup waits for an advert before it gives up a master that sends as often
/// as it would itself: as many intervals as `down_timer_adverts` says, and the skew.
pub fn master_down_interval(settings: &InstanceSettings) -> Duration {
    master_down_after(settings, settings.advert_interval)
}

/// The same of a master that has an interval of its own.
pub fn master_down_after(settings: &InstanceSettings, interval: AdvertInterval) -> Duration {
    adverts(settings, interval) + skew_time(settings, interval)
}

/// By which routers of higher priority come first: (256 - priority) / 256, of a second
/// with version 2, of the master's interval with version 3.
pub fn skew_time(settings: &InstanceSettings, interval: AdvertInterval) -> Duration {
    skew(settings.version, interval, settings.priority)
}

/// How long others wait at least before they give this one up, if it is master: what
/// one of this priority waits.
pub fn patience_of_others(settings: &InstanceSettings, priority: Priority) -> Duration {
    let interval = settings.advert_interval;
    adverts(settings, interval) + skew(settings.version, interval, priority)
}

/// The adverts that have to be missing, with the one that is due.
fn adverts(settings: &InstanceSettings, interval: AdvertInterval) -> Duration {
    interval.as_duration() * u32::from(settings.down_timer_adverts)
}

fn skew(version: Version, interval: AdvertInterval, priority: Priority) -> Duration {
    let whole = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => interval.as_duration(),
    };
    whole * (256 - u32::from(priority.0)) / 256
}
