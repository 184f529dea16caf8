//! Sync groups: together or not at all.

use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::{InterfaceFacts, Priority, State};

use crate::bench::{Bench, Did, HIGHER, LOWER, Packet, at, entered, facts, group, instance, sent};

const BOTH: &[u8] = &[0, 1];
const MASTER_DOWN: u64 = 3_609 + 1;

/// Two instances on two links in one group, just started.
fn pair() -> Bench {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![group(BOTH)]);
    bench.drain();
    bench
}

fn master() -> Bench {
    let mut bench = pair();
    bench.until(MASTER_DOWN + 100);
    assert_eq!(
        (bench.state(0), bench.state(1)),
        (State::Master, State::Master)
    );
    bench
}

fn of_group(did: &[Did]) -> Vec<&Change> {
    did.iter()
        .filter_map(|did| match did {
            Did::Told(Subject::Group(_), change) => Some(change),
            _ => None,
        })
        .collect()
}

fn down(link: u8) -> Option<InterfaceFacts> {
    Some(InterfaceFacts {
        is_up: false,
        ..facts(link)
    })
}

#[test]
fn begins_when_every_interface_is_known() {
    let instances = vec![instance(0), instance(1)];
    let mut bench = Bench::bare(instances, vec![group(BOTH)], &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.drain(), []);
    bench.interface(1, Some(facts(1)));
    let did = bench.drain();
    assert_eq!(
        entered(&did),
        [
            ("VI_0", State::Backup),
            ("VI_1", State::Backup),
            ("VG", State::Backup)
        ]
    );
}

#[test]
fn becomes_master_in_one_step() {
    let mut bench = pair();
    let did = bench.until(MASTER_DOWN);
    // Adverts first, then addresses, then what people are told, the group last.
    assert_eq!(sent(&did[..2]), [(0, 100), (1, 100)]);
    assert!(matches!(&did[2..4], [Did::Added(0, _), Did::Added(1, _)]));
    assert_eq!(
        entered(&did),
        [
            ("VI_0", State::Master),
            ("VI_1", State::Master),
            ("VG", State::Master)
        ]
    );
}

#[test]
fn waits_for_the_last_member() {
    let mut bench = pair();
    for second in 1..10 {
        bench.until(second * 1_000);
        bench.hear(1, &Packet::new(1, HIGHER, 200));
    }
    // Nobody is heard on link 0, and still it does nothing.
    assert_eq!(
        (bench.state(0), bench.state(1)),
        (State::Backup, State::Backup)
    );
    let did = bench.until(9_000 + MASTER_DOWN);
    assert_eq!(entered(&did).len(), 3);
}

#[test]
fn a_member_that_is_ready_is_so_no_more_when_a_master_is_heard() {
    let mut bench = pair();
    for second in 1..=8 {
        bench.until(second * 1_000);
        bench.hear(1, &Packet::new(1, HIGHER, 200));
        if second == 8 {
            bench.hear(0, &Packet::new(0, HIGHER, 200));
        }
    }
    for second in 9..=10 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, HIGHER, 200));
    }
    // Link 1 has been silent since 8, link 0 since 10.
    assert_eq!(entered(&bench.until(8_000 + MASTER_DOWN)), []);
    assert_eq!(entered(&bench.until(10_000 + MASTER_DOWN)).len(), 3);
}

#[test]
fn a_lower_master_does_not_make_a_member_unready() {
    let mut bench = pair();
    for second in 1..=6 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 50));
        bench.hear(
            1,
            &Packet::new(1, HIGHER, if second < 3 { 200 } else { 50 }),
        );
    }
    // Link 1 waits from 2 on.
    assert_eq!(
        (bench.state(0), bench.state(1)),
        (State::Master, State::Master)
    );
}

#[test]
fn gives_way_as_a_whole() {
    let mut bench = master();
    bench.hear(1, &Packet::new(1, HIGHER, 200));
    let did = bench.drain();
    // A last word where it was outranked, a good-bye on the other link.
    assert_eq!(sent(&did), [(0, 0), (1, 100)]);
    assert!(matches!(
        &did[2..4],
        [Did::Removed(0, _), Did::Removed(1, _)]
    ));
    assert_eq!(
        entered(&did),
        [
            ("VI_0", State::Backup),
            ("VI_1", State::Backup),
            ("VG", State::Backup)
        ]
    );
    assert_eq!(
        bench.report(0).why,
        Why::Group {
            group: "VG".to_owned(),
            member: "VI_1".to_owned()
        }
    );
    let outranked = Why::Outranked {
        master: "10.0.1.6".parse().unwrap(),
        priority: Priority(200),
    };
    assert_eq!(bench.report(1).why, outranked);
    assert_eq!(bench.router.report().groups[0].why, outranked);
}

