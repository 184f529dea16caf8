//! What decides who is in the table: quorums and weights, `alpha`, what an HTTP
//! server answers, what a script says.

use super::{answers, stops_and_leaves_nothing};
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::lab::{Lab, secs};
use crate::odd_server::{Manner, OddServer};

/// The lines of `ipvsadm -Sn` for virtual servers of 10.0.0.80 with NAT: each is its
/// port and its real servers, which are the number of the web server and the weight.
fn table(scheduler: &str, virtual_servers: &[(u16, &[(u8, u16)])]) -> Vec<String> {
    let mut lines = Vec::new();
    for (port, servers) in virtual_servers {
        lines.push(format!("-A -t 10.0.0.80:{port} -s {scheduler}"));
        for (web, weight) in *servers {
            lines.push(format!(
                "-a -t 10.0.0.80:{port} -r 10.1.0.1{web}:80 -m -w {weight}"
            ));
        }
    }
    lines
}

/// Waits for the table to be these lines.
macro_rules! expect {
    ($director:expr, $($port:literal: $servers:expr),+ $(,)?) => {
        let lines = table("wrr", &[$(($port, &$servers)),+]);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        $director.expect_table(&lines, secs(20));
    };
}

/// Weights 3, 2 and 1, of which 4 are wanted: lost below 3, regained with 5.
fn quorum_conf(port: u16, more: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{
            delay_loop 0.5
            lb_algo wrr
            lb_kind NAT
            protocol TCP
            quorum 4
            hysteresis 1
            connect_timeout 3
            {more}
            real_server 10.1.0.11 80 {{
                weight 3
                TCP_CHECK {{
                    retry 0
                }}
            }}
            real_server 10.1.0.12 80 {{
                weight 2
                TCP_CHECK {{
                    retry 0
                }}
            }}
            real_server 10.1.0.13 80 {{
                weight 1
                TCP_CHECK {{
                    retry 0
                }}
            }}
        }}\n"
    )
}

