//! From keepalived to ipvsd and back, by the commands of the chapter in
//! docs/migrating.md, while clients talk to what is behind the directors.

mod chapter;

use std::path::PathBuf;

use nix::sys::signal::Signal;

use self::chapter::Chapter;
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::ipvs_watch::{IpvsWatch, Op};
use crate::lab::{Lab, secs, wait_until};
use crate::pair::{LONG, VIP};
use crate::scenario::{Scenario, scenarios};
use crate::talk::{self, Length, Talk};
use crate::vrrp::Instance;

pub const ALL: &[Scenario] = scenarios!(cutover:
    in_place_and_back,
    two_directors_with_vrrp_and_back,
    stop_and_start,
);

const TABLE: [&str; 3] = [
    "-A -t 10.0.0.80:7001 -s wrr",
    "-a -t 10.0.0.80:7001 -r 10.0.0.11:7001 -g -w 1",
    "-a -t 10.0.0.80:7001 -r 10.0.0.12:7001 -g -w 2",
];

fn virtual_server() -> String {
    let server = |n: u32| {
        format!(
            " real_server 10.0.0.1{n} 7001 {{\n weight {n}\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}\n"
        )
    };
    format!(
        "virtual_server 10.0.0.80 7001 {{\n delay_loop 1\n lb_algo wrr\n lb_kind DR\n protocol TCP\n{}{}}}\n",
        server(1),
        server(2)
    )
}

/// A machine on which one of the two runs, as systemd would have it.
struct Machine<'a> {
    lab: &'a Lab,
    director: &'a Director<'a>,
    /// In the place of /etc/keepalived/keepalived.conf.
    file: PathBuf,
    /// What was started last.
    daemon: Option<(Program, Daemon<'a>)>,
}

impl<'a> Machine<'a> {
    fn new(lab: &'a Lab, director: &'a Director<'a>, conf: &str) -> Self {
        let file = lab.scratch(director.name()).join("keepalived.conf");
        std::fs::write(&file, conf).unwrap();
        Self {
            lab,
            director,
            file,
            daemon: None,
        }
    }

    fn running(&self) -> &Daemon<'a> {
        &self.daemon.as_ref().expect("something was started").1
    }

    fn start(&mut self, program: Program, more: &[&str]) {
        let conf = std::fs::read_to_string(&self.file).unwrap();
        let words: Vec<&str> = ["-D"].iter().chain(more).copied().collect();
        let daemon = Daemon::start_with(self.lab, self.director, program, &conf, &words);
        // As `Type=notify` has it.
        if program == Program::Ipvsd {
            daemon.wait_for_log("Startup complete", LONG);
        }
        self.daemon = Some((program, daemon));
    }

    /// Runs a command of the chapter.
    fn run(&mut self, command: &str) {
        self.lab
            .note(format!("{}: {command}", self.director.name()));
        for part in command.split("; ") {
            let part = part.strip_prefix("sudo ").unwrap_or(part);
            match part.split_whitespace().collect::<Vec<_>>()[..] {
                ["systemctl", ref words @ ..] => self.systemctl(words),
                ["ipvsd", ref words @ ..] => {
                    let words: Vec<String> = words.iter().map(|word| self.here(word)).collect();
                    let mut command = self.director.command(self.lab.ipvsd());
                    self.lab.note(crate::net::run(command.args(words)));
                }
                _ => self.lab.note(self.director.sh(&self.here(part))),
            }
        }
    }

    fn here(&self, words: &str) -> String {
        words.replace(chapter::FILE, &self.file.display().to_string())
    }

    /// What systemd would do, to all processes of a service.
    fn systemctl(&mut self, words: &[&str]) {
        let program = match words.last() {
            Some(&"keepalived") => Program::Keepalived,
            Some(&"ipvsd") => Program::Ipvsd,
            other => panic!("a service {other:?}"),
        };
        let is_running = |machine: &Self| {
            let daemon = machine.daemon.as_ref();
            daemon.is_some_and(|(known, daemon)| *known == program && daemon.is_running())
        };
        match words[..words.len() - 1] {
            // Nothing is started by itself here.
            ["disable"] => {}
            ["show", "--property=Restart"] => {
                let unit = std::fs::read_to_string("/lib/systemd/system/keepalived.service");
                assert!(!unit.unwrap().contains("Restart="));
            }
            ["enable", "--now"] => {
                assert!(!is_running(self), "{program:?}");
                self.start(program, &[]);
            }
            ["stop"] if !is_running(self) => {}
            ["stop"] => {
                self.running().signal_all(Signal::SIGTERM);
                self.running().wait_for_exit(secs(10));
            }
            ["kill", signal] => {
                assert!(is_running(self), "{program:?}");
                let name = signal.strip_prefix("--signal=").unwrap();
                let signal: Signal = name.parse().unwrap();
                self.running().signal_all(signal);
                if signal == Signal::SIGKILL {
                    self.running().wait_for_exit(secs(10));
                }
            }
            ["reload"] => {
                let mark = self.running().log().mark();
                self.running()
                    .reload(&std::fs::read_to_string(&self.file).unwrap());
                if program == Program::Ipvsd {
                    self.running()
                        .wait_for_log_after(mark, "Reload complete", LONG);
                }
            }
            ref other => panic!("systemctl {other:?}"),
        }
    }
}

