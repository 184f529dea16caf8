//! Which instance a packet is for, where several have a VRID in common.

use std::net::{IpAddr, Ipv4Addr};

use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::settings::{Delivery, InstanceSettings, Peer, Unicast};
use ipvsd::vrrp::{State, Version};

use crate::bench::{
    Bench, GROUP, GROUP_6, HIGHER, HIGHER_6, LOWER, OWN_6, facts, instance, instance_6, own, sent,
};

const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 19);

pub fn peer(address: IpAddr) -> Peer {
    Peer {
        address,
        ttl: 0..=255,
    }
}

/// An instance of version 3 with VRID 51 on eth0.
fn named(name: &str, delivery: Delivery) -> InstanceSettings {
    InstanceSettings {
        name: name.to_owned(),
        version: Version::V3,
        delivery,
        ..instance(0)
    }
}

fn multicast(name: &str, group: Ipv4Addr) -> InstanceSettings {
    let group = group.into();
    named(name, Delivery::Multicast { group })
}

fn unicast(name: &str, peers: &[Ipv4Addr]) -> InstanceSettings {
    let unicast = Unicast {
        peers: peers
            .iter()
            .map(|address| peer((*address).into()))
            .collect(),
        ttl: 255,
        check_source: false,
    };
    named(name, Delivery::Unicast(unicast))
}

fn bench(instances: Vec<InstanceSettings>) -> Bench {
    let mut bench = Bench::new(vec![], vec![]);
    let mut facts = facts(0);
    facts.addresses.push((OWN_6.into(), 64));
    bench.interface(0, Some(facts));
    bench.reload(instances, vec![]);
    bench.drain();
    bench
}

/// Who has taken note of adverts.
fn heard(bench: &Bench) -> Vec<(String, u64)> {
    let reports = bench.router.report().instances.into_iter();
    reports
        .map(|report| (report.name, report.counters.adverts_received))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn once(name: &str) -> Vec<(String, u64)> {
    vec![(name.to_owned(), 1)]
}

#[test]
fn by_multicast_group() {
    let instances = || vec![multicast("A", GROUP), multicast("B", OTHER_GROUP)];
    for (group, name) in [(GROUP, "A"), (OTHER_GROUP, "B")] {
        let mut bench = bench(instances());
        bench.hear_3(HIGHER.into(), group.into(), 200, 100);
        assert_eq!(heard(&bench), once(name));
    }
}

#[test]
fn by_family() {
    let mut bench = bench(vec![multicast("A", GROUP), instance_6()]);
    bench.hear_3(HIGHER_6.into(), GROUP_6.into(), 200, 100);
    assert_eq!(heard(&bench), once("VI_6"));
}

#[test]
fn by_unicast_beside_multicast() {
    let instances = || vec![multicast("A", GROUP), unicast("B", &[HIGHER])];
    let mut one = bench(instances());
    one.hear_3(HIGHER.into(), own(0).into(), 200, 100);
    assert_eq!(heard(&one), once("B"));
    let mut two = bench(instances());
    two.hear_3(HIGHER.into(), GROUP.into(), 200, 100);
    assert_eq!(heard(&two), once("A"));
}

#[test]
fn by_peer() {
    let instances = || vec![unicast("A", &[LOWER]), unicast("B", &[HIGHER])];
    let stranger = Ipv4Addr::new(10, 0, 0, 77);
    for (source, name) in [(LOWER, "A"), (HIGHER, "B"), (stranger, "A")] {
        let mut bench = bench(instances());
        bench.hear_3(source.into(), own(0).into(), 200, 100);
        assert_eq!(heard(&bench), once(name), "{source}");
    }
}

#[test]
fn multicast_is_not_for_who_speaks_by_unicast() {
    let mut bench = bench(vec![unicast("A", &[HIGHER])]);
    bench.hear_3(HIGHER.into(), GROUP.into(), 200, 100);
    assert_eq!(heard(&bench), []);
    let foreign = bench.router.report().foreign;
    assert_eq!(foreign["eth0"][&DropKind::UnknownVrid], 1);
}

#[test]
fn every_peer_is_sent_an_advert_and_a_good_bye() {
    let mut bench = bench(vec![unicast("A", &[LOWER, HIGHER])]);
    let did = bench.until(3_610);
    assert_eq!(sent(&did), [(0, 100); 2]);
    assert_eq!(bench.router.report().instances[0].state, State::Master);
    assert_eq!(sent(&bench.stop()), [(0, 0); 2]);
}
