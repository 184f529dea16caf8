//! When things are done: by which clock, how late, and with which priority.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime, clock_settime};
use nix::unistd::Pid;

use crate::cluster::{Family, Method, Plan};
use crate::daemon::Daemon;
use crate::lab::{Lab, millis, poll, secs, wait_until};
use crate::pair::{LONG, VIP};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::Instance;
use crate::wire::Wire;

pub const ALL: &[Scenario] = scenarios!(timing:
    the_wall_clock_has_no_say,
    each_word_shows_in_proc_and_goes_again,
    who_is_late_is_given_a_higher_priority,
    the_log_says_who_had_the_processor,
);

/// Sets the clock of the whole guest.
fn step_clock(hours: i64) {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
    let then = nix::sys::time::TimeSpec::new(now.tv_sec() + hours * 3600, now.tv_nsec());
    clock_settime(ClockId::CLOCK_REALTIME, then).unwrap();
}

fn the_wall_clock_has_no_say(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(2)
        .vrrp()
        .build(lab);
    let [director1, director2] = cluster.two_directors();
    let master = director1.start(&Instance::new(150).conf());
    master.wait_for_state("VI_1", "MASTER", LONG);
    let backup = director2.start(&Instance::new(100).conf());
    backup.wait_for_state("VI_1", "BACKUP", LONG);
    let marks = [&master, &backup].map(|daemon| daemon.log().mark());
    let wire = Wire::of_switch(lab, "front");
    let samples = director1.sample_addresses();
    let begun = lab.now();
    for hours in [1, -2, 1] {
        step_clock(hours);
        lab.note(format!("the clock was set by {hours} h"));
        // Longer than the backup waits for an advert.
        let step = lab.now();
        wire.wait_for("four adverts", step, LONG, |traffic| {
            (traffic.clone().sent_by(director1, "eth0").adverts().len() >= 4).then_some(())
        });
    }
    let stalled = samples.stop();
    stalled.assert_never_lacked(&["eth0 10.0.0.80/32"]);
    let sent = wire
        .stop()
        .after(begun)
        .sent_by(director1, "eth0")
        .adverts();
    for pair in sent.windows(2) {
        let between = pair[1].at - pair[0].at;
        assert!(
            between.abs_diff(secs(1)) < millis(200) + stalled.longest_gap,
            "{between:?} between two adverts, and the guest stood still for {:?}",
            stalled.longest_gap
        );
    }
    for (daemon, mark) in [&master, &backup].into_iter().zip(marks) {
        let lines = daemon.log().since(mark);
        let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
        assert!(moved.is_none(), "{}: {moved:?}", daemon.name());
        assert!(!lines.iter().any(|(_, line)| line.contains("late")));
    }
    let heard = &backup.status_json()["instances"][0]["master"]["heard_age"];
    assert!(heard.as_f64().unwrap() < 3.0, "{heard}");
}

/// What /proc says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    pid: i32,
    /// Policy and real-time priority of its first thread.
    first: (i64, i64),
    /// The policies of its others.
    others: BTreeSet<i64>,
    /// The nice values of all of them.
    nice: BTreeSet<i64>,
    processors: String,
    locks_memory: bool,
    memory_limit: String,
    realtime_limit: String,
    rights: String,
}

