//! Pools: the scripts of virtual servers and real servers, sorry servers that stay in the
//! table, weights that several checks set, checks that wait for an address.
//!
//! Real servers are numbers here: a script looks up how number N is, in a file.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, poll, secs, wait_until};
use crate::pair::{LONG, directors};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;

pub const ALL: &[Scenario] = scenarios!(pools:
    scripts_are_told_what_keepalived_tells_them,
    under_alpha_scripts_are_told_what_keepalived_tells_them,
    all_servers_are_told_of_if_that_is_wanted,
    a_killed_checker_tells_scripts_nothing_twice_and_loses_nothing,
    an_inhibited_sorry_server_is_in_the_table_as_with_keepalived,
    two_checks_that_set_a_weight_add_up_as_with_keepalived,
    nothing_is_checked_while_the_address_is_elsewhere,
    a_master_checks_at_once,
);

/// What scripts write down, and how the servers are.
struct Stage<'lab> {
    lab: &'lab Lab,
}

impl<'lab> Stage<'lab> {
    fn new(lab: &'lab Lab) -> Self {
        let stage = Stage { lab };
        for number in 11..20 {
            stage.set(number, 0);
        }
        // Who checks, for whom: the status is in the file of the number.
        lab.script(
            "check",
            &format!(
                "#!/bin/sh\necho \"$2\" >>{}/$1\nread -r status <{}/$2\nexit $status\n",
                stage.folder("checks").display(),
                stage.folder("servers").display(),
            ),
        );
        lab.script(
            "record",
            &format!(
                "#!/bin/sh\nwho=$1\nshift\necho \"$*\" >>{}/$who\n",
                stage.folder("records").display()
            ),
        );
        stage
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.lab.scratch(name)
    }

    /// What checks of this server come to from now on.
    fn set(&self, number: u8, status: u8) {
        let path = self.folder("servers").join(number.to_string());
        // In one piece: it may be read at this moment.
        let beside = path.with_extension("new");
        fs::write(&beside, format!("{status}\n")).unwrap();
        fs::rename(beside, path).unwrap();
    }

    fn lines(&self, folder: &str, who: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder(folder).join(who)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How often this server has been checked by this one.
    fn checks(&self, who: &str, number: u8) -> usize {
        let number = number.to_string();
        let lines = self.lines("checks", who);
        lines.iter().filter(|line| **line == number).count()
    }

    /// What a script was told of this one, in order.
    fn told(&self, who: &str, subject: &str) -> Vec<String> {
        let lines = self.lines("records", who);
        let of_it = lines.iter().filter_map(|line| line.strip_prefix(subject));
        of_it.map(|line| line.trim().to_owned()).collect()
    }

    /// Waits until the scripts of each subject were told exactly this.
    #[track_caller]
    fn expect_told(&self, when: &str, who: &str, expected: &[(&str, &[&str])]) {
        let all = poll(LONG, || {
            let mut all = expected.iter();
            all.all(|(subject, told)| self.told(who, subject) == *told)
                .then_some(())
        });
        let lines = self.lines("records", who);
        assert!(all.is_some(), "{when}: {who} told {lines:#?}");
        let count: usize = expected.iter().map(|(_, told)| told.len()).sum();
        assert_eq!(lines.len(), count, "{when}: {who} told {lines:#?}");
    }
}

/// `who` is told of all.
fn virtual_server(who: &str, port: u16, words: &str, servers: &[String]) -> String {
    let record = format!("/tmp/lab/scripts/record {who} vs{port}");
    format!(
        "virtual_server 10.0.0.80 {port} {{
            delay_loop 1
            warmup 0
            retry 1
            delay_before_retry 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            quorum_up \"{record} up\"
            quorum_down \"{record} down\"
            {words}
            {}
        }}\n",
        servers.concat()
    )
}

fn real_server(who: &str, number: u8, words: &str) -> String {
    let record = format!("/tmp/lab/scripts/record {who} rs{number}");
    format!(
        "real_server 10.0.0.{number} 80 {{
            weight 1
            notify_up \"{record} up\"
            notify_down \"{record} down\"
            {words}
            MISC_CHECK {{
                misc_path \"/tmp/lab/scripts/check {who} {number}\"
                misc_timeout 10
            }}
        }}\n"
    )
}

fn servers(who: &str, numbers: &[u8]) -> Vec<String> {
    let servers = numbers.iter().map(|number| real_server(who, *number, ""));
    servers.collect()
}

fn global(words: &str) -> String {
    format!("global_defs {{\n script_user root\n enable_script_security\n {words}\n}}\n")
}

