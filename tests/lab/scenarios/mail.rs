//! Mail in a real mailbox: the same as keepalived's, and everything of it, also after
//! the mail server was away.

use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::lab::{Lab, poll, secs, wait_until};
use crate::mail::{ADDRESS, MailServer};
use crate::pair::cluster;
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::{self, Instance};

pub const ALL: &[Scenario] = scenarios!(mail:
    servers_and_quorums_are_told_as_keepalived_tells_them,
    instances_and_groups_are_told_as_keepalived_tells_them,
    after_two_minutes_without_a_mail_server_everything_arrives_in_order . limit (400),
);

const LONG: Duration = secs(30);

/// Who is told of what keepalived and ipvsd see; their names are the mailboxes'.
const KEEPALIVED: &str = "keepalived";
const IPVSD: &str = "ipvsd";

fn global(recipient: &str, more: &str) -> String {
    format!(
        "global_defs {{
            router_id LVS_R1
            notification_email {{
                {recipient}@example.org
            }}
            notification_email_from lvs@example.org
            smtp_server {ADDRESS}
            {more}
        }}\n"
    )
}

/// keepalived and ipvsd with the same eyes and different readers.
struct Pair<'a> {
    mail: &'a MailServer<'a>,
    /// How many letters each has got so far.
    compared: usize,
}

impl Pair<'_> {
    /// Waits until both have told the same, and that is so many letters more.
    /// keepalived opens a connection for each mail at once, so that those of one moment
    /// come in any order.
    fn expect(&mut self, what: &str, more: &[&str]) {
        let wanted = self.compared + more.len();
        let told = |user| {
            let letters = self.mail.wait_for(user, wanted, LONG);
            let news = letters[self.compared..].iter();
            let mut words: Vec<String> = news.map(|letter| letter.words()).collect();
            words.sort();
            words
        };
        let reference = told(KEEPALIVED);
        let mut subjects: Vec<&str> = reference
            .iter()
            .map(|words| words.lines().next().unwrap())
            .collect();
        let mut more: Vec<String> = more.iter().map(|text| format!("[LVS_R1] {text}")).collect();
        subjects.sort();
        more.sort();
        assert_eq!(subjects, more, "{what}: of keepalived");
        assert_eq!(told(IPVSD), reference, "{what}: of ipvsd and keepalived");
        self.compared = wanted;
    }

    /// Nobody says more.
    fn expect_silence(&self) {
        poll(secs(4), || {
            for user in [KEEPALIVED, IPVSD] {
                let letters = self.mail.mailbox(user);
                assert_eq!(letters.len(), self.compared, "{user}: {letters:#?}");
            }
            None::<()>
        });
    }
}

/// Two virtual servers on the same three real servers: one that has its quorum to begin
/// with, and one that has yet to gain it.
fn checks(script: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            quorum 2
            smtp_alert
            real_server 10.0.0.11 80 {{
                TCP_CHECK {{
                    connect_timeout 1
                    retry 0
                }}
            }}
            real_server 10.0.0.12 80 {{
                HTTP_GET {{
                    url {{
                        path /
                        status_code 200
                    }}
                    connect_timeout 1
                    retry 0
                }}
            }}
        }}
        virtual_server 10.0.0.81 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind NAT
            protocol TCP
            alpha
            sorry_server 10.0.0.19 80
            smtp_alert
            real_server 10.0.0.13 8080 {{
                MISC_CHECK {{
                    misc_path \"{script}\"
                    misc_timeout 5
                }}
            }}
        }}\n"
    )
}

fn servers_and_quorums_are_told_as_keepalived_tells_them(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).directors(2).build(lab);
    let mail = MailServer::start(lab);
    let [web1, web2] = &cluster.web[..] else {
        panic!("two web servers")
    };
    web1.start_nginx();
    web2.start_nginx();
    let down = lab.scratch("flag").join("down");
    let script = format!("#!/bin/sh\ntest ! -e {}\n", down.display());
    let script = lab.script("misc", &script);
    let checks = checks(&script.display().to_string());
    let [one, two] = cluster.two_directors();
    let reference = one.start_keepalived(&(global(KEEPALIVED, "") + &checks));
    let tested = two.start(&(global(IPVSD, "") + &checks));

    let mut pair = Pair {
        mail: &mail,
        compared: 0,
    };
    const FIRST: &str = "[10.0.0.80]:tcp:80";
    const SECOND: &str = "[10.0.0.81]:tcp:80";
    let server = |server, service, state| {
        format!("Realserver [{server} of virtual server {service} - {state}")
    };
    let tcp = |state| server("10.0.0.11]:tcp:80", FIRST, state);
    let http = |state| server("10.0.0.12]:tcp:80", FIRST, state);
    let misc = |state| server("10.0.0.13]:tcp:8080", SECOND, state);
    let quorum = |state| format!("Virtualserver {FIRST} - {state}");
    let other = |state| format!("Virtualserver {SECOND} - {state}");
    // The script's first success brings the second one up.
    pair.expect(
        "the start",
        &[&quorum("UP"), &other("DOWN"), &misc("UP"), &other("UP")],
    );
    web1.kill();
    pair.expect("the first goes", &[&tcp("DOWN"), &quorum("DOWN")]);
    web2.kill();
    pair.expect("the second goes", &[&http("DOWN")]);
    web2.start_nginx();
    pair.expect("the second is back", &[&http("UP")]);
    web1.start_nginx();
    pair.expect("the first is back", &[&tcp("UP"), &quorum("UP")]);
    std::fs::write(&down, "").unwrap();
    pair.expect("the script fails", &[&misc("DOWN"), &other("DOWN")]);
    std::fs::remove_file(&down).unwrap();
    pair.expect("the script succeeds", &[&misc("UP"), &other("UP")]);
    for user in [KEEPALIVED, IPVSD] {
        let letter = &mail.mailbox(user)[0];
        assert_eq!(letter.header("From"), Some("lvs@example.org"));
        let to = format!("{user}@example.org");
        assert_eq!(letter.header("To"), Some(to.as_str()));
        assert_eq!(letter.header("X-Mailer"), Some("Keepalived"));
        assert_eq!(letter.header("Return-Path"), Some("<lvs@example.org>"));
    }
    reference.sigterm(secs(20));
    tested.sigterm(secs(20));
    pair.expect_silence();
}

