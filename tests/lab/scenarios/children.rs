//! What core does with its children, whatever they do: those that are not needed are not
//! there, and one that hangs is replaced before others notice.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::Method;
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, secs, wait_until};
use crate::net::is_of;
use crate::pair::{LONG, Pair, VIP, cluster, directors};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;

pub const ALL: &[Scenario] = scenarios!(children:
    a_vrrp_process_that_hangs_is_replaced_before_others_notice,
    a_vrrp_process_that_hangs_does_not_keep_the_address_at_the_end,
    what_a_dead_vrrp_process_had_goes_also_where_a_reload_has_removed_it,
    each_subsystem_can_be_served_alone,
);

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

fn a_vrrp_process_that_hangs_is_replaced_before_others_notice(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, _] = directors(&cluster);
    let pair = Pair::start(
        lab,
        &cluster,
        [Instance::new(150), Instance::new(100)],
        [Program::Ipvsd; 2],
    );
    let samples = director1.sample_addresses();
    let before = pair.one.child("vrrp").pid;
    let sent = || pair.one.status_json()["instances"][0]["packets"]["adverts_sent"].as_u64();
    // Right after an advert, so that a guest that is slow to start processes has its time.
    let so_far = sent();
    wait_until("the next advert", LONG, || sent() > so_far);
    lab.note(format!("vrrp process {before} hangs"));
    send(Signal::SIGSTOP, before);
    wait_until("adverts of another vrrp process", LONG, || {
        let status = pair.one.status_json();
        let instance = &status["instances"][0];
        child_status(&pair.one, "vrrp")["pid"] != before
            && instance["packets"]["adverts_sent"].as_u64() > Some(2)
    });
    let status = pair.one.status_json();
    let instance = &status["instances"][0];
    assert_eq!(instance["state"], "MASTER", "{status:#}");
    assert_eq!(child_status(&pair.one, "vrrp")["restarts"], 1);
    assert_eq!(child_status(&pair.one, "checker")["restarts"], 0);
    assert_eq!(pair.one.log().count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.two.log().count("Entering MASTER STATE"), 0);
    let samples = samples.stop();
    let lacked = samples.longest(|lines| !lines.iter().any(|line| is_of(line, VIP)));
    assert!(lacked.is_zero(), "{:#?}", samples.samples);
    assert!(samples.looks > 100, "{} looks", samples.looks);
    assert!(pair.one.sigterm(secs(10)).status.success());
}

/// Others take over after some three seconds, and two must not have it then.
fn a_vrrp_process_that_hangs_does_not_keep_the_address_at_the_end(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director, _] = directors(&cluster);
    let ipvsd = director.start(&Instance::new(150).conf());
    wait_until("the address", LONG, || director.holds(VIP));
    send(Signal::SIGSTOP, ipvsd.child("vrrp").pid);
    let mark = ipvsd.log().mark();
    assert!(ipvsd.sigterm(secs(20)).status.success());
    assert!(!director.holds(VIP));
    let told = ipvsd.log().since(mark);
    let waited = |(_, line): &(_, String)| line.contains("has not ended within");
    assert!(!told.iter().any(waited), "{told:#?}");
}

/// The next process begins with what the dead one had, and not with what there is to be.
fn what_a_dead_vrrp_process_had_goes_also_where_a_reload_has_removed_it(lab: &Lab) {
    const INNER: &str = "10.1.0.80";
    let cluster = cluster(lab, Method::Nat, 2);
    let [director, _] = directors(&cluster);
    let one = Instance::new(150);
    let both = one.clone().beside(Instance::behind(150));
    let ipvsd = director.start(&both.conf());
    wait_until("both addresses", LONG, || {
        director.holds(VIP) && director.holds(INNER)
    });
    // In whichever order core hears of the two.
    for kills_first in [true, false] {
        let samples = director.sample_addresses();
        let mark = ipvsd.log().mark();
        let vrrp = ipvsd.child("vrrp").pid;
        if kills_first {
            ipvsd.signal(Signal::SIGSTOP);
            send(Signal::SIGKILL, vrrp);
            ipvsd.reload(&one.conf());
            ipvsd.signal(Signal::SIGCONT);
        } else {
            send(Signal::SIGSTOP, vrrp);
            ipvsd.reload(&one.conf());
            ipvsd.wait_for_log_after(mark, "Reloading", LONG);
            send(Signal::SIGKILL, vrrp);
        }
        ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
        wait_until("the removed address to go", LONG, || !director.holds(INNER));
        let lacked = samples
            .stop()
            .longest(|lines| !lines.iter().any(|line| is_of(line, VIP)));
        assert!(lacked.is_zero());

        let mark = ipvsd.log().mark();
        ipvsd.reload(&both.conf());
        ipvsd.wait_for_state_after(mark, "VI_2", "MASTER", LONG);
        wait_until("the process to have lived for a while", LONG, || {
            child_status(&ipvsd, "vrrp")["age"].as_f64() > Some(10.0)
        });
    }
    assert!(ipvsd.sigterm(secs(10)).status.success());
    assert!(!director.holds(VIP) && !director.holds(INNER));
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
