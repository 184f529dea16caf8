//! Configurations that are made from the table of words: each word of a block with a
//! right value, by the throw of a die that is always the same.

use std::fmt::Write;

/// How many there are.
const COUNT: u64 = 20;

/// Each with its name.
pub fn all() -> Vec<(String, String)> {
    (1..=COUNT)
        .map(|seed| (format!("{seed:02}.conf"), one(seed)))
        .collect()
}

/// xorshift64*: the same numbers everywhere and for ever.
struct Dice(u64);

impl Dice {
    /// 0 up to what is below `sides`.
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.throw(all.len())]
    }

    /// Some of the statements of a block, each with one of its values.
    fn some(&mut self, text: &mut String, indent: usize, statements: &[(&str, &[&str])]) {
        for (word, values) in statements {
            if self.throw(3) == 0 {
                let value = self.one_of(values);
                let _ = writeln!(text, "{:indent$}{word} {value}", "");
            }
        }
    }
}

const SWITCH: &[&str] = &["on", "off", "yes", "no", "true", "false"];
const NOTHING: &[&str] = &[""];
const SECONDS: &[&str] = &["1", "0.5", "3", "7.25", "10"];
const COUNTS: &[&str] = &["1", "2", "5"];
const SCRIPTS: &[&str] = &[
    "/bin/true",
    "\"/bin/true 'a b' c\"",
    "\"/bin/true x\" nobody",
];

const INSTANCE: &[(&str, &[&str])] = &[
    ("state", &["MASTER", "BACKUP"]),
    ("priority", &["1", "50", "100", "254"]),
    ("nopreempt", NOTHING),
    ("preempt_delay", &["1", "4.5", "300"]),
    ("garp_master_delay", &["0", "1", "30"]),
    ("garp_master_repeat", COUNTS),
    ("garp_master_refresh", &["0", "60"]),
    ("garp_master_refresh_repeat", COUNTS),
    ("garp_lower_prio_delay", &["0", "2"]),
    ("garp_lower_prio_repeat", &["0", "3"]),
    ("down_timer_adverts", &["1", "3", "10"]),
    ("lower_prio_no_advert", SWITCH),
    ("higher_prio_send_advert", SWITCH),
    ("skip_check_adv_addr", SWITCH),
    ("smtp_alert", SWITCH),
    ("debug", &["0", "3"]),
    ("dont_track_primary", NOTHING),
    ("no_accept", NOTHING),
    ("notify_deleted", NOTHING),
    ("notify_master", SCRIPTS),
    ("notify_backup", SCRIPTS),
    ("notify_fault", SCRIPTS),
    ("notify_stop", SCRIPTS),
    ("notify", SCRIPTS),
    ("kernel_rx_buf_size", &["65536"]),
    (
        "track_interface",
        &[
            "{\neth0\n}",
            "{\neth1 weight 10\n}",
            "{\neth1 weight -10\neth2\n}",
        ],
    ),
    (
        "track_script",
        &[
            "{\nchk\n}",
            "{\nchk weight 7\n}",
            "{\nchk weight -7 reverse\n}",
        ],
    ),
    (
        "virtual_ipaddress_excluded",
        &["{\nfd00::5/64\n}", "{\n10.9.9.9\n}"],
    ),
];

const GLOBAL: &[(&str, &[&str])] = &[
    ("router_id", &["one", "\"two\""]),
    ("smtp_alert", SWITCH),
    ("smtp_alert_vrrp", SWITCH),
    ("smtp_alert_checker", SWITCH),
    ("vrrp_garp_master_delay", &["0", "2", "9"]),
    ("vrrp_garp_master_repeat", COUNTS),
    ("vrrp_garp_master_refresh", &["0", "30"]),
    ("vrrp_garp_master_refresh_repeat", COUNTS),
    ("vrrp_garp_lower_prio_delay", &["0", "3"]),
    ("vrrp_garp_lower_prio_repeat", COUNTS),
    ("vrrp_min_garp", &["", "on", "off"]),
    ("vrrp_lower_prio_no_advert", SWITCH),
    ("vrrp_higher_prio_send_advert", SWITCH),
    ("vrrp_down_timer_adverts", &["2", "3"]),
    ("vrrp_skip_check_adv_addr", NOTHING),
    ("vrrp_version", &["2", "3"]),
    ("vrrp_mcast_group4", &["224.0.0.18", "224.0.0.19"]),
    ("smtp_connect_timeout", &["5", "30"]),
];

const TIMING: &[(&str, &[&str])] = &[
    ("delay_loop", SECONDS),
    ("retry", COUNTS),
    ("delay_before_retry", SECONDS),
    ("warmup", SECONDS),
    ("connect_timeout", &["1", "2.5", "8"]),
];

const VIRTUAL_SERVER: &[(&str, &[&str])] = &[
    (
        "lvs_sched",
        &[
            "rr", "wrr", "lc", "wlc", "sh", "mh", "dh", "lblc", "lblcr", "sed", "nq", "fo", "ovf",
        ],
    ),
    ("lvs_method", &["NAT", "DR", "TUN"]),
    ("persistence_timeout", &["50", "600"]),
    ("alpha", NOTHING),
    ("omega", NOTHING),
    ("quorum", COUNTS),
    ("hysteresis", &["0", "1"]),
    ("weight", &["1", "5"]),
    ("smtp_alert", SWITCH),
    ("inhibit_on_failure", NOTHING),
    ("ha_suspend", NOTHING),
    ("quorum_up", SCRIPTS),
    ("quorum_down", SCRIPTS),
    ("virtualhost", &["www.example.org"]),
    ("sorry_server", &["10.0.9.9 80"]),
];

