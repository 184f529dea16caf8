//! The processes: a child or core that is killed or stopped changes nothing in the
//! table, tells nothing twice, and a client does not notice.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family};
use crate::daemon::Daemon;
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(processes:
    a_checker_that_dies_or_hangs_is_replaced,
    the_checker_is_confined,
    core_dies_and_the_next_start_adopts,
    what_a_dead_core_has_left_is_taken_out_by_the_next,
    an_end_of_all_processes_at_once_leaves_nothing,
);

const WEB: &str = "-A -t 10.0.0.80:80 -s rr";
const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";
const OTHER: &str = "-A -t 10.0.0.80:81 -s rr";
const DEAD: &str = "-a -t 10.0.0.80:81 -r 10.0.0.11:81 -g -w 1";
const SORRY: &str = "-a -t 10.0.0.80:81 -r 10.0.0.12:81 -g -w 1";

fn real_server(address: &str, port: u16) -> String {
    format!(
        "real_server {address} {port} {{\n weight 1\n TCP_CHECK {{\n connect_timeout 1\n retry 0\n }}\n}}\n"
    )
}

fn virtual_server(port: u16, inside: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
         {inside}\n}}\n"
    )
}

/// Two web servers behind port 80; behind port 81 a dead one, and a sorry server.
fn conf() -> String {
    let web = real_server("10.0.0.11", 80) + &real_server("10.0.0.12", 80);
    let dead = format!(
        "sorry_server 10.0.0.12 81\n{}",
        real_server("10.0.0.11", 81)
    );
    virtual_server(80, &web) + &virtual_server(81, &dead)
}

/// Starts the director of [`conf`]; web1 dies, and with it its place in the table.
fn start_with_one_down<'lab>(cluster: &Cluster<'lab>) -> Daemon<'lab> {
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let ipvsd = director.start(&conf());
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&[WEB, FIRST, SECOND, OTHER, SORRY], secs(20));
    cluster.web[0].kill();
    director.expect_table(&[WEB, SECOND, OTHER, SORRY], secs(20));
    ipvsd
}

fn a_checker_that_dies_or_hangs_is_replaced(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let ipvsd = start_with_one_down(&cluster);
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));

    let watch = director.watch_ipvs();
    let samples = director.sample_table();
    let stream = cluster.client.stream(cluster.vip(80));
    for signal in [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGKILL] {
        stream.wait_for_answers(20, secs(20));
        let checker = ipvsd.child("checker");
        kill(Pid::from_raw(checker.pid), signal).unwrap();
        wait_until("another checker", secs(20), || {
            let children = ipvsd.children();
            matches!(&children[..], [child] if child.pid != checker.pid)
        });
        // It works: it runs checks again.
        wait_until("checks by the new checker", secs(20), || {
            let status = ipvsd.status_json();
            let servers = &status["virtual_servers"][0]["real_servers"];
            let runs = |n: usize| servers[n]["checks"][0]["runs"]["runs"].as_u64();
            runs(0).unwrap_or(0) > 0 && runs(1).unwrap_or(0) > 0
        });
    }
    stream.wait_for_answers(20, secs(20));
    let tally = stream.stop();
    assert_eq!(tally.errors, []);
    let samples = samples.stop();
    samples.assert_never_lacked(&[WEB, SECOND, OTHER, SORRY]);
    samples.assert_never_had(&[FIRST, DEAD]);
    assert!(samples.looks > 300, "{} looks", samples.looks);
    assert_eq!(watch.stop().ops, [], "operations on the table");

    // A server that was down comes back by the new checker's word.
    cluster.web[0].start_nginx();
    director.expect_table(&[WEB, FIRST, SECOND, OTHER, SORRY], secs(20));

    // Told once, however many checkers there were.
    let events: serde_json::Value =
        serde_json::from_str(&ipvsd.ipvsd(&["status", "--events", "--json"])).unwrap();
    let events = events.as_array().unwrap();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(
        count("server-down"),
        2,
        "web1 and the dead one: {events:#?}"
    );
    assert_eq!(count("sorry-server-in"), 1, "{events:#?}");
    assert_eq!(count("server-up"), 1, "{events:#?}");
    assert_eq!(count("process-died"), 2, "{events:#?}");
    assert_eq!(count("process-hung"), 1, "{events:#?}");
    assert_eq!(ipvsd.status_json()["children"][0]["restarts"], 3);

    let stopped = ipvsd.sigterm(secs(5));
    assert!(
        stopped.status.success() && stopped.took < secs(1),
        "{stopped:?}"
    );
    director.expect_table(&[], secs(1));
}

