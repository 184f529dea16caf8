//! How the vrrp process is scheduled and kept in memory.

use std::time::Duration;

use ipvsd::config::model::{AutoPriority, ProcessOptions};

use super::{load, model, told};

fn process(words: &str) -> ProcessOptions {
    model(&format!("global_defs {{\n{words}\n}}\n"))
        .global
        .vrrp_process
}

fn auto(words: &str) -> AutoPriority {
    model(&format!("global_defs {{\n{words}\n}}\n"))
        .global
        .auto_priority
}

#[test]
fn how_the_process_is_run() {
    assert_eq!(process(""), ProcessOptions::default());
    assert_eq!(process("vrrp_priority -20").nice, Some(-20));
    assert_eq!(process("vrrp_priority +19").nice, Some(19));
    assert_eq!(process("vrrp_rt_priority 20").realtime, Some(20));
    let limit = "vrrp_rt_priority 1\nvrrp_rlimit_rttime 50000";
    assert_eq!(
        process(limit).realtime_limit,
        Some(Duration::from_millis(50))
    );
    let older = "vrrp_rt_priority 1\nvrrp_rlimit_rtime 50000";
    assert_eq!(
        process(older).realtime_limit,
        Some(Duration::from_millis(50))
    );
    assert!(process("vrrp_no_swap").no_swap);
    assert_eq!(process("vrrp_cpu_affinity 3 0 3").processors, [3, 0]);
    assert_eq!(auto(""), AutoPriority::default());
    assert_eq!(auto("max_auto_priority").most, 99);
    assert_eq!(auto("max_auto_priority -1").most, 0);
    assert_eq!(auto("max_auto_priority 3").most, 3);
    assert_eq!(
        auto("min_auto_priority_delay 100000").from,
        Duration::from_millis(100)
    );
}

#[test]
fn ranges_of_how_the_process_is_run() {
    let told = |words: &str| told(&format!("global_defs {{\n{words}\n}}\n"));
    assert_eq!(process("vrrp_rt_priority 0").realtime, Some(1));
    assert_eq!(process("vrrp_rt_priority 100").realtime, Some(99));
    assert_eq!(
        told("vrrp_rt_priority 100"),
        ["value-adjusted: 100 is beyond 1 to 99"]
    );
    for wrong in [
        "vrrp_priority -21",
        "vrrp_priority 20",
        "vrrp_priority x",
        "vrrp_rt_priority x",
        "vrrp_rlimit_rttime 0",
        "vrrp_cpu_affinity",
        "vrrp_cpu_affinity -1",
        "vrrp_cpu_affinity 8192",
        "max_auto_priority 100",
        "max_auto_priority -2",
        "min_auto_priority_delay 0",
        "min_auto_priority_delay 10000001",
    ] {
        let text = format!("global_defs {{\n{wrong}\n}}\n");
        assert!(load(&text).model.is_none(), "{wrong}");
    }
    assert_eq!(
        told("vrrp_rlimit_rttime 50000"),
        ["no-effect: `vrrp_rlimit_rttime` without real-time scheduling"]
    );
    assert!(told("vrrp_rlimit_rttime 50000\nmax_auto_priority 3").is_empty());
}