/// Two directors without web servers: nobody is connected to.
fn cluster(lab: &Lab) -> Cluster<'_> {
    let plan = Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(2)
        .vrrp();
    plan.build(lab)
}

/// keepalived and ipvsd, with the same configuration, as far as they are not told apart
/// by it.
struct Both<'a> {
    stage: &'a Stage<'a>,
    daemons: [(&'static str, Daemon<'a>); 2],
}

impl<'a> Both<'a> {
    fn start(
        stage: &'a Stage<'a>,
        cluster: &'a Cluster<'a>,
        conf: impl Fn(&str) -> String,
    ) -> Self {
        let [first, second] = directors(cluster);
        let daemons = [
            (
                "keepalived",
                first.start_as(Program::Keepalived, &conf("keepalived")),
            ),
            ("ipvsd", second.start(&conf("ipvsd"))),
        ];
        Both { stage, daemons }
    }

    fn reload(&self, conf: impl Fn(&str) -> String) {
        for (who, daemon) in &self.daemons {
            daemon.reload(&conf(who));
        }
    }

    #[track_caller]
    fn expect_told(&self, when: &str, expected: &[(&str, &[&str])]) {
        for (who, _) in &self.daemons {
            self.stage.expect_told(when, who, expected);
        }
    }

    /// Waits until each has checked all of these once more.
    #[track_caller]
    fn wait_for_checks(&self, numbers: &[u8]) {
        for (who, _) in &self.daemons {
            for number in numbers {
                let before = self.stage.checks(who, *number);
                wait_until("another check", LONG, || {
                    // The second one begins when the first has been judged.
                    self.stage.checks(who, *number) > before + 1
                });
            }
        }
    }

    /// Ends both. keepalived may kill at its end what it has just started, and at times
    /// itself, so of it only what it says more counts.
    #[track_caller]
    fn stop(self, expected: &[(&str, &[&str])]) {
        for (who, daemon) in &self.daemons {
            let stopped = daemon.sigterm(secs(20));
            if *who == "ipvsd" {
                assert!(stopped.status.success());
                self.stage.expect_told("at the end", who, expected);
                continue;
            }
            for (subject, told) in expected {
                let theirs = self.stage.told(who, subject);
                let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
                assert!(told.starts_with(&theirs), "{subject}: {theirs:?}");
            }
        }
    }
}

fn scripts_are_told_what_keepalived_tells_them(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    let conf = |words: &'static str, first: &'static [u8], more: &'static [(u16, &[u8])]| {
        move |who: &str| {
            let more = more.iter();
            let more =
                more.map(|(port, of)| virtual_server(who, *port, "omega", &servers(who, of)));
            global("")
                + &virtual_server(who, 80, words, &servers(who, first))
                + &more.collect::<String>()
        }
    };
    let words = "omega\n quorum 2";
    let more: &[(u16, &[u8])] = &[(81, &[14, 17]), (83, &[18])];
    let both = Both::start(&stage, &cluster, conf(words, &[11, 12, 13], more));
    let mut expected: Vec<(&str, &[&str])> =
        vec![("vs80", &["up"]), ("vs81", &["up"]), ("vs83", &["up"])];
    both.expect_told("at the start", &expected);
    both.wait_for_checks(&[11, 12, 13]);
    stage.set(11, 1);
    expected.push(("rs11", &["down"]));
    both.expect_told("one fails", &expected);
    stage.set(12, 1);
    expected[0].1 = &["up", "down"];
    expected.push(("rs12", &["down"]));
    both.expect_told("a second fails", &expected);
    stage.set(11, 0);
    expected[0].1 = &["up", "down", "up"];
    expected[3].1 = &["down", "up"];
    both.expect_told("one is back", &expected);
    // 12 goes while it is down, 17 and all of 83 while they are up.
    let more: &[(u16, &[u8])] = &[(81, &[14]), (82, &[16])];
    both.reload(conf(words, &[11, 13, 15], more));
    expected[2].1 = &["up", "down"];
    expected.extend([
        ("rs17", &["down"][..]),
        ("rs18", &["down"]),
        ("vs82", &["up"]),
    ]);
    both.expect_told("after a reload", &expected);
    expected[0].1 = &["up", "down", "up", "down"];
    expected[1].1 = &["up", "down"];
    expected[3].1 = &["down", "up", "down"];
    expected.retain(|(subject, _)| *subject != "vs82");
    expected.push(("vs82", &["up", "down"]));
    for subject in ["rs13", "rs14", "rs15", "rs16"] {
        expected.push((subject, &["down"]));
    }
    both.stop(&expected);
}

