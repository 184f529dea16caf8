//! The words of instances, groups and mail, one by one.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipvsd::config::model::{InterfaceUse, Script, VrrpInstance};
use ipvsd::vrrp::settings::{Authentication, Password};
use ipvsd::vrrp::{Priority, State, Version};

use super::{instance, model};

#[test]
fn what_is_not_said() {
    let VrrpInstance {
        settings,
        notify,
        routes,
        rules,
        tracking,
        virtual_interface,
        smtp_alert,
        origin,
        source_origin,
        later,
    } = instance("");
    assert_eq!(later, []);
    assert_eq!((routes, rules), (vec![], vec![]));
    assert_eq!(tracking, Default::default());
    assert_eq!((virtual_interface, source_origin), (None, None));
    assert_eq!(settings.name, "VI_1");
    assert_eq!(
        (settings.interface.as_str(), settings.vrid.get()),
        ("eth0", 51)
    );
    assert_eq!(settings.version, Version::V2);
    assert_eq!(settings.group().unwrap(), Ipv4Addr::new(224, 0, 0, 18));
    assert_eq!(settings.initial_state, State::Backup);
    assert_eq!(settings.priority, Priority(100));
    assert_eq!(
        settings.advert_interval.as_duration(),
        Duration::from_secs(1)
    );
    assert_eq!(
        (settings.preempt, settings.preempt_delay),
        (true, Duration::ZERO)
    );
    assert_eq!(settings.authentication, Authentication::None);
    assert_eq!(settings.announcements.delay, Duration::from_secs(5));
    assert_eq!(settings.announcements.repeat, 5);
    let address = &settings.addresses[0];
    assert_eq!(address.to_string(), "10.0.0.80/32");
    assert_eq!(address.interface, "eth0");
    assert_eq!(
        (address.broadcast, address.scope, &address.label),
        (None, 0, &None)
    );
    assert_eq!(notify, Default::default());
    assert!(!smtp_alert);
    assert_eq!(origin.line, 1);
    let mail = model("global_defs {\n}\n").global.mail;
    assert_eq!(mail.timeout, Duration::from_secs(30));
    assert!(mail.recipients.is_empty() && mail.server.is_none() && !mail.no_faults);
}

#[test]
fn every_word_of_an_instance() {
    let text = "vrrp_instance web {
    state MASTER
    interface eth0
    virtual_router_id 255
    priority 254
    advert_int 3
    version 2
    preempt
    mcast_dst_ip 224.0.0.19
    authentication {
        auth_type PASS
        auth_pass secret
    }
    garp_master_delay 0
    garp_master_repeat 2
    smtp_alert
    notify_master \"/bin/notify 'a b'\" nobody
    notify_backup /bin/notify nobody nogroup
    notify_fault /bin/notify
    notify_stop /bin/notify
    notify \"/bin/notify 'a b'\" nobody
    virtual_ipaddress {
        10.0.0.80/24 brd + dev eth1 scope link label eth1:1
        10.0.0.81/24 brd - scope 200
    }
    virtual_ipaddress { 10.0.0.82/0 broadcast 10.0.0.255 }
}
";
    let model = model(text);
    let VrrpInstance {
        settings, notify, ..
    } = &model.vrrp_instances[0];
    assert_eq!(settings.initial_state, State::Master);
    assert_eq!(
        (settings.vrid.get(), settings.priority),
        (255, Priority(254))
    );
    assert_eq!(
        settings.advert_interval.as_duration(),
        Duration::from_secs(3)
    );
    assert_eq!(settings.group().unwrap(), Ipv4Addr::new(224, 0, 0, 19));
    assert_eq!(
        settings.authentication,
        Authentication::Pass(Password(*b"secret\0\0"))
    );
    assert_eq!(
        (settings.announcements.delay, settings.announcements.repeat),
        (Duration::ZERO, 2)
    );
    assert!(settings.preempt && model.vrrp_instances[0].smtp_alert);
    let [first, second, third] = settings.addresses.as_slice() else {
        panic!("{:#?}", settings.addresses);
    };
    assert_eq!(first.to_string(), "10.0.0.80/24");
    assert_eq!((first.interface.as_str(), first.scope), ("eth1", 253));
    assert_eq!(first.broadcast, Some(Ipv4Addr::new(10, 0, 0, 255)));
    assert_eq!(first.label.as_deref(), Some("eth1:1"));
    assert_eq!(second.broadcast, Some(Ipv4Addr::new(10, 0, 0, 0)));
    assert_eq!((second.interface.as_str(), second.scope), ("eth0", 200));
    assert_eq!(third.to_string(), "10.0.0.82/0");
    // The same command by the same user is one script.
    assert_eq!(notify.master, notify.any);
    assert_eq!(notify.fault, notify.stop);
    let script = |id: Option<ipvsd::config::model::ScriptId>| -> &Script {
        &model.scripts[id.expect("a script").0 as usize]
    };
    assert_eq!(script(notify.master).argv, ["/bin/notify", "a b"]);
    let user = script(notify.backup).user.as_ref().expect("a user");
    assert_eq!(
        (user.user.as_str(), user.group.as_deref()),
        ("nobody", Some("nogroup"))
    );
    assert_eq!(script(notify.fault).user, None);
    let named = |used: &InterfaceUse| (used.interface.clone(), used.is_own, used.origin.line);
    let uses: Vec<_> = model.interfaces.iter().map(named).collect();
    assert_eq!(
        uses,
        [("eth0".to_owned(), true, 3), ("eth1".to_owned(), false, 23)]
    );
}

