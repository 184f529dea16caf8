//! Where adverts come from, and what it means that there is no such address.

use std::net::{IpAddr, Ipv6Addr};

use ipvsd::family::Family;
use ipvsd::vrrp::event::Why;
use ipvsd::vrrp::input::Action;
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{Delivery, InstanceSettings, Unicast};
use ipvsd::vrrp::{InterfaceFacts, Priority, State};

use crate::bench::{
    Bench, HIGHER, OWN_6, VIRTUAL_6, address, at, entered, facts, instance, instance_6, own, sent,
};

const MASTER_DOWN: u64 = 3_609 + 1;
const GLOBAL: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);

fn with_addresses(addresses: &[IpAddr]) -> InterfaceFacts {
    InterfaceFacts {
        addresses: addresses.iter().map(|address| (*address, 64)).collect(),
        ..facts(0)
    }
}

fn bench(settings: InstanceSettings, facts: InterfaceFacts) -> Bench {
    let mut bench = Bench::bare(vec![settings], vec![], &Memory::default(), at(0));
    bench.interface(0, Some(facts));
    bench
}

/// Where the adverts of a new master come from.
fn source(bench: &mut Bench) -> IpAddr {
    while let Some(wake) = bench.router.wake().filter(|wake| *wake <= at(10_000)) {
        bench.now = bench.now.max(wake);
        bench.router.on_time(bench.now);
        while let Some(action) = bench.router.next_action() {
            if let Action::Send(advert) = action {
                return advert.source;
            }
        }
    }
    panic!("it sends nothing");
}

fn why(bench: &Bench) -> Why {
    bench.router.report().instances[0].why.clone()
}

#[test]
fn with_ipv6_it_is_the_link_local_address_that_is_not_virtual() {
    let facts = with_addresses(&[VIRTUAL_6.into(), GLOBAL.into(), OWN_6.into()]);
    let mut bench = bench(instance_6(), facts);
    assert_eq!(source(&mut bench), IpAddr::from(OWN_6));
}

#[test]
fn with_ipv6_a_global_address_is_not_enough() {
    let mut bench = bench(instance_6(), with_addresses(&[GLOBAL.into()]));
    assert_eq!(entered(&bench.drain()), [("VI_6", State::Fault)]);
    let family = Family::V6;
    let interface = "eth0".to_owned();
    assert_eq!(why(&bench), Why::NoAddress { interface, family });
    // The kernel still asks whether somebody has it.
    let mut tentative = with_addresses(&[GLOBAL.into(), OWN_6.into()]);
    tentative.unusable = vec![OWN_6.into()];
    bench.interface(0, Some(tentative.clone()));
    assert_eq!(bench.drain(), []);
    tentative.unusable.clear();
    bench.interface(0, Some(tentative));
    assert_eq!(entered(&bench.drain()), [("VI_6", State::Backup)]);
}

#[test]
fn the_configured_address_is_sent_from_wherever_it_stands() {
    let second: IpAddr = [10, 0, 0, 7].into();
    let mut settings = instance(0);
    settings.source = Some(second);
    let facts = with_addresses(&[own(0).into(), second]);
    assert_eq!(source(&mut bench(settings, facts)), second);

    let mut settings = instance_6();
    settings.source = Some(GLOBAL.into());
    let facts = with_addresses(&[OWN_6.into(), GLOBAL.into()]);
    assert_eq!(source(&mut bench(settings, facts)), IpAddr::from(GLOBAL));
}

fn unicast(peers: &[IpAddr]) -> InstanceSettings {
    InstanceSettings {
        delivery: Delivery::Unicast(Unicast {
            peers: peers.iter().copied().map(crate::places::peer).collect(),
            ttl: 255,
            check_source: false,
        }),
        ..instance(0)
    }
}

#[test]
fn a_unicast_address_that_is_missing_is_a_fault_until_it_comes() {
    let source: IpAddr = [10, 0, 0, 7].into();
    let mut settings = unicast(&[HIGHER.into()]);
    settings.source = Some(source);
    let mut bench = bench(settings, facts(0));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Fault)]);
    let interface = "eth0".to_owned();
    assert_eq!(why(&bench), Why::SourceMissing { interface, source });

    bench.interface(0, Some(with_addresses(&[own(0).into(), source])));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);

    // It goes while it is master: it says good-bye with it all the same.
    bench.interface(0, Some(facts(0)));
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 0)]);
    assert_eq!(entered(&did), [("VI_0", State::Fault)]);
}

/// As keepalived does it; some hide the sender so.
#[test]
fn a_multicast_address_is_sent_from_wherever_it_is() {
    let elsewhere: IpAddr = [10, 9, 9, 9].into();
    let mut settings = instance(0);
    settings.source = Some(elsewhere);
    assert_eq!(source(&mut bench(settings.clone(), facts(0))), elsewhere);
    // Not while the kernel still asks whether somebody else has it.
    let mut tentative = with_addresses(&[own(0).into(), elsewhere]);
    tentative.unusable = vec![elsewhere];
    let mut bench = bench(settings, tentative);
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Fault)]);
    bench.interface(0, Some(facts(0)));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

/// The owner has no address but the virtual one, and may be told to use that.
#[test]
fn an_owner_sends_from_the_virtual_address_that_is_its_own() {
    let virtual_address = address(0, 80).address;
    for configured in [None, Some(virtual_address)] {
        let mut settings = instance(0);
        settings.priority = Priority::OWNER;
        settings.source = configured;
        let mut facts = facts(0);
        facts.addresses = vec![(virtual_address, 32)];
        let mut bench = bench(settings, facts);
        assert_eq!(sent(&bench.drain()), [(0, 255)]);
    }
}

#[test]
fn unicast_without_peers_is_a_fault_until_there_are_some() {
    let mut bench = bench(unicast(&[]), facts(0));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Fault)]);
    assert_eq!(why(&bench), Why::NoPeers);
    bench.reload(vec![unicast(&[HIGHER.into()])], vec![]);
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
    assert_eq!(why(&bench), Why::Reload);
}
