//! Version, family and interval, and where adverts go to and come from.

use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::Version;
use ipvsd::vrrp::settings::{ChecksumForm, Delivery, InstanceSettings, Unicast};

use super::{load, model, settings, settings_under, settings6, text_of, text_with, told};

fn unicast(settings: &InstanceSettings) -> &Unicast {
    match &settings.delivery {
        Delivery::Unicast(unicast) => unicast,
        Delivery::Multicast { group } => panic!("multicast to {group}"),
    }
}

fn group(settings: &InstanceSettings) -> String {
    settings.group().expect("multicast").to_string()
}

fn peers(settings: &InstanceSettings) -> Vec<String> {
    let peers = unicast(settings).peers.iter();
    peers
        .map(|peer| format!("{} {:?}", peer.address, peer.ttl))
        .collect()
}

/// Words that list these peers.
fn to(peers: &str) -> String {
    format!("unicast_peer {{\n{peers}\n}}\n")
}

#[test]
fn version_and_family() {
    let facts = |settings: InstanceSettings| (settings.version, settings.family);
    assert_eq!(facts(settings("")), (Version::V2, Family::V4));
    assert_eq!(facts(settings("version 3")), (Version::V3, Family::V4));
    assert_eq!(facts(settings6("")), (Version::V3, Family::V6));
    assert_eq!(facts(settings6("version 3")), (Version::V3, Family::V6));
    assert_eq!(facts(settings6("version 2")), (Version::V3, Family::V6));
    let global = |words| facts(settings_under("vrrp_version 3", words));
    assert_eq!(global(""), (Version::V3, Family::V4));
    assert_eq!(global("version 2"), (Version::V2, Family::V4));
    let text = text_with("version 2", "fe80::80");
    assert_eq!(told(&text), ["no-effect: version 2 of VRRP knows no IPv6"]);
    let text = format!(
        "global_defs {{\nvrrp_version 2\n}}\n{}",
        text_with("", "fe80::80")
    );
    assert!(told(&text).is_empty());
}

#[test]
fn the_family_where_there_are_no_addresses() {
    let family = |words: &str| {
        let text = format!(
            "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\n\
             no_virtual_ipaddress\n{words}\n}}\n"
        );
        let settings = model(&text).vrrp_instances.remove(0).settings;
        assert_eq!(settings.advertised().count(), 0);
        (settings.family, told(&text).len())
    };
    assert_eq!(family(""), (Family::V4, 0));
    assert_eq!(family("native_ipv6"), (Family::V6, 0));
    assert_eq!(family(&to("fd00::2")), (Family::V6, 0));
    assert_eq!(family("mcast_src_ip fd00::1"), (Family::V6, 0));
    assert_eq!(family("mcast_dst_ip ff02::12"), (Family::V6, 0));
    // Where something else says it, the word is of no use.
    let words = format!("native_ipv6\n{}", to("10.0.0.2"));
    assert_eq!(family(&words), (Family::V4, 1));
    let text = text_of("native_ipv6");
    assert_eq!(
        told(&text),
        ["no-effect: `native_ipv6` is a word of older versions"]
    );
    assert_eq!(model(&text).vrrp_instances[0].settings.family, Family::V4);
}

#[test]
fn intervals_are_rounded_by_the_version() {
    let interval = |version: u8, written: &str| {
        let words = format!("version {version}\nadvert_int {written}");
        let used = settings(&words).advert_interval.as_duration();
        let warnings = told(&text_of(&words)).len();
        assert_eq!(
            warnings > 0,
            used.as_secs_f64() != written.parse::<f64>().unwrap()
        );
        used.as_millis()
    };
    for (written, used) in [
        ("0.01", 1_000),
        ("0.49", 1_000),
        ("0.5", 1_000),
        ("1.4", 1_000),
        ("1.5", 2_000),
        ("2.5", 3_000),
        ("254.6", 255_000),
        ("255", 255_000),
    ] {
        assert_eq!(interval(2, written), used, "{written}");
    }
    for (written, used) in [
        ("0.01", 10),
        ("0.015", 20),
        ("0.3", 300),
        ("1.234", 1_230),
        ("1.235", 1_240),
        ("40.95", 40_950),
        ("40.954", 40_950),
        ("40.955", 40_950),
        ("40.96", 40_950),
        ("255", 40_950),
    ] {
        assert_eq!(interval(3, written), used, "{written}");
    }
    let default = settings("version 3").advert_interval.as_duration();
    assert_eq!(default, Duration::from_secs(1));
    for wrong in ["0", "0.009", "255.1", "1s", "1e1"] {
        let text = text_of(&format!("version 3\nadvert_int {wrong}"));
        assert!(load(&text).model.is_none(), "{wrong}");
    }
}

