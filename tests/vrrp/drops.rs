//! Packets that do not count.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::{Input, Received};
use ipvsd::vrrp::packet::{DropKind, WireAuthentication};
use ipvsd::vrrp::settings::{Authentication, Delivery, Password, Peer, Unicast};
use ipvsd::vrrp::{Priority, State, Version};

use crate::bench::{
    Bench, Did, GROUP, GROUP_6, HIGHER, HIGHER_6, LOWER, Packet, address, at, instance, instance_6,
    ip, own, version_3,
};

const MASTER_DOWN: u64 = 3_609 + 1;

fn with_password() -> Bench {
    let mut settings = instance(0);
    settings.authentication = Authentication::Pass(Password::new("secret"));
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.drain();
    bench
}

fn good() -> Packet {
    Packet::new(0, HIGHER, 200).with_password("secret")
}

/// Every packet that a router with a password must not listen to, and why.
fn bad() -> Vec<(DropKind, Vec<u8>)> {
    let from = |change: fn(&mut Packet)| {
        let mut packet = good();
        change(&mut packet);
        packet.datagram()
    };
    // Changes that the checksum must not give away.
    let octets = |change: fn(&mut Vec<u8>)| {
        let mut datagram = good().datagram();
        change(&mut datagram);
        let mut sum = 0u32;
        datagram[26..28].fill(0);
        for pair in datagram[20..].chunks(2) {
            sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        }
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        datagram[26..28].copy_from_slice(&sum.to_be_bytes());
        datagram
    };
    vec![
        (DropKind::Ttl, from(|packet| packet.ttl = 254)),
        (DropKind::Interval, from(|packet| packet.interval = 2)),
        (
            DropKind::AuthenticationType,
            from(|packet| packet.authentication.kind = 0),
        ),
        (
            DropKind::AuthenticationType,
            from(|packet| packet.authentication.kind = 2),
        ),
        (
            DropKind::AuthenticationType,
            from(|packet| {
                packet.authentication = WireAuthentication {
                    kind: 0,
                    data: None,
                }
            }),
        ),
        (
            DropKind::Password,
            Packet::new(0, HIGHER, 200)
                .with_password("secreT")
                .datagram(),
        ),
        (
            DropKind::Password,
            Packet::new(0, HIGHER, 200)
                .with_password("secret12")
                .datagram(),
        ),
        (
            DropKind::Addresses,
            from(|packet| packet.addresses = vec![address(0, 81).address]),
        ),
        (
            DropKind::Addresses,
            from(|packet| packet.addresses.push(address(0, 81).address)),
        ),
        (DropKind::Addresses, from(|packet| packet.addresses.clear())),
        (DropKind::OwnAddress, from(|packet| packet.source = own(0))),
        (DropKind::Version, octets(|datagram| datagram[20] = 0x31)),
        (DropKind::Version, octets(|datagram| datagram[20] = 0x41)),
        (DropKind::Type, octets(|datagram| datagram[20] = 0x22)),
        (DropKind::Length, octets(|datagram| datagram[23] = 2)),
        (DropKind::Checksum, {
            let mut datagram = good().datagram();
            datagram[27] ^= 1;
            datagram
        }),
        (DropKind::Length, ip(HIGHER, GROUP, 255, &[0x21, 51, 200])),
    ]
}

#[test]
fn each_kind_is_named_and_moves_no_timer() {
    for (kind, datagram) in bad() {
        // As a backup …
        let mut bench = with_password();
        let wake = bench.router.wake();
        bench.hear_bytes(0, &datagram);
        assert_eq!(bench.router.wake(), wake, "{kind:?}");
        let report = bench.report(0);
        assert_eq!(report.counters.dropped.get(&kind), Some(&1), "{kind:?}");
        assert_eq!(report.counters.adverts_received, 0);
        assert_eq!(report.master, None);
        let told = bench.drain();
        let [
            Did::Told(
                _,
                Change::Dropped {
                    kind: said, detail, ..
                },
            ),
        ] = &told[..]
        else {
            panic!("{kind:?}: {told:?}");
        };
        assert_eq!(*said, kind);
        assert!(!detail.contains("secret"), "{detail}");

        // … and as a master.
        let mut bench = with_password();
        bench.until(MASTER_DOWN + 100);
        assert_eq!(bench.state(0), State::Master);
        let wake = bench.router.wake();
        bench.hear_bytes(0, &datagram);
        assert_eq!(bench.router.wake(), wake, "{kind:?}");
        assert_eq!(bench.state(0), State::Master, "{kind:?}");
    }
}

#[test]
fn the_good_one_counts() {
    let mut bench = with_password();
    bench.hear(0, &good());
    assert_eq!(bench.report(0).counters.adverts_received, 1);
    assert_eq!(bench.report(0).counters.dropped.len(), 0);
}