/// One connection that stays, and new ones all the time.
fn talks(lab: &Lab, cluster: &Cluster) -> Vec<Talk> {
    let lengths = [Length::Long, Length::Short, Length::Short];
    let talks = lengths.map(|length| Talk::start(lab, &cluster.client, cluster.vip(7001), length));
    wait_for(&talks);
    talks.into()
}

#[track_caller]
fn wait_for(talks: &[Talk]) {
    for talk in talks {
        talk.wait_for_answers(20, LONG);
    }
}

/// Everybody was served all the time, the long ones by the same server.
#[track_caller]
fn assert_unnoticed(lab: &Lab, talks: Vec<Talk>) {
    for (at, talk) in talks.into_iter().enumerate() {
        let heard = talk.stop();
        lab.note(format!("{heard:?}"));
        assert!(heard.errors.is_empty(), "{heard:?}");
        assert!(at > 0 || heard.by_server.len() == 1, "{heard:?}");
    }
}

/// Nothing in the kernel was touched that was there. (keepalived tries to add it.)
#[track_caller]
fn assert_adopted(machine: &Machine, watch: IpvsWatch) {
    let table = machine.director.table();
    let ops = watch.stop().ops;
    let (program, daemon) = machine.daemon.as_ref().unwrap();
    match program {
        Program::Ipvsd => {
            assert_eq!(ops, []);
            daemon.wait_for_log(": adopted as it is", secs(1));
            assert_eq!(daemon.status_json()["table"]["counters"]["sent"], 0);
        }
        Program::Keepalived => {
            let adds = |op: &Op| matches!(op, Op::NewService | Op::NewDest);
            assert!(ops.iter().all(|(_, op)| adds(op)), "{ops:?}");
        }
    }
    let mut expected = TABLE.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(crate::table::sorted(table), expected);
}