#[test]
fn multicast_groups_and_what_is_inherited() {
    assert_eq!(group(&settings("")), "224.0.0.18");
    assert_eq!(group(&settings("mcast_dst_ip 224.0.0.19")), "224.0.0.19");
    assert_eq!(group(&settings6("")), "ff02::12");
    assert_eq!(group(&settings6("mcast_dst_ip ff02::13")), "ff02::13");
    let global = "vrrp_mcast_group4 224.0.0.20\nvrrp_mcast_group6 ff02::20";
    assert_eq!(group(&settings_under(global, "")), "224.0.0.20");
    let own = settings_under(global, "mcast_dst_ip 224.0.0.19");
    assert_eq!(group(&own), "224.0.0.19");
    let text = format!(
        "global_defs {{\n{global}\n}}\n{}",
        text_with("", "fe80::80")
    );
    assert_eq!(group(&model(&text).vrrp_instances[0].settings), "ff02::20");
    // Beyond the link.
    let wide = told(&text_with("mcast_dst_ip ff05::12", "fe80::80"));
    assert_eq!(wide, ["doubtful: adverts are for one link only"]);
    for wrong in ["10.0.0.1", "ff02::12", "224.0.0.256"] {
        let text = text_of(&format!("mcast_dst_ip {wrong}"));
        assert!(load(&text).model.is_none(), "{wrong}");
    }
    for wrong in ["vrrp_mcast_group4 ff02::12", "vrrp_mcast_group6 224.0.0.18"] {
        let text = format!("global_defs {{\n{wrong}\n}}\n");
        assert!(load(&text).model.is_none(), "{wrong}");
    }
}