/// As the kernel tells it, for the lab's kernel is another than the host's.
fn the_checker_is_confined(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let ipvsd = start_with_one_down(&cluster);
    let checker = ipvsd.child("checker");
    let status = std::fs::read_to_string(format!("/proc/{}/status", checker.pid)).unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .trim()
            .to_owned()
    };
    // CAP_NET_ADMIN is number 12 (linux/capability.h), and a filter is mode 2.
    for (set, kept) in [
        ("CapEff:", 1 << 12),
        ("CapPrm:", 1 << 12),
        ("CapBnd:", 0),
        ("CapInh:", 0),
    ] {
        assert_eq!(u64::from_str_radix(&value(set), 16).unwrap(), kept, "{set}");
    }
    assert_eq!(value("NoNewPrivs:"), "1");
    assert_eq!(value("Seccomp:"), "2");
    assert_eq!(value("Threads:"), "1");
    // The kernel writes down what a filter refuses (audit type 1326). A call that the
    // checker makes in its daily work belongs into the filter.
    let log = std::process::Command::new("dmesg").output().unwrap();
    assert!(log.status.success(), "{log:?}");
    let log = String::from_utf8_lossy(&log.stdout);
    let refused: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("type=1326") && line.contains("ipvsd"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

fn core_dies_and_the_next_start_adopts(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let ipvsd = start_with_one_down(&cluster);
    let checker = ipvsd.child("checker");
    let watch = director.watch_ipvs();
    let samples = director.sample_table();

    wait_until("what is known to be kept", secs(5), || {
        let age = ipvsd.status_json()["virtual_servers"][0]["real_servers"][0]["checks"][0]["age"]
            .as_f64();
        age.unwrap() > 2.0
    });
    ipvsd.sigkill();
    wait_until("the end of the checker", secs(2), || !is_alive(checker.pid));
    let table = [WEB, SECOND, OTHER, SORRY];
    director.expect_table(&table, secs(1));

    // The next one goes on where this one was: the dead servers stay out without a
    // check that says so again, and the sorry server stays in.
    let again = director.start(&conf());
    again.wait_for_log("Startup complete", secs(20));
    director.expect_table(&table, secs(0));
    wait_until("checks of the dead servers", secs(20), || {
        let status = again.status_json();
        let runs = |service: usize| {
            status["virtual_servers"][service]["real_servers"][0]["checks"][0]["runs"]["runs"]
                .as_u64()
        };
        runs(0).unwrap_or(0) > 0 && runs(1).unwrap_or(0) > 0
    });
    let samples = samples.stop();
    samples.assert_never_lacked(&table);
    samples.assert_never_had(&[FIRST, DEAD]);
    assert_eq!(
        watch.stop().ops,
        [],
        "operations on a table that is as it should be"
    );

    cluster.web[0].start_nginx();
    director.expect_table(&[WEB, FIRST, SECOND, OTHER, SORRY], secs(20));
    again.sigterm(secs(5));
    director.expect_table(&[], secs(1));
}

fn what_a_dead_core_has_left_is_taken_out_by_the_next(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    const FOREIGN: &str = "-A -t 10.0.0.80:8443 -s wlc";
    director.sh("ipvsadm -A -t 10.0.0.80:8443 -s wlc");
    let ipvsd = start_with_foreign(&cluster, FOREIGN);
    ipvsd.sigkill();

    // Port 81 is no longer in the configuration.
    let web = real_server("10.0.0.11", 80) + &real_server("10.0.0.12", 80);
    let again = director.start(&virtual_server(80, &web));
    director.expect_table(&[WEB, FIRST, SECOND, FOREIGN], secs(20));
    // And a stop in the middle of a restart takes out everything all the same.
    let checker = again.child("checker");
    kill(Pid::from_raw(checker.pid), Signal::SIGSTOP).unwrap();
    let stopped = again.sigterm(secs(15));
    assert!(stopped.status.success(), "{stopped:?}");
    director.expect_table(&[FOREIGN], secs(1));
}

/// As a terminal's Ctrl-C, systemd or `pkill` do: every process gets the signal, in
/// whatever order. And what the kernel short of memory does to the checker in the
/// same moment changes nothing about the end.
fn an_end_of_all_processes_at_once_leaves_nothing(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    for to_checker in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ] {
        let ipvsd = director.start(&conf());
        ipvsd.wait_for_log("Startup complete", secs(20));
        assert_ne!(director.table(), [] as [String; 0]);
        let checker = ipvsd.child("checker");
        kill(Pid::from_raw(checker.pid), to_checker).unwrap();
        let stopped = ipvsd.sigterm(secs(10));
        assert!(stopped.status.success(), "{to_checker}: {stopped:?}");
        director.expect_table(&[], secs(1));
        assert!(!is_alive(checker.pid));
    }
    // The other signals that keepalived knows do no harm.
    let ipvsd = director.start(&conf());
    ipvsd.wait_for_log("Startup complete", secs(20));
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
        ipvsd.signal(signal);
        ipvsd.wait_for_log(&format!("{signal} writes no file"), secs(5));
    }
    assert!(ipvsd.is_running());
}

fn start_with_foreign<'lab>(cluster: &Cluster<'lab>, foreign: &str) -> Daemon<'lab> {
    cluster.web.iter().for_each(|web| web.start_nginx());
    let ipvsd = cluster.director().start(&conf());
    let table = [WEB, FIRST, SECOND, OTHER, SORRY, foreign];
    cluster.director().expect_table(&table, secs(20));
    ipvsd
}

fn is_alive(pid: i32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}
