//! Packets for virtual routers that are none of ours.

use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::settings::RouterSettings;

use crate::bench::{Bench, Did, HIGHER, Packet, instance, settings};

/// VRIDs and counts that were told of until then, one advert for each VRID every 100 ms
/// from the given time on.
fn told(bench: &mut Bench, from: u64, until: u64, vrids: &[u8]) -> Vec<(u64, String, u64)> {
    let mut told = Vec::new();
    for tenth in from / 100..until / 100 {
        let mut did = bench.until(tenth * 100);
        for vrid in vrids {
            let mut packet = Packet::new(0, HIGHER, 200);
            packet.vrid = *vrid;
            bench.hear(0, &packet);
        }
        // It says nothing else: it is a backup, or alone.
        did.extend(bench.drain());
        for did in did {
            if let Did::Told(_, Change::Dropped { detail, count, .. }) = did {
                let vrid = detail.split("VRID ").nth(1).unwrap();
                let vrid = vrid.split(' ').next().unwrap().to_owned();
                told.push((tenth * 100, vrid, count));
            }
        }
    }
    told
}

fn bench(log_unknown_vrids: bool) -> Bench {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.drain();
    let settings = RouterSettings {
        log_unknown_vrids,
        ..settings(vec![instance(0)], vec![])
    };
    bench.router.reload(settings, bench.now);
    bench
}

#[test]
fn are_told_of_once_an_hour() {
    let mut bench = bench(false);
    let first = (0, "77".to_owned(), 1);
    assert_eq!(told(&mut bench, 0, 120_000, &[77, 78]), [first]);
    let foreign = &bench.router.report().foreign["eth0"];
    assert_eq!(foreign[&DropKind::UnknownVrid], 2 * 1_200);
}

#[test]
fn with_log_unknown_vrids_each_is_told_of_once_a_minute() {
    let mut bench = bench(true);
    let line = |at, vrid: u8, count| (at, vrid.to_string(), count);
    assert_eq!(
        told(&mut bench, 0, 59_900, &[77, 78]),
        [line(0, 77, 1), line(0, 78, 1)]
    );
    // A new one does not wait for the others' minute.
    let lines = told(&mut bench, 59_900, 60_000, &[77, 78, 79]);
    assert_eq!(lines, [line(59_900, 79, 1)]);
    let lines = told(&mut bench, 60_000, 61_000, &[77]);
    assert_eq!(lines, [line(60_000, 77, 599), line(60_000, 78, 599)]);
    let foreign = &bench.router.report().foreign["eth0"];
    assert_eq!(foreign[&DropKind::UnknownVrid], 600 + 600 + 1 + 10);
}