#[test]
fn intervals_of_version_2_are_whole_seconds() {
    for (written, seconds) in [
        ("0.01", 1),
        ("0.5", 1),
        ("1.4", 1),
        ("1.5", 2),
        ("1.6", 2),
        ("255", 255),
    ] {
        let interval = instance(&format!("advert_int {written}"))
            .settings
            .advert_interval;
        assert_eq!(
            interval.as_duration(),
            Duration::from_secs(seconds),
            "{written}"
        );
    }
}

#[test]
fn eight_bytes_of_a_password_count() {
    let password = |written: &str| {
        let words = format!("authentication {{\nauth_type PASS\nauth_pass {written}\n}}");
        match instance(&words).settings.authentication {
            Authentication::Pass(Password(octets)) => octets,
            _ => panic!("{written}"),
        }
    };
    assert_eq!(password("1111"), *b"1111\0\0\0\0");
    assert_eq!(password("123456789"), *b"12345678");
    assert_eq!(password("\"a b\""), *b"a b\0\0\0\0\0");
    assert_eq!(password("éééé1"), *"éééé".as_bytes());
}

#[test]
fn who_takes_over() {
    let preemption = |words: &str| {
        let settings = instance(words).settings;
        (settings.preempt, settings.preempt_delay.as_secs())
    };
    assert_eq!(preemption("preempt_delay 1000"), (true, 1000));
    assert_eq!(preemption("nopreempt"), (false, 0));
    assert_eq!(preemption("nopreempt\npreempt"), (true, 0));
    assert_eq!(preemption("preempt\nnopreempt"), (false, 0));
    assert_eq!(preemption("nopreempt\npreempt_delay 3"), (false, 0));
    assert_eq!(preemption("nopreempt\nstate MASTER"), (true, 0));
    assert_eq!(preemption("preempt_delay 3\nstate MASTER"), (true, 0));
    assert_eq!(preemption("nopreempt\npriority 255"), (true, 0));
    assert_eq!(preemption("preempt_delay 3\npriority 255"), (true, 0));
}

#[test]
fn what_global_defs_say_holds_wherever_they_stand() {
    let global = "global_defs {\nvrrp_garp_master_delay 7\nvrrp_garp_master_repeat 3\n\
                  vrrp_mcast_group4 224.0.0.20\nsmtp_alert_vrrp on\n}\n";
    let instances = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n\
                     virtual_ipaddress {\n10.0.0.80\n}\n}\n\
                     vrrp_instance VI_2 {\ninterface eth0\nvirtual_router_id 51\n\
                     garp_master_delay 1\ngarp_master_repeat 1\nmcast_dst_ip 224.0.0.18\nsmtp_alert off\n\
                     virtual_ipaddress {\n10.0.0.81\n}\n}\n\
                     vrrp_sync_group VG_1 {\ngroup {\nVI_1\nVI_2\n}\n}\n";
    for text in [
        format!("{global}{instances}"),
        format!("{instances}{global}"),
    ] {
        let model = model(&text);
        let facts: Vec<_> = model
            .vrrp_instances
            .iter()
            .map(|instance| {
                let settings = &instance.settings;
                let announcements = settings.announcements;
                (
                    announcements.delay.as_secs(),
                    announcements.repeat,
                    settings.group().unwrap().to_string(),
                    instance.smtp_alert,
                )
            })
            .collect();
        let first = (7, 3, "224.0.0.20".to_owned(), true);
        let second = (1, 1, "224.0.0.18".to_owned(), false);
        assert_eq!(facts, [first, second]);
        assert!(model.vrrp_sync_groups[0].smtp_alert);
    }
}

