//! A router that has everything to do with adverts that can be configured.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::input::InterfaceFacts;
use ipvsd::vrrp::settings::{
    AntiReplay, Authentication, ChecksumForm, Delivery, GroupSettings, Hmac, HmacMode,
    InstanceSettings, Key, Password, Peer, RouterSettings, Unicast, VirtualAddress,
};
use ipvsd::vrrp::{AdvertInterval, Priority, Version, Vrid};

/// The one interface.
pub const INTERFACE: (u32, &str) = (2, "eth0");

/// What no text may show.
pub const SECRETS: [&str; 2] = ["confidential", "sesame"];

/// The last octets of other routers' addresses. Few enough for all to be remembered.
pub const OTHERS: std::ops::Range<u8> = 10..26;

/// The address of a host of the network.
pub fn host(family: Family, last: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, 0, last).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into()).into(),
    }
}

/// The router's own one.
pub const OWN: u8 = 5;

pub fn facts(is_up: bool) -> InterfaceFacts {
    InterfaceFacts {
        index: INTERFACE.0,
        is_up,
        hardware_address: Some([2, 0, 0, 0, 0, OWN]),
        addresses: vec![(host(Family::V4, OWN), 24), (host(Family::V6, OWN), 64)],
        unusable: Vec::new(),
        is_router: false,
    }
}

/// The settings; two variants for reloads.
pub fn router(other: bool) -> RouterSettings {
    let instances = instances(other);
    let members = instances[..2].iter().map(|it| it.name.clone()).collect();
    RouterSettings {
        instances,
        groups: vec![GroupSettings {
            name: "VG".to_owned(),
            members,
        }],
        ..RouterSettings::default()
    }
}

fn instances(other: bool) -> Vec<InstanceSettings> {
    let password = || Password::new(SECRETS[1]);
    let time = AntiReplay::Time {
        window: Duration::from_secs(5),
    };
    let monotonic = AntiReplay::Monotonic;
    let kinds: Vec<Kind> = vec![
        Box::new(|_| {}),
        Box::new(move |it| it.authentication = Authentication::Pass(password())),
        Box::new(move |it| it.authentication = Authentication::Header(password())),
        Box::new(move |it| it.authentication = hmac(time, HmacMode::Enforce)),
        Box::new(move |it| {
            it.version = Version::V3;
            it.authentication = hmac(monotonic, HmacMode::Enforce);
            it.advert_interval = AdvertInterval::from_centiseconds(20).unwrap();
        }),
        Box::new(move |it| {
            it.version = Version::V3;
            it.authentication = hmac(time, HmacMode::Permissive);
            it.preempt = false;
        }),
        Box::new(|it| {
            it.version = Version::V3;
            it.skip_check_adv_addr = true;
        }),
        Box::new(|it| {
            it.version = Version::V3;
            it.checksum = ChecksumForm::MessageOnly;
            it.priority = Priority::OWNER;
        }),
        Box::new(|it| {
            it.delivery = unicast(true);
            it.higher_prio_send_advert = false;
        }),
        Box::new(move |it| {
            it.delivery = unicast(false);
            it.authentication = Authentication::Header(password());
        }),
        Box::new(|it| {
            it.version = Version::V3;
            it.delivery = unicast(true);
            it.checksum = ChecksumForm::GroupInUnicast;
        }),
        Box::new(is_v6),
        Box::new(move |it| {
            is_v6(it);
            it.authentication = hmac(time, HmacMode::Enforce);
        }),
    ];
    (1..)
        .zip(kinds)
        .map(|(number, kind)| {
            let mut instance = InstanceSettings::new(
                &format!("VI_{number}"),
                INTERFACE.1,
                Vrid::new(number).unwrap(),
                Family::V4,
            );
            kind(&mut instance);
            instance.addresses = [100, 120]
                .map(|last| virtual_address(instance.family, last + number))
                .to_vec();
            if other {
                instance.priority = Priority(instance.priority.0 / 2 + 3);
                instance.addresses.pop();
            }
            instance
        })
        .collect()
}

/// What makes one instance different from others.
type Kind = Box<dyn Fn(&mut InstanceSettings)>;

fn is_v6(instance: &mut InstanceSettings) {
    instance.family = Family::V6;
    instance.version = Version::V3;
    instance.delivery = Delivery::Multicast {
        group: Delivery::group(Family::V6),
    };
}

fn hmac(anti_replay: AntiReplay, mode: HmacMode) -> Authentication {
    let key = SECRETS[0].repeat(3);
    Authentication::Hmac(Hmac {
        keys: BTreeMap::from([(1, Key(key.into_bytes())), (2, Key(vec![7; 64]))]),
        active_key: 1,
        anti_replay,
        mode,
    })
}

/// The first three of the others are peers.
fn unicast(check_source: bool) -> Delivery {
    let peers = OTHERS.take(3).map(|last| Peer {
        address: host(Family::V4, last),
        ttl: if last == OTHERS.start {
            254..=255
        } else {
            0..=255
        },
    });
    Delivery::Unicast(Unicast {
        peers: peers.collect(),
        ttl: 255,
        check_source,
    })
}

fn virtual_address(family: Family, last: u8) -> VirtualAddress {
    let address = host(family, last);
    VirtualAddress {
        address,
        prefix: family.address_bits(),
        interface: INTERFACE.1.to_owned(),
        broadcast: None,
        scope: 0,
        label: None,
        options: Default::default(),
    }
}
