//! Where ipvsd is not alone, not allowed, or asks for what the kernel does not have.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Process, children_of};
use crate::director::Director;
use crate::lab::{Lab, millis, secs, wait_until};
use crate::net::run;

fn virtual_server(port: u16, scheduler: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{
            lb_algo {scheduler}
            lb_kind DR
            protocol TCP
            real_server 10.0.0.11 {port} {{
                weight 1
            }}
        }}\n"
    )
}

const TABLE: [&str; 2] = [
    "-A -t 10.0.0.80:80 -s rr",
    "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
];

/// Runs `ipvsd` behind these words until it ends by itself, which it must with
/// status 1. Returns what it said.
#[track_caller]
fn refused(lab: &Lab, director: &Director, before: &[&str], file: &Path) -> String {
    let mut command = director.command("timeout");
    command
        .arg("20")
        .args(before)
        .arg(lab.ipvsd())
        .args(["-n", "-l", "-D", "-f"])
        .arg(file);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    lab.note(&said);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "not {word:?} in\n{said}");
    }
}

/// One table, one director: a second ipvsd, or a keepalived that runs already, is
/// named. One in another network namespace is nobody's business.
pub fn another_director_is_named(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).directors(2).build(lab);
    let director = cluster.director();
    let conf = virtual_server(80, "rr");
    let file = lab.scratch("conf").join("keepalived.conf");
    fs::write(&file, &conf).unwrap();
    let other = lab.scratch("conf").join("other.conf");
    fs::write(&other, virtual_server(81, "rr")).unwrap();

    lab.note("a second ipvsd");
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log("Startup complete", secs(20));
    let watch = director.watch_ipvs();
    let said = refused(lab, director, &[], &other);
    let named = format!("another ipvsd (pid {}) runs", ipvsd.pid());
    assert_says(&said, &[&named, "stop it first"]);
    // The first is as it was, and hears us.
    assert_eq!(ipvsd.status_json()["pid"], ipvsd.pid());
    director.expect_table_stays(&TABLE, millis(200));
    assert_eq!(watch.stop().ops, []);

    lab.note("a third, in another namespace");
    let elsewhere = cluster.directors[1].start(&conf);
    elsewhere.wait_for_log("Startup complete", secs(20));
    cluster.directors[1].expect_table(&TABLE, secs(1));
    assert_eq!(elsewhere.status_json()["pid"], elsewhere.pid());
    assert!(elsewhere.sigterm(secs(10)).status.success());
    director.expect_table(&TABLE, secs(0));
    assert!(ipvsd.sigterm(secs(10)).status.success());

    lab.note("keepalived");
    let keepalived = director.start_keepalived(&conf);
    director.expect_table(&TABLE, secs(20));
    let said = refused(lab, director, &[], &file);
    let named = format!("keepalived (pid {}) runs", keepalived.pid());
    assert_says(&said, &[&named, "systemctl stop keepalived"]);
    assert!(keepalived.is_running());
    director.expect_table_stays(&TABLE, millis(200));
    assert_eq!(cluster.directors[1].table(), [""; 0]);
    let elsewhere = cluster.directors[1].start(&conf);
    elsewhere.wait_for_log("Startup complete", secs(20));
    cluster.directors[1].expect_table(&TABLE, secs(1));

    lab.note("which dies and leaves its table behind, as at a hard cutover");
    // A child that saw the first process die would take everything out.
    let children = keepalived.children();
    let all = |signal| {
        for child in &children {
            kill(Pid::from_raw(child.pid), signal).unwrap();
        }
    };
    all(Signal::SIGSTOP);
    keepalived.sigkill();
    all(Signal::SIGKILL);
    wait_until("the end of its children", secs(10), || {
        let there = |child: &Process| Path::new("/proc").join(child.pid.to_string()).exists();
        !children.iter().any(there)
    });
    director.expect_table(&TABLE, secs(0));
    let watch = director.watch_ipvs();
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log("made by someone else: adopted as it is", secs(20));
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&TABLE, secs(0));
    assert_eq!(watch.stop().ops, []);
    for (ipvsd, director) in [(&ipvsd, director), (&elsewhere, &cluster.directors[1])] {
        assert!(ipvsd.sigterm(secs(10)).status.success());
        director.expect_table(&[], secs(1));
    }
}

