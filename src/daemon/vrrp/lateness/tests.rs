use super::*;

fn at(millis: u64) -> Moment {
    Moment::since_boot(Duration::from_millis(millis))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Of an instance with an advert a second; core wants to hear of a second.
fn ordinary() -> Lateness {
    Lateness::new(Some(millis(1000)), Some(millis(1000)))
}

/// Something was due at `due` and is done at `now`.
fn late(lateness: &mut Lateness, due: u64, now: u64, usage: Usage) -> Found {
    lateness.end(Some(at(due)), at(due - 1));
    lateness.begin(at(now), || usage)
}

#[test]
fn what_is_on_time_is_measured_and_not_told() {
    let mut lateness = ordinary();
    let found = late(&mut lateness, 1000, 1000, Usage::default());
    assert_eq!(found, Found::default());
    let found = late(&mut lateness, 2000, 2003, Usage::default());
    assert_eq!(found, Found::default());
    // Something has come in before the time.
    lateness.end(Some(at(3000)), at(2003));
    assert_eq!(lateness.begin(at(2500), Usage::default), Found::default());
    let expected = LoopLateness {
        measured: 2,
        worst: millis(3),
        recent: millis(3),
        late: 0,
    };
    assert_eq!(lateness.known(at(2500)), expected);
}

/// Frames are handed out in small batches, and the rest of them is due all the time.
#[test]
fn what_waits_on_purpose_is_not_late() {
    let mut lateness = ordinary();
    lateness.end(Some(at(1000)), at(1000));
    lateness.begin(at(5000), Usage::default);
    lateness.end(None, at(5000));
    lateness.begin(at(9000), Usage::default);
    assert_eq!(lateness.known(at(9000)), LoopLateness::default());
}

/// What came due while a turn took its time was ahead when that turn began.
#[test]
fn a_long_turn_is_late_for_what_came_due_meanwhile() {
    let mut lateness = ordinary();
    lateness.begin(at(1000), Usage::default);
    lateness.end(Some(at(1200)), at(1000));
    lateness.begin(at(1900), Usage::default);
    assert_eq!(lateness.known(at(1900)).worst, millis(700));
    assert_eq!(lateness.known(at(1900)).late, 1);
}

#[test]
fn the_recent_past_is_forgotten_and_the_worst_is_not() {
    let mut lateness = ordinary();
    late(&mut lateness, 1000, 1400, Usage::default());
    late(&mut lateness, 30_000, 30_100, Usage::default());
    let recent = |lateness: &Lateness, now| lateness.known(at(now)).recent;
    assert_eq!(recent(&lateness, 31_000), millis(400));
    assert_eq!(recent(&lateness, 59_999), millis(400));
    assert_eq!(recent(&lateness, 60_000), millis(100));
    assert_eq!(recent(&lateness, 90_000), Duration::ZERO);
    assert_eq!(lateness.known(at(90_000)).worst, millis(400));
    // The same part again, a minute later.
    late(&mut lateness, 61_000, 61_002, Usage::default());
    assert_eq!(recent(&lateness, 95_000), millis(2));
}

#[test]
fn it_is_told_once_a_minute_with_all_that_came_meanwhile() {
    let mut lateness = ordinary();
    let stopped = "the process or the whole machine was stopped, or the kernel let it wait";
    let told = |found: Found| found.told.unwrap_or_default();
    let found = late(&mut lateness, 1000, 1600, Usage::default());
    assert_eq!(told(found), format!("VRRP was late by 0.600 s: {stopped}"));
    for (due, now) in [(2000, 2700), (3000, 3900), (4000, 4500)] {
        assert_eq!(told(late(&mut lateness, due, now, Usage::default())), "");
    }
    // Though nothing more is late.
    assert_eq!(told(lateness.begin(at(61_599), Usage::default)), "");
    let found = lateness.begin(at(61_600), Usage::default);
    assert_eq!(
        told(found),
        format!("VRRP was late 3 times, at worst by 0.900 s: {stopped}")
    );
    assert_eq!(told(lateness.begin(at(200_000), Usage::default)), "");
}

#[test]
fn the_reason_is_what_has_taken_most_of_the_time() {
    let before = Usage {
        running: millis(5000),
        runnable: Some(millis(300)),
        major_faults: 3,
    };
    let with = |running: u64, runnable: u64, faults: u64| Usage {
        running: before.running + millis(running),
        runnable: Some(millis(300 + runnable)),
        major_faults: 3 + faults,
    };
    let cause = |after: Usage| Cause::of(millis(400), &before, &after);
    assert_eq!(cause(with(10, 390, 0)), Cause::Starved(millis(390)));
    assert_eq!(cause(with(390, 10, 0)), Cause::Busy(millis(390)));
    assert_eq!(cause(with(10, 10, 40)), Cause::Paged(40));
    assert_eq!(cause(with(10, 10, 0)), Cause::Stopped);
    // One page takes no such time.
    assert_eq!(cause(with(10, 10, 1)), Cause::Stopped);
    let uncounted = Usage {
        runnable: None,
        ..with(10, 0, 0)
    };
    assert_eq!(cause(uncounted), Cause::Stopped);
}

/// What it did before it was due has no part in it.
#[test]
fn what_was_counted_long_before_is_no_reason() {
    let mut lateness = ordinary();
    lateness.begin(at(100), Usage::default);
    let busy = Usage {
        running: millis(900),
        ..Usage::default()
    };
    // A turn a moment before it waits.
    lateness.begin(at(1000), || busy);
    let found = late(&mut lateness, 2000, 2800, busy);
    let told = found.told.unwrap();
    assert!(told.contains("was stopped"), "{told}");
}

#[test]
fn core_hears_of_what_it_asked_for_and_not_of_each_moment() {
    let mut lateness = ordinary();
    let mut for_core = |due, now| late(&mut lateness, due, now, Usage::default()).for_core;
    assert_eq!(for_core(1000, 1999), None);
    assert_eq!(for_core(2000, 3000), Some(millis(1000)));
    assert_eq!(for_core(2001, 3999), None);
    assert_eq!(for_core(2002, 4000), Some(millis(1998)));
    lateness.configure(Some(millis(1000)), None);
    let found = late(&mut lateness, 5000, 9000, Usage::default());
    assert_eq!(found.for_core, None);
}

#[test]
fn with_other_intervals_other_things_are_late() {
    let mut lateness = Lateness::new(Some(millis(10)), None);
    late(&mut lateness, 1000, 1005, Usage::default());
    assert_eq!(lateness.known(at(1005)).late, 1);
    lateness.configure(None, None);
    late(&mut lateness, 2000, 9000, Usage::default());
    assert_eq!(lateness.known(at(9000)).late, 1);
}

#[test]
fn the_kernel_counts_what_this_thread_does() {
    let meter = Meter::open();
    let before = meter.usage();
    let spent = |usage: Usage| usage.running - before.running;
    while spent(meter.usage()) < millis(20) {}
    let after = meter.usage();
    assert!(after.runnable >= before.runnable);
}

#[test]
fn who_never_waits_takes_a_breath_now_and_then() {
    let mut breath = Breath::default();
    let mut is_due = |now, waits| breath.is_due(at(now), || waits);
    assert!(!is_due(1000, Some(5)));
    assert!(!is_due(1049, Some(5)));
    assert!(is_due(1050, Some(5)));
    // The breath itself was a wait.
    assert!(!is_due(1100, Some(6)));
    assert!(is_due(1150, Some(6)));
    // Where the kernel does not tell.
    assert!(!is_due(1200, None));
    assert!(!is_due(1250, None));
}
