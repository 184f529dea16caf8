//! No text makes the reader panic, and there is a model exactly if there is no error.

use std::fs;
use std::path::Path;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::{self, Severity, Sources};
use ipvsd::family::Family;
use ipvsd::vrrp::settings::{Authentication, Delivery};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What holds for every text.
fn holds(text: &[u8]) -> Result<(), TestCaseError> {
    let loaded = config::parse(Sources::from_text("random.conf", text));
    let diagnostics = &loaded.diagnostics;
    prop_assert_eq!(loaded.model.is_none(), diagnostics.errors() > 0);
    let listed = diagnostics.list().iter();
    let errors = listed.filter(|diagnostic| diagnostic.severity() == Severity::Error);
    prop_assert_eq!(errors.count() > 0, diagnostics.errors() > 0);
    for diagnostic in diagnostics.list() {
        let primary = diagnostic.primary.iter().map(|label| label.span);
        let related = diagnostic.related.iter().map(|label| label.span);
        for span in primary
            .chain(related)
            .chain(diagnostic.more.iter().copied())
        {
            prop_assert!(span.start <= span.end);
            diagnostics.sources().text(span);
        }
    }
    diagnostics.render(Style::Plain);
    diagnostics.render(Style::Coloured);
    let json = serde_json::to_string(&diagnostics.json());
    prop_assert!(json.is_ok());
    if let Some(model) = loaded.model {
        for server in &model.virtual_servers {
            prop_assert!(server.hysteresis < server.quorum);
            prop_assert!(!server.real_servers.is_empty() || server.sorry_server.is_some());
        }
        for instance in &model.vrrp_instances {
            prop_assert!(instance.settings.priority.0 > 0);
            let settings = &instance.settings;
            prop_assert!(settings.advertised().count() <= 255);
            prop_assert!(settings.excluded <= settings.addresses.len());
            let mut advertised = settings.advertised();
            prop_assert!(advertised.all(|address| Family::of(address) == settings.family));
            if let Authentication::Hmac(hmac) = &settings.authentication {
                prop_assert!(hmac.keys.contains_key(&hmac.active_key));
                let mut keys = hmac.keys.values();
                prop_assert!(keys.all(|key| (32..=64).contains(&key.0.len())));
            }
            if let Delivery::Unicast(unicast) = &settings.delivery {
                let mut peers = unicast.peers.iter();
                prop_assert!(peers.all(|peer| Family::of(peer.address) == settings.family));
            }
        }
        for group in &model.vrrp_sync_groups {
            prop_assert!(!group.settings.members.is_empty());
            let instances = || {
                model
                    .vrrp_instances
                    .iter()
                    .map(|known| &known.settings.name)
            };
            let mut members = group.settings.members.iter();
            prop_assert!(members.all(|member| instances().any(|name| name == member)));
        }
    }
    Ok(())
}