fn under_alpha_scripts_are_told_what_keepalived_tells_them(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    stage.set(12, 1);
    stage.set(13, 1);
    let conf = |who: &str| {
        let sorry = "alpha\n sorry_server 10.0.0.19 81";
        global("")
            + &virtual_server(who, 80, "alpha", &servers(who, &[11, 12]))
            + &virtual_server(who, 81, sorry, &servers(who, &[13]))
    };
    let both = Both::start(&stage, &cluster, conf);
    let mut expected: Vec<(&str, &[&str])> = vec![
        ("vs80", &["up"]),
        ("vs81", &["down"]),
        ("rs11", &["up"]),
        ("rs12", &["down"]),
        ("rs13", &["down"]),
    ];
    both.expect_told("at the start", &expected);
    stage.set(13, 0);
    expected[1].1 = &["down", "up"];
    expected[4].1 = &["down", "up"];
    both.expect_told("it is well", &expected);
    both.wait_for_checks(&[12]);
    // Without omega nothing is told.
    both.stop(&expected);
}

fn all_servers_are_told_of_if_that_is_wanted(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    let conf = |numbers: &'static [u8]| {
        move |who: &str| {
            global("rs_init_notifies") + &virtual_server(who, 80, "", &servers(who, numbers))
        }
    };
    stage.set(12, 1);
    let both = Both::start(&stage, &cluster, conf(&[11, 12]));
    let mut expected: Vec<(&str, &[&str])> = vec![
        ("vs80", &["up"]),
        ("rs11", &["up"]),
        ("rs12", &["up", "down"]),
    ];
    both.expect_told("at the start", &expected);
    both.reload(conf(&[11, 12, 13]));
    expected.push(("rs13", &["up"]));
    both.expect_told("after a reload", &expected);
    both.stop(&expected);
}

fn a_killed_checker_tells_scripts_nothing_twice_and_loses_nothing(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    let who = "ipvsd";
    let conf = global("") + &virtual_server(who, 80, "omega\n quorum 2", &servers(who, &[11, 12]));
    let ipvsd = cluster.director().start(&conf);
    stage.set(11, 1);
    let mut expected: Vec<(&str, &[&str])> = vec![("vs80", &["up", "down"]), ("rs11", &["down"])];
    stage.expect_told("one fails", who, &expected);
    for _ in 0..2 {
        let checker = ipvsd.child("checker").pid;
        kill(Pid::from_raw(checker), Signal::SIGKILL).unwrap();
        let before = stage.checks(who, 12);
        wait_until("checks by another checker", LONG, || {
            ipvsd.children().iter().all(|child| child.pid != checker)
                && stage.checks(who, 12) > before + 2
        });
        stage.expect_told("another checker runs", who, &expected);
    }
    // It changes while nobody looks.
    kill(Pid::from_raw(ipvsd.child("checker").pid), Signal::SIGKILL).unwrap();
    stage.set(11, 0);
    expected = vec![("vs80", &["up", "down", "up"]), ("rs11", &["down", "up"])];
    stage.expect_told("one is back", who, &expected);
    // What is asked at the end is done, whoever dies.
    kill(Pid::from_raw(ipvsd.child("checker").pid), Signal::SIGKILL).unwrap();
    assert!(ipvsd.sigterm(secs(20)).status.success());
    expected = vec![
        ("vs80", &["up", "down", "up", "down"]),
        ("rs11", &["down", "up", "down"]),
        ("rs12", &["down"]),
    ];
    stage.expect_told("at the end", who, &expected);
}

