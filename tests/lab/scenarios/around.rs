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
    the_checker_is_scheduled_as_asked,
    what_does_not_suit_is_told_once,
    all_of_it_runs_in_another_namespace,
    the_table_is_in_another_namespace,
    a_namespace_that_is_not_there_is_told,
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
    // Before that a death is the end of the start.
    daemon.wait_for_log("Startup complete", LONG);
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

/// Nice value, real-time priority and policy (proc_pid_stat(5)), and the locked memory.
fn scheduling(pid: i32) -> ([i64; 3], bool) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The third field is the first behind the name.
    let field = |number: usize| fields[number - 3].parse().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let locked = status.lines().find(|line| line.starts_with("VmLck:"));
    let is_locked = locked.is_some_and(|line| !line.ends_with(" 0 kB"));
    ([field(19), field(40), field(41)], is_locked)
}

fn the_checker_is_scheduled_as_asked(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    let asked = "checker_priority -5\nchecker_rt_priority 10\nchecker_no_swap\n\
                 checker_cpu_affinity 0\nchecker_rlimit_rttime 2000000\n\
                 lvs_netlink_cmd_rcv_bufs 8000000\nlvs_netlink_cmd_rcv_bufs_force";
    let ipvsd = director.start(&conf(asked));
    director.expect_table(&WEB, LONG);
    let expect = |what: &str, wanted: ([i64; 3], bool)| {
        let mut seen = ([0; 3], false);
        let found = crate::lab::poll(LONG, || {
            seen = scheduling(ipvsd.child("checker").pid);
            (seen == wanted).then_some(())
        });
        assert!(found.is_some(), "{what}: {seen:?} instead of {wanted:?}");
    };
    // SCHED_RR is 2 (sched(7)).
    expect("as asked", ([-5, 10, 2], true));
    // It works: a server that dies leaves the table.
    cluster.web[0].kill();
    director.expect_table(&[WEB[0], WEB[2]], LONG);
    kill_child(&ipvsd, "checker");
    expect("the next one", ([-5, 10, 2], true));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", ipvsd.child("checker").pid));
    let limits = limits.unwrap();
    let limit = limits
        .lines()
        .find(|line| line.starts_with("Max realtime timeout"));
    assert!(
        limit.is_some_and(|line| line.contains(" 2000000 ")),
        "{limits}"
    );

    ipvsd.reload(&conf("checker_priority 3"));
    expect("after a reload", ([3, 0, 0], false));
    ipvsd.reload(&conf(""));
    expect("as ipvsd itself", ([0, 0, 0], false));
    cluster.web[0].start_nginx();
    director.expect_table(&WEB, LONG);
    assert_eq!(ipvsd.log().count("cannot"), 0);
    ipvsd.sigterm(LONG);
}

