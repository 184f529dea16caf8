//! Virtual servers by mark and by group: one pool behind many virtual servers of the
//! kernel.

use std::net::SocketAddr;

use super::serving::answers;
use crate::cluster::{Family, Method, Plan};
use crate::ipvs_watch::Op;
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(groups:
    a_group_is_served_at_all_its_addresses_and_by_its_mark,
    marks_of_both_families,
    ranges_go_on_over_octets,
);

/// A group with these lines, and a virtual server for it with both web servers.
fn group(lines: &str) -> String {
    format!(
        "virtual_server_group web {{
            {lines}
        }}
        virtual_server group web {{
            delay_loop 0.5
            lb_algo rr
            lb_kind DR
            protocol TCP
            connect_timeout 3
            real_server 10.0.0.11 {{
                TCP_CHECK {{
                    connect_port 80
                    retry 0
                }}
            }}
            real_server 10.0.0.12 {{
                TCP_CHECK {{
                    connect_port 80
                    retry 0
                }}
            }}
        }}\n"
    )
}

/// The lines of `ipvsadm -Sn` of virtual servers with these real servers, given by their
/// last numbers.
fn lines(services: &[(&str, &str, u16)], servers: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, service, port) in services {
        lines.push(format!("-A {kind} {service} -s rr"));
        for server in servers {
            lines.push(format!(
                "-a {kind} {service} -r 10.0.0.{server}:{port} -g -w 1"
            ));
        }
    }
    lines
}

fn a_group_is_served_at_all_its_addresses_and_by_its_mark(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).build(lab);
    let director = cluster.director();
    let [web1, web2] = &cluster.web[..] else {
        panic!("two web servers")
    };
    for web in [web1, web2] {
        web.start_nginx();
        web.ip(
            "addr add 10.0.0.81/32 dev lo\naddr add 10.0.0.82/32 dev lo\n\
                addr add 10.0.0.83/32 dev lo\n",
        );
    }
    director.ip(
        "addr add 10.0.0.81/32 dev eth0\naddr add 10.0.0.82/32 dev eth0\n\
                 addr add 10.0.0.83/32 dev eth0\n",
    );
    director.sh(
        "iptables-legacy -t mangle -A PREROUTING -d 10.0.0.83 -p tcp --dport 80 \
         -j MARK --set-mark 7",
    );
    let expect = |services: &[(&str, &str, u16)], servers: &[u8]| {
        let lines = lines(services, servers);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        director.expect_table(&lines, secs(20));
    };
    let ask = |last: u8| {
        let address = SocketAddr::from(([10, 0, 0, last], 80));
        cluster.client.ask(address, 10)
    };
    const SERVICES: [(&str, &str, u16); 4] = [
        ("-t", "10.0.0.80:80", 80),
        ("-t", "10.0.0.81:80", 80),
        ("-t", "10.0.0.82:80", 80),
        ("-f", "7", 0),
    ];

    let watch = director.watch_ipvs();
    let ipvsd = director.start(&group("10.0.0.80-82 80\nfwmark 7"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    expect(&SERVICES, &[11, 12]);
    for last in 80..=83 {
        let address = SocketAddr::from(([10, 0, 0, last], 80));
        cluster.client.wait_for_answer(address, secs(20));
        assert_eq!(ask(last), answers(&[("web1", 5), ("web2", 5)]), "{last}");
    }
    // One check for all of them, and one event.
    let check = "Activating healthchecker for service [10.0.0.11]:tcp:0 for VS [web]:0";
    assert_eq!(ipvsd.log().count(check), 1);
    web1.kill();
    expect(&SERVICES, &[12]);
    let gone = "Removing service [10.0.0.11]:tcp:0 from VS [web]:0";
    assert_eq!(ipvsd.log().count(gone), 1);
    for last in 80..=83 {
        assert_eq!(ask(last), answers(&[("web2", 10)]), "{last}");
    }
    let status = ipvsd.status_json();
    let pool = &status["virtual_servers"][0];
    assert_eq!(pool["address"], "group web", "{status:#}");
    assert_eq!(
        pool["addresses"],
        serde_json::json!(["10.0.0.80-10.0.0.82 80", "fwmark 7"])
    );

    // The pool is the same with another first address: the dead server stays out.
    let settled = watch.so_far().counts();
    let mark = ipvsd.log().mark();
    ipvsd.reload(&group("10.0.0.81-82 80\n10.0.0.83 443\nfwmark 7"));
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    expect(
        &[
            ("-t", "10.0.0.81:80", 80),
            ("-t", "10.0.0.82:80", 80),
            ("-t", "10.0.0.83:443", 443),
            ("-f", "7", 0),
        ],
        &[12],
    );
    let count = |op| {
        let before = settled.get(&op).copied().unwrap_or(0);
        watch.so_far().counts().get(&op).copied().unwrap_or(0) - before
    };
    wait_until("what was sent to be seen", secs(10), || {
        count(Op::DelService) == 1
    });
    assert_eq!((count(Op::NewService), count(Op::NewDest)), (1, 1));
    assert_eq!((count(Op::DelDest), count(Op::SetDest)), (0, 0));

    web1.start_nginx();
    director.expect_table(
        &lines(
            &[
                ("-t", "10.0.0.81:80", 80),
                ("-t", "10.0.0.82:80", 80),
                ("-t", "10.0.0.83:443", 443),
                ("-f", "7", 0),
            ],
            &[11, 12],
        )
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>(),
        secs(20),
    );
    let stopped = ipvsd.sigterm(secs(10));
    assert!(stopped.status.success(), "{stopped:?}");
    assert_eq!(director.table(), [""; 0]);
}

/// IPVS keeps the marks of the families apart: the same number is two virtual servers.
fn marks_of_both_families(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).build(lab);
    let director = cluster.director();
    let ipvsd = director.start(
        "virtual_server fwmark 5 {
            lb_algo rr
            lb_kind DR
            real_server 10.0.0.11 8080 {
            }
            sorry_server 10.0.0.99 8080
        }
        virtual_server fwmark 6 {
            ip_family inet6
            lb_algo wlc
            lb_kind NAT
            persistence_timeout 30
            real_server fd00::11 8080 {
            }
        }
        virtual_server_group both {
            fwmark 9 inet
            fwmark 9 inet6
        }
        virtual_server group both {
            lb_algo wrr
            lb_kind TUN
            real_server 10.0.0.11 {
            }
            real_server fd00::11 {
                weight 2
            }
        }\n",
    );
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(
        &[
            "-A -f 5 -s rr",
            "-a -f 5 -r 10.0.0.11:0 -g -w 1",
            "-A -f 6 -6 -s wlc -p 30",
            "-a -f 6 -6 -r [fd00::11]:8080 -m -w 1",
            "-A -f 9 -s wrr",
            "-a -f 9 -r 10.0.0.11:0 -i -w 1 --tun-type ipip",
            "-a -f 9 -r [fd00::11]:0 -i -w 2 --tun-type ipip",
            "-A -f 9 -6 -s wrr",
            "-a -f 9 -6 -r 10.0.0.11:0 -i -w 1 --tun-type ipip",
            "-a -f 9 -6 -r [fd00::11]:0 -i -w 2 --tun-type ipip",
        ],
        secs(5),
    );
    let stopped = ipvsd.sigterm(secs(10));
    assert!(stopped.status.success(), "{stopped:?}");
    assert_eq!(director.table(), [""; 0]);
}

