//! Scripts of instances and sync groups: what they are told, in which order they run,
//! as whom, for how long.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cluster::Method;
use crate::daemon::{Program, descendants_of};
use crate::intruder::{Intruder, Packet};
use crate::lab::{Lab, poll, secs, wait_until};
use crate::pair::{LONG, cluster, directors};
use crate::scenario::{Scenario, scenarios};
use crate::vrrp::{Instance, web_service};

pub const ALL: &[Scenario] = scenarios!(notify:
    scripts_are_told_what_keepalived_tells_them,
    scripts_of_one_object_wait_for_each_other_and_nothing_waits_for_them,
    a_reload_that_changes_nothing_runs_nothing,
    a_script_that_hangs_is_killed,
    a_stop_waits_for_its_scripts_but_not_for_ever,
    another_master_that_gives_no_way_is_told_once,
);

const SCRIPTS_AS_ROOT: &str = "global_defs {
    script_user root
}\n";

/// What scripts have written down, a line a run.
struct Record(PathBuf);

impl Record {
    /// Everyone may write to it.
    fn new(lab: &Lab, name: &str) -> Self {
        let path = lab.scratch("records").join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for so many lines, and returns them.
    #[track_caller]
    fn wait_for(&self, count: usize) -> Vec<String> {
        let found = poll(LONG, || {
            let lines = self.lines();
            (lines.len() >= count).then_some(lines)
        });
        found.unwrap_or_else(|| panic!("not {count} lines: {:#?}", self.lines()))
    }
}

/// A script that writes down who runs it and with which arguments.
fn recorder(lab: &Lab, name: &str, record: &Record) -> String {
    let text = format!(
        "#!/bin/sh
line=\"$(id -u):$(id -g)\"
for word in \"$@\"; do
    line=\"$line [$word]\"
done
echo \"$line\" >>{}\n",
        record.path().display()
    );
    lab.script(name, &text).display().to_string()
}

/// All words of an object, each with a first argument that says which it is.
fn all_words(script: &str, object: &str) -> String {
    format!(
        "notify_master \"{script} {object}-master 'two words'\"
         notify_backup \"{script} {object}-backup\" nobody
         notify_fault \"{script} {object}-fault\" daemon daemon
         notify_stop \"{script} {object}-stop\"
         notify \"{script} {object}\"\n"
    )
}

/// Two instances in a group, on links of their own. Neighbours with other VRIDs do not
/// mind.
fn group(script: &str, vrid: u8, addresses: [&'static str; 2]) -> String {
    let instance = Instance {
        vrid,
        addresses: vec![addresses[0]],
        ..Instance::new(120)
    };
    let inner = Instance {
        vrid,
        addresses: vec![addresses[1]],
        ..Instance::behind(90)
    };
    format!(
        "{SCRIPTS_AS_ROOT}
        vrrp_sync_group G1 {{
            group {{
                VI_1
                VI_2
            }}
            {}
        }}
        {}",
        all_words(script, "g1"),
        instance
            .with(&all_words(script, "i1"))
            .beside(inner.with(&all_words(script, "i2")))
            .conf()
    )
}

/// An object as its scripts know it, and its priority.
type Object = (&'static str, &'static str, &'static str, u8);

/// What the two scripts of each object write down for a state, sorted.
fn both(objects: &[Object], state: &str, own: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut lines: Vec<String> = objects
        .iter()
        .flat_map(|(object, kind, name, priority)| {
            [
                own(object),
                format!("0:0 [{object}] [{kind}] [{name}] [{state}] [{priority}]"),
            ]
        })
        .collect();
    lines.sort();
    lines
}

/// keepalived and ipvsd see the same and say the same, to each object. The order in
/// which objects come is not compared, nor the two scripts of one state: keepalived
/// runs all of them at once.
fn scripts_are_told_what_keepalived_tells_them(lab: &Lab) {
    let cluster = cluster(lab, Method::Nat, 2);
    let [first, second] = directors(&cluster);
    let records = ["keepalived", "ipvsd"].map(|name| Record::new(lab, name));
    let keepalived = first.start_as(
        Program::Keepalived,
        &group(
            &recorder(lab, "keepalived-told", &records[0]),
            60,
            ["10.0.0.81", "10.1.0.81"],
        ),
    );
    let ipvsd = second.start(&group(
        &recorder(lab, "ipvsd-told", &records[1]),
        70,
        ["10.0.0.82", "10.1.0.82"],
    ));
    let nobody = fs::read_to_string("/etc/passwd").unwrap();
    let nobody = nobody
        .lines()
        .find_map(|line| line.strip_prefix("nobody:x:"))
        .unwrap();
    let nobody: Vec<&str> = nobody.split(':').take(2).collect();
    let nobody = nobody.join(":");

    let objects = [
        ("i1", "INSTANCE", "VI_1", 120),
        ("i2", "INSTANCE", "VI_2", 90),
        ("g1", "GROUP", "G1", 0),
    ];
    let mut read = 0;
    let mut expect = |what: &str, state: &str, own: &dyn Fn(&str) -> String| {
        let wanted = both(&objects, state, own);
        for (record, whose) in records.iter().zip(["keepalived", "ipvsd"]) {
            let lines = record.wait_for(read + wanted.len());
            let mut told = lines[read..].to_vec();
            told.sort();
            assert_eq!(told, wanted, "{what}: told by {whose}");
        }
        read += wanted.len();
    };
    let backup = |object: &str| format!("{nobody} [{object}-backup]");
    let master = |object: &str| format!("0:0 [{object}-master] [two words]");
    let fault = |object: &str| format!("1:1 [{object}-fault]");
    let stop = |object: &str| format!("0:0 [{object}-stop]");

    expect("at the start", "BACKUP", &backup);
    expect("alone", "MASTER", &master);
    first.unplug("eth1");
    second.unplug("eth1");
    expect("a link is gone", "FAULT", &fault);
    first.plug("eth1");
    second.plug("eth1");
    expect("the link is back", "BACKUP", &backup);
    expect("alone again", "MASTER", &master);
    // keepalived kills after a second what it has started then, so that some are not
    // heard of in a guest this slow; ipvsd lets them end.
    let wanted = both(&objects, "STOP", &stop);
    let mut told = [(&keepalived, &records[0]), (&ipvsd, &records[1])].map(|(daemon, record)| {
        assert!(daemon.sigterm(secs(20)).status.success());
        record.lines().split_off(read)
    });
    for line in &told[0] {
        assert!(wanted.contains(line), "keepalived at the end: {line}");
    }
    told[1].sort();
    assert_eq!(told[1], wanted, "ipvsd at the end");
}

/// The scripts of VI_1 wait for a file; VI_1 itself does not, nor does VI_2.
fn scripts_of_one_object_wait_for_each_other_and_nothing_waits_for_them(lab: &Lab) {
    let cluster = cluster(lab, Method::Nat, 2);
    let [director, _] = directors(&cluster);
    let record = Record::new(lab, "order");
    let go = lab.scratch("records").join("go");
    let (path, go_on) = (record.path().display(), go.display());
    let slow = lab.script(
        "slow",
        &format!(
            "#!/bin/sh
echo \"begin $*\" >>{path}
while [ ! -e {go_on} ]; do sleep 0.05; done
echo \"end $*\" >>{path}
echo \"what it says about $*\"
exit 3\n"
        ),
    );
    let quick = lab.script("quick", &format!("#!/bin/sh\necho \"$*\" >>{path}\n"));
    let (slow, quick) = (slow.display(), quick.display());
    let one = Instance::new(120)
        .with(&format!("notify_backup \"{slow} backup\""))
        .with(&format!("notify_master \"{slow} master\""))
        .with(&format!("notify {slow}"));
    let two = Instance::behind(90).with(&format!("notify {quick}"));
    let conf = SCRIPTS_AS_ROOT.to_owned() + &one.beside(two).conf();
    let ipvsd = director.start(&conf);

    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    ipvsd.wait_for_state("VI_2", "MASTER", LONG);
    wait_until("the address", LONG, || director.holds("10.0.0.80"));
    wait_until("the scripts of VI_2", LONG, || record.lines().len() == 3);
    let mut told = record.lines();
    told.sort();
    let expected = [
        "INSTANCE VI_2 BACKUP 90",
        "INSTANCE VI_2 MASTER 90",
        "begin backup",
    ];
    assert_eq!(told, expected);

    fs::write(&go, "").unwrap();
    let told = record.wait_for(10);
    let of_one: Vec<&String> = told.iter().filter(|line| !line.contains("VI_2")).collect();
    let expected = [
        "begin backup",
        "end backup",
        "begin INSTANCE VI_1 BACKUP 120",
        "end INSTANCE VI_1 BACKUP 120",
        "begin master",
        "end master",
        "begin INSTANCE VI_1 MASTER 120",
        "end INSTANCE VI_1 MASTER 120",
    ];
    assert_eq!(of_one, expected);
    ipvsd.wait_for_log("slow: what it says about INSTANCE VI_1 MASTER 120", LONG);
    ipvsd.wait_for_log("slow for VI_1 (MASTER) has ended with status 3", LONG);

    // A vrrp process that goes on where the one before it was has changed nothing.
    let before = ipvsd.child("vrrp");
    director.sh(&format!("kill -KILL {}", before.pid));
    ipvsd.wait_for_log("vrrp process(", LONG);
    wait_until("another vrrp process", LONG, || {
        let status = ipvsd.status_json();
        let instances = status["instances"].as_array().unwrap();
        let master = |instance: &serde_json::Value| {
            instance["state"] == "MASTER" && instance["packets"]["adverts_sent"].as_u64() > Some(1)
        };
        ipvsd.child("vrrp").pid != before.pid && instances.iter().all(master)
    });
    assert!(ipvsd.sigterm(secs(20)).status.success());
    let stopped: Vec<String> = record.lines().split_off(10);
    let stopped = stopped.into_iter().filter(|line| !line.starts_with("end"));
    let mut stopped: Vec<String> = stopped.collect();
    stopped.sort();
    let expected = ["INSTANCE VI_2 STOP 90", "begin INSTANCE VI_1 STOP 120"];
    assert_eq!(stopped, expected);
}

/// As keepalived does it: an instance that is removed has `notify` with FAULT.
fn a_reload_that_changes_nothing_runs_nothing(lab: &Lab) {
    let cluster = cluster(lab, Method::Nat, 2);
    let [director, _] = directors(&cluster);
    let record = Record::new(lab, "reload");
    let script = recorder(lab, "told", &record);
    let one = Instance::new(120).with(&format!("notify {script}"));
    let two = Instance::behind(90).with(&all_words(&script, "i2"));
    let both = SCRIPTS_AS_ROOT.to_owned() + &one.clone().beside(two).conf();
    let ipvsd = director.start(&both);
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    ipvsd.wait_for_state("VI_2", "MASTER", LONG);
    let told = record.wait_for(6);

    let mark = ipvsd.log().mark();
    ipvsd.reload(&both);
    ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
    let mark = ipvsd.log().mark();
    ipvsd.reload(&(SCRIPTS_AS_ROOT.to_owned() + &one.conf()));
    ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
    let removed = record.wait_for(7).split_off(6);
    assert_eq!(removed, ["0:0 [i2] [INSTANCE] [VI_2] [FAULT] [90]"]);
    wait_until("the address to go", LONG, || !director.holds("10.1.0.80"));

    // The last one goes, and with it the process.
    let none = web_service(Method::Nat);
    let mark = ipvsd.log().mark();
    ipvsd.reload(&(SCRIPTS_AS_ROOT.to_owned() + &none));
    ipvsd.wait_for_log_after(mark, "Reload complete", LONG);
    let removed = record.wait_for(8).split_off(7);
    assert_eq!(removed, ["0:0 [INSTANCE] [VI_1] [FAULT] [120]"]);
    wait_until("the vrrp process to end", LONG, || {
        let children = ipvsd.children();
        children.iter().all(|child| !child.name.contains("vrrp"))
    });
    assert!(!director.holds("10.0.0.80"));
    assert_eq!(ipvsd.log().count("died"), 0);

    // And comes back.
    ipvsd.reload(&both);
    let again = record.wait_for(14).split_off(8);
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(again), sorted(told));
    assert!(ipvsd.sigterm(secs(20)).status.success());
}

fn a_script_that_hangs_is_killed(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director, _] = directors(&cluster);
    let record = Record::new(lab, "hangs");
    let hangs = lab.script(
        "hangs",
        "#!/bin/sh\ntrap '' TERM\nsleep 4242 &\nsleep 4242\n",
    );
    let told = recorder(lab, "told", &record);
    let instance = Instance::new(120)
        .with(&format!("notify_backup {}", hangs.display()))
        .with(&format!("notify {told}"));
    let limit = "global_defs {\n notify_timeout 10\n}\n";
    let conf = SCRIPTS_AS_ROOT.to_owned() + limit + &instance.conf();
    let ipvsd = director.start(&conf);
    let mark = ipvsd.log().mark();
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    let line = "hangs for VI_1 (BACKUP) was killed: it has taken longer than 10 s";
    ipvsd.wait_for_log_after(mark, line, secs(100));
    let told = record.wait_for(2);
    let expected =
        ["BACKUP", "MASTER"].map(|state| format!("0:0 [INSTANCE] [VI_1] [{state}] [120]"));
    assert_eq!(told, expected);
    let sleeping = |process: &crate::daemon::Process| process.command_line.contains("4242");
    let left = descendants_of(std::process::id().cast_signed());
    assert!(!left.iter().any(sleeping), "{left:#?}");
    assert!(ipvsd.sigterm(secs(20)).status.success());
}

fn a_stop_waits_for_its_scripts_but_not_for_ever(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director, _] = directors(&cluster);
    let record = Record::new(lab, "stop");
    let path = record.path().display();
    let slow = lab.script(
        "slow",
        &format!("#!/bin/sh\nsleep 3\necho \"slow $*\" >>{path}\n"),
    );
    let told = recorder(lab, "told", &record);
    let conf = |stop: &Path| {
        let instance = Instance::new(120)
            .with(&format!("notify_stop {}", stop.display()))
            .with(&format!("notify {told}"));
        SCRIPTS_AS_ROOT.to_owned() + &instance.conf()
    };
    let ipvsd = director.start(&conf(&slow));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    record.wait_for(2);
    assert!(ipvsd.sigterm(secs(20)).status.success());
    let stopped = record.lines().split_off(2);
    assert_eq!(stopped, ["slow ", "0:0 [INSTANCE] [VI_1] [STOP] [120]"]);
    assert!(!director.holds("10.0.0.80"));

