//! Where two models differ.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, plain};

/// What is not the same.
pub struct Difference {
    pub text: String,
    /// The word that has another value, if it is about one.
    pub word: String,
    /// What ipvsd says of the same thing.
    beside: BTreeMap<String, String>,
}

impl Difference {
    pub fn new(text: String) -> Self {
        Self {
            text,
            word: String::new(),
            beside: BTreeMap::new(),
        }
    }

    /// Whether ipvsd says this of the same thing. With `!` before the value, anything else
    /// or nothing.
    pub fn is_beside(&self, (word, value): (&str, &str)) -> bool {
        let said = self.beside.get(word).map(String::as_str);
        match value.strip_prefix('!') {
            Some(other) => said != Some(other),
            None => said == Some(value),
        }
    }
}

/// Words that a dump leaves out where nothing is said, with what holds then.
const DEFAULTS: &[(&str, &[&str])] = &[
    (
        "off",
        &[
            "alpha",
            "omega",
            "inhibit_on_failure",
            "nopreempt",
            "no_accept",
            "promote_secondaries",
            "notify_deleted",
            "notify_priority_changes",
            "dont_track_primary",
            "smtp_alert",
            "skip_check_adv_addr",
            "ops",
            "ha_suspend",
            "misc_dynamic",
            "sh-port",
            "sh-fallback",
            "mh-port",
            "mh-fallback",
            "require_reply",
            "enable_sni",
            "fast_recovery",
            "check_unicast_src",
            // Of `global_defs`.
            "bfd_no_swap",
            "checker_log_all_failures",
            "checker_no_swap",
            "disable_local_igmp",
            "dynamic_interfaces",
            "dynamic_interfaces changes",
            "enable_script_security",
            "fifo_write_vrrp_states_on_reload",
            "log_unknown_vrids",
            "lvs_flush",
            "lvs_netlink_cmd_rcv_bufs_force",
            "lvs_netlink_monitor_rcv_bufs_force",
            "nftables_counters",
            "nftables_ifindex",
            "no_checker_emails",
            "no_email_faults",
            "process_monitor_rcv_bufs_force",
            "rs_init_notifies",
            "vrrp_netlink_cmd_rcv_bufs_force",
            "vrrp_netlink_monitor_rcv_bufs_force",
            "vrrp_no_swap",
            "vrrp_notify_priority_changes",
        ],
    ),
    (
        "0",
        &[
            "preempt_delay",
            "lthreshold",
            "uthreshold",
            "weight",
            "debug",
            "kernel_rx_buf_size",
            "fork_delay",
            "terminate_delay",
            // Of `global_defs`.
            "bfd_priority",
            "bfd_rt_priority",
            "checker_priority",
            "checker_rt_priority",
            "lvs_netlink_cmd_rcv_bufs",
            "lvs_netlink_monitor_rcv_bufs",
            "process_monitor_rcv_bufs",
            "vrrp_netlink_cmd_rcv_bufs",
            "vrrp_netlink_monitor_rcv_bufs",
            "vrrp_priority",
            "vrrp_rt_priority",
        ],
    ),
    ("1", &["interval", "rise", "fall", "quorum"]),
    ("none", &["auth_type"]),
    ("1", &["http_protocol"]),
    ("3", &["vrrp_rx_bufs_multiplier"]),
    ("0177", &["umask"]),
    ("eth0", &["default_interface"]),
    (
        "10000",
        &[
            "bfd_rlimit_rttime",
            "checker_rlimit_rttime",
            "vrrp_rlimit_rttime",
        ],
    ),
    ("keepalived", &["nftables"]),
    ("keepalived_ipvs", &["nftables_ipvs"]),
    ("-1", &["nftables_priority", "nftables_ipvs_priority"]),
    ("1000", &["nftables_ipvs_start_fwmark"]),
    ("keepalived_vrrp", &["vrrp_process_name"]),
    ("keepalived_lvs", &["checker_process_name"]),
    ("keepalived_bfd", &["bfd_process_name"]),
];

fn default(word: &str) -> Option<&'static str> {
    let found = DEFAULTS.iter().find(|(_, words)| words.contains(&word));
    found.map(|(value, _)| *value)
}

/// Words of keepalived's dump that are not in ours, and the other way round, because they
/// are told in another place.
const ELSEWHERE: &[&str] = &[
    // Of a script, where nothing is said.
    "timeout",
    "router_id",
];

/// Words that stand for each line of a list: a dump that has them not has them nowhere.
const LISTED: &[&str] = &[
    "group ",
    "static_ipaddress ",
    "static_routes ",
    "static_rules ",
    "unicast_peer ",
    "virtual_ipaddress ",
    "virtual_ipaddress_excluded ",
    "virtual_routes ",
    "virtual_rules ",
];

/// Checks whose every setting ours dumps.
const SERVED: [&str; 3] = ["TCP_CHECK", "HTTP_GET", "MISC_CHECK"];

pub fn apart(theirs: &Facts, ours: &Facts) -> Vec<Difference> {
    let mut all = Vec::new();
    let things: BTreeSet<&String> = theirs.0.keys().chain(ours.0.keys()).collect();
    for thing in things {
        match (theirs.0.get(thing), ours.0.get(thing)) {
            (Some(theirs), Some(ours)) => {
                // Of a check that is not served yet, only what the file says is known.
                let method = ours.get("method").map(String::as_str);
                let is_known = method.is_none_or(|method| SERVED.contains(&method));
                let mut theirs = theirs.clone();
                theirs.retain(|word, _| is_known || ours.contains_key(word));
                let words = of_thing(&theirs, ours);
                all.extend(words.into_iter().map(|(word, told)| Difference {
                    text: format!("{thing}: {told}"),
                    word,
                    beside: ours.clone(),
                }));
            }
            (Some(_), None) => {
                all.push(Difference::new(format!("{thing}: only in keepalived")));
            }
            (None, Some(ours)) => all.push(Difference {
                text: format!("{thing}: only in ipvsd"),
                word: String::new(),
                beside: ours.clone(),
            }),
            (None, None) => {}
        }
    }
    all
}

/// Words with other values, and how that is told.
fn of_thing(
    theirs: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let words: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for word in words {
        // A virtual interface without a name in the file has one by the virtual router id.
        let is_unnamed = word == "use_vmac" && !ours.contains_key(word);
        if ELSEWHERE.contains(&word.as_str()) || is_unnamed {
            continue;
        }
        let (theirs, ours) = (theirs.get(word), ours.get(word));
        let default = default(word);
        // A word that only ours knows is not in keepalived's dump.
        let (Some(theirs), Some(ours)) = (
            theirs.map(String::as_str).or(default),
            ours.map(String::as_str).or(default),
        ) else {
            let is_listed = LISTED.iter().any(|list| word.starts_with(list));
            let told = match (theirs, ours) {
                (Some(theirs), _) => format!("{word}: keepalived {theirs}, ipvsd says nothing"),
                (None, Some(ours)) if is_listed => {
                    format!("{word}: keepalived says nothing, ipvsd {ours}")
                }
                _ => continue,
            };
            all.push((word.clone(), told));
            continue;
        };
        // Where no weight is said it is that of what is tracked, and 0 for interfaces.
        let is_left_open = ours.is_empty() && word.starts_with("track_");
        let same = theirs == plain(ours)
            || is_left_open && (theirs == "0" || !word.starts_with("track_interface"));
        if !same {
            let told = format!("{word}: keepalived {theirs}, ipvsd {ours}");
            all.push((word.clone(), told));
        }
    }
    all
}
