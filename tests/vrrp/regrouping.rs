//! Sync groups that a reload puts together, takes apart, or changes.

use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::input::Announcement;
use ipvsd::vrrp::settings::InstanceSettings;
use ipvsd::vrrp::{Priority, State};

use crate::bench::{
    Bench, Did, HIGHER, LOWER, Packet, address, at, entered, facts, group, instance, sent,
};

const MASTER_DOWN: u64 = 3_609 + 1;

fn instances(links: &[u8]) -> Vec<InstanceSettings> {
    links.iter().map(|link| instance(*link)).collect()
}

/// The first links' instances are master; one of priority 200 is heard on the others.
fn masters_of(masters: u8, links: u8) -> Bench {
    let all: Vec<u8> = (0..links).collect();
    let mut bench = Bench::new(instances(&all), vec![]);
    for second in 1..=5 {
        bench.until(second * 1_000);
        for link in masters..links {
            bench.hear(link, &Packet::new(link, HIGHER, 200));
        }
    }
    for link in 0..links {
        assert_eq!(bench.state(link) == State::Master, link < masters);
    }
    bench.drain();
    bench
}

#[test]
fn a_member_with_a_better_master_makes_all_give_way() {
    let mut bench = masters_of(1, 2);
    bench.reload(instances(&[0, 1]), vec![group(&[0, 1])]);
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 0)]);
    assert_eq!(
        entered(&did),
        [("VI_0", State::Backup), ("VG", State::Backup)]
    );
    // The one that is a backup goes on waiting as before: from 5 s on.
    let did = bench.until(5_000 + MASTER_DOWN);
    assert_eq!(entered(&did).len(), 3);
}

#[test]
fn a_member_whose_master_has_gone_joins_the_masters() {
    let mut bench = masters_of(1, 2);
    bench.until(8_000);
    bench.hear(1, &Packet::new(1, HIGHER, 0));
    bench.reload(instances(&[0, 1]), vec![group(&[0, 1])]);
    let did = bench.drain();
    assert_eq!(sent(&did), [(1, 100)]);
    assert_eq!(
        entered(&did),
        [("VI_1", State::Master), ("VG", State::Master)]
    );
}

/// One that was heard long ago holds nobody back: in its group the member had to wait
/// for another one.
#[test]
fn a_member_that_was_ready_in_another_group_joins_the_masters() {
    let before = vec![group(&[1, 2])];
    let mut bench = Bench::new(instances(&[0, 1, 2]), before);
    bench.hear(1, &Packet::new(1, HIGHER, 200));
    for second in 1..=5 {
        bench.until(second * 1_000);
        bench.hear(2, &Packet::new(2, HIGHER, 200));
    }
    bench.drain();
    assert!(bench.report(1).master.is_some());
    bench.reload(instances(&[0, 1, 2]), vec![group(&[0, 1])]);
    assert_eq!(sent(&bench.drain()), [(1, 100)]);
    assert_eq!(bench.state(1), State::Master);
    assert_eq!(bench.state(2), State::Backup);
}

#[test]
fn a_lower_master_is_taken_over_from_as_the_member_would_have_done() {
    for (preempt, state) in [(true, State::Master), (false, State::Backup)] {
        let member = |link| InstanceSettings {
            preempt,
            ..instance(link)
        };
        let mut bench = Bench::new(vec![member(0), member(1)], vec![]);
        // Before it preempts: only so are the two in different states.
        for tenth in 0..30 {
            bench.until(1_000 + tenth * 100);
            bench.hear(1, &Packet::new(1, HIGHER, 200));
        }
        bench.until(3_990);
        bench.hear(1, &Packet::new(1, HIGHER, 0));
        bench.hear(1, &Packet::new(1, LOWER, 50));
        bench.drain();
        assert_eq!(bench.state(0), State::Master);
        bench.reload(vec![member(0), member(1)], vec![group(&[0, 1])]);
        assert_eq!((bench.state(0), bench.state(1)), (state, state));
    }
}

#[test]
fn a_newcomer_joins_without_a_handover() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(instances(&[0, 1, 2]), vec![group(&[2, 0, 1])]);
    // Until its interface is known it waits, and the others go on.
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.state(2), State::Init);
    assert_eq!(
        sent(&bench.until(MASTER_DOWN + 1_200)),
        [(0, 100), (1, 100)]
    );
    bench.interface(2, Some(facts(2)));
    let did = bench.drain();
    assert_eq!(sent(&did), [(2, 100)]);
    assert_eq!(entered(&did), [("VI_2", State::Master)]);
    // What is for it finds it.
    bench.hear(2, &Packet::new(2, HIGHER, 200));
    let did = bench.drain();
    assert_eq!(entered(&did).len(), 4);
    assert_eq!(entered(&did)[0], ("VI_2", State::Backup));
}

#[test]
fn a_newcomer_to_backups_is_one() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.drain();
    bench.until(2_000);
    bench.reload(instances(&[0, 1, 2]), vec![group(&[0, 1, 2])]);
    bench.interface(2, Some(facts(2)));
    assert_eq!(entered(&bench.drain()), [("VI_2", State::Backup)]);
    // The others are ready in time, and wait for it.
    assert_eq!(entered(&bench.until(2_000 + MASTER_DOWN - 2)), []);
    assert_eq!(entered(&bench.until(2_000 + MASTER_DOWN)).len(), 4);
}

