//! Words that mean something now, with values that are right, are taken without a word.
//! What holds for every word of the table is in `config_reference`.

use ipvsd::config::{self, Code, Loaded, Sources};

const TOP_LEVEL: &str = "(top)";

/// Words that mean something now, and a value that is right.
const SERVED: &[(&str, &str)] = &[
    ("global_defs", "router_id lvs1"),
    ("global_defs", "script_user nobody nogroup"),
    ("global_defs", "enable_script_security"),
    ("global_defs", "lvs_audit_interval 5"),
    ("global_defs", "notify_timeout 5"),
    ("global_defs", "notification_email { admin@example.org }"),
    (
        "global_defs",
        "notification_email_from \"LVS <lvs@example.org>\"",
    ),
    ("global_defs", "smtp_server mail.example.org 2525"),
    ("global_defs", "smtp_connect_timeout 30"),
    ("global_defs", "smtp_helo_name lvs1.example.org"),
    ("global_defs", "smtp_alert on"),
    ("global_defs", "smtp_alert_checker off"),
    ("global_defs", "smtp_alert_vrrp yes"),
    ("global_defs", "no_email_faults"),
    ("global_defs", "vrrp_version 2"),
    ("global_defs", "vrrp_mcast_group4 224.0.0.19"),
    ("global_defs", "vrrp_garp_master_delay 0"),
    ("global_defs", "vrrp_garp_master_repeat 1000"),
    ("global_defs", "vrrp_garp_lower_prio_delay 0"),
    ("global_defs", "vrrp_garp_lower_prio_repeat 0"),
    ("global_defs", "vrrp_garp_master_refresh 4294967295"),
    ("global_defs", "vrrp_garp_master_refresh_repeat 1"),
    ("global_defs", "vrrp_garp_interval 0.000001"),
    ("global_defs", "vrrp_gna_interval 4294.967295"),
    ("global_defs", "vrrp_min_garp yes"),
    ("global_defs", "vrrp_garp_extra_if all 86400"),
    ("global_defs", "vrrp_mcast_group6 ff02::13"),
    ("global_defs", "vrrp_check_unicast_src"),
    ("global_defs", "v3_checksum_as_v2 on"),
    ("global_defs", "vrrp_skip_check_adv_addr"),
    ("global_defs", "vrrp_strict"),
    ("global_defs", "vrrp_down_timer_adverts 100"),
    ("global_defs", "vrrp_lower_prio_no_advert"),
    ("global_defs", "vrrp_higher_prio_send_advert no"),
    ("global_defs", "vrrp_owner_ignore_adverts"),
    ("global_defs", "vrrp_startup_delay 5.5"),
    ("global_defs", "vrrp_delay_after_boot 15.23"),
    ("global_defs", "log_unknown_vrids"),
    ("global_defs", "vrrp_priority -20"),
    ("global_defs", "vrrp_rt_priority 99"),
    ("global_defs", "vrrp_rlimit_rttime 1"),
    ("global_defs", "vrrp_no_swap"),
    ("global_defs", "vrrp_cpu_affinity 0 1 8191"),
    ("global_defs", "max_auto_priority -1"),
    ("global_defs", "min_auto_priority_delay 10000000"),
    (
        TOP_LEVEL,
        "garp_group { garp_interval 1\n gna_interval 2\n interface eth0\n }",
    ),
    ("garp_group", "garp_interval 0.1"),
    ("garp_group", "gna_interval 0.1"),
    ("garp_group", "interface eth0"),
    ("garp_group", "interfaces { eth0\n eth1 eth2\n }"),
    ("vrrp_instance", "state MASTER\n priority 150"),
    ("vrrp_instance", "interface eth0.100"),
    ("vrrp_instance", "virtual_router_id 255"),
    ("vrrp_instance", "priority 1"),
    ("vrrp_instance", "advert_int 255"),
    ("vrrp_instance", "version 2"),
    ("vrrp_instance", "accept"),
    ("vrrp_instance", "nopreempt"),
    ("vrrp_instance", "preempt"),
    ("vrrp_instance", "preempt_delay 4.12"),
    ("vrrp_instance", "mcast_dst_ip 239.1.2.3"),
    ("vrrp_instance", "garp_master_delay 4294"),
    ("vrrp_instance", "garp_master_repeat 1"),
    ("vrrp_instance", "garp_lower_prio_delay 1"),
    ("vrrp_instance", "garp_lower_prio_repeat 0"),
    ("vrrp_instance", "garp_master_refresh 60"),
    ("vrrp_instance", "garp_master_refresh_repeat 2"),
    ("vrrp_instance", "garp_extra_if 0"),
    ("vrrp_instance", "mcast_src_ip 10.0.0.1"),
    (
        "vrrp_instance",
        "unicast_src_ip 10.0.0.1\n unicast_peer { 10.0.0.2\n }",
    ),
    (
        "vrrp_instance",
        "unicast_peer { 10.0.0.2 min_ttl 254 max_ttl 255\n 10.0.0.3 min_ttl 0\n }",
    ),
    (
        "vrrp_instance",
        "unicast_ttl 1\n unicast_peer { 10.0.0.2\n }",
    ),
    (
        "vrrp_instance",
        "check_unicast_src on\n unicast_peer { 10.0.0.2\n }",
    ),
    (
        "vrrp_instance",
        "unicast_fault_no_peer\n unicast_peer { 10.0.0.2\n }",
    ),
    (
        "vrrp_instance",
        "old_unicast_checksum\n version 3\n unicast_peer { 10.0.0.2\n }",
    ),
    ("vrrp_instance", "v3_checksum_as_v2 on\n version 3"),
    ("vrrp_instance", "native_ipv6"),
    (
        "vrrp_instance",
        "virtual_ipaddress_excluded { fd00::1/64\n 10.0.0.81\n }",
    ),
    ("vrrp_instance", "no_virtual_ipaddress"),
    ("vrrp_instance", "skip_check_adv_addr off"),
    ("vrrp_instance", "strict_mode off"),
    (
        "vrrp_instance",
        "notify_master_rx_lower_pri /bin/script nobody",
    ),
    ("vrrp_instance", "down_timer_adverts 1"),
    ("vrrp_instance", "timer_expired_backup 200\n nopreempt"),
    ("vrrp_instance", "lower_prio_no_advert"),
    ("vrrp_instance", "higher_prio_send_advert off"),
    ("vrrp_instance", "owner_ignore_adverts"),
    (
        "vrrp_instance",
        "auth_hmac { key 1 abcdefghijklmnopqrstuvwxyz012345\n }",
    ),
    (
        "vrrp_instance/auth_hmac",
        "key 255 hex:000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ),
    ("vrrp_instance/auth_hmac", "active_key 1"),
    ("vrrp_instance/auth_hmac", "time_window 300"),
    ("vrrp_instance/auth_hmac", "anti_replay time"),
    ("vrrp_instance/auth_hmac", "mode receive-only"),
    (
        "vrrp_instance",
        "notify_master \"/bin/script 'a b'\" nobody nogroup",
    ),
    ("vrrp_instance", "notify_backup /bin/script"),
    ("vrrp_instance", "notify_fault /bin/script"),
    ("vrrp_instance", "notify_stop /bin/script"),
    ("vrrp_instance", "notify /bin/script"),
    ("vrrp_instance", "smtp_alert off"),
    (
        "vrrp_instance",
        "authentication { auth_type PASS\n auth_pass 1111\n }",
    ),
    (
        "vrrp_instance",
        "virtual_ipaddress { 10.0.0.81/24 brd + dev eth1 scope link label eth1:1\n }",
    ),
    ("vrrp_instance/authentication", "auth_type PASS"),
    ("vrrp_instance/authentication", "auth_pass 12345678"),
    ("vrrp_sync_group", "group { VI_1 VI_2\n }"),
    ("vrrp_sync_group", "notify_master /bin/script"),
    ("vrrp_sync_group", "notify_backup /bin/script"),
    ("vrrp_sync_group", "notify_fault /bin/script"),
    ("vrrp_sync_group", "notify_stop /bin/script"),
    ("vrrp_sync_group", "notify /bin/script"),
    ("vrrp_sync_group", "smtp_alert on"),
    ("virtual_server", "smtp_alert no"),
    ("virtual_server/real_server", "smtp_alert no"),
    ("virtual_server", "delay_loop 1.5"),
    ("virtual_server", "connect_timeout 2"),
    ("virtual_server", "retry 3"),
    ("virtual_server", "delay_before_retry 0"),
    ("virtual_server", "warmup 0"),
    ("virtual_server", "alpha"),
    ("virtual_server", "inhibit_on_failure"),
    ("virtual_server", "virtualhost www.example.org"),
    ("virtual_server", "lb_algo mh"),
    ("virtual_server", "lvs_sched twos"),
    ("virtual_server", "lb_kind TUN type ipip"),
    ("virtual_server", "lvs_method NAT"),
    ("virtual_server", "persistence_timeout 2678400"),
    ("virtual_server", "protocol sctp"),
    ("virtual_server", "quorum 1"),
    ("virtual_server", "hysteresis 0"),
    ("virtual_server", "weight 7"),
    ("virtual_server", "sorry_server 10.0.0.9"),
    ("virtual_server", "sorry_server_lvs_method DR"),
    ("virtual_server/real_server", "weight 0"),
    ("virtual_server/real_server", "lvs_method DR"),
    ("virtual_server/real_server", "inhibit_on_failure off"),
    ("virtual_server/real_server", "alpha yes"),
    ("virtual_server/real_server", "retry 1"),
    ("virtual_server/real_server", "delay_before_retry .5"),
    ("virtual_server/real_server", "warmup 1."),
    ("virtual_server/real_server", "connect_timeout +3"),
    ("virtual_server/real_server", "delay_loop 0.000001"),
    ("virtual_server/real_server", "virtualhost a"),
    ("virtual_server/real_server", "TCP_CHECK { }"),
    (
        "virtual_server/real_server",
        "HTTP_GET { url { path /\n } }",
    ),
    (
        "virtual_server/real_server",
        "MISC_CHECK { misc_path /bin/true\n }",
    ),
    ("virtual_server/real_server/TCP_CHECK", "connect_ip fd00::1"),
    ("virtual_server/real_server/TCP_CHECK", "connect_port 65535"),
    (
        "virtual_server/real_server/TCP_CHECK",
        "connect_timeout 4294.967295",
    ),
    ("virtual_server/real_server/TCP_CHECK", "retry 0"),
    (
        "virtual_server/real_server/TCP_CHECK",
        "delay_before_retry 1",
    ),
    ("virtual_server/real_server/TCP_CHECK", "warmup 1"),
    ("virtual_server/real_server/TCP_CHECK", "delay_loop 1"),
    ("virtual_server/real_server/TCP_CHECK", "alpha false"),
    ("virtual_server/real_server/HTTP_GET", "connect_ip 10.0.0.1"),
    ("virtual_server/real_server/HTTP_GET", "connect_port 1"),
    ("virtual_server/real_server/HTTP_GET", "connect_timeout 1"),
    ("virtual_server/real_server/HTTP_GET", "retry 4294967295"),
    (
        "virtual_server/real_server/HTTP_GET",
        "delay_before_retry 1",
    ),
    ("virtual_server/real_server/HTTP_GET", "warmup 1"),
    ("virtual_server/real_server/HTTP_GET", "delay_loop 1"),
    ("virtual_server/real_server/HTTP_GET", "alpha true"),
    ("virtual_server/real_server/HTTP_GET", "virtualhost a"),
    ("virtual_server/real_server/HTTP_GET", "url { path /b\n }"),
    ("virtual_server/real_server/HTTP_GET/url", "path /a?b=c"),
    (
        "virtual_server/real_server/HTTP_GET/url",
        "digest 9B3A0c85a887a256d6939da88aabd8cd",
    ),
    (
        "virtual_server/real_server/HTTP_GET/url",
        "status_code 100 200-299 599",
    ),
    ("virtual_server/real_server/HTTP_GET/url", "virtualhost a"),
    (
        "virtual_server/real_server/MISC_CHECK",
        "misc_path \"/bin/check 'a b'\"",
    ),
    ("virtual_server/real_server/MISC_CHECK", "misc_timeout 4294"),
    ("virtual_server/real_server/MISC_CHECK", "misc_dynamic"),
    ("virtual_server/real_server/MISC_CHECK", "user nobody"),
    ("virtual_server/real_server/MISC_CHECK", "retry 0"),
    (
        "virtual_server/real_server/MISC_CHECK",
        "delay_before_retry 1",
    ),
    ("virtual_server/real_server/MISC_CHECK", "warmup 1"),
    ("virtual_server/real_server/MISC_CHECK", "delay_loop 1"),
    ("virtual_server/real_server/MISC_CHECK", "alpha no"),
];

/// What a block has to have, beside what is looked at.
const NEEDED: &[(&str, &str)] = &[
    ("vrrp_instance", "interface eth0\n"),
    ("vrrp_instance", "virtual_router_id 51\n"),
    ("vrrp_instance", "virtual_ipaddress {\n10.0.0.80\n}\n"),
    ("authentication", "auth_type PASS\n"),
    ("authentication", "auth_pass 1111\n"),
    ("vrrp_sync_group", "group {\nVI_1\nVI_2\n}\n"),
    ("garp_group", "garp_interval 1\n"),
    ("garp_group", "interface eth0\n"),
    ("auth_hmac", "key 1 abcdefghijklmnopqrstuvwxyz012345\n"),
];

/// The first word.
fn keyword(statement: &str) -> &str {
    statement.split([' ', '\n']).next().unwrap_or(statement)
}

/// A configuration with a statement in a block, complete but for what the statement
/// may add.
fn within(block: &str, statement: &str) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    let (mut servers, mut url, mut path, mut script) = ("", "", "", "");
    for name in block.split('/').filter(|name| *name != TOP_LEVEL) {
        let open = match name {
            "virtual_server" => "virtual_server 10.0.0.1 80 {\nprotocol TCP\n",
            "real_server" => "real_server 10.0.0.2 80 {\n",
            "global_defs" => "global_defs {\n",
            "vrrp_instance" => "vrrp_instance VI_1 {\n",
            "vrrp_sync_group" => "vrrp_sync_group VG_1 {\n",
            _ => &format!("{name} {{\n"),
        };
        before.push_str(open);
        after.push_str("}\n");
        for (of, needed) in NEEDED {
            if name == *of && keyword(statement) != keyword(needed) {
                before.push_str(needed);
            }
        }
        match name {
            "virtual_server" => servers = "real_server 10.0.0.3 80 {\n}\n",
            "real_server" => servers = "",
            "HTTP_GET" | "SSL_GET" => url = "url {\npath /\n}\n",
            "url" => (url, path) = ("", "path /\n"),
            "MISC_CHECK" => script = "misc_path /bin/true\n",
            _ => {}
        }
    }
    // What the statement says itself need not be there.
    if statement.starts_with("path") {
        path = "";
    }
    if statement.starts_with("misc_path") {
        script = "";
    }
    if block == "vrrp_sync_group" {
        for (name, vrid) in [("VI_1", 1), ("VI_2", 2)] {
            after.push_str(&format!(
                "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n\
                 virtual_ipaddress {{\n10.0.0.{vrid}\n}}\n}}\n"
            ));
        }
    }
    format!("{before}{servers}{url}{path}{script}{statement}\n{after}")
}