/// In a container that shares the host's network: its processes have other numbers there,
/// and the table is the same. When the container is killed the table stays.
pub fn a_keepalived_in_a_container_is_named(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let folder = lab.scratch("conf");
    let file = folder.join("keepalived.conf");
    fs::write(&file, virtual_server(80, "rr")).unwrap();
    let mut container = director
        .command("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["keepalived", "-n", "-l", "-G", "-C", "-f"])
        .arg(&file)
        .arg("-p")
        .arg(folder.join("parent.pid"))
        .arg("-c")
        .arg(folder.join("checkers.pid"))
        .stdout(fs::File::create(lab.log_file("director1-container.log")).unwrap())
        .spawn()
        .unwrap();
    director.expect_table(&TABLE, secs(20));
    let inside = children_of(container.id() as i32);
    let said = refused(lab, director, &[], &file);
    let named = format!("keepalived (pid {}) runs", inside[0].pid);
    assert_says(&said, &[&named]);
    director.expect_table(&TABLE, secs(0));

    kill(Pid::from_raw(inside[0].pid), Signal::SIGKILL).unwrap();
    container.wait().unwrap();
    let ipvsd = director.start(&virtual_server(80, "rr"));
    ipvsd.wait_for_log("made by someone else: adopted as it is", secs(20));
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&TABLE, secs(0));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

/// No right, no root, no IPVS: each is told with what helps.
pub fn what_the_kernel_lacks_or_forbids_is_named(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let file = lab.scratch("conf").join("keepalived.conf");
    fs::write(&file, virtual_server(80, "rr")).unwrap();
    // Someone's virtual server where ours is wanted.
    const FOREIGN: [&str; 2] = [
        "-A -t 10.0.0.80:80 -s wlc",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 5",
    ];
    director.sh("ipvsadm -A -t 10.0.0.80:80 -s wlc
         ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 5");
    let watch = director.watch_ipvs();

    lab.note("without CAP_NET_ADMIN");
    let before = ["setpriv", "--bounding-set", "-net_admin"];
    let said = refused(lab, director, &before, &file);
    assert_says(&said, &["no right to use IPVS", "CAP_NET_ADMIN"]);

    lab.note("as nobody");
    let before = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let said = refused(lab, director, &before, &file);
    assert_says(&said, &["/run/ipvsd", "ipvsd has to run as root"]);
    assert_eq!(watch.stop().ops, []);

    lab.note("what never was ours does not become it by having been wanted");
    let ipvsd = director.start(&virtual_server(443, "rr"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    let ours = [
        "-A -t 10.0.0.80:443 -s rr",
        "-a -t 10.0.0.80:443 -r 10.0.0.11:443 -g -w 1",
    ];
    director.expect_table(&[&ours[..], &FOREIGN[..]].concat(), secs(1));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&FOREIGN, secs(1));
    director.sh("ipvsadm -C");

    lab.note("without IPVS, and no module to be had");
    run(Command::new("modprobe").args(["-r", "ip_vs_wlc", "ip_vs_rr", "ip_vs"]));
    fs::write("/proc/sys/kernel/modprobe", "/nonexistent").unwrap();
    let said = refused(lab, director, &[], &file);
    assert_says(&said, &["this kernel has no IPVS", "modprobe ip_vs"]);
    fs::write("/proc/sys/kernel/modprobe", "/sbin/modprobe").unwrap();
    let ipvsd = director.start(&virtual_server(80, "rr"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&TABLE, secs(0));
    assert!(ipvsd.sigterm(secs(10)).status.success());
}

/// `twos` is newer than the guest's kernel.
pub fn without_a_scheduler_the_others_are_served(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let conf = |scheduler: &str| {
        [
            virtual_server(79, "rr"),
            virtual_server(81, scheduler),
            virtual_server(80, "rr"),
        ]
        .concat()
    };
    const OTHERS: [&str; 4] = [
        "-A -t 10.0.0.80:79 -s rr",
        "-a -t 10.0.0.80:79 -r 10.0.0.11:79 -g -w 1",
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
    ];
    let ipvsd = director.start(&conf("twos"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&OTHERS, secs(1));
    cluster.client.wait_for_answer(cluster.vip(80), secs(20));

    let why = "no scheduler twos in this kernel: module ip_vs_twos";
    let told = ipvsd.wait_for_log(why, secs(1));
    assert!(told.contains("[10.0.0.80]:tcp:81"), "{told}");
    let refused = ipvsd.status_json()["table"]["refused"].clone();
    assert_eq!(refused.as_array().unwrap().len(), 1, "{refused:#}");
    assert_eq!(refused[0]["virtual_server"], "[10.0.0.80]:tcp:81");
    assert_eq!(refused[0]["why"], why);
    let status = ipvsd.ipvsd(&["status"]);
    assert!(
        status.contains("virtual server [10.0.0.80]:tcp:81") && status.contains(why),
        "{status}"
    );

    // It is tried again, and told once.
    wait_until("more attempts", secs(20), || {
        let failed = &ipvsd.status_json()["table"]["counters"]["failed"];
        failed.as_u64().unwrap() >= 3
    });
    assert_eq!(ipvsd.log().count(why), 1);

    let mark = ipvsd.log().mark();
    ipvsd.reload(&conf("rr"));
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    let other = [
        "-A -t 10.0.0.80:81 -s rr",
        "-a -t 10.0.0.80:81 -r 10.0.0.11:81 -g -w 1",
    ];
    director.expect_table(&[&OTHERS[..], &other[..]].concat(), secs(1));
    assert_eq!(
        ipvsd.status_json()["table"]["refused"],
        serde_json::json!([])
    );

    // A running virtual server whose new scheduler is not there keeps the old one.
    let mark = ipvsd.log().mark();
    ipvsd.reload(&conf("twos"));
    ipvsd.wait_for_log_after(mark, why, secs(20));
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    director.expect_table(&[&OTHERS[..], &other[..]].concat(), secs(1));
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
