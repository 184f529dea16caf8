//! What stands behind the words of configurations that are made.

use ipvsd::config::reference::{Count, Kind, Word};

use super::Dice;
use crate::samples;
use crate::sentences;

/// Blocks at the top level that stand in every configuration.
pub const BY_HAND: &[&str] = &[
    "global_defs",
    "vrrp_script",
    "vrrp_track_process",
    "bfd_instance",
    "track_file",
    "vrrp_track_file",
    "vrrp_instance",
    "virtual_server",
];

/// Words that stand in every block of a kind.
pub const ALWAYS: &[(&str, &[&str])] = &[
    (
        "global_defs",
        &[
            "enable_script_security",
            "script_user",
            "smtp_server",
            "notification_email",
        ],
    ),
    ("vrrp_script", &["script"]),
    ("vrrp_track_process", &["process"]),
    ("track_file", &["file"]),
    ("vrrp_track_file", &["file"]),
    ("bfd_instance", &["neighbor_ip"]),
    ("track_group", &["group"]),
    (
        "vrrp_instance",
        &["interface", "virtual_router_id", "virtual_ipaddress"],
    ),
    ("vrrp_instance/authentication", &["auth_type", "auth_pass"]),
    ("vrrp_sync_group", &["group"]),
    ("garp_group", &["garp_interval", "interface"]),
    ("virtual_server", &["protocol"]),
    ("virtual_server/real_server/HTTP_GET", &["url"]),
    ("virtual_server/real_server/HTTP_GET/url", &["path"]),
    ("virtual_server/real_server/SSL_GET", &["url"]),
    ("virtual_server/real_server/SSL_GET/url", &["path"]),
    ("virtual_server/real_server/MISC_CHECK", &["misc_path"]),
    ("virtual_server/real_server/FILE_CHECK", &["track_file"]),
    ("virtual_server/real_server/BFD_CHECK", &["name"]),
];

/// Words of a block of which one is enough: they say the same, or one takes the other's
/// place.
pub const APART: &[(&str, &[&str])] = &[
    ("vrrp_instance", &["nopreempt", "preempt", "preempt_delay"]),
    ("vrrp_instance", &["accept", "no_accept"]),
    ("vrrp_instance", &["garp_extra_if", "vmac_garp_intvl"]),
    ("vrrp_instance", &["use_vmac", "use_ipvlan"]),
    ("vrrp_instance", &["unicast_src_ip", "mcast_src_ip"]),
    ("global_defs", &["lvs_flush_on_stop", "lvs_flush_onstop"]),
    (
        "global_defs",
        &["vrrp_garp_extra_if", "vrrp_vmac_garp_intvl"],
    ),
    ("global_defs", &["vrrp_rlimit_rttime", "vrrp_rlimit_rtime"]),
    (
        "global_defs",
        &["checker_rlimit_rttime", "checker_rlimit_rtime"],
    ),
    ("global_defs", &["bfd_rlimit_rttime", "bfd_rlimit_rtime"]),
    ("global_defs", &["checker_process_name", "lvs_process_name"]),
    ("virtual_server", &["lb_algo", "lvs_sched"]),
    ("virtual_server", &["lb_kind", "lvs_method"]),
    // The last one counts in keepalived, whichever it is.
    (
        "vrrp_track_process",
        &["delay", "fork_delay", "terminate_delay"],
    ),
    ("bfd_instance", &["ttl", "hoplimit"]),
    ("HTTP_GET", &["retry", "nb_get_retry"]),
    ("SSL_GET", &["retry", "nb_get_retry"]),
];

/// Words that one family only knows, of which the third instance has IPv6.
pub const OF_A_FAMILY: &[(&str, bool)] = &[
    ("native_ipv6", true),
    ("version", false),
    ("authentication", false),
];

const SCRIPTS: &[&str] = &[
    "/bin/true",
    "\"/bin/true 'a b' c\"",
    "\"/bin/true x\" nobody",
];

