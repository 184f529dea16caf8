//! What a client does not notice: it talks through NAT, DR and tunnels, on connections
//! that stay and on new ones all the time, while the file changes and processes die.

mod changes;

use std::collections::BTreeMap;
use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::changes::Changing;
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};
use crate::talk::{self, Length, Talk};

pub const ALL: &[Scenario] = scenarios!(unnoticed:
    reloads_and_kills.limit(300),
    a_removed_server_takes_its_connections_along,
);

/// A port for each way of handing packets on.
const PORTS: [(&str, u16); 3] = [("DR", 7001), ("TUN", 7002), ("NAT", 7003)];

/// Three real servers that can be reached in every way: their answers to what came by
/// NAT go back through the director, all others straight to the client.
fn cluster(lab: &Lab) -> Cluster<'_> {
    let cluster = Plan::new(Method::Tun, Family::V4).webs(3).build(lab);
    let director = cluster.director();
    crate::net::ip_batch(
        None,
        "link add back type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
         link set back up\n",
    );
    director.attach("back", "eth1", &["10.1.0.1/24"]);
    director.sysctl("net/ipv4/ip_forward", "1");
    director.sysctl("net/ipv4/conf/all/send_redirects", "0");
    for (n, web) in cluster.web.iter().enumerate() {
        web.attach("back", "eth1", &[&format!("10.1.0.1{}/24", n + 1)]);
        web.sysctl("net/ipv4/conf/eth1/rp_filter", "0");
        web.ip("route add default via 10.1.0.1 dev eth1 table 7\n\
                rule add from 10.1.0.0/24 table 7\n");
        talk::listen(web, &[7001, 7002, 7003, changes::OTHER]);
    }
    cluster
}

/// One conversation that stays with each of the first two servers, and one of short
/// connections, for each way.
fn talks(lab: &Lab, cluster: &Cluster) -> Vec<(String, Talk)> {
    let mut talks = Vec::new();
    for (kind, port) in PORTS {
        let mut talk = |what: String, length| {
            let talk = Talk::start(lab, &cluster.client, cluster.vip(port), length);
            talk.wait_for_answers(1, secs(20));
            talks.push((what, talk));
        };
        talk(format!("{kind}, long"), Length::Long);
        talk(format!("{kind}, long too"), Length::Long);
        talk(format!("{kind}, short"), Length::Short);
    }
    let long: Vec<_> = talks
        .iter()
        .filter(|(what, _)| what.contains("long"))
        .map(|(what, talk)| (what, talk.heard().by_server))
        .collect();
    for pair in long.chunks(2) {
        // Round robin has given them one server each.
        assert_ne!(pair[0].1.keys().next(), pair[1].1.keys().next(), "{pair:?}");
    }
    talks
}

#[track_caller]
fn assert_unnoticed(lab: &Lab, talks: Vec<(String, Talk)>, at_least: usize) {
    for (what, talk) in talks {
        let heard = talk.stop();
        lab.note(format!("{what}: {heard:?}"));
        assert!(heard.errors.is_empty(), "{what}: {heard:?}");
        assert!(heard.answers >= at_least, "{what}: {heard:?}");
        if what.contains("long") {
            assert_eq!(heard.by_server.len(), 1, "{what}: {heard:?}");
        }
    }
}