#[test]
fn order_of_addresses_does_not_matter_but_other_ones_do_whoever_says_so() {
    let mut settings = instance(0);
    settings.addresses = vec![address(0, 80), address(0, 81)];
    let mut bench = Bench::new(vec![settings], vec![]);
    let mut packet = Packet::new(0, HIGHER, 200);
    packet.addresses = vec![address(0, 81).address, address(0, 80).address];
    bench.hear(0, &packet);
    assert_eq!(bench.report(0).counters.adverts_received, 1);
    packet.addresses = vec![address(0, 80).address; 2];
    bench.hear(0, &packet);
    assert_eq!(bench.report(0).counters.adverts_received, 1);
    packet.priority = Priority::OWNER.0;
    bench.hear(0, &packet);
    assert_eq!(bench.report(0).counters.adverts_received, 1);
}

#[test]
fn another_router_may_have_the_virtual_address_as_its_own() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN);
    // The owner comes back: its adverts come from the address that this one has now.
    bench.hear(0, &Packet::new(0, [10, 0, 0, 80].into(), 255));
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn packets_for_others_are_counted_by_interface() {
    let mut bench = with_password();
    let mut packet = good();
    packet.vrid = 99;
    bench.hear(0, &packet);
    bench.hear(0, &packet);
    bench.hear_bytes(0, &[0x45, 0, 0]);
    bench.hear_bytes(0, &[0x60; 60]);
    let foreign = &bench.router.report().foreign["eth0"];
    assert_eq!(foreign[&DropKind::UnknownVrid], 2);
    assert_eq!(foreign[&DropKind::Length], 1);
    assert_eq!(foreign[&DropKind::Header], 1);
    // Another cluster is ordinary: told once, and not again for an hour.
    let told = |did: Vec<Did>| {
        did.iter()
            .filter(|did| {
                matches!(did, Did::Told(_, Change::Dropped { kind, .. })
                    if *kind == DropKind::UnknownVrid)
            })
            .count()
    };
    assert_eq!(told(bench.drain()), 1);
    assert_eq!(told(bench.until(3_599_000)), 0);
    assert_eq!(told(bench.until(3_601_000)), 1);
}