#[test]
fn another_master_on_one_link_may_have_announced_on_all() {
    let mut bench = master();
    bench.hear(0, &Packet::new(0, LOWER, 50));
    bench.drain();
    let announced = |link| bench.report(link).counters.announcements;
    assert_eq!((announced(0), announced(1)), (10, 10));
}

#[test]
fn one_link_down_is_a_fault_of_all() {
    let mut bench = master();
    bench.interface(0, down(0));
    let did = bench.drain();
    // The link that is left is used to hand over.
    assert_eq!(sent(&did), [(1, 0)]);
    assert_eq!(
        entered(&did),
        [
            ("VI_0", State::Fault),
            ("VI_1", State::Fault),
            ("VG", State::Fault)
        ]
    );
    // Whoever is master there is still taken note of.
    bench.hear(1, &Packet::new(1, HIGHER, 200));
    assert!(bench.report(1).master.is_some());

    bench.interface(1, down(1));
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.drain(), []);
    bench.interface(1, Some(facts(1)));
    assert_eq!(entered(&bench.drain()).len(), 3);
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn starts_in_fault_as_a_whole() {
    let instances = vec![instance(0), instance(1)];
    let mut bench = Bench::bare(instances, vec![group(BOTH)], &Memory::default(), at(0));
    bench.interface(0, Some(facts(0)));
    bench.interface(1, None);
    let did = bench.drain();
    assert!(entered(&did).iter().all(|(_, to)| *to == State::Fault));
    assert!(matches!(
        &did[..2],
        [Did::Removed(0, _), Did::Removed(1, _)]
    ));
}

#[test]
fn owners_of_all_addresses_are_master_at_once_and_one_alone_is_not() {
    let owner = |link| {
        let mut settings = instance(link);
        settings.priority = Priority::OWNER;
        settings
    };
    let bench = Bench::new(vec![owner(0), owner(1)], vec![group(BOTH)]);
    assert_eq!(bench.state(0), State::Master);
    let mut bench = Bench::new(vec![owner(0), instance(1)], vec![group(BOTH)]);
    assert_eq!(bench.state(0), State::Backup);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_group_of_one() {
    let mut bench = Bench::new(vec![instance(0)], vec![group(&[0])]);
    bench.drain();
    let did = bench.until(MASTER_DOWN);
    assert_eq!(
        entered(&did),
        [("VI_0", State::Master), ("VG", State::Master)]
    );
}

#[test]
fn the_priority_of_a_group_is_the_lowest_of_its_members() {
    let mut other = instance(1);
    other.priority = Priority(70);
    let mut bench = Bench::new(vec![instance(0), other], vec![group(BOTH)]);
    let did = bench.drain();
    assert!(matches!(
        of_group(&did)[..],
        [Change::Entered {
            priority: Priority(70),
            ..
        }]
    ));
}

#[test]
fn stops_as_a_whole() {
    let mut bench = master();
    let did = bench.stop();
    assert_eq!(sent(&did), [(0, 0), (1, 0)]);
    assert!(matches!(
        of_group(&did)[..],
        [Change::Stopped {
            from: State::Master,
            ..
        }]
    ));
    assert!(matches!(did.last(), Some(Did::Told(Subject::Group(_), _))));
}

/// Two routers, each with the higher priority on one link, become master at the same
/// moment, again and again: they must not go on doing so.
#[test]
fn priorities_that_cross_over_do_not_flap_for_ever() {
    let mut settings = vec![instance(0), instance(1)];
    settings[1].priority = Priority(150);
    let mut bench = Bench::new(settings, vec![group(BOTH)]);
    bench.drain();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let before = bench.now;
        while bench.state(0) != State::Master {
            let wake = bench.router.wake().unwrap();
            bench.now = bench.now.max(wake);
            bench.router.on_time(bench.now);
            bench.drain();
        }
        waits.push(bench.now - before);
        bench.hear(0, &Packet::new(0, HIGHER, 150));
        assert_eq!(bench.state(0), State::Backup);
    }
    // The first time it waits as its timers say, later for others to go first, and not
    // for the same time each time.
    let first = waits[0];
    assert!(
        waits
            .iter()
            .any(|wait| *wait > first + crate::bench::ms(1_000))
    );
    assert!(
        waits
            .iter()
            .all(|wait| *wait < first + crate::bench::ms(16_001))
    );
}
