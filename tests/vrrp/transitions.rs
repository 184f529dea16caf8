//! Each transition of RFC 3768 section 6.4, and what keepalived adds to them.

use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::{Priority, State};

use crate::bench::{Bench, Did, HIGHER, LOWER, Packet, address, at, entered, instance, ms, sent};

fn told(change: Change) -> Did {
    Did::Told(Subject::Instance("VI_0".to_owned()), change)
}

fn entering(from: State, to: State, why: Why) -> Did {
    told(Change::Entered {
        from,
        to,
        priority: Priority(100),
        why,
    })
}

/// 3 s and the skew of priority 100: (256 - 100) / 256 s.
const MASTER_DOWN: u64 = 3_609 + 1;

/// A backup that has heard a master of priority 200 at 0.
fn backup() -> Bench {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.drain();
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.drain();
    bench
}

/// A master since [`MASTER_DOWN`], everything done and announced.
fn master() -> Bench {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
    bench
}

#[test]
fn start_as_backup_removes_what_may_be_left() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    assert_eq!(
        bench.drain(),
        [
            Did::Removed(0, vec![address(0, 80)]),
            entering(State::Init, State::Backup, Why::Start),
        ]
    );
    assert_eq!(bench.router.wake(), Some(at(3_000) + ms(1000) * 156 / 256));
}

#[test]
fn nothing_happens_before_the_interface_is_known() {
    let mut bench = Bench::bare(vec![instance(0)], vec![], &Memory::default(), at(0));
    assert_eq!(bench.until(10_000), []);
    assert_eq!(bench.state(0), State::Init);
}

#[test]
fn silence_makes_it_master() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.drain();
    assert_eq!(bench.until(MASTER_DOWN - 2), []);
    assert_eq!(
        bench.until(MASTER_DOWN),
        [
            Did::Sent(0, 100),
            Did::Added(0, vec![address(0, 80)]),
            entering(
                State::Backup,
                State::Master,
                Why::MasterDown { master: None }
            ),
            told(Change::Alone),
        ]
    );
    assert_eq!(bench.report(0).counters.announcements, 5);
    // One advert a second from then on, and the second round of announcements.
    assert_eq!(sent(&bench.until(MASTER_DOWN + 7_000)), [(0, 100); 7]);
    assert_eq!(bench.report(0).counters.announcements, 10);
}

#[test]
fn the_owner_is_master_at_once() {
    let mut settings = instance(0);
    settings.priority = Priority::OWNER;
    let mut bench = Bench::new(vec![settings], vec![]);
    let did = bench.drain();
    assert_eq!(did[0], Did::Sent(0, 255));
    assert_eq!(entered(&did), [("VI_0", State::Master)]);
}

#[test]
fn adverts_keep_it_backup() {
    let mut bench = backup();
    for second in 1..20 {
        assert_eq!(bench.until(second * 1_000), []);
        bench.hear(0, &Packet::new(0, HIGHER, 200));
    }
    assert_eq!(bench.state(0), State::Backup);
    let did = bench.until(19_000 + MASTER_DOWN);
    assert_eq!(
        did[2],
        entering(
            State::Backup,
            State::Master,
            Why::MasterDown {
                master: Some(HIGHER.into())
            }
        )
    );
    assert!(!did.contains(&told(Change::Alone)));
}

#[test]
fn an_equal_is_not_preempted_whatever_its_address() {
    for source in [LOWER, HIGHER] {
        let mut bench = Bench::new(vec![instance(0)], vec![]);
        for second in 0..20 {
            bench.until(second * 1_000);
            bench.hear(0, &Packet::new(0, source, 100));
        }
        assert_eq!(bench.state(0), State::Backup);
    }
}

#[test]
fn a_lower_one_is_preempted() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    for second in 0..=3 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 50));
    }
    let did = bench.until(MASTER_DOWN);
    assert_eq!(
        did.last(),
        Some(&entering(
            State::Backup,
            State::Master,
            Why::Preempted {
                master: LOWER.into(),
                priority: Priority(50)
            }
        ))
    );
}

