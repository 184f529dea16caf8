//! `global_defs`.

mod process;
mod vrrp;

use process::PROCESSES;
use vrrp::VRRP;

use super::{Block, Count, Kind, Takes, Value, Word, many, one, optional};

/// The longest times that keepalived has, in microseconds: 32 bits of them.
const LONGEST_TIMEOUT: u64 = 4_294_967_295;
const MILLISECOND: u64 = 1_000;
/// The longest timeout that IPVS takes, in seconds: 31 days.
const LONGEST_IPVS: u32 = 2_678_400;
/// The longest time for `startup_script`, in seconds.
const LONGEST_STARTUP: u32 = 1_000;
/// The largest number of a processor, in a mask of 8192 (CONFIG_NR_CPUS).
const MOST_PROCESSOR: i64 = 8_191;
const DAY: u32 = 86_400;
const MOST: i64 = 4_294_967_295;

const NO_AGENTX: &str = "there is no AgentX library for Rust; the metrics and `ipvsd status --json` have the same figures";
const NO_DBUS: &str = "ipvsd has no D-Bus interface; `ipvsd status --json` tells the same state";
const NFTABLES: &str = "firewall rules are made with nftables: write `nftables` in its place";
const NO_DUMP_FILES: &str =
    "no signal makes ipvsd write its state to a file; `ipvsd status --json` prints it";
const NO_COPIES: &str =
    "the configuration is kept in memory, and `ipvsd check --dump` prints what it comes to";
const NOT_WRITTEN: &str = "nothing is written to it";
const BUFFER_ANYHOW: &str = "the buffer has the size that ipvsd gives it without it";

pub const GLOBAL_DEFS: Block = Block {
    path: "global_defs",
    about: "What holds for all of ipvsd. There may be several such blocks.",
    words: &[
        GENERAL, MAIL, SCRIPTS, FIFOS, VRRP, FIREWALL, IPVS, PROCESSES, RELOAD, GONE,
    ],
};

const SWITCH: &[Value] = &[optional("SWITCH", Kind::Switch)];
const BYTES: &[Value] = &[one("BYTES", Kind::Integer(0, MOST))];
const FIFO: &[Value] = &[
    one("FILE", Kind::Path),
    optional("USER", Kind::Text),
    optional("GROUP", Kind::Text),
];

const GENERAL: &[Word] = &[
    Word::values("router_id", &[one("NAME", Kind::Text)])
        .default("the host's name")
        .means("the name of this director in messages"),
    Word::values("lvs_id", &[one("NAME", Kind::Text)]).older("router_id"),
    Word::values("default_interface", &[one("NAME", Kind::Interface)])
        .default("eth0")
        .means("the interface of static addresses, routes and rules that name none")
        .later("static addresses, routes and rules are not added"),
    Word::values(
        "dynamic_interfaces",
        &[optional("HOW", Kind::OneOf(&["allow_if_changes"]))],
    )
    .means("interfaces may come and go; with `allow_if_changes` as another kind of interface")
    .later("an instance whose interface is absent waits for it in any case"),
    Word::values("umask", &[one("MASK", Kind::Umask)])
        .default("what may be written by its owner alone")
        .means(
            "the modes that files of ipvsd do not have: a number, octal behind `0`, or names \
             like `IWGRP|IWOTH`",
        )
        .later("files have the modes that they have without it"),
    Word::values("iproute_usr_dir", &[one("FOLDER", Kind::Path)])
        .default("/usr/share/iproute2")
        .means("where the names of tables, realms and protocols are, as ip(8) is delivered")
        .later("names in routes and rules are looked up where ip(8) has them"),
    Word::values("iproute_etc_dir", &[one("FOLDER", Kind::Path)])
        .default("/etc/iproute2")
        .means("the same for names that the host adds")
        .later("names in routes and rules are looked up where ip(8) has them"),
    Word::values(
        "include_check",
        &[Value {
            count: Count::Any,
            ..one(
                "CHECK",
                Kind::OneOf(&[
                    "readable",
                    "match",
                    "wildcard_match",
                    "brace_match",
                    "+readable",
                    "+match",
                    "+wildcard_match",
                    "+brace_match",
                    "-readable",
                    "-match",
                    "-wildcard_match",
                    "-brace_match",
                ]),
            )
        }],
    )
    .default("none; without a value all")
    .means("what makes an `include` an error: `+` adds a check to those before, `-` takes it away"),
    Word::values("random_seed", &[one("NUMBER", Kind::Integer(0, MOST))])
        .default("another one each time")
        .means("makes the numbers of `${_RANDOM}` the same each time"),
];

