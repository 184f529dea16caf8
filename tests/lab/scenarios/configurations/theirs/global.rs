//! `global_defs`. What it says about all instances is in theirs, so that is not read here.

use super::super::facts::{script, switch};
use super::Reader;

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    /// As in the file, maybe with something behind a comma.
    Plain,
    /// `true`, `yes`, `1`.
    Switch,
    /// With a unit behind it.
    Number,
    /// A command line, and who runs it.
    Script,
}
use Form::{Number, Plain, Script, Switch};

/// `LABEL = VALUE`, and the word that says it.
const LABELS: &[(&str, &str, Form)] = &[
    ("Instance name", "instance", Plain),
    ("Parent process name", "process_name", Plain),
    ("VRRP process name", "vrrp_process_name", Plain),
    ("LVS process name", "checker_process_name", Plain),
    ("BFD process name", "bfd_process_name", Plain),
    ("Router ID", "router_id", Plain),
    ("Smtp server", "smtp_server", Plain),
    ("Smtp server port", "smtp_server port", Plain),
    ("Smtp HELO name", "smtp_helo_name", Plain),
    (
        "Smtp server connection timeout",
        "smtp_connect_timeout",
        Plain,
    ),
    ("Email notification from", "notification_email_from", Plain),
    (
        "Checkers log all failures",
        "checker_log_all_failures",
        Switch,
    ),
    ("Default interface", "default_interface", Plain),
    ("Dynamic interfaces", "dynamic_interfaces", Switch),
    (
        "Allow interface changes",
        "dynamic_interfaces changes",
        Switch,
    ),
    ("Disable local IGMP", "disable_local_igmp", Switch),
    ("LVS flush", "lvs_flush", Switch),
    ("LVS flush on stop", "lvs_flush_on_stop", Plain),
    ("LVS TCP timeout", "lvs_timeouts tcp", Plain),
    ("LVS TCP FIN timeout", "lvs_timeouts tcpfin", Plain),
    ("LVS UDP timeout", "lvs_timeouts udp", Plain),
    ("LVS syncd interface", "lvs_sync_daemon interface", Plain),
    ("LVS syncd vrrp instance", "lvs_sync_daemon inst", Plain),
    ("LVS syncd syncid", "lvs_sync_daemon id", Plain),
    ("LVS syncd maxlen", "lvs_sync_daemon maxlen", Plain),
    ("LVS syncd mcast port", "lvs_sync_daemon port", Plain),
    ("LVS syncd mcast ttl", "lvs_sync_daemon ttl", Plain),
    (
        "FIFO write vrrp states on reload",
        "fifo_write_vrrp_states_on_reload",
        Switch,
    ),
    (
        "VRRP notify priority changes",
        "vrrp_notify_priority_changes",
        Switch,
    ),
    ("Gratuitous ARP interval", "vrrp_garp_interval", Number),
    ("Gratuitous NA interval", "vrrp_gna_interval", Number),
    ("nftables table name", "nftables", Plain),
    ("nftables base chain priority", "nftables_priority", Plain),
    ("ipvs nftables table name", "nftables_ipvs", Plain),
    (
        "ipvs nftables base chain priority",
        "nftables_ipvs_priority",
        Plain,
    ),
    (
        "ipvs nftables start fwmark",
        "nftables_ipvs_start_fwmark",
        Plain,
    ),
    ("Max auto priority", "max_auto_priority", Plain),
    ("Min auto priority delay", "min_auto_priority_delay", Number),
    ("VRRP process priority", "vrrp_priority", Plain),
    ("VRRP don't swap", "vrrp_no_swap", Switch),
    ("VRRP realtime priority", "vrrp_rt_priority", Plain),
    ("VRRP realtime limit", "vrrp_rlimit_rttime", Number),
    ("Checker process priority", "checker_priority", Plain),
    ("Checker don't swap", "checker_no_swap", Switch),
    ("Checker realtime priority", "checker_rt_priority", Plain),
    ("Checker realtime limit", "checker_rlimit_rttime", Number),
    ("BFD process priority", "bfd_priority", Plain),
    ("BFD don't swap", "bfd_no_swap", Switch),
    ("BFD realtime priority", "bfd_rt_priority", Plain),
    ("BFD realtime limit", "bfd_rlimit_rttime", Number),
    ("Global notify fifo", "notify_fifo", Plain),
    ("Global notify fifo script", "notify_fifo_script", Script),
    ("VRRP notify fifo", "vrrp_notify_fifo", Plain),
    ("VRRP notify fifo script", "vrrp_notify_fifo_script", Script),
    ("LVS notify fifo", "lvs_notify_fifo", Plain),
    ("LVS notify fifo script", "lvs_notify_fifo_script", Script),
    ("Shutdown script", "shutdown_script", Script),
    (
        "vrrp_netlink_cmd_rcv_bufs",
        "vrrp_netlink_cmd_rcv_bufs",
        Plain,
    ),
    (
        "vrrp_netlink_cmd_rcv_bufs_force",
        "vrrp_netlink_cmd_rcv_bufs_force",
        Switch,
    ),
    (
        "vrrp_netlink_monitor_rcv_bufs",
        "vrrp_netlink_monitor_rcv_bufs",
        Plain,
    ),
    (
        "vrrp_netlink_monitor_rcv_bufs_force",
        "vrrp_netlink_monitor_rcv_bufs_force",
        Switch,
    ),
    (
        "process_monitor_rcv_bufs",
        "process_monitor_rcv_bufs",
        Plain,
    ),
    (
        "process_monitor_rcv_bufs_force",
        "process_monitor_rcv_bufs_force",
        Switch,
    ),
    (
        "lvs_netlink_cmd_rcv_bufs",
        "lvs_netlink_cmd_rcv_bufs",
        Plain,
    ),
    (
        "lvs_netlink_cmd_rcv_bufs_force",
        "lvs_netlink_cmd_rcv_bufs_force",
        Switch,
    ),
    (
        "lvs_netlink_monitor_rcv_bufs",
        "lvs_netlink_monitor_rcv_bufs",
        Plain,
    ),
    (
        "lvs_netlink_monitor_rcv_bufs_force",
        "lvs_netlink_monitor_rcv_bufs_force",
        Switch,
    ),
    ("rs_init_notifies", "rs_init_notifies", Switch),
    ("no_checker_emails", "no_checker_emails", Switch),
    ("rx_bufs_multiples", "vrrp_rx_bufs_multiplier", Plain),
    ("rx_bufs_policy", "vrrp_rx_bufs_policy", Plain),
    ("umask", "umask", Plain),
    ("vrrp_startup_delay", "vrrp_startup_delay", Number),
    ("VMAC prefix", "vmac_prefix", Plain),
    ("VMAC address prefix", "vmac_addr_prefix", Plain),
    ("Reload time file", "reload_time_file", Plain),
    ("Reload_file", "reload_file", Plain),
];

