//! What comes between a router and its work: no link, no address, no time, the end.

use ipvsd::family::Family;
use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::{Priority, State};

use crate::bench::{
    Bench, Did, HIGHER, LOWER, Packet, address, at, entered, facts, instance, sent,
};

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
fn link_down_is_a_fault_with_nothing_to_be_said() {
    let mut bench = master();
    let down = ipvsd::vrrp::InterfaceFacts {
        is_up: false,
        ..facts(0)
    };
    bench.interface(0, Some(down));
    let interface = "eth0".to_owned();
    assert_eq!(
        bench.drain(),
        [
            Did::Removed(0, vec![address(0, 80)]),
            entering(
                State::Master,
                State::Fault,
                Why::LinkDown {
                    interface: interface.clone()
                }
            ),
        ]
    );
    assert_eq!(bench.until(20_000), []);
    bench.interface(0, Some(facts(0)));
    assert_eq!(
        bench.drain(),
        [entering(
            State::Fault,
            State::Backup,
            Why::InterfaceReady { interface }
        )]
    );
    assert_eq!(
        entered(&bench.until(20_000 + MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn an_interface_that_goes_is_a_fault() {
    let mut bench = master();
    bench.interface(0, None);
    let did = bench.drain();
    assert_eq!(sent(&did), []);
    assert_eq!(entered(&did), [("VI_0", State::Fault)]);
}

#[test]
fn without_an_address_it_says_good_bye_with_the_last_one() {
    let mut bench = master();
    let mut bare = facts(0);
    // What is left is the virtual one, which identifies nobody.
    bare.addresses = vec![(address(0, 80).address, 32)];
    bench.interface(0, Some(bare));
    let did = bench.drain();
    assert_eq!(did[0], Did::Sent(0, 0));
    assert_eq!(
        did[2],
        entering(
            State::Master,
            State::Fault,
            Why::NoAddress {
                interface: "eth0".to_owned(),
                family: Family::V4,
            }
        )
    );
}

#[test]
fn starts_in_fault_where_there_is_no_interface() {
    let mut bench = Bench::bare(vec![instance(0)], vec![], &Memory::default(), at(0));
    bench.interface(0, None);
    let did = bench.drain();
    assert_eq!(did[0], Did::Removed(0, vec![address(0, 80)]));
    assert_eq!(entered(&did), [("VI_0", State::Fault)]);
    assert_eq!(bench.router.wake(), None);
}

#[test]
fn stop_hands_over_and_is_the_end() {
    let mut bench = master();
    bench.until(4_200);
    assert_eq!(
        bench.stop(),
        [
            Did::Sent(0, 0),
            Did::Removed(0, vec![address(0, 80)]),
            told(Change::Stopped {
                from: State::Master,
                priority: Priority(100)
            }),
        ]
    );
    bench.hear(0, &Packet::new(0, LOWER, 1));
    bench.interface(0, Some(facts(0)));
    bench.router.on_time(at(100_000));
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.router.wake(), None);
    assert!(!bench.router.has_announcements(at(100_000)));
}

#[test]
fn stop_of_a_backup_says_nothing_on_the_wire() {
    let mut bench = backup();
    assert_eq!(
        bench.stop(),
        [told(Change::Stopped {
            from: State::Backup,
            priority: Priority(100)
        })]
    );
}

#[test]
fn a_master_that_stood_still_goes_on_if_it_heard_nobody() {
    let mut bench = master();
    bench.until(20_000);
    let announced = bench.report(0).counters.announcements;
    bench.now = at(60_000);
    bench.router.on_time(bench.now);
    let did = bench.drain();
    assert_eq!(did[0], Did::Sent(0, 100));
    assert!(
        matches!(did[1..], [Did::Told(_, Change::Late { .. })]),
        "{did:?}"
    );
    assert_eq!(bench.report(0).counters.announcements, announced + 5);
}

#[test]
fn a_master_that_stood_still_gives_up_to_a_lower_one_with_nopreempt() {
    let mut settings = instance(0);
    settings.preempt = false;
    let mut bench = Bench::new(vec![settings.clone()], vec![]);
    bench.until(20_000);
    bench.now = at(60_000);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    // Its own priority would take mastership from the other one.
    assert_eq!(sent(&bench.drain()), [(0, 0)]);
    assert_eq!(bench.state(0), State::Backup);

    // One that was not silent does not.
    let mut bench = Bench::new(vec![settings], vec![]);
    bench.until(20_000);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_backup_that_stood_still_stays_one_if_adverts_wait() {
    let mut bench = backup();
    bench.now = at(60_000);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.router.on_time(bench.now);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.state(0), State::Backup);
}

/// Whoever is behind an interface that was down has heard nothing of who became master
/// meanwhile; the same after another hardware address.
#[test]
fn an_interface_that_comes_back_is_told_of_the_addresses_on_it() {
    let mut settings = instance(0);
    settings.addresses.push(address(1, 81));
    let mut bench = Bench::bare(vec![settings], vec![], &Memory::default(), at(0));
    let down = ipvsd::vrrp::InterfaceFacts {
        is_up: false,
        ..facts(1)
    };
    bench.interface(1, Some(down.clone()));
    bench.interface(0, Some(facts(0)));
    bench.until(20_000);
    assert_eq!(bench.state(0), State::Master);
    let announced = |bench: &Bench| bench.report(0).counters.announcements;
    // One address, two rounds.
    assert_eq!(announced(&bench), 10);

    let mut up = facts(1);
    up.addresses.push((address(1, 81).address, 32));
    bench.interface(1, Some(up.clone()));
    bench.drain();
    // The other one is known; the second round is everybody's.
    assert_eq!(announced(&bench), 15);
    bench.until(30_000);
    assert_eq!(announced(&bench), 25);
    up.hardware_address = Some([2, 0, 0, 0, 1, 99]);
    bench.interface(1, Some(up.clone()));
    bench.drain();
    assert_eq!(announced(&bench), 30);
    // Nothing has changed that they would have to know.
    bench.until(40_000);
    up.addresses.push(([10, 0, 1, 7].into(), 24));
    bench.interface(1, Some(up));
    bench.drain();
    assert_eq!(announced(&bench), 40);
}
