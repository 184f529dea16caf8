//! Bad input: servers and scripts that misbehave, files that are wrong, a machine
//! that does not allow what is needed. Each has its own words, and nothing else
//! suffers from it.

mod files;
mod kernel;
mod machine;
mod scripts;

use std::fs;
use std::time::Duration;

use serde_json::Value;

use self::files::{a_bad_file_at_reload_changes_nothing, a_bad_file_is_no_start};
use self::kernel::{
    a_server_that_the_kernel_refuses_is_tried_again, another_tool_edits_all_the_time,
    lost_answers_are_made_up_for,
};
use self::machine::{
    a_keepalived_in_a_container_is_named, another_director_is_named,
    what_the_kernel_lacks_or_forbids_is_named, without_a_scheduler_the_others_are_served,
};
use self::scripts::{scripts_fail_by_name, scripts_that_hang_are_killed_with_all_they_started};
use crate::cluster::{Cluster, Family};
use crate::lab::{Lab, secs, wait_until};
use crate::odd_server::{Manner, OddServer};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(bad_input:
    odd_servers_fail_by_name_and_in_time,
    networks_fail_by_name,
    scripts_that_hang_are_killed_with_all_they_started,
    scripts_fail_by_name,
    a_bad_file_at_reload_changes_nothing,
    a_bad_file_is_no_start,
    another_director_is_named,
    a_keepalived_in_a_container_is_named,
    what_the_kernel_lacks_or_forbids_is_named,
    without_a_scheduler_the_others_are_served,
    a_server_that_the_kernel_refuses_is_tried_again,
    another_tool_edits_all_the_time,
    lost_answers_are_made_up_for,
);

/// A line of /proc/PID/status in kB, such as `VmRSS`.
fn memory(pid: i32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let words = line.unwrap().trim_start_matches(':').split_whitespace();
    words.take(1).collect::<String>().parse().unwrap()
}

/// The only check of each real server of the first virtual server.
fn checks(status: &Value) -> Vec<&Value> {
    let servers = status["virtual_servers"][0]["real_servers"].as_array();
    let servers = servers.unwrap().iter();
    servers.map(|server| &server["checks"][0]).collect()
}

/// A manner of misbehaving, and what is said of it.
struct Odd {
    port: u16,
    connect_timeout: u64,
    manner: Manner,
    outcome: &'static str,
    reason: &'static str,
}

fn odd_ones() -> Vec<Odd> {
    let answers = |bytes: &[u8]| Manner::Answers(bytes.to_vec());
    let mut endless_head = b"HTTP/1.0 200 OK\r\nX-Long: ".to_vec();
    endless_head.resize(10 << 20, b'z');
    let odd = |port, connect_timeout, manner, outcome, reason| Odd {
        port,
        connect_timeout,
        manner,
        outcome,
        reason,
    };
    vec![
        odd(
            8001,
            2,
            Manner::Silent,
            "answer-timeout",
            "/page: no answer within 2 s",
        ),
        odd(
            8002,
            2,
            Manner::Trickles,
            "answer-incomplete",
            // And how many came, which depends on the clock.
            "/page: answer not complete within 2 s (",
        ),
        odd(
            8003,
            30,
            Manner::Floods,
            "answer-too-large",
            "/page: answer larger than 64 MiB",
        ),
        odd(
            8004,
            2,
            answers(b"HTTP/1.0 200 OK\r\nContent-Ty"),
            "closed-early",
            "/page: closed before the answer was complete (27 bytes came)",
        ),
        odd(
            8005,
            30,
            Manner::Answers(endless_head),
            "header-too-large",
            "/page: header larger than 32768 bytes or 256 lines",
        ),
        odd(
            8006,
            2,
            answers(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
            "malformed-answer",
            "/page: malformed answer: ",
        ),
        odd(
            8007,
            2,
            answers(b""),
            "closed-without-answer",
            "/page: closed without an answer",
        ),
    ]
}

/// Servers that were good begin to misbehave, each in its own way. They leave the
/// table by name and within the deadline, an ordinary server beside them stays, and
/// the checker does not grow by what it is sent.
fn odd_servers_fail_by_name_and_in_time(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let [web1, web2] = &cluster.web[..] else {
        panic!("two web servers")
    };
    web2.start_nginx();
    let good = || Manner::Answers(b"HTTP/1.0 200 OK\r\n\r\nhello\n".to_vec());
    let odd_ones = odd_ones();
    let servers: Vec<OddServer> = odd_ones
        .iter()
        .map(|odd| OddServer::start(lab, web1, web1.at(odd.port), good()))
        .collect();
    let real_server = |address: &str, port: u16, connect_timeout: u64| {
        format!(
            "real_server {address} {port} {{
                HTTP_GET {{
                    connect_timeout {connect_timeout}
                    retry 0
                    url {{
                        path /page
                    }}
                }}
            }}\n"
        )
    };
    let mut conf = String::from(
        "virtual_server 10.0.0.80 80 {\n delay_loop 0.5\n lb_algo rr\n lb_kind NAT\n protocol TCP\n",
    );
    for odd in &odd_ones {
        conf += &real_server("10.0.0.11", odd.port, odd.connect_timeout);
    }
    conf += &real_server("10.0.0.12", 80, 2);
    conf += "}\n";
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
    const ORDINARY: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -m -w 1";
    const ALL_GOOD: [&str; 9] = [
        SERVICE,
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8001 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8002 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8003 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8004 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8005 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8006 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8007 -m -w 1",
        ORDINARY,
    ];
    let director = cluster.director();
    let ipvsd = director.start(&conf);
    for server in &servers {
        server.wait_for_visits(3, secs(20));
    }
    director.expect_table(&ALL_GOOD, secs(20));
    let checker = ipvsd.child("checker").pid;
    let (resident, peak) = (memory(checker, "VmRSS"), memory(checker, "VmHWM"));

    let samples = director.sample_table();
    for (odd, server) in odd_ones.iter().zip(&servers) {
        server.set(odd.manner.clone());
    }
    director.expect_table(&[SERVICE, ORDINARY], secs(40));
    for odd in &odd_ones {
        let (port, reason) = (odd.port, odd.reason);
        let failed = format!("HTTP_CHECK on service [10.0.0.11]:tcp:{port} failed: {reason}");
        ipvsd.wait_for_log(&failed, secs(1));
    }
    let expect_status = || {
        let status = ipvsd.status_json();
        for (odd, check) in odd_ones.iter().zip(checks(&status)) {
            assert_eq!(check["up"], false, "{check:#}");
            assert_eq!(check["outcome"], odd.outcome, "{check:#}");
            let reason = check["reason"].as_str().unwrap();
            assert!(reason.starts_with(odd.reason), "{check:#}");
            let took = Duration::from_secs_f64(check["runs"]["last_took"].as_f64().unwrap());
            // The guest has one CPU, and a flood takes its share of it.
            assert!(took < secs(odd.connect_timeout) + secs(1), "{check:#}");
        }
        assert_eq!(checks(&status)[7]["up"], true, "{status:#}");
    };
    expect_status();

    // Again and again, hundreds of megabytes.
    let flood = &servers[2];
    let before = flood.bytes_sent();
    flood.wait_for_visits(flood.visits().len() + 6, secs(60));
    assert!(flood.bytes_sent() - before > 300 << 20);
    expect_status();
    let grown = |now: u64, then: u64| now.saturating_sub(then);
    let (resident_now, peak_now) = (memory(checker, "VmRSS"), memory(checker, "VmHWM"));
    lab.note(format!(
        "checker: VmRSS {resident} -> {resident_now} kB, VmHWM {peak} -> {peak_now} kB"
    ));
    assert!(grown(resident_now, resident) < 4096, "{resident_now} kB");
    assert!(grown(peak_now, peak) < 4096, "{peak_now} kB");
    assert_eq!(ipvsd.child("checker").pid, checker);
    samples.stop().assert_never_lacked(&[SERVICE, ORDINARY]);

    for server in &servers {
        server.set(good());
    }
    director.expect_table(&ALL_GOOD, secs(40));
    wait_until("every check to be up", secs(5), || {
        checks(&ipvsd.status_json())
            .iter()
            .all(|check| check["up"] == true && check["reason"].is_null())
    });
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

