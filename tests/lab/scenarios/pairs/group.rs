//! A sync group on two links: LVS-NAT, where the web servers' way back to the client is
//! an address that must be where the virtual one is.

use crate::cluster::{Cluster, Method};
use crate::daemon::Program::{self, Ipvsd, Keepalived};
use crate::lab::{Lab, millis};
use crate::pair::{self, LONG, REST, VIP, cluster};
use crate::requests::Requests;
use crate::vrrp::{Instance, web_service};

/// The address that moves along, on the web servers' network.
const INNER: &str = "10.1.0.80";

pub fn a_group_of_keepalived_follows_one_of_ipvsd(lab: &Lab) {
    groups_move_together(lab, [Ipvsd, Keepalived], "eth1");
}

pub fn a_group_of_ipvsd_follows_one_of_keepalived(lab: &Lab) {
    groups_move_together(lab, [Keepalived, Ipvsd], "eth0");
}

fn conf(priority: u8) -> String {
    let group = "vrrp_sync_group VG_1 {
        group {
            VI_1
            VI_2
        }
    }\n";
    group.to_owned()
        + &Instance::new(priority).conf()
        + &Instance::behind(priority).conf()
        + &web_service(Method::Nat)
}

/// One link of the first is lost and comes back, and both addresses go and return.
fn groups_move_together(lab: &Lab, programs: [Program; 2], interface: &str) {
    let cluster = cluster(lab, Method::Nat, 2);
    let [director1, director2] = pair::directors(&cluster);
    let one = director1.start_as(programs[0], &conf(150));
    one.wait_for_state("VI_1", "MASTER", LONG);
    one.wait_for_state("VI_2", "MASTER", LONG);
    let two = director2.start_as(programs[1], &conf(100));
    two.wait_for_state("VI_2", "BACKUP", LONG);
    two.wait_for_log("success", LONG);
    let both_with = |director| {
        cluster.expect_holder(VIP, director, LONG);
        cluster.expect_holder(INNER, director, LONG);
    };
    both_with(director1);
    cluster.client.wait_for_answer(cluster.vip(80), LONG);

    let bound = Instance::new(100).master_down_interval() + REST;
    let samples = [director1, director2].map(|director| director.sample_addresses());
    teach(&cluster, director1);
    let requests = Requests::start(lab, &cluster.client, cluster.vip(80));
    requests.wait_for_answers(10, LONG);
    lab.note(format!("{interface} of the first is unplugged"));
    let (mark_one, mark_two) = (one.log().mark(), two.log().mark());
    director1.unplug(interface);
    one.wait_for_log_after(
        mark_one,
        "VRRP_Group(VG_1) Syncing instances to FAULT state",
        LONG,
    );
    two.wait_for_state_after(mark_two, "VI_1", "MASTER", LONG);
    two.wait_for_state_after(mark_two, "VI_2", "MASTER", LONG);
    two.wait_for_log_after(
        mark_two,
        "VRRP_Group(VG_1) Syncing instances to MASTER state",
        LONG,
    );
    both_with(director2);
    requests.wait_for_answers(10, LONG);
    know(&cluster, director2);
    let lasted = requests.stop().assert_no_outage_longer_than(bound);
    lab.note(format!("no answer for {lasted:?} of {bound:?}"));

    lab.note(format!("{interface} is plugged in again"));
    teach(&cluster, director2);
    let requests = Requests::start(lab, &cluster.client, cluster.vip(80));
    requests.wait_for_answers(10, LONG);
    let (mark_one, mark_two) = (one.log().mark(), two.log().mark());
    director1.plug(interface);
    one.wait_for_state_after(mark_one, "VI_1", "MASTER", LONG);
    one.wait_for_state_after(mark_one, "VI_2", "MASTER", LONG);
    two.wait_for_log_after(
        mark_two,
        "VRRP_Group(VG_1) Syncing instances to BACKUP state",
        LONG,
    );
    both_with(director1);
    requests.wait_for_answers(10, LONG);
    know(&cluster, director1);
    let lasted = requests.stop().assert_no_outage_longer_than(bound);
    lab.note(format!("no answer for {lasted:?} of {bound:?}"));

    // Nobody has one address without the other for longer than a look or two.
    for (director, samples) in [director1, director2].into_iter().zip(samples) {
        let samples = samples.stop();
        let half = samples.longest(|lines| {
            let has = |address| lines.iter().any(|line| crate::net::is_of(line, address));
            has(VIP) != has(INNER)
        });
        assert!(
            half < millis(100) + samples.longest_gap,
            "{} had one address without the other for {half:?}: {:#?}",
            director.name(),
            samples.samples
        );
    }
}

fn teach(cluster: &Cluster, holder: &crate::director::Director) {
    cluster.teach_neighbours(VIP, holder, "eth0");
    cluster.teach_neighbours(INNER, holder, "eth1");
}

fn know(cluster: &Cluster, holder: &crate::director::Director) {
    cluster.expect_neighbours(VIP, holder, "eth0");
    cluster.expect_neighbours(INNER, holder, "eth1");
}