/// Lines without a value.
const LINES: &[(&str, &str, bool)] = &[
    ("Script security enabled", "enable_script_security", true),
    ("Script security disabled", "enable_script_security", false),
    ("log_unknown_vrids", "log_unknown_vrids", true),
    ("nftables with counters", "nftables_counters", true),
    ("nftables without counters", "nftables_counters", false),
    (
        "nftables force use ifindex for link local IPv6",
        "nftables_ifindex",
        true,
    ),
    (
        "nftables don't force use ifindex for link local IPv6",
        "nftables_ifindex",
        false,
    ),
];

/// What is not said is one of these, and then our dump does not have it.
const NOTHING: &[&str] = &["[unknown]", "unset", "disabled", "default"];

impl Reader {
    pub(super) fn global(&mut self, text: &str) {
        self.thing = "global_defs".to_owned();
        if let Some((_, word, is_on)) = LINES.iter().find(|(line, ..)| *line == text) {
            return self.say(word, switch(*is_on));
        }
        if let Some(group) = text.strip_prefix("LVS mcast group ") {
            return self.say("lvs_sync_daemon group", group);
        }
        // Those who get mail; they are shown only where the file says who sends it.
        let is_of_list = self.is_recipient && !text.contains(" = ");
        self.is_recipient = is_of_list || text == "Email notification to:";
        if is_of_list {
            return self.say(&format!("notification_email {text}"), "");
        }
        let Some((label, value)) = text.split_once(" = ") else {
            return;
        };
        if label == "Send emails for fault transitions" {
            return self.say("no_email_faults", switch(value == "off"));
        }
        // It calls the last of the three as the first.
        let is_timeout = label.starts_with("LVS TCP");
        let is_udp = label == "LVS TCP timeout" && self.is_timeout;
        self.is_timeout = is_timeout;
        let label = if is_udp { "LVS UDP timeout" } else { label };
        let Some((_, word, form)) = LABELS.iter().find(|(known, ..)| *known == label) else {
            return;
        };
        let is_said = self.facts.there("global_defs").contains_key(*word);
        // The VRRP process is asked first, and knows more of what is said about it.
        if is_said || NOTHING.contains(&value) {
            return;
        }
        if *word == "reload_file" {
            // One in the program's folder is the one that is not named.
            let is_own = value.starts_with("/run/keepalived");
            return self.say(word, if is_own { "on" } else { value });
        }
        let first = || {
            let end = value.find([',', ' ']).unwrap_or(value.len());
            &value[..end]
        };
        let is_on = ["true", "yes", "1", "on", "enabled"].contains(&value);
        match form {
            Plain => self.say(word, first()),
            Number => self.say(
                word,
                first().trim_end_matches(|it: char| it.is_alphabetic()),
            ),
            Switch => self.say(word, switch(is_on)),
            Script => {
                let command = value.split(", uid:gid").next().unwrap_or(value);
                // It is run with the pipe as its last argument.
                let pipe = word.trim_end_matches("_script");
                let facts = self.facts.there("global_defs");
                let pipe = facts.get(pipe).map(|pipe| format!(" '{pipe}'"));
                let command = match &pipe {
                    Some(pipe) => command.strip_suffix(pipe).unwrap_or(command),
                    None => command,
                };
                self.say(word, &script(command));
            }
        }
    }
}
