//! The wall clock, for those instances that number their adverts by it.

use std::time::Duration;

use crate::sys::clock;
use crate::vrrp::input::WallClock;
use crate::vrrp::settings::{Authentication, InstanceSettings};

/// By how much it has to be set to be told of. Less is not worth it: windows are of
/// seconds, and sequences grow whatever the clock does.
const STEP: Duration = Duration::from_millis(1);

/// Looks at the wall clock where somebody needs it.
#[derive(Default)]
pub struct WallClockWatch {
    is_wanted: bool,
    told: Option<WallClock>,
}

impl WallClockWatch {
    /// Whether it is looked at is the instances' business.
    pub fn want(&mut self, instances: &[InstanceSettings]) {
        // The first number in an authentication header is taken from it as well.
        let has_numbers = |instance: &InstanceSettings| match instance.authentication {
            Authentication::Hmac(_) | Authentication::Header(_) => true,
            Authentication::None | Authentication::Pass(_) => false,
        };
        self.is_wanted = instances.iter().any(has_numbers);
        if !self.is_wanted {
            self.told = None;
        }
    }

    /// What the router is to be told: at first, and whenever somebody has set the clock.
    pub fn look(&mut self) -> Option<WallClock> {
        if !self.is_wanted {
            return None;
        }
        self.take(WallClock(clock::epoch()))
    }

    fn take(&mut self, clock: WallClock) -> Option<WallClock> {
        let is_same = |told: WallClock| told.0.abs_diff(clock.0) <= STEP;
        if self.told.is_some_and(is_same) {
            return None;
        }
        self.told = Some(clock);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::family::Family;
    use crate::vrrp::Vrid;
    use crate::vrrp::settings::{AntiReplay, Hmac, HmacMode, Key, Password};

    fn instance() -> InstanceSettings {
        InstanceSettings::new("VI_1", "eth0", Vrid::new(51).unwrap(), Family::V4)
    }

    fn signing() -> InstanceSettings {
        let hmac = Hmac {
            keys: BTreeMap::from([(1, Key(vec![7; 32]))]),
            active_key: 1,
            anti_replay: AntiReplay::Monotonic,
            mode: HmacMode::Enforce,
        };
        InstanceSettings {
            authentication: Authentication::Hmac(hmac),
            ..instance()
        }
    }

    #[test]
    fn it_is_told_once_and_after_every_step() {
        let mut watch = WallClockWatch::default();
        watch.want(&[instance(), signing()]);
        let at = |micros: u64| WallClock(Duration::from_micros(1_700_000_000_000_000 + micros));
        assert_eq!(watch.take(at(0)), Some(at(0)));
        for micros in [0, 900, 1_000] {
            assert_eq!(watch.take(at(micros)), None);
        }
        // Nor do many small ones go unseen.
        assert_eq!(watch.take(at(1_001)), Some(at(1_001)));
        assert_eq!(watch.take(at(0)), Some(at(0)));
    }

    #[test]
    fn nobody_looks_where_nobody_signs() {
        let mut watch = WallClockWatch::default();
        let with = |authentication| InstanceSettings {
            authentication,
            ..instance()
        };
        let password = Password::new("secret");
        watch.want(&[instance(), with(Authentication::Pass(password))]);
        assert_eq!(watch.look(), None);
        watch.want(&[signing()]);
        assert!(watch.look().is_some());
        assert_eq!(watch.look(), None);
        watch.want(&[]);
        watch.want(&[with(Authentication::Header(password))]);
        assert!(watch.look().is_some());
    }
}
