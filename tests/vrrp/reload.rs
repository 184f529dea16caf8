//! Other settings take the place of the present ones.

use ipvsd::vrrp::event::{Change, Subject, Why};
use std::net::Ipv4Addr;

use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::{
    Authentication, ChecksumForm, Delivery, InstanceSettings, Password, Unicast,
};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version, Vrid};

use crate::bench::{
    Bench, Did, HIGHER, LOWER, Packet, address, at, entered, facts, instance, own, sent,
};

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

fn told(name: &str, change: Change) -> Did {
    Did::Told(Subject::Instance(name.to_owned()), change)
}

fn entering(name: &str, from: State, to: State) -> Did {
    let change = Change::Entered {
        from,
        to,
        priority: Priority(100),
        why: Why::Reload,
    };
    told(name, change)
}

/// Two masters on one link, A with VRID 51 and 10.0.0.80, B with VRID 52 and 10.0.0.81.
fn two_on_one_link() -> [InstanceSettings; 2] {
    let named = |name: &str, vrid, host| InstanceSettings {
        name: name.to_owned(),
        vrid: Vrid::new(vrid).unwrap(),
        addresses: vec![address(0, host)],
        ..instance(0)
    };
    [named("A", 51, 80), named("B", 52, 81)]
}

fn is_removal(did: &Did) -> bool {
    matches!(did, Did::Removed(..))
}

#[test]
fn masters_that_swap_their_vrids_lose_nothing() {
    let mut bench = Bench::new(two_on_one_link().to_vec(), vec![]);
    bench.until(MASTER_DOWN + 200);
    let [mut a, mut b] = two_on_one_link();
    std::mem::swap(&mut a.vrid, &mut b.vrid);
    bench.reload(vec![a, b], vec![]);
    // Each VRID has the other's address from now on, and both addresses stay where they
    // are. People have nothing to hear of: A and B are both master as before.
    assert_eq!(
        bench.drain(),
        [
            Did::Sent(1, 100),
            Did::Added(0, vec![address(0, 80)]),
            Did::Sent(0, 100),
            Did::Added(0, vec![address(0, 81)]),
        ]
    );
    let held: Vec<_> = bench.facts(0).addresses.clone();
    for host in [80, 81] {
        assert!(held.contains(&(address(0, host).address, 32)), "{held:?}");
    }
    // Adverts go out on time all the while.
    assert_eq!(sent(&bench.until(MASTER_DOWN + 1_200)).len(), 2);
    let removed = bench.stop();
    let removed = removed.iter().filter(|did| is_removal(did));
    assert_eq!(removed.count(), 2);
}

#[test]
fn of_swapped_vrids_the_master_stays_one_and_the_names_are_told() {
    let mut bench = Bench::new(two_on_one_link().to_vec(), vec![]);
    let better = Packet {
        vrid: 52,
        addresses: vec![address(0, 81).address],
        ..Packet::new(0, HIGHER, 200)
    };
    for second in 1..=4 {
        bench.until(second * 1_000);
        bench.hear(0, &better);
    }
    let [mut a, mut b] = two_on_one_link();
    std::mem::swap(&mut a.vrid, &mut b.vrid);
    std::mem::swap(&mut a.addresses, &mut b.addresses);
    bench.reload(vec![a, b], vec![]);
    // The one with VRID 51 is master on the wire, and is called B now.
    assert_eq!(
        bench.drain(),
        [
            entering("A", State::Master, State::Backup),
            entering("B", State::Backup, State::Master),
        ]
    );
    let memory = bench.router.memory();
    assert_eq!(memory.instances["A"].state, State::Backup);
    assert_eq!(memory.instances["B"].state, State::Master);
    assert!(memory.instances["B"].last_advert.is_some());
    assert_eq!(sent(&bench.until(4_999)), [(0, 100)]);
}

#[test]
fn another_name_is_the_same_router() {
    let mut bench = master();
    let mut settings = instance(0);
    settings.name = "VI_new".to_owned();
    bench.reload(vec![settings], vec![]);
    assert_eq!(
        bench.drain(),
        [
            told(
                "VI_0",
                Change::Stopped {
                    from: State::Master,
                    priority: Priority(100)
                }
            ),
            entering("VI_new", State::Init, State::Master),
        ]
    );
    assert_eq!(sent(&bench.until(MASTER_DOWN + 1_200)), [(0, 100)]);
}

