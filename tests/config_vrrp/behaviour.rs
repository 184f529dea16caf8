//! How instances behave towards others, and what strict mode makes of that.

use std::time::Duration;

use ipvsd::vrrp::settings::InstanceSettings;
use ipvsd::vrrp::{Priority, State};

use super::{instance, load, model, settings, settings_under, text_of, told};

/// What is told of an instance with these words, beside that strict mode is not served
/// whole.
fn warnings(words: &str) -> Vec<String> {
    let mut told = told(&text_of(words));
    told.retain(|told| told != NO_ACCEPT);
    told
}

const NO_ACCEPT: &str = "not-served: `no_accept`, which strict mode implies, is not served yet";

/// A word for a setting, its word in `global_defs`, and what the setting is: with neither,
/// with the global word, with the instance's own against it.
type Case = (
    &'static str,
    &'static str,
    fn(&InstanceSettings) -> String,
    [&'static str; 3],
);

#[test]
fn an_instance_inherits_and_has_the_last_word() {
    let cases: &[Case] = &[
        (
            "version 2",
            "vrrp_version 3",
            |it| it.version.number().to_string(),
            ["2", "3", "2"],
        ),
        (
            "strict_mode off",
            "vrrp_strict",
            |it| it.strict.to_string(),
            ["false", "true", "false"],
        ),
        (
            "skip_check_adv_addr off",
            "vrrp_skip_check_adv_addr",
            |it| it.skip_check_adv_addr.to_string(),
            ["false", "true", "false"],
        ),
        (
            "down_timer_adverts 7",
            "vrrp_down_timer_adverts 2",
            |it| it.down_timer_adverts.to_string(),
            ["3", "2", "7"],
        ),
        (
            "lower_prio_no_advert off",
            "vrrp_lower_prio_no_advert",
            |it| it.lower_prio_no_advert.to_string(),
            ["false", "true", "false"],
        ),
        (
            "higher_prio_send_advert on",
            "vrrp_higher_prio_send_advert off",
            |it| it.higher_prio_send_advert.to_string(),
            ["true", "false", "true"],
        ),
        (
            "owner_ignore_adverts off",
            "vrrp_owner_ignore_adverts",
            |it| it.owner_ignore_adverts.to_string(),
            ["false", "true", "false"],
        ),
        (
            "garp_master_delay 7",
            "vrrp_garp_master_delay 2",
            |it| it.announcements.delay.as_secs().to_string(),
            ["5", "2", "7"],
        ),
        (
            "garp_master_repeat 7",
            "vrrp_garp_master_repeat 2",
            |it| it.announcements.repeat.to_string(),
            ["5", "2", "7"],
        ),
        (
            "garp_lower_prio_delay 7",
            "vrrp_garp_lower_prio_delay 2",
            |it| it.announcements.lower_prio_delay.as_secs().to_string(),
            ["5", "2", "7"],
        ),
        (
            "garp_lower_prio_repeat 0",
            "vrrp_garp_lower_prio_repeat 2",
            |it| it.announcements.lower_prio_repeat.to_string(),
            ["5", "2", "0"],
        ),
        (
            "garp_master_refresh 7",
            "vrrp_garp_master_refresh 2",
            |it| it.announcements.refresh.as_secs().to_string(),
            ["0", "2", "7"],
        ),
        (
            "garp_master_refresh_repeat 7",
            "vrrp_garp_master_refresh_repeat 2",
            |it| it.announcements.refresh_repeat.to_string(),
            ["1", "2", "7"],
        ),
        (
            "garp_extra_if 0",
            "vrrp_garp_extra_if all 2",
            |it| {
                format!(
                    "{} {}",
                    it.announcements.extra_interfaces.as_secs(),
                    it.announcements.extra_all
                )
            },
            ["0 false", "2 true", "0 false"],
        ),
    ];
    for (own, global, value, expected) in cases {
        let values = [
            settings(""),
            settings_under(global, ""),
            settings_under(global, own),
        ];
        assert_eq!(values.each_ref().map(value), *expected, "{own}, {global}");
    }
}

#[test]
fn what_strict_mode_leaves() {
    for words in ["strict_mode", "strict_mode on", "strict_mode yes"] {
        let it = settings(words);
        assert!(it.strict && it.lower_prio_no_advert, "{words}");
        assert!(!it.higher_prio_send_advert && !it.owner_ignore_adverts);
        assert_eq!(it.down_timer_adverts, 3);
        let announced = it.announcements;
        assert_eq!(
            (announced.lower_prio_repeat, announced.lower_prio_delay),
            (0, Duration::ZERO)
        );
        // A new master does announce its addresses, twice.
        assert_eq!((announced.repeat, announced.delay.as_secs()), (5, 5));
        assert_eq!(told(&text_of(words)), [NO_ACCEPT]);
    }
    let owner = settings("strict_mode\npriority 255\nstate MASTER");
    assert!(owner.owner_ignore_adverts);
    assert_eq!(owner.initial_state, State::Master);
    assert!(told(&text_of("strict_mode\npriority 255\nstate MASTER")).is_empty());
}

#[test]
fn what_strict_mode_does_not_allow() {
    let not_together =
        |word: &str| format!("no-effect: `{word}` does not go together with strict mode");
    for (words, why) in [
        ("down_timer_adverts 5", not_together("down_timer_adverts")),
        (
            "lower_prio_no_advert off",
            not_together("lower_prio_no_advert"),
        ),
        (
            "higher_prio_send_advert",
            not_together("higher_prio_send_advert"),
        ),
        (
            "garp_lower_prio_repeat 1",
            not_together("garp_lower_prio_repeat"),
        ),
        (
            "garp_lower_prio_delay 1",
            not_together("garp_lower_prio_delay"),
        ),
        (
            "preempt_delay 5",
            "no-effect: `preempt_delay` does not go together with strict mode".to_owned(),
        ),
        (
            "state MASTER\npriority 100",
            "no-effect: in strict mode, MASTER is for the owner of the addresses".to_owned(),
        ),
        (
            "state BACKUP\npriority 255",
            "doubtful: in strict mode, the owner of the addresses is MASTER at once".to_owned(),
        ),
        (
            "unicast_peer {\n10.0.0.2\n}",
            "advice: strict mode follows the RFCs, which know no unicast".to_owned(),
        ),
    ] {
        let words = format!("strict_mode\n{words}");
        assert_eq!(warnings(&words), [why], "{words}");
        let strict = settings("strict_mode");
        let mut it = settings(&words);
        (it.delivery, it.priority) = (strict.delivery.clone(), strict.priority);
        it.owner_ignore_adverts = false;
        assert_eq!(it, strict, "{words}");
    }
    // What is said of all instances may be for the others.
    let global = "vrrp_strict\nvrrp_down_timer_adverts 5\nvrrp_lower_prio_no_advert off\n\
                  vrrp_higher_prio_send_advert\nvrrp_garp_lower_prio_repeat 3";
    assert_eq!(settings_under(global, ""), settings("strict_mode"));
    let text = format!("global_defs {{\n{global}\n}}\n{}", text_of(""));
    assert_eq!(told(&text), [NO_ACCEPT]);
    // And these are fine.
    for fine in [
        "nopreempt",
        "garp_master_refresh 60",
        "garp_master_repeat 2",
        "skip_check_adv_addr",
        "down_timer_adverts 3",
        "lower_prio_no_advert on",
        "higher_prio_send_advert off",
        "garp_lower_prio_repeat 0",
        "mcast_src_ip 10.0.0.1",
        "virtual_ipaddress_excluded {\nfd00::80\n}",
    ] {
        assert!(
            warnings(&format!("strict_mode\n{fine}")).is_empty(),
            "{fine}"
        );
    }
}

#[test]
fn strict_mode_needs_addresses() {
    for more in [
        "",
        "no_virtual_ipaddress\n",
        "virtual_ipaddress_excluded {\n10.0.0.80\n}\n",
    ] {
        let text = format!(
            "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nstrict_mode\n{more}}}\n"
        );
        let told = told(&text);
        let why = "missing-value: in strict mode an instance needs a virtual address";
        assert!(told.iter().any(|told| told == why), "{more}: {told:?}");
    }
}

#[test]
fn the_word_of_strict_mode() {
    assert!(load(&text_of("strict_mode maybe")).model.is_none());
    // It takes no value, and keepalived does not look at one.
    let text = format!("global_defs {{\nvrrp_strict off\n}}\n{}", text_of(""));
    assert!(model(&text).vrrp_instances[0].settings.strict);
    assert!(
        told(&text).contains(&"no-effect: `vrrp_strict` takes no value: this is on".to_owned())
    );
    // Once for all instances that it holds for.
    let two = format!(
        "global_defs {{\nvrrp_strict\n}}\n{}{}",
        text_of(""),
        text_of("")
            .replace("VI_1", "VI_2")
            .replace("51", "52")
            .replace(".80", ".81")
    );
    assert_eq!(told(&two), [NO_ACCEPT]);
    let loaded = load(&two);
    assert!(loaded.diagnostics.list()[0].more.is_empty());
}

#[test]
fn what_a_standstill_does() {
    let backup = |words: &str| settings(words).timer_expired_backup;
    assert_eq!(backup("nopreempt"), None);
    assert_eq!(
        backup("nopreempt\ntimer_expired_backup"),
        Some(Priority(254))
    );
    assert_eq!(
        backup("nopreempt\ntimer_expired_backup 150"),
        Some(Priority(150))
    );
    assert_eq!(
        backup("nopreempt\nthread_timer_expired 1"),
        Some(Priority(1))
    );
    assert_eq!(backup("timer_expired_backup 150"), None);
    assert_eq!(
        warnings("timer_expired_backup 150"),
        ["no-effect: `timer_expired_backup` without `nopreempt`"]
    );
    assert_eq!(
        warnings("nopreempt\nthread_timer_expired 1"),
        ["older-spelling: `thread_timer_expired` is an older spelling"]
    );
    // `nopreempt` that does not count.
    assert_eq!(
        backup("nopreempt\nstate MASTER\ntimer_expired_backup"),
        None
    );
    for wrong in ["0", "256", "x"] {
        let text = text_of(&format!("nopreempt\ntimer_expired_backup {wrong}"));
        assert!(load(&text).model.is_none(), "{wrong}");
    }
}

#[test]
fn ranges_of_behaviour() {
    for wrong in [
        "down_timer_adverts 0",
        "down_timer_adverts 101",
        "lower_prio_no_advert foo",
        "higher_prio_send_advert foo",
        "skip_check_adv_addr foo",
        "owner_ignore_adverts foo",
    ] {
        assert!(load(&text_of(wrong)).model.is_none(), "{wrong}");
    }
    for (words, expected) in [("down_timer_adverts 1", 1), ("down_timer_adverts 100", 100)] {
        assert_eq!(settings(words).down_timer_adverts, expected);
    }
}

#[test]
fn what_holds_for_all_instances() {
    let global = |words: &str| model(&format!("global_defs {{\n{words}\n}}\n{}", text_of("")));
    let none = global("").router_settings();
    assert_eq!(none.startup_delay, Duration::ZERO);
    assert!(!none.log_unknown_vrids);
    let all =
        global("vrrp_startup_delay 2.5\nvrrp_delay_after_boot 4294.967295\nlog_unknown_vrids")
            .router_settings();
    assert_eq!(all.startup_delay, Duration::from_millis(2500));
    assert_eq!(all.delay_after_boot, Duration::from_micros(4_294_967_295));
    assert!(all.log_unknown_vrids);
    for wrong in [
        "vrrp_startup_delay 0",
        "vrrp_startup_delay 4294.967296",
        "vrrp_delay_after_boot 0.0001",
        "vrrp_down_timer_adverts 0",
        "vrrp_min_garp maybe",
        "vrrp_garp_interval -1",
        "vrrp_garp_extra_if all 86401",
    ] {
        let text = format!("global_defs {{\n{wrong}\n}}\n");
        assert!(load(&text).model.is_none(), "{wrong}");
    }
}

#[test]
fn the_script_after_a_lower_advert() {
    let notify = instance("notify_master_rx_lower_pri \"/bin/a b\" nobody").notify;
    assert!(notify.master_rx_lower_pri.is_some() && notify.any.is_none());
    let group = "vrrp_sync_group G {\ngroup {\nVI_1\n}\nnotify_master_rx_lower_pri /bin/a\n}\n";
    let told = told(&format!("{group}{}", text_of("")));
    assert!(told[1].starts_with("wrong-block"), "{told:?}");
}