#[test]
fn peers_and_their_ttls() {
    let all = settings(&format!(
        "unicast_src_ip 10.0.0.1\n{}",
        to("10.0.0.2\n10.0.0.3 min_ttl 254\n10.0.0.4 max_ttl 64\n10.0.0.5 max_ttl 64 min_ttl 60")
    ));
    assert_eq!(
        peers(&all),
        [
            "10.0.0.2 0..=255",
            "10.0.0.3 254..=255",
            "10.0.0.4 0..=64",
            "10.0.0.5 60..=64"
        ]
    );
    assert_eq!(all.source, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(unicast(&all).ttl, 255);
    // Blocks add up.
    let both = settings(&format!("{}{}", to("10.0.0.2"), to("10.0.0.3")));
    assert_eq!(peers(&both).len(), 2);
    assert_eq!(peers(&settings6(&to("fd00::2"))), ["fd00::2 0..=255"]);
    for (wrong, why) in [
        (
            "10.0.0.2 min_ttl 256",
            "out-of-range: `256` is out of range",
        ),
        (
            "10.0.0.2 min_ttl 200 max_ttl 100",
            "out-of-range: `min_ttl 200` is above `max_ttl 100`",
        ),
        ("10.0.0.2 min_ttl", "missing-value: `min_ttl` needs a value"),
        (
            "10.0.0.2 foo",
            "invalid-value: `foo` is not an option of a peer",
        ),
        (
            "10.0.0.2 10.0.0.3",
            "invalid-value: `10.0.0.3` is not an option of a peer",
        ),
        (
            "10.0.0.800",
            "invalid-value: `10.0.0.800` is not an IPv4 or IPv6 address",
        ),
        (
            "fd00::2",
            "family-mismatch: an IPv6 address as peer in an instance of IPv4 addresses",
        ),
        (
            "224.0.0.18",
            "invalid-value: `224.0.0.18` is not an address that a host can have",
        ),
    ] {
        let told = told(&text_of(&to(wrong)));
        assert!(told.iter().any(|told| told == why), "{wrong}: {told:?}");
        assert!(load(&text_of(&to(wrong))).model.is_none(), "{wrong}");
    }
}

#[test]
fn peers_that_make_no_sense() {
    let of = |own: &str, list: &str| {
        let words = format!("{own}\n{}", to(list));
        (peers(&settings(&words)), told(&text_of(&words)))
    };
    let (left, told) = of("unicast_src_ip 10.0.0.1", "10.0.0.1\n10.0.0.2");
    assert_eq!(left, ["10.0.0.2 0..=255"]);
    assert_eq!(told, ["no-effect: a peer that is this director itself"]);
    let (left, told) = of("", "10.0.0.2\n10.0.0.2 min_ttl 255");
    assert_eq!(left, ["10.0.0.2 0..=255"]);
    assert_eq!(told, ["redundant: the peer 10.0.0.2 is there twice"]);
    let (left, told) = of("", "10.0.0.80\n10.0.0.2");
    assert_eq!(left.len(), 2);
    assert_eq!(
        told,
        ["doubtful: a peer that is one of the virtual addresses"]
    );
}

#[test]
fn who_is_believed() {
    let checks =
        |words: &str| unicast(&settings(&format!("{words}\n{}", to("10.0.0.2")))).check_source;
    assert!(!checks(""));
    assert!(checks("check_unicast_src"));
    assert!(!checks("check_unicast_src off"));
    let global = |words: &str| {
        let words = format!("{words}\n{}", to("10.0.0.2"));
        unicast(&settings_under("vrrp_check_unicast_src", &words)).check_source
    };
    assert!(global(""));
    assert!(!global("check_unicast_src no"));
    let with_range = format!("check_unicast_src off\n{}", to("10.0.0.2 min_ttl 0"));
    assert!(unicast(&settings(&with_range)).check_source);
}

#[test]
fn how_far_adverts_go() {
    let ttl = |ttl: &str| unicast(&settings(&format!("unicast_ttl {ttl}\n{}", to("10.0.0.2")))).ttl;
    assert_eq!((ttl("1"), ttl("64"), ttl("255")), (1, 64, 255));
    // With 0, Linux sends nothing at all over IPv4 (EINVAL).
    assert_eq!(ttl("0"), 1);
    assert_eq!(
        told(&text_of(&format!("unicast_ttl 0\n{}", to("10.0.0.2")))),
        ["value-adjusted: a packet with a TTL of 0 is not sent"]
    );
    assert!(
        load(&text_of(&format!("unicast_ttl 256\n{}", to("10.0.0.2"))))
            .model
            .is_none()
    );
    assert_eq!(
        told(&text_of("unicast_ttl 64")),
        ["no-effect: `unicast_ttl` without `unicast_peer`"]
    );
}

#[test]
fn unicast_without_peers_is_multicast_or_a_fault() {
    let doubtful = ["doubtful: unicast without peers"];
    for words in [
        "unicast_peer {\n}",
        "unicast_src_ip 10.0.0.1",
        "check_unicast_src",
    ] {
        assert_eq!(group(&settings(words)), "224.0.0.18", "{words}");
        assert_eq!(told(&text_of(words)), doubtful, "{words}");
        let words = format!("{words}\nunicast_fault_no_peer");
        assert!(peers(&settings(&words)).is_empty(), "{words}");
        assert_eq!(told(&text_of(&words)), doubtful, "{words}");
    }
    assert!(peers(&settings("unicast_fault_no_peer")).is_empty());
    let source = settings("unicast_src_ip 10.0.0.1").source;
    assert_eq!(source, Some("10.0.0.1".parse().unwrap()));
    let words = format!("unicast_fault_no_peer\n{}", to("10.0.0.2"));
    assert!(told(&text_of(&words)).is_empty());
    // What is said of all instances is no wish for unicast.
    assert_eq!(
        group(&settings_under("vrrp_check_unicast_src", "")),
        "224.0.0.18"
    );
}

#[test]
fn the_source_that_counts() {
    let source = |words: &str| settings(words).source.map(|source| source.to_string());
    assert_eq!(source(""), None);
    assert_eq!(source("mcast_src_ip 10.0.0.7").unwrap(), "10.0.0.7");
    let both = "mcast_src_ip 10.0.0.7\nunicast_src_ip 10.0.0.8\n";
    assert_eq!(source(both).unwrap(), "10.0.0.7");
    assert_eq!(
        source(&format!("{both}{}", to("10.0.0.2"))).unwrap(),
        "10.0.0.8"
    );
    let only = format!("mcast_src_ip 10.0.0.7\n{}", to("10.0.0.2"));
    assert_eq!(source(&only).unwrap(), "10.0.0.7");
    assert_eq!(
        told(&text_of(&format!("{both}{}", to("10.0.0.2")))),
        ["no-effect: two addresses that adverts come from"]
    );
    assert_eq!(
        told(&text_of("mcast_src_ip fd00::1")),
        ["family-mismatch: an IPv6 address as `mcast_src_ip` in an instance of IPv4 addresses"]
    );
    assert!(load(&text_of("mcast_src_ip 0.0.0.0")).model.is_none());
    let with_group = format!("mcast_dst_ip 224.0.0.19\n{}", to("10.0.0.2"));
    assert_eq!(
        told(&text_of(&with_group)),
        ["no-effect: `mcast_dst_ip` does not go together with unicast"]
    );
    assert_eq!(peers(&settings(&with_group)).len(), 1);
}

#[test]
fn forms_of_checksum() {
    let peers = to("10.0.0.2");
    let form = |words: &str| settings(words).checksum;
    assert_eq!(form("version 3"), ChecksumForm::PseudoHeader);
    let as_v2 = "version 3\nv3_checksum_as_v2";
    assert_eq!(form(as_v2), ChecksumForm::MessageOnly);
    assert_eq!(
        form("version 3\nv3_checksum_as_v2 no"),
        ChecksumForm::PseudoHeader
    );
    let old = format!("version 3\nold_unicast_checksum\n{peers}");
    assert_eq!(form(&old), ChecksumForm::GroupInUnicast);
    let never = format!("version 3\nold_unicast_checksum never\n{peers}");
    assert_eq!(form(&never), ChecksumForm::PseudoHeader);
    assert!(told(&text_of(&never)).is_empty());
    let global = |words: &str| settings_under("v3_checksum_as_v2", words).checksum;
    assert_eq!(global("version 3"), ChecksumForm::MessageOnly);
    assert_eq!(
        global("version 3\nv3_checksum_as_v2 off"),
        ChecksumForm::PseudoHeader
    );
    assert_eq!(global("version 2"), ChecksumForm::PseudoHeader);
    for (words, why) in [
        (
            "v3_checksum_as_v2",
            "no-effect: `v3_checksum_as_v2` is for version 3 over IPv4",
        ),
        (
            "old_unicast_checksum",
            "no-effect: `old_unicast_checksum` is for version 3 over IPv4",
        ),
        (
            "version 3\nold_unicast_checksum",
            "no-effect: `old_unicast_checksum` without `unicast_peer`",
        ),
        (
            &format!("{as_v2}\nold_unicast_checksum\n{peers}"),
            "no-effect: two forms of checksum",
        ),
    ] {
        assert_eq!(told(&text_of(words)), [why], "{words}");
    }
    let both = format!("{as_v2}\nold_unicast_checksum\n{peers}");
    assert_eq!(form(&both), ChecksumForm::MessageOnly);
    let v6 = text_with("v3_checksum_as_v2", "fe80::80");
    assert_eq!(
        told(&v6),
        ["no-effect: `v3_checksum_as_v2` is for version 3 over IPv4"]
    );
    assert_eq!(
        settings6("v3_checksum_as_v2").checksum,
        ChecksumForm::PseudoHeader
    );
}

/// Two instances on one interface with these words.
fn pair(one: &str, other: &str) -> String {
    let instance = |name: &str, words: &str, last: u8| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id 51\n{words}\n\
             virtual_ipaddress {{\n10.0.0.{last}\n}}\n}}\n"
        )
    };
    format!("{}{}", instance("A", one, 80), instance("B", other, 81))
}

#[test]
fn one_vrid_for_two_instances() {
    let same = "duplicate: `A` and `B` both have the virtual router id 51 on eth0";
    assert_eq!(told(&pair("", "")), [same]);
    assert_eq!(told(&pair("version 2", "version 3")), [same]);
    // Where they do not hear each other.
    assert!(told(&pair("", "mcast_dst_ip 224.0.0.19")).is_empty());
    assert!(told(&pair("", &to("10.0.0.2"))).is_empty());
    assert!(told(&pair(&to("10.0.0.2"), &to("10.0.0.3"))).is_empty());
    let overlap = pair(&to("10.0.0.2\n10.0.0.3"), &to("10.0.0.4\n10.0.0.3"));
    assert_eq!(told(&overlap), [format!("{same}, with the peer 10.0.0.3")]);
    // The families have a number of their own each.
    let families = format!(
        "{}{}",
        text_of(""),
        text_with("", "fe80::80").replace("VI_1", "VI_6")
    );
    assert!(told(&families).is_empty());
}
