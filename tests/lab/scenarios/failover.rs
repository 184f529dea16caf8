//! A director goes, in every way in which one can, and comes back. A client that asks
//! every 50 ms is without answers for no longer than the protocol takes to notice:
//! three intervals, the skew of the one who takes over, and 0.3 s for all the rest;
//! or 0.3 s alone where the master says that it goes. Afterwards one director has the
//! address, and whoever knew where it was knows where it is.

use std::time::Duration;

use crate::cluster::{Cluster, Method};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::lab::{Lab, millis, secs};
use crate::requests::{Answers, Requests};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::{Instance, cluster, web_service};

pub const ALL: &[Scenario] = scenarios!(failover:
    the_link_is_taken_down,
    the_cable_is_pulled,
    the_switch_loses_everything,
    the_namespace_is_destroyed,
    the_interface_is_deleted,
    all_processes_are_frozen,
    it_is_stopped_and_comes_back,
    it_comes_back_and_does_not_preempt,
    the_machine_is_slow_to_come_back,
);

const VIP: &str = "10.0.0.80";
/// What everything but the protocol's own waiting may take.
const REST: Duration = millis(300);
/// For what has no bound of its own here.
const LONG: Duration = secs(20);

/// The one who is master, and the one who takes over.
fn main_and_spare() -> [Instance; 2] {
    [
        Instance::new(150).state("MASTER"),
        Instance::new(100).state("BACKUP"),
    ]
}

fn conf(instance: &Instance) -> String {
    instance.conf() + &web_service(Method::Dr)
}

struct Pair<'a> {
    lab: &'a Lab,
    cluster: &'a Cluster<'a>,
    one: Daemon<'a>,
    two: Daemon<'a>,
    instances: [Instance; 2],
}

impl<'a> Pair<'a> {
    /// Both run, the first is master, and the client is served.
    fn start(lab: &'a Lab, cluster: &'a Cluster<'a>, instances: [Instance; 2]) -> Self {
        let [director1, director2] = directors(cluster);
        let one = director1.start(&conf(&instances[0]));
        one.wait_for_state("VI_1", "MASTER", LONG);
        let two = director2.start(&conf(&instances[1]));
        two.wait_for_state("VI_1", "BACKUP", LONG);
        cluster.expect_holder(VIP, director1, LONG);
        two.wait_for_log("success", LONG);
        cluster.client.wait_for_answer(cluster.vip(80), LONG);
        Self {
            lab,
            cluster,
            one,
            two,
            instances,
        }
    }

    /// Something happens while the client asks: the address goes from one director to
    /// the other, or stays where it is, and everybody knows.
    fn during(&self, what: &str, holders: [&Director; 2], act: impl FnOnce()) -> Answers {
        let [before, after] = holders;
        self.cluster.expect_holder(VIP, before, LONG);
        self.cluster.teach_neighbours(VIP, before, "eth0");
        let requests = Requests::start(self.lab, &self.cluster.client, self.cluster.vip(80));
        requests.wait_for_answers(10, LONG);
        self.lab.note(what);
        act();
        requests.wait_for_answers(10, LONG);
        self.cluster.expect_neighbours(VIP, after, "eth0");
        requests.stop()
    }

    /// The longest that the client may be without answers when the master falls silent.
    fn bound(&self) -> Duration {
        self.instances[1].master_down_interval() + REST
    }

    fn check(&self, answers: &Answers, bound: Duration) {
        let lasted = answers.assert_no_outage_longer_than(bound);
        self.lab
            .note(format!("no answer for {lasted:?} of {bound:?}"));
    }
}

fn directors<'a, 'lab>(cluster: &'a Cluster<'lab>) -> [&'a Director<'lab>; 2] {
    let [director1, director2] = &cluster.directors[..] else {
        panic!("two directors")
    };
    [director1, director2]
}

/// The master's link goes, the other takes over; the link comes back, and with it the
/// one that has the higher priority.
fn link_goes_and_comes(lab: &Lab, cut: impl Fn(&Director), mend: impl Fn(&Director)) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare());

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
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare());
    let answers = pair.during("no frame gets through", [director1, director2], || {
        director1.isolate("eth0");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());

    // What the first one holds meanwhile is out of everybody's reach.
    assert_eq!(cluster.holders(VIP), ["director1", "director2"]);
    cluster.teach_neighbours(VIP, director2, "eth0");
    let requests = Requests::start(lab, &cluster.client, cluster.vip(80));
    requests.wait_for_answers(10, LONG);
    let mark = pair.two.log().mark();
    director1.rejoin("eth0");
    pair.two.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    cluster.expect_holder(VIP, director1, LONG);
    requests.wait_for_answers(10, LONG);
    cluster.expect_neighbours(VIP, director1, "eth0");
    pair.check(&requests.stop(), pair.bound());
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
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare());
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
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare());
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
    let [director1, director2] = directors(&cluster);
    let pair = Pair::start(lab, &cluster, main_and_spare());
    let answers = pair.during("director1 is frozen", [director1, director2], || {
        pair.one.freeze();
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());
    assert_eq!(cluster.holders(VIP), ["director1", "director2"]);

    cluster.teach_neighbours(VIP, director2, "eth0");
    let requests = Requests::start(lab, &cluster.client, cluster.vip(80));
    requests.wait_for_answers(10, LONG);
    let mark = pair.two.log().mark();
    pair.one.thaw();
    pair.two.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    cluster.expect_holder(VIP, director1, LONG);
    requests.wait_for_answers(10, LONG);
    cluster.expect_neighbours(VIP, director1, "eth0");
    pair.check(&requests.stop(), pair.bound());
}

fn it_is_stopped_and_comes_back(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    // The spare one waits for its skew in case a better one is there, so a small one
    // it is.
    let instances = [Instance::new(250).state("MASTER"), Instance::new(240)];
    let pair = Pair::start(lab, &cluster, instances);
    let answers = pair.during("it stops", [director1, director2], || {
        let stopped = pair.one.sigterm(secs(10));
        assert!(stopped.status.success(), "{stopped:?}");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    pair.check(&answers, REST);

    let mut again = None;
    let answers = pair.during("it is back", [director2, director1], || {
        let one = director1.start(&conf(&pair.instances[0]));
        one.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
        again = Some(one);
    });
    pair.check(&answers, REST);
}

/// Who has the address keeps it.
fn it_comes_back_and_does_not_preempt(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    let instances = [
        Instance::new(240).with("nopreempt"),
        Instance::new(230).with("nopreempt"),
    ];
    let pair = Pair::start(lab, &cluster, instances);
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

/// With a delay that is longer than the master-down interval, the one with the lower
/// priority goes on for so long.
fn the_machine_is_slow_to_come_back(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = directors(&cluster);
    let instances = [
        Instance::new(150).with("preempt_delay 4"),
        Instance::new(100),
    ];
    let pair = Pair::start(lab, &cluster, instances);
    let mark = pair.one.log().mark();
    pair.during("the link goes", [director1, director2], || {
        director1.cut();
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    let back = lab.now();
    let answers = pair.during("the link is back", [director2, director1], || {
        director1.uncut();
        pair.one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, REST);
    // The delay runs from the first advert of the other; while it runs, adverts count.
    let earliest = secs(4) + pair.instances[0].master_down_interval() - secs(1);
    assert!(lab.now() - back >= earliest, "{:?}", lab.now() - back);
}
