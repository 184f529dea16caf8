//! Checks that are suspended, on made-up time.

use super::*;
use crate::check::FailureKind;
use crate::config::{self, Sources};

fn at(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

/// Two virtual servers, ports 80 and 81, each with one real server and one check.
fn model() -> Model {
    let blocks = [80, 81].map(|port| {
        format!(
            "virtual_server 10.0.0.80 {port} {{\n protocol TCP\n delay_loop 60\n warmup 0\n \
             retry 2\n delay_before_retry 5\n real_server 10.0.0.11 {port} {{\n TCP_CHECK {{\n \
             retry 2\n delay_before_retry 5\n }}\n }}\n}}\n"
        )
    });
    let loaded = config::parse(Sources::from_text("f", blocks.concat().into_bytes()));
    loaded.model.expect("a configuration in order")
}

fn id(index: usize) -> PoolId {
    model().virtual_servers[index].id.clone()
}

fn pools(suspended: &[usize]) -> Pools {
    let mut pools = Pools::default();
    configure(&mut pools, suspended, at(0));
    pools
}

fn configure(pools: &mut Pools, suspended: &[usize], now: Moment) {
    let suspended = suspended.iter().map(|index| id(*index)).collect();
    pools.configure(model(), None, suspended, now, || 0);
}

/// The checks that begin now, by their virtual servers.
fn begin(pools: &mut Pools, now: Moment) -> Vec<Job> {
    std::iter::from_fn(|| pools.pop_due(now)).collect()
}

fn names(jobs: &[Job]) -> Vec<String> {
    let mut names: Vec<_> = jobs.iter().map(|job| job.key.pool.to_string()).collect();
    names.sort();
    names
}

fn fail(pools: &mut Pools, job: &Job, now: Moment) -> Option<Ended> {
    let outcome = Outcome::from(FailureKind::ConnectionRefused);
    pools.ended(&job.key, job.run, outcome, Duration::ZERO, now)
}

fn succeed(pools: &mut Pools, job: &Job, now: Moment) -> Option<Ended> {
    pools.ended(&job.key, job.run, Outcome::Success, Duration::ZERO, now)
}

fn is_up(pools: &Pools, index: usize) -> bool {
    pools.states()[index].1.servers[0].up
}

const FIRST: &str = "[10.0.0.80]:tcp:80";
const SECOND: &str = "[10.0.0.80]:tcp:81";

#[test]
fn what_is_suspended_does_not_begin_until_it_may_and_then_at_once() {
    let mut pools = pools(&[0]);
    assert_eq!(names(&begin(&mut pools, at(3600))), [SECOND]);
    pools.suspend(Vec::new(), at(4000));
    assert_eq!(pools.next_due(), Some(at(4000)));
    let jobs = begin(&mut pools, at(4000));
    assert_eq!(names(&jobs), [FIRST]);
    // The same again is no news.
    pools.suspend(Vec::new(), at(4001));
    assert_eq!(names(&begin(&mut pools, at(4001))), [""; 0]);
    succeed(&mut pools, &jobs[0], at(4001));
    assert_eq!(pools.next_due(), Some(at(4061)));
}

#[test]
fn what_was_under_way_counts_no_more() {
    let mut pools = pools(&[]);
    let jobs = begin(&mut pools, at(0));
    assert_eq!(names(&jobs), [FIRST, SECOND]);
    let of_first = jobs.iter().find(|job| job.key.pool == id(0)).unwrap();
    pools.suspend(vec![id(0)], at(1));
    assert!(fail(&mut pools, of_first, at(2)).is_none());
    assert!(is_up(&pools, 0));
    assert_eq!(names(&begin(&mut pools, at(30))), [""; 0]);

    // Nor does it when another run has begun.
    pools.suspend(Vec::new(), at(40));
    let again = begin(&mut pools, at(40));
    assert_eq!(names(&again), [FIRST]);
    assert!(fail(&mut pools, of_first, at(41)).is_none());
    assert!(is_up(&pools, 0));
    assert!(fail(&mut pools, &again[0], at(42)).is_some());
    assert!(!is_up(&pools, 0));
}

#[test]
fn verdicts_stay_and_retries_do_not() {
    let mut pools = pools(&[1]);
    let mut now = 0;
    let mut run = |pools: &mut Pools, ok: bool| {
        now += 100;
        let jobs = begin(pools, at(now));
        match ok {
            true => succeed(pools, &jobs[0], at(now)),
            false => fail(pools, &jobs[0], at(now)),
        };
        is_up(pools, 0)
    };
    assert!(run(&mut pools, true));
    assert!(run(&mut pools, false));
    assert!(run(&mut pools, false));
    pools.suspend(vec![id(0), id(1)], at(301));
    assert!(is_up(&pools, 0));
    pools.suspend(vec![id(1)], at(302));
    // It would be down if these two had not been forgotten.
    assert!(run(&mut pools, false));
    assert!(run(&mut pools, false));
    assert!(!run(&mut pools, false));
    pools.suspend(vec![id(0), id(1)], at(900));
    assert!(!is_up(&pools, 0));
}

#[test]
fn a_reload_suspends_and_resumes_too() {
    let mut pools = pools(&[]);
    let jobs = begin(&mut pools, at(0));
    configure(&mut pools, &[0, 1], at(1));
    for job in &jobs {
        assert!(fail(&mut pools, job, at(2)).is_none());
    }
    assert_eq!(pools.next_due(), None);
    configure(&mut pools, &[1], at(50));
    assert_eq!(pools.next_due(), Some(at(50)));
    let jobs = begin(&mut pools, at(50));
    assert_eq!(names(&jobs), [FIRST]);
    // What a reload leaves alone goes on.
    configure(&mut pools, &[1], at(51));
    assert!(fail(&mut pools, &jobs[0], at(52)).is_some());
    assert!(!is_up(&pools, 0));
}
