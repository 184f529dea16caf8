//! Packets that mean no good, or mean somebody else: they are counted by what is wrong
//! with them, the log says what to do about it and does not fill up, and everything
//! goes on as if they were not there.
//!
//! With keepalived in ipvsd's place little of this can be asserted: it has no such
//! status, logs each packet, and as master puts off its own advert whenever it drops
//! one, so that its backup takes over.

use std::time::Duration;

use crate::cluster::{Family, Method, Plan};
use crate::daemon::Daemon;
use crate::intruder::{Intruder, Packet};
use crate::lab::{Lab, millis, secs, wait_until};
use crate::pair::{LONG, VIP};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;
use crate::wire::{Traffic, Wire};

pub const ALL: &[Scenario] = scenarios!(vrrp_bad_input:
    wrong_packets_are_counted_and_change_nothing,
    another_cluster_has_our_vrid,
    alone_it_says_what_may_be_filtered,
);

/// How often each wrong packet is sent.
const TIMES: u64 = 20;

/// What is wrong with a packet, by the name in the status, and a way to be so.
fn wrong_packets() -> Vec<(&'static str, Packet)> {
    let right = Packet::highest("10.0.0.100", 51, &[VIP], "s3cret");
    let other = |password| Packet::highest("10.0.0.100", 51, &[VIP], password);
    let addresses = |list: &[&str]| Packet::highest("10.0.0.100", 51, list, "s3cret");
    let right = || right.clone();
    vec![
        (
            "ttl",
            Packet {
                ttl: 254,
                ..right()
            },
        ),
        (
            "checksum",
            Packet {
                checksum_error: 1,
                ..right()
            },
        ),
        (
            "version",
            Packet {
                version: 3,
                ..right()
            },
        ),
        ("type", Packet { kind: 2, ..right() }),
        (
            "length",
            Packet {
                length: Some(0),
                ..right()
            },
        ),
        (
            "length",
            Packet {
                length: Some(7),
                ..right()
            },
        ),
        (
            "length",
            Packet {
                length: Some(19),
                ..right()
            },
        ),
        (
            "length",
            Packet {
                count: Some(255),
                ..right()
            },
        ),
        (
            "length",
            Packet {
                length: Some(1400),
                ..right()
            },
        ),
        ("authentication-type", other("")),
        ("password", other("wrong")),
        ("password", other("s3cret0")),
        ("addresses", addresses(&["10.0.0.81"])),
        ("addresses", addresses(&[VIP, "10.0.0.81"])),
        ("addresses", addresses(&[])),
        (
            "interval",
            Packet {
                interval: 2,
                ..right()
            },
        ),
        (
            "unknown-vrid",
            Packet {
                vrid: 52,
                ..right()
            },
        ),
    ]
}

fn wrong_packets_are_counted_and_change_nothing(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(2)
        .vrrp()
        .build(lab);
    let [director1, director2] = cluster.two_directors();
    let instance = |priority| Instance::new(priority).password("s3cret").conf();
    let master = director1.start(&instance(150));
    master.wait_for_state("VI_1", "MASTER", LONG);
    let backup = director2.start(&instance(100));
    backup.wait_for_state("VI_1", "BACKUP", LONG);
    let wire = Wire::of_switch(lab, "front");
    let samples = director1.sample_addresses();
    let intruder = Intruder::on(&cluster.client);
    let marks = [&master, &backup].map(|daemon| daemon.log().mark());

    let packets = wrong_packets();
    let begun = lab.now();
    for _ in 0..TIMES {
        for (_, packet) in &packets {
            intruder.send(packet);
        }
        // In all for longer than the backup waits for an advert, so that a timer which
        // they touch shows.
        std::thread::sleep(millis(250));
    }
    let sent = wire.stop().after(begun);
    let samples = samples.stop();
    assert!(lab.now() - begun > secs(4));
    if !lab.has_stand_in() {
        stayed(&master, marks[0]);
        stayed(&backup, marks[1]);
        assert_eq!(cluster.holders(VIP), ["director1"]);
        samples.assert_never_lacked(&["eth0 10.0.0.80/32"]);
        assert_adverts_in_time(&sent.sent_by(director1, "eth0"), samples.longest_gap);
        for (daemon, mark) in [&master, &backup].into_iter().zip(marks) {
            each_kind_is_counted(daemon, &packets);
            each_kind_is_told_once(daemon, mark, &packets);
        }
    }

    // And one that is right is believed, so all was wrong with them that was meant to be.
    cluster.expect_holder(VIP, director1, LONG);
    let mark = master.log().mark();
    intruder.send(&Packet::highest("10.0.0.100", 51, &[VIP], "s3cret"));
    master.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    wait_until("nobody to have the address", LONG, || {
        cluster.holders(VIP).is_empty()
    });
    master.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
    cluster.expect_holder(VIP, director1, LONG);
}

/// It has entered no other state since.
fn stayed(daemon: &Daemon, mark: usize) {
    let lines = daemon.log().since(mark);
    let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
    assert!(moved.is_none(), "{}: {moved:?}", daemon.name());
}

/// One second apart, but for what a busy guest makes of it: for so long it did not run.
fn assert_adverts_in_time(sent: &Traffic, stalled: Duration) {
    let adverts = sent.adverts();
    assert!(adverts.len() >= 4, "{adverts:?}");
    for pair in adverts.windows(2) {
        let between = pair[1].at - pair[0].at;
        assert!(
            between.abs_diff(secs(1)) < millis(200) + stalled,
            "{between:?} between two adverts, and the guest stood still for {stalled:?}"
        );
    }
}