fn what_does_not_suit_is_told_once(lab: &Lab) {
    let cluster = cluster(lab, Method::Nat, 1);
    let director = cluster.director();
    let nat = |weight: u8| {
        web_service(Method::Nat).replace("TCP_CHECK", &format!("weight {weight}\nTCP_CHECK"))
    };
    director.sysctl("net/ipv4/ip_forward", "0");
    director.sysctl("net/ipv4/vs/expire_nodest_conn", "0");
    let ipvsd = director.start(&nat(1));
    ipvsd.wait_for_log("Startup complete", LONG);
    // Of the module as well, which was loaded meanwhile; what is set already is not told.
    let told = |set: &str| ipvsd.log().count(&format!("`sysctl -w {set}`"));
    let (forward, nodest) = ("net.ipv4.ip_forward=1", "net.ipv4.vs.expire_nodest_conn=1");
    wait_until("both are told", LONG, || {
        told(forward) == 1 && told(nodest) == 1
    });
    assert_eq!(told("net.ipv4.vs.conn_reuse_mode=1"), 0);
    let codes = || -> Vec<String> {
        let status = ipvsd.status_json();
        let advice = status["advice"].as_array().unwrap().iter();
        advice
            .map(|it| it["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        codes(),
        ["net.ipv4.vs.expire_nodest_conn", "net.ipv4.ip_forward"]
    );

    // As it says. What is still so is not told again, and what has come anew is.
    director.sysctl("net/ipv4/ip_forward", "1");
    director.sysctl("net/ipv4/vs/conn_reuse_mode", "0");
    let mark = ipvsd.log().mark();
    ipvsd.reload(&nat(2));
    ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
    wait_until("the new one is told", LONG, || {
        told("net.ipv4.vs.conn_reuse_mode=1") == 1
    });
    assert_eq!((told(forward), told(nodest)), (1, 1));
    assert_eq!(
        codes(),
        [
            "net.ipv4.vs.expire_nodest_conn",
            "net.ipv4.vs.conn_reuse_mode"
        ]
    );
    let file = lab.scratch("check").join("nat.conf");
    std::fs::write(&file, nat(1)).unwrap();
    let checked = ipvsd.ipvsd(&["check", file.to_str().unwrap()]);
    assert!(
        checked.contains("hint[net.ipv4.vs.conn_reuse_mode]: "),
        "{checked}"
    );
    assert!(!checked.contains("ip_forward"), "{checked}");
    ipvsd.sigterm(LONG);
}

/// Started on the client's host, and at work on the director's.
fn all_of_it_runs_in_another_namespace(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    let elsewhere = &*cluster.client;
    prepare(director);
    let name = director.name();
    let sync = "lvs_sync_daemon d0 VI_1";
    let by_word = format!("net_namespace {name}\n{}", conf(sync));
    let by_option: [&str; 3] = ["-D", "-s", name];
    for program in BOTH {
        for (conf, words) in [(&by_word, &["-D"][..]), (&conf(sync), &by_option[..])] {
            lab.note(format!("{program:?} {words:?}"));
            let daemon = Daemon::start_with(lab, elsewhere, program, conf, words);
            daemon.wait_for_state("VI_1", "MASTER", LONG);
            director.expect_table(&WEB, LONG);
            expect_daemons(director, "master", &[plain("master", 51)]);
            wait_until("the address", LONG, || director.holds("10.0.0.80"));
            assert_eq!(elsewhere.sh("ipvsadm -Sn"), "");
            if program == Program::Ipvsd {
                let ours = std::fs::read_link(format!("/proc/{}/ns/net", daemon.pid())).unwrap();
                for child in daemon.children() {
                    let its = std::fs::read_link(format!("/proc/{}/ns/net", child.pid)).unwrap();
                    assert_eq!(its, ours);
                }
                // Whoever asks says where; what is checked is what there is there.
                let status = daemon.ipvsd(&["status", "--json", "-s", name]);
                let status: serde_json::Value = serde_json::from_str(&status).unwrap();
                assert_eq!(status["instances"][0]["state"], "MASTER");
                let file = lab.scratch("check").join("namespace.conf");
                // Only the director has this interface.
                std::fs::write(&file, by_word.replace("interface eth0", "interface d0")).unwrap();
                let checked = daemon.ipvsd(&["check", file.to_str().unwrap()]);
                assert!(!checked.contains("interface-absent"), "{checked}");
                let mark = daemon.log().mark();
                daemon.reload(&format!(
                    "net_namespace other\n{}",
                    conf.replace("net_namespace", "#")
                ));
                daemon.wait_for_log_after(mark, "Reload complete", LONG);
                let told = daemon.log().since(mark);
                let told = told
                    .iter()
                    .any(|(_, line)| line.contains("another net_namespace"));
                assert_eq!(told, words.len() == 1, "{words:?}");
            }
            daemon.sigterm(LONG);
            director.expect_table(&[], secs(1));
            assert!(!director.holds("10.0.0.80"));
        }
    }
}

fn the_table_is_in_another_namespace(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    director.sh("ip netns add blue; ip -n blue link set lo up");
    let table = || {
        let told = director.sh("ip netns exec blue ipvsadm -Sn");
        crate::table::sorted(crate::table::normalise(&told))
    };
    let expect = |what: &str, wanted: &[&str]| {
        let mut wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        wanted.sort();
        let mut seen = Vec::new();
        let found = crate::lab::poll(LONG, || {
            seen = table();
            (seen == crate::table::sorted(wanted.clone())).then_some(())
        });
        assert!(found.is_some(), "{what}: {seen:#?}");
    };
    let with = |global: &str| format!("net_namespace_ipvs blue\n{}", conf(global));
    for program in BOTH {
        let daemon = director.start_program(program, &with("lvs_timeouts tcp 1000"));
        expect("beside us", &WEB);
        assert_eq!(director.table(), [""; 0]);
        daemon.wait_for_state("VI_1", "MASTER", LONG);
        wait_until("the address", LONG, || director.holds("10.0.0.80"));
        let timeouts = director.sh("ip netns exec blue ipvsadm -L --timeout");
        assert!(timeouts.contains("1000 120 300"), "{timeouts}");
        daemon.sigterm(LONG);
        expect("the end", &[]);
    }
    let ipvsd = director.start(&with(""));
    expect("once more", &WEB);
    // The next checker has the same table, and so has the next director.
    kill_child(&ipvsd, "checker");
    cluster.web[0].kill();
    expect("by the next checker", &[WEB[0], WEB[2]]);
    // One that is in that namespace would keep the same table.
    let other = Daemon::start_with(
        lab,
        director,
        Program::Ipvsd,
        &web_service(Method::Dr),
        &["-D", "-s", "blue"],
    );
    let ended = other.wait_for_exit(LONG);
    assert!(!ended.success());
    expect("nobody else's", &[WEB[0], WEB[2]]);
    ipvsd.sigkill_all();
    let global = "router_id alone";
    let ipvsd = director.start(&format!(
        "net_namespace_ipvs blue\nglobal_defs {{\n{global}\n}}\n"
    ));
    expect("what a dead one has left is taken out", &[]);
    ipvsd.sigterm(LONG);

    // Without a name it is where ipvsd is started, though that runs elsewhere.
    let elsewhere = format!("net_namespace {}\nnet_namespace_ipvs\n", director.name());
    let vrrp_and_web = conf("");
    let ipvsd = Daemon::start_with(
        lab,
        &cluster.client,
        Program::Ipvsd,
        &(elsewhere + &vrrp_and_web),
        &["-D"],
    );
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    wait_until("the address", LONG, || director.holds("10.0.0.80"));
    wait_until("a table where it was started", LONG, || {
        cluster
            .client
            .sh("ipvsadm -Sn")
            .contains(WEB[2].split(' ').nth(4).unwrap())
    });
    assert_eq!(director.table(), [""; 0]);
    ipvsd.sigterm(LONG);
    assert_eq!(cluster.client.sh("ipvsadm -Sn"), "");
}

fn a_namespace_that_is_not_there_is_told(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 1);
    let director = cluster.director();
    for (words, option) in [
        ("net_namespace nosuch\n", None),
        ("net_namespace_ipvs nosuch\n", None),
        ("", Some("nosuch")),
    ] {
        let mut options = vec!["-D"];
        options.extend(option.iter().flat_map(|name| ["-s", name]));
        let conf = format!("{words}{}", conf(""));
        let ipvsd = Daemon::start_with(lab, director, Program::Ipvsd, &conf, &options);
        assert!(!ipvsd.wait_for_exit(LONG).success());
        ipvsd.wait_for_log("`ip netns add nosuch` makes it", LONG);
    }
    director.expect_table(&[], secs(1));
}
