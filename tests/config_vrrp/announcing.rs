//! How a master announces its addresses, and how fast announcements follow each other.

use ipvsd::vrrp::settings::{Announcements, InstanceSettings, Pace};

use super::{load, model, settings, settings_under, text_of, told};

#[test]
fn announcements_after_a_lower_master() {
    let lower = |settings: InstanceSettings| {
        let Announcements {
            lower_prio_delay,
            lower_prio_repeat,
            ..
        } = settings.announcements;
        (lower_prio_delay.as_secs(), lower_prio_repeat)
    };
    // From `global_defs`, not from the instance's own.
    let global = "vrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3";
    assert_eq!(lower(settings_under(global, "")), (2, 3));
    let own = "garp_master_delay 8\ngarp_master_repeat 9";
    assert_eq!(lower(settings_under(global, own)), (2, 3));
    assert_eq!(lower(settings(own)), (5, 5));
}

#[test]
fn as_few_announcements_as_possible() {
    let counts = |global: &str, words: &str| {
        let it = settings_under(global, words).announcements;
        [
            it.delay.as_secs(),
            it.repeat.into(),
            it.lower_prio_delay.as_secs(),
            it.lower_prio_repeat.into(),
        ]
    };
    assert_eq!(counts("vrrp_min_garp", ""), [0, 1, 0, 1]);
    assert_eq!(
        counts("vrrp_min_garp yes", "garp_master_repeat 3"),
        [0, 3, 0, 1]
    );
    assert_eq!(
        counts("vrrp_min_garp\nvrrp_garp_master_delay 4", ""),
        [4, 1, 4, 1]
    );
    assert_eq!(counts("vrrp_min_garp no", ""), [5, 5, 5, 5]);
}

#[test]
fn ranges_of_announcements() {
    for right in [
        "garp_master_delay 0",
        "garp_master_delay 4294",
        "garp_lower_prio_delay 4294",
        "garp_lower_prio_repeat 1000",
        "garp_master_refresh 4294967295",
        "garp_extra_if all 86400",
    ] {
        assert!(told(&text_of(right)).is_empty(), "{right}");
    }
    for wrong in [
        "garp_master_delay 4295",
        "garp_master_delay 1.5",
        "garp_lower_prio_delay 4295",
        "garp_lower_prio_delay -1",
        "garp_lower_prio_repeat 1001",
        "garp_master_refresh 1.5",
        "garp_master_refresh_repeat 1001",
        "garp_extra_if 86401",
        "garp_extra_if all",
        "garp_extra_if some 3",
    ] {
        assert!(load(&text_of(wrong)).model.is_none(), "{wrong}");
    }
    let adjusted = ["value-adjusted: a master has to announce its addresses"];
    assert_eq!(told(&text_of("garp_master_refresh_repeat 0")), adjusted);
    let zero = settings("garp_master_refresh_repeat 0").announcements;
    assert_eq!(zero.refresh_repeat, 1);
    assert_eq!(
        told(&text_of("garp_extra_if 10")),
        ["no-effect: `garp_extra_if` without `all` is for virtual MAC interfaces"]
    );
    let mut old = told(&text_of("vmac_garp_intvl all 10"));
    assert_eq!(
        old.pop().unwrap(),
        "older-spelling: `vmac_garp_intvl` is an older spelling"
    );
    let extra = settings("vmac_garp_intvl all 10").announcements;
    assert_eq!(
        (extra.extra_interfaces.as_secs(), extra.extra_all),
        (10, true)
    );
    let global = settings_under("vrrp_vmac_garp_intvl all 9", "").announcements;
    assert_eq!(
        (global.extra_interfaces.as_secs(), global.extra_all),
        (9, true)
    );
}

#[test]
fn pacing() {
    let pacing = |text: &str| model(text).global.vrrp.pacing;
    let micros = |pace: Pace| (pace.arp.as_micros(), pace.na.as_micros());
    assert_eq!(micros(pacing(&text_of("")).each), (0, 0));
    let global = "global_defs {\nvrrp_garp_interval 0.001\nvrrp_gna_interval 0.000001\n}\n";
    assert_eq!(micros(pacing(global).each), (1000, 1));
    // What stands in many files.
    let zero = "global_defs {\nvrrp_garp_interval 0\nvrrp_gna_interval 0\n}\n";
    assert_eq!(micros(pacing(zero).each), (0, 0));
    assert!(told(zero).is_empty());
    let groups = "garp_group {\ngarp_interval 0.5\ninterfaces {\neth0\neth1 eth2\n}\n}\n\
                  garp_group {\ngna_interval 2\ninterface eth3\n}\n";
    let [first, second] = pacing(groups).groups.try_into().expect("two groups");
    assert_eq!(first.interfaces, ["eth0", "eth1", "eth2"]);
    assert_eq!(micros(first.pace), (500_000, 0));
    assert_eq!(second.interfaces, ["eth3"]);
    assert_eq!(micros(second.pace), (0, 2_000_000));
}

#[test]
fn groups_of_interfaces_that_make_no_sense() {
    let told_of = |groups: &str| {
        let text = format!("{groups}\n{}", text_of(""));
        let groups = model(&text).global.vrrp.pacing.groups;
        let interfaces: Vec<String> = groups.into_iter().flat_map(|it| it.interfaces).collect();
        (interfaces, told(&text))
    };
    let (left, told) = told_of("garp_group {\ninterface eth0\n}");
    assert!(left.is_empty());
    assert_eq!(
        told,
        ["no-effect: a `garp_group` without a time between announcements"]
    );
    let (left, told) = told_of("garp_group {\ngarp_interval 0.1\n}");
    assert!(left.is_empty());
    assert_eq!(told, ["no-effect: a `garp_group` without interfaces"]);
    let (left, told) = told_of(
        "garp_group {\ngarp_interval 0.1\ninterfaces {\neth0\n}\n}\n\
         garp_group {\ngarp_interval 0.2\ninterface eth0\n}",
    );
    assert_eq!(left, ["eth0"]);
    assert_eq!(told, ["no-effect: `eth0` is in a `garp_group` already"]);
    let (left, told) = told_of("garp_group {\ngarp_interval 0.1\ninterface eth9\n}");
    assert_eq!(left, ["eth9"]);
    assert_eq!(told, ["doubtful: no instance uses `eth9`"]);
    for wrong in ["garp_interval -1", "gna_interval x", "interface eth0:1"] {
        let text = format!("garp_group {{\n{wrong}\n}}\n");
        assert!(load(&text).model.is_none(), "{wrong}");
    }
}
