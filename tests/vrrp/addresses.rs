//! Addresses on their interfaces, and announced.

use std::net::Ipv4Addr;

use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::Input;
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::VirtualAddress;
use ipvsd::vrrp::{InstanceId, InterfaceFacts, Priority, State};

use crate::bench::{Bench, Did, HIGHER, Packet, address, at, facts, instance, ms};

const MASTER_DOWN: u64 = 3_609 + 1;

/// A master of two addresses since [`MASTER_DOWN`] that has asked for them and has no
/// answer yet.
fn bench_of_two() -> Bench {
    let mut settings = instance(0);
    settings.addresses = vec![address(0, 80), address(0, 81)];
    settings.announcements.repeat = 2;
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.drain();
    bench.now = at(MASTER_DOWN);
    bench.router.on_time(bench.now);
    bench
}

fn done(bench: &mut Bench, failed: Vec<(VirtualAddress, String)>) {
    let input = Input::AddressesDone {
        instance: InstanceId(0),
        failed,
    };
    bench.router.handle(input, bench.now);
}

/// The addresses of frames, by their last octet.
fn announced(bench: &mut Bench) -> Vec<u8> {
    let frames = bench.frames();
    frames
        .iter()
        .map(|announcement| {
            assert_eq!(announcement.interface, 2);
            assert_eq!(announcement.frame[6..12], [2, 0, 0, 0, 0, 5]);
            announcement.frame[31]
        })
        .collect()
}

#[test]
fn announced_once_they_are_there_each_before_any_for_the_second_time() {
    let mut bench = bench_of_two();
    bench.actions();
    assert_eq!(announced(&mut bench), [0; 0]);
    assert!(!bench.router.has_announcements(bench.now));
    done(&mut bench, vec![]);
    assert!(bench.router.has_announcements(bench.now));
    assert_eq!(announced(&mut bench), [80, 81, 80, 81]);
    assert!(!bench.router.has_announcements(bench.now));
    // And again after the delay.
    bench.now = at(MASTER_DOWN + 5_000);
    assert_eq!(announced(&mut bench), [80, 81, 80, 81]);
}

#[test]
fn what_the_kernel_refuses_is_told_and_not_announced() {
    let mut bench = bench_of_two();
    bench.actions();
    done(&mut bench, vec![(address(0, 81), "no".to_owned())]);
    assert!(matches!(
        &bench.actions()[..],
        [Did::Told(_, Change::AddressRefused { address, .. })] if address == "10.0.0.81"
    ));
    assert_eq!(announced(&mut bench), [80, 80]);
    // It is tried again, not at once.
    let mut shown = facts(0);
    shown.addresses.push((address(0, 80).address, 32));
    bench.interface(0, Some(shown));
    assert_eq!(bench.actions(), []);
    bench.now = at(MASTER_DOWN + 9_999);
    bench.router.on_time(bench.now);
    assert!(
        !bench
            .actions()
            .iter()
            .any(|did| matches!(did, Did::Added(..)))
    );
    bench.now = at(MASTER_DOWN + 10_000);
    bench.router.on_time(bench.now);
    assert!(
        bench
            .actions()
            .contains(&Did::Added(0, vec![address(0, 81)]))
    );
}

#[test]
fn nothing_is_announced_that_is_about_to_go() {
    let mut bench = bench_of_two();
    bench.actions();
    let mut better = Packet::new(0, HIGHER, 200);
    better.addresses.push(address(0, 81).address);
    bench.hear(0, &better);
    assert_eq!(bench.state(0), State::Backup);
    bench.actions();
    // The answers to both operations come late, the first one first.
    done(&mut bench, vec![]);
    assert_eq!(announced(&mut bench), [0; 0]);
    bench.now = at(3 * MASTER_DOWN);
    bench.router.on_time(bench.now);
    assert_eq!(bench.state(0), State::Master);
    // Not for another master either, which would make it announce them again.
    better.priority = 50;
    bench.hear(0, &better);
    bench.actions();
    assert_eq!(announced(&mut bench), [0; 0]);
    done(&mut bench, vec![]);
    assert_eq!(announced(&mut bench), [0; 0]);
    done(&mut bench, vec![]);
    assert_eq!(announced(&mut bench), [80, 81, 80, 81]);
}

#[test]
fn what_another_program_takes_away_is_put_back() {
    let mut bench = bench_of_two();
    bench.drain();
    bench.until(20_000);
    let mut lacking = bench.facts(0);
    lacking
        .addresses
        .retain(|(present, _)| *present != address(0, 81).address);
    bench.interface(0, Some(lacking));
    let did = bench.actions();
    assert_eq!(did, [Did::Added(0, vec![address(0, 81)])]);
    assert_eq!(announced(&mut bench), [0; 0]);
    done(&mut bench, vec![]);
    assert!(matches!(
        &bench.actions()[..],
        [Did::Told(_, Change::AddressPutBack { address, .. })] if address == "10.0.0.81"
    ));
    // It alone: where the other one is, is known.
    assert_eq!(announced(&mut bench), [81, 81]);
}

