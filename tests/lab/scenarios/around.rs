//! What IPVS has beside its table, and what goes on around it: timeouts, the
//! synchronisation of connections, the table that is emptied.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::Method;
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::lab::{Lab, secs, wait_until};
use crate::pair::{LONG, cluster};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::{Instance, web_service};

pub const ALL: &[Scenario] = scenarios!(around:
    settings_follow_the_file_and_the_instance,
    settings_outlive_the_processes,
    the_table_is_emptied_where_it_is_asked_for,
);

const BOTH: [Program; 2] = [Program::Keepalived, Program::Ipvsd];

/// An address of the cluster and the web service, with these words in `global_defs`.
fn conf(global: &str) -> String {
    let instance = Instance::new(150).with("nopreempt").conf();
    let web = web_service(Method::Dr);
    format!("global_defs {{\n{global}\n}}\n{instance}{web}")
}

/// An interface of its own for what directors tell each other.
fn prepare(director: &Director) {
    director
        .ip("link add d0 type dummy\nlink set d0 up multicast on\naddr add 10.9.0.1/24 dev d0\n");
    // What was there before, and is to be there again.
    director.sh("ipvsadm --set 901 121 301");
}

const BEFORE: &str = "901 121 301";

fn timeouts(director: &Director) -> String {
    let told = director.sh("ipvsadm -L --timeout");
    let told = told.trim().trim_start_matches("Timeout (tcp tcpfin udp): ");
    told.to_owned()
}