/// What a network or this machine does to a check is a failure of the check, whose
/// name says where to look. All of it passes, and the servers are back.
fn networks_fail_by_name(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let (web, director) = (&cluster.web[0], cluster.director());
    web.start_nginx();
    // One web server with many addresses.
    let addresses = [21, 22, 23, 24, 25];
    for n in addresses {
        web.ip(&format!("addr add 10.0.0.{n}/24 dev eth0\n"));
    }
    let mut conf = String::from(
        "virtual_server 10.0.0.80 80 {\n delay_loop 0.5\n lb_algo rr\n lb_kind DR\n protocol TCP\n",
    );
    for n in addresses {
        conf += &format!(
            "real_server 10.0.0.{n} 80 {{\n TCP_CHECK {{\n connect_timeout 2\n retry 0\n }}\n }}\n"
        );
    }
    conf += "}\n";
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
    const ALL: [&str; 6] = [
        SERVICE,
        "-a -t 10.0.0.80:80 -r 10.0.0.21:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.22:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.23:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.24:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.25:80 -g -w 1",
    ];
    let ipvsd = director.start(&conf);
    for n in addresses {
        let good = format!("TCP connection to [10.0.0.{n}]:tcp:80 success.");
        ipvsd.wait_for_log(&good, secs(20));
    }
    director.expect_table(&ALL, secs(1));
    let outcomes = || -> Vec<(String, String)> {
        let status = ipvsd.status_json();
        let words = checks(&status).into_iter().map(|check| {
            let word = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            (word("outcome"), word("reason"))
        });
        words.collect()
    };
    let expected = |words: [(&str, &str); 5]| {
        words.map(|(outcome, reason)| (outcome.to_owned(), reason.to_owned()))
    };

    lab.note("five ways not to arrive");
    director.ip("route add unreachable 10.0.0.21/32
route add prohibit 10.0.0.22/32
route add blackhole 10.0.0.23/32
route add throw 10.0.0.24/32
neigh replace 10.0.0.25 lladdr 02:00:00:00:00:01 nud permanent dev eth0
");
    director.expect_table(&[SERVICE], secs(20));
    assert_eq!(
        outcomes(),
        expected([
            ("no-route", "no route to host"),
            (
                "not-permitted",
                "not permitted: is there a packet filter on this machine? (EACCES)"
            ),
            ("local-error", "local error: Invalid argument (EINVAL)"),
            ("network-unreachable", "network unreachable"),
            ("connect-timeout", "no connection within 2 s"),
        ])
    );
    director.ip("route del unreachable 10.0.0.21/32
route del prohibit 10.0.0.22/32
route del blackhole 10.0.0.23/32
route del throw 10.0.0.24/32
neigh del 10.0.0.25 dev eth0
");
    director.expect_table(&ALL, secs(20));

    lab.note("the director's own cable");
    director.cut();
    director.expect_table(&[SERVICE], secs(20));
    let unreachable = ("network-unreachable", "network unreachable");
    wait_until("the latest failures to be told", secs(10), || {
        outcomes() == expected([unreachable; 5])
    });
    director.uncut();
    director.expect_table(&ALL, secs(20));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