#[test]
fn a_newcomer_without_an_interface_is_a_fault_of_all() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(instances(&[0, 1, 2]), vec![group(&[0, 1, 2])]);
    bench.interface(2, None);
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 0), (1, 0)]);
    assert!(
        entered(&did)
            .iter()
            .all(|(_, state)| *state == State::Fault)
    );
    assert_eq!(entered(&did).len(), 4);
    let interface = "eth2".to_owned();
    assert_eq!(bench.report(2).why, Why::InterfaceGone { interface });
    let member = "VI_2".to_owned();
    let group = "VG".to_owned();
    assert_eq!(bench.report(0).why, Why::Group { group, member });
}

#[test]
fn a_newcomer_that_nobody_has_looked_at_is_in_the_status_and_stops_too() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(instances(&[0, 1, 2]), vec![group(&[0, 1, 2])]);
    assert!(bench.router.memory().instances.contains_key("VI_2"));
    // Another reload does not lose it either.
    bench.reload(instances(&[0, 1, 2]), vec![group(&[0, 1, 2])]);
    assert_eq!(bench.state(2), State::Init);
    let did = bench.stop();
    assert_eq!(sent(&did), [(0, 0), (1, 0)]);
    let stopped = did
        .iter()
        .filter(|did| matches!(did, Did::Told(_, Change::Stopped { .. })));
    assert_eq!(stopped.count(), 4);
}

#[test]
fn a_member_that_goes_takes_nobody_with_it() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(instances(&[0]), vec![group(&[0])]);
    let did = bench.drain();
    assert_eq!(sent(&did), [(1, 0)]);
    assert_eq!(entered(&did), []);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_group_without_its_faulty_member_recovers() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.interface(1, None);
    bench.drain();
    assert_eq!(bench.state(0), State::Fault);
    bench.reload(instances(&[0, 1]), vec![group(&[0])]);
    let did = bench.drain();
    assert_eq!(
        entered(&did),
        [("VI_0", State::Backup), ("VG", State::Backup)]
    );
    assert_eq!(bench.state(1), State::Fault);
}

#[test]
fn a_group_of_another_name_is_told_of_and_changes_nothing() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 200);
    let mut other = group(&[0, 1]);
    other.name = "other".to_owned();
    bench.reload(instances(&[0, 1]), vec![other]);
    let of = |name: &str, change| Did::Told(Subject::Group(name.to_owned()), change);
    let (priority, from) = (Priority(100), State::Master);
    let entered = Change::Entered {
        from: State::Init,
        to: State::Master,
        priority,
        why: Why::Reload,
    };
    let stopped = Change::Stopped { from, priority };
    assert_eq!(bench.drain(), [of("VG", stopped), of("other", entered)]);
}

/// A killed process comes back with a group that its predecessor had put together.
#[test]
fn a_group_that_has_grown_resumes_as_a_whole() {
    let mut bench = Bench::new(instances(&[0, 1]), vec![group(&[0])]);
    bench.until(MASTER_DOWN + 200);
    bench.reload(instances(&[0, 1]), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 1_300);
    let memory = bench.router.memory();
    let now = bench.now;
    let both = || (instances(&[0, 1]), vec![group(&[0, 1])]);
    let mut bench = Bench::with_memory(both().0, both().1, &memory, now);
    assert_eq!(entered(&bench.drain()), []);
    assert_eq!(bench.state(1), State::Master);
    assert!(bench.now > at(0));
}

#[test]
fn a_group_that_is_made_of_masters_is_one() {
    let mut bench = Bench::new(vec![instance(0), instance(1)], vec![]);
    bench.until(MASTER_DOWN);
    let settings = || instances(&[0, 1]);
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

/// What a process has been told of an address while an instance waits to join a group is
/// not lost: it would be taken for the answer to the next question.
#[test]
fn what_is_done_for_a_member_that_is_yet_to_join_counts() {
    let with_another = || InstanceSettings {
        addresses: vec![address(1, 80), address(1, 81)],
        ..instance(1)
    };
    let all = || vec![instance(0), with_another()];
    let mut before = Bench::new(all(), vec![]);
    before.until(MASTER_DOWN);
    // The next process; what has become of the second interface is not known yet.
    let memory = before.router.memory();
    let mut bench = Bench::bare(all(), vec![], &memory, at(MASTER_DOWN));
    bench.interface(0, Some(facts(0)));
    bench.drain();
    bench.reload(instances(&[0, 1]), vec![group(&[0, 1])]);
    let did = bench.drain();
    let gone = [address(1, 81)];
    let is_gone = |did: &Did| matches!(did, Did::Removed(_, these) if *these == gone);
    assert!(did.iter().any(is_gone), "{did:?}");
    bench.announced.clear();
    bench.interface(1, Some(facts(1)));
    let did = bench.drain();
    assert!(
        did.contains(&Did::Added(1, vec![address(1, 80)])),
        "{did:?}"
    );
    let here = |(_, announcement): &(_, Announcement)| announcement.interface == facts(1).index;
    assert!(bench.announced.iter().any(here));
}