fn daemons(director: &Director) -> Vec<String> {
    let told = director.sh("ipvsadm -L --daemon");
    let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// As ipvsadm shows a daemon that the file says nothing of but its id.
fn plain(role: &str, id: u8) -> String {
    format!(
        "{role} sync daemon (mcast=d0, syncid={id}, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)"
    )
}

#[track_caller]
fn expect_daemons(director: &Director, what: &str, wanted: &[String]) {
    let mut seen = Vec::new();
    let poll = crate::lab::poll(LONG, || {
        seen = daemons(director);
        (seen == wanted).then_some(())
    });
    assert!(poll.is_some(), "{what}: {seen:#?} instead of {wanted:#?}");
}

#[track_caller]
fn expect_timeouts(director: &Director, what: &str, wanted: &str) {
    let mut seen = String::new();
    let poll = crate::lab::poll(LONG, || {
        seen = timeouts(director);
        (seen == wanted).then_some(())
    });
    assert!(poll.is_some(), "{what}: {seen} instead of {wanted}");
}

/// The same with keepalived and with ipvsd, one after the other on the same host.
fn settings_follow_the_file_and_the_instance(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    prepare(director);
    for program in BOTH {
        lab.note(format!("{program:?}"));
        let start = "lvs_sync_daemon d0 VI_1\nlvs_timeouts tcp 1000 udp 50";
        let daemon = director.start_program(program, &conf(start));
        expect_daemons(director, "not master yet", &[plain("backup", 51)]);
        expect_timeouts(director, "set", "1000 121 50");
        daemon.wait_for_state("VI_1", "MASTER", LONG);
        expect_daemons(director, "master", &[plain("master", 51)]);
        director.cut_link("eth0");
        expect_daemons(director, "fault", &[plain("backup", 51)]);
        director.uncut_link("eth0");
        expect_daemons(director, "master again", &[plain("master", 51)]);

        daemon.reload(&conf(
            "lvs_sync_daemon d0 inst VI_1 id 7 maxlen 1200 port 8900 ttl 3 group 239.1.1.1\n\
             lvs_timeouts tcp 1001",
        ));
        let odd = "master sync daemon (mcast=d0, syncid=7, maxlen=1200, group=239.1.1.1, \
                   port=8900, ttl=3)";
        expect_daemons(director, "other parameters", &[odd.to_owned()]);
        expect_timeouts(director, "of UDP no longer", "1001 121 301");

        daemon.reload(&conf("lvs_sync_daemon d0 VI_1 9"));
        expect_daemons(director, "the older form", &[plain("master", 9)]);
        expect_timeouts(director, "not at all any more", BEFORE);

        daemon.reload(&conf("lvs_sync_daemon d0 id 8"));
        let both = [plain("backup", 8), plain("master", 8)];
        expect_daemons(director, "without an instance", &both);
        if program == Program::Ipvsd {
            // keepalived lets them run on.
            daemon.reload(&conf(""));
            expect_daemons(director, "no daemon any more", &[]);
            daemon.reload(&conf("lvs_sync_daemon d0 id 8"));
            expect_daemons(director, "and again", &both);
        }
        daemon.sigterm(LONG);
        expect_daemons(director, "the end", &[]);
        assert_eq!(timeouts(director), BEFORE);

        // Nobody is run that could be followed, and one that is not there.
        let start = conf("lvs_sync_daemon d0 VI_1\nlvs_timeouts tcp 100");
        let daemon = Daemon::start_with(lab, director, program, &start, &["-D", "-C"]);
        expect_timeouts(director, "-C", "100 121 301");
        assert_eq!(daemons(director), [""; 0]);
        daemon.sigterm(LONG);
        let daemon = Daemon::start_with(lab, director, program, &start, &["-D", "-P"]);
        expect_daemons(director, "-P", &[plain("backup", 51)]);
        assert_eq!(timeouts(director), BEFORE, "-P");
        director.expect_table(&[], secs(1));
        daemon.sigterm(LONG);
        expect_daemons(director, "the end of -P", &[]);

        let older = Instance::new(150)
            .with("lvs_sync_daemon_interface d0")
            .conf();
        let daemon = director.start_program(program, &(older + &web_service(Method::Dr)));
        expect_daemons(director, "a word of the instance", &[plain("backup", 0)]);
        daemon.wait_for_state("VI_1", "MASTER", LONG);
        expect_daemons(director, "and as master", &[plain("master", 0)]);
        daemon.sigterm(LONG);
        expect_daemons(director, "its end", &[]);
    }
}

fn kill_child(daemon: &Daemon, name: &str) {
    let child = daemon.child(name);
    kill(Pid::from_raw(child.pid), Signal::SIGKILL).unwrap();
    wait_until("another child", LONG, || {
        let children = daemon.children();
        let same = children.iter().filter(|it| it.name == child.name);
        same.clone().count() == 1 && same.clone().all(|it| it.pid != child.pid)
    });
}

fn settings_outlive_the_processes(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    prepare(director);
    let words = |more: &str| conf(&format!("lvs_audit_interval 1\n{more}"));
    let ipvsd = director.start(&words("lvs_sync_daemon d0 VI_1\nlvs_timeouts tcp 1000"));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    expect_daemons(director, "master", &[plain("master", 51)]);
    expect_timeouts(director, "set", "1000 121 301");

    // A process that dies leaves everything as it is, and the next one knows.
    for child in ["checker", "vrrp"] {
        kill_child(&ipvsd, child);
        ipvsd.status_json();
        assert_eq!(daemons(director), [plain("master", 51)], "{child}");
        assert_eq!(timeouts(director), "1000 121 301", "{child}");
    }
    // What others do is undone, and told.
    let mark = ipvsd.log().mark();
    director.sh("ipvsadm --stop-daemon master; ipvsadm --set 77 0 0");
    expect_daemons(director, "put right", &[plain("master", 51)]);
    expect_timeouts(director, "put right", "1000 121 301");
    ipvsd.wait_for_log_after(mark, "someone else had changed", LONG);

    // A checker that dies at a reload which changes everything.
    let checker = ipvsd.child("checker");
    kill(Pid::from_raw(checker.pid), Signal::SIGKILL).unwrap();
    ipvsd.reload(&words("lvs_sync_daemon d0 VI_1 id 3\nlvs_timeouts udp 44"));
    expect_daemons(director, "another id", &[plain("master", 3)]);
    expect_timeouts(director, "another timeout", "901 121 44");

    // An interface that is not there: told once, tried again.
    let mark = ipvsd.log().mark();
    ipvsd.reload(&words("lvs_sync_daemon d1 VI_1 id 3\nlvs_timeouts udp 44"));
    let told = "cannot start the master sync daemon of IPVS on d1";
    ipvsd.wait_for_log_after(mark, told, LONG);
    expect_daemons(director, "none", &[]);
    std::thread::sleep(Duration::from_millis(1500));
    director
        .ip("link add d1 type dummy\nlink set d1 up multicast on\naddr add 10.8.0.1/24 dev d1\n");
    expect_daemons(
        director,
        "at last",
        &[plain("master", 3).replace("d0", "d1")],
    );
    ipvsd.wait_for_log_after(mark, "could start the master sync daemon", LONG);
    let lines = ipvsd.log().since(mark);
    let times = lines.iter().filter(|(_, line)| line.contains(told)).count();
    assert_eq!(times, 1, "told once");

    // A director that dies altogether: the next one knows what was there before.
    ipvsd.sigkill_all();
    assert_eq!(timeouts(director), "901 121 44");
    let ipvsd = director.start(&words(""));
    expect_timeouts(director, "after a kill", BEFORE);
    expect_daemons(director, "after a kill", &[]);
    ipvsd.sigterm(LONG);

    // The end, while no checker is there.
    let ipvsd = director.start(&words("lvs_sync_daemon d0 id 5\nlvs_timeouts udp 44"));
    expect_timeouts(director, "once more", "901 121 44");
    ipvsd.wait_for_log("Startup complete", LONG);
    let checker = ipvsd.child("checker");
    kill(Pid::from_raw(checker.pid), Signal::SIGKILL).unwrap();
    ipvsd.sigterm(LONG);
    assert_eq!(timeouts(director), BEFORE);
    assert_eq!(daemons(director), [""; 0]);
    director.expect_table(&[], secs(1));
}

const FOREIGN: &str = "-A -t 10.0.0.99:99 -s rr";
const WEB: [&str; 3] = [
    "-A -t 10.0.0.80:80 -s rr",
    "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
    "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1",
];

/// The same with keepalived and with ipvsd.
fn the_table_is_emptied_where_it_is_asked_for(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    prepare(director);
    let with_foreign: Vec<&str> = [&WEB[..], &[FOREIGN]].concat();
    for program in BOTH {
        lab.note(format!("{program:?}"));
        let start = |global: &str, words: &[&str]| {
            director.sh(&format!("ipvsadm {FOREIGN} 2>/dev/null || true"));
            Daemon::start_with(lab, director, program, &conf(global), words)
        };
        // The end without the word, and with `VS`: what is not ours stays.
        for word in ["", "lvs_flush_on_stop VS"] {
            let daemon = start(word, &["-D"]);
            director.expect_table(&with_foreign, LONG);
            daemon.sigterm(LONG);
            director.expect_table(&[FOREIGN], secs(1));
        }
        // At the start all goes, and at a reload nothing.
        let daemon = start("lvs_flush", &["-D"]);
        director.expect_table(&WEB, LONG);
        director.sh(&format!("ipvsadm {FOREIGN}"));
        daemon.reload(&conf("lvs_flush\nlvs_timeouts tcp 1234"));
        expect_timeouts(director, "reloaded", "1234 121 301");
        director.expect_table(&with_foreign, LONG);
        // At the end too, by the configuration that is in force then.
        daemon.reload(&conf("lvs_flush_on_stop\nlvs_timeouts tcp 1235"));
        expect_timeouts(director, "reloaded", "1235 121 301");
        daemon.sigterm(LONG);
        director.expect_table(&[], secs(1));
        assert_eq!(timeouts(director), BEFORE);
        // `-I` is stronger; what is beside the table is as before all the same.
        let global = "lvs_flush_on_stop\nlvs_sync_daemon d0 id 9\nlvs_timeouts tcp 1000";
        let daemon = start(global, &["-D", "-I"]);
        director.expect_table(&with_foreign, LONG);
        expect_timeouts(director, "set", "1000 121 301");
        expect_daemons(director, "-I", &[plain("backup", 9), plain("master", 9)]);
        daemon.sigterm(LONG);
        director.expect_table(&with_foreign, secs(1));
        assert_eq!(timeouts(director), BEFORE);
        assert_eq!(daemons(director), [""; 0]);
        director.sh("ipvsadm -C");
    }
}