/// Authentication, version, interval, peers: whoever is master is so afterwards, and
/// says at once what is new.
#[test]
fn what_is_new_is_said_at_once_and_by_the_same_master() {
    let changes: [fn(&mut InstanceSettings); 5] = [
        |settings| settings.version = Version::V3,
        |settings| settings.advert_interval = AdvertInterval::from_seconds(3).unwrap(),
        |settings| settings.authentication = Authentication::Pass(Password::new("secret")),
        |settings| settings.checksum = ChecksumForm::MessageOnly,
        |settings| settings.addresses.push(address(0, 81)),
    ];
    for change in changes {
        let mut bench = master();
        let mut settings = instance(0);
        change(&mut settings);
        bench.reload(vec![settings.clone()], vec![]);
        let did = bench.drain();
        assert_eq!(did[0], Did::Sent(0, 100), "{settings:?}");
        assert_eq!(entered(&did), []);
        assert!(!did.iter().any(is_removal));
        bench.reload(vec![settings], vec![]);
        assert_eq!(bench.drain(), []);
    }
    // What no advert shows is no reason for one.
    let mut bench = master();
    let mut settings = instance(0);
    settings.preempt = false;
    settings.announcements.repeat = 1;
    settings.addresses.push(address(0, 82));
    settings.excluded = 1;
    bench.reload(vec![settings], vec![]);
    assert_eq!(bench.drain(), [Did::Added(0, vec![address(0, 82)])]);
}

#[test]
fn unicast_peers_come_and_go() {
    let unicast = |peers: &[Ipv4Addr]| InstanceSettings {
        delivery: Delivery::Unicast(Unicast {
            peers: peers
                .iter()
                .map(|address| crate::places::peer((*address).into()))
                .collect(),
            ttl: 255,
            check_source: false,
        }),
        ..instance(0)
    };
    let mut bench = Bench::new(vec![unicast(&[HIGHER])], vec![]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(vec![unicast(&[LOWER, HIGHER])], vec![]);
    assert_eq!(bench.drain(), [Did::Sent(0, 100), Did::Sent(0, 100)]);
    // One whom nobody speaks to any more takes nothing over: it is not told to.
    bench.reload(vec![unicast(&[LOWER])], vec![]);
    assert_eq!(bench.drain(), [Did::Sent(0, 100)]);

    // By multicast it is another one.
    bench.reload(vec![instance(0)], vec![]);
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 0)]);
    assert_eq!(bench.state(0), State::Backup);
}

/// Of two that differ in their peers only, each goes on where its peers are.
#[test]
fn unicast_instances_are_told_apart_by_name_and_then_by_peers() {
    let unicast = |name: &str, priority, peer: Ipv4Addr| InstanceSettings {
        name: name.to_owned(),
        priority: Priority(priority),
        delivery: Delivery::Unicast(Unicast {
            peers: vec![crate::places::peer(peer.into())],
            ttl: 255,
            check_source: false,
        }),
        ..instance(0)
    };
    let before = vec![unicast("A", 100, LOWER), unicast("B", 100, HIGHER)];
    let mut bench = Bench::new(before, vec![]);
    bench.drain();
    for second in 1..=4 {
        bench.until(second * 1_000);
        let packet = Packet::new(0, HIGHER, 200).datagram_to(own(0));
        bench.hear_bytes(0, &packet);
    }
    let state = |bench: &Bench, name: &str| {
        let instances = bench.router.report().instances;
        let found = instances.iter().find(|report| report.name == name);
        found.unwrap().state
    };
    assert_eq!(state(&bench, "A"), State::Master);
    assert_eq!(state(&bench, "B"), State::Backup);
    let after = vec![unicast("C", 100, HIGHER), unicast("D", 100, LOWER)];
    bench.reload(after, vec![]);
    assert_eq!(sent(&bench.drain()), []);
    assert_eq!(state(&bench, "C"), State::Backup);
    assert_eq!(state(&bench, "D"), State::Master);
}

/// The host's only address belongs to the host, whatever its instance is called.
#[test]
fn the_hosts_own_address_survives_another_name_and_another_vrid() {
    let owner = InstanceSettings {
        priority: Priority::OWNER,
        ..instance(0)
    };
    let mut only = facts(0);
    only.addresses = vec![(address(0, 80).address, 32)];
    let mut bench = Bench::bare(vec![owner.clone()], vec![], &Memory::default(), at(0));
    bench.interface(0, Some(only));
    bench.drain();
    assert_eq!(bench.state(0), State::Master);
    let other = InstanceSettings {
        name: "other".to_owned(),
        vrid: Vrid::new(99).unwrap(),
        ..owner
    };
    bench.reload(vec![other], vec![]);
    let mut did = bench.drain();
    did.extend(bench.stop());
    let removed: usize = did
        .iter()
        .map(|did| match did {
            Did::Removed(_, addresses) => addresses.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(removed, 0, "{did:?}");
}

/// Where nobody has looked at the interface yet nobody knows what is the host's own.
#[test]
fn what_goes_before_its_interface_is_known_removes_nothing() {
    let start = || Bench::bare(vec![instance(0)], vec![], &Memory::default(), at(0));
    let mut bench = start();
    assert!(!bench.stop().iter().any(is_removal));
    let mut bench = start();
    bench.reload(vec![], vec![]);
    assert!(!bench.drain().iter().any(is_removal));
    // Unless a process before has looked at it.
    let memory = master().router.memory();
    let mut bench = Bench::bare(vec![instance(0)], vec![], &memory, at(0));
    assert!(bench.stop().iter().any(is_removal));
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
