//! Where the two programs differ, and what is to be so. Each has a line in
//! `docs/migrating.md` that says why.

/// A difference that is no mistake.
pub struct Expected {
    /// The configuration, or the beginning of its name; empty for all.
    pub of: &'static str,
    /// What the difference has in it, all of these.
    pub has: &'static [&'static str],
    /// The word that has another value; empty for any.
    pub word: &'static str,
    /// What ipvsd says of the same thing: word and value, `!` before what it must not be.
    pub also: &'static [(&'static str, &'static str)],
    /// Words of the line in `docs/migrating.md`.
    pub line: &'static str,
}

const fn expected(of: &'static str, has: &'static [&'static str], line: &'static str) -> Expected {
    Expected {
        of,
        has,
        word: "",
        also: &[],
        line,
    }
}

impl Expected {
    /// Only where ipvsd says this of the same thing.
    const fn where_it_says(self, also: &'static [(&'static str, &'static str)]) -> Self {
        Self { also, ..self }
    }
}

pub const EXPECTED: &[Expected] = &[
    // Refused, where keepalived goes on with what it makes of it.
    expected(
        "seeds/check_web.conf",
        &["only ipvsd refuses: error[wrong-block]"],
        "| a word in a wrong block |",
    ),
    expected(
        "seeds/redis_notify.conf",
        &["only ipvsd refuses: error[wrong-block]"],
        "| a word in a wrong block |",
    ),
    expected(
        "seeds/multicast.conf",
        &["only ipvsd refuses: error[unknown-word]"],
        "| an unknown word |",
    ),
    expected(
        "seeds/redis_group.conf",
        &["only ipvsd refuses: error[invalid-value]", "VG_REDIS"],
        "| a group with an instance that is not there |",
    ),
    expected(
        "samples/keepalived.conf.vrrp.lvs_syncd",
        &["only ipvsd refuses: error[unknown-word]"],
        "| an unknown word |",
    ),
    expected(
        "samples/keepalived.conf.vrrp",
        &["only ipvsd refuses: error[duplicate]: 192.168.200.18"],
        "| an address twice on an interface",
    ),
    expected(
        "samples/keepalived.conf.vrrp.rules",
        &["only ipvsd refuses: error[invalid-value]: `192.168."],
        "| `192.168.200./24` in a route or a rule |",
    ),
    // Without -i none of its lines for one configuration counts.
    expected(
        "samples/keepalived.conf.conditional_conf",
        &["only ipvsd refuses: error[missing-value]: `vrrp_script` needs `script`"],
        "| a `vrrp_script` without `script` |",
    ),
    // Left out by keepalived.
    expected(
        "",
        &["vrrp_script ", ": only in ipvsd"],
        "| a `vrrp_script` or a `track_file` that nothing tracks",
    ),
    expected(
        "generated",
        &["track_file tfile: only in ipvsd"],
        "| a `vrrp_script` or a `track_file` that nothing tracks",
    ),
    expected(
        "samples/keepalived.conf.misc_check",
        &["MISC_CHECK 1: only in ipvsd"],
        "| it cannot be run | the server stays in the table, unchecked |",
    ),
    expected(
        "samples/keepalived.conf.SMTP_CHECK",
        &["SMTP_CHECK", "only in keepalived"],
        "| `host` in `SMTP_CHECK` |",
    ),
    // Another value.
    expected(
        "samples/keepalived.conf.SMTP_CHECK",
        &["SMTP_CHECK", "connect_timeout: keepalived 0, ipvsd 10"],
        "| `host` in `SMTP_CHECK` |",
    ),
    expected(
        "samples/keepalived.conf.vrrp.localcheck",
        &["script: keepalived </dev/tcp/"],
        "| `script \"</dev/tcp/ADDRESS/PORT\"` |",
    ),
    expected(
        "",
        &["higher_prio_send_advert: keepalived off, ipvsd on"],
        "| `higher_prio_send_advert` not said | off | on |",
    ),
    expected(
        "",
        &["skip_check_adv_addr: keepalived on, ipvsd off"],
        "| `skip_check_adv_addr off` |",
    ),
    expected(
        "",
        &["garp_master_refresh_repeat: keepalived 0, ipvsd 1"],
        "| `vrrp_min_garp` and a `garp_master_refresh` |",
    ),
    expected(
        "",
        &["vrrp_instance ", ": state: keepalived BACKUP, ipvsd MASTER"],
        "| `state MASTER` with `auth_type AH`, or in a sync group |",
    )
    .where_it_says(&[("auth_type", "AH")]),
    expected(
        "",
        &["vrrp_instance ", ": state: keepalived BACKUP, ipvsd MASTER"],
        "| `state MASTER` with `auth_type AH`, or in a sync group |",
    )
    .where_it_says(&[("(in a group)", "yes")]),
    expected(
        "generated",
        &["vrrp_instance ", ": debug: keepalived ", ", ipvsd 0"],
        "| `debug` in `vrrp_instance` |",
    ),
    expected(
        "generated",
        &["vrrp_sync_group G: track_", ": keepalived 0"],
        "| a weight in a sync group with a member of `priority 255` |",
    ),
    // keepalived shows weights that have no effect either.
    expected(
        "",
        &["vrrp_instance ", ": track_", "ipvsd says nothing"],
        "| `state MASTER` without `priority` |",
    )
    .where_it_says(&[("priority", "255")]),
    expected(
        "",
        &["vrrp_instance ", ": no_accept: keepalived on, ipvsd off"],
        "| `strict_mode` | drops what is sent to the virtual addresses",
    )
    .where_it_says(&[("strict_mode", "on")]),
    // What keepalived takes back because of the order.
    too_early("sh-port", &[("lvs_sched", "sh")]),
    expected(
        "generated",
        &[": sorry_server: keepalived ", ":0, ipvsd ", ":80"],
        "| `sorry_server` without a port, with NAT |",
    ),
    expected(
        "generated",
        &[": lthreshold: keepalived ", ", ipvsd 0"],
        "| `lthreshold` without `uthreshold` |",
    ),
    // The port is the virtual server's with DR and TUN, and these are said too early.
    expected(
        "generated",
        &[": sorry_server: keepalived ", ":8080, ipvsd ", ":80"],
        "| `sh-port` and its like before `lvs_sched`",
    )
    .where_it_says(&[("sorry_server_lvs_method", "!NAT")]),
    expected(
        "generated",
        &[": sorry_server_lvs_method: keepalived "],
        "| `sh-port` and its like before `lvs_sched`",
    ),
    expected(
        "generated",
        &["SMTP_CHECK ", ": only in keepalived"],
        "| `host` in `SMTP_CHECK` |",
    ),
    expected(
        "generated",
        &["BFD_CHECK 1: only in ipvsd"],
        "| `BFD_CHECK` of a `bfd_instance` with `vrrp` and without `checker` |",
    )
    .where_it_says(&[("(its session)", "for instances alone")]),
    expected(
        "generated",
        &[
            "vrrp_instance ",
            ": promote_secondaries: keepalived off, ipvsd on",
        ],
        "| `promote_secondaries` with `use_vmac` or `use_ipvlan` |",
    )
    .where_it_says(&[("(vmac)", "yes")]),
    // An instance without a peer, whose adverts keepalived shows to go out by multicast.
    expected(
        "generated",
        &[
            "vrrp_instance ",
            ": mcast_dst_ip: keepalived ",
            "ipvsd says nothing",
        ],
        PEERLESS,
    )
    .where_it_says(&[("(unicast)", "off"), ("unicast_fault_no_peer", "on")]),
    expected(
        "generated",
        &[
            "vrrp_instance ",
            ": check_unicast_src: keepalived off, ipvsd on",
        ],
        PEERLESS,
    )
    .where_it_says(&[("(unicast)", "off")]),
    expected(
        "generated",
        &[
            "vrrp_instance ",
            ": check_unicast_src: keepalived off, ipvsd on",
        ],
        "| `vrrp_check_unicast_src` |",
    )
    .where_it_says(&[("(unicast)", "on"), ("(all check_unicast_src)", "yes")]),
    expected(
        "generated",
        &[
            "global_defs: smtp_connect_timeout: keepalived ",
            ".",
            "ipvsd ",
        ],
        "| `smtp_connect_timeout 2.5` |",
    ),
    expected(
        "generated",
        &["global_defs: nftables_priority: keepalived -1, ipvsd "],
        NFTABLES,
    ),
    expected(
        "generated",
        &["global_defs: nftables_ifindex: keepalived off, ipvsd on"],
        NFTABLES,
    ),
    expected(
        "generated",
        &["global_defs: nftables_ipvs_priority: keepalived -1, ipvsd "],
        NFTABLES,
    ),
    expected(
        "generated",
        &["global_defs: nftables_ipvs_start_fwmark: keepalived 1000, ipvsd "],
        NFTABLES,
    ),
];

const EFFECTLESS: &str = "- `ops` and `persistence_engine sip` have no effect without UDP";
const PEERLESS: &str = "- Words about unicast without a peer";
const NFTABLES: &str = "| `nftables_priority` and its like without `nftables`, or before it |";

/// A word of a virtual server that keepalived wants to have behind another one.
const fn too_early(word: &'static str, also: &'static [(&'static str, &'static str)]) -> Expected {
    taken_back(word, "| `sh-port` and its like before `lvs_sched`", also)
}

const fn taken_back(
    word: &'static str,
    line: &'static str,
    also: &'static [(&'static str, &'static str)],
) -> Expected {
    Expected {
        of: "generated",
        word,
        has: &[": keepalived off, ipvsd on"],
        also,
        line,
    }
}