/// keepalived 2.2.7 begins the last octet again, and never ends.
fn ranges_go_on_over_octets(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).build(lab);
    let director = cluster.director();
    let ipvsd = director.start(
        "virtual_server_group web {
            10.2.1.254-10.2.2.1 80
            10.3.0.8/30 81
            fd00:2::fffe-fd00:2::1:1 82
        }
        virtual_server group web {
            lb_algo rr
            lb_kind TUN
            protocol UDP
            real_server 10.0.0.11 {
            }
        }\n",
    );
    ipvsd.wait_for_log("Startup complete", secs(20));
    let services = [
        ("-u", "10.2.1.254:80", 80),
        ("-u", "10.2.1.255:80", 80),
        ("-u", "10.2.2.0:80", 80),
        ("-u", "10.2.2.1:80", 80),
        ("-u", "10.3.0.8:81", 81),
        ("-u", "10.3.0.9:81", 81),
        ("-u", "10.3.0.10:81", 81),
        ("-u", "10.3.0.11:81", 81),
        ("-u", "[fd00:2::fffe]:82", 82),
        ("-u", "[fd00:2::ffff]:82", 82),
        ("-u", "[fd00:2::1:0]:82", 82),
        ("-u", "[fd00:2::1:1]:82", 82),
    ];
    let lines = lines(&services, &[11]);
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("-g -w 1", "-i -w 1 --tun-type ipip"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    director.expect_table(&lines, secs(5));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    assert_eq!(director.table(), [""; 0]);
}
