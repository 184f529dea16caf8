//! Where the two programs differ, and what is to be so. Each has a line in
//! `docs/migrating.md` that says why.

/// A difference that is no mistake.
pub struct Expected {
    /// The configuration, or the beginning of its name; empty for all.
    pub of: &'static str,
    /// What the difference has in it, all of these.
    pub has: &'static [&'static str],
    /// Words of the line in `docs/migrating.md`.
    pub line: &'static str,
}

const fn expected(of: &'static str, has: &'static [&'static str], line: &'static str) -> Expected {
    Expected { of, has, line }
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
        "samples/keepalived.conf.vrrp.lvs_syncd",
        &["only ipvsd refuses: error[missing-value]: a sync group"],
        "| a group without instances |",
    ),
    expected(
        "samples/keepalived.conf.vrrp",
        &["only ipvsd refuses: error[duplicate]: 192.168.200.18"],
        "| an address twice on an interface",
    ),
    // Left out by keepalived.
    expected(
        "",
        &["vrrp_script ", "only in ipvsd"],
        "| a `vrrp_script` that nothing tracks, or whose program is not there |",
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
        &["state: keepalived BACKUP, ipvsd MASTER"],
        "| `state MASTER` with `auth_type AH`, or in a sync group with a `BACKUP` |",
    ),
    expected(
        "seeds/haproxy.conf",
        &["no_accept: keepalived on, ipvsd off"],
        "| `strict_mode` | drops what is sent to the virtual addresses",
    ),
];