#[test]
fn a_flood_is_told_once_a_minute_with_its_count() {
    let mut bench = with_password();
    bench.until(MASTER_DOWN);
    let bogus = Packet::new(0, HIGHER, 200)
        .with_password("other")
        .datagram();
    let mut told = Vec::new();
    let mut adverts = 0;
    for second in 0..10 {
        let did = bench.until(MASTER_DOWN + second * 1_000);
        adverts += did
            .iter()
            .filter(|did| matches!(did, Did::Sent(..)))
            .count();
        for _ in 0..1_000 {
            bench.hear_bytes(0, &bogus);
        }
        told.extend(bench.drain());
    }
    assert_eq!(adverts, 9);
    told.extend(bench.until(MASTER_DOWN + 120_000));
    let counts: Vec<u64> = told
        .iter()
        .filter_map(|did| match did {
            Did::Told(_, Change::Dropped { count, .. }) => Some(*count),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [1, 9_999]);
    assert_eq!(
        bench.report(0).counters.dropped[&DropKind::Password],
        10_000
    );
}

#[test]
fn after_a_quiet_minute_the_next_one_is_told_at_once() {
    let mut bench = with_password();
    let bogus = Packet::new(0, HIGHER, 200).with_password("other");
    bench.hear(0, &bogus);
    assert_eq!(bench.drain().len(), 1);
    bench.now = at(61_000);
    bench.hear(0, &bogus);
    assert_eq!(bench.drain().len(), 1);
}

#[test]
fn alone_is_not_told_by_one_that_has_heard_anything_of_its_vrid() {
    let mut bench = with_password();
    bench.hear(0, &Packet::new(0, HIGHER, 200).with_password("other"));
    let did = bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
    assert!(
        !did.iter()
            .any(|did| matches!(did, Did::Told(_, Change::Alone)))
    );
}

/// The one thing that was told.
fn told(bench: &mut Bench) -> (DropKind, String) {
    match &bench.drain()[..] {
        [Did::Told(_, Change::Dropped { kind, detail, .. })] => (*kind, detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_peer_with_a_range_has_its_ttl_looked_at_and_only_peers_are_heard_if_so_wished() {
    let peer = |last, ttl| Peer {
        address: Ipv4Addr::new(10, 0, 0, last).into(),
        ttl,
    };
    let mut settings = instance(0);
    settings.delivery = Delivery::Unicast(Unicast {
        peers: vec![peer(6, 254..=255), peer(7, 0..=255)],
        ttl: 255,
        check_source: true,
    });
    let mut bench = Bench::new(vec![settings.clone()], vec![]);
    let message = Packet::new(0, HIGHER, 200).datagram()[20..].to_vec();
    let mut hear = |last: u8, ttl| {
        let source = Ipv4Addr::new(10, 0, 0, last);
        bench.hear_bytes(0, &ip(source, own(0), ttl, &message));
        bench.drain();
        bench.report(0).counters
    };
    assert_eq!(hear(6, 255).adverts_received, 1);
    assert_eq!(hear(6, 254).adverts_received, 2);
    assert_eq!(hear(6, 253).dropped, BTreeMap::from([(DropKind::Ttl, 1)]));
    assert_eq!(hear(7, 1).adverts_received, 3);
    let counters = hear(8, 255);
    assert_eq!(counters.dropped.get(&DropKind::Source), Some(&1));

    if let Delivery::Unicast(unicast) = &mut settings.delivery {
        unicast.check_source = false;
    }
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.hear_bytes(0, &ip(Ipv4Addr::new(10, 0, 0, 8), own(0), 1, &message));
    assert_eq!(bench.report(0).counters.adverts_received, 1);
}

#[test]
fn version_3_has_reasons_of_its_own() {
    let mut settings = instance(0);
    settings.version = Version::V3;
    let begin = || Bench::new(vec![settings.clone()], vec![]);
    let good = version_3(HIGHER.into(), GROUP.into(), 200, 100);
    let hear = |octets: &[u8]| {
        let mut bench = begin();
        bench.drain();
        let wake = bench.router.wake();
        bench.hear_bytes(0, &ip(HIGHER, GROUP, 255, octets));
        assert_eq!(bench.router.wake(), wake);
        told(&mut bench)
    };
    // The checksum is one of ones' complements: what one word loses another one gets.
    let mut octets = good.clone();
    octets[4..6].copy_from_slice(&0u16.to_be_bytes());
    let sum = u16::from_be_bytes([octets[6], octets[7]]) + 100;
    octets[6..8].copy_from_slice(&sum.to_be_bytes());
    let (kind, detail) = hear(&octets);
    assert_eq!(kind, DropKind::Interval);
    assert!(detail.contains("interval is 0"), "{detail}");

    for length in [8, 11] {
        assert_eq!(hear(&good[..length]).0, DropKind::Length);
    }
    let mut long = good.clone();
    long.extend([0; 8]);
    assert_eq!(hear(&long).0, DropKind::Length);

    // Reserved bits mean nothing, and any interval will do.
    let mut octets = good.clone();
    octets[4] |= 0xf0;
    let sum = u16::from_be_bytes([octets[6], octets[7]]);
    let sum = u32::from(sum) + 0xffff - 0xf000;
    let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
    octets[6..8].copy_from_slice(&sum.to_be_bytes());
    for octets in [octets, version_3(HIGHER.into(), GROUP.into(), 200, 4095)] {
        let mut bench = begin();
        bench.hear_bytes(0, &ip(HIGHER, GROUP, 255, &octets));
        assert_eq!(bench.report(0).counters.adverts_received, 1);
    }
}

#[test]
fn over_ipv6_it_is_the_hop_limit() {
    let mut bench = Bench::new(vec![instance_6()], vec![]);
    bench.drain();
    let message = version_3(HIGHER_6.into(), GROUP_6.into(), 200, 100);
    for hop_limit in [254, 255] {
        let packet = Received::V6 {
            source: HIGHER_6,
            destination: GROUP_6,
            hop_limit,
            message: &message,
        };
        let interface = 2;
        bench
            .router
            .handle(Input::Packet { interface, packet }, bench.now);
    }
    let (kind, detail) = told(&mut bench);
    assert_eq!(kind, DropKind::Ttl);
    assert!(detail.contains("hop limit is 254"), "{detail}");
    let counters = &bench.router.report().instances[0].counters;
    assert_eq!(counters.adverts_received, 1);
}

#[test]
fn whose_advert_was_heard_last_need_not_say_its_addresses_again() {
    let mut settings = instance(0);
    settings.skip_check_adv_addr = true;
    let mut bench = Bench::new(vec![settings], vec![]);
    let mut packet = Packet::new(0, HIGHER, 200);
    bench.hear(0, &packet);
    packet.addresses = vec![address(0, 81).address];
    bench.hear(0, &packet);
    assert_eq!(bench.report(0).counters.adverts_received, 2);
    packet.source = LOWER;
    bench.hear(0, &packet);
    let counters = bench.report(0).counters;
    assert_eq!(counters.adverts_received, 2);
    assert_eq!(counters.dropped, BTreeMap::from([(DropKind::Addresses, 1)]));
}
