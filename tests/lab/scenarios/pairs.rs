//! ipvsd and keepalived share an address: each in both parts, since what one sends the
//! other must understand.

mod bytes;
mod every_kind;
mod frr;
mod group;
mod kinds;
mod recorded;

use self::bytes::adverts_are_the_same_bytes;
use self::every_kind::{
    ipvsd_takes_every_kind_over_from_ipvsd, ipvsd_takes_every_kind_over_from_keepalived,
    keepalived_takes_every_kind_over_from_ipvsd,
};
use self::frr::{frr_takes_over_from_ipvsd, ipvsd_takes_over_from_frr};
use self::group::{
    a_group_of_ipvsd_follows_one_of_keepalived, a_group_of_keepalived_follows_one_of_ipvsd,
};
use self::recorded::recorded_adverts_are_believed_once;
use crate::cluster::Method;
use crate::daemon::Program::{self, Ipvsd, Keepalived};
use crate::lab::{Lab, millis, secs};
use crate::pair::{self, LONG, Pair, REST, VIP, cluster};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::{Instance, web_service};
use crate::wire::Wire;

pub const ALL: &[Scenario] = scenarios!(pairs:
    keepalived_takes_over_from_ipvsd,
    ipvsd_takes_over_from_keepalived,
    equals_part_and_meet_with_ipvsd_below,
    equals_part_and_meet_with_ipvsd_above,
    ipvsd_does_not_preempt_keepalived,
    keepalived_does_not_preempt_ipvsd,
    ipvsd_delays_its_preemption,
    three_elect_one,
    a_group_of_keepalived_follows_one_of_ipvsd,
    a_group_of_ipvsd_follows_one_of_keepalived,
    adverts_are_the_same_bytes,
    keepalived_takes_every_kind_over_from_ipvsd,
    ipvsd_takes_every_kind_over_from_keepalived,
    ipvsd_takes_every_kind_over_from_ipvsd,
    frr_takes_over_from_ipvsd,
    ipvsd_takes_over_from_frr,
    recorded_adverts_are_believed_once,
);

fn keepalived_takes_over_from_ipvsd(lab: &Lab) {
    to_and_fro(lab, [Ipvsd, Keepalived]);
}

fn ipvsd_takes_over_from_keepalived(lab: &Lab) {
    to_and_fro(lab, [Keepalived, Ipvsd]);
}

/// Two addresses, one of which has a password, go from the first to the second and
/// back, twice: with a stop that is told, and with a cable that is pulled.
fn to_and_fro(lab: &Lab, programs: [Program; 2]) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let wire = Wire::of_switch(lab, "front");
    let instance = |priority, state| {
        let secret = Instance {
            name: "VI_SECRET",
            vrid: 61,
            addresses: vec!["10.0.0.81"],
            ..Instance::new(priority).state(state).password("s3cret")
        };
        Instance::new(priority).state(state).beside(secret)
    };
    let instances = [instance(250, "MASTER"), instance(240, "BACKUP")];
    let holds_both = |director| {
        cluster.expect_holder(VIP, director, LONG);
        cluster.expect_holder("10.0.0.81", director, LONG);
    };
    let pair = Pair::start(lab, &cluster, instances, programs);

    let answers = pair.during("the first stops", [director1, director2], || {
        pair.one.sigterm(secs(10));
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        holds_both(director2);
    });
    pair.check(&answers, REST);

    let mut again = None;
    let mark = pair.two.log().mark();
    let answers = pair.during("the first is back", [director2, director1], || {
        let one = director1.start_as(programs[0], &pair.conf(0));
        one.wait_for_state("VI_1", "MASTER", LONG);
        pair.two.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
        holds_both(director1);
        again = Some(one);
    });
    pair.check(&answers, REST);
    let one = again.unwrap();

    let mark = pair.two.log().mark();
    let answers = pair.during("its cable is pulled", [director1, director2], || {
        director1.unplug("eth0");
        pair.two.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        one.wait_for_state("VI_1", "FAULT", LONG);
        holds_both(director2);
    });
    pair.check(&answers, pair.bound());

    let mark = one.log().mark();
    let answers = pair.during("its cable is in again", [director2, director1], || {
        director1.plug("eth0");
        one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
        holds_both(director1);
    });
    pair.check(&answers, REST);

    let traffic = wire.stop();
    for director in [director1, director2] {
        let sent = traffic.clone().sent_by(director, "eth0").adverts();
        for vrid in [51, 61] {
            assert!(sent.iter().any(|advert| advert.vrid == vrid), "{sent:?}");
        }
    }
    traffic.assert_well_formed(lab, "front");
}

fn equals_part_and_meet_with_ipvsd_below(lab: &Lab) {
    equals_part_and_meet(lab, [Ipvsd, Keepalived]);
}

fn equals_part_and_meet_with_ipvsd_above(lab: &Lab) {
    equals_part_and_meet(lab, [Keepalived, Ipvsd]);
}