/// Both programs come to the same table in each state.
fn an_inhibited_sorry_server_is_in_the_table_as_with_keepalived(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    let conf = |inhibit: &'static str| {
        move |who: &str| {
            let servers = [real_server(who, 11, inhibit), real_server(who, 12, "")];
            let words = "quorum 2\n sorry_server 10.0.0.19 80\n sorry_server_inhibit\n \
                         sorry_server_lvs_method TUN";
            global("") + &virtual_server(who, 80, words, &servers)
        }
    };
    let both = Both::start(&stage, &cluster, conf("inhibit_on_failure"));
    let expect = |when: &str, servers: &[&str]| {
        lab.note(when);
        let mut lines = vec!["-A -t 10.0.0.80:80 -s rr".to_owned()];
        lines.extend(
            servers
                .iter()
                .map(|it| format!("-a -t 10.0.0.80:80 -r 10.0.0.{it}")),
        );
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for director in directors(&cluster) {
            director.expect_table(&lines, LONG);
        }
    };
    let idle = "19:80 -i -w 0 --tun-type ipip";
    let stands_in = "19:80 -i -w 1 --tun-type ipip";
    expect("at the start", &["11:80 -g -w 1", "12:80 -g -w 1", idle]);
    stage.set(12, 1);
    expect("the quorum is lost", &["11:80 -g -w 0", stands_in]);
    stage.set(11, 1);
    expect("nobody is left", &["11:80 -g -w 0", stands_in]);
    stage.set(12, 0);
    both.wait_for_checks(&[12]);
    expect("one is back", &["11:80 -g -w 0", stands_in]);
    stage.set(11, 0);
    expect("all are back", &["11:80 -g -w 1", "12:80 -g -w 1", idle]);
    both.reload(conf(""));
    both.wait_for_checks(&[11, 12]);
    stage.set(11, 1);
    expect("without inhibition", &[stands_in]);
    let [_, (_, ipvsd)] = &both.daemons;
    assert!(ipvsd.sigterm(secs(20)).status.success());
    let [_, director] = directors(&cluster);
    assert_eq!(director.table(), [""; 0]);
}

fn two_checks_that_set_a_weight_add_up_as_with_keepalived(lab: &Lab) {
    let cluster = cluster(lab);
    let stage = Stage::new(lab);
    let both = Both::start(&stage, &cluster, |who| {
        let checks = [11, 12].map(|number| {
            format!(
                "MISC_CHECK {{
                    misc_path \"/tmp/lab/scripts/check {who} {number}\"
                    misc_timeout 10
                    misc_dynamic
                }}\n"
            )
        });
        let server = format!(
            "real_server 10.0.0.11 80 {{\n weight 10\n {}}}\n",
            checks.concat()
        );
        global("") + &virtual_server(who, 80, "", &[server])
    });
    for (statuses, weight) in [
        ([0, 0], Some(10)),
        ([22, 12], Some(20)),
        ([22, 32], Some(40)),
        ([12, 2], Some(0)),
        ([255, 255], Some(496)),
        ([0, 5], Some(3)),
        // One fails, however much the other wants.
        ([1, 255], None),
        ([0, 12], Some(10)),
        ([3, 3], Some(0)),
    ] {
        lab.note(format!("{statuses:?}"));
        stage.set(11, statuses[0]);
        stage.set(12, statuses[1]);
        let server =
            weight.map(|weight| format!("-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w {weight}"));
        let lines = ["-A -t 10.0.0.80:80 -s rr"]
            .into_iter()
            .chain(server.as_deref());
        for director in directors(&cluster) {
            director.expect_table(&lines.clone().collect::<Vec<_>>(), LONG);
        }
    }
    drop(both);
}

/// What the status says of the checks of a virtual server: whether they are suspended,
/// and whether all its real servers are up.
fn suspended_and_up(ipvsd: &Daemon, index: usize) -> (bool, bool) {
    let status = ipvsd.status_json();
    let virtual_server = &status["virtual_servers"][index];
    let servers = virtual_server["real_servers"].as_array().unwrap();
    (
        virtual_server["suspended"] == true,
        servers.iter().all(|server| server["up"] == true),
    )
}

