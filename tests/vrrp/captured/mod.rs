//! What keepalived has put on the wire, in both directions: it is understood here, and
//! an instance configured like it sends the same, octet for octet.

mod receiving;
mod sending;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::moment::Moment;
use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::{Action, Advert, Input, InterfaceFacts, Received, WallClock};
use ipvsd::vrrp::memory::{InstanceReport, Memory};
use ipvsd::vrrp::packet::{Datagram, DropKind, Envelope};
use ipvsd::vrrp::settings::{
    AntiReplay, Authentication, ChecksumForm, Delivery, Hmac, HmacMode, InstanceSettings, Key,
    Password, Peer, Unicast, VirtualAddress,
};
use ipvsd::vrrp::{AdvertInterval, Priority, Router, State, Version, Vrid};

use crate::bench::settings;
use crate::pcap::{self, Captured};

/// A capture, and the configuration beside it as ipvsd knows it.
struct Vector {
    name: &'static str,
    adverts: Vec<Captured>,
    settings: InstanceSettings,
}

macro_rules! vector {
    ($name:literal, $settings:expr) => {
        Vector {
            name: $name,
            adverts: pcap::adverts(include_bytes!(concat!("../vectors/", $name, ".pcap"))),
            settings: $settings,
        }
    };
}

fn vectors() -> Vec<Vector> {
    let v2 = || base(Family::V4);
    let v3 = || InstanceSettings {
        version: Version::V3,
        ..base(Family::V4)
    };
    let often = |settings| InstanceSettings {
        advert_interval: AdvertInterval::from_centiseconds(50).unwrap(),
        ..settings
    };
    let with = |authentication, settings| InstanceSettings {
        authentication,
        ..settings
    };
    let password = |text| Password::new(text);
    let by_unicast = |settings| InstanceSettings {
        delivery: Delivery::Unicast(Unicast {
            peers: vec![peer([10, 0, 0, 6])],
            ttl: 255,
            check_source: false,
        }),
        source: Some([10, 0, 0, 5].into()),
        ..settings
    };
    vec![
        vector!("v2-plain", v2()),
        vector!(
            "v2-pass",
            with(Authentication::Pass(password("1111")), v2())
        ),
        vector!(
            "v2-ah",
            with(Authentication::Header(password("secret12")), v2())
        ),
        vector!("v2-hmac-time", with(hmac(1, TIME), v2())),
        vector!("v2-unicast", by_unicast(v2())),
        vector!("v3-ipv4", often(v3())),
        vector!(
            "v3-ipv4-checksum-as-v2",
            InstanceSettings {
                checksum: ChecksumForm::MessageOnly,
                ..often(v3())
            }
        ),
        vector!("v3-ipv4-hmac-time", with(hmac(2, TIME), v3())),
        vector!(
            "v3-ipv4-hmac-monotonic",
            with(hmac(1, AntiReplay::Monotonic), v3())
        ),
        vector!("v3-unicast", by_unicast(v3())),
        vector!("v3-ipv6", often(base(Family::V6))),
        vector!("v3-ipv6-hmac-time", with(hmac(1, TIME), base(Family::V6))),
    ]
}

const TIME: AntiReplay = AntiReplay::Time {
    window: Duration::from_secs(5),
};

/// The keys of all captures.
fn hmac(active_key: u8, anti_replay: AntiReplay) -> Authentication {
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    Authentication::Hmac(Hmac {
        keys: BTreeMap::from([(1, Key((0..32).collect())), (2, Key(letters.to_vec()))]),
        active_key,
        anti_replay,
        mode: HmacMode::Enforce,
    })
}

fn peer(address: [u8; 4]) -> Peer {
    Peer {
        address: address.into(),
        ttl: 0..=255,
    }
}

/// What all captures of a family have in common: an owner with two addresses.
fn base(family: Family) -> InstanceSettings {
    let addresses: [(IpAddr, u8); 2] = match family {
        Family::V4 => [([10, 0, 0, 50].into(), 24), ([10, 0, 0, 51].into(), 24)],
        Family::V6 => [
            ("fe80::51".parse().unwrap(), 128),
            ("fd00::50".parse().unwrap(), 64),
        ],
    };
    InstanceSettings {
        addresses: addresses
            .map(|(address, prefix)| VirtualAddress {
                address,
                prefix,
                interface: "eth0".to_owned(),
                broadcast: None,
                scope: 0,
                label: None,
                options: Default::default(),
            })
            .to_vec(),
        initial_state: State::Master,
        priority: Priority::OWNER,
        ..InstanceSettings::new("V", "eth0", Vrid::new(51).unwrap(), family)
    }
}

/// The interface of the host that ends on this number.
fn facts(host: u8) -> InterfaceFacts {
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, host.into());
    InterfaceFacts {
        index: 2,
        is_up: true,
        hardware_address: Some([2, 0, 0, 0, 0, host]),
        addresses: vec![
            (Ipv4Addr::new(10, 0, 0, host).into(), 24),
            (local.into(), 64),
        ],
        unusable: Vec::new(),
        is_router: false,
    }
}

impl Vector {
    fn envelope(&self, datagram: &Datagram<'_>) -> Envelope {
        Envelope {
            source: datagram.source,
            destination: datagram.destination,
            checksum: self.settings.checksum,
        }
    }
}

/// A router that is told of its interface when the wall clock shows a certain time.
struct Host {
    router: Router,
    now: Moment,
}

impl Host {
    fn new(instance: InstanceSettings) -> Self {
        let now = Moment::since_boot(Duration::from_secs(1_000));
        let all = settings(vec![instance], Vec::new());
        Host {
            router: Router::new(all, &Memory::default(), now),
            now,
        }
    }

    fn set_wall_clock(&mut self, time: Duration) {
        // Before 1970 where a capture wants to begin at 0.
        let clock = time.saturating_sub(self.now.elapsed_since_boot());
        self.router
            .handle(Input::WallClock(WallClock(clock)), self.now);
    }

    fn interface(&mut self, facts: InterfaceFacts) {
        let facts = Some(facts);
        let name = "eth0";
        self.router
            .handle(Input::Interface { name, facts }, self.now);
    }

    fn hear(&mut self, packet: Received<'_>) {
        let interface = 2;
        self.router
            .handle(Input::Packet { interface, packet }, self.now);
    }

    fn sent(&mut self) -> Vec<Advert> {
        let actions = std::iter::from_fn(|| self.router.next_action());
        let adverts = actions.filter_map(|action| match action {
            Action::Send(advert) => Some(advert),
            _ => None,
        });
        adverts.collect()
    }

    fn told(&mut self) -> Vec<Change> {
        let actions = std::iter::from_fn(|| self.router.next_action());
        let told = actions.filter_map(|action| match action {
            Action::Tell(event) => Some(event.change),
            _ => None,
        });
        told.collect()
    }

    fn report(&self) -> InstanceReport {
        self.router.report().instances[0].clone()
    }

    fn dropped(&self) -> BTreeMap<DropKind, u64> {
        self.report().counters.dropped
    }
}
