//! The same configuration, the same real servers, the same events: keepalived in
//! one director, ipvsd in another, and the kernel's tables must be equal after
//! each event. What keepalived leaves is the expectation; nothing is computed.
//!
//! `LAB_STAND_IN=keepalived` runs keepalived against itself, which tells a
//! difference between the daemons from one that the lab makes.

mod generated;
mod tables;

use std::time::{Duration, Instant};

use self::tables::{generated_tables, tables_of_samples};
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::lab::{Lab, millis, poll, secs};
use crate::scenario::{Scenario, scenarios};
use crate::table::difference;
use crate::web::Web;

pub const ALL: &[Scenario] = scenarios!(compare:
    pools,
    quorums,
    services,
    scripts,
    ipv6,
    generated_tables.limit(900),
    tables_of_samples,
);

/// A configuration of `tests/lab/configs`, whose first lines say what it is about.
struct Config {
    name: &'static str,
    text: &'static str,
}

macro_rules! configs {
    ($($name:literal),+ $(,)?) => {
        &[$(Config { name: $name, text: include_str!(concat!("../configs/", $name, ".conf")) }),+]
    };
}

fn pools(lab: &Lab) {
    let configs = configs!(
        "dr-round-robin",
        "dr-weights",
        "dr-no-checks",
        "dr-inhibit",
        "dr-alpha",
        // Only the tables count here, so the cluster need not carry the traffic.
        "nat-ports",
        "nat-defaults",
        "tun-inhibit",
    );
    compare(lab, Family::V4, configs);
}

fn quorums(lab: &Lab) {
    let configs = configs!(
        "dr-quorum",
        "dr-sorry-server",
        "dr-inhibit-sorry",
        "dr-hysteresis",
        "dr-quorum-too-high",
        "dr-alpha-sorry",
        "dr-weight-zero",
    );
    compare(lab, Family::V4, configs);
}

fn services(lab: &Lab) {
    let configs = configs!(
        "dr-persistence",
        "dr-schedulers",
        "dr-several-services",
        "dr-old-spellings",
        "dr-ports-differ",
        "dr-http-status",
        "dr-http-digest",
        "dr-http-virtualhost",
        "dr-two-checks",
    );
    compare(lab, Family::V4, configs);
}

fn scripts(lab: &Lab) {
    compare(lab, Family::V4, configs!("dr-misc", "dr-misc-dynamic"));
}

fn ipv6(lab: &Lab) {
    compare(
        lab,
        Family::V6,
        configs!("v6-dr", "v6-nat", "v6-tun", "v6-persistence-udp"),
    );
}

/// The longest that a daemon may take to see what happened: the delay between
/// checks, the slower second pass of an HTTP check, and a retry.
const NOTICED: Duration = secs(4);
/// A table that did not change for so long is what the event leaves.
const QUIET: Duration = millis(2500);
/// What ipvsd gets on top before a difference counts.
const GRACE: Duration = secs(8);

/// One configuration under both programs.
struct Pair<'a> {
    name: &'static str,
    reference: &'a Director<'a>,
    tested: &'a Director<'a>,
}

fn compare(lab: &Lab, family: Family, configs: &[Config]) {
    write_scripts(lab);
    let cluster = Plan::new(Method::Dr, family)
        .webs(3)
        .directors(2 * configs.len())
        .build(lab);
    let [web1, web2, web3] = cluster.web.as_slice() else {
        unreachable!()
    };
    for web in [web1, web2] {
        up(lab, web);
    }
    let (pairs, daemons) = start(&cluster, configs);

    let mut differences = String::new();
    let mut judge = |event: &str| {
        lab.note(event);
        for daemon in &daemons {
            assert!(daemon.is_running(), "{} ended by itself", daemon.name());
        }
        differences += &settle(lab, event, &pairs);
    };
    judge("started with web3 dead");
    down(lab, web1);
    judge("web1 died");
    down(lab, web2);
    judge("web2 died");
    up(lab, web1);
    judge("web1 came back");
    up(lab, web2);
    up(lab, web3);
    judge("web2 came back and web3 for the first time");
    for pair in &pairs {
        assert!(
            !pair.reference.quick_table().is_empty(),
            "{}: nothing was compared",
            pair.name
        );
    }
    for daemon in &daemons {
        daemon.sigterm(secs(20));
    }
    lab.note("stopped");
    for pair in &pairs {
        assert_eq!(
            pair.reference.sorted_table(),
            [""; 0],
            "{}: keepalived left this",
            pair.name
        );
        assert_eq!(
            pair.tested.sorted_table(),
            [""; 0],
            "{}: ipvsd left this",
            pair.name
        );
    }
    assert!(
        differences.is_empty(),
        "- as keepalived, + as ipvsd\n{differences}"
    );
}

fn start<'a>(cluster: &'a Cluster<'a>, configs: &[Config]) -> (Vec<Pair<'a>>, Vec<Daemon<'a>>) {
    let mut daemons = Vec::new();
    let mut pairs = Vec::new();
    for (config, directors) in configs.iter().zip(cluster.directors.chunks(2)) {
        let [reference, tested] = directors else {
            unreachable!()
        };
        daemons.push(reference.start_keepalived(config.text));
        daemons.push(tested.start(config.text));
        pairs.push(Pair {
            name: config.name,
            reference,
            tested,
        });
    }
    (pairs, daemons)
}

/// Waits until keepalived's tables have settled, then for ipvsd's to be equal;
/// returns what is not.
fn settle(lab: &Lab, event: &str, pairs: &[Pair]) -> String {
    let begun = Instant::now();
    let look = || -> Vec<_> {
        pairs
            .iter()
            .map(|pair| pair.reference.quick_table())
            .collect()
    };
    let mut seen = look();
    let mut since = Instant::now();
    while begun.elapsed() < NOTICED || since.elapsed() < QUIET {
        std::thread::sleep(millis(100));
        let now = look();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    let mut text = String::new();
    let end = Instant::now() + GRACE;
    for pair in pairs {
        let wanted = pair.reference.sorted_table();
        for line in &wanted {
            lab.note(format!("    {}: {line}", pair.name));
        }
        let mut actual = Vec::new();
        let equal = poll(end.saturating_duration_since(Instant::now()), || {
            actual = pair.tested.sorted_table();
            (actual == wanted).then_some(())
        });
        if equal.is_none() {
            text += &format!("{}, {event}:\n{}", pair.name, difference(&wanted, &actual));
        }
    }
    text
}

/// Scripts learn who is up from files, because a script that opened a connection
/// would cost the guest's one CPU more than all that is tested.
fn up(lab: &Lab, web: &Web) {
    web.start_nginx_with(&[80, 8080], "");
    std::fs::write(lab.scratch("up").join(web.address.to_string()), "").unwrap();
}

fn down(lab: &Lab, web: &Web) {
    web.kill();
    std::fs::remove_file(lab.scratch("up").join(web.address.to_string())).unwrap();
}

/// What the configurations' checks run.
fn write_scripts(lab: &Lab) {
    // ADDRESS: whether the web server there is up.
    lab.script("alive", "#!/bin/sh\n[ -e \"/tmp/lab/up/$1\" ]\n");
    // ADDRESS STATUS: this status while it is up, else 1.
    lab.script(
        "load",
        "#!/bin/sh\n[ -e \"/tmp/lab/up/$1\" ] || exit 1\nexit \"$2\"\n",
    );
}