/// Three virtual servers with the same three web servers: 80 has a sorry server, 81
/// too, and inhibits; 82 has none.
pub fn quorum_and_hysteresis_count_weights(lab: &Lab) {
    let cluster = Plan::new(Method::Nat, Family::V4).webs(4).build(lab);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let [web1, web2, web3, _sorry] = &cluster.web[..] else {
        panic!("four web servers")
    };
    let director = cluster.director();
    let ask = |port, count| cluster.client.ask(cluster.vip(port), count);
    let ipvsd = director.start(
        &[
            quorum_conf(80, "sorry_server 10.1.0.14 80"),
            quorum_conf(81, "sorry_server 10.1.0.14 80\ninhibit_on_failure"),
            quorum_conf(82, ""),
        ]
        .concat(),
    );
    expect!(director,
        80: [(1, 3), (2, 2), (3, 1)],
        81: [(1, 3), (2, 2), (3, 1)],
        82: [(1, 3), (2, 2), (3, 1)],
    );
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    let spread = answers(&[("web1", 15), ("web2", 10), ("web3", 5)]);
    assert_eq!(ask(80, 30), spread);

    // 3 are left, which is not below 4 - 1.
    web1.kill();
    expect!(director,
        80: [(2, 2), (3, 1)],
        81: [(1, 0), (2, 2), (3, 1)],
        82: [(2, 2), (3, 1)],
    );
    for port in [80, 81, 82] {
        assert_eq!(ask(port, 6), answers(&[("web2", 4), ("web3", 2)]), "{port}");
    }

    // 2 are: the sorry server comes, and the one that is up makes way for it.
    web3.kill();
    let lost = "Lost quorum 4-1=3 > 2 for VS [10.0.0.80]:tcp:80";
    ipvsd.wait_for_log(lost, secs(20));
    expect!(director,
        80: [(4, 1)],
        81: [(1, 0), (2, 0), (3, 0), (4, 1)],
        82: [(2, 2)],
    );
    assert_eq!(ask(80, 4), answers(&[("web4", 4)]));
    assert_eq!(ask(81, 4), answers(&[("web4", 4)]));
    assert_eq!(ask(82, 4), answers(&[("web2", 4)]));
    let status = ipvsd.status_json();
    let first = &status["virtual_servers"][0];
    assert_eq!(first["quorum"]["up"], false, "{first:#}");
    assert_eq!(first["quorum"]["weight_alive"], 2, "{first:#}");
    assert_eq!(first["sorry_server"]["in_use"], true, "{first:#}");

    // 3 again: enough to stay, not enough to come back.
    let mark = ipvsd.log().mark();
    web3.start_nginx();
    for port in [80, 82] {
        let back = format!("Adding service [10.1.0.13]:tcp:80 to VS [10.0.0.80]:tcp:{port}");
        ipvsd.wait_for_log_after(mark, &back, secs(20));
    }
    let back = "Enabling service [10.1.0.13]:tcp:80 of VS [10.0.0.80]:tcp:81";
    ipvsd.wait_for_log_after(mark, back, secs(20));
    expect!(director,
        80: [(4, 1)],
        81: [(1, 0), (2, 0), (3, 0), (4, 1)],
        82: [(2, 2), (3, 1)],
    );

    // 6: at least 4 + 1.
    web1.start_nginx();
    let gained = "Gained quorum 4+1=5 <= 6 for VS [10.0.0.80]:tcp:80";
    ipvsd.wait_for_log_after(mark, gained, secs(20));
    expect!(director,
        80: [(1, 3), (2, 2), (3, 1)],
        81: [(1, 3), (2, 2), (3, 1)],
        82: [(1, 3), (2, 2), (3, 1)],
    );
    assert_eq!(ask(80, 30), spread);
    assert_eq!(ask(81, 30), spread);

    web1.kill();
    web2.kill();
    web3.kill();
    expect!(director,
        80: [(4, 1)],
        81: [(1, 0), (2, 0), (3, 0), (4, 1)],
        82: [],
    );
    assert_eq!(ask(80, 4), answers(&[("web4", 4)]));

    stops_and_leaves_nothing(&ipvsd, director);
}

/// With `alpha` a server is in the table when a check has succeeded, without it
/// until one has failed.
pub fn alpha_waits_for_the_first_success(lab: &Lab) {
    let cluster = Plan::new(Method::Nat, Family::V4).webs(4).build(lab);
    let [web1, web2, web3, sorry] = &cluster.web[..] else {
        panic!("four web servers")
    };
    sorry.start_nginx();
    // To find out that nobody is there takes as long as may be.
    web3.cut();
    let real_server = |address: &str| {
        format!(
            "real_server {address} 80 {{
                TCP_CHECK {{
                    retry 0
                    connect_timeout 3
                }}
            }}\n"
        )
    };
    let virtual_server = |port: u16, inside: &str| {
        format!(
            "virtual_server 10.0.0.80 {port} {{
                delay_loop 0.5
                lb_algo wrr
                lb_kind NAT
                protocol TCP
                {inside}
            }}\n"
        )
    };
    let both = real_server("10.1.0.11") + &real_server("10.1.0.12");
    let director = cluster.director();
    let samples = director.sample_table();
    let ipvsd = director.start(
        &[
            virtual_server(80, &format!("alpha\n{both}")),
            virtual_server(81, &format!("alpha\nsorry_server 10.1.0.14 80\n{both}")),
            virtual_server(82, &format!("alpha\ninhibit_on_failure\n{both}")),
            virtual_server(83, &real_server("10.1.0.13")),
        ]
        .concat(),
    );
    expect!(director, 80: [], 81: [(4, 1)], 82: [(1, 0), (2, 0)], 83: [(3, 1)]);
    assert_eq!(
        cluster.client.wait_for_answer(cluster.vip(81), secs(20)),
        "web4"
    );
    expect!(director, 80: [], 81: [(4, 1)], 82: [(1, 0), (2, 0)], 83: []);
    samples.stop().assert_never_had(&[
        "-a -t 10.0.0.80:80 -r 10.1.0.11:80 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.1.0.12:80 -m -w 1",
        "-a -t 10.0.0.80:81 -r 10.1.0.11:80 -m -w 1",
        "-a -t 10.0.0.80:81 -r 10.1.0.12:80 -m -w 1",
        "-a -t 10.0.0.80:82 -r 10.1.0.11:80 -m -w 1",
        "-a -t 10.0.0.80:82 -r 10.1.0.12:80 -m -w 1",
    ]);

    web1.start_nginx();
    expect!(director, 80: [(1, 1)], 81: [(1, 1)], 82: [(1, 1), (2, 0)], 83: []);
    for port in [80, 81, 82] {
        let served = cluster.client.ask(cluster.vip(port), 3);
        assert_eq!(served, answers(&[("web1", 3)]), "{port}");
    }
    web2.start_nginx();
    expect!(director, 80: [(1, 1), (2, 1)], 81: [(1, 1), (2, 1)], 82: [(1, 1), (2, 1)], 83: []);
    let served = cluster.client.ask(cluster.vip(80), 10);
    assert_eq!(served, answers(&[("web1", 5), ("web2", 5)]));

    stops_and_leaves_nothing(&ipvsd, director);
}