fn in_place_and_back(lab: &Lab) {
    let chapter = Chapter::read(lab);
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    cluster
        .web
        .iter()
        .for_each(|web| talk::listen(web, &[7001]));
    let mut machine = Machine::new(lab, director, &virtual_server());
    machine.start(Program::Keepalived, &[]);
    director.expect_table(&TABLE, LONG);

    for section in ["In place", "The way back", "In place"] {
        let talks = talks(lab, &cluster);
        let watch = director.watch_ipvs();
        let samples = director.sample_table();
        if section == "In place" {
            chapter.before().iter().for_each(|line| machine.run(line));
        }
        chapter
            .section(section)
            .iter()
            .for_each(|line| machine.run(line));
        if section == "The way back" {
            machine.running().wait_for_log("success", LONG);
        }
        wait_for(&talks);
        chapter.section("What to look at").iter().for_each(|line| {
            if section != "The way back" || !line.starts_with("ipvsd") {
                machine.run(line);
            }
        });
        samples.stop().assert_never_lacked(&TABLE);
        assert_unnoticed(lab, talks);
        assert_adopted(&machine, watch);
    }
    // Its own from now on.
    assert!(machine.running().sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

fn two_directors_with_vrrp_and_back(lab: &Lab) {
    let chapter = Chapter::read(lab);
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(2)
        .vrrp()
        .build(lab);
    let [director1, director2] = cluster.two_directors();
    cluster
        .web
        .iter()
        .for_each(|web| talk::listen(web, &[7001]));
    // However long a busy machine takes to start one, the other waits for longer.
    let conf = |instance: Instance| {
        instance.conf().replace("advert_int 1", "advert_int 3") + &virtual_server()
    };
    let conf1 = conf(Instance::new(150).state("MASTER"));
    let mut master = Machine::new(lab, director1, &conf1);
    let mut backup = Machine::new(lab, director2, &conf(Instance::new(100)));
    master.start(Program::Keepalived, &[]);
    master.running().wait_for_state("VI_1", "MASTER", LONG);
    backup.start(Program::Keepalived, &[]);
    backup.running().wait_for_state("VI_1", "BACKUP", LONG);
    cluster.expect_holder(VIP, director1, LONG);
    director1.expect_table(&TABLE, LONG);
    director2.expect_table(&TABLE, LONG);

    let talks = talks(lab, &cluster);
    let samples = director1.sample_addresses();
    let commands = chapter.section("Two directors with VRRP");
    let first = commands
        .iter()
        .position(|line| line.contains("sed "))
        .unwrap();
    let (for_backup, for_master) = commands.split_at(first);
    for_backup.iter().for_each(|line| backup.run(line));
    backup.running().wait_for_state("VI_1", "BACKUP", LONG);
    director2.expect_table(&TABLE, LONG);
    let instance = || backup.running().status_json()["instances"][0].clone();
    wait_until("the master to be heard", LONG, || {
        instance()["master"]["address"] == "10.0.0.1"
    });
    assert_eq!(instance()["packets"]["dropped"], serde_json::json!({}));
    wait_for(&talks);

    let mark = backup.running().log().mark();
    let watch = director1.watch_ipvs();
    for_master.iter().for_each(|line| master.run(line));
    master.running().wait_for_state("VI_1", "MASTER", LONG);
    wait_for(&talks);
    assert_adopted(&master, watch);
    assert_eq!(std::fs::read_to_string(&master.file).unwrap(), conf1);
    let status = master.running().status_json()["instances"][0].clone();
    assert_eq!(
        (&status["state"], &status["priority"]),
        (&"MASTER".into(), &150.into())
    );
    wait_until("the old priority to be heard", LONG, || {
        instance()["master"]["priority"] == 150
    });
    samples.stop().assert_never_lacked(&["eth0 10.0.0.80/32"]);
    // The backup has had nothing to do with it.
    let lines = backup.running().log().since(mark);
    assert!(
        !lines.iter().any(|(_, line)| line.contains("STATE")),
        "{lines:?}"
    );

    lab.note("and back");
    let around = |word: &str| for_master.iter().find(|line| line.contains(word)).unwrap();
    let watch = director1.watch_ipvs();
    master.run(around("sed "));
    chapter
        .section("The way back")
        .iter()
        .for_each(|line| master.run(line));
    master.running().wait_for_state("VI_1", "MASTER", LONG);
    master.run(around("mv "));
    master.run("systemctl reload keepalived");
    wait_for(&talks);
    assert_adopted(&master, watch);
    wait_until("the old priority to be heard", LONG, || {
        instance()["master"]["priority"] == 150
    });
    let lines = backup.running().log().since(mark);
    assert!(
        !lines.iter().any(|(_, line)| line.contains("STATE")),
        "{lines:?}"
    );
    assert_unnoticed(lab, talks);
    for machine in [&master, &backup] {
        machine.running().signal_all(Signal::SIGTERM);
        machine.running().wait_for_exit(secs(10));
    }
}

/// What that costs is what the chapter says, and what does not cost anything, too.
fn stop_and_start(lab: &Lab) {
    let chapter = Chapter::read(lab);
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    cluster
        .web
        .iter()
        .for_each(|web| talk::listen(web, &[7001]));
    let mut machine = Machine::new(lab, director, &virtual_server());
    for options in [&[][..], &["--dont-release-ipvs"]] {
        machine.start(Program::Keepalived, options);
        director.expect_table(&TABLE, LONG);
        let talks = talks(lab, &cluster);
        let watch = director.watch_ipvs();
        chapter
            .section("Stop and start")
            .iter()
            .for_each(|line| machine.run(line));
        director.expect_table(&TABLE, LONG);
        wait_for(&talks);
        if options.is_empty() {
            for talk in talks {
                let heard = talk.stop();
                lab.note(format!("{heard:?}"));
                assert!(!heard.errors.is_empty());
            }
        } else {
            assert_unnoticed(lab, talks);
            assert_adopted(&machine, watch);
        }
        assert!(machine.running().sigterm(secs(10)).status.success());
        director.expect_table(&[], secs(1));
    }
}
