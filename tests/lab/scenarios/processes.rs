//! The processes: what a killed or stopped one does to the table, which is nothing.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Family};
use crate::director::Director;
use crate::lab::{Lab, millis, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(processes:
    a_killed_checker_is_replaced,
);

const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";

fn conf() -> String {
    let servers: String = ["10.0.0.11", "10.0.0.12"]
        .iter()
        .map(|address| {
            format!(
                "real_server {address} 80 {{\n weight 1\n TCP_CHECK {{\n connect_timeout 1\n \
                 retry 0\n }}\n }}\n"
            )
        })
        .collect();
    format!(
        "virtual_server 10.0.0.80 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n \
         protocol TCP\n {servers}\n}}\n"
    )
}

fn a_killed_checker_is_replaced(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director: &Director = cluster.director();
    let ipvsd = director.start(&conf());
    ipvsd.wait_for_log("Startup complete", secs(20));
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
    cluster.web[0].kill();
    director.expect_table(&[SERVICE, SECOND], secs(20));
    lab.note(ipvsd.ipvsd(&["status"]));
    lab.note(ipvsd.ipvsd(&["status", "--events"]));

    let samples = director.sample_table();
    let checker = ipvsd.child("checker");
    kill(Pid::from_raw(checker.pid), Signal::SIGKILL).unwrap();
    wait_until("another checker", secs(20), || {
        ipvsd
            .children()
            .iter()
            .any(|child| child.pid != checker.pid)
    });
    director.expect_table_stays(&[SERVICE, SECOND], millis(3000));
    samples.stop().assert_never_had(&[FIRST]);
    let stopped = ipvsd.sigterm(secs(5));
    assert!(stopped.status.success(), "{stopped:?}");
    director.expect_table(&[], secs(1));
}
