//! What the file may say about the state machine.

use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::settings::InstanceSettings;
use ipvsd::vrrp::{Priority, State};

use crate::bench::{Bench, Did, HIGHER, LOWER, Packet, address, entered, group, instance, sent};

const MASTER_DOWN: u64 = 3_609 + 1;

fn with(change: impl FnOnce(&mut InstanceSettings)) -> InstanceSettings {
    let mut settings = instance(0);
    change(&mut settings);
    settings
}

/// A master since [`MASTER_DOWN`], everything done and announced.
fn master(settings: InstanceSettings) -> Bench {
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
    bench
}

fn told(change: Change) -> Did {
    Did::Told(Subject::Instance("VI_0".to_owned()), change)
}

fn is_two_owners(did: &Did) -> bool {
    matches!(did, Did::Told(_, Change::TwoOwners { .. }))
}

#[test]
fn lower_prio_no_advert_leaves_a_lower_one_without_an_answer() {
    let mut bench = master(with(|settings| settings.lower_prio_no_advert = true));
    bench.until(20_000);
    let wake = bench.router.wake();
    let announced = bench.report(0).counters.announcements;
    bench.hear(0, &Packet::new(0, LOWER, 50));
    assert_eq!(
        bench.drain(),
        [told(Change::OtherMaster {
            address: LOWER.into(),
            priority: Priority(50),
            is_answered: false,
        })]
    );
    // Not in word, but in deed.
    assert_eq!(bench.report(0).counters.announcements, announced + 5);
    assert_eq!(sent(&bench.until(20_610)), [(0, 100)]);
    assert!(bench.router.wake() > wake);
    // One that stops is answered all the same (RFC 3768 section 6.4.3).
    bench.hear(0, &Packet::new(0, LOWER, 0));
    assert_eq!(sent(&bench.drain()), [(0, 100)]);
}

#[test]
fn without_higher_prio_send_advert_the_loser_goes_silently() {
    let mut bench = master(with(|settings| settings.higher_prio_send_advert = false));
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    let did = bench.drain();
    assert_eq!(sent(&did), []);
    assert_eq!(entered(&did), [("VI_0", State::Backup)]);
}

/// Whoever is not outranked says good-bye whatever that option is.
#[test]
fn without_higher_prio_send_advert_the_rest_of_a_group_says_good_bye() {
    let silent = |link| InstanceSettings {
        higher_prio_send_advert: false,
        ..instance(link)
    };
    let mut bench = Bench::new(vec![silent(0), silent(1)], vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN);
    bench.hear(1, &Packet::new(1, HIGHER, 200));
    assert_eq!(sent(&bench.drain()), [(0, 0)]);
}

