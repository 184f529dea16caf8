//! A start that is delayed, and work that comes late.

use std::time::Duration;

use ipvsd::moment::Moment;
use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::memory::{Lateness, Memory};
use ipvsd::vrrp::settings::RouterSettings;
use ipvsd::vrrp::{Priority, Router, State};

use crate::bench::{
    Bench, Did, HIGHER, LOWER, Packet, address, at, entered, facts, group, instance, ms, sent,
    settings,
};

const MASTER_DOWN: u64 = 3_609 + 1;

fn delayed(by: u64) -> RouterSettings {
    RouterSettings {
        startup_delay: ms(by),
        ..settings(vec![instance(0)], vec![])
    }
}

/// One that has been told of its interface.
fn started(settings: RouterSettings, memory: &Memory, now: Moment) -> Bench {
    let mut bench = Bench::bare(vec![], vec![], memory, now);
    bench.router = Router::new(settings, memory, now);
    bench.interface(0, Some(facts(0)));
    bench
}

fn told(change: Change) -> Did {
    Did::Told(Subject::Instance("VI_0".to_owned()), change)
}

#[test]
fn a_delayed_start_waits_in_init_and_leaves_nothing_behind_meanwhile() {
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    let delay = ms(4_000);
    assert_eq!(
        bench.drain(),
        [
            Did::Removed(0, vec![address(0, 80)]),
            told(Change::Delayed { delay })
        ]
    );
    let report = bench.report(0);
    assert_eq!((report.state, report.why), (State::Init, Why::Delayed));
    // What is heard meanwhile is known and decides nothing.
    bench.until(1_000);
    bench.hear(0, &Packet::new(0, LOWER, 50));
    assert!(bench.report(0).master.is_some());
    bench.interface(0, Some(facts(0)));
    assert_eq!(bench.until(3_999), []);
    let did = bench.until(4_000);
    assert_eq!(entered(&did), [("VI_0", State::Backup)]);
    assert_eq!(entered(&bench.until(4_000 + MASTER_DOWN - 2)), []);
    assert_eq!(
        entered(&bench.until(4_000 + MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn an_owner_waits_as_well() {
    let mut settings = delayed(4_000);
    settings.instances[0].priority = Priority::OWNER;
    let mut bench = started(settings, &Memory::default(), at(0));
    assert_eq!(sent(&bench.until(3_999)), []);
    assert_eq!(entered(&bench.until(4_000)), [("VI_0", State::Master)]);
}

#[test]
fn a_fault_is_looked_for_after_the_delay() {
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    bench.interface(0, None);
    assert_eq!(entered(&bench.until(3_999)), []);
    assert_eq!(entered(&bench.until(4_000)), [("VI_0", State::Fault)]);
}

#[test]
fn after_boot_counts_from_boot() {
    // The bench begins 1000 s after boot.
    let mut settings = delayed(500);
    settings.delay_after_boot = Duration::from_secs(1_002);
    let mut bench = started(settings.clone(), &Memory::default(), at(0));
    assert_eq!(entered(&bench.until(1_999)), []);
    assert_eq!(entered(&bench.until(2_000)), [("VI_0", State::Backup)]);
    // Long after boot there is no delay any more.
    settings.startup_delay = Duration::ZERO;
    let mut bench = started(settings, &Memory::default(), at(10_000));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

#[test]
fn a_process_that_is_killed_does_not_begin_the_delay_anew() {
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    bench.until(3_000);
    let memory = bench.router.memory();
    let mut bench = started(delayed(4_000), &memory, at(3_500));
    assert_eq!(entered(&bench.until(3_999)), []);
    assert_eq!(entered(&bench.until(4_000)), [("VI_0", State::Backup)]);
    bench.until(4_000 + MASTER_DOWN);

    // And a master resumes at once.
    let memory = bench.router.memory();
    let now = bench.now + ms(500);
    let mut bench = started(delayed(4_000), &memory, now);
    assert_eq!(bench.drain()[0], Did::Sent(0, 100));
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_reload_delays_nothing() {
    let mut bench = started(delayed(0), &Memory::default(), at(0));
    bench.until(MASTER_DOWN);
    bench.router.reload(delayed(4_000), bench.now);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.state(0), State::Master);
    // Nor does it end a delay.
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    bench.drain();
    bench.until(1_000);
    bench.router.reload(delayed(0), bench.now);
    assert_eq!(entered(&bench.until(3_999)), []);
    assert_eq!(entered(&bench.until(4_000)), [("VI_0", State::Backup)]);
}

/// A newcomer whose interface is not known must not keep the others awake.
#[test]
fn a_delay_that_is_over_does_not_wake_who_waits_for_an_interface() {
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    bench.drain();
    let mut settings = delayed(4_000);
    settings.instances.push(instance(1));
    settings.groups = vec![group(&[0, 1])];
    bench.router.reload(settings, bench.now);
    bench.until(10_000);
    assert_eq!((bench.state(0), bench.router.wake()), (State::Init, None));
    bench.interface(1, Some(facts(1)));
    assert_eq!(bench.state(0), State::Backup);
}

#[test]
fn a_stop_ends_a_delay() {
    let mut bench = started(delayed(4_000), &Memory::default(), at(0));
    bench.drain();
    let did = bench.stop();
    assert_eq!(sent(&did), []);
    assert_eq!(bench.router.wake(), None);
}

#[test]
fn the_lateness_of_adverts_is_kept_and_told_once_a_minute() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(MASTER_DOWN);
    assert_eq!(bench.report(0).lateness, Lateness::default());
    // Each is due a second after the one before.
    let late = |bench: &mut Bench, by: u64| {
        bench.now = bench.router.wake().unwrap() + ms(by);
        bench.router.on_time(bench.now);
        let did = bench.drain();
        assert_eq!(sent(&did), [(0, 100)]);
        did[1..].to_vec()
    };
    // The second round of announcements is out of the way.
    bench.until(20_000);
    assert_eq!(late(&mut bench, 500), []);
    let kept = |worst, late| Lateness {
        worst: ms(worst),
        late,
    };
    assert_eq!(bench.report(0).lateness, kept(500, 0));
    assert_eq!(late(&mut bench, 501), []);
    assert_eq!(late(&mut bench, 1_000), []);
    assert_eq!(bench.report(0).lateness, kept(1_000, 2));
    let by = ms(1_001);
    assert_eq!(late(&mut bench, 1_001), [told(Change::Late { by })]);
    assert_eq!(late(&mut bench, 1_001), []);
    assert_eq!(late(&mut bench, 10), []);
    assert_eq!(bench.report(0).lateness, kept(1_001, 4));
    let by = ms(60_000);
    assert_eq!(late(&mut bench, 60_000), [told(Change::Late { by })]);
}

/// What others make it say does not come late, and neither does what comes after it.
#[test]
fn answers_are_not_late() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(20_000);
    for tenth in 0..20 {
        bench.until(20_000 + tenth * 300);
        bench.hear(0, &Packet::new(0, HIGHER, 0));
    }
    assert_eq!(bench.report(0).lateness, Lateness::default());
}