/// Values that depend on what else stands there.
pub fn by_hand(dice: &mut Dice, block: &str, word: &str, number: usize) -> Option<String> {
    let real_server = "virtual_server/real_server";
    let text = match (block, word) {
        ("(top)", "vrrp_instance") => format!("VI_{number}"),
        ("(top)", "vrrp_sync_group") => "G".to_owned(),
        ("(top)", "vrrp_script") => "chk".to_owned(),
        ("(top)", "vrrp_track_process") => "proc".to_owned(),
        ("(top)", "track_file" | "vrrp_track_file") => "tfile".to_owned(),
        ("(top)", "bfd_instance") => "bfd".to_owned(),
        ("(top)", "child_wait_time") => dice.one_of(&["10", "60"]).to_owned(),
        ("(top)", "virtual_server") => match number {
            3 => "fwmark 3".to_owned(),
            _ => format!("10.0.{number}.80 80"),
        },
        ("global_defs", "script_user") => "root".to_owned(),
        ("global_defs", "smtp_server") => dice.one_of(&["127.0.0.1", "127.0.0.1 2525"]).to_owned(),
        ("global_defs", "notification_email") => "{\na@example.org\n}".to_owned(),
        ("global_defs", "notification_email_from") => "me@example.org".to_owned(),
        ("global_defs", "config_save_dir" | "tmp_config_directory") => "/tmp".to_owned(),
        // With a user behind it keepalived ends at once.
        ("global_defs", "shutdown_script") => "\"/bin/true 'a b'\"".to_owned(),
        ("global_defs", "snmp_socket") => "unix:/tmp/agentx".to_owned(),
        ("global_defs", "dbus_service_name") => "org.example.Vrrp".to_owned(),
        ("global_defs", "vmac_addr_prefix") => "vm".to_owned(),
        ("global_defs", it) if it.ends_with("notify_fifo") => {
            let who = dice.one_of(&["", " nobody", " nobody nogroup"]);
            format!("/tmp/{it}{who}")
        }
        ("global_defs", it) if it.ends_with("_affinity") => "0".to_owned(),
        ("global_defs", "lvs_sync_daemon") => {
            let more = dice.one_of(&["", " id 7", " maxlen 1400 port 8850 ttl 2 group 224.0.0.99"]);
            format!("eth0 VI_1{more}")
        }
        (
            "global_defs",
            "vrrp_rlimit_rttime"
            | "vrrp_rlimit_rtime"
            | "checker_rlimit_rttime"
            | "checker_rlimit_rtime"
            | "bfd_rlimit_rttime"
            | "bfd_rlimit_rtime",
        ) => "2000000".to_owned(),
        (_, "vrrp_gna_interval" | "vrrp_garp_interval" | "garp_interval" | "gna_interval") => {
            dice.one_of(&["0.0001", "0.25"]).to_owned()
        }
        ("garp_group", "interfaces") => "{\neth1\neth2\n}".to_owned(),
        ("vrrp_instance", "use_ipvlan") => format!("ipvl{}", dice.throw(100_000)),
        ("vrrp_instance", "use_vmac") => {
            // One that is left over has to be another's.
            let name = format!("vmac{}", dice.throw(100_000));
            dice.one_of(&["", &name]).to_owned()
        }
        ("bfd_instance", "neighbor_ip" | "neighbour_ip") => "10.99.0.2".to_owned(),
        ("bfd_instance", "source_ip") => "10.99.0.1".to_owned(),
        ("virtual_server" | "virtual_server/real_server", it)
            if ["lvs_method", "lb_kind", "sorry_server_lvs_method"].contains(&it) =>
        {
            dice.one_of(&["NAT", "DR", "TUN", "TUN type ipip"])
                .to_owned()
        }
        ("vrrp_sync_group", "group") => "{\nVI_1\nVI_2\n}".to_owned(),
        ("track_group", "group") => "{\nVI_3\n}".to_owned(),
        ("vrrp_instance", "interface") => format!("eth{number}"),
        ("vrrp_instance", "virtual_router_id") => (50 + number).to_string(),
        // The third one is of IPv6.
        ("vrrp_instance", "virtual_ipaddress") if number == 3 => {
            "{\nfe80::80\nfd00::80/64\n}".to_owned()
        }
        ("vrrp_instance", "mcast_src_ip" | "unicast_src_ip") if number == 3 => "fe80::7".to_owned(),
        ("vrrp_instance", "mcast_dst_ip") if number == 3 => "ff02::77".to_owned(),
        ("vrrp_instance", "unicast_peer") if number == 3 => "{\nfe80::2\n}".to_owned(),
        ("vrrp_instance", "virtual_ipaddress") => {
            let more = format!(
                "10.0.{number}.81/24 brd 10.0.{number}.255 dev eth{number} scope link label eth{number}:1\n"
            );
            let more = ["", &more][dice.throw(2)];
            format!("{{\n10.0.{number}.80\n{more}}}")
        }
        ("vrrp_instance", "virtual_ipaddress_excluded") => {
            let other = dice.one_of(&["fd00::5/64", "10.9.9.9"]);
            format!("{{\n{}\n}}", other.replace('9', &number.to_string()))
        }
        ("vrrp_instance", "unicast_src_ip") => format!("10.99.{number}.1"),
        ("vrrp_instance", "unicast_peer") => {
            let more = dice.one_of(&["", " min_ttl 3 max_ttl 9"]);
            format!("{{\n10.99.{number}.2\n10.99.{number}.3{more}\n}}")
        }
        ("vrrp_instance/authentication", "auth_type") => dice.one_of(&["PASS", "AH"]).to_owned(),
        ("vrrp_instance" | "vrrp_sync_group", "track_interface") => {
            let weight = dice.one_of(&["", " weight 10", " weight -10 reverse"]);
            format!("{{\neth0{weight}\n}}")
        }
        (
            "vrrp_instance" | "vrrp_sync_group",
            "track_script" | "track_file" | "track_process" | "track_bfd",
        ) => {
            let name = match word {
                "track_script" => "chk",
                "track_file" => "tfile",
                "track_process" => "proc",
                _ => "bfd",
            };
            let weight = dice.one_of(&["", " weight 7", " weight -7 reverse"]);
            format!("{{\n{name}{weight}\n}}")
        }
        ("virtual_server", "real_server") => {
            format!("10.1.{}.{} 80", number / 10, number % 10)
        }
        ("virtual_server", "ip_family") => "inet".to_owned(),
        ("virtual_server", "protocol") => dice.one_of(&["TCP", "TCP", "UDP"]).to_owned(),
        (_, "fwmark") => "7".to_owned(),
        (_, "snmp_name") => "name".to_owned(),
        (of, "track_file") if of.starts_with(real_server) => "tfile".to_owned(),
        (of, "name") if of.ends_with("BFD_CHECK") => "bfd".to_owned(),
        (_, it) if is_command(it) => dice.one_of(SCRIPTS).to_owned(),
        _ => return None,
    };
    Some(text)
}

