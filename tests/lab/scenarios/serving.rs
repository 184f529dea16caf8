//! Serving: a client asks for a page, whatever happens to the servers behind it,
//! and after each event the table is what is written here.
//!
//! The first six scenarios tell one story for each way of handing packets on and
//! each family. What quorums, checks and scripts add is in `pools`, and what ipvsd
//! finds in the kernel that is not its own in `ownership`.

mod ownership;
mod pools;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use self::ownership::{
    what_is_found_is_adopted, what_others_have_made_is_left_alone, what_was_kept_is_known_again,
};
use self::pools::{
    alpha_waits_for_the_first_success, http_get_asks_what_it_is_told,
    quorum_and_hysteresis_count_weights, weights_follow_a_script,
};
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::lab::{Lab, millis, secs, wait_until};
use crate::net::Namespace;
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(serving:
    dr_v4,
    dr_v6,
    nat_v4,
    nat_v6,
    tun_v4,
    tun_v6,
    udp_with_a_script,
    persistent_clients_stay,
    quorum_and_hysteresis_count_weights,
    alpha_waits_for_the_first_success,
    http_get_asks_what_it_is_told,
    weights_follow_a_script,
    what_others_have_made_is_left_alone,
    what_is_found_is_adopted,
    what_was_kept_is_known_again,
    reloads_come_at_any_time,
);

fn dr_v4(lab: &Lab) {
    serves(
        &Plan::new(Method::Dr, Family::V4).webs(3).build(lab),
        &conf("10.0.0.80", "DR", ["10.0.0.11", "10.0.0.12", "10.0.0.13"]),
        &Lines {
            service: "-A -t 10.0.0.80:80 -s wrr",
            first: "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 2",
            second: "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1",
            sorry: "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -g -w 1",
        },
    );
}

fn dr_v6(lab: &Lab) {
    serves(
        &Plan::new(Method::Dr, Family::V6).webs(3).build(lab),
        &conf("fd00::80", "DR", ["fd00::11", "fd00::12", "fd00::13"]),
        &Lines {
            service: "-A -t [fd00::80]:80 -s wrr",
            first: "-a -t [fd00::80]:80 -r [fd00::11]:80 -g -w 2",
            second: "-a -t [fd00::80]:80 -r [fd00::12]:80 -g -w 1",
            sorry: "-a -t [fd00::80]:80 -r [fd00::13]:80 -g -w 1",
        },
    );
}

fn nat_v4(lab: &Lab) {
    serves(
        &Plan::new(Method::Nat, Family::V4).webs(3).build(lab),
        &conf("10.0.0.80", "NAT", ["10.1.0.11", "10.1.0.12", "10.1.0.13"]),
        &Lines {
            service: "-A -t 10.0.0.80:80 -s wrr",
            first: "-a -t 10.0.0.80:80 -r 10.1.0.11:80 -m -w 2",
            second: "-a -t 10.0.0.80:80 -r 10.1.0.12:80 -m -w 1",
            sorry: "-a -t 10.0.0.80:80 -r 10.1.0.13:80 -m -w 1",
        },
    );
}

fn nat_v6(lab: &Lab) {
    serves(
        &Plan::new(Method::Nat, Family::V6).webs(3).build(lab),
        &conf(
            "fd00::80",
            "NAT",
            ["fd00:1::11", "fd00:1::12", "fd00:1::13"],
        ),
        &Lines {
            service: "-A -t [fd00::80]:80 -s wrr",
            first: "-a -t [fd00::80]:80 -r [fd00:1::11]:80 -m -w 2",
            second: "-a -t [fd00::80]:80 -r [fd00:1::12]:80 -m -w 1",
            sorry: "-a -t [fd00::80]:80 -r [fd00:1::13]:80 -m -w 1",
        },
    );
}

fn tun_v4(lab: &Lab) {
    serves(
        &Plan::new(Method::Tun, Family::V4).webs(3).build(lab),
        &conf("10.0.0.80", "TUN", ["10.0.0.11", "10.0.0.12", "10.0.0.13"]),
        &Lines {
            service: "-A -t 10.0.0.80:80 -s wrr",
            first: "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -i -w 2 --tun-type ipip",
            second: "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -i -w 1 --tun-type ipip",
            sorry: "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -i -w 1 --tun-type ipip",
        },
    );
}

