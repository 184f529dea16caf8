//! A model that is written down as a configuration means the same again.

use ipvsd::config::diagnostic::Style;
use ipvsd::config::model::Model;
use ipvsd::vrrp::settings::{Authentication, Hmac, Key, Password};
use proptest::prelude::*;
use proptest::sample::select;

use super::{load, model};

/// The model that a model's own dump means, with the secrets that a dump masks.
fn again(model: &Model) -> Model {
    let dump = model.dump();
    let loaded = load(&dump);
    let report = loaded.diagnostics.render(Style::Plain);
    let Some(mut again) = loaded.model else {
        panic!("{report}\n---\n{dump}");
    };
    for (new, old) in again.vrrp_instances.iter_mut().zip(&model.vrrp_instances) {
        let new = &mut new.settings.authentication;
        assert_eq!(*new, masked(&old.settings.authentication));
        new.clone_from(&old.settings.authentication);
    }
    again.files.clone_from(&model.files);
    again
}

/// The same with a mask in the place of every secret.
fn masked(authentication: &Authentication) -> Authentication {
    let password = Password::new("********");
    match authentication {
        Authentication::None => Authentication::None,
        Authentication::Pass(_) => Authentication::Pass(password),
        Authentication::Header(_) => Authentication::Header(password),
        Authentication::Hmac(hmac) => {
            let numbers = hmac.keys.keys();
            let mask = |number: &u8| (*number, Key(vec![b'*'; 32]));
            Authentication::Hmac(Hmac {
                keys: numbers.map(mask).collect(),
                ..hmac.clone()
            })
        }
    }
}

/// Some of these lines, in this order.
fn some_of(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::subsequence(lines, 0..=lines.len()).prop_map(|lines| lines.join("\n"))
}

const SCRIPTS: &[&str] = &[
    "notify_master /bin/a",
    "notify_backup \"/bin/a 'b c' d\\\\'e\" nobody",
    "notify_fault \"/bin/a \\\\042 \\\\\\\\ \\\\n { } # !\"",
    "notify_stop \"/bin/a\" 0 nogroup",
    "notify \"/bin/é $HOME '' *\"",
];

const GLOBAL: &[&str] = &[
    "router_id \"a b\\c\"",
    "script_user nobody",
    "enable_script_security",
    "notification_email { a@example.org b@example.org\nOps Team <ops@example.org>\n}",
    "notification_email_from Load <lvs@example.org>",
    "smtp_server mail.example.org 2525",
    "smtp_connect_timeout 0.25",
    "smtp_helo_name a.example.org",
    "smtp_alert on",
    "smtp_alert_vrrp off",
    "no_email_faults",
    "vrrp_mcast_group4 224.1.2.3",
    "vrrp_garp_master_delay 0",
    "vrrp_garp_master_repeat 7",
    "vrrp_garp_lower_prio_delay 2",
    "vrrp_garp_lower_prio_repeat 0",
    "vrrp_garp_master_refresh 60",
    "vrrp_garp_master_refresh_repeat 3",
    "vrrp_garp_interval 0.000001",
    "vrrp_gna_interval 4294.967295",
    "vrrp_min_garp",
    "vrrp_garp_extra_if all 100",
    "vrrp_version 3",
    "vrrp_mcast_group6 ff02::13",
    "vrrp_check_unicast_src",
    "v3_checksum_as_v2",
    "vrrp_strict",
    "vrrp_skip_check_adv_addr",
    "vrrp_down_timer_adverts 5",
    "vrrp_lower_prio_no_advert",
    "vrrp_higher_prio_send_advert off",
    "vrrp_owner_ignore_adverts",
    "vrrp_startup_delay 0.25",
    "vrrp_delay_after_boot 60",
    "log_unknown_vrids",
    "vrrp_priority -10",
    "vrrp_rt_priority 50",
    "vrrp_rlimit_rttime 20000",
    "vrrp_no_swap",
    "vrrp_cpu_affinity 0 3 1",
    "max_auto_priority",
    "min_auto_priority_delay 5000",
];

const INSTANCE: &[&str] = &[
    "state MASTER",
    "priority 255",
    "advert_int 2.5",
    "nopreempt",
    "preempt_delay 1.25",
    "mcast_dst_ip 239.0.0.1",
    "authentication {\nauth_type PASS\nauth_pass secret\n}",
    "authentication {\nauth_type AH\nauth_pass secret\n}",
    "garp_master_delay 3",
    "garp_master_repeat 2",
    "garp_lower_prio_delay 0",
    "garp_lower_prio_repeat 1",
    "garp_master_refresh 30",
    "garp_master_refresh_repeat 2",
    "garp_extra_if all 10",
    "smtp_alert",
    "version 3",
    "mcast_src_ip 10.9.9.1",
    "unicast_peer {\n10.9.9.2\n10.9.9.3 min_ttl 5 max_ttl 200\n}",
    "unicast_peer {\n}",
    "unicast_src_ip 10.9.9.4",
    "unicast_ttl 64",
    "check_unicast_src on",
    "unicast_fault_no_peer",
    "v3_checksum_as_v2 off",
    "old_unicast_checksum",
    "strict_mode off",
    "down_timer_adverts 1",
    "skip_check_adv_addr no",
    "lower_prio_no_advert off",
    "higher_prio_send_advert on",
    "owner_ignore_adverts off",
    "timer_expired_backup 200",
    "auth_hmac {\nkey 1 abcdefghijklmnopqrstuvwxyz012345\nkey 9 abcdefghijklmnopqrstuvwxyz012346\n\
     active_key 9\nmode permissive\n}",
    "auth_hmac {\nkey 7 abcdefghijklmnopqrstuvwxyz012345\nanti_replay monotonic\n}",
    "virtual_ipaddress_excluded {\nfd00::1/64 dev eth1 scope link\n10.9.9.80/24\n}",
    "notify_master_rx_lower_pri \"/bin/a b\" nobody",
];