/// What is asked, byte by byte, and what makes of an answer a failure.
pub fn http_get_asks_what_it_is_told(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let [web1, web2] = &cluster.web[..] else {
        panic!("two web servers")
    };
    let answering = |head: &str, body: &str| {
        Manner::Answers(format!("HTTP/1.0 {head}\r\n\r\n{body}").into_bytes())
    };
    let odd = OddServer::start(lab, web1, web1.at(80), answering("200 OK", "hello\n"));
    // The second is an ordinary web server, with one page for one name.
    web2.start_nginx_with(
        &[80],
        "location = /health { if ($http_host != \"www.example\") { return 404; } return 200; }",
    );
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
    const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
    const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";
    // The digest is that of "hello" and a newline.
    let conf = "virtual_server 10.0.0.80 80 {
        delay_loop 0.5
        lb_algo rr
        lb_kind DR
        protocol TCP
        virtualhost www.example
        connect_timeout 3
        real_server 10.0.0.11 80 {
            HTTP_GET {
                retry 0
                url {
                    path /one
                    status_code 200 204
                }
                url {
                    path /two?x=1&y=/a/../b
                    digest b1946ac92492d2347c6235b4d2611184
                    virtualhost two.example
                }
            }
        }
        real_server 10.0.0.12 80 {
            HTTP_GET {
                retry 0
                url {
                    path /health
                }
                url {
                    path /status/404
                    status_code 404
                }
            }
        }
    }\n";
    let director = cluster.director();
    let ipvsd = director.start(conf);
    ipvsd.wait_for_log(
        "Remote Web server [10.0.0.11]:tcp:80 succeed on service.",
        secs(20),
    );
    ipvsd.wait_for_log(
        "Remote Web server [10.0.0.12]:tcp:80 succeed on service.",
        secs(20),
    );
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(1));
    let visits = odd.wait_for_visits(4, secs(20));
    let asked: Vec<String> = visits[..4]
        .iter()
        .map(|visit| String::from_utf8_lossy(&visit.request).into_owned())
        .collect();
    let agent = format!("User-Agent: ipvsd/{}", env!("CARGO_PKG_VERSION"));
    let one = format!("GET /one HTTP/1.0\r\n{agent}\r\nHost: www.example\r\n\r\n");
    let two = format!("GET /two?x=1&y=/a/../b HTTP/1.0\r\n{agent}\r\nHost: two.example\r\n\r\n");
    assert_eq!(asked, [one.clone(), two.clone(), one, two]);
    assert_eq!(visits[0].from.ip().to_string(), "10.0.0.1");

    // Each kind of wrong answer takes the server out, says why, and lets it back in.
    let wrong = [
        (
            answering("404 Not Found", "hello\n"),
            "wrong-status",
            "/one: status 404 (wanted 200 204)",
        ),
        (
            answering("204 No Content", ""),
            "wrong-digest",
            "/two?x=1&y=/a/../b: digest d41d8cd98f00b204e9800998ecf8427e \
             (wanted b1946ac92492d2347c6235b4d2611184)",
        ),
        (
            answering("302 Found\r\nLocation: /one", "hello\n"),
            "wrong-status",
            "/one: status 302 (wanted 200 204)",
        ),
        (
            Manner::Answers(Vec::new()),
            "closed-without-answer",
            "/one: closed without an answer",
        ),
    ];
    for (manner, name, reason) in wrong {
        odd.set(manner);
        let mark = ipvsd.log().mark();
        let failed = format!("HTTP_CHECK on service [10.0.0.11]:tcp:80 failed: {reason}");
        ipvsd.wait_for_log_after(mark, &failed, secs(20));
        director.expect_table(&[SERVICE, SECOND], secs(20));
        let status = ipvsd.status_json();
        let check = &status["virtual_servers"][0]["real_servers"][0]["checks"][0];
        assert_eq!(check["up"], false, "{check:#}");
        assert_eq!(check["outcome"], name, "{check:#}");
        assert_eq!(check["reason"], reason, "{check:#}");
        odd.set(answering("200 OK", "hello\n"));
        director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    }
    stops_and_leaves_nothing(&ipvsd, director);
}