fn tun_v6(lab: &Lab) {
    serves(
        &Plan::new(Method::Tun, Family::V6).webs(3).build(lab),
        &conf("fd00::80", "TUN", ["fd00::11", "fd00::12", "fd00::13"]),
        &Lines {
            service: "-A -t [fd00::80]:80 -s wrr",
            first: "-a -t [fd00::80]:80 -r [fd00::11]:80 -i -w 2 --tun-type ipip",
            second: "-a -t [fd00::80]:80 -r [fd00::12]:80 -i -w 1 --tun-type ipip",
            sorry: "-a -t [fd00::80]:80 -r [fd00::13]:80 -i -w 1 --tun-type ipip",
        },
    );
}

/// Two web servers, of which the first takes twice as much, and a third that stands
/// in when both are dead. One is asked for a page, the other for a connection.
fn conf(vip: &str, kind: &str, [first, second, sorry]: [&str; 3]) -> String {
    format!(
        "virtual_server {vip} 80 {{
            delay_loop 0.5
            lb_algo wrr
            lb_kind {kind}
            protocol TCP
            connect_timeout 3
            retry 1
            delay_before_retry 0.2
            sorry_server {sorry} 80

            real_server {first} 80 {{
                weight 2
                HTTP_GET {{
                    url {{
                        path /
                        status_code 200
                    }}
                }}
            }}
            real_server {second} 80 {{
                weight 1
                TCP_CHECK {{
                }}
            }}
        }}\n"
    )
}

/// The lines of `ipvsadm -Sn` for [`conf`].
struct Lines {
    service: &'static str,
    first: &'static str,
    second: &'static str,
    sorry: &'static str,
}

fn serves(cluster: &Cluster, conf: &str, lines: &Lines) {
    let Lines {
        service,
        first,
        second,
        sorry,
    } = *lines;
    let [web1, web2, web3] = &cluster.web[..] else {
        panic!("three web servers")
    };
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let ask = |count| cluster.client.ask(cluster.vip(80), count);

    let ipvsd = director.start(conf);
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&[service, first, second], secs(1));
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    assert_eq!(ask(30), answers(&[("web1", 20), ("web2", 10)]));

    web1.kill();
    director.expect_table(&[service, second], secs(20));
    assert_eq!(ask(6), answers(&[("web2", 6)]));

    web1.start_nginx();
    director.expect_table(&[service, first, second], secs(20));
    assert_eq!(ask(30), answers(&[("web1", 20), ("web2", 10)]));

    web1.kill();
    web2.kill();
    director.expect_table(&[service, sorry], secs(20));
    assert_eq!(ask(6), answers(&[("web3", 6)]));

    web2.start_nginx();
    director.expect_table(&[service, second], secs(20));
    assert_eq!(ask(6), answers(&[("web2", 6)]));

    // Nobody asks the sorry server how it is.
    web3.kill();
    web1.start_nginx();
    director.expect_table(&[service, first, second], secs(20));
    assert_eq!(ask(30), answers(&[("web1", 20), ("web2", 10)]));

    stops_and_leaves_nothing(&ipvsd, director);
}

/// SIGTERM ends it within a second, and takes everything of its own out.
#[track_caller]
fn stops_and_leaves_nothing(ipvsd: &Daemon, director: &Director) {
    let stopped = ipvsd.sigterm(secs(10));
    assert!(stopped.status.success(), "{stopped:?}");
    assert!(stopped.took < secs(1), "{stopped:?}");
    assert_eq!(director.table(), [""; 0]);
}

pub fn answers(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let expected = expected.iter();
    expected.map(|(who, n)| ((*who).to_owned(), *n)).collect()
}

