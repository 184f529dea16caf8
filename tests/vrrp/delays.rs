//! A start that is delayed, and work that comes late.

use std::time::Duration;

use ipvsd::moment::Moment;
use ipvsd::vrrp::event::{Change, Subject, Why};
use ipvsd::vrrp::memory::{Lateness, Memory};
use ipvsd::vrrp::settings::RouterSettings;
use ipvsd::vrrp::{Priority, Router, State};

use crate::bench::{
    Bench, Did, HIGHER, LOWER, Packet, address, at, entered, facts, instance, ms, sent, settings,
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

const DELAY: u64 = 4_000;

#[test]
fn a_delayed_start_is_told_and_nobody_is_master_before_its_end() {
    let mut bench = started(delayed(DELAY), &Memory::default(), at(0));
    let entered_backup = Change::Entered {
        from: State::Init,
        to: State::Backup,
        priority: Priority(100),
        why: Why::Start,
    };
    let delay = ms(DELAY);
    assert_eq!(
        bench.drain(),
        [
            told(Change::Delayed { delay }),
            Did::Removed(0, vec![address(0, 80)]),
            told(entered_backup),
        ]
    );
    assert_eq!(bench.until(DELAY + MASTER_DOWN - 2), []);
    assert_eq!(
        entered(&bench.until(DELAY + MASTER_DOWN)),
        [("VI_0", State::Master)]
    );
}

#[test]
fn adverts_count_while_the_start_is_delayed() {
    // What is heard at 1 s, and when it is master after that.
    for (priority, becomes_master) in [
        (200, DELAY + MASTER_DOWN),
        (50, DELAY + MASTER_DOWN),
        // The skew, from the end of the delay.
        (0, DELAY + 610),
    ] {
        let mut bench = started(delayed(DELAY), &Memory::default(), at(0));
        bench.until(1_000);
        bench.hear(0, &Packet::new(0, LOWER, priority));
        let is_master = priority > 0;
        assert_eq!(bench.report(0).master.is_some(), is_master);
        assert_eq!(entered(&bench.until(becomes_master - 2)), [], "{priority}");
        bench.until(becomes_master);
        assert_eq!(bench.state(0), State::Master, "{priority}");
    }
}

#[test]
fn an_owner_is_master_at_the_end_of_the_delay() {
    let mut settings = delayed(DELAY);
    settings.instances[0].priority = Priority::OWNER;
    let mut bench = started(settings, &Memory::default(), at(0));
    bench.until(1_000);
    bench.hear(0, &Packet::new(0, LOWER, 254));
    assert_eq!(sent(&bench.until(DELAY - 1)), []);
    assert_eq!(entered(&bench.until(DELAY)), [("VI_0", State::Master)]);
}

#[test]
fn a_fault_and_its_end_do_not_end_a_delay() {
    let mut bench = started(delayed(DELAY), &Memory::default(), at(0));
    bench.drain();
    bench.interface(0, None);
    assert_eq!(entered(&bench.until(1_000)), [("VI_0", State::Fault)]);
    bench.interface(0, Some(facts(0)));
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
    assert_eq!(entered(&bench.until(DELAY + MASTER_DOWN - 2)), []);
}

#[test]
fn after_boot_counts_from_boot() {
    // The bench begins 1000 s after boot.
    let mut settings = delayed(500);
    settings.delay_after_boot = Duration::from_secs(1_002);
    let mut bench = started(settings.clone(), &Memory::default(), at(0));
    bench.until(2_000 + MASTER_DOWN - 2);
    assert_eq!(bench.state(0), State::Backup);
    bench.until(2_000 + MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
    // Long after boot there is no delay any more.
    settings.startup_delay = Duration::ZERO;
    let mut bench = started(settings, &Memory::default(), at(10_000));
    bench.until(10_000 + MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_process_that_is_killed_does_not_begin_the_delay_anew() {
    let mut bench = started(delayed(DELAY), &Memory::default(), at(0));
    bench.until(3_000);
    let memory = bench.router.memory();
    let mut bench = started(delayed(DELAY), &memory, at(3_500));
    // Nor tells of it again.
    assert_eq!(
        bench.until(DELAY + MASTER_DOWN - 2),
        [Did::Removed(0, vec![address(0, 80)])]
    );
    bench.until(DELAY + MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);

    // And a master resumes at once.
    let memory = bench.router.memory();
    let now = bench.now + ms(500);
    let mut bench = started(delayed(DELAY), &memory, now);
    assert_eq!(bench.drain()[0], Did::Sent(0, 100));
    assert_eq!(bench.state(0), State::Master);
}

#[test]
fn a_reload_neither_begins_a_delay_nor_ends_one() {
    let mut bench = started(delayed(0), &Memory::default(), at(0));
    bench.until(MASTER_DOWN);
    bench.router.reload(delayed(DELAY), bench.now);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.state(0), State::Master);
    // What is new then is not delayed.
    let mut settings = delayed(DELAY);
    settings.instances.push(instance(1));
    bench.router.reload(settings, bench.now);
    bench.interface(1, Some(facts(1)));
    bench.until(2 * MASTER_DOWN);
    assert_eq!(bench.state(1), State::Master);

    let mut bench = started(delayed(DELAY), &Memory::default(), at(0));
    bench.until(1_000);
    bench.router.reload(delayed(0), bench.now);
    assert_eq!(entered(&bench.until(DELAY + MASTER_DOWN - 2)), []);
    bench.until(DELAY + MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
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