fn each_kind_is_counted(daemon: &Daemon, packets: &[(&str, Packet)]) {
    let count = |kind: &str| {
        let status = daemon.status_json();
        // What has no VRID of ours, or none at all, belongs to no instance.
        let foreign = &status["foreign_packets"]["eth0"];
        let ours = &status["instances"][0]["packets"]["dropped"];
        [foreign, ours]
            .iter()
            .map(|dropped| dropped[kind].as_u64().unwrap_or(0))
            .sum::<u64>()
    };
    for (kind, _) in packets {
        let kinds = packets.iter().filter(|(other, _)| other == kind);
        let wanted = TIMES * kinds.count() as u64;
        wait_until(
            &format!("{} counts {wanted} packets as {kind}", daemon.name()),
            secs(5),
            || count(kind) == wanted,
        );
    }
}

/// The first of each kind at once, by the instance or, where it has no VRID, by the
/// interface; what follows within the minute is told together after it.
fn each_kind_is_told_once(daemon: &Daemon, mark: usize, packets: &[(&str, Packet)]) {
    let lines = daemon.log().since(mark);
    for (kind, _) in packets {
        let told = format!("({kind})");
        let told: Vec<_> = lines
            .iter()
            .filter(|(_, line)| line.contains(&told))
            .collect();
        let wanted = if *kind == "length" { 2 } else { 1 };
        assert_eq!(told.len(), wanted, "{}, {kind}: {told:#?}", daemon.name());
        assert!(told[0].1.contains("10.0.0.100"), "who it was: {told:?}");
    }
    assert!(lines.len() < 3 * packets.len(), "{lines:#?}");
}

/// Three other pairs of directors on the same link, so to speak, whose admins took our
/// VRID: with another password, another interval, other addresses.
fn another_cluster_has_our_vrid(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(5)
        .vrrp()
        .build(lab);
    let [director1, director2, others @ ..] = &cluster.directors[..] else {
        panic!("five directors")
    };
    let ours = |priority| Instance::new(priority).password("s3cret");
    let master = director1.start(&ours(150).conf());
    master.wait_for_state("VI_1", "MASTER", LONG);
    let backup = director2.start(&ours(100).conf());
    backup.wait_for_state("VI_1", "BACKUP", LONG);
    let marks = [&master, &backup].map(|daemon| daemon.log().mark());

    let theirs = |address, password| {
        Instance {
            addresses: vec![address],
            ..Instance::new(250).password(password)
        }
        .conf()
    };
    let confs = [
        theirs("10.0.0.91", "other"),
        theirs(VIP, "s3cret").replace("advert_int 1", "advert_int 2"),
        theirs("10.0.0.93", "s3cret"),
    ];
    // The one with our address would answer for it: what matters is what it sends.
    let (address_taker, interval) = (&others[1], "10.0.0.4");
    let wire = Wire::of_switch(lab, "front");
    let samples = director1.sample_addresses();
    let begun = lab.now();
    let strangers: Vec<_> = others
        .iter()
        .zip(&confs)
        .map(|(director, conf)| director.start_keepalived(conf))
        .collect();
    for stranger in &strangers {
        stranger.wait_for_state("VI_1", "MASTER", LONG);
    }
    assert!(address_taker.holds(VIP));
    std::thread::sleep(ours(100).master_down_interval() + secs(1));
    let heard = wire.stop().after(begun);
    let samples = samples.stop();
    if lab.has_stand_in() {
        return;
    }

    stayed(&master, marks[0]);
    stayed(&backup, marks[1]);
    assert!(director1.holds(VIP) && !director2.holds(VIP));
    samples.assert_never_lacked(&["eth0 10.0.0.80/32"]);
    assert_adverts_in_time(&heard.sent_by(director1, "eth0"), samples.longest_gap);
    for (daemon, mark) in [&master, &backup].into_iter().zip(marks) {
        for (kind, from) in [
            ("password", "10.0.0.3"),
            ("interval", interval),
            ("addresses", "10.0.0.5"),
        ] {
            let status = daemon.status_json();
            let count = &status["instances"][0]["packets"]["dropped"][kind];
            // Of their masters each drops what the others send, and so sends little.
            assert!(count.as_u64().unwrap_or(0) > 0, "{kind}: {status:#}");
            let told = format!("packet from {from} ({kind}): ");
            let lines = daemon.log().since(mark);
            let told: Vec<_> = lines
                .iter()
                .filter(|(_, line)| line.contains(&told))
                .collect();
            assert_eq!(told.len(), 1, "{kind}: {told:?}");
        }
    }
}

/// A firewall that was set up for everything but protocol 112.
fn alone_it_says_what_may_be_filtered(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(3)
        .vrrp()
        .build(lab);
    let [director1, director2, director3] = &cluster.directors[..] else {
        panic!("three directors")
    };
    director2.sh("iptables-legacy -A INPUT -p 112 -j DROP");
    let one = director1.start(&Instance::new(150).conf());
    one.wait_for_state("VI_1", "MASTER", LONG);
    let deaf = director2.start(&Instance::new(100).conf());
    let three = director3.start(&Instance::new(50).conf());
    deaf.wait_for_state("VI_1", "MASTER", LONG);
    one.wait_for_log("lower priority", LONG);
    // The third hears one of them and is no master at all, until they are gone.
    three.wait_for_state("VI_1", "BACKUP", LONG);
    one.sigterm(secs(10));
    director2.unplug("eth0");
    three.wait_for_state("VI_1", "MASTER", LONG);
    let patience: Duration = secs(3);
    std::thread::sleep(patience);
    for (daemon, alone) in [(&one, true), (&deaf, true), (&three, false)] {
        let said = daemon.log().count("protocol 112");
        let wanted = usize::from(alone && !lab.has_stand_in());
        assert_eq!(said, wanted, "{}", daemon.name());
    }
}