const OPTIONS: &[&str] = &[
    "/0",
    "/24",
    "/31",
    " brd +",
    " brd -",
    " brd 10.255.0.1",
    " dev eth1",
    " scope link",
    " scope 17",
    " label eth0:1",
    " label \"{x y}\"",
];

/// A configuration of two instances and perhaps a group, in the order of a dump.
fn configuration() -> impl Strategy<Value = String> {
    let instance = || {
        let address = prop::sample::subsequence(OPTIONS, 0..=OPTIONS.len());
        let addresses = prop::collection::vec(address, 0..4);
        (some_of(INSTANCE), some_of(SCRIPTS), addresses)
    };
    let group = (
        any::<bool>(),
        some_of(SCRIPTS),
        select(vec!["", "smtp_alert on"]),
    );
    let checked = select(vec!["", "smtp_alert", "smtp_alert off"]);
    let paced = select(vec![
        "",
        "garp_group {\ngarp_interval 0.5\ninterfaces {\neth0\neth1\n}\n}\n\
         garp_group {\ngna_interval 1\ninterface eth2\n}\n",
    ]);
    (some_of(GLOBAL), group, [instance(), instance()], checked, paced).prop_map(
        |(global, (is_grouped, scripts, alert), instances, checked, paced)| {
            let mut text = format!("global_defs {{\n{global}\n}}\n{paced}");
            if is_grouped {
                text += &format!("vrrp_sync_group G {{\ngroup {{\nVI_1\nVI_0\n}}\n{scripts}\n{alert}\n}}\n");
            }
            for (number, (words, scripts, addresses)) in instances.iter().enumerate() {
                text += &format!(
                    "vrrp_instance VI_{number} {{\ninterface eth0\nvirtual_router_id {}\n{words}\n{scripts}\nvirtual_ipaddress {{\n",
                    number + 1
                );
                for (last, options) in addresses.iter().enumerate() {
                    let (prefix, rest): (Vec<_>, Vec<_>) =
                        options.iter().partition(|option| option.starts_with('/'));
                    let prefix = prefix.first().copied().unwrap_or(&"");
                    let rest: String = rest.into_iter().copied().collect();
                    text += &format!("10.0.{number}.{last}{prefix}{rest}\n");
                }
                text += "}\n}\n";
            }
            text + &format!(
                "virtual_server 10.0.0.1 80 {{\nprotocol TCP\n{checked}\nreal_server 10.0.0.2 80 {{\n{checked}\nMISC_CHECK {{\nmisc_path \"/bin/c 'd e'\"\n}}\n}}\n}}\n"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_dump_means_the_same_again(text in configuration()) {
        // Some words are errors together.
        let model = load(&text).model;
        prop_assume!(model.is_some());
        let model = model.expect("assumed");
        prop_assert_eq!(again(&model), model, "{}", text);
    }
}

#[test]
fn the_dump_of_every_word_means_the_same_again() {
    let with = |words: &[&str], addresses: &str| {
        let words = words.join("\n");
        let text = format!(
            "global_defs {{\n{}\n}}\nvrrp_instance VI_1 {{\ninterface eth0\n\
             virtual_router_id 51\n{words}\n{addresses}\n}}\n",
            GLOBAL.join("\n").replace("vrrp_strict\n", "")
        );
        let model = model(&text);
        assert_eq!(again(&model), model, "{text}");
    };
    let addresses = "virtual_ipaddress {\n10.0.0.80\n}";
    for word in INSTANCE {
        with(&[word], addresses);
    }
    with(INSTANCE, addresses);
    for words in [
        "",
        "unicast_peer {\nfd00::2\n}",
        "unicast_src_ip fd00::1\nunicast_fault_no_peer",
        "native_ipv6\nunicast_fault_no_peer",
        "mcast_dst_ip ff02::99",
    ] {
        with(&[words, "no_virtual_ipaddress"], "");
        let v6 = "virtual_ipaddress {\nfe80::80\nfd00::80/64\n}";
        with(&[words], v6);
    }
    for words in ["strict_mode", "strict_mode\npriority 255\nstate MASTER"] {
        with(&[words], addresses);
    }
    let many: String = (0..300)
        .map(|last| format!("10.1.{}.{}\n", last / 250, last % 250))
        .collect();
    with(&[], &format!("virtual_ipaddress {{\n{many}}}"));
}

#[test]
fn the_dumps_of_published_configurations_mean_the_same_again() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let seeds = ["plain_lb01", "dual_lb02", "haproxy", "redis_notify.mended"];
    let vectors = [
        "v2-ah",
        "v2-hmac-time",
        "v2-unicast",
        "v3-ipv4-checksum-as-v2",
    ];
    let vectors = vectors
        .iter()
        .chain(&["v3-ipv6-hmac-time", "v3-ipv6", "v3-unicast"]);
    let seeds = seeds
        .iter()
        .map(|name| format!("{tests}/seeds/{name}.conf"));
    let vectors = vectors.map(|name| format!("{tests}/vrrp/vectors/{name}.conf"));
    for path in seeds.chain(vectors) {
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let model = model(&text);
        assert_eq!(again(&model), model, "{path}");
    }
}
