//! How often, when and how fast addresses are announced.

mod pacing;

use std::net::Ipv6Addr;
use std::time::Duration;

use ipvsd::vrrp::input::Announcement;
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{
    Announcements, InstanceSettings, Pace, Pacing, RouterSettings, VirtualAddress,
};
use ipvsd::vrrp::{InterfaceFacts, Priority, State};

use crate::bench::{Bench, HIGHER, LOWER, Packet, address, at, facts, instance, ms, settings};

const HOUR: u64 = 3_600_000;

/// Master from the beginning on, with these addresses 10.0.n.x on interface ethn.
fn owner(link: u8, hosts: &[u8]) -> InstanceSettings {
    InstanceSettings {
        priority: Priority::OWNER,
        addresses: hosts.iter().map(|host| address(link, *host)).collect(),
        ..instance(link)
    }
}

fn address_6(link: u8, host: u16) -> VirtualAddress {
    VirtualAddress {
        address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, u16::from(link), host).into(),
        prefix: 64,
        ..address(link, 80)
    }
}

/// A bench of these instances, with as many interfaces as links are named.
fn bench_of(instances: Vec<InstanceSettings>, pacing: Pacing, links: u8) -> Bench {
    let settings = RouterSettings {
        pacing,
        ..settings(instances, vec![])
    };
    let mut bench = Bench::of(settings, &Memory::default(), at(0));
    for link in 0..links {
        bench.interface(link, Some(facts(link)));
    }
    bench
}

fn every(arp: u64, na: u64) -> Pacing {
    Pacing {
        each: Pace {
            arp: ms(arp),
            na: ms(na),
        },
        groups: Vec::new(),
    }
}

/// The last octet of the address that a frame is about, which must be whole.
fn host(announcement: &Announcement) -> u8 {
    let frame = &announcement.frame;
    match frame[12..14] {
        [0x08, 0x06] => frame[31],
        [0x86, 0xdd] => frame[77],
        _ => panic!("{frame:x?}"),
    }
}

/// What has been announced since the last time: the milliseconds, and the hosts one
/// after the other.
fn announced(bench: &mut Bench) -> Vec<(u64, Vec<u8>)> {
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    for (when, announcement) in std::mem::take(&mut bench.announced) {
        let when = (when - at(0)).as_millis() as u64;
        match found.last_mut() {
            Some((last, hosts)) if *last == when => hosts.push(host(&announcement)),
            _ => found.push((when, vec![host(&announcement)])),
        }
    }
    found
}

/// The same, until then.
fn until(bench: &mut Bench, milliseconds: u64) -> Vec<(u64, Vec<u8>)> {
    bench.until(milliseconds);
    announced(bench)
}

/// So often the one address that there is.
fn times(frames: &[(u64, usize)]) -> Vec<(u64, Vec<u8>)> {
    let repeat = |(when, count): &(u64, usize)| (*when, vec![80; *count]);
    frames.iter().map(repeat).collect()
}

