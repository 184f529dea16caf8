//! The vrrp process dies, hangs, or is late: nobody notices as long as it can be helped,
//! and where it cannot, no address is left behind.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::Method;
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, millis, secs, wait_until};
use crate::net::is_of;
use crate::pair::{LONG, Pair, VIP, cluster, directors};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;

pub const ALL: &[Scenario] = scenarios!(vrrp_process:
    one_that_dies_or_hangs_is_replaced_and_nobody_notices,
    one_whose_successor_is_late_leaves_no_address,
    core_dies_and_the_address_goes_over,
    each_subsystem_can_be_served_alone,
);

fn main_and_spare() -> [Instance; 2] {
    [Instance::new(150), Instance::new(100)]
}

fn send(signal: Signal, pid: i32) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// What the status says of a child.
fn child_status(daemon: &Daemon, process: &str) -> serde_json::Value {
    let status = daemon.status_json();
    let children = status["children"].as_array().unwrap();
    let child = children.iter().find(|child| child["process"] == process);
    child.cloned().unwrap_or_default()
}

fn one_that_dies_or_hangs_is_replaced_and_nobody_notices(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, _] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare(), [Program::Ipvsd; 2]);
    let samples = director1.sample_addresses();
    for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
        // One that dies young is replaced after a pause.
        wait_until("it to have lived for a while", secs(30), || {
            child_status(&pair.one, "vrrp")["age"].as_f64() > Some(10.0)
        });
        let before = pair.one.child("vrrp").pid;
        lab.note(format!("{signal} to vrrp process {before}"));
        send(signal, before);
        wait_until("adverts of another vrrp process", LONG, || {
            let status = pair.one.status_json();
            let instance = &status["instances"][0];
            child_status(&pair.one, "vrrp")["pid"] != before
                && instance["packets"]["adverts_sent"].as_u64() > Some(2)
        });
    }
    let status = pair.one.status_json();
    let instance = &status["instances"][0];
    assert_eq!(instance["state"], "MASTER", "{status:#}");
    assert!(instance["age"].as_f64() > Some(20.0), "{instance:#}");
    assert_eq!(child_status(&pair.one, "vrrp")["restarts"], 2);
    assert_eq!(child_status(&pair.one, "checker")["restarts"], 0);
    assert_eq!(pair.one.log().count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.two.log().count("Entering MASTER STATE"), 0);
    let samples = samples.stop();
    let lacked = samples.longest(|lines| !lines.iter().any(|line| is_of(line, VIP)));
    assert!(lacked.is_zero(), "{:#?}", samples.samples);
    assert!(samples.looks > 300, "{} looks", samples.looks);
    assert!(pair.one.sigterm(secs(10)).status.success());
}

/// Core is stopped while the vrrp process dies, and does not start another until the
/// other director has taken over.
fn one_whose_successor_is_late_leaves_no_address(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    let instances = main_and_spare().map(|instance| instance.with("nopreempt"));
    let pair = Pair::start(lab, &cluster, instances, [Program::Ipvsd; 2]);
    let vrrp = pair.one.child("vrrp").pid;
    pair.one.signal(Signal::SIGSTOP);
    send(Signal::SIGKILL, vrrp);
    pair.two.wait_for_state("VI_1", "MASTER", LONG);
    assert!(director1.holds(VIP));
    let mark = pair.one.log().mark();
    pair.one.signal(Signal::SIGCONT);
    cluster.expect_holder(VIP, director2, LONG);
    pair.one.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    assert_eq!(pair.one.log().count("has not answered"), 0);
    let samples = director1.sample_addresses();
    wait_until("adverts to be heard", LONG, || {
        let status = pair.one.status_json();
        let instance = &status["instances"][0];
        instance["master"]["address"] == "10.0.0.2"
            && instance["packets"]["adverts_received"].as_u64() > Some(4)
    });
    let held = samples
        .stop()
        .longest(|lines| lines.iter().any(|line| is_of(line, VIP)));
    assert!(held.is_zero());
    assert!(pair.one.sigterm(secs(10)).status.success());
}

fn core_dies_and_the_address_goes_over(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare(), [Program::Ipvsd; 2]);
    let children = pair.one.children();
    assert_eq!(children.len(), 2, "{children:#?}");
    let answers = pair.during("core is killed", [director1, director2], || {
        pair.one.sigkill();
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    // It is said at once: there is no more to wait for than the skew.
    pair.check(&answers, pair.instances[1].skew() + millis(300));
    wait_until("the children to end", LONG, || {
        let is_there = |pid: i32| std::path::Path::new(&format!("/proc/{pid}")).exists();
        !children.iter().any(|child| is_there(child.pid))
    });
}

/// `-P` and `-C`, and the pid files.
fn each_subsystem_can_be_served_alone(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director, _] = directors(&cluster);
    let folder = lab.scratch("alone");
    let conf = Instance::new(150).conf() + &crate::vrrp::web_service(Method::Dr);
    std::fs::write(folder.join("my.conf"), conf).unwrap();
    for (option, process, other) in [("-P", "vrrp", "checkers"), ("-C", "checkers", "vrrp")] {
        let mut core = director
            .command(lab.ipvsd())
            .args(["-n", "-l", "-D", "-f", "my.conf", "-p", "my.pid"])
            .args(["-r", "vrrp.pid", "-c", "checkers.pid", option])
            .current_dir(&folder)
            .spawn()
            .unwrap();
        let pid_file = |name: &str| folder.join(format!("{name}.pid"));
        wait_until("the process", LONG, || pid_file(process).exists());
        match process {
            "vrrp" => wait_until("the address", LONG, || director.holds(VIP)),
            _ => wait_until("the table", LONG, || !director.table().is_empty()),
        }
        assert!(!pid_file(other).exists(), "{option}");
        assert_eq!(director.holds(VIP), process == "vrrp", "{option}");
        assert_eq!(director.table().is_empty(), process == "vrrp", "{option}");
        let children = crate::daemon::children_of(core.id().cast_signed());
        assert_eq!(children.len(), 1, "{option}: {children:#?}");
        let pid = std::fs::read_to_string(pid_file(process)).unwrap();
        assert_eq!(pid.trim(), children[0].pid.to_string());
        send(Signal::SIGTERM, core.id().cast_signed());
        assert!(core.wait().unwrap().success(), "{option}");
        assert!(!pid_file(process).exists(), "{option}");
        assert!(!director.holds(VIP) && director.table().is_empty());
    }
}