/// `misc_dynamic`: the exit status is the weight and two more.
pub fn weights_follow_a_script(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let said = lab.scratch("state").join("status");
    let say = |status: &str| {
        // At once: the script must not find the file half written.
        let beside = said.with_extension("new");
        std::fs::write(&beside, status).unwrap();
        std::fs::rename(beside, &said).unwrap();
    };
    let script = lab.script(
        "load",
        &format!(
            "#!/bin/sh\nread -r status < {}\n[ \"$status\" = hang ] && exec sleep 100\nexit \"$status\"\n",
            said.display()
        ),
    );
    let conf = format!(
        "global_defs {{
            script_user root
        }}
        virtual_server 10.0.0.80 80 {{
            delay_loop 0.5
            lb_algo wrr
            lb_kind DR
            protocol TCP
            real_server 10.0.0.11 80 {{
                weight 1
            }}
            real_server 10.0.0.12 80 {{
                weight 5
                MISC_CHECK {{
                    misc_path {}
                    misc_timeout 2
                    misc_dynamic
                }}
            }}
        }}\n",
        script.display()
    );
    const SERVICE: &str = "-A -t 10.0.0.80:80 -s wrr";
    const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
    let director = cluster.director();
    let expect = |weight: u32| {
        let second = format!("-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w {weight}");
        director.expect_table(&[SERVICE, FIRST, &second], secs(20));
    };
    let ask = |count| cluster.client.ask(cluster.vip(80), count);
    say("0");
    let ipvsd = director.start(&conf);
    expect(5);
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    assert_eq!(ask(12), answers(&[("web1", 2), ("web2", 10)]));

    say("5");
    expect(3);
    assert_eq!(ask(12), answers(&[("web1", 3), ("web2", 9)]));
    say("255");
    expect(253);
    say("12");
    expect(10);
    // Weight 0: it is there, and up, and gets nothing.
    say("2");
    expect(0);
    assert_eq!(ask(6), answers(&[("web1", 6)]));
    say("12");
    expect(10);

    // A failure takes it out; the weight afterwards is no sum of what was before.
    for failure in ["1", "hang", "1", "hang"] {
        say(failure);
        director.expect_table(&[SERVICE, FIRST], secs(20));
        say("12");
        expect(10);
    }
    say("0");
    expect(5);
    assert_eq!(ask(12), answers(&[("web1", 2), ("web2", 10)]));

    stops_and_leaves_nothing(&ipvsd, director);
}
