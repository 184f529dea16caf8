//! The lab tests itself, with keepalived in ipvsd's place: a failure here is
//! the lab's and makes every other result worthless.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::ipvs_watch::Op;
use crate::lab::{Lab, millis, secs, wait_until};
use crate::odd_server::{Manner, OddServer};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(harness:
    keepalived_serves_dr_v4,
    keepalived_serves_dr_v6,
    keepalived_serves_nat_v4,
    keepalived_serves_nat_v6,
    keepalived_serves_tun_v4,
    keepalived_serves_tun_v6,
    a_daemon_is_followed,
    odd_servers_misbehave,
    what_is_watched_is_counted,
);

fn keepalived_serves_dr_v4(lab: &Lab) {
    serves(
        &Cluster::lvs_dr(lab, Family::V4),
        "DR",
        ["10.0.0.11", "10.0.0.12"],
        "10.0.0.80",
        "-g -w 1",
    );
}

fn keepalived_serves_dr_v6(lab: &Lab) {
    serves(
        &Cluster::lvs_dr(lab, Family::V6),
        "DR",
        ["fd00::11", "fd00::12"],
        "fd00::80",
        "-g -w 1",
    );
}

fn keepalived_serves_nat_v4(lab: &Lab) {
    serves(
        &Cluster::lvs_nat(lab, Family::V4),
        "NAT",
        ["10.1.0.11", "10.1.0.12"],
        "10.0.0.80",
        "-m -w 1",
    );
}

fn keepalived_serves_nat_v6(lab: &Lab) {
    serves(
        &Cluster::lvs_nat(lab, Family::V6),
        "NAT",
        ["fd00:1::11", "fd00:1::12"],
        "fd00::80",
        "-m -w 1",
    );
}

fn keepalived_serves_tun_v4(lab: &Lab) {
    serves(
        &Cluster::lvs_tun(lab, Family::V4),
        "TUN",
        ["10.0.0.11", "10.0.0.12"],
        "10.0.0.80",
        "-i -w 1 --tun-type ipip",
    );
}

fn keepalived_serves_tun_v6(lab: &Lab) {
    serves(
        &Cluster::lvs_tun(lab, Family::V6),
        "TUN",
        ["fd00::11", "fd00::12"],
        "fd00::80",
        "-i -w 1 --tun-type ipip",
    );
}

/// A client is served by both web servers; one dies and leaves the table, comes
/// back and is there again; at the end nothing is left behind.
fn serves(cluster: &Cluster, kind: &str, web: [&str; 2], vip: &str, forward: &str) {
    for web in &cluster.web {
        web.start_nginx();
    }
    let director = cluster.director();
    let servers: String = web
        .iter()
        .map(|address| {
            format!(
                "real_server {address} 80 {{\n weight 1\n TCP_CHECK {{\n connect_timeout 1\n \
                 retry 0\n }}\n }}\n"
            )
        })
        .collect();
    let keepalived = director.start_keepalived(&format!(
        "virtual_server {vip} 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind {kind}\n \
         protocol TCP\n {servers}\n}}\n"
    ));
    let bracket = |address: &str| {
        if address.contains(':') {
            format!("[{address}]:80")
        } else {
            format!("{address}:80")
        }
    };
    let service = format!("-A -t {} -s rr", bracket(vip));
    let server = |address| format!("-a -t {} -r {} {forward}", bracket(vip), bracket(address));
    let (first, second) = (server(web[0]), server(web[1]));
    director.expect_table(&[&service, &first, &second], secs(20));
    assert_eq!(
        director.quick_table(),
        director.sorted_table(),
        "the table off /proc"
    );

    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    let answers = cluster.client.ask(cluster.vip(80), 10);
    assert_eq!(answers.get("web1"), Some(&5), "{answers:?}");
    assert_eq!(answers.get("web2"), Some(&5), "{answers:?}");

    let samples = director.sample_table();
    cluster.web[0].kill();
    director.expect_table(&[&service, &second], secs(20));
    let answers = cluster.client.ask(cluster.vip(80), 4);
    assert_eq!(answers.get("web2"), Some(&4), "{answers:?}");

    cluster.web[0].start_nginx();
    director.expect_table(&[&service, &first, &second], secs(20));
    let samples = samples.stop();
    samples.assert_never_lacked(&[&service, &second]);
    assert_eq!(samples.samples.len(), 3, "{:#?}", samples.samples);
    assert!(samples.longest_gap < secs(2), "{:?}", samples.longest_gap);

    let stopped = keepalived.sigterm(secs(10));
    assert!(stopped.status.success(), "{stopped:?}");
    director.expect_table(&[], secs(1));
}

