//! The kernel's table is not ipvsd's alone: what others have made there stays, and
//! what is found in the place of a wanted virtual server is taken over.

use std::collections::BTreeMap;

use super::answers;
use crate::cluster::{Cluster, Family};
use crate::director::Director;
use crate::ipvs_watch::{IpvsWatch, Op};
use crate::lab::{Lab, secs, wait_until};

const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";

/// A virtual server with the two web servers.
fn virtual_server(port: u16, scheduler: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{
            delay_loop 0.5
            lb_algo {scheduler}
            lb_kind DR
            protocol TCP
            connect_timeout 3
            real_server 10.0.0.11 {port} {{
                TCP_CHECK {{
                    retry 0
                    connect_port 80
                }}
            }}
            real_server 10.0.0.12 {port} {{
                TCP_CHECK {{
                    retry 0
                    connect_port 80
                }}
            }}
        }}\n"
    )
}

/// What someone else has in the table: as near to ours as can be.
const FOREIGN: [&str; 9] = [
    // Another port.
    "-A -t 10.0.0.80:8080 -s wlc -p 77 -M 255.255.255.0",
    "-a -t 10.0.0.80:8080 -r 10.0.0.11:8080 -g -w 7",
    "-a -t 10.0.0.80:8080 -r 10.0.0.12:8080 -i -w 0 --tun-type ipip",
    // Another protocol.
    "-A -u 10.0.0.80:80 -s sh",
    "-a -u 10.0.0.80:80 -r 10.0.0.11:80 -g -w 2",
    // Another family.
    "-A -t [fd00::80]:80 -s rr",
    "-a -t [fd00::80]:80 -r [fd00::11]:80 -g -w 1",
    // No address at all.
    "-A -f 7 -s rr",
    "-a -f 7 -r 10.0.0.11:0 -g -w 1",
];

/// The same lines as /proc has them, without the services' options.
const FOREIGN_QUICK: [&str; 9] = [
    "-A -t 10.0.0.80:8080 -s wlc",
    "-a -t 10.0.0.80:8080 -r 10.0.0.11:8080 -g -w 7",
    "-a -t 10.0.0.80:8080 -r 10.0.0.12:8080 -i -w 0 --tun-type ipip",
    "-A -u 10.0.0.80:80 -s sh",
    "-a -u 10.0.0.80:80 -r 10.0.0.11:80 -g -w 2",
    "-A -t [fd00::80]:80 -s rr",
    "-a -t [fd00::80]:80 -r [fd00::11]:80 -g -w 1",
    "-A -f 7 -s rr",
    "-a -f 7 -r 10.0.0.11:0 -g -w 1",
];

/// Restores lines of `ipvsadm -Sn`.
fn restore(director: &Director, lines: &[&str]) {
    let lines = lines.join("\n");
    director.sh(&format!("ipvsadm -R <<'END'\n{lines}\nEND\n"));
}

/// Waits for the watch to have seen this, and nothing else, since it began.
#[track_caller]
fn expect_operations(watch: &IpvsWatch, expected: &[(Op, usize)]) {
    let expected = BTreeMap::from_iter(expected.iter().copied());
    // The watch has a thread of its own, and one CPU to share with the director.
    wait_until(&format!("the operations {expected:?}"), secs(5), || {
        watch.so_far().counts() == expected
    });
}

pub fn what_others_have_made_is_left_alone(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    restore(director, &FOREIGN);
    director.expect_table(&FOREIGN, secs(1));
    let with_foreign = |lines: &[&str]| {
        director.expect_table(&[lines, &FOREIGN[..]].concat(), secs(20));
    };
    let samples = director.sample_table();
    let watch = director.watch_ipvs();

    let ipvsd = director.start(&virtual_server(80, "rr"));
    with_foreign(&[SERVICE, FIRST, SECOND]);
    cluster.web[0].kill();
    with_foreign(&[SERVICE, SECOND]);
    cluster.web[0].start_nginx();
    with_foreign(&[SERVICE, FIRST, SECOND]);
    let reload = |conf: &str| {
        let mark = ipvsd.log().mark();
        ipvsd.reload(conf);
        ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    };
    reload(&(virtual_server(80, "rr") + &virtual_server(443, "rr")));
    with_foreign(&[
        SERVICE,
        FIRST,
        SECOND,
        "-A -t 10.0.0.80:443 -s rr",
        "-a -t 10.0.0.80:443 -r 10.0.0.11:443 -g -w 1",
        "-a -t 10.0.0.80:443 -r 10.0.0.12:443 -g -w 1",
    ]);
    reload(&virtual_server(80, "rr"));
    with_foreign(&[SERVICE, FIRST, SECOND]);
    // Others may come and go meanwhile.
    const LATER: &str = "-A -t 10.0.0.80:22 -s rr";
    director.sh("ipvsadm -A -t 10.0.0.80:22 -s rr");
    reload(&virtual_server(80, "wlc"));
    with_foreign(&["-A -t 10.0.0.80:80 -s wlc", FIRST, SECOND, LATER]);

    let stopped = ipvsd.sigterm(secs(10));
    assert!(stopped.status.success(), "{stopped:?}");
    with_foreign(&[LATER]);
    samples.stop().assert_never_lacked(&FOREIGN_QUICK);
    expect_operations(
        &watch,
        &[
            // Two of ours, and the one of ipvsadm's.
            (Op::NewService, 3),
            (Op::SetService, 1),
            (Op::DelService, 2),
            (Op::NewDest, 5),
            (Op::DelDest, 1),
        ],
    );
}

