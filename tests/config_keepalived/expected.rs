//! Where the two programs differ about a value, and what is to be so.

/// Words of which keepalived takes other numbers: block, word, and the line in
/// `docs/migrating.md` that says why.
pub const EXPECTED: &[(&str, &str, &str)] = &[
    (
        "global_defs",
        "vrrp_garp_lower_prio_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "global_defs",
        "vrrp_garp_master_refresh_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "global_defs",
        "vrrp_garp_master_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "global_defs",
        "smtp_server",
        "| `smtp_server` with a name that is not known |",
    ),
    (
        "global_defs",
        "smtp_connect_timeout",
        "| `smtp_connect_timeout 2.5` |",
    ),
    (
        "global_defs",
        "vrrp_rx_bufs_policy",
        "| `vrrp_rx_bufs_policy NO`",
    ),
    ("global_defs", "vrrp_iptables", "| `vrrp_iptables` |"),
    (
        "global_defs",
        "bfd_cpu_affinity",
        "| `vrrp_cpu_affinity` with a processor that is not there |",
    ),
    (
        "global_defs",
        "checker_cpu_affinity",
        "| `vrrp_cpu_affinity` with a processor that is not there |",
    ),
    (
        "global_defs",
        "vrrp_cpu_affinity",
        "| `vrrp_cpu_affinity` with a processor that is not there |",
    ),
    (
        "(top)",
        "linkbeat_interfaces",
        "`linkbeat_interfaces` with several words",
    ),
    (
        "track_file",
        "weight",
        "| `weight`, `init_file` of a `track_file`",
    ),
    (
        "track_file",
        "init_file",
        "| `weight`, `init_file` of a `track_file`",
    ),
    (
        "vrrp_track_file",
        "weight",
        "| `weight`, `init_file` of a `track_file`",
    ),
    (
        "vrrp_track_file",
        "init_file",
        "| `weight`, `init_file` of a `track_file`",
    ),
    (
        "garp_group",
        "garp_interval",
        "| `garp_interval`, `gna_interval` above 2147.483647 |",
    ),
    (
        "garp_group",
        "gna_interval",
        "| `garp_interval`, `gna_interval` above 2147.483647 |",
    ),
    ("virtual_server", "weight", "| weights above 65535 |"),
    (
        "virtual_server/real_server",
        "weight",
        "| weights above 65535 |",
    ),
    (
        "virtual_server/real_server/HTTP_GET/url",
        "regex_min_offset",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/HTTP_GET/url",
        "regex_max_offset",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/HTTP_GET/url",
        "regex_stack",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/SSL_GET/url",
        "regex_min_offset",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/SSL_GET/url",
        "regex_max_offset",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/SSL_GET/url",
        "regex_stack",
        "| `regex_min_offset`, `regex_max_offset`, `regex_stack`",
    ),
    (
        "virtual_server/real_server/HTTP_GET",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/SSL_GET",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/DNS_CHECK",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/PING_CHECK",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/SMTP_CHECK",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/TCP_CHECK",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/UDP_CHECK",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/SMTP_CHECK/host",
        "fwmark",
        "| `fwmark 0x1f` in a check |",
    ),
    (
        "virtual_server/real_server/UDP_CHECK",
        "payload",
        "| `payload 00fF` |",
    ),
    (
        "vrrp_instance",
        "garp_lower_prio_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "vrrp_instance",
        "garp_master_refresh_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "vrrp_instance",
        "garp_master_repeat",
        "| `garp_master_repeat` above 1000 |",
    ),
    (
        "vrrp_instance",
        "linkbeat_use_polling",
        "| `linkbeat_use_polling`, `lvs_sync_daemon_interface` in an instance",
    ),
    (
        "vrrp_instance",
        "lvs_sync_daemon_interface",
        "| `linkbeat_use_polling`, `lvs_sync_daemon_interface` in an instance",
    ),
    (
        "vrrp_sync_group",
        "global_tracking",
        "| `linkbeat_use_polling`, `lvs_sync_daemon_interface` in an instance",
    ),
    (
        "vrrp_instance",
        "old_unicast_checksum",
        "Words about unicast without a peer",
    ),
];
