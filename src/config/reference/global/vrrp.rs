//! `global_defs`: words about VRRP, and of instances that say nothing themselves.

use super::{BUFFER_ANYHOW, DAY, LONGEST_TIMEOUT, MILLISECOND, MOST, SWITCH};
use crate::config::reference::{Kind, Word, flag, one};

pub(super) const VRRP: &[Word] = &[
    Word::values("vrrp_version", &[one("NUMBER", Kind::Integer(2, 3))])
        .default("2; IPv6 is always 3")
        .means("the version of the protocol"),
    Word::values("vrrp_mcast_group4", &[one("ADDRESS", Kind::Multicast4)])
        .default("224.0.0.18")
        .means("the multicast group of adverts with IPv4"),
    Word::values("vrrp_mcast_group6", &[one("ADDRESS", Kind::Multicast6)])
        .default("ff02::12")
        .means("the multicast group of adverts with IPv6"),
    Word::flag("vrrp_check_unicast_src")
        .default("off")
        .means("`check_unicast_src` of all instances"),
    Word::values("v3_checksum_as_v2", SWITCH)
        .default("off")
        .means("`v3_checksum_as_v2` of all instances"),
    Word::flag("vrrp_strict")
        .default("off")
        .means("`strict_mode` of all instances. It takes no value: `vrrp_strict off` is on"),
    Word::flag("vrrp_skip_check_adv_addr")
        .default("off")
        .means("`skip_check_adv_addr` of all instances"),
    Word::values("vrrp_down_timer_adverts", &[one("NUMBER", Kind::Integer(1, 100))])
        .default("3")
        .means("`down_timer_adverts` of all instances"),
    Word::values("vrrp_lower_prio_no_advert", SWITCH)
        .default("off")
        .means("`lower_prio_no_advert` of all instances"),
    Word::values("vrrp_higher_prio_send_advert", SWITCH)
        .default("on")
        .means("`higher_prio_send_advert` of all instances"),
    Word::values("vrrp_owner_ignore_adverts", SWITCH)
        .default("off")
        .means("`owner_ignore_adverts` of all instances"),
    Word::values("vrrp_garp_master_delay", &[one("SECONDS", Kind::WholeSeconds(0, 4294))])
        .default("5")
        .means("`garp_master_delay` of all instances"),
    Word::values("vrrp_garp_master_repeat", &[one("NUMBER", Kind::Integer(1, 1000))])
        .default("5")
        .means("`garp_master_repeat` of all instances"),
    Word::values("vrrp_garp_lower_prio_delay", &[one("SECONDS", Kind::WholeSeconds(0, 4294))])
        .default("`vrrp_garp_master_delay`")
        .means("`garp_lower_prio_delay` of all instances"),
    Word::values("vrrp_garp_lower_prio_repeat", &[one("NUMBER", Kind::Integer(0, 1000))])
        .default("`vrrp_garp_master_repeat`")
        .means("`garp_lower_prio_repeat` of all instances"),
    Word::values("vrrp_garp_master_refresh", &[one("SECONDS", Kind::WholeSeconds(0, u32::MAX))])
        .default("0")
        .means("`garp_master_refresh` of all instances"),
    Word::values("vrrp_garp_master_refresh_repeat", &[one("NUMBER", Kind::Integer(1, 1000))])
        .default("1")
        .means("`garp_master_refresh_repeat` of all instances"),
    Word::values("vrrp_garp_extra_if", &[flag("all"), one("SECONDS", Kind::WholeSeconds(0, DAY))])
        .default("0")
        .means("`garp_extra_if` of all instances"),
    Word::values("vrrp_vmac_garp_intvl", &[flag("all"), one("SECONDS", Kind::WholeSeconds(0, DAY))])
        .older("vrrp_garp_extra_if"),
    Word::values("vrrp_min_garp", SWITCH)
        .default("off")
        .means("on, the delays above are 0 and the repeats 1 where they are not said"),
    Word::values("vrrp_garp_interval", &[one("SECONDS", Kind::Seconds(0, LONGEST_TIMEOUT))])
        .default("0")
        .means("the least time between two frames of gratuitous ARP on one interface"),
    Word::values("vrrp_gna_interval", &[one("SECONDS", Kind::Seconds(0, LONGEST_TIMEOUT))])
        .default("0")
        .means("the same for neighbour advertisements"),
    Word::values("vrrp_startup_delay", &[one("SECONDS", Kind::Seconds(MILLISECOND, LONGEST_TIMEOUT))])
        .default("none")
        .means("how long after the first start instances listen only. Not at a reload"),
    Word::values("vrrp_delay_after_boot", &[one("SECONDS", Kind::Seconds(MILLISECOND, LONGEST_TIMEOUT))])
        .default("none")
        .means("the same from the machine's boot on; the later of the two counts"),
    Word::flag("log_unknown_vrids")
        .default("off")
        .means("adverts of virtual routers that no instance is of are logged"),
    Word::values("vmac_prefix", &[one("TEXT", Kind::Text)])
        .default("vrrp")
        .means("what the names of virtual MAC interfaces begin with")
        .later("there are no virtual MAC interfaces"),
    Word::values("vmac_addr_prefix", &[one("TEXT", Kind::Text)])
        .default("`vmac_prefix`")
        .means("the same for addresses that are not on their instance's interface")
        .later("there are no virtual MAC interfaces"),
    Word::flag("disable_local_igmp")
        .default("off")
        .means("the kernel does not report groups of 224.0.0.0/24 (sysctl igmp_link_local_mcast_reports)")
        .later("the sysctl is left as it is"),
    Word::values(
        "vrrp_rx_bufs_policy",
        &[one("SIZE", Kind::IntegerOr(0, MOST, &["MTU", "ADVERT", "NO"]))],
    )
    .default("the system's")
    .means("the size of receive buffers: bytes, or that of an interface's MTU or of an advert, for each instance")
    .later(BUFFER_ANYHOW),
    Word::values("vrrp_rx_bufs_multiplier", &[one("NUMBER", Kind::Integer(1, MOST))])
        .default("3")
        .means("how many MTUs or adverts there is room for")
        .later(BUFFER_ANYHOW),
];
