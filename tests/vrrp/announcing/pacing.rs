//! What waits, and how fast it goes out.

use std::time::Duration;

use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{InstanceSettings, Pace, Pacing, PacingGroup};
use ipvsd::vrrp::{Input, InstanceId, InterfaceFacts, Priority, Vrid};

use super::{HOUR, address_6, announced, bench_of, every, host, owner, paced, secs, times, until};
use crate::bench::{Bench, LOWER, Packet, address, at, facts, instance, ms};

#[test]
fn frames_keep_their_distance_on_each_interface() {
    let mut settings = owner(0, &[80, 81]);
    settings.addresses.push(address(1, 90));
    settings.announcements.repeat = 2;
    settings.announcements.delay = secs(3);
    let mut bench = bench_of(vec![settings], every(100, 0), 2);
    // None is lost, and none is sent twice before the others.
    let expected = [
        (0, vec![80, 90]),
        (100, vec![81, 90]),
        (200, vec![80]),
        (300, vec![81]),
    ];
    assert_eq!(until(&mut bench, 2_999), expected);
    // The interface that was left alone for longer goes first.
    let expected = [
        (3_000, vec![90, 80]),
        (3_100, vec![81, 90]),
        (3_200, vec![80]),
        (3_300, vec![81]),
    ];
    assert_eq!(until(&mut bench, HOUR), expected);
}

#[test]
fn interfaces_of_a_group_share_one_pace() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address(1, 90));
    settings.addresses.push(address(2, 70));
    settings.announcements.repeat = 2;
    settings.announcements.delay = Duration::ZERO;
    let pacing = Pacing {
        groups: vec![PacingGroup {
            interfaces: vec!["eth0".to_owned(), "eth1".to_owned(), "eth9".to_owned()],
            pace: Pace {
                arp: ms(200),
                na: Duration::ZERO,
            },
        }],
        // Its own pace takes the place of everybody's.
        ..every(50, 50)
    };
    let mut bench = bench_of(vec![settings], pacing, 3);
    let expected = [
        (0, vec![80, 70]),
        (50, vec![70]),
        (200, vec![90]),
        (400, vec![80]),
        (600, vec![90]),
    ];
    assert_eq!(until(&mut bench, HOUR), expected);
}

#[test]
fn the_two_protocols_have_a_pace_each() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address_6(0, 0x91));
    settings.excluded = 1;
    settings.announcements.repeat = 3;
    settings.announcements.delay = Duration::ZERO;
    let mut bench = bench_of(vec![settings.clone()], every(100, 30), 1);
    let expected = [
        (0, vec![80, 0x91]),
        (30, vec![0x91]),
        (60, vec![0x91]),
        (100, vec![80]),
        (200, vec![80]),
    ];
    assert_eq!(until(&mut bench, HOUR), expected);
    let mut bench = bench_of(vec![settings], every(0, 30), 1);
    let expected = [
        (0, vec![80, 0x91, 80, 80]),
        (30, vec![0x91]),
        (60, vec![0x91]),
    ];
    assert_eq!(until(&mut bench, HOUR), expected);
}

#[test]
fn a_pace_is_kept_to_the_microsecond_from_when_a_frame_has_gone_out() {
    let micros = Duration::from_micros;
    let mut settings = owner(0, &[80]);
    settings.announcements.repeat = 3;
    let pacing = Pacing {
        each: Pace {
            arp: micros(7),
            na: Duration::ZERO,
        },
        groups: Vec::new(),
    };
    let mut bench = bench_of(vec![settings], pacing, 1);
    bench.drain();
    assert_eq!(bench.announced.len(), 1);
    let router = &mut bench.router;
    assert_eq!(router.announcement_wake(), Some(at(0) + micros(7)));
    assert_eq!(router.next_announcement(at(0) + micros(6)), None);
    assert!(router.next_announcement(at(0) + micros(9)).is_some());
    // It was sent a little later.
    router.announced(at(0) + micros(10));
    assert_eq!(router.announcement_wake(), Some(at(0) + micros(17)));
    assert!(!router.has_announcements(at(0) + micros(16)));
    assert!(router.has_announcements(at(0) + micros(17)));
    // Nothing of this is a decision.
    assert!(router.timers_wake() > Some(at(900)));
}