const REAL_SERVER: &[(&str, &[&str])] = &[
    ("weight", &["0", "1", "9", "65535"]),
    ("lvs_method", &["NAT", "DR", "TUN"]),
    ("inhibit_on_failure", SWITCH),
    ("alpha", SWITCH),
    ("uthreshold", &["100"]),
    ("lthreshold", &["10"]),
    ("smtp_alert", SWITCH),
    ("notify_up", SCRIPTS),
    ("notify_down", SCRIPTS),
];

/// Of every check that makes a connection.
const CONNECTION: &[(&str, &[&str])] = &[
    ("connect_ip", &["10.0.8.8"]),
    ("connect_port", &["99"]),
    ("bind_if", &["eth0"]),
    ("fwmark", &["7"]),
    ("alpha", SWITCH),
];

/// Each check with what it has to have.
const CHECKS: &[(&str, &str)] = &[
    ("TCP_CHECK", ""),
    ("HTTP_GET", "url {\npath /\n}"),
    (
        "HTTP_GET",
        "url {\npath /a?b=c\nvirtualhost v.example.org\n}\nurl {\npath /\nstatus_code 200-204 301\n}",
    ),
    (
        "SSL_GET",
        "url {\npath /\ndigest 0123456789abcdef0123456789abcdef\n}",
    ),
    ("SMTP_CHECK", "helo_name me.example.org"),
    ("DNS_CHECK", "type MX\nname example.org"),
    ("PING_CHECK", ""),
    ("UDP_CHECK", "require_reply"),
    (
        "MISC_CHECK",
        "misc_path \"/bin/true 'a b'\"\nmisc_timeout 4\nmisc_dynamic",
    ),
];

fn one(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut text =
        String::from("global_defs {\n    enable_script_security\n    script_user root\n");
    text += "    smtp_server 127.0.0.1\n    notification_email {\n        a@example.org\n    }\n";
    dice.some(&mut text, 4, GLOBAL);
    text += "}\nvrrp_script chk {\n    script /bin/true\n";
    dice.some(
        &mut text,
        4,
        &[
            ("interval", COUNTS),
            ("timeout", COUNTS),
            ("weight", &["-5", "0", "20"]),
            ("rise", COUNTS),
            ("fall", COUNTS),
        ],
    );
    text += "}\n";
    let mut members = String::new();
    for number in 1..=3 {
        instance(&mut dice, &mut text, number);
        let _ = writeln!(members, "        VI_{number}");
    }
    if dice.throw(2) == 0 {
        let _ = writeln!(text, "vrrp_sync_group G {{\n    group {{\n{members}    }}");
        dice.some(
            &mut text,
            4,
            &[
                ("smtp_alert", SWITCH),
                ("notify_master", SCRIPTS),
                ("notify", SCRIPTS),
            ],
        );
        text += "}\n";
    }
    for number in 1..=3 {
        service(&mut dice, &mut text, number);
    }
    text
}

fn instance(dice: &mut Dice, text: &mut String, number: usize) {
    let _ = writeln!(
        text,
        "vrrp_instance VI_{number} {{\n    interface eth{number}"
    );
    let _ = writeln!(text, "    virtual_router_id {}", 50 + number);
    match dice.throw(3) {
        0 => *text += "    version 3\n    advert_int 0.5\n",
        1 => {
            *text += "    version 2\n    advert_int 2\n    authentication {\n        auth_type PASS\n        auth_pass 1234\n    }\n"
        }
        _ => {}
    }
    match dice.throw(3) {
        0 => {
            let _ = writeln!(text, "    unicast_src_ip 10.99.{number}.1");
            let _ = writeln!(text, "    unicast_peer {{\n        10.99.{number}.2");
            let _ = writeln!(text, "        10.99.{number}.3 min_ttl 3 max_ttl 9\n    }}");
            dice.some(
                text,
                4,
                &[
                    ("unicast_ttl", &["1", "255"]),
                    ("check_unicast_src", NOTHING),
                ],
            );
        }
        1 => dice.some(text, 4, &[("mcast_src_ip", &["10.99.0.7"])]),
        _ => {}
    }
    dice.some(text, 4, INSTANCE);
    let _ = writeln!(text, "    virtual_ipaddress {{\n        10.0.{number}.80");
    if dice.throw(2) == 0 {
        let _ = writeln!(
            text,
            "        10.0.{number}.81/24 brd 10.0.{number}.255 dev eth{number} scope link label eth{number}:1"
        );
    }
    *text += "    }\n}\n";
}

fn service(dice: &mut Dice, text: &mut String, number: usize) {
    let _ = writeln!(
        text,
        "virtual_server 10.0.{number}.80 80 {{\n    protocol TCP"
    );
    dice.some(text, 4, VIRTUAL_SERVER);
    dice.some(text, 4, TIMING);
    for server in 1..=3 {
        let _ = writeln!(text, "    real_server 10.1.{number}.{server} 80 {{");
        dice.some(text, 8, REAL_SERVER);
        dice.some(text, 8, TIMING);
        for _ in 0..dice.throw(3) {
            let (check, needs) = CHECKS[dice.throw(CHECKS.len())];
            let _ = writeln!(text, "        {check} {{\n{needs}");
            match check {
                "MISC_CHECK" => dice.some(text, 12, &TIMING[..4]),
                "PING_CHECK" => dice.some(text, 12, TIMING),
                _ => {
                    dice.some(text, 12, TIMING);
                    dice.some(text, 12, CONNECTION);
                }
            }
            *text += "        }\n";
        }
        *text += "    }\n";
    }
    *text += "}\n";
}