/// Pieces of configurations, right and wrong.
fn token() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let words = [
        "virtual_server", "real_server", "sorry_server", "global_defs", "TCP_CHECK", "HTTP_GET",
        "MISC_CHECK", "url", "path", "status_code", "digest", "misc_path", "misc_dynamic",
        "weight", "quorum", "hysteresis", "delay_loop", "connect_timeout", "retry", "warmup",
        "alpha", "protocol", "TCP", "UDP", "lb_algo", "lb_kind", "lvs_method", "wrr", "NAT", "DR",
        "TUN", "type", "ipip", "gue", "10.0.0.1", "10.0.0.2", "fd00::1", "80", "8080", "0", "1",
        "-1", "1.5", "65536", "on", "off", "/", "200-299", "fwmark", "group", "vrrp_instance",
        "virtual_server_group", "10.0.0.1-9", "10.0.0.0/30", "fd00::1-f", "inet6", "SSL_GET",
        "UDP_CHECK", "FILE_CHECK", "payload", "0fx", "uthreshold", "persistence_granularity",
        "router_id", "include", "@main", "$A=1", "$A",
        "vrrp_sync_group", "VI_1", "interface", "eth0", "virtual_router_id", "priority", "255",
        "state", "MASTER", "nopreempt", "preempt_delay", "authentication", "auth_type", "PASS",
        "auth_pass", "virtual_ipaddress", "10.0.0.3/24", "dev", "brd", "+", "label", "scope",
        "notify", "notify_master", "smtp_alert", "notification_email", "a@b", "smtp_server",
        "version", "2", "3", "strict_mode", "unicast_peer", "min_ttl", "unicast_src_ip", "fd00::2",
        "fe80::80/64", "virtual_ipaddress_excluded", "no_virtual_ipaddress", "auth_hmac", "key",
        "active_key", "abcdefghijklmnopqrstuvwxyz0123456789", "file:/nonexistent/key", "hex:00",
        "mode", "permissive", "garp_group", "interfaces", "garp_interval", "garp_extra_if", "all",
        "vrrp_strict", "vrrp_rt_priority", "timer_expired_backup", "native_ipv6", "AH",
        "old_unicast_checksum", "mcast_src_ip", "vrrp_min_garp",
        "advert_int", "garp_master_repeat", "mcast_dst_ip", "224.0.0.18", "${A}", "${", "~SEQ(A,1,3)", "\\", "\"a b\"",
        "\"", "'", "# comment", "! comment", "\u{a0}", "é", "\u{feff}", "\0", "\r",
    ];
    let separators = [
        " ", " ", "\n", "\n", "\n    ", "\t", "", " {\n", "{", "}", "\n}\n", "{ }",
    ];
    (select(words.to_vec()), select(separators.to_vec()))
        .prop_map(|(word, separator)| format!("{word}{separator}"))
}

/// The cases of tests/diagnostics, to be damaged.
fn configurations() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let entries = fs::read_dir(folder).expect("the folder of cases");
    let paths = entries.map(|entry| entry.expect("an entry of it").path());
    let cases = paths.filter(|path| path.extension().is_some_and(|ending| ending == "conf"));
    let mut cases: Vec<_> = cases.collect();
    cases.sort();
    cases
        .iter()
        .map(|path| fs::read(path).expect("a case"))
        .collect()
}

/// A change of a text at some place.
#[derive(Clone, Debug)]
enum Damage {
    Delete(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = select(vec![
        &b"{"[..],
        b"}",
        b"\"",
        b"\n",
        b" ",
        b"#",
        b"$",
        b"\\",
        b"\xff",
        b"\0",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Damage::Delete(at, count % 40)),
        (any::<Index>(), bytes).prop_map(|(at, bytes)| Damage::Insert(at, bytes.to_vec())),
        (any::<Index>(), token()).prop_map(|(at, text)| Damage::Insert(at, text.into_bytes())),
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(mut text: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        let length = text.len() + 1;
        match damage {
            Damage::Delete(at, count) => {
                let start = at.index(length);
                let end = (start + usize::from(count)).min(text.len());
                text.drain(start..end);
            }
            Damage::Insert(at, bytes) => {
                let at = at.index(length);
                text.splice(at..at, bytes);
            }
            Damage::Repeat(at, count) => {
                let start = at.index(length);
                let end = (start + usize::from(count)).min(text.len());
                let again = text[start..end].to_vec();
                text.splice(start..start, again);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn token_soup(tokens in prop::collection::vec(token(), 0..60)) {
        holds(tokens.concat().as_bytes())?;
    }

    #[test]
    fn damaged_configurations(
        text in select(configurations()),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        holds(&damaged(text, damages))?;
    }

    #[test]
    fn bytes(text in prop::collection::vec(any::<u8>(), 0..300)) {
        holds(&text)?;
    }

    #[test]
    fn one_block_of_many(
        tokens in prop::collection::vec(token(), 0..30),
        outer in select(vec![
            "global_defs {\n",
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\n",
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n",
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\nauthentication {\n",
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\nauth_hmac {\n",
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\nunicast_peer {\n",
            "garp_group {\n",
            "vrrp_sync_group VG_1 {\ngroup {\n",
            "global_defs {\nnotification_email {\n",
            "virtual_server 10.0.0.1 80 {\nprotocol TCP\n",
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\n",
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n",
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nHTTP_GET {\nurl {\n",
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nMISC_CHECK {\n",
        ]),
    ) {
        let closing = "\n}".repeat(outer.matches('{').count());
        holds(format!("{outer}{}{closing}\n", tokens.concat()).as_bytes())?;
    }
}