pub fn what_is_found_is_adopted(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();

    lab.note("equal: not one operation until the end, and a client notices nothing");
    restore(director, &[SERVICE, FIRST, SECOND]);
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    let stream = cluster.client.stream(cluster.vip(80));
    stream.wait_for_answers(5, secs(20));
    let watch = director.watch_ipvs();
    let ipvsd = director.start(&virtual_server(80, "rr"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    ipvsd.wait_for_log("made by someone else: adopted as it is", secs(1));
    ipvsd.wait_for_log("TCP connection to [10.0.0.12]:tcp:80 success.", secs(20));
    stream.wait_for_answers(5, secs(20));
    assert_eq!(stream.stop().errors, []);
    expect_operations(&watch, &[]);
    // Adopted is ours: it works, and it goes with the rest.
    cluster.web[0].kill();
    director.expect_table(&[SERVICE, SECOND], secs(20));
    cluster.web[0].start_nginx();
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
    expect_operations(
        &watch,
        &[(Op::DelDest, 1), (Op::NewDest, 1), (Op::DelService, 1)],
    );
    watch.stop();

    lab.note("different: what differs is changed, and nothing else");
    restore(
        director,
        &[
            "-A -t 10.0.0.80:80 -s wlc -p 300",
            // Missing: 10.0.0.11. Other weight: 10.0.0.12. Too much: 10.0.0.13.
            "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 9",
            "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -g -w 1",
            // As wanted but for the scheduler.
            "-A -t 10.0.0.80:443 -s sh",
            "-a -t 10.0.0.80:443 -r 10.0.0.11:443 -g -w 1",
            "-a -t 10.0.0.80:443 -r 10.0.0.12:443 -g -w 1",
            // As wanted but for the way to a real server.
            "-A -t 10.0.0.80:81 -s rr",
            "-a -t 10.0.0.80:81 -r 10.0.0.11:81 -i -w 1",
            "-a -t 10.0.0.80:81 -r 10.0.0.12:81 -g -w 1",
        ],
    );
    let watch = director.watch_ipvs();
    let ipvsd = director.start(
        &[
            virtual_server(80, "rr"),
            virtual_server(443, "rr"),
            virtual_server(81, "rr"),
        ]
        .concat(),
    );
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(
        &[
            SERVICE,
            FIRST,
            SECOND,
            "-A -t 10.0.0.80:443 -s rr",
            "-a -t 10.0.0.80:443 -r 10.0.0.11:443 -g -w 1",
            "-a -t 10.0.0.80:443 -r 10.0.0.12:443 -g -w 1",
            "-A -t 10.0.0.80:81 -s rr",
            "-a -t 10.0.0.80:81 -r 10.0.0.11:81 -g -w 1",
            "-a -t 10.0.0.80:81 -r 10.0.0.12:81 -g -w 1",
        ],
        secs(1),
    );
    expect_operations(
        &watch,
        &[
            (Op::SetService, 2),
            (Op::NewDest, 1),
            (Op::SetDest, 2),
            (Op::DelDest, 1),
        ],
    );
    let served = cluster.client.ask(cluster.vip(80), 10);
    assert_eq!(served, answers(&[("web1", 5), ("web2", 5)]));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

/// `-I`: the end changes nothing, and what is left is known again, and goes when a
/// later file no longer has it.
pub fn what_was_kept_is_known_again(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let file = lab.scratch("conf").join("keepalived.conf");
    std::fs::write(&file, virtual_server(80, "rr")).unwrap();
    let mut command = director.command(lab.ipvsd());
    let mut ipvsd = command
        .args(["-n", "-l", "-D", "-I", "-f"])
        .arg(&file)
        .stderr(std::fs::File::create(lab.log_file("director1-kept.log")).unwrap())
        .spawn()
        .unwrap();
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    cluster.web[0].kill();
    director.expect_table(&[SERVICE, SECOND], secs(20));
    cluster.web[0].start_nginx();
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    let watch = director.watch_ipvs();
    director.sh(&format!("kill -TERM {}", ipvsd.id()));
    assert!(ipvsd.wait().unwrap().success());
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(0));

    let ipvsd = director.start(&virtual_server(80, "rr"));
    ipvsd.wait_for_log("left there by us: adopted as it is", secs(20));
    ipvsd.wait_for_log("Startup complete", secs(20));
    expect_operations(&watch, &[]);
    ipvsd.sigkill();
    let ipvsd = director.start(&virtual_server(443, "rr"));
    director.expect_table(
        &[
            "-A -t 10.0.0.80:443 -s rr",
            "-a -t 10.0.0.80:443 -r 10.0.0.11:443 -g -w 1",
            "-a -t 10.0.0.80:443 -r 10.0.0.12:443 -g -w 1",
        ],
        secs(20),
    );
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