impl Seen {
    fn of(daemon: &Daemon) -> Self {
        let pid = daemon.child("vrrp").pid;
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
        let (status, limits) = (read("status"), read("limits"));
        let line = |text: &str, name: &str| {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        let soft = |name| {
            let limit = line(&limits, name);
            limit.split_whitespace().next().unwrap().to_owned()
        };
        let mut threads: Vec<i32> = fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        threads.sort_unstable();
        assert!(threads.len() > 1, "{threads:?}");
        // proc_pid_stat(5).
        let field = |thread: i32, number: usize| -> i64 {
            let stat = read(&format!("task/{thread}/stat"));
            let (_, fields) = stat.rsplit_once(')').unwrap();
            let field = fields.split_whitespace().nth(number - 3).unwrap();
            field.parse().unwrap()
        };
        Seen {
            pid,
            first: (field(pid, 41), field(pid, 40)),
            others: threads[1..].iter().map(|it| field(*it, 41)).collect(),
            nice: threads.iter().map(|it| field(*it, 19)).collect(),
            processors: line(&status, "Cpus_allowed_list:"),
            locks_memory: !line(&status, "VmLck:").starts_with("0 "),
            memory_limit: soft("Max locked memory"),
            realtime_limit: soft("Max realtime timeout"),
            rights: line(&status, "CapEff:"),
        }
    }
}

fn with_globals(words: &str) -> String {
    format!("global_defs {{\n{words}\n}}\n{}", Instance::new(150).conf())
}

fn each_word_shows_in_proc_and_goes_again(lab: &Lab) {
    const ALL_OF_THEM: &str = "vrrp_priority -10
        vrrp_rt_priority 20
        vrrp_rlimit_rttime 2000000
        vrrp_cpu_affinity 0
        vrrp_no_swap";
    let cluster = Plan::new(Method::Dr, Family::V4).vrrp().build(lab);
    let director = cluster.director();
    let ipvsd = director.start(&with_globals(""));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    let plain = Seen::of(&ipvsd);
    assert_eq!((plain.first, plain.locks_memory), ((0, 0), false));
    let reload = |words: &str| {
        let mark = ipvsd.log().mark();
        ipvsd.reload(&with_globals(words));
        ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
        Seen::of(&ipvsd)
    };

    let all = Seen {
        pid: plain.pid,
        // SCHED_RR
        first: (2, 20),
        others: [0].into(),
        nice: [-10].into(),
        processors: "0".into(),
        locks_memory: true,
        memory_limit: "unlimited".into(),
        realtime_limit: "2000000".into(),
        rights: plain.rights.clone(),
    };
    assert_eq!(reload(ALL_OF_THEM), all);
    let timing = &ipvsd.status_json()["vrrp_timing"];
    let scheduling = &timing["scheduling"];
    assert_eq!(scheduling["policy"], "RR", "{timing:#}");
    assert_eq!(scheduling["priority"], 20);
    assert_eq!(scheduling["nice"], -10);
    assert!(scheduling["locked_memory"].as_u64() > Some(1 << 20));

    // What comes after one that was killed has the same from the beginning.
    kill(Pid::from_raw(plain.pid), Signal::SIGKILL).unwrap();
    wait_until("another vrrp process", LONG, || {
        let mut children = ipvsd.children().into_iter();
        children.any(|child| child.name.contains("vrrp") && child.pid != plain.pid)
    });
    wait_until("its answer", LONG, || {
        !ipvsd.status_json()["vrrp_timing"]["lateness"].is_null()
    });
    let next = Seen::of(&ipvsd);
    let pid = next.pid;
    assert_eq!(next, Seen { pid, ..all });

    // With a limit that would be in its way.
    let mark = ipvsd.log().mark();
    let short = reload("vrrp_rt_priority 1\nvrrp_rlimit_rttime 10000");
    assert_eq!(short.first, (2, 1));
    assert_eq!(short.realtime_limit, "1000000");
    assert_eq!((short.locks_memory, &short.nice), (false, &plain.nice));
    ipvsd.wait_for_log_after(mark, "vrrp_rlimit_rttime: 10000 us", LONG);

    assert_eq!(reload(""), Seen { pid, ..plain });
    assert_eq!(ipvsd.log().count("Entering"), 2);
    // Nothing of it was refused, and nobody else has got any of it.
    assert_eq!(ipvsd.log().count("cannot"), 0);
}

fn who_is_late_is_given_a_higher_priority(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).vrrp().build(lab);
    let director = cluster.director();
    // Often enough that some advert is due whenever it is stopped for a moment, which
    // core does not notice.
    let conf = |words: &str| {
        with_globals(&format!("vrrp_version 3\n{words}")).replace("advert_int 1", "advert_int 0.2")
    };
    let stall: Duration = millis(500);
    let begun = lab.now();
    let ipvsd = director.start(&conf("max_auto_priority 2\nmin_auto_priority_delay 100000"));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    let before = Seen::of(&ipvsd);
    assert_eq!(before.first, (0, 0));
    let pid = Pid::from_raw(before.pid);
    for expected in [
        "Set realtime priority 1: the vrrp process was late by 0.",
        "Set realtime priority 2: the vrrp process was late by 0.",
        "as high as max_auto_priority 2 allows",
    ] {
        // Core hears of it once a second.
        wait_until(expected, LONG, || {
            kill(pid, Signal::SIGSTOP).unwrap();
            std::thread::sleep(stall);
            kill(pid, Signal::SIGCONT).unwrap();
            poll(stall, || (ipvsd.log().count(expected) > 0).then_some(())).is_some()
        });
    }
    let after = Seen::of(&ipvsd);
    assert_eq!((after.pid, after.first), (before.pid, (2, 2)));
    assert_eq!(after.realtime_limit, "1000000");
    ipvsd.wait_for_log("the process or the whole machine was stopped", LONG);
    let timing = &ipvsd.status_json()["vrrp_timing"];
    assert_eq!(timing["raised_to"], 2, "{timing:#}");
    let lateness = &timing["lateness"];
    assert!(lateness["worst"].as_f64() > Some(0.1), "{lateness}");
    assert!(lateness["recent"].as_f64() > Some(0.1), "{lateness}");
    assert!(lateness["measured"].as_u64() > Some(3), "{lateness}");
    let minutes = (lab.now() - begun).as_secs() as usize / 60;
    assert!(ipvsd.log().count("VRRP was late") <= 1 + minutes);
    assert_eq!(ipvsd.log().count("Entering"), 2);
    assert!(director.holds(VIP));

    let mark = ipvsd.log().mark();
    ipvsd.reload(&conf(""));
    ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
    assert_eq!(Seen::of(&ipvsd), before);
}

fn the_log_says_who_had_the_processor(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).vrrp().build(lab);
    let director = cluster.director();
    let conf = with_globals("vrrp_version 3").replace("advert_int 1", "advert_int 0.2");
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    // The guest has one processor. Who ends this comes before it.
    director.sh("chrt -f 20 timeout 0.6 chrt -f 10 sh -c 'while :; do :; done' || test $? = 124");
    let told = ipvsd.wait_for_log("VRRP was late", LONG);
    assert!(told.contains("others had the processor for"), "{told}");
    assert!(director.holds(VIP));
}
