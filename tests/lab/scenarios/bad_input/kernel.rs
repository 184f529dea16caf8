//! A kernel that refuses, that loses answers, and a table that others change too.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family};
use crate::daemon::{Daemon, Process};
use crate::director::Director;
use crate::lab::{Lab, secs, wait_until};

const AUDITS: &str = "global_defs {\n lvs_audit_interval 1\n}\n";

fn virtual_server(port: u16, servers: &[(&str, u32)]) -> String {
    let servers: String = servers
        .iter()
        .map(|(address, weight)| {
            format!(" real_server {address} {port} {{\n weight {weight}\n }}\n")
        })
        .collect();
    format!(
        "virtual_server 10.0.0.80 {port} {{\n lb_algo rr\n lb_kind DR\n protocol TCP\n{servers}}}\n"
    )
}

fn audits(ipvsd: &Daemon) -> u64 {
    let status = ipvsd.status_json();
    status["table"]["counters"]["dumps"].as_u64().unwrap()
}

/// The table is as wanted, and stays so from one look of ipvsd's to the next.
#[track_caller]
fn expect_settled(ipvsd: &Daemon, director: &Director, table: &[&str]) {
    director.expect_table(table, secs(20));
    let before = audits(ipvsd);
    wait_until("two more audits", secs(20), || audits(ipvsd) >= before + 2);
    director.expect_table(table, secs(0));
}

/// What is invalid depends on the machine: a broadcast address is no real server. When
/// it is none any more, it is taken.
pub fn a_server_that_the_kernel_refuses_is_tried_again(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let conf = [
        virtual_server(79, &[("10.0.0.11", 1)]),
        virtual_server(80, &[("10.0.0.11", 1), ("10.0.0.255", 1), ("10.0.0.12", 2)]),
        virtual_server(81, &[("10.0.0.12", 1)]),
    ]
    .concat();
    const OTHERS: [&str; 7] = [
        "-A -t 10.0.0.80:79 -s rr",
        "-a -t 10.0.0.80:79 -r 10.0.0.11:79 -g -w 1",
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 2",
        "-A -t 10.0.0.80:81 -s rr",
        "-a -t 10.0.0.80:81 -r 10.0.0.12:81 -g -w 1",
    ];
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&OTHERS, secs(1));
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    let told = ipvsd.wait_for_log("the kernel refuses it as invalid", secs(1));
    for words in [
        "cannot add real server 10.0.0.255:80",
        "[10.0.0.80]:tcp:80",
        "not unicast",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let refused = ipvsd.status_json()["table"]["refused"].clone();
    assert_eq!(refused.as_array().unwrap().len(), 1, "{refused:#}");
    assert_eq!(refused[0]["real_server"], "10.0.0.255:80", "{refused:#}");
    // With growing pauses: 1 s, 2 s, 4 s.
    let attempts = || {
        let failed = &ipvsd.status_json()["table"]["counters"]["failed"];
        failed.as_u64().unwrap()
    };
    let begun = lab.now();
    wait_until("the fourth attempt", secs(30), || attempts() >= 4);
    assert!(
        lab.now() - begun >= secs(5),
        "after {:?}",
        lab.now() - begun
    );
    assert_eq!(ipvsd.log().count("refuses it as invalid"), 1);

    // In a wider network it is an address like others.
    director.ip("addr del 10.0.0.1/24 dev eth0\naddr add 10.0.0.1/16 dev eth0\n");
    ipvsd.wait_for_log("could add real server 10.0.0.255:80", secs(60));
    let late = "-a -t 10.0.0.80:80 -r 10.0.0.255:80 -g -w 1";
    director.expect_table(&[&OTHERS[..], &[late]].concat(), secs(1));
    assert_eq!(
        ipvsd.status_json()["table"]["refused"],
        serde_json::json!([])
    );
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

/// Another program that believes the table to be its own, every 100 ms, while weights
/// and servers change by reloads.
pub fn another_tool_edits_all_the_time(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let conf = |weight: u32| {
        [
            AUDITS,
            &virtual_server(80, &[("10.0.0.11", 1), ("10.0.0.12", weight)]),
            &virtual_server(81, &[("10.0.0.11", weight)]),
        ]
        .concat()
    };
    let table = |weight: u32| {
        [
            "-A -t 10.0.0.80:80 -s rr".to_owned(),
            "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1".to_owned(),
            format!("-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w {weight}"),
            "-A -t 10.0.0.80:81 -s rr".to_owned(),
            format!("-a -t 10.0.0.80:81 -r 10.0.0.11:81 -g -w {weight}"),
            // Somebody else's.
            "-A -t 10.0.0.80:8443 -s wlc".to_owned(),
        ]
    };
    let ipvsd = director.start(&conf(1));
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.sh("ipvsadm -A -t 10.0.0.80:8443 -s wlc");
    let mark = ipvsd.log().mark();
    let stop = lab.scratch("state").join("stop");
    let tool = lab.script(
        "tool.sh",
        &format!(
            "#!/bin/sh
            n=0
            while [ ! -e {} ]; do
                n=$((n + 1))
                case $((n % 6)) in
                0) ipvsadm -e -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w $((n % 50 + 7)) ;;
                1) ipvsadm -d -t 10.0.0.80:80 -r 10.0.0.12:80 ;;
                2) ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.13:80 -g ;;
                3) ipvsadm -E -t 10.0.0.80:80 -s wlc ;;
                4) ipvsadm -D -t 10.0.0.80:81 ;;
                5) ipvsadm -A -t 10.0.0.80:81 -s sh ;;
                esac
                sleep 0.1
            done >/dev/null 2>&1\n",
            stop.display()
        ),
    );
    let mut tool = director.command(tool).stdin(Stdio::null()).spawn().unwrap();
    for weight in [2, 3, 4, 5] {
        ipvsd.reload(&conf(weight));
        let before = audits(&ipvsd);
        wait_until("two more looks", secs(20), || audits(&ipvsd) >= before + 2);
    }
    std::fs::write(&stop, "").unwrap();
    tool.wait().unwrap();
    let table = table(5);
    let lines: Vec<&str> = table.iter().map(String::as_str).collect();
    expect_settled(&ipvsd, director, &lines);

    // Six kinds of edits: each is told once, however often it was undone.
    let told = ipvsd.log().since(mark);
    let told: Vec<&str> = told.iter().map(|(_, line)| line.as_str()).collect();
    let count = |words: &str| told.iter().filter(|line| line.contains(words)).count();
    assert!((1..=8).contains(&count("put right")), "{told:#?}");
    assert!(count("cannot") <= 4, "{told:#?}");
    assert!(ipvsd.is_running());
    assert_eq!(ipvsd.status_json()["children"][0]["restarts"], 0);
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&["-A -t 10.0.0.80:8443 -s wlc"], secs(1));
}