const MAIL: &[Word] = &[
    Word::new(
        "notification_email",
        Takes::List(one("MAILBOX", Kind::Text)),
    )
    .default("none")
    .means("who is told by mail; several blocks add up. See [Mail](#mail)"),
    Word::values("notification_email_from", &[one("MAILBOX", Kind::Text)])
        .default("the user and the host, as `root@director1.example.org`")
        .means("whom the mails are from"),
    Word::values(
        "smtp_server",
        &[one("HOST", Kind::Text), optional("PORT", Kind::Port)],
    )
    .default("none; port 25")
    .means(
        "the mail server, by its address or by its name, which is looked up for every mail. \
             Without one nothing is mailed, which is told",
    ),
    Word::values(
        "smtp_connect_timeout",
        &[one("SECONDS", Kind::Seconds(1, LONGEST_TIMEOUT))],
    )
    .default("30")
    .means("how long one conversation with it may hang"),
    Word::values("smtp_helo_name", &[one("NAME", Kind::Text)])
        .default("the host's name")
        .means("what ipvsd calls itself to the mail server"),
    Word::values("smtp_alert", SWITCH)
        .default("see [Mail](#mail)")
        .means("whether blocks without an `smtp_alert` of their own are mailed"),
    Word::values("smtp_alert_checker", SWITCH)
        .default("`smtp_alert`")
        .means("the same for real servers and virtual servers"),
    Word::values("smtp_alert_vrrp", SWITCH)
        .default("`smtp_alert`")
        .means("the same for instances and sync groups"),
    Word::flag("no_email_faults")
        .default("off")
        .means("instances and sync groups that go to FAULT are not mailed"),
    Word::flag("no_checker_emails")
        .default("off")
        .means("of a real server only its being added and removed is mailed, and not its checks")
        .later("every check that fails or succeeds anew is mailed"),
];

const SCRIPTS: &[Word] = &[
    Word::new("script_user", Takes::User)
        .default("`keepalived_script` if there is such a user, otherwise root")
        .means("who runs scripts that name no user of their own"),
    Word::flag("enable_script_security")
        .default("off")
        .means("a script that root would run is refused where anyone else could change it"),
    Word::values("use_symlink_paths", SWITCH)
        .default("off")
        .means("scripts are run by the path that is written, symbolic links included")
        .later("scripts are run by the path that is written in any case"),
    Word::flag("set_supplementary_groups")
        .default("off")
        .means("scripts have all the groups of their user")
        .later("scripts have one group"),
    Word::values(
        "notify_timeout",
        &[one("SECONDS", Kind::WholeSeconds(1, DAY))],
    )
    .default("300")
    .means("how long a notify script may take before it is killed. Only ipvsd has this word"),
    Word::new("startup_script", Takes::Command)
        .default("none")
        .means("a command that is run once, before anything else is done")
        .later("the script is not run"),
    Word::values(
        "startup_script_timeout",
        &[one("SECONDS", Kind::WholeSeconds(1, LONGEST_STARTUP))],
    )
    .default("10")
    .means("how long it may take before it is killed")
    .later("the script is not run"),
    Word::new("shutdown_script", Takes::Command)
        .default("none")
        .means("a command that is run once, after everything else has ended")
        .later("the script is not run"),
    Word::values(
        "shutdown_script_timeout",
        &[one("SECONDS", Kind::WholeSeconds(1, LONGEST_STARTUP))],
    )
    .default("10")
    .means("how long it may take before it is killed")
    .later("the script is not run"),
];

