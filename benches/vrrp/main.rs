//! What VRRP costs beside keepalived: takeover, addresses up and down, CPU time and
//! memory of many instances, turn by turn between network namespaces of this machine's
//! own kernel. `docs/benchmarks.md` has the command and the table that it prints.

// The lab is made for its scenarios; a benchmark uses less of it.
#![allow(dead_code)]

mod addresses;
mod conf;
#[path = "../../tests/lab/daemon.rs"]
mod daemon;
mod enclosure;
#[path = "../../tests/lab/lab.rs"]
mod lab;
mod load;
mod neighbour;
#[path = "../../tests/lab/net.rs"]
mod net;
#[path = "../../tests/lab/own_kernel.rs"]
mod own_kernel;
#[path = "../../tests/lab/packet_socket.rs"]
mod packet_socket;
mod peer;
mod place;
mod report;
mod takeover;
mod watch;
mod wire;

use std::process::ExitCode;

use crate::conf::Many;
use crate::daemon::Program;
use crate::lab::Lab;
use crate::peer::Pace;
use crate::report::Report;

/// In the order of the columns. With `LAB_STAND_IN=keepalived` it is keepalived twice, and
/// every ratio should be 1.
fn programs(lab: &Lab) -> [Program; 2] {
    let ours = match lab.has_stand_in() {
        true => Program::Keepalived,
        false => Program::Ipvsd,
    };
    [Program::Keepalived, ours]
}

/// Takeovers of each kind, each by directors that have just been started.
const TAKEOVERS: usize = 5;

const ADDRESSES: [usize; 3] = [1, 500, 2_000];

/// Turns of addresses up and down; each goes up and down several times.
const TURNS: usize = 2;

const LOADS: [Many; 2] = [
    Many {
        count: 1_000,
        centiseconds: 100,
    },
    Many {
        count: 200,
        centiseconds: 10,
    },
];

type Part = fn(&Lab, &mut Report);

const PARTS: [(&str, Part); 3] = [
    ("takeover", takeovers),
    ("addresses", up_and_down),
    ("instances", loads),
];

/// Whether the command line names this part; without a name, all of them.
fn is_wanted(part: &str) -> bool {
    let words = std::env::args().skip(1);
    let names: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    names.is_empty() || names.iter().any(|name| name == part)
}

fn main() -> ExitCode {
    match std::env::var(enclosure::ROLE).as_deref() {
        Ok(enclosure::INSIDE) => {
            let lab = enclosure::furnish();
            place::switch(place::FRONT);
            let mut report = Report::default();
            for (name, part) in PARTS {
                if is_wanted(name) {
                    part(&lab, &mut report);
                }
            }
            enclosure::show(&lab, &report.text());
            ExitCode::SUCCESS
        }
        Ok(neighbour::ROLE) => neighbour::main(),
        _ => enclosure::run_inside(),
    }
}

fn takeovers(lab: &Lab, report: &mut Report) {
    for busy in [false, true] {
        let beside = if busy {
            "a busy checker beside it"
        } else {
            "idle"
        };
        for addresses in ADDRESSES {
            let mut turns = programs(lab).map(|_| Vec::new());
            for _ in 0..TAKEOVERS {
                for (program, turns) in programs(lab).into_iter().zip(&mut turns) {
                    report.say(lab, &format!("takeover of {addresses}, {beside}"), program);
                    turns.push(takeover::turn(lab, program, addresses, busy));
                }
            }
            type Of = fn(&takeover::Takeover) -> f64;
            let rows: [(&str, Of); 3] = [
                ("until the first advert", |turn| turn.first_advert),
                ("from there until all are up", |turn| turn.up),
                ("from there until each is announced once", |turn| {
                    turn.announced
                }),
            ];
            for (what, of) in rows {
                let values = turns.each_ref().map(|turns| turns.iter().map(of).collect());
                let what = format!("takeover of {addresses}, {beside}: {what}, ms");
                report.row(&what, values);
            }
        }
    }
    let bound = conf::bound(conf::LOWER);
    report.note(&format!(
        "The protocol's own bound for the first advert is {bound:.1} ms."
    ));
}

fn up_and_down(lab: &Lab, report: &mut Report) {
    let addresses = ADDRESSES[ADDRESSES.len() - 1];
    let mut results = programs(lab).map(|_| addresses::UpAndDown::default());
    let mut bare = addresses::UpAndDown::default();
    for _ in 0..TURNS {
        for (program, result) in programs(lab).into_iter().zip(&mut results) {
            report.say(lab, &format!("{addresses} addresses up and down"), program);
            addresses::turn(lab, program, addresses, result);
        }
        addresses::bare_loop(addresses, &mut bare);
    }
    let up = results.each_ref().map(|result| result.up.clone());
    report.row(&format!("{addresses} addresses up, ms"), up);
    let down = results.each_ref().map(|result| result.down.clone());
    report.row(&format!("{addresses} addresses down, ms"), down);
    let (up, down) = (report::median(bare.up), report::median(bare.down));
    report.note(&format!(
        "A bare loop takes {up:.2} ms to bring {addresses} addresses up and {down:.2} ms to take them down."
    ));
}

fn loads(lab: &Lab, report: &mut Report) {
    for many in LOADS {
        let Many {
            count,
            centiseconds,
        } = many;
        let what = format!("{count} instances at {} ms", u32::from(centiseconds) * 10);
        for (role, name) in [
            (load::Role::Master, "master"),
            (load::Role::Backup(Pace::Together), "backup of one master"),
            (load::Role::Backup(Pace::Apart), "backup of as many masters"),
        ] {
            report.say_both(lab, &format!("{what}, {name}"));
            let loads = load::turn(lab, programs(lab), many, role);
            let cpu = loads.each_ref().map(|load| load.cpu.clone());
            report.row(&format!("{what}, {name}: CPU time, ms a second"), cpu);
            let memory = loads.each_ref().map(|load| vec![load.memory]);
            report.row(&format!("{what}, {name}: memory, MB"), memory);
            for (program, load) in programs(lab).iter().zip(&loads) {
                if load.needless > 0 {
                    report.note(&format!(
                        "{what}, {name}: {} has taken over {} times, though its master was there.",
                        program.name(),
                        load.needless
                    ));
                }
            }
        }
    }
}
