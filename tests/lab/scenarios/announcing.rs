//! Gratuitous ARP and neighbour advertisements: which, how often, when and how fast,
//! beside keepalived with the same configuration; and who learns from them.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Program::{self, Ipvsd, Keepalived};
use crate::intruder::{Intruder, Packet};
use crate::lab::{Lab, millis, secs, wait_until};
use crate::net::run;
use crate::pair::LONG;
use crate::scenario::{Scenario, scenarios};
use crate::wire::{Announced, Traffic, Wire};

pub const ALL: &[Scenario] = scenarios!(announcing:
    the_same_frames_at_the_same_times,
    the_same_after_another_master_and_while_nothing_happens,
    frames_keep_their_distance,
    a_switch_on_another_link_is_reminded,
);

/// Frames that are closer than this belong to one series.
const SERIES: Duration = millis(500);
/// How much later than it should a series may begin.
const LATE: Duration = millis(450);

/// One director with two links, on which nobody else is.
fn cluster(lab: &Lab) -> Cluster<'_> {
    Plan::new(Method::Nat, Family::V4).webs(0).vrrp().build(lab)
}

/// An IPv4 and an IPv6 instance, both master from the beginning on, with these lines
/// in each.
fn conf(global: &str, lines: &str) -> String {
    format!(
        "{global}
        vrrp_instance VI_4 {{
            state MASTER
            interface eth0
            virtual_router_id 51
            priority 255
            {lines}
            virtual_ipaddress {{
                10.0.0.80
                10.0.0.81
                10.1.0.80 dev eth1
            }}
            virtual_ipaddress_excluded {{
                fd00::80
            }}
        }}
        vrrp_instance VI_6 {{
            state MASTER
            interface eth0
            virtual_router_id 61
            priority 255
            {lines}
            virtual_ipaddress {{
                fe80::80
                fd00::81
                fd00:1::80 dev eth1
            }}
        }}\n"
    )
}