const FIFOS: &[Word] = &[
    Word::values("notify_fifo", FIFO)
        .default("none")
        .means("a named pipe, and whose it is, that everything which happens is written to")
        .later(NOT_WRITTEN),
    Word::new("notify_fifo_script", Takes::Command)
        .default("none")
        .means("a command that reads it; the pipe's name is its last argument")
        .later("the script is not run"),
    Word::values("vrrp_notify_fifo", FIFO)
        .default("none")
        .means("the same for instances and sync groups alone")
        .later(NOT_WRITTEN),
    Word::new("vrrp_notify_fifo_script", Takes::Command)
        .default("none")
        .means("a command that reads it")
        .later("the script is not run"),
    Word::values("lvs_notify_fifo", FIFO)
        .default("none")
        .means("the same for virtual servers and real servers alone")
        .later(NOT_WRITTEN),
    Word::new("lvs_notify_fifo_script", Takes::Command)
        .default("none")
        .means("a command that reads it")
        .later("the script is not run"),
    Word::flag("fifo_write_vrrp_states_on_reload")
        .default("off")
        .means("at a reload the states of all instances and sync groups are written again")
        .later(NOT_WRITTEN),
    Word::values("vrrp_notify_priority_changes", SWITCH)
        .default("off")
        .means("changes of priority are written, too")
        .later(NOT_WRITTEN),
    Word::flag("rs_init_notifies")
        .default("off")
        .means("at the start, and after a reload, `notify_up` is run for each real server that is new and up"),
];

const FIREWALL: &[Word] = &[
    Word::values("nftables", &[optional("TABLE", Kind::Text)])
        .default("keepalived")
        .means("the table that firewall rules are made in")
        .later("no firewall rules are made"),
    Word::values(
        "nftables_priority",
        &[one("NUMBER", Kind::Integer(-2_147_483_648, 2_147_483_647))],
    )
    .default("-1")
    .means("the priority of its chains")
    .later("no firewall rules are made"),
    Word::flag("nftables_counters")
        .default("off")
        .means("its rules count packets")
        .later("no firewall rules are made"),
    Word::flag("nftables_ifindex")
        .default("off")
        .means("its sets have interfaces by number rather than by name")
        .later("no firewall rules are made"),
    Word::values("nftables_ipvs", &[optional("TABLE", Kind::Text)])
        .default("off; without a name keepalived_ipvs")
        .means("each virtual server group is one mark, which rules in this table set")
        .later("no firewall rules are made"),
    Word::values(
        "nftables_ipvs_priority",
        &[one("NUMBER", Kind::Integer(-2_147_483_648, 2_147_483_647))],
    )
    .means("the priority of its chains")
    .later("no firewall rules are made"),
    Word::values(
        "nftables_ipvs_start_fwmark",
        &[one("NUMBER", Kind::Integer(1, MOST))],
    )
    .default("1000")
    .means("the first mark; the next group has the next one")
    .later("no firewall rules are made"),
    Word::values(
        "vrrp_iptables",
        &[optional("CHAIN", Kind::Text), optional("CHAIN", Kind::Text)],
    )
    .never(NFTABLES),
    Word::values(
        "vrrp_ipsets",
        &[Value {
            count: Count::Any,
            ..one("SET", Kind::Text)
        }],
    )
    .never(NFTABLES),
];

