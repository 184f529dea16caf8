//! The interval of the master that is heard, and how long it is waited for.

use std::net::{IpAddr, Ipv4Addr};

use ipvsd::vrrp::event::{Change, Subject};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::InstanceSettings;
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version};

use crate::bench::{
    Bench, Did, GROUP, GROUP_6, HIGHER, HIGHER_6, Packet, VIRTUAL_6, address, at, entered, facts,
    instance, ms, sent,
};

/// Version 3: 3 s and the skew of priority 100, (256 - 100) / 256 of the interval.
const MASTER_DOWN: u64 = 3_609 + 1;

fn interval(centiseconds: u16) -> AdvertInterval {
    AdvertInterval::from_centiseconds(centiseconds).unwrap()
}

fn version_3() -> InstanceSettings {
    InstanceSettings {
        version: Version::V3,
        ..instance(0)
    }
}

/// A backup of version 3 that has heard a master of priority 200 with this interval.
fn backup(centiseconds: u16) -> Bench {
    let mut bench = Bench::new(vec![version_3()], vec![]);
    bench.drain();
    hear(&mut bench, 200, centiseconds);
    bench
}

fn hear(bench: &mut Bench, priority: u8, centiseconds: u16) {
    bench.hear_3(HIGHER.into(), GROUP.into(), priority, centiseconds);
}

fn told(change: Change) -> Did {
    Did::Told(Subject::Instance("VI_0".to_owned()), change)
}

fn learned(from: u16, to: u16) -> Did {
    told(Change::IntervalLearned {
        from: interval(from),
        to: interval(to),
        master: HIGHER.into(),
    })
}

#[test]
fn a_master_is_waited_for_as_its_interval_says() {
    let mut bench = backup(300);
    assert_eq!(bench.drain(), [learned(100, 300)]);
    assert_eq!(bench.report(0).learned_interval, Some(interval(300)));
    // 3 x 3 s, and 156/256 of 3 s.
    assert_eq!(bench.until(10_828), []);
    let did = bench.until(10_829);
    assert_eq!(entered(&did), [("VI_0", State::Master)]);
    let own = Change::IntervalOwn {
        from: interval(300),
        to: interval(100),
    };
    assert_eq!(did[..2], [Did::Sent(0, 100), told(own)]);
    assert_eq!(bench.report(0).learned_interval, None);
    assert_eq!(sent(&bench.until(10_829 + 3_500)).len(), 3);
}

#[test]
fn a_faster_master_is_given_up_sooner() {
    let mut bench = backup(10);
    bench.drain();
    assert_eq!(entered(&bench.until(360)), []);
    assert_eq!(entered(&bench.until(361)), [("VI_0", State::Master)]);
}

#[test]
fn it_is_told_once_per_change() {
    let mut bench = backup(300);
    bench.drain();
    for second in 1..5 {
        bench.until(second * 3_000);
        hear(&mut bench, 200, 300);
        assert_eq!(bench.drain(), []);
    }
    hear(&mut bench, 200, 100);
    assert_eq!(bench.drain(), [learned(300, 100)]);
    assert_eq!(bench.report(0).learned_interval, None);
}

/// Two masters with different intervals: not two lines a second for ever.
#[test]
fn a_master_that_changes_it_all_the_time_is_told_of_in_moderation() {
    let mut bench = backup(100);
    let mut lines = 0;
    for tenth in 0..590 {
        bench.until(tenth * 100);
        hear(&mut bench, 200, 100 + (tenth % 2) as u16);
        lines += bench.drain().len();
    }
    assert_eq!(lines, 5);
}

#[test]
fn version_2_has_nothing_to_learn() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    assert_eq!(bench.report(0).learned_interval, None);
}

#[test]
fn the_skew_of_a_master_that_stops_is_part_of_its_interval() {
    let mut bench = backup(300);
    bench.drain();
    bench.until(1_000);
    hear(&mut bench, 0, 300);
    // 156/256 of 3 s.
    assert_eq!(entered(&bench.until(2_828)), []);
    assert_eq!(entered(&bench.until(2_829)), [("VI_0", State::Master)]);
}