#[test]
fn an_owner_preempts_whatever_the_file_says() {
    let owner = with(|settings| {
        settings.priority = Priority::OWNER;
        settings.preempt = false;
    });
    let mut bench = Bench::new(vec![owner.clone()], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    assert_eq!(bench.state(0), State::Backup);
    let memory = bench.router.memory();
    let mut bench = Bench::with_memory(vec![owner], vec![], &memory, bench.now);
    bench.drain();
    for second in 0..=3 {
        bench.until(second * 1_000);
        bench.hear(0, &Packet::new(0, LOWER, 254));
    }
    bench.until(3_010);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn two_owners_are_an_error_that_is_told_once_a_minute() {
    let mut bench = Bench::new(
        vec![with(|settings| settings.priority = Priority::OWNER)],
        vec![],
    );
    bench.drain();
    // The higher address stays, as between any equals.
    bench.hear(0, &Packet::new(0, LOWER, 255));
    let did = bench.drain();
    let address = LOWER.into();
    assert!(
        did.contains(&told(Change::TwoOwners { address })),
        "{did:?}"
    );
    assert_eq!(bench.state(0), State::Master);
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    assert!(!bench.drain().iter().any(is_two_owners));
    assert_eq!(bench.state(0), State::Backup);
    for second in 1..=60 {
        assert!(!bench.until(second * 1_000 - 1).iter().any(is_two_owners));
        bench.hear(0, &Packet::new(0, HIGHER, 255));
    }
    assert_eq!(bench.state(0), State::Backup);
    bench.until(60_000);
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    assert!(bench.drain().iter().any(is_two_owners));
}

#[test]
fn owner_ignore_adverts_listens_to_nobody() {
    let owner = |ignores| {
        with(|settings| {
            settings.priority = Priority::OWNER;
            settings.owner_ignore_adverts = ignores;
        })
    };
    let mut bench = Bench::new(vec![owner(true)], vec![]);
    bench.drain();
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    let did = bench.drain();
    // But people are to know.
    assert!(matches!(&did[..], [did] if is_two_owners(did)), "{did:?}");
    assert_eq!(bench.state(0), State::Master);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    assert_eq!(bench.drain(), []);

    // It says something about owners only.
    let mut other = owner(true);
    other.priority = Priority(254);
    let mut bench = Bench::new(vec![other], vec![]);
    bench.until(MASTER_DOWN);
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    assert_eq!(bench.state(0), State::Backup);
}

/// With `nopreempt`, after a standstill in which one of priority 150 may have taken
/// over: (256 - 150) / 256 s after the third advert.
#[test]
fn timer_expired_backup_gives_up_after_a_standstill() {
    let settings = with(|settings| {
        settings.preempt = false;
        settings.timer_expired_backup = Some(Priority(150));
    });
    for (silent, state) in [(3_413, State::Master), (3_415, State::Backup)] {
        let mut bench = master(settings.clone());
        let last = bench.report(0).since;
        bench.now = last + crate::bench::ms(silent);
        bench.router.on_time(bench.now);
        let did = bench.drain();
        assert_eq!(bench.state(0), state, "{silent}");
        if state == State::Backup {
            // It may be the only one after all: others are not to wait.
            assert_eq!(sent(&did), [(0, 0)]);
            let why = bench.report(0).why;
            assert!(matches!(why, Why::StoodStill { .. }), "{why:?}");
            assert_eq!(
                entered(&bench.until(2 * MASTER_DOWN + silent)),
                [("VI_0", State::Master)]
            );
        } else {
            assert_eq!(sent(&did), [(0, 100)]);
        }
    }
}

#[test]
fn timer_expired_backup_means_nothing_with_preemption() {
    let settings = with(|settings| settings.timer_expired_backup = Some(Priority(150)));
    let mut bench = master(settings);
    bench.now = bench.now + crate::bench::ms(60_000);
    bench.router.on_time(bench.now);
    assert_eq!(sent(&bench.drain()), [(0, 100)]);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn timer_expired_backup_of_one_member_is_for_its_group() {
    let settings = |link| InstanceSettings {
        preempt: false,
        timer_expired_backup: (link == 1).then_some(Priority(254)),
        ..instance(link)
    };
    let mut bench = Bench::new(vec![settings(0), settings(1)], vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN);
    bench.now = bench.now + crate::bench::ms(60_000);
    bench.router.on_time(bench.now);
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
fn skip_check_adv_addr_looks_once_at_each_master() {
    let wrong = |source, priority| {
        let mut packet = Packet::new(0, source, priority);
        packet.addresses = vec![address(0, 99).address];
        packet
    };
    let heard = |bench: &Bench| bench.report(0).counters.adverts_received;
    let dropped = |bench: &Bench| {
        let dropped = bench.report(0).counters.dropped;
        dropped.get(&DropKind::Addresses).copied().unwrap_or(0)
    };
    let settings = with(|settings| settings.skip_check_adv_addr = true);
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.hear(0, &wrong(HIGHER, 200));
    assert_eq!((heard(&bench), dropped(&bench)), (0, 1));
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.hear(0, &wrong(HIGHER, 200));
    assert_eq!((heard(&bench), dropped(&bench)), (2, 1));
    // Another one is looked at, and so is the first one after that.
    bench.hear(0, &wrong(LOWER, 200));
    assert_eq!((heard(&bench), dropped(&bench)), (2, 2));
    bench.hear(0, &Packet::new(0, LOWER, 200));
    bench.hear(0, &wrong(HIGHER, 200));
    assert_eq!((heard(&bench), dropped(&bench)), (3, 3));
    // Also one that is discarded because it is to be preempted.
    bench.hear(0, &Packet::new(0, HIGHER, 50));
    bench.hear(0, &wrong(HIGHER, 50));
    assert_eq!((heard(&bench), dropped(&bench)), (5, 3));
    // Who has been master itself since looks again.
    bench.until(10_000);
    assert_eq!(bench.state(0), State::Master);
    bench.hear(0, &wrong(HIGHER, 50));
    assert_eq!((heard(&bench), dropped(&bench)), (5, 4));

    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.hear(0, &wrong(HIGHER, 200));
    assert_eq!((heard(&bench), dropped(&bench)), (1, 1));
}