fn with(announcements: Announcements) -> Bench {
    let owner = InstanceSettings {
        announcements,
        ..owner(0, &[80])
    };
    bench_of(vec![owner], Pacing::default(), 1)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Settings for [`owner`] with these addresses, a pace, and so many repeats.
fn paced(hosts: &[u8], pace: u64, repeat: u32) -> RouterSettings {
    let mut owner = owner(0, hosts);
    owner.announcements.repeat = repeat;
    owner.announcements.delay = Duration::ZERO;
    RouterSettings {
        pacing: every(pace, 0),
        ..settings(vec![owner], vec![])
    }
}

#[test]
fn five_times_and_five_times_after_five_seconds_if_nothing_is_said() {
    let mut bench = bench_of(vec![owner(0, &[80, 81])], Pacing::default(), 1);
    let both = vec![80, 81, 80, 81, 80, 81, 80, 81, 80, 81];
    let expected = [(0, both.clone()), (5_000, both)];
    assert_eq!(until(&mut bench, HOUR), expected);
    assert_eq!(bench.router.announcement_wake(), None);
    assert_eq!(bench.report(0).counters.announcements, 20);
}

#[test]
fn as_often_and_as_late_as_is_said() {
    let of = |delay, repeat| Announcements {
        delay: secs(delay),
        repeat,
        ..Announcements::default()
    };
    // `vrrp_min_garp`.
    let mut bench = with(of(0, 1));
    assert_eq!(until(&mut bench, HOUR), times(&[(0, 1)]));
    let mut bench = with(of(2, 3));
    assert_eq!(until(&mut bench, HOUR), times(&[(0, 3), (2_000, 3)]));
}

/// As keepalived does it with the same words.
#[test]
fn a_refresh_comes_beside_everything_else() {
    let mut bench = with(Announcements {
        delay: secs(2),
        repeat: 3,
        lower_prio_delay: secs(1),
        lower_prio_repeat: 1,
        refresh: secs(4),
        refresh_repeat: 2,
        ..Announcements::default()
    });
    let expected = times(&[(0, 3), (2_000, 3), (4_000, 2), (8_000, 2)]);
    assert_eq!(until(&mut bench, 9_000), expected);
    bench.hear(0, &Packet::new(0, LOWER, 99));
    let expected = times(&[(9_000, 1), (10_000, 1), (12_000, 2), (16_000, 2)]);
    assert_eq!(until(&mut bench, 17_000), expected);
}

#[test]
fn a_refresh_counts_from_when_the_router_has_become_master() {
    let refresh = Announcements {
        delay: Duration::ZERO,
        repeat: 1,
        refresh: secs(4),
        ..Announcements::default()
    };
    let mut bench = with(refresh);
    assert_eq!(until(&mut bench, 5_000), times(&[(0, 1), (4_000, 1)]));
    bench.interface(0, None);
    assert_eq!(bench.router.announcement_wake(), None);
    assert_eq!(until(&mut bench, 15_000), []);
    bench.interface(0, Some(facts(0)));
    let expected = times(&[(15_000, 1), (19_000, 1), (23_000, 1)]);
    assert_eq!(until(&mut bench, 24_000), expected);
}

#[test]
fn what_a_standstill_has_missed_is_not_made_up_for() {
    let mut bench = with(Announcements {
        delay: Duration::ZERO,
        repeat: 3,
        refresh: secs(4),
        ..Announcements::default()
    });
    until(&mut bench, 9_000);
    bench.now = at(60_500);
    bench.router.on_time(bench.now);
    bench.drain();
    // Three, because somebody else may have been master, and the refresh is among them.
    assert_eq!(announced(&mut bench), times(&[(60_500, 3)]));
    assert_eq!(until(&mut bench, 66_000), times(&[(64_500, 1)]));
}

#[test]
fn other_masters_are_answered_as_is_said() {
    let of = |lower_prio_delay, lower_prio_repeat| Announcements {
        delay: Duration::ZERO,
        repeat: 1,
        lower_prio_delay: secs(lower_prio_delay),
        lower_prio_repeat,
        ..Announcements::default()
    };
    for (announcements, expected) in [
        (of(3, 2), times(&[(1_000, 2), (4_000, 2)])),
        (of(0, 2), times(&[(1_000, 2)])),
        (of(3, 0), times(&[])),
    ] {
        let mut bench = with(announcements);
        until(&mut bench, 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 99));
        assert_eq!(until(&mut bench, HOUR), expected);
        // One that stops was a master too.
        bench.hear(0, &Packet::new(0, HIGHER, 0));
        let later = expected.into_iter();
        let later: Vec<_> = later
            .map(|(when, hosts)| (when + HOUR - 1_000, hosts))
            .collect();
        assert_eq!(until(&mut bench, 2 * HOUR), later);
    }
}

/// Each of many adverts is followed by a series, but one series may follow many.
#[test]
fn a_flood_of_adverts_is_followed_by_a_series_a_second_and_then_by_nothing() {
    let mut bench = with(Announcements {
        delay: Duration::ZERO,
        repeat: 1,
        lower_prio_delay: secs(3),
        lower_prio_repeat: 2,
        ..Announcements::default()
    });
    until(&mut bench, 10_000);
    for millisecond in 10_000..14_500 {
        bench.until(millisecond);
        bench.hear(0, &Packet::new(0, LOWER, 99));
        bench.drain();
    }
    let expected = times(&[
        (10_000, 2),
        (11_000, 2),
        (12_000, 2),
        // Those of this second, and those 3 s after the first advert, are the same.
        (13_000, 2),
        (14_000, 2),
        (15_000, 2),
        // 3 s after the last one that had come by 13 s, and after the last one of all.
        (15_999, 2),
        (17_499, 2),
    ]);
    assert_eq!(until(&mut bench, HOUR), expected);
}