/// The kernel has an IPv6 address once, with the mask that it was given first; an IPv4
/// one with each mask anew.
#[test]
fn an_ipv6_address_is_there_whatever_its_mask() {
    let v6 = VirtualAddress {
        address: "fd00::80".parse().unwrap(),
        prefix: 64,
        ..address(0, 80)
    };
    let mut settings = instance(0);
    settings.addresses = vec![address(0, 80), v6.clone()];
    settings.excluded = 1;
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.drain();
    bench.now = at(MASTER_DOWN);
    bench.router.on_time(bench.now);
    bench.actions();
    done(&mut bench, vec![]);
    let mut shown = facts(0);
    shown.addresses.push((address(0, 80).address, 24));
    shown.addresses.push((v6.address, 128));
    bench.interface(0, Some(shown));
    bench.actions();
    bench.now = at(MASTER_DOWN + 1_000);
    bench.router.on_time(bench.now);
    let did = bench.actions();
    let added: Vec<_> = did
        .iter()
        .filter_map(|did| match did {
            Did::Added(_, addresses) => Some(addresses.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(added, [vec![address(0, 80)]]);
}

#[test]
fn facts_that_are_older_than_the_operation_are_not_believed_at_once() {
    let mut bench = bench_of_two();
    bench.actions();
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.actions(), []);
    done(&mut bench, vec![]);
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.actions(), []);
    // But they are if they do not change.
    bench.now = at(MASTER_DOWN) + ms(1_000);
    bench.router.on_time(bench.now);
    let both = vec![address(0, 80), address(0, 81)];
    assert!(bench.actions().contains(&Did::Added(0, both)));
}

#[test]
fn a_program_that_never_gives_up_is_told_of_a_few_times_a_minute() {
    let mut bench = bench_of_two();
    bench.drain();
    let mut told = 0;
    for tenth in 0..300 {
        let did = bench.until(5_000 + tenth * 100);
        told += did
            .iter()
            .filter(|did| matches!(did, Did::Told(..)))
            .count();
        bench.interface(0, Some(facts(0)));
        let did = bench.drain();
        assert!(did.iter().any(|did| matches!(did, Did::Added(..))));
        told += did
            .iter()
            .filter(|did| matches!(did, Did::Told(..)))
            .count();
    }
    assert_eq!(told, 5);
}

#[test]
fn addresses_on_another_interface_are_announced_there() {
    let mut settings = instance(0);
    settings.addresses.push(address(1, 81));
    settings.announcements.repeat = 1;
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.interface(1, Some(facts(1)));
    bench.drain();
    bench.now = at(MASTER_DOWN);
    bench.router.on_time(bench.now);
    bench.actions();
    done(&mut bench, vec![]);
    let interfaces: Vec<u32> = bench.frames().iter().map(|frame| frame.interface).collect();
    assert_eq!(interfaces, [2, 3]);
}

#[test]
fn nothing_is_announced_by_an_interface_without_a_hardware_address() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    let mut odd = facts(0);
    odd.hardware_address = None;
    bench.interface(0, Some(odd));
    bench.until(20_000);
    assert_eq!(bench.state(0), State::Master);
    assert_eq!(bench.report(0).counters.announcements, 0);
}

#[test]
fn what_cannot_be_removed_is_tried_again() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.actions();
    done(&mut bench, vec![(address(0, 80), "no".to_owned())]);
    assert!(matches!(
        &bench.actions()[..],
        [Did::Told(_, Change::AddressRefused { .. })]
    ));
    bench.now = at(10_000);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.router.on_time(bench.now);
    assert_eq!(bench.actions(), [Did::Removed(0, vec![address(0, 80)])]);
}

/// An interface that has nothing but the virtual address.
fn only_virtual() -> InterfaceFacts {
    InterfaceFacts {
        addresses: vec![(address(0, 80).address, 32)],
        ..facts(0)
    }
}

fn removed(did: &[Did]) -> Vec<VirtualAddress> {
    did.iter()
        .flat_map(|did| match did {
            Did::Removed(_, addresses) => addresses.clone(),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn an_owner_keeps_its_own_address_and_sends_from_it() {
    let mut settings = instance(0);
    settings.priority = Priority::OWNER;
    let mut bench = Bench::bare(vec![settings], vec![], &Memory::default(), at(0));
    bench.interface(0, Some(only_virtual()));
    let mut did = bench.drain();
    assert_eq!(bench.state(0), State::Master);
    // A loop in the network brings its adverts back.
    bench.hear(0, &Packet::new(0, Ipv4Addr::new(10, 0, 0, 80), 255));
    assert_eq!(bench.report(0).counters.dropped.len(), 1);
    bench.interface(0, None);
    bench.interface(0, Some(only_virtual()));
    did.extend(bench.until(2_000));
    did.extend(bench.stop());
    assert_eq!(removed(&did), []);
}

#[test]
fn an_owner_keeps_its_own_address_also_where_a_reload_removes_it_from_the_file() {
    let mut settings = instance(0);
    settings.priority = Priority::OWNER;
    let before = settings.clone();
    let mut bench = Bench::bare(vec![before], vec![], &Memory::default(), at(0));
    bench.interface(0, Some(only_virtual()));
    bench.drain();
    settings.addresses = vec![address(0, 81)];
    bench.reload(vec![settings], vec![]);
    assert_eq!(removed(&bench.drain()), []);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn the_only_address_of_a_host_is_not_taken_from_it() {
    let settings = instance(0);
    let mut bench = Bench::bare(vec![settings], vec![], &Memory::default(), at(0));
    bench.interface(0, Some(only_virtual()));
    assert_eq!(removed(&bench.drain()), []);
    assert_eq!(bench.state(0), State::Fault);
    // It was an earlier process's after all: the host has its own now.
    let mut both = facts(0);
    both.addresses.extend(only_virtual().addresses);
    bench.interface(0, Some(both));
    assert_eq!(removed(&bench.drain()), [address(0, 80)]);
    assert_eq!(bench.state(0), State::Backup);
}
