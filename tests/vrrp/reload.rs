//! Other settings take the place of the present ones.

use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Vrid};

use crate::bench::{Bench, Did, HIGHER, Packet, address, entered, facts, group, instance, sent};

const MASTER_DOWN: u64 = 3_609 + 1;

fn master() -> Bench {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN + 200);
    assert_eq!(bench.state(0), State::Master);
    bench
}

#[test]
fn nothing_changes_where_nothing_has_changed() {
    let mut bench = master();
    let wake = bench.router.wake();
    bench.reload(vec![instance(0)], vec![]);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.router.wake(), wake);
}

#[test]
fn another_priority_is_said_at_once() {
    let mut bench = master();
    let mut settings = instance(0);
    settings.priority = Priority(50);
    bench.reload(vec![settings], vec![]);
    assert_eq!(bench.drain(), [Did::Sent(0, 50)]);
    assert_eq!(bench.until(MASTER_DOWN + 200 + 999), []);
    assert_eq!(bench.until(MASTER_DOWN + 200 + 1_000), [Did::Sent(0, 50)]);
    assert_eq!(bench.report(0).priority, Priority(50));
}

#[test]
fn addresses_come_and_go_without_a_transition() {
    let mut bench = master();
    let mut settings = instance(0);
    settings.addresses = vec![address(0, 81)];
    bench.reload(vec![settings], vec![]);
    assert_eq!(
        bench.drain(),
        [
            Did::Removed(0, vec![address(0, 80)]),
            Did::Sent(0, 100),
            Did::Added(0, vec![address(0, 81)]),
        ]
    );
    assert_eq!(bench.state(0), State::Master);
    assert_eq!(bench.report(0).counters.announcements, 10);
}

/// The kernel has each address once: if the one that gives it away removed it, it would
/// be gone for a moment, or for good.
#[test]
fn an_address_moves_from_one_master_to_another() {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![]);
    bench.until(MASTER_DOWN + 200);
    let (mut one, mut two) = (instance(0), instance(1));
    std::mem::swap(&mut one.addresses, &mut two.addresses);
    bench.reload(vec![one, two], vec![]);
    assert_eq!(
        bench.drain(),
        [
            Did::Sent(0, 100),
            Did::Added(0, vec![address(1, 80)]),
            Did::Sent(1, 100),
            Did::Added(1, vec![address(0, 80)]),
        ]
    );
}

/// A process that was killed has left what it had, and the next one is told of another
/// configuration before it has been told of any interface.
#[test]
fn what_was_left_behind_goes_also_where_it_is_not_wanted_any_more() {
    let mut before = master();
    let memory = before.router.memory();
    before.drain();
    let mut bench = Bench::bare(vec![instance(0)], vec![], &memory, before.now);
    let mut settings = instance(0);
    settings.addresses = vec![address(0, 81)];
    bench.reload(vec![settings], vec![]);
    let removed = [Did::Removed(0, vec![address(0, 80)])];
    assert_eq!(bench.drain(), removed);
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.state(0), State::Master);
    let did = bench.drain();
    assert!(did.contains(&Did::Added(0, vec![address(0, 81)])));
}

/// What is known of it may be long out of date.
#[test]
fn an_interface_that_comes_back_into_use_is_waited_for() {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(vec![instance(0)], vec![]);
    // Nobody tells it of an interface that it does not use.
    bench.actions();
    let both = vec![instance(0), instance(1)];
    bench.reload(both, vec![]);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.state(1), State::Init);
    bench.interface(1, Some(facts(1)));
    assert_eq!(bench.state(1), State::Backup);
}

#[test]
fn another_vrid_is_another_router() {
    let mut bench = master();
    let mut settings = instance(0);
    settings.vrid = Vrid::new(52).unwrap();
    bench.reload(vec![settings], vec![]);
    let did = bench.drain();
    assert_eq!(did[0], Did::Sent(0, 0));
    let entered = did.iter().find_map(|did| match did {
        Did::Told(_, Change::Entered { from, to, why, .. }) => Some((*from, *to, why.clone())),
        _ => None,
    });
    assert_eq!(entered, Some((State::Master, State::Backup, Why::Reload)));
    // Two removals: what the old one had, and what may be left for the new one.
    assert_eq!(
        did.iter()
            .filter(|did| matches!(did, Did::Removed(..)))
            .count(),
        2
    );
}

#[test]
fn what_is_removed_hands_over() {
    let mut bench = master();
    bench.reload(vec![], vec![]);
    let did = bench.drain();
    assert!(matches!(
        &did[..],
        [
            Did::Sent(0, 0),
            Did::Removed(..),
            Did::Told(
                _,
                Change::Stopped {
                    from: State::Master,
                    ..
                }
            )
        ]
    ));
    assert_eq!(bench.router.wake(), None);
}

#[test]
fn what_is_new_begins_at_once_where_its_interface_is_known() {
    let mut bench = Bench::new(vec![], vec![]);
    bench.interface(0, Some(crate::bench::facts(0)));
    bench.reload(vec![instance(0)], vec![]);
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

#[test]
fn another_interval_is_waited_for() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.drain();
    let mut settings = instance(0);
    settings.advert_interval = AdvertInterval::from_seconds(10).unwrap();
    bench.reload(vec![settings], vec![]);
    assert_eq!(bench.until(30_000), []);
    assert_eq!(entered(&bench.until(30_610)), [("VI_0", State::Master)]);
}

#[test]
fn reloads_in_quick_succession_do_not_hold_adverts_back() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN);
    let mut adverts = 0;
    for tenth in 1..=50 {
        adverts += sent(&bench.until(MASTER_DOWN + tenth * 100)).len();
        let mut settings = instance(0);
        settings.priority = Priority(100 + tenth as u8);
        settings.advert_interval = AdvertInterval::from_seconds(1 + (tenth % 2) as u8).unwrap();
        bench.reload(vec![settings], vec![]);
    }
    assert!(adverts >= 3, "{adverts}");
}

#[test]
fn instances_that_come_together_in_a_group_begin_again_together() {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![]);
    for second in 1..=5 {
        bench.until(second * 1_000);
        bench.hear(1, &Packet::new(1, HIGHER, 200));
    }
    assert_eq!(
        (bench.state(0), bench.state(1)),
        (State::Master, State::Backup)
    );
    bench.drain();
    let settings = vec![instance(0), instance(1)];
    bench.reload(settings, vec![group(&[0, 1])]);
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 0)]);
    assert_eq!(
        entered(&did),
        [("VI_0", State::Backup), ("VG", State::Backup)]
    );
}

#[test]
fn a_group_that_is_made_of_masters_is_one() {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![]);
    bench.until(MASTER_DOWN);
    let settings = || vec![instance(0), instance(1)];
    bench.reload(settings(), vec![group(&[0, 1])]);
    assert_eq!(entered(&bench.drain()), [("VG", State::Master)]);
    bench.reload(settings(), vec![]);
    assert!(matches!(
        &bench.drain()[..],
        [Did::Told(Subject::Group(_), Change::Stopped { .. })]
    ));
    assert_eq!(
        (bench.state(0), bench.state(1)),
        (State::Master, State::Master)
    );
}