    // The address does not wait for the scripts either.
    let hangs = lab.script(
        "hangs",
        "#!/bin/sh\ntrap '' TERM\nsleep 4242 &\nsleep 4242\n",
    );
    let ipvsd = director.start(&conf(&hangs));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    wait_until("the address", LONG, || director.holds("10.0.0.80"));
    ipvsd.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("the address to go", LONG, || !director.holds("10.0.0.80"));
    assert!(ipvsd.is_running());
    let sleeping = || {
        let all = descendants_of(1);
        all.iter()
            .any(|process| process.command_line.contains("4242"))
    };
    wait_until("the script to run", LONG, sleeping);
    assert!(ipvsd.wait_for_exit(secs(30)).success());
    ipvsd.wait_for_log(
        "a notify script for VI_1 has not ended and is killed, and 1 that wait are not run",
        secs(1),
    );
    wait_until("nothing of it is left", secs(5), || !sleeping());
}

/// keepalived runs the script for each advert, one a second; what it hands to the script
/// is the same.
fn another_master_that_gives_no_way_is_told_once(lab: &Lab) {
    let cluster = cluster(lab, Method::Dr, 2);
    let [director, _] = directors(&cluster);
    let record = Record::new(lab, "lower");
    let script = recorder(lab, "lower", &record);
    let instance = Instance::new(120).with(&format!(
        "notify_master_rx_lower_pri \"{script} lower 'two words'\"
         notify \"{script} any\""
    ));
    let ipvsd = director.start(&format!("{SCRIPTS_AS_ROOT}{}", instance.conf()));
    ipvsd.wait_for_state("VI_1", "MASTER", LONG);
    record.wait_for(2);
    let mark = ipvsd.log().mark();
    let intruder = Intruder::on(&cluster.client);
    let lower = Packet {
        priority: 50,
        ..Packet::highest("10.0.0.100", 51, &["10.0.0.80"], "")
    };
    let own_words = "0:0 [lower] [two words]";
    for _ in 0..5 {
        intruder.send(&lower);
    }
    ipvsd.wait_for_log_after(mark, "forcing new election", LONG);
    wait_until("all of them to be heard", LONG, || {
        let received = &ipvsd.status_json()["instances"][0]["packets"]["adverts_received"];
        received.as_u64() == Some(5)
    });
    record.wait_for(3);
    assert!(ipvsd.sigterm(secs(20)).status.success());
    let lines = record.lines().split_off(2);
    assert_eq!(
        lines,
        [own_words, "0:0 [any] [INSTANCE] [VI_1] [STOP] [120]"]
    );
}
