//! What ipvsd sends for a configuration is what keepalived sends.

use std::collections::BTreeMap;

use super::kinds::{self, Kind, link_local};
use crate::cluster::Cluster;
use crate::daemon::Program;
use crate::lab::{Lab, poll, secs};
use crate::pair::LONG;
use crate::vrrp::Instance;
use crate::wire::{Heard, Traffic, Wire};

/// What was sent for one instance: the first advert and the last, each without the
/// fields of the IP header that count packets, and the announcements.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    first: (Vec<u8>, Vec<u8>),
    last: (Vec<u8>, Vec<u8>),
}

pub fn adverts_are_the_same_bytes(lab: &Lab) {
    let cluster = kinds::cluster(lab);
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
    let kinds = Kind::all([Program::Keepalived; 2]);
    let peer = link_local(&cluster.directors[1]).to_string();
    let of_kinds = kinds.iter().map(|kind| {
        kind.conf(Program::Keepalived, 1, 255)
            .replace("state BACKUP", "state MASTER")
            .replace("NEIGHBOUR", &peer)
    });
    let conf: String = instances
        .iter()
        .map(Instance::conf)
        .chain(of_kinds)
        .collect();
    let reference = send(lab, &cluster, Program::Keepalived, &conf);
    let tested = send(lab, &cluster, Program::Ipvsd, &conf);

    let adverts = adverts(&reference);
    assert_eq!(adverts.len(), instances.len() + kinds.len(), "{adverts:#?}");
    for sent in adverts.values() {
        assert_eq!(sent.last.1[2], 0, "the last advert says priority 0");
    }
    assert_eq!(adverts, self::adverts(&tested));
    assert_eq!(announcements(&reference), announcements(&tested));
    let addresses = kinds.iter().map(|kind| kind.addresses().len());
    assert_eq!(
        announcements(&reference).len(),
        9 + addresses.sum::<usize>()
    );
}

/// Runs until every instance is master and has announced itself twice, and stops.
fn send(lab: &Lab, cluster: &Cluster, program: Program, conf: &str) -> Traffic {
    let director = cluster.director();
    let wire = Wire::of_cable(lab, director, "eth0");
    let begun = lab.now();
    let daemon = director.start_as(program, conf);
    daemon.wait_for_state("VI_6", "MASTER", LONG);
    let mut others = Vec::new();
    let found = poll(LONG, || {
        let counts = announcements(&wire.so_far().after(begun)).into_iter();
        others = counts.filter(|(_, count)| *count != 10).collect();
        others.is_empty().then_some(())
    });
    assert!(
        found.is_some(),
        "{}: these have not been sent 10 times: {others:x?}",
        daemon.name()
    );
    daemon.sigterm(secs(10));
    wire.stop().sent_by(director, "eth0")
}

fn adverts(traffic: &Traffic) -> BTreeMap<u8, Sent> {
    let mut sent: BTreeMap<u8, Sent> = BTreeMap::new();
    for advert in traffic.adverts() {
        let (vrid, one) = (advert.vrid, (comparable_header(&advert), advert.message));
        sent.entry(vrid)
            .and_modify(|sent| sent.last = one.clone())
            .or_insert_with(|| Sent {
                first: one.clone(),
                last: one,
            });
    }
    sent
}

/// What comes before the message, but for what cannot be the same.
fn comparable_header(advert: &Heard) -> Vec<u8> {
    let mut header = advert.header.clone();
    if advert.source.is_ipv6() {
        // The flow label, which the kernel thinks of.
        header[1] &= 0xf0;
        header[2..4].fill(0);
        // Hop limit. keepalived leaves that of unicast to the kernel.
        if !advert.destination.is_multicast() {
            header[7] = 0;
        }
    } else {
        // The identification and, because of it, the checksum (RFC 791 section 3.1).
        header[4..6].fill(0);
        header[10..12].fill(0);
        // The sequence number of an authentication header, and the check value.
        if let Some(authentication) = header.get_mut(20..) {
            authentication
                .iter_mut()
                .skip(8)
                .for_each(|octet| *octet = 0);
        }
    }
    header
}

/// Each frame, and how often it was sent.
fn announcements(traffic: &Traffic) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for announced in traffic.announcements() {
        *counts.entry(announced.frame).or_default() += 1;
    }
    counts
}
