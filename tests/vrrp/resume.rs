//! A process takes over from one that was killed.

use ipvsd::vrrp::event::{Change, Why};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::{Priority, State};

use crate::bench::{
    Bench, Did, HIGHER, Packet, address, at, entered, facts, group, instance, ms, sent,
};

const MASTER_DOWN: u64 = 3_609 + 1;

/// What a master knows that has sent its last advert at 6.610.
fn memory_of_master() -> Memory {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN + 3_000);
    assert_eq!(bench.state(0), State::Master);
    bench.router.memory()
}

/// The last advert, as it is in [`memory_of_master`].
fn last_advert() -> u64 {
    let last = memory_of_master().instances["VI_0"].last_advert.unwrap();
    (last - at(0)).as_millis() as u64
}

#[test]
fn a_master_goes_on_as_long_as_nobody_can_have_taken_over() {
    // 3 s and the skew of priority 255, which is 3.9 ms.
    for gap in [200, 2_900, 3_003] {
        let memory = memory_of_master();
        let now = at(last_advert() + gap);
        let mut bench = Bench::with_memory(vec![instance(0)], vec![], &memory, now);
        assert_eq!(
            bench.drain(),
            [Did::Sent(0, 100), Did::Added(0, vec![address(0, 80)])]
        );
        let report = bench.report(0);
        assert_eq!(report.state, State::Master);
        // It is the same mastership.
        assert_eq!(report.since, memory.instances["VI_0"].since);
        assert_eq!(report.counters.announcements, 5);
    }
}

#[test]
fn later_it_begins_as_backup_and_says_why() {
    let memory = memory_of_master();
    let now = at(last_advert() + 3_005);
    let mut bench = Bench::with_memory(vec![instance(0)], vec![], &memory, now);
    let did = bench.drain();
    assert_eq!(did[0], Did::Removed(0, vec![address(0, 80)]));
    let Did::Told(_, Change::Entered { from, to, why, .. }) = &did[1] else {
        panic!("{did:?}");
    };
    assert_eq!((*from, *to), (State::Master, State::Backup));
    assert_eq!(*why, Why::ResumedTooLate);
    assert_eq!(bench.router.memory().instances["VI_0"].state, State::Backup);
}

#[test]
fn a_backup_is_not_told_twice() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    let memory = bench.router.memory();
    let mut bench = Bench::with_memory(vec![instance(0)], vec![], &memory, at(500));
    // What the one before may have left is removed all the same.
    assert_eq!(bench.drain(), [Did::Removed(0, vec![address(0, 80)])]);
    let report = bench.report(0);
    assert_eq!((report.state, report.since), (State::Backup, at(0)));
}

/// Two that both claim to own the addresses: the one that gave way does not come back
/// only because its process was killed.
#[test]
fn an_owner_that_was_backup_stays_one() {
    let mut settings = instance(0);
    settings.priority = Priority::OWNER;
    let mut bench = Bench::new(vec![settings.clone()], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 255));
    let memory = bench.router.memory();
    let bench = Bench::with_memory(vec![settings], vec![], &memory, at(500));
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn a_fault_that_has_ended_meanwhile_is_told() {
    let mut bench = Bench::bare(vec![instance(0)], vec![], &Memory::default(), at(0));
    bench.interface(0, None);
    let memory = bench.router.memory();
    let mut bench = Bench::with_memory(vec![instance(0)], vec![], &memory, at(500));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

#[test]
fn one_that_is_killed_before_it_begins_remembers_what_it_was_told() {
    let memory = memory_of_master();
    let now = at(last_advert() + 100);
    let bench = Bench::bare(vec![instance(0)], vec![], &memory, now);
    assert_eq!(bench.router.memory(), memory);
}

#[test]
fn nothing_is_resumed_after_a_stop() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN);
    bench.stop();
    let memory = bench.router.memory();
    let mut bench = Bench::with_memory(vec![instance(0)], vec![], &memory, at(MASTER_DOWN + 100));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

#[test]
fn a_group_goes_on_as_a_whole_once_all_is_known() {
    let instances = || vec![instance(0), instance(1)];
    let mut bench = Bench::new(instances(), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 2_500);
    let memory = bench.router.memory();
    let now = bench.now + ms(300);

    let mut bench = Bench::bare(instances(), vec![group(&[0, 1])], &memory, now);
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.drain(), []);
    bench.interface(1, Some(facts(1)));
    let did = bench.drain();
    assert_eq!(sent(&did), [(0, 100), (1, 100)]);
    assert_eq!(entered(&did), []);
    assert_eq!(bench.router.memory().groups, memory.groups);
}

#[test]
fn a_group_with_one_member_that_cannot_go_on_does_not() {
    let instances = || vec![instance(0), instance(1)];
    let mut bench = Bench::new(instances(), vec![group(&[0, 1])]);
    bench.until(MASTER_DOWN + 2_500);
    let mut memory = bench.router.memory();
    memory.instances.get_mut("VI_1").unwrap().last_advert = None;
    let now = bench.now + ms(300);
    let mut bench = Bench::with_memory(instances(), vec![group(&[0, 1])], &memory, now);
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
