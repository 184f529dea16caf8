//! What ipvsd sends for a configuration is what keepalived sends.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Program;
use crate::lab::{Lab, secs};
use crate::pair::LONG;
use crate::vrrp::Instance;
use crate::wire::{Traffic, Wire};

/// What was sent for one instance: the first advert and the last, each without the
/// fields of the IP header that count packets, and the announcements.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    first: (Vec<u8>, Vec<u8>),
    last: (Vec<u8>, Vec<u8>),
}

pub fn adverts_are_the_same_bytes(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).vrrp().build(lab);
    // Owners of their addresses are master at once.
    let plain = |name, vrid, addresses: &[&'static str]| Instance {
        name,
        vrid,
        addresses: addresses.to_vec(),
        ..Instance::new(255).state("MASTER")
    };
    let instances = [
        plain("VI_1", 1, &["10.0.0.80"]),
        plain("VI_2", 2, &["10.0.0.81"]).password("s3cret"),
        plain("VI_3", 3, &["10.0.0.82"]).password("12345678"),
        plain(
            "VI_4",
            255,
            &["10.0.0.83/24", "10.0.0.84/24 brd 10.0.0.255", "10.9.0.1/16"],
        ),
        plain("VI_5", 5, &["10.0.0.85/24 dev eth0 label eth0:1"]).with("nopreempt"),
        Instance {
            priority: 254,
            ..plain("VI_6", 6, &["10.0.0.86", "10.0.0.87"])
        },
    ];
    let conf: String = instances.iter().map(Instance::conf).collect();
    let reference = send(lab, &cluster, Program::Keepalived, &conf);
    let tested = send(lab, &cluster, Program::Ipvsd, &conf);

    let adverts = adverts(&reference);
    assert_eq!(adverts.len(), instances.len(), "{adverts:#?}");
    for sent in adverts.values() {
        assert_eq!(sent.last.1[2], 0, "the last advert says priority 0");
    }
    assert_eq!(adverts, self::adverts(&tested));
    assert_eq!(announcements(&reference), announcements(&tested));
    assert_eq!(announcements(&reference).len(), 9);
    tested.assert_well_formed(lab, "ipvsd");
}

/// Runs until every instance is master and has announced itself twice, and stops.
fn send(lab: &Lab, cluster: &Cluster, program: Program, conf: &str) -> Traffic {
    let director = cluster.director();
    let wire = Wire::of_switch(lab, "front");
    let begun = lab.now();
    let daemon = director.start_as(program, conf);
    daemon.wait_for_state("VI_6", "MASTER", LONG);
    wire.wait_for("the second announcement of all", begun, LONG, |traffic| {
        announcements(traffic)
            .values()
            .all(|count| *count == 10)
            .then_some(())
    });
    daemon.sigterm(secs(10));
    wire.stop().sent_by(director, "eth0")
}

fn adverts(traffic: &Traffic) -> BTreeMap<u8, Sent> {
    let mut sent: BTreeMap<u8, Sent> = BTreeMap::new();
    for advert in traffic.adverts() {
        let mut header = advert.header;
        // The identification and, because of it, the checksum (RFC 791 section 3.1).
        header[4..6].fill(0);
        header[10..12].fill(0);
        let one = (header, advert.message);
        sent.entry(advert.vrid)
            .and_modify(|sent| sent.last = one.clone())
            .or_insert_with(|| Sent {
                first: one.clone(),
                last: one,
            });
    }
    sent
}

/// Each frame, and how often it was sent.
fn announcements(traffic: &Traffic) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for announced in traffic.announcements() {
        *counts.entry(announced.frame).or_default() += 1;
    }
    counts
}