/// A link and the addresses that are announced on it.
type Stream = (&'static str, &'static [&'static str]);

/// What is compared: on each link, of each instance and protocol.
const STREAMS: [Stream; 5] = [
    ("eth0", &["10.0.0.80", "10.0.0.81"]),
    ("eth1", &["10.1.0.80"]),
    ("eth0", &["fd00::80"]),
    ("eth0", &["fe80::80", "fd00::81"]),
    ("eth1", &["fd00:1::80"]),
];

/// What one program has announced on both links, by [`STREAMS`].
struct Sent {
    streams: Vec<Vec<Announced>>,
    traffic: [Traffic; 2],
}

/// Both links of the director, from before it starts.
struct Links {
    wires: [Wire; 2],
}

impl Links {
    fn new(lab: &Lab) -> Self {
        Links {
            wires: ["front", "back"].map(|bridge| Wire::of_switch(lab, bridge)),
        }
    }

    fn so_far(&self, cluster: &Cluster) -> Sent {
        Sent::new(self.wires.each_ref().map(Wire::so_far), cluster)
    }

    fn stop(self, cluster: &Cluster) -> Sent {
        Sent::new(self.wires.map(Wire::stop), cluster)
    }

    /// Waits until so many rounds have been sent of each stream.
    fn wait_for(&self, cluster: &Cluster, rounds: [usize; 5]) {
        wait_until("all frames have been sent", LONG, || {
            let sent = self.so_far(cluster);
            let wanted = STREAMS.iter().zip(rounds);
            let wanted = wanted.map(|((_, addresses), rounds)| addresses.len() * rounds);
            let mut streams = sent.streams.iter().zip(wanted);
            streams.all(|(stream, wanted)| stream.len() >= wanted)
        });
    }
}

impl Sent {
    fn new(traffic: [Traffic; 2], cluster: &Cluster) -> Self {
        let director = cluster.director();
        let [front, back] = traffic;
        let traffic = [
            front.sent_by(director, "eth0"),
            back.sent_by(director, "eth1"),
        ];
        let streams = STREAMS.map(|(link, addresses)| {
            let mut all = traffic[usize::from(link == "eth1")].announcements();
            all.retain(|one| addresses.contains(&one.address.to_string().as_str()));
            all
        });
        Sent {
            streams: streams.to_vec(),
            traffic,
        }
    }

    /// The frames that there were in each stream.
    fn frames(&self) -> Vec<BTreeSet<&[u8]>> {
        let streams = self.streams.iter();
        streams
            .map(|stream| stream.iter().map(|one| &one.frame[..]).collect())
            .collect()
    }

    /// Frames of these streams together are never closer than this, and not much
    /// farther apart.
    #[track_caller]
    fn assert_distance(&self, streams: &[usize], interval: Duration) {
        let all = streams.iter().flat_map(|stream| &self.streams[*stream]);
        let mut times: Vec<_> = all.map(|one| one.at).collect();
        times.sort_unstable();
        let addresses = streams.iter().map(|stream| STREAMS[*stream].1.len());
        let count = addresses.sum::<usize>() * 5;
        assert_eq!(times.len(), count, "{streams:?}: {times:?}");
        // When a frame is read says only about when it was sent.
        for pair in times.windows(2) {
            assert!(pair[1] - pair[0] > interval / 2, "{streams:?}: {times:?}");
        }
        let whole = interval * (count as u32 - 1);
        let took = times[count - 1] - times[0];
        assert!(took + interval / 2 > whole, "{streams:?}: {times:?}");
        assert!(took < whole + secs(1), "{streams:?}: {times:?}");
    }

    /// A stream is such series: the seconds after the first one, and how often each
    /// address in turn.
    #[track_caller]
    fn assert_series(&self, who: Program, stream: usize, expected: &[(u64, usize)]) {
        let (link, addresses) = STREAMS[stream];
        let series: Vec<_> = self.streams[stream]
            .chunk_by(|one, next| next.at - one.at < SERIES)
            .collect();
        let short: Vec<_> = series.iter().map(|it| (it[0].at, it.len())).collect();
        let what = format!("{who:?}, {link}, {addresses:?}: {short:?}");
        assert_eq!(series.len(), expected.len(), "{what}");
        let first = series[0][0].at;
        for (series, (when, rounds)) in series.iter().zip(expected) {
            let after = series[0].at - first;
            let is_in_time = after + millis(100) >= secs(*when) && after <= secs(*when) + LATE;
            assert!(is_in_time, "{what}");
            let names: Vec<_> = series.iter().map(|one| one.address.to_string()).collect();
            assert_eq!(names, addresses.repeat(*rounds), "{what}");
        }
    }
}

/// In the order in which [`both`] runs them.
const WHO: [Program; 2] = [Keepalived, Ipvsd];

/// Runs both, one after the other, and gives what each has sent.
fn both(lab: &Lab, cluster: &Cluster, conf: &str, follow: impl Fn(&Links)) -> [Sent; 2] {
    WHO.map(|program| {
        let links = Links::new(lab);
        let daemon = cluster.director().start_as(program, conf);
        daemon.wait_for_state("VI_4", "MASTER", LONG);
        daemon.wait_for_state("VI_6", "MASTER", LONG);
        follow(&links);
        daemon.sigterm(secs(10));
        let sent = links.stop(cluster);
        for (traffic, link) in sent.traffic.iter().zip(["eth0", "eth1"]) {
            traffic.assert_well_formed(lab, &format!("{program:?}-{link}"));
        }
        sent
    })
}

fn the_same_frames_at_the_same_times(lab: &Lab) {
    let cluster = cluster(lab);
    for forwarding in ["0", "1"] {
        let director = cluster.director();
        director.sysctl("net/ipv6/conf/all/forwarding", forwarding);
        let conf = conf("", "");
        let sent = both(lab, &cluster, &conf, |links| {
            links.wait_for(&cluster, [10; 5]);
        });
        for (who, sent) in WHO.iter().zip(&sent) {
            for stream in 0..STREAMS.len() {
                sent.assert_series(*who, stream, &[(0, 5), (5, 5)]);
            }
            // R and O (RFC 4861 section 4.4).
            let flags = if forwarding == "1" { 0xa0 } else { 0x20 };
            assert_eq!(sent.streams[2][0].frame[58], flags);
        }
        let [theirs, ours] = &sent;
        assert_eq!(ours.frames(), theirs.frames());
    }
}

fn the_same_after_another_master_and_while_nothing_happens(lab: &Lab) {
    let cluster = cluster(lab);
    let intruder = Intruder::on(&cluster.client);
    let addresses = ["10.0.0.80", "10.0.0.81", "10.1.0.80"];
    let lower = Packet {
        priority: 1,
        ..Packet::highest("10.0.0.66", 51, &addresses, "")
    };
    let conf = conf(
        "",
        "garp_master_delay 2
        garp_master_repeat 3
        garp_master_refresh 3
        garp_master_refresh_repeat 2
        garp_lower_prio_delay 1
        garp_lower_prio_repeat 4",
    );
    let sent = both(lab, &cluster, &conf, |links| {
        links.wait_for(&cluster, [3 + 3 + 2; 5]);
        let since = lab.now();
        links.wires[0].wait_for("an advert a second later", since, LONG, |traffic| {
            let mut adverts = traffic.adverts();
            adverts.retain(|advert| advert.vrid == 51);
            adverts
                .first()
                .filter(|it| it.at > since + SERIES)
                .map(drop)
        });
        lab.note("an advert of a lower priority");
        intruder.send(&lower);
        let all = 3 + 3 + 2 + 4 + 4 + 2;
        links.wait_for(&cluster, [all, all, all, 10, 10]);
    });
    for (who, sent) in WHO.iter().zip(&sent) {
        for stream in [0, 1, 2] {
            let expected = [(0, 3), (2, 3), (3, 2), (4, 4), (5, 4), (6, 2)];
            sent.assert_series(*who, stream, &expected);
        }
        for stream in [3, 4] {
            sent.assert_series(*who, stream, &[(0, 3), (2, 3), (3, 2), (6, 2)]);
        }
    }
    let [theirs, ours] = &sent;
    assert_eq!(ours.frames(), theirs.frames());
}

/// keepalived sends fewer frames than without an interval; ipvsd sends all of them.
fn frames_keep_their_distance(lab: &Lab) {
    let cluster = cluster(lab);
    let global = "global_defs {
        vrrp_garp_interval 0.2
        vrrp_gna_interval 0.1
    }";
    let conf = conf(global, "garp_master_delay 0");
    let [theirs, ours] = both(lab, &cluster, &conf, |links| {
        // Once is all that keepalived sends of some.
        wait_until("each address has been announced", LONG, || {
            let sent = links.so_far(&cluster);
            let frames = sent.frames();
            let streams = STREAMS.iter().zip(&frames);
            let mut streams =
                streams.map(|((_, addresses), frames)| (addresses.len(), frames.len()));
            streams.all(|(wanted, there)| there == wanted)
        });
    });
    assert_eq!(ours.frames(), theirs.frames());

    let links = Links::new(lab);
    let daemon = cluster.director().start(&conf);
    links.wait_for(&cluster, [5; 5]);
    for (streams, interval) in [
        (&[0][..], millis(200)),
        (&[1], millis(200)),
        (&[2, 3], millis(100)),
        (&[4], millis(100)),
    ] {
        links.so_far(&cluster).assert_distance(streams, interval);
    }
    daemon.sigterm(secs(10));
    drop(links.stop(&cluster));

    lab.note("both links lead to one switch");
    let group = "garp_group {
        garp_interval 0.2
        interfaces {
            eth0
            eth1
        }
    }";
    let links = Links::new(lab);
    let conf = self::conf(group, "garp_master_delay 0");
    let daemon = cluster.director().start(&conf);
    links.wait_for(&cluster, [5; 5]);
    let sent = links.so_far(&cluster);
    sent.assert_distance(&[0, 1], millis(200));
    // Neighbour advertisements have no interval then.
    for stream in [2, 3, 4] {
        sent.assert_series(Ipvsd, stream, &[(0, 5)]);
    }
    daemon.sigterm(secs(10));
}

fn a_switch_on_another_link_is_reminded(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let (port, mac) = (director.port("eth1"), director.mac("eth1"));
    let is_known = || {
        let known = run(Command::new("bridge").args(["fdb", "show", "brport", &port]));
        known.lines().any(|line| line.starts_with(&mac))
    };
    let links = Links::new(lab);
    let conf = conf("", "garp_master_delay 0\n garp_extra_if all 2");
    let daemon = director.start(&conf);
    links.wait_for(&cluster, [5, 6, 5, 5, 6]);
    let forget = [
        "link",
        "set",
        "dev",
        &port,
        "type",
        "bridge_slave",
        "fdb_flush",
    ];
    run(Command::new("ip").args(forget));
    assert!(!is_known());
    links.wait_for(&cluster, [5, 7, 5, 5, 7]);
    wait_until("the switch has learned it", LONG, is_known);
    daemon.sigterm(secs(10));
    let sent = links.stop(&cluster);
    for (stream, (link, _)) in STREAMS.iter().enumerate() {
        let expected = match *link {
            "eth0" => &[(0, 5)][..],
            _ => &[(0, 5), (2, 1), (4, 1)],
        };
        sent.assert_series(Ipvsd, stream, expected);
    }
}
