//! Adverts that nobody should take for one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipvsd::daemon::messages::vrrp::FromVrrp;
use ipvsd::moment::Moment;
use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::{Change, State};

use super::{LONG, VIP, routers, start_master};
use crate::lab::{Lab, secs, wait_until};
use crate::net::ip_batch;
use crate::packet_socket;
use crate::vrrp_child::{VrrpChild, instance, virtual_address};
use crate::wire::{Announced, Wire};

/// How many a second, and for how long. The guest may not be able to send as many.
const PER_SECOND: u32 = 50_000;
const DURING: Duration = secs(6);

pub fn a_flood_of_adverts_delays_none(lab: &Lab) {
    let [one, two, stranger] = routers();
    let vip = || vec![virtual_address("10.0.0.80/32")];
    let master = start_master(lab, &one, instance(200, vip()));
    let backup = VrrpChild::start(lab, &two, vec![instance(100, vip())], Default::default());
    backup.wait_for_state("VI_1", State::Backup, LONG);
    let before = master.report().instances.remove(0).counters.adverts_sent;

    let sent = stranger.enter(flood);
    lab.note(format!("{sent} bogus adverts sent"));
    // What came in before this question has been looked at before it is answered.
    let report = master.report();
    let counters = &report.instances[0].counters;
    let dropped: u64 =
        counters.dropped.values().sum::<u64>() + report.foreign["eth0"].values().sum::<u64>();
    assert!(dropped > 0, "{report:#?}");
    lab.note(format!(
        "the master has read {dropped} of them: {:?} {:?}",
        counters.dropped, report.foreign
    ));
    for kind in [
        DropKind::Ttl,
        DropKind::Checksum,
        DropKind::Version,
        DropKind::AuthenticationType,
        DropKind::Length,
    ] {
        assert!(counters.dropped.contains_key(&kind), "{kind:?} {report:#?}");
    }
    assert!(
        report.foreign["eth0"].contains_key(&DropKind::UnknownVrid),
        "{report:#?}"
    );

    // One advert a second, none left out.
    let during = counters.adverts_sent - before;
    assert!(
        during + 1 >= DURING.as_secs(),
        "{during} adverts in {DURING:?}"
    );
    let times = advert_times(&master);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] < secs(2), "{times:?}");
    }
    assert_eq!(master.states("VI_1"), [State::Backup, State::Master]);
    assert_eq!(backup.states("VI_1"), [State::Backup]);
    // Each kind is told once a minute.
    for child in [&master, &backup] {
        let mut told = BTreeMap::<DropKind, u32>::new();
        for event in child.told() {
            if let Change::Dropped { kind, .. } = event.change {
                *told.entry(kind).or_default() += 1;
            }
        }
        assert!(told.values().all(|times| *times <= 2), "{told:?}");
    }
    assert_eq!(master.stop(), [""; 0]);
    assert_eq!(backup.stop(), [""; 0]);
}

fn advert_times(child: &VrrpChild) -> Vec<Moment> {
    let mut times = Vec::new();
    child.wait_for("what it has said", LONG, |message| match message {
        FromVrrp::Adverts(adverts) => {
            times.extend(adverts.iter().map(|advert| advert.at));
            None
        }
        FromVrrp::Status { .. } if times.len() > 5 => Some(()),
        _ => None,
    });
    times
}