fn read(text: &str) -> Loaded {
    config::parse(Sources::from_text("words.conf", text))
}

fn codes(loaded: &Loaded) -> Vec<Code> {
    let list = loaded.diagnostics.list();
    list.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn served_words_are_taken_as_they_are() {
    for (block, statement) in SERVED {
        let loaded = read(&within(block, statement));
        let mut codes = codes(&loaded);
        // The sentence around it says a protocol already, and the method of a sorry
        // server takes one.
        codes.retain(|code| !matches!(code, Code::Repeated | Code::Redundant | Code::NoEffect));
        assert_eq!(codes, [], "{block}: {statement}");
        assert!(loaded.model.is_some(), "{block}: {statement}");
    }
}

/// The part of a page from a heading to the next.
fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let start = page.find(&format!("\n## {heading}\n"))? + 4;
    let length = page[start..].find("\n## ").unwrap_or(page.len() - start);
    Some(&page[start..start + length])
}

#[test]
fn the_reference_has_every_code() {
    let page = include_str!("../docs/configuration.md");
    let codes = section(page, "What `check` tells").expect("a table of codes");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.severity().name());
        assert!(codes.contains(&row), "{row}");
    }
    // What is told of the machine has no severity.
    let is_row = |line: &&str| line.starts_with("| `") && line.matches(" | ").count() == 2;
    let rows = codes.lines().filter(is_row);
    assert_eq!(rows.count(), Code::ALL.len());
}
