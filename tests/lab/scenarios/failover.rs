//! A director goes, in every way in which one can, and comes back. A client that asks
//! every 50 ms is without answers for no longer than the protocol takes to notice:
//! three intervals, the skew of the one who takes over, and 0.3 s for all the rest;
//! or 0.3 s alone where the master says that it goes. Afterwards one director has the
//! address, and whoever knew where it was knows where it is.

use crate::cluster::{Cluster, Method};
use crate::daemon::Program;
use crate::director::Director;
use crate::lab::{Lab, millis, secs};
use crate::pair::{self, LONG, Pair, REST, VIP, cluster};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;

pub const ALL: &[Scenario] = scenarios!(failover:
    the_link_is_taken_down,
    the_cable_is_pulled,
    the_switch_loses_everything,
    the_namespace_is_destroyed,
    the_interface_is_deleted,
    all_processes_are_frozen,
    it_is_stopped_and_comes_back,
    it_comes_back_and_does_not_preempt,
);

/// The one who is master, and the one who takes over.
fn main_and_spare() -> [Instance; 2] {
    [
        Instance::new(150).state("MASTER"),
        Instance::new(100).state("BACKUP"),
    ]
}

fn start<'a>(lab: &'a Lab, cluster: &'a Cluster<'a>, instances: [Instance; 2]) -> Pair<'a> {
    Pair::start(lab, cluster, instances, [Program::Ipvsd; 2])
}

/// The master's link goes, the other takes over; the link comes back, and with it the
/// one that has the higher priority.
fn link_goes_and_comes(lab: &Lab, cut: impl Fn(&Director), mend: impl Fn(&Director)) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster, main_and_spare());

    let answers = pair.during("the link goes", [director1, director2], || {
        cut(director1);
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        pair.one.wait_for_state("VI_1", "FAULT", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    pair.check(&answers, pair.bound());

    let mark = pair.one.log().mark();
    let answers = pair.during("the link is back", [director2, director1], || {
        mend(director1);
        pair.one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, REST);
}

fn the_link_is_taken_down(lab: &Lab) {
    link_goes_and_comes(
        lab,
        |director| director.cut_link("eth0"),
        |director| director.uncut_link("eth0"),
    );
}

fn the_cable_is_pulled(lab: &Lab) {
    link_goes_and_comes(
        lab,
        |director| director.unplug("eth0"),
        |director| director.plug("eth0"),
    );
}

/// Nobody is told that the link is useless: both are master until they hear each other
/// again.
fn the_switch_loses_everything(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster, main_and_spare());
    let answers = pair.during("no frame gets through", [director1, director2], || {
        director1.isolate("eth0");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());

    // What the first one holds meanwhile is out of everybody's reach.
    assert_eq!(cluster.holders(VIP), ["director1", "director2"]);
    let answers = pair.during_split("frames get through", [director2, director1], || {
        let mark = pair.two.log().mark();
        director1.rejoin("eth0");
        pair.two.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, pair.bound());
    assert_eq!(
        pair.one.log().count("Entering BACKUP STATE"),
        1,
        "at its start"
    );
}

/// As if the machine were gone at once: no process can do anything, no address is left,
/// no link.
fn the_namespace_is_destroyed(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster, main_and_spare());
    let answers = pair.during("director1 is destroyed", [director1, director2], || {
        director1.delete();
        pair.one.sigkill_all();
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());
    cluster.expect_holder(VIP, director2, LONG);
    let links = std::fs::read_dir("/sys/class/net").unwrap();
    let links: Vec<_> = links.map(|link| link.unwrap().file_name()).collect();
    assert!(
        links.iter().all(|link| *link != *"director1.0"),
        "its cable is still in the switch: {links:?}"
    );
}

/// The interface goes from under a running director, which lives on without it.
fn the_interface_is_deleted(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster, main_and_spare());
    let answers = pair.during("eth0 is deleted", [director1, director2], || {
        director1.ip("link del eth0\n");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        pair.one.wait_for_state("VI_1", "FAULT", LONG);
    });
    pair.check(&answers, pair.bound());
    cluster.expect_holder(VIP, director2, LONG);

    let mark = pair.one.log().mark();
    let answers = pair.during("there is another eth0", [director2, director1], || {
        director1.attach("front", "eth0", &["10.0.0.1/24"]);
        pair.one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, REST);
}

/// A machine that swaps, or a virtual one that is being moved: nothing of ipvsd runs,
/// but the kernel answers for the address and serves. When it wakes up it believes to
/// be the master still, and with its priority it is.
fn all_processes_are_frozen(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let pair = start(lab, &cluster, main_and_spare());
    let answers = pair.during("director1 is frozen", [director1, director2], || {
        pair.one.freeze();
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());
    assert_eq!(cluster.holders(VIP), ["director1", "director2"]);

    let answers = pair.during_split("director1 wakes up", [director2, director1], || {
        let mark = pair.two.log().mark();
        pair.one.thaw();
        pair.two.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, pair.bound());
}

fn it_is_stopped_and_comes_back(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    // The spare one waits for its skew in case a better one is there, so a small one
    // it is.
    let instances = [Instance::new(250).state("MASTER"), Instance::new(240)];
    let pair = start(lab, &cluster, instances);
    let answers = pair.during("it stops", [director1, director2], || {
        let stopped = pair.one.sigterm(secs(10));
        assert!(stopped.status.success(), "{stopped:?}");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    pair.check(&answers, REST);

    let mut again = None;
    let answers = pair.during("it is back", [director2, director1], || {
        let one = director1.start(&pair.conf(0));
        one.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
        again = Some(one);
    });
    pair.check(&answers, REST);
}

/// Who has the address keeps it.
fn it_comes_back_and_does_not_preempt(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let instances = [
        Instance::new(240).with("nopreempt"),
        Instance::new(230).with("nopreempt"),
    ];
    let pair = start(lab, &cluster, instances);
    let mark = pair.one.log().mark();
    let answers = pair.during("the link goes", [director1, director2], || {
        director1.unplug("eth0");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    pair.check(&answers, pair.bound());

    let answers = pair.during("the link is back", [director2, director2], || {
        director1.plug("eth0");
        pair.one.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
        // Longer than it waits for adverts.
        std::thread::sleep(pair.instances[0].master_down_interval() + secs(1));
        cluster.expect_holder(VIP, director2, millis(1));
    });
    pair.check(&answers, REST);
    assert_eq!(pair.one.log().count("(VI_1) Entering MASTER STATE"), 1);

    // But it takes over from one that goes.
    let mark = pair.one.log().mark();
    let answers = pair.during("the other one stops", [director2, director1], || {
        pair.two.sigterm(secs(10));
        pair.one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, REST);
}
