//! Real servers that lose their clients without harm: by `drain_timeout` when a reload
//! takes them out, and by `ipvsd drain`.

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family};
use crate::daemon::Daemon;
use crate::lab::{Lab, secs, wait_until};
use crate::net::Namespace;
use crate::scenario::{Scenario, scenarios};
use crate::talk::{self, Length, Talk};

pub const ALL: &[Scenario] = scenarios!(draining:
    who_is_taken_out_keeps_its_connections,
    its_time_is_up_or_it_comes_back,
    by_hand,
    somebody_who_sets_weight_0_is_told_of_drain,
);

const PORT: u16 = 7000;
const SERVICE: &str = "-A -t 10.0.0.80:7000 -s rr";

fn server(number: u8, weight: u16) -> String {
    format!("-a -t 10.0.0.80:7000 -r 10.0.0.{number}:7000 -g -w {weight}")
}

fn conf(drain_timeout: u32, servers: &[u8], more: &str) -> String {
    let servers = servers
        .iter()
        .map(|number| format!(" real_server 10.0.0.{number} {PORT} {{\n weight 1\n }}\n"));
    format!(
        "virtual_server 10.0.0.80 {PORT} {{\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
         drain_timeout {drain_timeout}\n{more}{}}}\n",
        servers.collect::<String>()
    )
}

fn cluster(lab: &Lab) -> Cluster<'_> {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    for web in &cluster.web {
        talk::listen(web, &[PORT]);
    }
    cluster
}

/// A conversation that stays with the first real server.
fn talk_to_first(lab: &Lab, cluster: &Cluster<'_>) -> Talk {
    loop {
        let talk = Talk::start(lab, &cluster.client, cluster.vip(PORT), Length::Long);
        talk.wait_for_answers(1, secs(20));
        if talk.heard().by_server.contains_key(cluster.web[0].name()) {
            return talk;
        }
        talk.stop();
    }
}

fn expect(cluster: &Cluster<'_>, servers: &[(u8, u16)], within: Duration) {
    let servers = servers
        .iter()
        .map(|(number, weight)| server(*number, *weight));
    let lines: Vec<String> = std::iter::once(SERVICE.to_owned()).chain(servers).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    cluster.director().expect_table(&lines, within);
}

fn reload(ipvsd: &Daemon<'_>, conf: &str) -> usize {
    let mark = ipvsd.log().mark();
    ipvsd.reload(conf);
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    mark
}