/// Two of the same priority: who is master stays so, and when two masters meet the one
/// with the higher address, 10.0.0.2, stays master.
fn equals_part_and_meet(lab: &Lab, programs: [Program; 2]) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let instances = [Instance::new(100), Instance::new(100)];
    let pair = Pair::start(lab, &cluster, instances, programs);
    // In as long as it takes to become master without the other.
    std::thread::sleep(pair.instances[1].master_down_interval());
    assert_eq!(cluster.holders(VIP), ["director1"]);

    let mark = pair.one.log().mark();
    let answers = pair.during("no frame gets through", [director1, director2], || {
        director1.isolate("eth0");
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
    });
    pair.check(&answers, pair.bound());
    assert_eq!(cluster.holders(VIP), ["director1", "director2"]);

    // A keepalived that gives way does so without a word, so that a keepalived that
    // stays does not know that it has to announce itself again. ipvsd says a last word.
    let taught = if programs[0] == Ipvsd && !lab.has_stand_in() {
        director1
    } else {
        director2
    };
    let answers = pair.during_split("they meet", [taught, director2], || {
        director1.rejoin("eth0");
        pair.one.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
        cluster.expect_holder(VIP, director2, LONG);
    });
    pair.check(&answers, pair.bound());
    assert_eq!(pair.two.log().count("(VI_1) Entering BACKUP STATE"), 1);
}

fn ipvsd_does_not_preempt_keepalived(lab: &Lab) {
    does_not_preempt(lab, [Ipvsd, Keepalived]);
}

fn keepalived_does_not_preempt_ipvsd(lab: &Lab) {
    does_not_preempt(lab, [Keepalived, Ipvsd]);
}

fn does_not_preempt(lab: &Lab, programs: [Program; 2]) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let instances = [
        Instance::new(250).with("nopreempt"),
        Instance::new(240).with("nopreempt"),
    ];
    let pair = Pair::start(lab, &cluster, instances, programs);
    let mut again = None;
    let answers = pair.during("the first restarts", [director1, director2], || {
        pair.one.sigterm(secs(10));
        pair.two.wait_for_state("VI_1", "MASTER", LONG);
        let one = director1.start_as(programs[0], &pair.conf(0));
        one.wait_for_state("VI_1", "BACKUP", LONG);
        std::thread::sleep(pair.instances[0].master_down_interval() + millis(500));
        cluster.expect_holder(VIP, director2, millis(1));
        again = Some(one);
    });
    pair.check(&answers, REST);
    let one = again.unwrap();
    assert_eq!(one.log().count("(VI_1) Entering MASTER STATE"), 0);

    let answers = pair.during("the second stops", [director2, director1], || {
        pair.two.sigterm(secs(10));
        one.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
    });
    pair.check(&answers, REST);
}

fn ipvsd_delays_its_preemption(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director1, director2] = pair::directors(&cluster);
    let instances = [
        Instance::new(250).with("preempt_delay 3"),
        Instance::new(240),
    ];
    let pair = Pair::start(lab, &cluster, instances, [Ipvsd, Keepalived]);
    pair.one.sigterm(secs(10));
    pair.two.wait_for_state("VI_1", "MASTER", LONG);
    cluster.expect_holder(VIP, director2, LONG);

    let wire = Wire::of_switch(lab, "front");
    let begun = lab.now();
    let mut again = None;
    let answers = pair.during("the first is back", [director2, director1], || {
        let one = director1.start(&pair.conf(0));
        one.wait_for_state("VI_1", "MASTER", LONG);
        cluster.expect_holder(VIP, director1, LONG);
        again = Some(one);
    });
    pair.check(&answers, REST);
    // The delay runs from the first advert heard, and until it is over adverts count:
    // at the earliest the last of them came three seconds after, less an interval.
    let first = wire.stop().sent_by(director1, "eth0").adverts();
    let first = first.first().unwrap().at;
    let least = secs(2) + pair.instances[0].master_down_interval();
    assert!(first - begun >= least, "{:?}", first - begun);
}

/// The best one that is there, of three: 150, 120, 100.
fn three_elect_one(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 3);
    let [director1, director2, director3] = &cluster.directors[..] else {
        panic!("three directors")
    };
    let conf =
        |priority: u8| Instance::new(priority).password("pw").conf() + &web_service(Method::Dr);
    let low = director1.start(&conf(100));
    let high = director2.start_keepalived(&conf(150));
    let middle = director3.start(&conf(120));
    high.wait_for_state("VI_1", "MASTER", LONG);
    cluster.expect_holder(VIP, director2, LONG);
    cluster.client.wait_for_answer(cluster.vip(80), LONG);

    let (low_mark, middle_mark) = (low.log().mark(), middle.log().mark());
    lab.note("the best one stops");
    high.sigterm(secs(10));
    middle.wait_for_state_after(middle_mark, "VI_1", "MASTER", LONG);
    cluster.expect_holder(VIP, director3, LONG);

    lab.note("the next loses its link");
    director3.unplug("eth0");
    low.wait_for_state_after(low_mark, "VI_1", "MASTER", LONG);
    cluster.expect_holder(VIP, director1, LONG);

    lab.note("the best one is back");
    let low_mark = low.log().mark();
    let high = director2.start_keepalived(&conf(150));
    high.wait_for_state("VI_1", "MASTER", LONG);
    low.wait_for_state_after(low_mark, "VI_1", "BACKUP", LONG);
    cluster.expect_holder(VIP, director2, LONG);

    lab.note("and the next one, which changes nothing");
    cluster.teach_neighbours(VIP, director2, "eth0");
    let mark = middle.log().mark();
    director3.plug("eth0");
    middle.wait_for_state_after(mark, "VI_1", "BACKUP", LONG);
    std::thread::sleep(secs(4));
    cluster.expect_holder(VIP, director2, millis(1));
    cluster.expect_neighbours(VIP, director2, "eth0");
    cluster.client.wait_for_answer(cluster.vip(80), secs(5));
}