/// Sends adverts of every wrong kind, and returns how many.
fn flood() -> u32 {
    let socket = packet_socket::open("eth0").unwrap();
    let good = message(51, 255, 0);
    let mut version = good.clone();
    version[0] = 0x41;
    let mut authentication = good.clone();
    authentication[4] = 1;
    let mut checksum = good.clone();
    checksum[6] ^= 0x55;
    let frames = [
        frame(254, &good),
        frame(255, &checksum),
        frame(255, &sum(version)),
        frame(255, &sum(authentication)),
        frame(255, &good[..7]),
        frame(255, &message(52, 255, 0)),
    ];
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < DURING {
        for frame in &frames {
            // A full queue is a flood too.
            sent += u32::from(packet_socket::send(&socket, frame).is_ok());
        }
        let due = Duration::from_secs(1) * sent / PER_SECOND;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    sent
}

/// An advert of version 2 for 10.0.0.80, without authentication (RFC 3768 section 5.1).
fn message(vrid: u8, priority: u8, authentication: u8) -> Vec<u8> {
    let mut message = vec![
        0x21,
        vrid,
        priority,
        1,
        authentication,
        1,
        0,
        0,
        10,
        0,
        0,
        80,
    ];
    message.extend([0; 8]);
    sum(message)
}

fn sum(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = internet_checksum(&message);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// From 10.0.0.3 to everybody who speaks VRRP.
fn frame(ttl: u8, message: &[u8]) -> Vec<u8> {
    let length = (20 + message.len()) as u16;
    let mut header = vec![0x45, 0xc0];
    header.extend(length.to_be_bytes());
    header.extend([0, 1, 0, 0, ttl, 112, 0, 0, 10, 0, 0, 3, 224, 0, 0, 18]);
    let sum = internet_checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = vec![0x01, 0, 0x5e, 0, 0, 0x12, 2, 0, 0, 0, 0, 3, 8, 0];
    frame.extend(header);
    frame.extend(message);
    frame
}

/// RFC 1071
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A switch that sends what comes from a port back to it, and a kernel that lets that
/// in.
pub fn adverts_that_come_back(lab: &Lab) {
    let [host] = routers();
    host.sysctl("net/ipv4/conf/eth0/accept_local", "1");
    host.sysctl("net/ipv4/conf/all/rp_filter", "0");
    host.sysctl("net/ipv4/conf/eth0/rp_filter", "0");
    ip_batch(
        None,
        &format!(
            "link set {} type bridge_slave hairpin on\n",
            host.port("eth0")
        ),
    );
    let child = start_master(
        lab,
        &host,
        instance(100, vec![virtual_address("10.0.0.80/32")]),
    );
    wait_until("its own adverts are counted", LONG, || {
        let counters = child.report().instances.remove(0).counters;
        counters
            .dropped
            .get(&DropKind::OwnAddress)
            .is_some_and(|count| *count >= 3)
    });
    let report = child.report().instances.remove(0);
    assert_eq!(report.state, State::Master);
    assert_eq!(report.counters.adverts_received, 0, "{report:#?}");
    let told = child.told();
    let own = told.iter().filter(|event| {
        matches!(
            event.change,
            Change::Dropped {
                kind: DropKind::OwnAddress,
                ..
            }
        )
    });
    assert_eq!(own.count(), 1, "{told:#?}");
    assert_eq!(child.states("VI_1"), [State::Backup, State::Master]);
    assert!(super::shown(&host).iter().any(|line| line.starts_with(VIP)));
    assert_eq!(child.stop(), [""; 0]);
}

/// The queue of the interface is full as soon as there is something in it: what finds
/// no room is sent when there is, adverts first.
pub fn a_full_queue_loses_nothing(lab: &Lab) {
    let [host] = routers();
    host.sh("tc qdisc add dev eth0 root tbf rate 16kbit burst 300 limit 300");
    let addresses = (1..=10).map(|n| virtual_address(&format!("10.9.0.{n}/32")));
    let mut settings = instance(100, addresses.collect());
    settings.announcements.delay = Duration::ZERO;
    let wire = Wire::of_switch(lab, "front");
    let child = start_master(lab, &host, settings);
    let since = Duration::ZERO;
    let all = wire.wait_for("all announcements", since, LONG, |traffic| {
        let announced = traffic.announcements();
        (announced.len() >= 50).then_some(announced)
    });
    for n in 1..=10 {
        let of = |frame: &&Announced| frame.address == IpAddr::from([10, 9, 0, n]);
        assert_eq!(all.iter().filter(of).count(), 5, "10.9.0.{n}");
    }
    let adverts = wire.so_far().adverts();
    for pair in adverts.windows(2) {
        assert!(pair[1].at - pair[0].at < secs(2), "{adverts:#?}");
    }
    let queue = host.sh("tc -s qdisc show dev eth0");
    assert!(
        !queue.contains("(dropped 0,"),
        "it has not been full: {queue}"
    );
    assert_eq!(child.stop(), [""; 0]);
}