/// A name server, say: datagrams, and a script that knows how to ask one.
fn udp_with_a_script(lab: &Lab) {
    let cluster = Cluster::lvs_nat(lab, Family::V4);
    let script = lab.script(
        "ask-udp",
        "#!/bin/bash
exec 3<>\"/dev/udp/$1/$2\"
echo 'anybody there?' >&3
answer=$(timeout 2 head -n 1 <&3) && [ -n \"$answer\" ]
",
    );
    let real_server = |address: &str| {
        format!(
            "real_server {address} 53 {{
                MISC_CHECK {{
                    misc_path \"{} {address} 53\"
                    misc_timeout 4
                }}
            }}",
            script.display()
        )
    };
    let conf = format!(
        "global_defs {{
            script_user root
        }}
        virtual_server 10.0.0.80 53 {{
            delay_loop 0.5
            lb_algo rr
            lb_kind NAT
            protocol UDP
            {}
            {}
        }}\n",
        real_server("10.1.0.11"),
        real_server("10.1.0.12")
    );
    const SERVICE: &str = "-A -u 10.0.0.80:53 -s rr";
    const FIRST: &str = "-a -u 10.0.0.80:53 -r 10.1.0.11:53 -m -w 1";
    const SECOND: &str = "-a -u 10.0.0.80:53 -r 10.1.0.12:53 -m -w 1";
    let [web1, web2] = &cluster.web[..] else {
        panic!("two servers")
    };
    let mut first = Some(UdpServer::start(web1, web1.at(53)));
    let mut second = Some(UdpServer::start(web2, web2.at(53)));
    let director = cluster.director();
    let ask = |count| {
        let vip = cluster.vip(53);
        cluster.client.enter(|| ask_udp(vip, count))
    };

    let ipvsd = director.start(&conf);
    for server in ["[10.1.0.11]:udp:53", "[10.1.0.12]:udp:53"] {
        let good = format!(
            "Misc check for [{server} VS [10.0.0.80]:udp:53] by [{}] succeeded.",
            script.display()
        );
        ipvsd.wait_for_log(&good, secs(20));
    }
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(1));
    assert_eq!(ask(10), answers(&[("web1", 5), ("web2", 5)]));

    first = first.and(None);
    director.expect_table(&[SERVICE, SECOND], secs(20));
    assert_eq!(ask(4), answers(&[("web2", 4)]));

    // Without a sorry server an empty virtual server is what is left.
    second = second.and(None);
    director.expect_table(&[SERVICE], secs(20));

    first = first.or_else(|| Some(UdpServer::start(web1, web1.at(53))));
    director.expect_table(&[SERVICE, FIRST], secs(20));
    assert_eq!(ask(4), answers(&[("web1", 4)]));
    second = second.or_else(|| Some(UdpServer::start(web2, web2.at(53))));
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    assert_eq!(ask(10), answers(&[("web1", 5), ("web2", 5)]));

    stops_and_leaves_nothing(&ipvsd, director);
    drop((first, second));
}

/// Answers every datagram with the name of its host, until it is dropped.
struct UdpServer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl UdpServer {
    fn start(host: &Namespace, at: SocketAddr) -> Self {
        let socket = host.enter(|| UdpSocket::bind(at)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, answer) = (stop.clone(), format!("{}\n", host.name()));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((_, from)) = socket.recv_from(&mut [0; 512]) {
                    let _ = socket.send_to(answer.as_bytes(), from);
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Each question from a port of its own, which makes it a connection to IPVS.
fn ask_udp(server: SocketAddr, count: usize) -> BTreeMap<String, usize> {
    let ask = || -> io::Result<String> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(secs(2)))?;
        socket.connect(server)?;
        socket.send(b"who are you?\n")?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).trim().to_owned())
    };
    let mut answers = BTreeMap::new();
    for _ in 0..count {
        let who = ask().unwrap_or_else(|error| format!("error: {error}"));
        *answers.entry(who).or_default() += 1;
    }
    answers
}