#[test]
fn one_with_few_addresses_does_not_wait_for_one_with_many() {
    let many: Vec<u8> = (100..200).collect();
    let few = InstanceSettings {
        name: "VI_1".to_owned(),
        vrid: instance(1).vrid,
        ..owner(0, &[80, 81])
    };
    let mut bench = bench_of(vec![owner(0, &many), few], every(10, 0), 1);
    bench.until(1_020 - 1);
    let first: Vec<u8> = bench
        .announced
        .iter()
        .map(|(_, frame)| host(frame))
        .collect();
    assert_eq!(first[..5], [100, 80, 101, 81, 102]);
    // All of them, before any for the second time.
    let mut all = first;
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 102);
}

#[test]
fn every_address_of_all_instances_comes_before_any_for_the_second_time() {
    let instances = (0..100).map(|n| InstanceSettings {
        name: format!("VI_{n}"),
        vrid: Vrid::new(51 + n).unwrap(),
        ..owner(n % 2, &[100 + n])
    });
    let mut bench = bench_of(instances.collect(), Pacing::default(), 2);
    let all = until(&mut bench, 0);
    let [(0, hosts)] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(hosts.len(), 500);
    for round in hosts.chunks(100) {
        let mut round = round.to_vec();
        round.sort_unstable();
        assert_eq!(round, (100..200).collect::<Vec<u8>>());
    }
}

/// Nobody knows yet where the addresses of the one are.
#[test]
fn what_has_just_come_goes_before_what_is_repeated() {
    let mut late = InstanceSettings {
        name: "VI_1".to_owned(),
        vrid: instance(1).vrid,
        ..owner(0, &[90, 91])
    };
    late.priority = Priority(100);
    let mut bench = bench_of(vec![owner(0, &[80, 81]), late], every(1_000, 0), 1);
    let hosts: Vec<u8> = until(&mut bench, 8_500)
        .into_iter()
        .flat_map(|(_, hosts)| hosts)
        .collect();
    assert_eq!(hosts, [80, 81, 80, 81, 90, 91, 80, 81, 80]);
}

/// An attacker's adverts reach one instance: the others are announced all the same, and
/// it is never announced faster than the pace.
#[test]
fn adverts_do_not_keep_others_from_being_announced() {
    for lower_prio_repeat in [1, 5] {
        let mut attacked = owner(0, &[80, 81]);
        attacked.announcements.repeat = 1;
        attacked.announcements.lower_prio_repeat = lower_prio_repeat;
        let mut other = owner(0, &[90]);
        other.name = "VI_1".to_owned();
        other.vrid = instance(1).vrid;
        other.announcements.repeat = 100;
        let mut bench = bench_of(vec![attacked, other], every(500, 0), 1);
        for millisecond in 0..20_000 {
            bench.until(millisecond);
            let mut packet = Packet::new(0, LOWER, 99);
            packet.addresses.push(address(0, 81).address);
            bench.hear(0, &packet);
        }
        let hosts: Vec<u8> = bench
            .announced
            .iter()
            .map(|(_, frame)| host(frame))
            .collect();
        assert_eq!(hosts.len(), 40);
        let of = |wanted: u8| hosts.iter().filter(|host| **host == wanted).count();
        assert!(of(90) >= 40 / 3, "{hosts:?}");
        assert!(of(80).abs_diff(of(81)) <= 2, "{hosts:?}");
        // And it ends with the adverts.
        announced(&mut bench);
        let later = until(&mut bench, HOUR);
        let last = later.iter().rfind(|(_, hosts)| hosts[0] != 90);
        assert!(last.map(|(when, _)| *when) < Some(40_000), "{last:?}");
    }
}

#[test]
fn what_waits_is_dropped_when_the_router_is_no_longer_master() {
    let mut bench = bench_of(vec![owner(0, &[80, 81])], every(1_000, 0), 1);
    assert_eq!(until(&mut bench, 1_500), [(0, vec![80]), (1_000, vec![81])]);
    bench.interface(0, None);
    bench.drain();
    assert_eq!(bench.router.announcement_wake(), None);
    assert_eq!(until(&mut bench, 1_600), []);
    // The pace counts on: the switch is the same.
    bench.interface(0, Some(facts(0)));
    let expected = [(2_000, vec![80]), (3_000, vec![81]), (4_000, vec![80])];
    assert_eq!(until(&mut bench, 4_500), expected);
    bench.stop();
    assert_eq!(bench.router.announcement_wake(), None);
    assert_eq!(until(&mut bench, HOUR), []);
}