#[test]
fn switches_on_other_links_are_reminded() {
    let of = |extra_all| {
        let mut owner = owner(0, &[80, 82]);
        owner.addresses.insert(1, address(1, 81));
        owner.announcements = Announcements {
            delay: Duration::ZERO,
            repeat: 1,
            extra_interfaces: secs(100),
            extra_all,
            ..Announcements::default()
        };
        bench_of(vec![owner], Pacing::default(), 2)
    };
    let expected = [
        (0, vec![80, 81, 82]),
        (100_000, vec![81]),
        (200_000, vec![81]),
    ];
    assert_eq!(until(&mut of(true), 299_999), expected);
    // Virtual MAC interfaces are meant, of which there are none.
    assert_eq!(until(&mut of(false), 299_999), expected[..1]);
}

#[test]
fn nobody_is_reminded_of_what_a_backup_does_not_have() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address(1, 81));
    settings.priority = Priority(100);
    settings.announcements.extra_interfaces = secs(1);
    settings.announcements.extra_all = true;
    let mut bench = bench_of(vec![settings], Pacing::default(), 2);
    for second in 0..20 {
        bench.until(second * 1_000);
        let mut packet = Packet::new(0, HIGHER, 200);
        packet.addresses.push(address(1, 81).address);
        bench.hear(0, &packet);
    }
    assert_eq!(bench.state(0), State::Backup);
    assert_eq!(announced(&mut bench), []);
}

#[test]
fn ipv6_addresses_are_announced_by_neighbour_advertisements() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address_6(0, 0x81));
    settings.excluded = 1;
    settings.announcements.repeat = 1;
    for is_router in [false, true] {
        let mut bench = bench_of(vec![settings.clone()], Pacing::default(), 0);
        let link = InterfaceFacts {
            is_router,
            ..facts(0)
        };
        bench.interface(0, Some(link));
        bench.until(1_000);
        let [(_, arp), (_, na)] = &bench.announced[..] else {
            panic!("{:?}", bench.announced);
        };
        assert_eq!((host(arp), host(na)), (80, 0x81));
        let flags = if is_router { 0xa0 } else { 0x20 };
        assert_eq!(na.frame[58], flags);
        assert_eq!((arp.interface, na.interface), (2, 2));
    }
}

#[test]
fn a_reload_changes_what_is_repeated_from_then_on() {
    let of = |refresh, extra| {
        let mut settings = paced(&[], 0, 1);
        settings.instances[0].addresses.push(address(1, 80));
        settings.instances[0].announcements.refresh = secs(refresh);
        settings.instances[0].announcements.extra_interfaces = secs(extra);
        settings.instances[0].announcements.extra_all = true;
        settings
    };
    let mut bench = Bench::of(of(4, 0), &Memory::default(), at(0));
    bench.interface(1, Some(facts(1)));
    bench.interface(0, Some(facts(0)));
    assert_eq!(until(&mut bench, 5_000), times(&[(0, 1), (4_000, 1)]));
    // The same: it goes on.
    bench.router.reload(of(4, 0), bench.now);
    assert_eq!(until(&mut bench, 10_000), times(&[(8_000, 1)]));
    bench.router.reload(of(1, 0), bench.now);
    assert_eq!(
        until(&mut bench, 12_500),
        times(&[(11_000, 1), (12_000, 1)])
    );
    bench.router.reload(of(0, 3), bench.now);
    assert_eq!(until(&mut bench, 16_000), times(&[(15_500, 1)]));
    bench.router.reload(of(0, 0), bench.now);
    assert_eq!(until(&mut bench, HOUR), []);
}

/// A cable that has been in another switch for a while, and a card that was replaced.
#[test]
fn an_interface_that_is_another_one_now_is_told_of_its_own_addresses_only() {
    let mut settings = owner(0, &[80]);
    settings.addresses.push(address(1, 90));
    settings.announcements.repeat = 1;
    settings.announcements.delay = Duration::ZERO;
    let mut bench = bench_of(vec![settings], Pacing::default(), 2);
    assert_eq!(until(&mut bench, 1_000), [(0, vec![80, 90])]);
    let mut replaced = bench.facts(1);
    replaced.hardware_address = Some([2, 0, 0, 0, 1, 9]);
    bench.interface(1, Some(replaced));
    assert_eq!(until(&mut bench, 2_000), [(1_000, vec![90])]);
}

#[test]
fn there_is_nothing_to_wake_up_for_between_the_series() {
    let mut bench = with(Announcements::default());
    bench.drain();
    assert_eq!(bench.router.announcement_wake(), Some(at(5_000)));
    bench.until(5_000);
    bench.drain();
    assert_eq!(bench.router.announcement_wake(), None);
    assert!(!bench.router.has_announcements(at(HOUR)));
}