#[test]
fn nopreempt_leaves_a_lower_one_alone_until_it_stops() {
    let mut settings = instance(0);
    settings.preempt = false;
    let mut bench = Bench::new(vec![settings], vec![]);
    for second in 0..20 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 50));
    }
    assert_eq!(bench.state(0), State::Backup);
    bench.until(19_000 + MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    let mut settings = instance(0);
    settings.preempt_delay = ms(4_000);
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.drain();
    // Accepted until 6.208, master at 6.208 + 3.609.
    for second in 3..=9 {
        bench.until(second * 1_000 + 208);
        bench.hear(0, &Packet::new(0, LOWER, 50));
    }
    assert_eq!(entered(&bench.until(6_208 + MASTER_DOWN - 2)), []);
    assert_eq!(
        entered(&bench.until(6_208 + MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn preempt_delay_does_not_delay_when_there_is_silence() {
    let mut settings = instance(0);
    settings.preempt_delay = ms(100_000);
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn preempt_delay_begins_again_after_a_better_master() {
    let mut settings = instance(0);
    settings.preempt_delay = ms(4_000);
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    for second in 1..=10 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, HIGHER, 200));
    }
    for second in 11..=14 {
        assert_eq!(entered(&bench.until(second * 1_000)), []);
        bench.hear(0, &Packet::new(0, LOWER, 50));
    }
    // The last one that was within the delay is that of 14.
    assert_eq!(entered(&bench.until(14_000 + MASTER_DOWN - 2)), []);
}

#[test]
fn a_master_that_stops_is_followed_after_the_skew() {
    let mut bench = backup();
    bench.until(500);
    bench.hear(0, &Packet::new(0, HIGHER, 0));
    assert_eq!(entered(&bench.until(500 + 608)), []);
    let did = bench.until(500 + 610);
    assert_eq!(
        did[2],
        entering(
            State::Backup,
            State::Master,
            Why::MasterStopped {
                master: HIGHER.into()
            }
        )
    );
}

#[test]
fn a_master_answers_one_that_stops() {
    let mut bench = master();
    bench.until(4_200);
    assert_eq!(bench.report(0).counters.announcements, 5);
    bench.hear(0, &Packet::new(0, HIGHER, 0));
    assert_eq!(bench.drain(), [Did::Sent(0, 100)]);
    // It has been master too, and may have announced the addresses.
    assert_eq!(bench.report(0).counters.announcements, 10);
    // The timer counts from there.
    assert_eq!(sent(&bench.until(5_199)), []);
    assert_eq!(sent(&bench.until(5_200)), [(0, 100)]);
}

#[test]
fn a_better_master_is_given_way_to_with_a_last_word() {
    let mut bench = master();
    bench.until(4_200);
    bench.hear(0, &Packet::new(0, LOWER, 101));
    assert_eq!(
        bench.drain(),
        [
            Did::Sent(0, 100),
            Did::Removed(0, vec![address(0, 80)]),
            entering(
                State::Master,
                State::Backup,
                Why::Outranked {
                    master: LOWER.into(),
                    priority: Priority(101)
                }
            ),
        ]
    );
    // The second round of announcements is not sent any more.
    for second in 5..15 {
        assert_eq!(bench.until(second * 1_000), []);
        bench.hear(0, &Packet::new(0, LOWER, 101));
    }
    assert_eq!(bench.report(0).counters.announcements, 5);
    assert_eq!(
        bench.report(0).master.map(|master| master.address),
        Some(LOWER.into())
    );
}

#[test]
fn between_masters_of_equal_priority_the_address_decides() {
    let mut bench = master();
    bench.until(4_200);
    bench.hear(0, &Packet::new(0, LOWER, 100));
    assert_eq!(bench.drain()[0], Did::Sent(0, 100));
    assert_eq!(bench.state(0), State::Master);
    bench.hear(0, &Packet::new(0, HIGHER, 100));
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn a_lower_master_is_answered_and_the_addresses_announced_again() {
    let mut bench = master();
    bench.until(20_000);
    let announced = bench.report(0).counters.announcements;
    bench.now = at(20_200);
    bench.hear(0, &Packet::new(0, LOWER, 99));
    assert_eq!(
        bench.drain(),
        [
            Did::Sent(0, 100),
            told(Change::OtherMaster {
                address: LOWER.into(),
                priority: Priority(99),
                is_answered: true,
            }),
        ]
    );
    assert_eq!(bench.report(0).counters.announcements, announced + 5);
    // Told once a minute at most, announced once a second.
    for tenth in 0..40 {
        bench.until(20_300 + tenth * 100);
        bench.hear(0, &Packet::new(0, LOWER, 99));
        let did = bench.drain();
        assert!(
            did.iter().all(|did| matches!(did, Did::Sent(..))),
            "{did:?}"
        );
    }
    assert_eq!(bench.report(0).counters.announcements, announced + 5 * 5);
    // And once more after the delay, counted from the first and from the last one.
    bench.until(24_500);
    let announced = bench.report(0).counters.announcements;
    bench.until(25_200);
    assert_eq!(bench.report(0).counters.announcements, announced + 5);
    bench.until(29_199);
    assert_eq!(bench.report(0).counters.announcements, announced + 5);
    bench.until(60_000);
    assert_eq!(bench.report(0).counters.announcements, announced + 2 * 5);
}

#[test]
fn a_flood_of_adverts_is_not_answered_by_a_flood() {
    // From a lower master, and from one that stops without end.
    for priority in [99, 0] {
        let mut bench = master();
        let mut adverts = 0;
        for millisecond in 0..10_000 {
            adverts += sent(&bench.until(5_000 + millisecond)).len();
            bench.hear(0, &Packet::new(0, LOWER, priority));
            adverts += sent(&bench.drain()).len();
        }
        assert!((9 * 20..11 * 21).contains(&adverts), "{adverts}");
    }
}

#[test]
fn one_that_is_preempted_is_not_told_of() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    for second in 0..=3 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 50));
    }
    bench.until(MASTER_DOWN);
    bench.until(MASTER_DOWN + 1);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    assert!(!bench.drain().iter().any(|did| matches!(did, Did::Told(..))));
    assert_eq!(bench.report(0).counters.announcements, 5 + 5);
}

/// The good-bye of the old master overtaken by the first advert of the next one.
#[test]
fn a_good_bye_that_comes_in_late_is_nothing_to_go_by() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    let next = Packet::new(0, HIGHER, 200);
    bench.hear(0, &next);
    bench.hear(0, &Packet::new(0, LOWER, 0));
    // The skew is 609 ms, the master-down interval 3.6 s.
    assert_eq!(entered(&bench.until(3_600)), [("VI_0", State::Backup)]);
    assert_eq!(entered(&bench.until(3_610)), [("VI_0", State::Master)]);
}
