//! Several routers on virtual time, in a network that does its worst for a while and
//! then becomes whole.
//!
//! A seed is a whole story: who takes part with which settings ([`plan`]), how they
//! speak ([`dialect`]), what goes
//! wrong and when ([`mishaps`]). What must hold in all of them is in [`judge`].
//!
//! A failing seed prints itself. `IPVSD_SEED=n cargo test --test vrrp -- simulation
//! --nocapture` replays it and shows what happened. `IPVSD_LONG=1` runs 1,000,000,
//! `IPVSD_SEEDS=n` n of them.

mod dialect;
mod edge;
mod judge;
mod mishaps;
mod network;
mod node;
mod plan;
mod random;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number of a seed"))
}

#[test]
fn simulation() {
    if let Some(seed) = number("IPVSD_SEED") {
        if let Err(fault) = world::run(seed, true) {
            panic!("seed {seed}: {fault}");
        }
        return;
    }
    let long = std::env::var_os("IPVSD_LONG").is_some_and(|long| long == "1");
    let seeds = number("IPVSD_SEEDS").unwrap_or(if long { 1_000_000 } else { 10_000 });

    let next = AtomicU64::new(0);
    let is_failed = AtomicBool::new(false);
    let faults: Vec<(u64, String)> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    while !is_failed.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            break;
                        }
                        if let Err(fault) = world::run(seed, false) {
                            is_failed.store(true, Ordering::Relaxed);
                            return Some((seed, fault));
                        }
                    }
                    None
                })
            })
            .collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().expect("a seed panicked"))
            .collect()
    });
    if let Some((seed, fault)) = faults.into_iter().min() {
        panic!(
            "seed {seed}: {fault}\nreplay: IPVSD_SEED={seed} cargo test --test vrrp -- \
             simulation --nocapture"
        );
    }
}