const IPVS: &[Word] = &[
    Word::values("lvs_audit_interval", &[one("SECONDS", Kind::WholeSeconds(1, DAY))])
        .default("30")
        .means(
            "how often the kernel's table is compared with what it should be, though nothing has \
             happened. Only ipvsd has this word",
        ),
    Word::values(
        "lvs_timeouts",
        &[
            many("SECONDS", Kind::WholeSeconds(0, LONGEST_IPVS)).behind("tcp"),
            many("SECONDS", Kind::WholeSeconds(0, LONGEST_IPVS)).behind("tcpfin"),
            many("SECONDS", Kind::WholeSeconds(0, LONGEST_IPVS)).behind("udp"),
        ],
    )
    .default("the kernel's")
    .means("how long IPVS remembers connections that are open, being closed, and of UDP; at least one of them. At the end they are as they were"),
    Word::values(
        "lvs_sync_daemon",
        &[
            one("NAME", Kind::Interface),
            optional("INSTANCE", Kind::Text),
            optional("ID", Kind::Integer(0, 255)),
            one("INSTANCE", Kind::Text).behind("inst"),
            one("ID", Kind::Integer(0, 255)).behind("id"),
            one("BYTES", Kind::Integer(1, 65_507)).behind("maxlen"),
            one("PORT", Kind::Port).behind("port"),
            one("NUMBER", Kind::Integer(1, 255)).behind("ttl"),
            one("ADDRESS", Kind::Multicast).behind("group"),
        ],
    )
    .default("none; ID of the instance or 0, port 8848, group 224.0.0.81")
    .means("directors tell each other of their connections; with an instance, its master tells and the others listen; without one this director does both"),
    Word::flag("lvs_flush")
        .default("off")
        .means("at the start the table is emptied, of what others have put there too"),
    Word::values("lvs_flush_on_stop", &[optional("WHAT", Kind::OneOf(&["VS"]))])
        .default("off")
        .means("at the end the table is emptied, of what others have put there too; with `VS`, of ipvsd's own virtual servers only, as without the word. Nothing is with `-I`"),
    Word::values("lvs_flush_onstop", &[optional("WHAT", Kind::OneOf(&["VS"]))])
        .older("lvs_flush_on_stop"),
    Word::values("checker_log_all_failures", SWITCH)
        .default("off")
        .means("every check that fails is logged, and not only what follows from it")
        .later("what follows from failures is logged"),
];

const RELOAD: &[Word] = &[
    Word::values("reload_check_config", &[optional("FILE", Kind::Text)])
        .default("on")
        .means(
            "a file is checked before it takes the place of the one that is running. ipvsd does so \
             in any case, and logs what is wrong",
        ),
    Word::values("reload_time_file", &[one("FILE", Kind::Path)])
        .default("none")
        .means("a file with one time in it, at which the configuration is read again")
        .later("the configuration is read again at SIGHUP only"),
    Word::flag("reload_repeat")
        .default("off")
        .means("a time without a date is for every day, and the file stays")
        .later("the configuration is read again at SIGHUP only"),
    Word::values("reload_file", &[optional("FILE", Kind::Path)])
        .default("none")
        .means("a file that is there, and empty, while the configuration is being read")
        .later("the file is not made"),
];

const GONE: &[Word] = &[
    Word::values("tmp_config_directory", &[one("FOLDER", Kind::Path)]).never(NO_COPIES),
    Word::values("config_save_dir", &[one("FOLDER", Kind::Path)]).never(NO_COPIES),
    Word::values("data_use_instance", SWITCH).never(NO_DUMP_FILES),
    Word::values("state_dump_file", &[one("FILE", Kind::Path)]).never(NO_DUMP_FILES),
    Word::values("stats_dump_file", &[one("FILE", Kind::Path)]).never(NO_DUMP_FILES),
    Word::values("json_dump_file", &[one("FILE", Kind::Path)]).never(NO_DUMP_FILES),
    Word::values("json_version", &[one("NUMBER", Kind::Integer(1, 2))]).never(NO_DUMP_FILES),
    Word::values("snmp_socket", &[optional("SOCKET", Kind::Text)]).never(NO_AGENTX),
    Word::flag("enable_traps").never(NO_AGENTX),
    Word::flag("enable_snmp_vrrp").never(NO_AGENTX),
    Word::flag("enable_snmp_keepalived").never(NO_AGENTX),
    Word::flag("enable_snmp_rfc").never(NO_AGENTX),
    Word::flag("enable_snmp_rfcv2").never(NO_AGENTX),
    Word::flag("enable_snmp_rfcv3").never(NO_AGENTX),
    Word::flag("enable_snmp_checker").never(NO_AGENTX),
    Word::values(
        "snmp_vs_stats_update_interval",
        &[one("SECONDS", Kind::Seconds(MILLISECOND, 30_000_000))],
    )
    .never(NO_AGENTX),
    Word::values(
        "snmp_rs_stats_update_interval",
        &[one("SECONDS", Kind::Seconds(MILLISECOND, 30_000_000))],
    )
    .never(NO_AGENTX),
    Word::flag("enable_dbus").never(NO_DBUS),
    Word::values("dbus_service_name", &[one("NAME", Kind::Text)]).never(NO_DBUS),
    Word::values("dbus_no_interface_name", &[one("NAME", Kind::Text)]).never(NO_DBUS),
];