/// Words with a command behind them.
fn is_command(word: &str) -> bool {
    let notify = word.strip_prefix("notify_");
    word == "notify"
        || ["quorum_up", "quorum_down"].contains(&word)
        || notify.is_some_and(|of| {
            let all = ["master", "backup", "fault", "stop", "up", "down"];
            all.contains(&of) || of == "master_rx_lower_pri"
        })
}

/// Values that the table of words takes.
pub fn by_table(dice: &mut Dice, block: &str, word: &Word) -> String {
    let mut parts = sentences::parts(block, word);
    for part in &mut parts {
        if part.kind == Kind::Path {
            part.text = format!("/tmp/{}", word.name);
        }
        let several = several(part.kind);
        if !several.is_empty() {
            part.text.clone_from(&several[dice.throw(several.len())]);
        }
    }
    // The last ones, where they may be missing.
    while let Some(last) = parts.last()
        && last.count == Count::Optional
        && dice.throw(2) == 0
    {
        parts.pop();
    }
    sentences::statement(block, word, &parts)
}

/// Several values of a kind that are right, and that both programs can run with.
fn several(kind: Kind) -> Vec<String> {
    let numbers = |low: i64, high: i64| {
        let some = [0, 1, 2, 5, 10, 60].into_iter();
        let some = some.filter(move |number| (low..=high).contains(number));
        some.map(|number| number.to_string()).collect()
    };
    match kind {
        Kind::Integer(low, high) | Kind::Clamped(low, high) => numbers(low, high),
        Kind::WholeSeconds(low, high) => numbers(low.into(), high.into()),
        Kind::Seconds(low, high) => {
            let some = [0, 500_000, 1_000_000, 2_250_000, 10_000_000];
            let some = some.iter().filter(|micros| (low..=high).contains(micros));
            some.map(|micros| (*micros as f64 / 1e6).to_string())
                .collect()
        }
        Kind::Milliseconds(low, high) => {
            let some = [10, 500].into_iter();
            some.filter(|number| (low..=high).contains(&(number * 1000)))
                .map(|number| number.to_string())
                .collect()
        }
        Kind::Switch | Kind::OneOf(_) | Kind::IntegerOr(..) => samples::all_good(kind),
        _ => Vec::new(),
    }
}
