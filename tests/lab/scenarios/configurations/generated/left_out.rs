//! Words that are in no configuration that is made.

/// Words of the table that keepalived 2.2.7 does not know, by their blocks. That it does
/// not is asked of it by `tests/config_keepalived`.
pub const NEWER: &[(&str, &[&str])] = &[
    (
        "global_defs",
        &[
            "dbus_no_interface_name",
            "iproute_etc_dir",
            "iproute_usr_dir",
            "json_dump_file",
            "json_version",
            "lvs_audit_interval",
            "lvs_id",
            "notify_timeout",
            "set_supplementary_groups",
            "snmp_rs_stats_update_interval",
            "snmp_vs_stats_update_interval",
            "state_dump_file",
            "stats_dump_file",
            "use_symlink_paths",
            "v3_checksum_as_v2",
            "vrrp_delay_after_boot",
            "vrrp_ipsets",
            "vrrp_owner_ignore_adverts",
        ],
    ),
    ("bfd_instance", &["multihop"]),
    (
        "vrrp_instance",
        &[
            "auth_hmac",
            "lvs_sync_daemon_inteface",
            "no_virtual_ipaddress",
            "owner_ignore_adverts",
            "thread_timer_expired",
            "timer_expired_backup",
            "v3_checksum_as_v2",
        ],
    ),
    (
        "vrrp_instance/auth_hmac",
        &["active_key", "anti_replay", "key", "mode", "time_window"],
    ),
    ("virtual_server", &["drain_timeout", "nat_mask"]),
    ("virtual_server/real_server", &["drain_timeout"]),
    ("virtual_server/real_server/MISC_CHECK", &["nb_get_retry"]),
    ("virtual_server/real_server/SMTP_CHECK", &["nb_get_retry"]),
    (
        "virtual_server/real_server/SSL_GET",
        &["sni_name", "tls_compliant"],
    ),
    ("virtual_server/real_server/SSL_GET/url", &["tls_compliant"]),
    ("virtual_server/real_server/TCP_CHECK", &["nb_get_retry"]),
];

/// Words that it knows, and why they are left out all the same: block, word, reason.
pub const LEFT_OUT: &[(&str, &str, &str)] = &[
    (
        "(top)",
        "net_namespace",
        "both programs would be in a network without the interfaces",
    ),
    (
        "(top)",
        "net_namespace_ipvs",
        "both programs would be in a network without a table",
    ),
    (
        "(top)",
        "namespace_with_ipsets",
        "needs a network namespace",
    ),
    (
        "global_defs",
        "include_check",
        "about files that are included, and without effect on what stands in this one",
    ),
    (
        "global_defs",
        "random_seed",
        "without effect on what is compared",
    ),
    (
        "global_defs",
        "reload_check_config",
        "with `-d`, which its dump takes, keepalived ends at once",
    ),
    (
        "global_defs",
        "startup_script",
        "keepalived waits for it before it reads what it dumps",
    ),
    (
        "global_defs",
        "vrrp_iptables",
        "this keepalived is built without iptables",
    ),
    (
        "SSL",
        "certificate",
        "keepalived ends where these are not files of one key",
    ),
    (
        "SSL",
        "key",
        "keepalived ends where these are not files of one key",
    ),
    (
        "SSL",
        "password",
        "keepalived ends where these are not files of one key",
    ),
    (
        "SSL",
        "ca",
        "keepalived ends where these are not files of one key",
    ),
];

/// Whether a word is in none.
pub fn is_left_out(block: &str, word: &str) -> bool {
    let is_newer = NEWER
        .iter()
        .any(|(of, words)| *of == block && words.contains(&word));
    is_newer || LEFT_OUT.iter().any(|it| (it.0, it.1) == (block, word))
}