/// A client comes back to the server that it had, as long as that is there.
fn persistent_clients_stay(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr -p 50";
    const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
    const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";
    let director = cluster.director();
    let ipvsd = director.start(
        "virtual_server 10.0.0.80 80 {
            delay_loop 0.5
            lb_algo rr
            lb_kind DR
            persistence_timeout 50
            protocol TCP
            connect_timeout 3
            real_server 10.0.0.11 80 {
                TCP_CHECK {
                    retry 0
                }
            }
            real_server 10.0.0.12 80 {
                TCP_CHECK {
                    retry 0
                }
            }
        }\n",
    );
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    // The client has two addresses, and is two clients.
    cluster.client.ip("addr add 10.0.0.101/24 dev eth0\n");
    let be = |address: &str| {
        cluster.client.ip(&format!(
            "route replace 10.0.0.80/32 dev eth0 src {address}\n"
        ));
    };
    let ask = |count| cluster.client.ask(cluster.vip(80), count);
    be("10.0.0.100");
    let [(mine, lines_without_mine), (other, lines_without_other)] = match cluster
        .client
        .wait_for_answer(cluster.vip(80), secs(20))
        .as_str()
    {
        "web1" => [("web1", [SERVICE, SECOND]), ("web2", [SERVICE, FIRST])],
        _ => [("web2", [SERVICE, FIRST]), ("web1", [SERVICE, SECOND])],
    };
    assert_eq!(ask(10), answers(&[(mine, 10)]));
    be("10.0.0.101");
    assert_eq!(ask(10), answers(&[(other, 10)]));

    let web = |name: &str| cluster.web.iter().find(|web| web.name() == name).unwrap();
    web(other).kill();
    director.expect_table(&lines_without_other, secs(20));
    assert_eq!(ask(10), answers(&[(mine, 10)]));
    // Back, but this client has found another.
    web(other).start_nginx();
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    assert_eq!(ask(10), answers(&[(mine, 10)]));
    be("10.0.0.100");
    assert_eq!(ask(10), answers(&[(mine, 10)]));
    web(mine).kill();
    director.expect_table(&lines_without_mine, secs(20));
    assert_eq!(ask(10), answers(&[(other, 10)]));

    stops_and_leaves_nothing(&ipvsd, director);
}

/// As fast as SIGHUP can be sent, before ipvsd has started, and in the moment in
/// which it ends; from nothing to something and back. The last word counts.
fn reloads_come_at_any_time(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let nothing = "global_defs {\n router_id nobody\n}\n";
    let conf = |port: u32, weight: u32| {
        format!(
            "virtual_server 10.0.0.80 {port} {{
                lb_algo rr
                lb_kind DR
                protocol TCP
                real_server 10.0.0.11 {port} {{
                    weight {weight}
                }}
            }}\n"
        )
    };
    let table = |weight: u32| {
        let server = format!("-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w {weight}");
        director.expect_table(&["-A -t 10.0.0.80:80 -s rr", &server], secs(20));
    };

    lab.note("from nothing to something and back");
    let ipvsd = director.start(nothing);
    ipvsd.wait_for_log("There is no virtual server", secs(20));
    assert_eq!(
        ipvsd.status_json()["virtual_servers"],
        serde_json::json!([])
    );
    for weight in [3, 4] {
        ipvsd.reload(&conf(80, weight));
        table(weight);
        let mark = ipvsd.log().mark();
        ipvsd.reload(nothing);
        ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
        director.expect_table(&[], secs(1));
    }

    lab.note("many");
    let mut last = 0;
    for n in 0..60 {
        last = n % 5 + 1;
        ipvsd.reload(&(conf(80, last) + &conf(81 + n % 7, n % 3)));
        // From within one that is still under way to long after it.
        std::thread::sleep(millis(u64::from(n * 7 % 40)));
    }
    ipvsd.reload(&conf(80, last + 1));
    table(last + 1);
    assert_eq!(ipvsd.status_json()["children"][0]["restarts"], 0);

    lab.note("one more, and the end");
    ipvsd.reload(&(conf(80, 1) + &conf(81, 1)));
    stops_and_leaves_nothing(&ipvsd, director);

    for round in 0..5 {
        lab.note("before it has started");
        let ipvsd = director.start(&conf(80, 1));
        wait_until(
            "it to listen to SIGHUP, or to hold it back",
            secs(10),
            || {
                let status =
                    std::fs::read_to_string(format!("/proc/{}/status", ipvsd.pid())).unwrap();
                ["SigBlk:", "SigCgt:"].iter().any(|set| {
                    let line = status.lines().find_map(|line| line.strip_prefix(set));
                    u64::from_str_radix(line.unwrap().trim(), 16).unwrap() & 1 != 0
                })
            },
        );
        std::thread::sleep(millis(20 * round));
        ipvsd.reload(&conf(80, 2));
        table(2);
        stops_and_leaves_nothing(&ipvsd, director);
    }
}