fn nothing_is_checked_while_the_address_is_elsewhere(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let stage = Stage::new(lab);
    let who = "ipvsd";
    // It begins, waits until it may go on, and fails.
    let go = stage.folder("go").join("on");
    let slow = lab.script(
        "slow",
        &format!(
            "#!/bin/sh\necho began >>{checks}/slow\n\
             while [ -e {hold} ]; do sleep 0.05; done\n\
             read -r status <{servers}/13\necho ended >>{checks}/slow\nexit $status\n",
            checks = stage.folder("checks").display(),
            servers = stage.folder("servers").display(),
            hold = go.display(),
        ),
    );
    let slow = format!(
        "real_server 10.0.0.13 80 {{
            MISC_CHECK {{
                misc_path \"{}\"
                misc_timeout 60
                retry 0
            }}
        }}\n",
        slow.display()
    );
    // Of these the second check of its own is far away.
    let rare = |text: String| text.replace("delay_loop 1\n", "delay_loop 3600\n");
    let group = "virtual_server_group G {\n 10.0.0.81-82 80\n}\n";
    let in_group = virtual_server(who, 80, "ha_suspend", &servers(who, &[14]))
        .replace("10.0.0.80 80", "group G");
    let conf = global("")
        + &rare(virtual_server(who, 80, "ha_suspend", &servers(who, &[11])))
        + &virtual_server(who, 81, "", &servers(who, &[12]))
        + &rare(virtual_server(who, 82, "ha_suspend", &[slow]))
        + group
        + &rare(in_group);
    stage.set(11, 1);
    let ipvsd = director.start(&conf);
    let round = || {
        let before = stage.checks(who, 12);
        wait_until("checks of another", LONG, || {
            stage.checks(who, 12) > before + 2
        });
    };
    round();
    assert_eq!(suspended_and_up(&ipvsd, 0), (true, true));
    assert_eq!(suspended_and_up(&ipvsd, 1), (false, true));
    assert_eq!(suspended_and_up(&ipvsd, 3), (true, true));
    assert_eq!([11, 14].map(|number| stage.checks(who, number)), [0, 0]);

    // Whoever brings it, and wherever; each time it is asked at once.
    fs::write(&go, "").unwrap();
    for (interface, up) in [("lo", false), ("eth0", true)] {
        stage.set(11, u8::from(!up));
        let before = stage.checks(who, 11);
        director.ip(&format!("addr add 10.0.0.80/32 dev {interface}\n"));
        wait_until("the first check", LONG, || {
            suspended_and_up(&ipvsd, 0) == (false, up)
        });
        assert_eq!(stage.checks(who, 11), before + 1);
        // What was found out stays.
        director.ip(&format!("addr del 10.0.0.80/32 dev {interface}\n"));
        wait_until("suspension", LONG, || suspended_and_up(&ipvsd, 0).0);
        stage.set(11, u8::from(up));
        round();
        assert_eq!(suspended_and_up(&ipvsd, 0), (true, up));
        assert_eq!(stage.checks(who, 11), before + 1);
    }
    // One was under way each time, and nobody waits for how it ends.
    let slow = |word: &str| {
        let lines = stage.lines("checks", "slow");
        lines.iter().filter(|line| *line == word).count()
    };
    wait_until("both to begin", LONG, || slow("began") == 2);
    stage.set(13, 1);
    fs::remove_file(&go).unwrap();
    wait_until("both to end", LONG, || slow("ended") == 2);
    round();
    assert_eq!(suspended_and_up(&ipvsd, 2), (true, true));

    // One address of a group is enough, and another checker knows, too.
    stage.set(14, 1);
    director.ip("addr add 10.0.0.82/32 dev lo\n");
    wait_until("the first check", LONG, || {
        suspended_and_up(&ipvsd, 3) == (false, false)
    });
    director.ip("addr add 10.0.0.81/32 dev lo\naddr del 10.0.0.82/32 dev lo\n");
    let checker = ipvsd.child("checker").pid;
    kill(Pid::from_raw(checker), Signal::SIGKILL).unwrap();
    wait_until("another checker", LONG, || {
        ipvsd.children().iter().all(|child| child.pid != checker)
    });
    round();
    assert_eq!(suspended_and_up(&ipvsd, 0), (true, true));
    assert_eq!(suspended_and_up(&ipvsd, 3), (false, false));
    assert_eq!(stage.checks(who, 11), 2);
    // A reload without the word checks at once.
    stage.set(11, 1);
    ipvsd.reload(&conf.replace("ha_suspend", ""));
    wait_until("a check", LONG, || {
        suspended_and_up(&ipvsd, 0) == (false, false)
    });
    assert!(ipvsd.sigterm(secs(20)).status.success());
}

/// A backup checks nothing; what it finds as master it finds without delay.
fn a_master_checks_at_once(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let stage = Stage::new(lab);
    let who = "ipvsd";
    let service = virtual_server(who, 80, "ha_suspend", &servers(who, &[11]))
        .replace("delay_loop 1\n", "delay_loop 3600\n");
    let conf = global("") + &Instance::new(150).conf() + &service;
    stage.set(11, 1);
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_state("VI_1", "BACKUP", LONG);
    assert_eq!(suspended_and_up(&ipvsd, 0), (true, true));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    wait_until("a check", LONG, || {
        suspended_and_up(&ipvsd, 0) == (false, false)
    });
    director.unplug("eth0");
    ipvsd.wait_for_state("VI_1", "FAULT", LONG);
    wait_until("suspension", LONG, || {
        suspended_and_up(&ipvsd, 0) == (true, false)
    });
    assert_eq!(stage.checks(who, 11), 1);
    stage.set(11, 0);
    director.plug("eth0");
    wait_until("a check", LONG, || {
        suspended_and_up(&ipvsd, 0) == (false, true)
    });
    assert!(ipvsd.sigterm(secs(20)).status.success());
}