#[test]
fn one_that_is_preempted_teaches_nothing() {
    let mut bench = Bench::new(vec![version_3()], vec![]);
    bench.drain();
    for second in 0..=3 {
        bench.until(second * 1_000);
        hear(&mut bench, 50, 4_000);
    }
    assert_eq!(bench.report(0).learned_interval, None);
    assert_eq!(
        entered(&bench.until(MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn a_master_learns_nothing_from_lower_ones_and_all_from_a_better_one() {
    let mut bench = Bench::new(vec![version_3()], vec![]);
    bench.until(MASTER_DOWN);
    hear(&mut bench, 50, 300);
    bench.drain();
    assert_eq!(bench.report(0).learned_interval, None);
    assert_eq!(sent(&bench.until(MASTER_DOWN + 3_000)).len(), 3);

    hear(&mut bench, 200, 300);
    let did = bench.drain();
    assert!(did.contains(&learned(100, 300)), "{did:?}");
    assert_eq!(
        entered(&bench.until(MASTER_DOWN + 3_000 + 10_800)),
        [] as [(&str, State); 0]
    );
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn over_ipv6_as_well() {
    let mut settings = crate::bench::instance_6();
    settings.name = "VI_0".to_owned();
    let mut bench = Bench::bare(vec![settings], vec![], &Memory::default(), at(0));
    let mut facts = facts(0);
    facts.addresses.push((crate::bench::OWN_6.into(), 64));
    bench.interface(0, Some(facts));
    bench.drain();
    bench.hear_3(HIGHER_6.into(), GROUP_6.into(), 200, 300);
    assert_eq!(bench.report(0).learned_interval, Some(interval(300)));
    bench.drain();
    let did = bench.until(10_829);
    assert_eq!(entered(&did), [("VI_0", State::Master)]);
    assert!(
        matches!(&did[2], Did::Added(0, added) if added[0].address == IpAddr::from(VIRTUAL_6)),
        "{did:?}"
    );
    // Between equals the address decides: ours is fe80::5.
    bench.hear_3(HIGHER_6.into(), GROUP_6.into(), 100, 100);
    assert_eq!(bench.state(0), State::Backup);
}

/// The process before heard a slow master; the next one must not take over from it only
/// because it has not heard it yet.
#[test]
fn it_outlives_the_process() {
    let mut bench = backup(1_000);
    let memory = bench.router.memory();
    assert!(!bench.drain().is_empty());
    let mut bench = Bench::with_memory(vec![version_3()], vec![], &memory, at(500));
    bench.drain();
    // 3 x 10 s, and 156/256 of 10 s.
    assert_eq!(entered(&bench.until(500 + 36_093)), []);
    assert_eq!(
        entered(&bench.until(500 + 36_094)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn another_interval_in_the_file_is_not_the_masters() {
    let mut bench = backup(100);
    bench.until(2_000);
    let mut settings = version_3();
    settings.advert_interval = interval(10);
    bench.reload(vec![settings], vec![]);
    assert_eq!(bench.report(0).learned_interval, Some(interval(100)));
    assert_eq!(entered(&bench.until(MASTER_DOWN - 2)), []);
    assert_eq!(
        entered(&bench.until(MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
    // As a master it has its own.
    assert_eq!(sent(&bench.until(MASTER_DOWN + 1_000)).len(), 10);
}

#[test]
fn down_timer_adverts_are_how_many_may_be_missing() {
    // Version 2 has its skew in seconds, version 3 in intervals.
    for (version, centiseconds, adverts, wait) in [
        (Version::V2, 100, 1, 1_610),
        (Version::V2, 100, 5, 5_610),
        (Version::V2, 200, 2, 4_610),
        (Version::V3, 50, 1, 805),
        (Version::V3, 50, 5, 2_805),
    ] {
        let mut settings = instance(0);
        settings.version = version;
        settings.advert_interval = interval(centiseconds);
        settings.down_timer_adverts = adverts;
        let mut bench = Bench::new(vec![settings], vec![]);
        bench.drain();
        assert_eq!(entered(&bench.until(wait - 2)), [], "{version:?} {adverts}");
        bench.until(wait);
        assert_eq!(bench.state(0), State::Master, "{version:?} {adverts}");
    }
}

#[test]
fn others_give_a_master_up_after_as_many_adverts() {
    let mut settings = instance(0);
    settings.down_timer_adverts = 10;
    let mut bench = Bench::new(vec![settings.clone()], vec![]);
    bench.until(10_610);
    assert_eq!(bench.state(0), State::Master);
    let memory = bench.router.memory();
    for (gap, state) in [(10_003, State::Master), (10_005, State::Backup)] {
        let now = bench.now + ms(gap);
        let bench = Bench::with_memory(vec![settings.clone()], vec![], &memory, now);
        assert_eq!(bench.state(0), state, "{gap}");
    }
}

/// One that stops again and again, or a flood of such words, does not keep it waiting.
#[test]
fn a_stream_of_priority_0_does_not_delay_a_takeover() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.drain();
    let mut entries = Vec::new();
    for tenth in 0..20 {
        let did = bench.until(tenth * 100);
        entries.extend(entered(&did).iter().map(|(_, state)| (tenth, *state)));
        bench.hear(0, &Packet::new(0, HIGHER, 0));
    }
    // 0.61 s after the first one.
    assert_eq!(entries, [(7, State::Master)]);
}

#[test]
fn a_reload_does_not_make_a_backup_wait_from_the_start() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.drain();
    for tenth in 1..36 {
        bench.until(tenth * 100);
        let mut settings = instance(0);
        settings.addresses.push(address(0, (80 + tenth % 3) as u8));
        // A priority that takes part in the skew: 3.6 s and some more.
        settings.priority = Priority(100 + (tenth % 3) as u8);
        bench.reload(vec![settings], vec![]);
    }
    bench.until(3_700);
    assert_eq!(bench.state(0), State::Master);
}

/// Another master, of priority 150: better than this router, worse than the other one.
fn hear_worse(bench: &mut Bench, priority: u8, centiseconds: u16) {
    let worse = Ipv4Addr::new(10, 0, 0, 77).into();
    bench.hear_3(worse, GROUP.into(), priority, centiseconds);
}

/// One of two masters that have met says its last word, and is ten times as fast.
#[test]
fn a_master_that_has_to_give_up_teaches_nothing_with_its_last_word() {
    let mut bench = backup(300);
    bench.drain();
    bench.until(50);
    hear_worse(&mut bench, 150, 30);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.report(0).learned_interval, Some(interval(300)));
    assert_eq!(entered(&bench.until(10_828)), []);
    let did = bench.until(10_829);
    assert_eq!(entered(&did), [("VI_0", State::Master)]);
}

/// It may not have heard of the better one, or that one has died since: it is there as
/// long as it says.
#[test]
fn a_worse_master_is_waited_for_as_well() {
    let mut bench = backup(30);
    bench.drain();
    bench.until(50);
    hear_worse(&mut bench, 150, 300);
    assert_eq!(bench.drain(), []);
    assert_eq!(entered(&bench.until(50 + 10_828)), []);
    assert_eq!(
        entered(&bench.until(50 + 10_829)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn once_the_better_master_is_silent_for_too_long_the_worse_one_teaches() {
    let mut bench = backup(30);
    bench.drain();
    for at in [50, 950] {
        bench.until(at);
        hear_worse(&mut bench, 150, 100);
        assert_eq!(bench.drain(), []);
    }
    // The better one was heard 1,083 ms ago: 3 x 300 ms, and 156/256 of 300 ms.
    bench.until(1_100);
    hear_worse(&mut bench, 150, 100);
    assert_eq!(bench.drain(), [learned_from_worse(30, 100)]);
    assert_eq!(bench.report(0).learned_interval, None);
}

/// Its good-bye may have come in behind the first advert of the next master.
#[test]
fn a_better_master_that_stops_leaves_the_worse_one() {
    let mut bench = backup(30);
    bench.drain();
    bench.until(50);
    hear_worse(&mut bench, 150, 100);
    bench.until(60);
    hear(&mut bench, 0, 30);
    assert_eq!(bench.drain(), [learned_from_worse(30, 100)]);
    let master = bench.report(0).master.unwrap();
    assert_eq!(master.priority, Priority(150));
    assert_eq!(entered(&bench.until(50 + 3_609)), []);
    assert_eq!(entered(&bench.until(50 + 3_610)), [("VI_0", State::Master)]);
}

/// Of two worse ones the better counts, whichever was heard last.
#[test]
fn the_best_of_the_worse_masters_is_the_next() {
    let mut bench = backup(30);
    bench.drain();
    bench.until(50);
    hear_worse(&mut bench, 150, 100);
    bench.until(100);
    let worst = Ipv4Addr::new(10, 0, 0, 78).into();
    bench.hear_3(worst, GROUP.into(), 140, 10);
    bench.until(1_100);
    bench.hear_3(worst, GROUP.into(), 140, 10);
    assert_eq!(bench.drain(), [learned_from_worse(30, 100)]);
    let master = bench.report(0).master.unwrap();
    assert_eq!(master.priority, Priority(150));
}

fn learned_from_worse(from: u16, to: u16) -> Did {
    told(Change::IntervalLearned {
        from: interval(from),
        to: interval(to),
        master: Ipv4Addr::new(10, 0, 0, 77).into(),
    })
}
