//! The process among the others of a whole director.

use std::path::Path;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::LONG;
use crate::cluster::{Cluster, Method};
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, wait_until};
use crate::net::is_of;
use crate::pair::{self, Pair, REST, VIP, cluster};
use crate::sampler::Sampler;
use crate::vrrp::Instance;

/// Two directors, of which the first is master.
fn start<'a>(lab: &'a Lab, cluster: &'a Cluster<'a>) -> Pair<'a> {
    let instances = [Instance::new(150), Instance::new(100)];
    Pair::start(lab, cluster, instances, [Program::Ipvsd; 2])
}

fn kill_vrrp(daemon: &Daemon) -> i32 {
    let pid = daemon.child("vrrp").pid;
    signal::kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    pid
}

pub fn nobody_notices_that_it_is_killed(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster);
    let samples = director1.sample_addresses();
    let others = director2.sample_addresses();
    let answers = pair.during("vrrp is killed", [director1, director1], || {
        for _ in 0..2 {
            let mark = pair.one.log().mark();
            let pid = kill_vrrp(&pair.one);
            wait_until("there is another one", LONG, || {
                let children = pair.one.children();
                let mut vrrp = children.iter().filter(|child| child.name.contains("vrrp"));
                vrrp.any(|child| child.pid != pid)
            });
            pair.one.wait_for_log_after(mark, "died", LONG);
            // Longer than the other one waits.
            let silence = pair.instances[1].master_down_interval();
            std::thread::sleep(silence);
        }
    });
    pair.check(&answers, REST);
    let samples = samples.stop();
    assert!(samples.looks > 100, "{}", samples.looks);
    for sample in &samples.samples {
        let there = sample.lines.iter().any(|line| is_of(line, VIP));
        assert!(there, "at {:?}: {:?}", sample.at, sample.lines);
    }
    for sample in &others.stop().samples {
        let there = sample.lines.iter().any(|line| is_of(line, VIP));
        assert!(!there, "at {:?}: {:?}", sample.at, sample.lines);
    }
    // Nothing is told twice.
    assert_eq!(pair.one.log().count("(VI_1) Entering"), 2);
    assert_eq!(pair.two.log().count("(VI_1) Entering"), 1);
}

/// Core was stopped as well, and its new process begins when the other director has the
/// address: it lets go of it before it does anything else.
pub fn it_comes_back_too_late_and_lets_go(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let director1 = cluster.director();
    let pair = start(lab, &cluster);
    let core = Pid::from_raw(pair.one.pid());
    let mark = pair.one.log().mark();
    signal::kill(core, Signal::SIGSTOP).unwrap();
    kill_vrrp(&pair.one);
    pair.two.wait_for_state("VI_1", "MASTER", LONG);
    assert!(director1.holds(VIP), "nobody was there to remove it");
    let samples = director1.sample_addresses();
    signal::kill(core, Signal::SIGCONT).unwrap();
    pair.one.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    // With its priority it is master again some time after that.
    pair.one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
    let told = pair.one.log().since(mark);
    let (backup, _) = told
        .into_iter()
        .find(|(_, line)| line.contains("(VI_1) Entering BACKUP STATE"))
        .unwrap();
    let samples = samples.stop();
    let gone = samples
        .samples
        .iter()
        .find(|sample| !sample.lines.iter().any(|line| is_of(line, VIP)));
    let gone = gone.expect("it lets go of the address").at;
    lab.note(format!(
        "BACKUP at {backup:?}, without the address from {gone:?}"
    ));
    assert!(gone < backup + Sampler::EVERY * 5, "{gone:?} {backup:?}");
    cluster.expect_holder(VIP, director1, LONG);
}

/// The address goes with core, however core goes.
pub fn core_is_killed(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster);
    let vrrp = pair.one.child("vrrp").pid;
    // Even one that was stopped hears of it.
    signal::kill(Pid::from_raw(vrrp), Signal::SIGSTOP).unwrap();
    pair.one.sigkill();
    cluster.expect_holder(VIP, director2, LONG);
    let process = format!("/proc/{vrrp}");
    wait_until("it ends", LONG, || !Path::new(&process).exists());
    assert!(!director1.holds(VIP));
}
