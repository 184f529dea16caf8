//! Large tables.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipvsd::lvs::keeper::TOLD_IN_FULL;
use ipvsd::lvs::refusal::Loss;
use ipvsd::lvs::types::{DestinationKey, Protocol, ServiceKey};
use ipvsd::lvs::{Entry, IpvsOp, Keeper, OpError, Table};
use ipvsd::moment::Moment;
use ipvsd::sys::ipvs::BATCH;

use super::director::{Director, dr, service};
use crate::lab::{Lab, secs};

/// 1,000 virtual servers with 20 real servers each, and one with 4,000: what is sent
/// in batches arrives, and is read back whole.
pub fn large_tables(lab: &Lab) {
    let director = Director::new(lab);
    for (services, servers) in [(200, 20), (1000, 20), (1, 4000)] {
        let wanted = large(services, servers);
        let mut keeper = Keeper::new([], secs(10));
        let mut now = Moment::default();
        keeper.want_all(wanted.clone());
        let watch = director.watch(lab);
        let (_, took) = timed(|| director.keep(&mut keeper, now));
        let seen = watch.stop();
        let (saved, by_ipvsadm) = timed(|| director.save());
        let lines = saved.len();
        assert_eq!(lines, services + services * servers);
        let (dumped, to_dump) = timed(|| director.dump_all());
        assert_eq!(dumped, wanted);
        assert_eq!(seen.ops.len(), lines);
        assert!(seen.sends <= lines.div_ceil(BATCH), "{} sends", seen.sends);

        // One weight of all.
        let key = *wanted.services.get_index(services / 2).unwrap().0;
        let mut changed = wanted.services[&key].clone();
        changed.destinations[servers / 2].weight = 0;
        keeper.want(key, Some(changed));
        let watch = director.watch(lab);
        let (_, to_change) = timed(|| director.keep(&mut keeper, now));
        assert_eq!(watch.stop().ops.len(), 1);

        // Someone else empties it.
        director.namespace.sh("ipvsadm -C");
        now = now + secs(10);
        let (notes, to_repair) = timed(|| director.keep(&mut keeper, now));
        // What is beyond that is summed up later.
        assert_eq!(notes.len(), services.min(TOLD_IN_FULL));
        assert_eq!(director.save().len(), lines);

        keeper.release_all();
        let (notes, to_release) = timed(|| director.keep(&mut keeper, now));
        assert_eq!(notes.len(), services);
        assert_eq!(director.save(), Vec::<String>::new());
        lab.note(format!(
            "{services} x {servers}: look and program {took:?}, dump {to_dump:?} \
             (ipvsadm -Sn {by_ipvsadm:?}), change one {to_change:?}, look and repair {to_repair:?}, \
             release {to_release:?}"
        ));
    }
}

/// What is left of a dump that nobody waits for does not get into the next answer.
pub fn a_dump_may_be_given_up(lab: &Lab) {
    let director = Director::new(lab);
    let wanted = large(40, 200);
    director.program(&wanted);
    let key = *wanted.services.get_index(7).unwrap().0;
    director.with_ipvs(async |ipvs| {
        let interrupter = ipvs.interrupter();
        let (dumped, ()) = tokio::join!(ipvs.dump_all(), async {
            tokio::task::yield_now().await;
            interrupter.interrupt();
        });
        assert_eq!(dumped, Err(OpError::Lost(Loss::Interrupted)));

        for part in 1..20 {
            // Dropped while one of its parts is waited for.
            tokio::select! {
                biased;
                dumped = ipvs.dump_all() => panic!("{dumped:?}, so soon"),
                () = parts(part) => {}
            }
            let results = ipvs
                .execute(&[IpvsOp::NewService(key, service("rr"))])
                .await;
            assert_eq!(results, [Err(OpError::Exists)]);
        }
        assert_eq!(ipvs.dump_all().await, Ok(wanted));
    });
}

/// Ready when it is polled for the `count`th time.
async fn parts(count: usize) {
    for _ in 1..count {
        tokio::task::yield_now().await;
    }
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = act();
    (result, start.elapsed())
}

fn large(services: usize, servers: usize) -> Table {
    let address = |net: u8, n: usize| IpAddr::from([10, net, (n / 250) as u8, (n % 250 + 1) as u8]);
    let entry = Entry {
        service: service("wlc"),
        destinations: (0..servers)
            .map(|n| {
                (
                    DestinationKey {
                        address: address(2, n),
                        port: 80,
                    },
                    dr(1),
                )
            })
            .collect(),
    };
    let key = |n| ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: address(1, n),
        port: 80,
    };
    Table {
        services: (0..services).map(|n| (key(n), entry.clone())).collect(),
    }
}