fn reloads_and_kills(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let mut file = Changing::new(PORTS);
    let ipvsd = director.start(&file.conf());
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&lines(&file.table()), secs(20));
    let talks = talks(lab, &cluster);

    lab.note("a hundred reloads");
    let mut order = 0;
    let mut kinds = BTreeMap::<&str, usize>::new();
    for _ in 0..100 {
        let change = file.change();
        *kinds.entry(change).or_default() += 1;
        order += usize::from(change == changes::ORDER);
        reload(&ipvsd, &file.conf());
        director.expect_table(&lines(&file.table()), secs(20));
        // Each change meets clients that are there and clients that come.
        for (_, talk) in &talks {
            talk.wait_for_answers(1, secs(20));
        }
    }
    lab.note(format!("{kinds:?}"));
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    // All but a mere change of order have reached the kernel.
    let sent = ipvsd.status_json()["table"]["counters"]["sent"].as_u64();
    assert!(sent.unwrap() as usize >= 100 - order, "{sent:?}");

    lab.note("the checker is killed, and hangs, and the file changes meanwhile");
    for signal in [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGKILL] {
        let checker = ipvsd.child("checker");
        kill(Pid::from_raw(checker.pid), signal).unwrap();
        file.change();
        reload(&ipvsd, &file.conf());
        wait_until("another checker", secs(20), || {
            let children = ipvsd.children();
            matches!(&children[..], [child] if child.pid != checker.pid)
        });
        director.expect_table(&lines(&file.table()), secs(20));
        for (_, talk) in &talks {
            talk.wait_for_answers(5, secs(20));
        }
    }
    assert_unnoticed(lab, talks, 115);
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

fn reload(ipvsd: &Daemon, conf: &str) {
    let mark = ipvsd.log().mark();
    ipvsd.reload(conf);
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
}

fn lines(table: &[String]) -> Vec<&str> {
    table.iter().map(String::as_str).collect()
}

/// Without anything that drains it first: what is promised is that the others serve.
/// What becomes of its connections is the kernel's doing, the same with each method.
fn a_removed_server_takes_its_connections_along(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let with = Changing::new(PORTS);
    let mut without = with.clone();
    without.servers_from(2);
    let ipvsd = director.start(&with.conf());
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&lines(&with.table()), secs(20));
    let change_to = |file: &Changing| {
        reload(&ipvsd, &file.conf());
        director.expect_table(&lines(&file.table()), secs(20));
    };

    // The kernel drops what comes for a server that is gone, and a connection goes on
    // where it was when the server is back before somebody has lost patience.
    director.sysctl("net/ipv4/vs/expire_nodest_conn", "0");
    lab.note("taken out and put back");
    let all = talks(lab, &cluster);
    change_to(&without);
    change_to(&with);
    for (_, talk) in &all {
        talk.wait_for_answers(20, secs(20));
    }
    assert_unnoticed(lab, all, 20);

    // Its clients are left to wait, or are told at once.
    for (expire_nodest_conn, expected) in [
        ("0", io::ErrorKind::WouldBlock),
        ("1", io::ErrorKind::ConnectionReset),
    ] {
        director.sysctl("net/ipv4/vs/expire_nodest_conn", expire_nodest_conn);
        lab.note(format!(
            "taken out with expire_nodest_conn {expire_nodest_conn}"
        ));
        let (on_it, others): (Vec<_>, Vec<_>) =
            talks(lab, &cluster).into_iter().partition(|(what, talk)| {
                what.contains("long") && talk.heard().by_server.contains_key("web1")
            });
        assert_eq!(on_it.len(), PORTS.len());
        change_to(&without);
        for (what, talk) in on_it {
            wait_until("the end of a connection", secs(20), || {
                !talk.heard().errors.is_empty()
            });
            // The next one is to the server that is left.
            talk.wait_for_answers(2, secs(20));
            let heard = talk.stop();
            let errors: Vec<_> = heard.errors.iter().map(|(_, error)| error.kind).collect();
            assert_eq!(errors, [expected], "{what}: {heard:?}");
            assert!(heard.by_server.contains_key("web2"), "{what}: {heard:?}");
        }
        for (what, talk) in others {
            talk.wait_for_answers(2, secs(20));
            let heard = talk.stop();
            // A short one may have been on it in that moment.
            let allowed = usize::from(what.contains("short"));
            assert!(heard.errors.len() <= allowed, "{what}: {heard:?}");
        }
        change_to(&with);
    }
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
