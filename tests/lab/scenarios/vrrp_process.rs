//! The vrrp process and the kernel: addresses, links, adverts and frames, and what it
//! takes with it when it goes.

mod addresses;
mod ends;
mod forms;
mod links;
mod packets;
mod whole;

use ipvsd::vrrp::State;
use ipvsd::vrrp::settings::InstanceSettings;

use self::addresses::{
    addresses_are_as_keepalived_puts_them, five_hundred_addresses,
    the_first_of_a_network_goes_alone, what_another_program_takes_is_put_back,
};
use self::ends::{
    core_ends, it_is_killed_and_comes_back_at_once, it_is_killed_and_comes_back_too_late,
};
use self::forms::{
    a_thousand_instances_share_the_sockets, adverts_of_every_form,
    an_address_in_question_is_waited_for, an_interface_without_ipv6_holds_up_nobody,
    an_ipv6_address_can_be_used_at_once, others_are_told_from_the_reload_on,
    what_is_wrong_with_ipv6_adverts_is_counted,
};
use self::links::{
    an_interface_comes_back_as_another, an_interface_is_called_otherwise,
    another_configuration_brings_another_link, news_that_are_lost_change_nothing,
    the_last_address_goes_and_others_hear_of_it,
};
use self::packets::{
    a_flood_of_adverts_delays_none, a_full_queue_loses_nothing, adverts_that_come_back,
};
use self::whole::{
    core_is_killed, it_comes_back_too_late_and_lets_go, nobody_notices_that_it_is_killed,
};
use crate::lab::{Lab, secs};
use crate::net::{Namespace, ip_batch};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp_child::VrrpChild;

pub const ALL: &[Scenario] = scenarios!(vrrp_process:
    addresses_are_as_keepalived_puts_them,
    the_first_of_a_network_goes_alone,
    what_another_program_takes_is_put_back,
    five_hundred_addresses,
    news_that_are_lost_change_nothing,
    an_interface_comes_back_as_another,
    an_interface_is_called_otherwise,
    the_last_address_goes_and_others_hear_of_it,
    adverts_of_every_form,
    what_is_wrong_with_ipv6_adverts_is_counted,
    an_ipv6_address_can_be_used_at_once,
    an_address_in_question_is_waited_for,
    an_interface_without_ipv6_holds_up_nobody,
    others_are_told_from_the_reload_on,
    a_thousand_instances_share_the_sockets,
    a_flood_of_adverts_delays_none,
    adverts_that_come_back,
    a_full_queue_loses_nothing,
    another_configuration_brings_another_link,
    core_ends,
    it_is_killed_and_comes_back_at_once,
    it_is_killed_and_comes_back_too_late,
    nobody_notices_that_it_is_killed,
    it_comes_back_too_late_and_lets_go,
    core_is_killed,
);

const VIP: &str = "10.0.0.80";

/// Longer than any of these takes, even on a machine with other work.
const LONG: std::time::Duration = secs(20);

/// Hosts `router1` with 10.0.0.1, `router2` with 10.0.0.2 and so on, by their `eth0` on
/// the switch `front`.
fn routers<const N: usize>() -> [Namespace; N] {
    ip_batch(
        None,
        "link add front type bridge mcast_snooping 0 forward_delay 0\n\
         link set front up\n",
    );
    std::array::from_fn(|n| {
        let host = Namespace::create(&format!("router{}", n + 1));
        host.attach("front", "eth0", &[&format!("10.0.0.{}/24", n + 1)]);
        host
    })
}

/// Starts a vrrp process that has one instance, and waits until that is master.
fn start_master(lab: &Lab, host: &Namespace, instance: InstanceSettings) -> VrrpChild {
    let child = VrrpChild::start(lab, host, vec![instance], Default::default());
    child.wait_for_state("VI_1", State::Master, LONG);
    child
}

/// What `ip` shows of the addresses of `eth0`, an address a line, without what differs
/// from one host to another.
fn shown(host: &Namespace) -> Vec<String> {
    let text = host.sh("ip -d -o -4 addr show dev eth0");
    let lines = text.lines().map(|line| {
        let (_, address) = line.split_once("inet ").unwrap();
        address
            .replace("\\", "")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    });
    lines.collect()
}
