//! Reloads and repairs: how many operations they take, which is as few as possible.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, Family};
use crate::daemon::Daemon;
use crate::ipvs_watch::{IpvsWatch, Op};
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(reload:
    only_what_changed_is_sent,
    of_a_group_only_what_changed_is_sent,
    verdicts_are_kept,
    a_table_that_was_cleared_is_repaired,
    no_script_fails_by_a_reload,
);

/// 40 virtual servers with 100 real servers each. The weight of the very first
/// real server and the scheduler of the last virtual server are as given.
fn large(weight: u32, scheduler: &str) -> String {
    let mut conf = String::new();
    for service in 0..40 {
        let scheduler = if service == 39 { scheduler } else { "wrr" };
        conf += &format!(
            "virtual_server 10.0.1.{service} 80 {{\n lb_algo {scheduler}\n lb_kind DR\n protocol TCP\n"
        );
        for server in 0..100 {
            let weight = if (service, server) == (0, 0) {
                weight
            } else {
                1
            };
            conf += &format!(" real_server 10.2.{service}.{server} 80 {{\n weight {weight}\n }}\n");
        }
        conf += "}\n";
    }
    conf
}

fn only_what_changed_is_sent(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let watch = director.watch_ipvs();
    let ipvsd = director.start(&large(1, "wrr"));
    ipvsd.wait_for_log("Startup complete", secs(60));
    let of_the_start = BTreeMap::from([(Op::NewService, 40), (Op::NewDest, 4000)]);
    assert_eq!(director.quick_table().len(), 4040);
    // The watch has a thread of its own, and one CPU to share with the director.
    wait_until("everything sent to be seen", secs(10), || {
        watch.so_far().ops.len() >= 4040
    });
    assert_eq!(watch.so_far().counts(), of_the_start);

    let reload = |conf: &str| sent_by_reload(&ipvsd, &watch, conf);
    assert_eq!(reload(&large(1, "wrr")), []);
    assert_eq!(reload(&large(7, "wrr")), [Op::SetDest]);
    let heavy = "-a -t 10.0.1.0:80 -r 10.2.0.0:80 -g -w 7".to_owned();
    assert!(director.quick_table().contains(&heavy));
    assert_eq!(reload(&large(7, "sh")), [Op::SetService]);
    assert_eq!(reload(&large(7, "sh")), []);
    // Comments and the order of blocks mean nothing to the kernel.
    let conf = large(7, "sh");
    let (first, rest) = conf.split_at(conf.find("\n}\n").unwrap() + 3);
    assert_eq!(reload(&format!("# turned round\n{rest}{first}")), []);

    let stopped = ipvsd.sigterm(secs(10));
    assert!(
        stopped.status.success() && stopped.took < secs(1),
        "{stopped:?}"
    );
    director.expect_table(&[], secs(1));
    let seen = watch.stop();
    assert_eq!(seen.counts()[&Op::DelService], 40);
    assert!(
        !seen.counts().contains_key(&Op::DelDest),
        "{:?}",
        seen.counts()
    );
}

/// What a reload sends to the kernel.
fn sent_by_reload(ipvsd: &Daemon, watch: &IpvsWatch, conf: &str) -> Vec<Op> {
    let before = watch.so_far().ops.len();
    let mark = ipvsd.log().mark();
    ipvsd.reload(conf);
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(60));
    // The director counts what it sends; all of that has to be seen.
    let sent = &ipvsd.status_json()["table"]["counters"]["sent"];
    let sent = sent.as_u64().unwrap() as usize;
    wait_until("everything sent to be seen", secs(10), || {
        watch.so_far().ops.len() >= sent
    });
    let ops = &watch.so_far().ops[before..];
    ops.iter().map(|(_, op)| *op).collect()
}

/// A pool behind 33 virtual servers: a changed real server is one operation for each of
/// them, and an address that comes or goes takes its own alone.
fn of_a_group_only_what_changed_is_sent(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let conf = |lines: &str, weight: u32| {
        format!(
            "virtual_server_group web {{\n 10.0.1.0-31 80\n {lines}\n}}\n\
             virtual_server group web {{\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
             real_server 10.0.0.11 80 {{\n weight {weight}\n }}\n \
             real_server 10.0.0.12 80 {{\n weight 1\n }}\n}}\n"
        )
    };
    let watch = director.watch_ipvs();
    let ipvsd = director.start(&conf("fwmark 5", 1));
    ipvsd.wait_for_log("Startup complete", secs(60));
    assert_eq!(director.quick_table().len(), 33 * 3);
    wait_until("everything sent to be seen", secs(10), || {
        watch.so_far().ops.len() >= 33 * 3
    });
    let reload = |conf: &str| sent_by_reload(&ipvsd, &watch, conf);
    assert_eq!(reload(&conf("fwmark 5", 1)), []);
    assert_eq!(reload(&conf("fwmark 5", 7)), [Op::SetDest; 33]);
    assert_eq!(reload(&conf("", 7)), [Op::DelService]);
    let added = [Op::NewService, Op::NewDest, Op::NewDest];
    assert_eq!(reload(&conf("fwmark 6", 7)), added);
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