/// The kernel says that it had no room for an answer, again and again, at a reload and
/// while it looks.
pub fn lost_answers_are_made_up_for(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let conf = |weight: u32| {
        let servers = [("10.0.0.11", weight), ("10.0.0.12", 1)];
        let services = (80..120).map(|port| virtual_server(port, &servers));
        AUDITS.to_owned() + &services.collect::<String>()
    };
    let table = |weight: u32| -> Vec<String> {
        let service = |port| {
            [
                format!("-A -t 10.0.0.80:{port} -s rr"),
                format!("-a -t 10.0.0.80:{port} -r 10.0.0.11:{port} -g -w {weight}"),
                format!("-a -t 10.0.0.80:{port} -r 10.0.0.12:{port} -g -w 1"),
            ]
        };
        (80..120).flat_map(service).collect()
    };
    let ipvsd = director.start(&conf(1));
    ipvsd.wait_for_log("Startup complete", secs(20));
    let checker = ipvsd.child("checker");
    let log = lab.log_file("strace.log");
    let mut strace = Command::new("strace")
        .args(["-P", &netlink_socket(&checker)])
        .args(["-e", "trace=recvfrom"])
        .args(["-e", "inject=recvfrom:error=ENOBUFS:when=3+7"])
        .args(["-p", &checker.pid.to_string(), "-o"])
        .arg(&log)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a lost answer", secs(20), || injected(&log) > 0);
    let mark = ipvsd.log().mark();
    for weight in [2, 3, 4] {
        ipvsd.reload(&conf(weight));
        let table = table(weight);
        let lines: Vec<&str> = table.iter().map(String::as_str).collect();
        director.expect_table(&lines, secs(60));
    }
    kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT).unwrap();
    strace.wait().unwrap();
    assert!(injected(&log) > 4, "{} lost", injected(&log));
    let last = table(4);
    let lines: Vec<&str> = last.iter().map(String::as_str).collect();
    expect_settled(&ipvsd, director, &lines);
    assert_eq!(ipvsd.child("checker").pid, checker.pid);
    let told = ipvsd.log().since(mark);
    let told: Vec<&str> = told.iter().map(|(_, line)| line.as_str()).collect();
    let count = |words: &str| told.iter().filter(|line| line.contains(words)).count();
    // That it has happened once is no news, and what goes on is told once.
    assert!(count("out of reach") <= 2, "{told:#?}");
    // Nobody is accused of what was our own.
    assert_eq!(count("by someone else"), 0, "{told:#?}");
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

/// The socket on which a process speaks to the kernel, in the words of proc_pid_fd(5).
fn netlink_socket(process: &Process) -> String {
    let all = std::fs::read_to_string(format!("/proc/{}/net/netlink", process.pid)).unwrap();
    // The inode is the last column.
    let inodes = all
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let sockets: Vec<String> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    std::fs::read_dir(format!("/proc/{}/fd", process.pid))
        .unwrap()
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap())
        .map(|link| link.display().to_string())
        .find(|link| sockets.contains(link))
        .expect("a netlink socket")
}

/// How many answers strace has kept from the process so far.
fn injected(log: &Path) -> usize {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.matches("INJECTED").count()
}