fn ipvsd_says(lab: &Lab, host: &Namespace, words: &[&str]) -> Output {
    host.command(lab.ipvsd()).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn who_is_taken_out_keeps_its_connections(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let ipvsd = director.start(&conf(60, &[11, 12], ""));
    expect(&cluster, &[(11, 1), (12, 1)], secs(20));
    let talk = talk_to_first(lab, &cluster);

    let mark = reload(&ipvsd, &conf(60, &[12], ""));
    ipvsd.wait_for_log_after(mark, "for at most 60 s", secs(1));
    expect(&cluster, &[(12, 1), (11, 0)], secs(1));
    talk.wait_for_answers(10, secs(20));
    // Nobody new gets it.
    let short = Talk::start(lab, &cluster.client, cluster.vip(PORT), Length::Short);
    short.wait_for_answers(10, secs(20));
    let heard = short.stop();
    assert_eq!(
        heard.by_server.keys().collect::<Vec<_>>(),
        [cluster.web[1].name()]
    );
    wait_until("the connection to be counted", secs(20), || {
        ipvsd.status_json()["virtual_servers"][0]["leaving"][0]["connections"] == 1
    });

    // Another reload, and another checker.
    reload(&ipvsd, &conf(60, &[12, 13], ""));
    expect(&cluster, &[(12, 1), (13, 1), (11, 0)], secs(1));
    let mark = ipvsd.log().mark();
    kill(Pid::from_raw(ipvsd.child("checker").pid), Signal::SIGKILL).unwrap();
    ipvsd.wait_for_log_after(mark, "checker process(", secs(20));
    wait_until("the next checker to have looked", secs(20), || {
        ipvsd.status_json()["table"]["settled"] == true
    });
    expect(&cluster, &[(12, 1), (13, 1), (11, 0)], secs(1));

    // Another director, after the first was killed.
    ipvsd.sigkill_all();
    let ipvsd = director.start(&conf(60, &[12, 13], ""));
    ipvsd.wait_for_log("Startup complete", secs(30));
    expect(&cluster, &[(12, 1), (13, 1), (11, 0)], secs(1));

    talk.wait_for_answers(10, secs(20));
    let heard = talk.stop();
    assert!(heard.errors.is_empty(), "{:?}", heard.errors);
    ipvsd.wait_for_log("it is drained", secs(20));
    expect(&cluster, &[(12, 1), (13, 1)], secs(5));
}

fn its_time_is_up_or_it_comes_back(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let ipvsd = director.start(&conf(60, &[11, 12], ""));
    expect(&cluster, &[(11, 1), (12, 1)], secs(20));
    let talk = talk_to_first(lab, &cluster);

    reload(&ipvsd, &conf(60, &[12], ""));
    expect(&cluster, &[(12, 1), (11, 0)], secs(1));
    let mark = reload(&ipvsd, &conf(2, &[11, 12], ""));
    ipvsd.wait_for_log_after(mark, "it is in the configuration of VS", secs(1));
    expect(&cluster, &[(11, 1), (12, 1)], secs(1));
    talk.wait_for_answers(10, secs(20));
    assert!(talk.heard().errors.is_empty());

    let mark = reload(&ipvsd, &conf(2, &[12], ""));
    ipvsd.wait_for_log_after(mark, "its time is up, with 1 connection left", secs(20));
    expect(&cluster, &[(12, 1)], secs(5));
    drop(talk.stop());

    // A virtual server that is taken out goes at once, with all that is in it, and so
    // does everything at the end.
    let talk = {
        reload(&ipvsd, &conf(60, &[11, 12], ""));
        talk_to_first(lab, &cluster)
    };
    reload(&ipvsd, &conf(60, &[12], ""));
    expect(&cluster, &[(12, 1), (11, 0)], secs(1));
    let other = conf(60, &[12], "").replace("10.0.0.80", "10.0.0.90");
    reload(&ipvsd, &other);
    assert!(
        !director
            .quick_table()
            .iter()
            .any(|line| line.contains("10.0.0.80"))
    );
    reload(&ipvsd, &conf(60, &[11, 12], ""));
    drop(talk.stop());
    let talk = talk_to_first(lab, &cluster);
    reload(&ipvsd, &conf(60, &[12], ""));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
    drop(talk.stop());
}

fn by_hand(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let says = |words: &[&str]| ipvsd_says(lab, director, words);
    let sorry = " sorry_server 10.0.0.13 7000\n";
    let first = conf(0, &[11, 12], sorry);
    let ipvsd = director.start(&first);
    expect(&cluster, &[(11, 1), (12, 1)], secs(20));
    let talk = talk_to_first(lab, &cluster);

    let wrong = says(&["drain", "10.0.0.80:7001", "10.0.0.11:7000"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr).contains("\n  TCP 10.0.0.80:7000"),
        "{wrong:?}"
    );
    let wrong = says(&["drain", "10.0.0.80:7000", "10.0.0.14"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr).contains("\n  10.0.0.12:7000"),
        "{wrong:?}"
    );
    assert_eq!(says(&["drain", "10.0.0.11:7000"]).status.code(), Some(2));

    let mark = ipvsd.log().mark();
    let drained = says(&["drain", "TCP", "10.0.0.80:7000", "10.0.0.11"]);
    assert!(drained.status.success(), "{drained:?}");
    ipvsd.wait_for_log_after(mark, "until `ipvsd undrain`", secs(5));
    expect(&cluster, &[(11, 0), (12, 1)], secs(5));
    let early = says(&["drain", "--wait=2", "10.0.0.80:7000", "10.0.0.11"]);
    assert_eq!(early.status.code(), Some(1), "{early:?}");
    let said = text(&early.stdout);
    assert!(
        said.contains("is drained already") && said.contains("1 connection left"),
        "{said}"
    );
    let status = ipvsd.status_json();
    let of_first = &status["virtual_servers"][0]["real_servers"][0];
    assert_eq!(of_first["drained"]["connections"], 1, "{of_first}");
    assert_eq!(of_first["kernel_weight"], 0);
    let plain = ipvsd.ipvsd(&["status"]);
    assert!(plain.contains("up, DRAINED for "), "{plain}");
    assert!(
        ipvsd
            .ipvsd(&["drain"])
            .starts_with("TCP 10.0.0.80:7000 10.0.0.11:7000 drained for ")
    );

    // Over reloads, another checker, a kill and a restart; and nothing is planned.
    reload(&ipvsd, &conf(0, &[12, 11], sorry));
    expect(&cluster, &[(11, 0), (12, 1)], secs(1));
    assert!(says(&["plan"]).status.success());
    let mark = ipvsd.log().mark();
    kill(Pid::from_raw(ipvsd.child("checker").pid), Signal::SIGKILL).unwrap();
    ipvsd.wait_for_log_after(mark, "checker process(", secs(20));
    wait_until("the next checker to have looked", secs(20), || {
        ipvsd.status_json()["table"]["settled"] == true
    });
    expect(&cluster, &[(11, 0), (12, 1)], secs(1));
    ipvsd.sigkill_all();
    let ipvsd = director.start(&first);
    ipvsd.wait_for_log("Startup complete", secs(30));
    expect(&cluster, &[(11, 0), (12, 1)], secs(1));
    talk.wait_for_answers(10, secs(20));
    let heard = talk.stop();
    assert!(heard.errors.is_empty(), "{:?}", heard.errors);
    let gone = says(&["drain", "--wait=30", "10.0.0.80:7000", "10.0.0.11"]);
    assert!(gone.status.success(), "{gone:?}");
    assert!(
        text(&gone.stdout).contains("has no connections any more"),
        "{gone:?}"
    );

    // The last one calls the sorry server.
    says(&["drain", "10.0.0.80:7000", "10.0.0.12"]);
    expect(&cluster, &[(11, 0), (12, 0), (13, 1)], secs(5));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
    let ipvsd = director.start(&first);
    ipvsd.wait_for_log("Startup complete", secs(30));
    expect(&cluster, &[(11, 0), (12, 0), (13, 1)], secs(1));
    let back = says(&["undrain", "10.0.0.80:7000", "10.0.0.12"]);
    assert!(
        text(&back.stdout).contains("gets new connections again"),
        "{back:?}"
    );
    expect(&cluster, &[(11, 0), (12, 1)], secs(5));

    // Who is taken out of the file comes back as any other.
    reload(&ipvsd, &conf(0, &[12], sorry));
    ipvsd.wait_for_log("it is no longer in the configuration", secs(5));
    reload(&ipvsd, &first);
    expect(&cluster, &[(11, 1), (12, 1)], secs(1));
    assert_eq!(ipvsd.ipvsd(&["drain"]), "no real server is drained\n");
    ipvsd.sigterm(secs(10));
    let alone = says(&["drain", "10.0.0.80:7000", "10.0.0.11"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        text(&alone.stderr).contains("no director runs"),
        "{alone:?}"
    );
}

fn somebody_who_sets_weight_0_is_told_of_drain(lab: &Lab) {
    let cluster = cluster(lab);
    let director = cluster.director();
    let short = "global_defs {\n lvs_audit_interval 1\n}\n";
    let ipvsd = director.start(&format!("{short}{}", conf(0, &[11, 12], "")));
    ipvsd.wait_for_log("Startup complete", secs(30));
    let mark = ipvsd.log().mark();
    director.sh("ipvsadm -e -t 10.0.0.80:7000 -r 10.0.0.11:7000 -g -w 0");
    let told = ipvsd.wait_for_log_after(mark, "was changed by someone else", secs(20));
    assert!(
        told.contains("real server 10.0.0.11:7000 had weight 0 instead of 1")
            && told.contains("ipvsd drain TCP 10.0.0.80:7000 10.0.0.11:7000"),
        "{told}"
    );
    expect(&cluster, &[(11, 1), (12, 1)], secs(5));
}