/// What is mailed: of a real server, of a quorum, of an instance, of a group.
#[test]
fn the_switches_of_mail() {
    let mailed = |global: &str, real: &str, quorum: &str, instance: &str, group: &str| {
        let model = model(&format!(
            "global_defs {{\n{global}\n}}\n\
             virtual_server 10.0.0.80 80 {{\nprotocol TCP\n{quorum}\n\
             real_server 10.0.0.2 80 {{\n{real}\n}}\n}}\n\
             vrrp_sync_group G {{\ngroup {{\nVI_1\n}}\n{group}\n}}\n\
             vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\n{instance}\n}}\n"
        ));
        let server = &model.virtual_servers[0];
        [
            server.real_servers[0].smtp_alert,
            server.smtp_alert,
            model.vrrp_instances[0].smtp_alert,
            model.vrrp_sync_groups[0].smtp_alert,
        ]
    };
    let global = |global: &str| mailed(global, "", "", "", "");
    assert_eq!(global(""), [true, false, false, false]);
    assert_eq!(global("smtp_alert yes"), [true; 4]);
    assert_eq!(global("smtp_alert off"), [false; 4]);
    assert_eq!(global("smtp_alert_checker on"), [true, true, false, false]);
    assert_eq!(global("smtp_alert_checker no"), [false; 4]);
    assert_eq!(global("smtp_alert_vrrp yes"), [true, false, true, true]);
    assert_eq!(
        global("smtp_alert off\nsmtp_alert_vrrp on"),
        [false, false, true, true]
    );
    assert_eq!(
        global("smtp_alert on\nsmtp_alert_checker off"),
        [false, false, true, true]
    );
    let on = "smtp_alert";
    assert_eq!(mailed("", "", on, "", ""), [true, true, false, false]);
    assert_eq!(mailed("", "smtp_alert no", "", "", ""), [false; 4]);
    assert_eq!(
        mailed("", "", "smtp_alert no", "", ""),
        [true, false, false, false]
    );
    assert_eq!(mailed("", "", "", on, ""), [true, false, true, false]);
    assert_eq!(mailed("", "", "", "", on), [true, false, false, true]);
    let one = "smtp_alert_checker no";
    assert_eq!(mailed(one, on, "", "", ""), [true, false, false, false]);
    assert_eq!(mailed(one, "", on, "", ""), [false, true, false, false]);
    assert_eq!(
        mailed("smtp_alert on", "", "", "smtp_alert no", ""),
        [true, true, false, true]
    );
}

#[test]
fn mail() {
    let mail = model(
        "global_defs {
    notification_email {
        one@example.org two@example.org
        Ops Team <ops@example.org>
        \"On call <oncall@example.org>\"
        root
    }
    notification_email { <three@example.org> }
    notification_email_from Load Balancer <lvs@example.org>
    smtp_server fd00::100 2525
    smtp_connect_timeout 0.5
    smtp_helo_name [10.0.0.1]
    no_email_faults
}
",
    )
    .global
    .mail;
    let recipients = [
        "one@example.org",
        "two@example.org",
        "Ops Team <ops@example.org>",
        "On call <oncall@example.org>",
        "root",
        "<three@example.org>",
    ];
    assert_eq!(mail.recipients, recipients);
    assert_eq!(
        mail.from.as_deref(),
        Some("Load Balancer <lvs@example.org>")
    );
    let server = mail.server.as_ref().map(ToString::to_string);
    assert_eq!(server.as_deref(), Some("[fd00::100]:2525"));
    assert_eq!(mail.timeout, Duration::from_millis(500));
    assert_eq!(mail.helo_name.as_deref(), Some("[10.0.0.1]"));
    assert!(mail.no_faults && mail.is_sent());
}

#[test]
fn groups_may_come_before_their_instances() {
    let member = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n\
             virtual_ipaddress {{\n10.0.0.{vrid}\n}}\n}}\n"
        )
    };
    let text = format!(
        "vrrp_sync_group G {{\ngroup {{ b a\n}}\ngroup {{\nc\n}}\nnotify /bin/notify\n}}\n{}{}{}",
        member("a", 1),
        member("b", 2),
        member("c", 3)
    );
    let model = model(&text);
    let group = &model.vrrp_sync_groups[0];
    assert_eq!(group.settings.name, "G");
    assert_eq!(group.settings.members, ["b", "a", "c"]);
    assert!(group.notify.any.is_some() && group.notify.master.is_none());
}
