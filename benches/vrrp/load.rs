//! What many instances cost while nothing happens: CPU time and memory of all processes
//! of a director.

use std::fs;
use std::time::{Duration, Instant};

use crate::conf::{LOWER, Many};
use crate::daemon::{Daemon, Program, descendants_of};
use crate::lab::{Lab, secs, wait_until};
use crate::peer::{Pace, Peer};
use crate::place::{Host, switch};
use crate::watch::AddressWatch;

/// How often CPU time is taken, and over how long.
const WINDOWS: usize = 5;
const WINDOW: Duration = secs(2);

/// What is done once after a transition has been done by then.
const CALM: Duration = secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nobody answers.
    Master,
    /// A master of all instances is heard.
    Backup(Pace),
}

/// A value for each window.
#[derive(Default)]
pub struct Load {
    /// ms of CPU time a second.
    pub cpu: Vec<f64>,
    /// MB, pages that several processes share counted once (proc(5), Pss).
    pub memory: f64,
    /// Takeovers that were not meant to be measured.
    pub needless: usize,
}

/// Both programs at the same time, each with switches of its own: what the machine does
/// meanwhile befalls both.
pub fn turn(lab: &Lab, programs: [Program; 2], many: Many, role: Role) -> [Load; 2] {
    let columns = ["left", "right"];
    let places =
        [0, 1].map(|column| Place::new(lab, columns[column], programs[column], many, role));
    for place in &places {
        place.wait(many, role);
    }
    std::thread::sleep(CALM);
    let mut loads = [Load::default(), Load::default()];
    for _ in 0..WINDOWS {
        let (began, before) = (Instant::now(), places.each_ref().map(Place::cpu));
        std::thread::sleep(WINDOW);
        let (took, after) = (began.elapsed(), places.each_ref().map(Place::cpu));
        for ((load, before), after) in loads.iter_mut().zip(before).zip(after) {
            load.cpu.push((after - before) / took.as_secs_f64());
        }
    }
    for (load, place) in loads.iter_mut().zip(&places) {
        load.needless = place.needless(many, role);
        load.memory = place.memory();
    }
    loads
}

/// A director with its switches and, where one is to be heard, its peer. The order is
/// that of their end.
struct Place<'lab> {
    daemon: Daemon<'lab>,
    addresses: AddressWatch,
    _peer: Option<Peer>,
    _host: Host,
}

impl<'lab> Place<'lab> {
    fn new(lab: &'lab Lab, name: &str, program: Program, many: Many, role: Role) -> Self {
        let bridge = |number: usize| format!("{name}{number}");
        let bridges: Vec<_> = (0..many.interfaces()).map(bridge).collect();
        let links: Vec<_> = bridges
            .iter()
            .map(|bridge| {
                if nix::net::if_::if_nametoindex(bridge.as_str()).is_err() {
                    switch(bridge);
                }
                (bridge.as_str(), "10.0.0.1/24")
            })
            .collect();
        let host = Host::new(name, &links);
        let addresses = AddressWatch::of(&host);
        let peer = match role {
            Role::Master => None,
            Role::Backup(pace) => Some(Peer::of_many(many, pace, bridge)),
        };
        let daemon = Daemon::start_with(lab, &host, program, &many.conf(LOWER), &[]);
        Place {
            daemon,
            addresses,
            _peer: peer,
            _host: host,
        }
    }

    /// By what it does: of what it logs at such a moment a part may be lost.
    fn wait(&self, many: Many, role: Role) {
        self.daemon.wait_for_log("Startup complete", secs(30));
        if role == Role::Master {
            wait_until("as many masters", secs(30), || {
                self.addresses.look(|events| events.new.len()) >= many.count
            });
        }
    }

    /// How often an address has come that should not have, as when this machine has so
    /// much else to do that a master is not heard in time.
    fn needless(&self, many: Many, role: Role) -> usize {
        let masters = match role {
            Role::Master => many.count,
            Role::Backup(_) => 0,
        };
        self.addresses.look(|events| events.new.len()) - masters
    }

    fn processes(&self) -> Vec<i32> {
        let children = descendants_of(self.daemon.pid());
        let children = children.iter().map(|process| process.pid);
        [self.daemon.pid()].into_iter().chain(children).collect()
    }

    /// CPU time of every thread until now, in ms: what `utime` and `stime` in proc(5)
    /// come to, in ns instead of clock ticks.
    fn cpu(&self) -> f64 {
        let mut sum = 0.0;
        for pid in self.processes() {
            for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
                let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
                let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
                sum += nanoseconds / 1e6;
            }
        }
        sum
    }

    fn memory(&self) -> f64 {
        let of = |pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kilobytes = line.unwrap().trim_end_matches("kB").trim();
            kilobytes.parse::<f64>().unwrap() / 1024.0
        };
        self.processes().into_iter().map(of).sum()
    }
}