fn verdicts_are_kept(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let weight = lab.scratch("state").join("weight");
    std::fs::write(&weight, "12").unwrap();
    let script = lab.script(
        "weight.sh",
        &format!("#!/bin/sh\nexit $(cat {})\n", weight.display()),
    );
    let conf = |delay_loop: u32, weight: u32, more: &str| {
        format!(
            "virtual_server 10.0.0.80 80 {{\n delay_loop {delay_loop}\n lb_algo wrr\n lb_kind DR\n protocol TCP\n \
             real_server 10.0.0.11 80 {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 1\n retry 0\n }}\n }}\n \
             real_server 10.0.0.12 80 {{\n weight 3\n MISC_CHECK {{\n misc_path \"{}\"\n misc_dynamic\n }}\n }}\n{more}}}\n",
            script.display()
        )
    };
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s wrr";
    const DYNAMIC: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 10";
    let director = cluster.director();
    let ipvsd = director.start(&conf(1, 2, ""));
    director.expect_table(
        &[
            SERVICE,
            "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 2",
            DYNAMIC,
        ],
        secs(20),
    );
    cluster.web[0].kill();
    director.expect_table(&[SERVICE, DYNAMIC], secs(20));

    // With an interval at which no check runs while we look: what is kept is kept,
    // not found out again.
    let samples = director.sample_table();
    let reload = |conf: &str| {
        let mark = ipvsd.log().mark();
        ipvsd.reload(conf);
        ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    };
    reload(&conf(600, 2, ""));
    reload(&conf(600, 5, ""));
    director.expect_table(&[SERVICE, DYNAMIC], secs(1));
    const NEW: &str = "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -g -w 1";
    reload(&conf(600, 5, "real_server 10.0.0.13 80 {\n weight 1\n }\n"));
    director.expect_table(&[SERVICE, DYNAMIC, NEW], secs(1));
    reload(&conf(600, 5, ""));
    director.expect_table(&[SERVICE, DYNAMIC], secs(1));
    let samples = samples.stop();
    samples.assert_never_lacked(&[SERVICE, DYNAMIC]);
    samples.assert_never_had(&[
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 2",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 5",
    ]);

    // Back at a short interval, the server comes back with its new weight.
    reload(&conf(1, 5, ""));
    cluster.web[0].start_nginx();
    director.expect_table(
        &[
            SERVICE,
            "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 5",
            DYNAMIC,
        ],
        secs(20),
    );
}

fn a_table_that_was_cleared_is_repaired(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let conf = "global_defs {\n lvs_audit_interval 2\n}\n\
         virtual_server 10.0.0.80 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
         real_server 10.0.0.11 80 {\n weight 1\n }\n real_server 10.0.0.12 80 {\n weight 2\n }\n}\n";
    let table = [
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 2",
    ];
    let ipvsd = director.start(conf);
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&table, secs(5));

    let repair = |damage: &str, told: &str| {
        let mark = ipvsd.log().mark();
        director.sh(damage);
        // The interval, the dump and the repair.
        director.expect_table(&table, secs(4));
        ipvsd.wait_for_log_after(mark, told, secs(2));
    };
    repair(
        "ipvsadm -C",
        "10.0.0.80]:tcp:80 was changed by someone else and put right",
    );
    repair(
        "ipvsadm -e -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 9",
        "real server 10.0.0.12:80 had weight 9 instead of 2",
    );
    repair("ipvsadm -E -t 10.0.0.80:80 -s wlc", "put right");
    repair("ipvsadm -d -t 10.0.0.80:80 -r 10.0.0.11:80", "put right");
    repair("ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.13:80 -g", "put right");

    // What is not ours is left alone, for as long as we look.
    director.sh("ipvsadm -A -u 10.0.0.80:53 -s rr");
    let audits = || {
        ipvsd.status_json()["table"]["counters"]["dumps"]
            .as_u64()
            .unwrap()
    };
    let before = audits();
    wait_until("two more audits", secs(10), || audits() >= before + 2);
    assert!(
        director
            .table()
            .contains(&"-A -u 10.0.0.80:53 -s rr".to_owned())
    );
}

/// Scripts have other numbers in another file, and the checker hears of it last: what
/// it asks for meanwhile is still the script that it means.
fn no_script_fails_by_a_reload(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let good = lab.script("good.sh", "#!/bin/sh\nexit 0\n");
    let bad = lab.script("bad.sh", "#!/bin/sh\nexit 1\n");
    let server = |address: &str, script: &std::path::Path| {
        format!(
            " real_server {address} 80 {{\n weight 1\n MISC_CHECK {{\n misc_path \"{}\"\n misc_timeout 20\n }}\n }}\n",
            script.display()
        )
    };
    let conf = |servers: &str| {
        format!(
            "virtual_server 10.0.0.80 80 {{\n delay_loop 0.05\n lb_algo rr\n lb_kind DR\n protocol TCP\n{servers}}}\n"
        )
    };
    let (up, down) = (server("10.0.0.11", &good), server("10.0.0.12", &bad));
    let table = [
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
    ];
    let director = cluster.director();
    let ipvsd = director.start(&conf(&format!("{up}{down}")));
    director.expect_table(&table, secs(20));
    let samples = director.sample_table();
    for round in 0..20 {
        let servers = if round % 2 == 0 {
            format!("{down}{up}")
        } else {
            format!("{up}{down}")
        };
        let mark = ipvsd.log().mark();
        ipvsd.reload(&conf(&servers));
        ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    }
    let samples = samples.stop();
    samples.assert_never_lacked(&table);
    samples.assert_never_had(&["-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1"]);
    assert_eq!(ipvsd.log().count("Removing service [10.0.0.11]"), 0);
}