/// Log, children, signals, a reload, and a stream of requests meanwhile.
fn a_daemon_is_followed(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).webs(3).build(lab);
    for web in &cluster.web {
        web.start_nginx();
    }
    let conf = |weight: u32| {
        format!(
            "virtual_server 10.0.0.80 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
             real_server 10.0.0.11 80 {{\n weight 1\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}\n \
             real_server 10.0.0.12 80 {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}\n}}\n"
        )
    };
    let director = cluster.director();
    let watch = director.watch_ipvs();
    let samples = director.sample_table();
    let keepalived = director.start_keepalived(&conf(1));
    keepalived.wait_for_log("Startup complete", secs(20));
    let checker = keepalived.child("keepalived");
    assert_eq!(keepalived.children(), std::slice::from_ref(&checker));
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));
    let stream = cluster.client.stream(cluster.vip(80));
    stream.wait_for_answers(20, secs(20));

    let mark = keepalived.log().mark();
    keepalived.reload(&conf(5));
    keepalived.wait_for_log_after(mark, "Reload complete", secs(20));
    let table = [
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 5",
    ];
    director.expect_table(&table, secs(20));
    director.expect_table_stays(&table, millis(300));
    stream.wait_for_answers(20, secs(20));
    let tally = stream.stop();
    assert_eq!(tally.errors, []);
    assert_eq!(tally.by_server.len(), 2, "{tally:?}");

    kill(Pid::from_raw(checker.pid), Signal::SIGKILL).unwrap();
    wait_until("another checker", secs(20), || {
        keepalived
            .children()
            .iter()
            .any(|child| child.pid != checker.pid)
    });
    director.expect_table(&table, secs(20));
    assert!(keepalived.sigterm(secs(10)).took < secs(10));
    director.expect_table(&[], secs(1));

    let counts = watch.stop().counts();
    assert!(counts[&Op::SetDest] >= 1, "{counts:?}");
    let samples = samples.stop();
    samples.assert_never_had(&["-a -t 10.0.0.80:80 -r 10.0.0.13:80 -g -w 1"]);
    assert!(samples.samples.len() >= 3, "{:#?}", samples.samples);
}

/// The servers that are to test deadlines and bounds do what they are named for.
fn odd_servers_misbehave(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let web = &cluster.web[0];
    let ask = || cluster.client.get(web.at(8080)).map_err(|e| e.kind());

    let server = OddServer::start(
        lab,
        web,
        web.at(8080),
        Manner::Answers(b"HTTP/1.0 204 x\r\n\r\n".to_vec()),
    );
    assert_eq!(ask().unwrap().status, 204);
    let visit = &server.wait_for_visits(1, secs(2))[0];
    assert_eq!(
        visit.request,
        b"GET / HTTP/1.0\r\nHost: 10.0.0.11:8080\r\n\r\n"
    );
    assert_eq!(visit.from.ip().to_string(), "10.0.0.100");

    server.set(Manner::Silent);
    assert_eq!(ask().unwrap_err(), std::io::ErrorKind::WouldBlock);
    server.set(Manner::HangsUp);
    ask().unwrap_err();

    server.set(Manner::Floods);
    let before = server.bytes_sent();
    let taken = cluster
        .client
        .sh("timeout 1 busybox wget -q -O - http://10.0.0.11:8080/ | wc -c || true");
    assert!(taken.trim().parse::<u64>().unwrap() > 1_000_000, "{taken}");
    assert!(server.bytes_sent() - before > 1_000_000);

    web.start_nginx();
    web.freeze();
    let frozen = cluster.client.get(web.at(80)).map_err(|e| e.kind());
    assert_eq!(frozen.unwrap_err(), std::io::ErrorKind::WouldBlock);
    web.thaw();
    assert_eq!(cluster.client.get(web.at(80)).unwrap().body, "web1\n");
    assert_eq!(
        cluster
            .client
            .get_path(web.at(80), "/status/503")
            .unwrap()
            .status,
        503
    );
}

/// Every change of the table is counted once, and looking is not a change.
fn what_is_watched_is_counted(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let watch = director.watch_ipvs();
    director.sh("ipvsadm -A -t 10.0.0.80:80 -s rr
         ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1
         ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1
         ipvsadm -e -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 2
         ipvsadm -Sn
         ipvsadm -d -t 10.0.0.80:80 -r 10.0.0.11:80");
    assert_eq!(director.table().len(), 2);
    let seen = watch.stop();
    let counts: Vec<_> = seen.counts().into_iter().collect();
    assert_eq!(
        counts,
        [
            (Op::NewService, 1),
            (Op::NewDest, 2),
            (Op::SetDest, 1),
            (Op::DelDest, 1)
        ]
    );
    assert_eq!(seen.sends, 5);
}
