//! Which addresses stand in adverts, and which are moved without.

use std::net::IpAddr;

use ipvsd::family::Family;

use super::{load, model, settings, settings6, text_of, text_with, told};

/// Addresses of the range, one a line.
fn many(prefix: &str, count: usize) -> String {
    let lines = (1..=count).map(|number| match prefix.contains(':') {
        true => format!("{prefix}{number:x}"),
        false => format!("{prefix}{}.{}", number / 250, number % 250 + 1),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn excluded_addresses_come_last_and_are_of_either_family() {
    let settings = settings(
        "virtual_ipaddress_excluded {\nfd00::81/64\n10.0.0.81/24\n}\n\
         virtual_ipaddress_excluded {\n10.0.0.82\n}",
    );
    assert_eq!(settings.excluded, 3);
    let advertised: Vec<IpAddr> = settings.advertised().collect();
    assert_eq!(advertised, ["10.0.0.80".parse::<IpAddr>().unwrap()]);
    let all: Vec<_> = settings.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "10.0.0.80/32",
            "fd00::81/64",
            "10.0.0.81/24",
            "10.0.0.82/32"
        ]
    );
    let v6 = settings6("virtual_ipaddress_excluded {\n10.0.0.81\n}");
    assert_eq!((v6.family, v6.excluded), (Family::V6, 1));
}

#[test]
fn what_an_advert_has_no_room_for_is_excluded() {
    let counts = |addresses: &str| {
        let text = text_with("virtual_ipaddress_excluded {\nfd00:1::1\n}", addresses);
        let settings = model(&text).vrrp_instances.remove(0).settings;
        assert_eq!(
            settings.addresses.last().unwrap().to_string(),
            "fd00:1::1/128"
        );
        let told = told(&text);
        let full = told
            .iter()
            .filter(|told| told.starts_with("value-adjusted"));
        (
            settings.advertised().count(),
            settings.excluded,
            full.count(),
        )
    };
    assert_eq!(counts(&many("10.0.", 255)), (255, 1, 0));
    assert_eq!(counts(&many("10.0.", 258)), (255, 4, 1));
    assert_eq!(counts(&many("fe80::", 89)), (89, 1, 0));
    assert_eq!(counts(&many("fe80::", 90)), (89, 2, 1));
    // A trailer of 28 octets still has room.
    let hmac = "auth_hmac {\nkey 1 abcdefghijklmnopqrstuvwxyz012345\n}";
    let text = text_with(hmac, &many("fe80::", 90));
    let advertised = model(&text).vrrp_instances[0].settings.advertised().count();
    assert_eq!(advertised, 89);
    assert!(40 + 8 + 16 * advertised + 28 <= 1_500);
}

#[test]
fn instances_without_addresses() {
    let empty = |words: &str| {
        format!("vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\n{words}\n}}\n")
    };
    assert_eq!(
        told(&empty("")),
        ["doubtful: an instance without virtual addresses"]
    );
    assert!(told(&empty("no_virtual_ipaddress")).is_empty());
    assert!(told(&empty("no_virtual_ipaddress\nversion 3")).is_empty());
    let needed = "missing-value: an instance of version 3 needs a virtual address";
    assert_eq!(told(&empty("version 3")), [needed]);
    let excluded = "version 3\nvirtual_ipaddress_excluded {\n10.0.0.80\n}";
    assert_eq!(told(&empty(excluded)), [needed]);
    assert_eq!(
        told(&text_of("no_virtual_ipaddress")),
        ["redundant: `no_virtual_ipaddress` in an instance that has some"]
    );
}

#[test]
fn options_of_ipv6_addresses() {
    let text = text_with("", "fe80::80/64 dev eth1 scope link\nfd00::80/128");
    let settings = model(&text).vrrp_instances.remove(0).settings;
    let [first, second] = settings.addresses.as_slice() else {
        panic!("{settings:#?}");
    };
    assert_eq!((first.prefix, first.scope), (64, 253));
    assert_eq!((first.interface.as_str(), second.prefix), ("eth1", 128));
    assert!(told(&text).is_empty());
    let text = text_with("", "fe80::80 label eth0:1\nfe80::81 brd +");
    assert_eq!(
        told(&text),
        [
            "no-effect: labels are for IPv4 addresses",
            "no-effect: broadcast addresses are for IPv4 addresses"
        ]
    );
    assert!(load(&text_with("", "fe80::80/129")).model.is_none());
    let global_first = text_with("", "fd00::80\nfe80::80");
    assert_eq!(
        told(&global_first),
        ["advice: the first virtual address over IPv6 should be a link-local one"]
    );
}