fn instances_and_groups_are_told_as_keepalived_tells_them(lab: &Lab) {
    let cluster = cluster(lab, Method::Nat, 2);
    let mail = MailServer::start(lab);
    let [one, two] = cluster.two_directors();
    // Each is alone with its VRIDs; only the names are the same.
    let conf = |recipient, vrid, addresses: [&'static str; 2]| {
        let front = Instance {
            vrid,
            addresses: vec![addresses[0]],
            ..Instance::new(100)
        };
        let behind = Instance {
            vrid: vrid + 1,
            addresses: vec![addresses[1]],
            ..Instance::behind(100)
        };
        global(recipient, "smtp_alert_vrrp yes")
            + "vrrp_sync_group VG_1 {\n group {\n VI_1\n VI_2\n }\n}\n"
            + &front.conf()
            + &behind.conf()
    };
    let reference = one.start_keepalived(&conf(KEEPALIVED, 51, ["10.0.0.80", "10.1.0.80"]));
    let tested = two.start(&conf(IPVSD, 61, ["10.0.0.81", "10.1.0.81"]));
    let mut pair = Pair {
        mail: &mail,
        compared: 0,
    };
    let all = |states: &[&str]| -> Vec<String> {
        let enter = |state: &&str| {
            ["Instance VI_1", "Instance VI_2", "Group VG_1"]
                .map(|subject| format!("VRRP {subject} - Entering {state} state"))
        };
        states.iter().flat_map(enter).collect()
    };
    let mut expect = |what, states: &[&str]| {
        let all = all(states);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        pair.expect(what, &all);
    };
    expect("the start", &["BACKUP", "MASTER"]);
    for director in [one, two] {
        director.unplug("eth1");
    }
    expect("one cable is pulled", &["FAULT"]);
    for director in [one, two] {
        director.plug("eth1");
    }
    expect("it is plugged in again", &["BACKUP", "MASTER"]);
    reference.sigterm(secs(20));
    tested.sigterm(secs(20));
}

/// For a minute it refuses, for another one its host is not there at all. Meanwhile the
/// front process is killed as well.
fn after_two_minutes_without_a_mail_server_everything_arrives_in_order(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let mail = MailServer::start(lab);
    for web in &cluster.web {
        web.start_nginx();
    }
    let director = cluster.director();
    let conf = global(IPVSD, "smtp_alert_checker yes") + &vrrp::web_service(Method::Dr);
    let ipvsd = director.start(&conf);
    // The quorum, there from the start.
    mail.wait_for(IPVSD, 1, LONG);

    mail.kill();
    let away = lab.now();
    let mut told = toggle(&cluster, &ipvsd, 2);
    // What waits is not lost with the process in which it waits.
    let mark = ipvsd.log().mark();
    let front = Pid::from_raw(ipvsd.child("front").pid);
    signal::kill(front, Signal::SIGKILL).unwrap();
    ipvsd.wait_for_log_after(mark, "Starting front process", LONG);
    ipvsd.wait_for_log_after(mark, "Mail waits", LONG);
    wait_until("a minute is over", secs(90), || lab.now() - away > secs(60));
    mail.isolate("eth0");
    mail.restart();
    told.extend(toggle(&cluster, &ipvsd, 2));
    wait_until("two minutes are over", secs(90), || {
        lab.now() - away > secs(120)
    });
    assert_eq!(mail.mailbox(IPVSD).len(), 1);

    mail.rejoin("eth0");
    // The longest pause between two tries is a minute, and the last try may still hang.
    let letters = mail.wait_for(IPVSD, 1 + told.len(), secs(150));
    let subjects: Vec<&str> = letters[1..].iter().map(|letter| letter.subject()).collect();
    assert_eq!(subjects, told);
    ipvsd.wait_for_log("Mail flows again", LONG);
    assert_eq!(ipvsd.log().count("Mail dropped"), 0);
    ipvsd.sigterm(secs(20));
}

/// A web server goes and comes so many times. Returns what is to be mailed about it.
/// The pool follows though no mail can be sent.
fn toggle(cluster: &Cluster, ipvsd: &Daemon, times: usize) -> Vec<String> {
    let web = &cluster.web[0];
    let mut told = Vec::new();
    for _ in 0..times {
        for (state, line) in [
            ("DOWN", "Removing service [10.0.0.11]:tcp:80"),
            ("UP", "Adding service [10.0.0.11]:tcp:80"),
        ] {
            let mark = ipvsd.log().mark();
            match state {
                "DOWN" => web.kill(),
                _ => web.start_nginx(),
            }
            // Less than a conversation with the mail server may hang.
            ipvsd.wait_for_log_after(mark, line, secs(20));
            told.push(format!(
                "[LVS_R1] Realserver [10.0.0.11]:tcp:80 of virtual server \
                 [10.0.0.80]:tcp:80 - {state}"
            ));
        }
    }
    told
}
