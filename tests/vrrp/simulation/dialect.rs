//! How the routers of a story speak: all of them in the same way, as they must.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::settings::{
    AntiReplay, Authentication, Delivery, Hmac, HmacMode, InstanceSettings, Key, Password, Peer,
    Unicast, VirtualAddress,
};
use ipvsd::vrrp::{AdvertInterval, Version};

use super::mishaps::LONGEST_STEP;
use super::plan::{SECOND, Time};
use super::random::Random;
use crate::bench::ms;

/// What all instances of a story have in common.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub version: Version,
    pub family: Family,
    pub is_unicast: bool,
    /// Adverts that have to be missing.
    pub down_timer_adverts: u8,
    pub security: Security,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    None,
    Pass,
    Header,
    /// `auth_hmac` with a window of so many seconds; None is `anti_replay monotonic`.
    Hmac(Option<u64>),
}

impl Dialect {
    pub fn new(random: &mut Random) -> Self {
        let (version, family) = random.pick(&[
            (Version::V2, Family::V4),
            (Version::V2, Family::V4),
            (Version::V3, Family::V4),
            (Version::V3, Family::V6),
        ]);
        let hmac = Security::Hmac(random.pick(&[None, Some(5), Some(5), Some(20)]));
        let security = match version {
            Version::V2 => random.pick(&[
                Security::None,
                Security::None,
                Security::Pass,
                Security::Header,
                hmac,
            ]),
            Version::V3 => random.pick(&[Security::None, hmac]),
        };
        Dialect {
            version,
            family,
            is_unicast: random.percent(35),
            down_timer_adverts: random.pick(&[3, 3, 3, 2, 5]),
            security,
        }
    }

    /// The interval of the cluster.
    pub fn interval(&self, random: &mut Random) -> AdvertInterval {
        let centiseconds = match self.version {
            Version::V2 => random.pick(&[100, 100, 100, 200, 300]),
            Version::V3 => random.pick(&[100, 100, 50, 30, 200]),
        };
        AdvertInterval::from_centiseconds(centiseconds).expect("an interval")
    }

    /// That of one of its routers: with version 3 it may be another one, for backups
    /// go by the master's.
    pub fn own_interval(&self, of_all: AdvertInterval, random: &mut Random) -> AdvertInterval {
        let centiseconds = of_all.centiseconds();
        let own = match self.version {
            Version::V2 => centiseconds,
            Version::V3 => random.pick(&[
                centiseconds,
                centiseconds,
                centiseconds,
                centiseconds / 2,
                centiseconds * 2,
            ]),
        };
        AdvertInterval::from_centiseconds(own).expect("an interval")
    }

    /// Puts all of it into the settings of a router's instance, one of several.
    pub fn apply(&self, settings: &mut InstanceSettings, link: u8, host: u8, hosts: &[u8]) {
        settings.version = self.version;
        settings.family = self.family;
        settings.down_timer_adverts = self.down_timer_adverts;
        settings.delivery = if self.is_unicast {
            let others = hosts.iter().filter(|other| **other != host);
            Delivery::Unicast(Unicast {
                peers: others
                    .map(|other| Peer {
                        address: source(self.family, link, *other),
                        ttl: 0..=255,
                    })
                    .collect(),
                ttl: 255,
                check_source: link.is_multiple_of(2),
            })
        } else {
            Delivery::Multicast {
                group: Delivery::group(self.family),
            }
        };
        settings.authentication = self.authentication(1, HmacMode::Enforce);
    }

    pub fn authentication(&self, active_key: u8, mode: HmacMode) -> Authentication {
        let password = Password::new("secret");
        match self.security {
            Security::None => Authentication::None,
            Security::Pass => Authentication::Pass(password),
            Security::Header => Authentication::Header(password),
            Security::Hmac(window) => Authentication::Hmac(Hmac {
                keys: BTreeMap::from([(1, Key(vec![7; 32])), (2, Key(vec![9; 48]))]),
                active_key,
                anti_replay: match window {
                    Some(seconds) => AntiReplay::Time {
                        window: Duration::from_secs(seconds),
                    },
                    None => AntiReplay::Monotonic,
                },
                mode,
            }),
        }
    }

    /// How long a clock that has been set may keep routers from believing each other:
    /// what was signed while it was ahead lies in the future for as long as it was, and
    /// one that next signs when that is about to be in the window is doubted until it is.
    pub fn disbelief(&self) -> Time {
        match self.security {
            Security::Hmac(Some(window)) => (window + 1 + LONGEST_STEP as u64) * SECOND,
            _ => 0,
        }
    }

    pub fn virtual_address(&self, link: u8) -> VirtualAddress {
        let address = match self.family {
            Family::V4 => Ipv4Addr::new(10, 0, link, 80).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, link.into(), 0, 0, 0, 0x80).into(),
        };
        VirtualAddress {
            address,
            prefix: self.family.address_bits(),
            interface: format!("eth{link}"),
            broadcast: None,
            scope: 0,
            label: None,
            options: Default::default(),
        }
    }
}

/// The own address of a host.
pub fn source(family: Family, link: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, link, host).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, link.into(), host.into()).into(),
    }
}

/// How long a router stays apart when its host starts.
pub fn startup_delay(random: &mut Random) -> Duration {
    ms(random.pick(&[0, 0, 0, 0, 1_000, 4_000]))
}