#[test]
fn a_reload_loses_nothing_that_waits_but_what_is_gone() {
    let mut bench = Bench::of(paced(&[80, 81, 82, 83], 100, 2), &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    assert_eq!(until(&mut bench, 150), [(0, vec![80]), (100, vec![81])]);
    // One is gone, one is new, and the others have other places.
    bench
        .router
        .reload(paced(&[84, 83, 81, 80], 100, 2), bench.now);
    let expected = [
        (200, vec![83]),
        (300, vec![84]),
        (400, vec![80]),
        (500, vec![81]),
        (600, vec![83]),
        (700, vec![84]),
    ];
    assert_eq!(until(&mut bench, HOUR), expected);
}

#[test]
fn a_reload_changes_the_pace_from_the_last_frame_on() {
    let mut bench = Bench::of(paced(&[80], 1_000, 4), &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    assert_eq!(until(&mut bench, 100), times(&[(0, 1)]));
    bench.router.reload(paced(&[80], 500, 4), bench.now);
    assert_eq!(until(&mut bench, 600), times(&[(500, 1)]));
    bench.router.reload(paced(&[80], 0, 4), bench.now);
    assert_eq!(until(&mut bench, HOUR), times(&[(600, 2)]));
}

/// A second series that comes before the first one has ended is not part of it.
#[test]
fn series_that_meet_are_both_whole() {
    let mut settings = paced(&[80], 1_000, 3);
    settings.instances[0].announcements.delay = secs(1);
    let mut bench = Bench::of(settings, &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    assert_eq!(until(&mut bench, HOUR).len(), 6);
}

#[test]
fn what_finds_no_room_waits_in_its_place_and_others_do_not_wait_for_it() {
    let mut settings = owner(0, &[80, 81]);
    settings.addresses.push(address(1, 90));
    settings.announcements.repeat = 2;
    settings.announcements.delay = Duration::ZERO;
    let mut bench = bench_of(vec![settings], Pacing::default(), 2);
    while bench.router.next_action().is_some() {}
    let done = Input::AddressesDone {
        instance: InstanceId(0),
        failed: Vec::new(),
    };
    bench.router.handle(done, bench.now);
    let frames = bench.frames();
    assert_eq!(
        frames.iter().map(host).collect::<Vec<_>>(),
        [80, 90, 81, 90, 80, 81]
    );
    // Those on eth0 do not go out.
    for frame in frames.iter().rev().filter(|frame| frame.interface == 2) {
        bench.router.not_announced(frame, at(2));
    }
    bench.router.announced(bench.now);
    assert_eq!(bench.report(0).counters.announcements, 2);
    assert_eq!(bench.router.announcement_wake(), Some(at(2)));
    assert_eq!(until(&mut bench, 1), []);
    assert_eq!(until(&mut bench, 500), [(2, vec![80, 81, 80, 81])]);
    assert_eq!(bench.report(0).counters.announcements, 6);
}

/// What has no interface, or none with a hardware address, keeps nothing waiting.
#[test]
fn what_cannot_be_announced_is_not_waited_for() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address(1, 90));
    settings.addresses.push(address(2, 70));
    settings.announcements.repeat = 2;
    let mut bench = bench_of(vec![settings], every(100, 0), 1);
    bench.interface(
        1,
        Some(InterfaceFacts {
            hardware_address: None,
            ..facts(1)
        }),
    );
    let found = until(&mut bench, 1_000);
    assert_eq!(found, [(0, vec![80]), (100, vec![80])]);
}

#[test]
fn an_address_that_is_configured_twice_waits_once_after_a_reload() {
    let mut bench = Bench::of(paced(&[80, 80], 100, 2), &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    assert_eq!(until(&mut bench, 50), times(&[(0, 1)]));
    let settings = paced(&[80, 80], 100, 2);
    bench.router.reload(settings, bench.now);
    assert_eq!(until(&mut bench, HOUR), times(&[(100, 1), (200, 1)]));
    assert_eq!(bench.router.announcement_wake(), None);
}
