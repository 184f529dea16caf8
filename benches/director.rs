//! What the director costs beside keepalived, at 1,000 virtual servers with 20 real
//! servers each: in one boot of one guest, turn by turn. `docs/benchmarks.md` has the
//! command and the table that it prints.

// The lab is made for its scenarios; a benchmark uses less of it.
#![allow(dead_code)]

#[path = "../tests/lab/client.rs"]
mod client;
#[path = "../tests/lab/cluster.rs"]
mod cluster;
#[path = "../tests/lab/daemon.rs"]
mod daemon;
#[path = "../tests/lab/director.rs"]
mod director;
#[path = "../tests/lab/guest.rs"]
mod guest;
#[path = "../tests/lab/host.rs"]
mod host;
#[path = "../tests/lab/ipvs_watch.rs"]
mod ipvs_watch;
#[path = "../tests/lab/lab.rs"]
mod lab;
#[path = "../tests/lab/net.rs"]
mod net;
#[path = "../tests/lab/odd_server.rs"]
mod odd_server;
#[path = "../tests/lab/packet_socket.rs"]
mod packet_socket;
#[path = "../tests/lab/sampler.rs"]
mod sampler;
#[path = "../tests/lab/scenario.rs"]
mod scenario;
#[path = "../tests/lab/table.rs"]
mod table;
#[path = "../tests/lab/web.rs"]
mod web;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Family};
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

const SERVICES: usize = 1_000;
const SERVERS: usize = 20;
const ENTRIES: usize = SERVICES * (1 + SERVERS);

/// Each program's turns. Few, for one of keepalived's takes half a minute.
const ROUNDS: usize = 3;

/// Written by the guest, shown by the host.
const FIGURES: &str = "figures.md";

const ALL: &[Scenario] = scenarios!(director:
    at_20_000_real_servers.limit(3600).memory(3000),
);

fn main() -> ExitCode {
    match guest::role() {
        Some(guest::Role::Init) => guest::init(),
        Some(guest::Role::Scenario) => guest::run_scenario(ALL),
        None => {
            let code = host::run(ALL.to_vec());
            let out =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab/director.at_20_000_real_servers");
            if let Ok(figures) = std::fs::read_to_string(out.join(FIGURES)) {
                println!("{figures}");
            }
            code
        }
    }
}

/// 126,003 lines. Checks are few and far between: what they cost is another question.
fn conf(first_weight: u32) -> String {
    let mut conf = String::from("global_defs {\n    router_id BENCH\n}\n");
    for service in 0..SERVICES {
        let (high, low) = (service / 250, service % 250);
        let _ = writeln!(conf, "virtual_server 10.10.{high}.{low} 80 {{");
        conf += "    delay_loop 3600\n    lb_algo wrr\n    lb_kind DR\n    protocol TCP\n";
        for server in 0..SERVERS {
            let weight = if (service, server) == (0, 0) {
                first_weight
            } else {
                1
            };
            let _ = writeln!(conf, "    real_server 10.2{high}.{low}.{server} 80 {{");
            let _ = writeln!(conf, "        weight {weight}");
            conf += "        TCP_CHECK {\n            connect_timeout 3\n        }\n    }\n";
        }
        conf += "}\n";
    }
    conf
}

/// What was measured of one program, a value for each turn.
#[derive(Default)]
struct Figures {
    check: Vec<f64>,
    program: Vec<f64>,
    reload: Vec<f64>,
    stop: Vec<f64>,
    left: Vec<f64>,
    memory: Vec<f64>,
    /// Of ipvsd alone: keepalived does not compare, and does not plan.
    compare: Vec<f64>,
    plan: Vec<f64>,
}

fn at_20_000_real_servers(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    // Every real server is this host, so that every check succeeds.
    director
        .sh("for net in 10.20 10.21 10.22 10.23; do ip route add local $net.0.0/16 dev lo; done");
    director.spawn(|| {
        let server = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
        server.incoming().for_each(drop);
    });
    let mut keepalived = Figures::default();
    let mut ipvsd = Figures::default();
    for round in 0..ROUNDS {
        lab.note(format!("round {round}"));
        turn(lab, director, Program::Keepalived, &mut keepalived);
        turn(lab, director, Program::Ipvsd, &mut ipvsd);
    }
    type Of = fn(&Figures) -> &Vec<f64>;
    let rows: [(&str, Of); 6] = [
        ("`-t` on 126,003 lines, s", |figures| &figures.check),
        (
            "start until 20,000 real servers are in the table, s",
            |figures| &figures.program,
        ),
        (
            "reload until one changed weight is in the table, s",
            |figures| &figures.reload,
        ),
        ("SIGTERM until the end, s", |figures| &figures.stop),
        ("entries left in the table", |figures| &figures.left),
        ("resident memory of the checker, MB", |figures| {
            &figures.memory
        }),
    ];
    let mut text =
        String::from("| work | keepalived | ipvsd | ratio |\n| --- | --- | --- | --- |\n");
    for (name, of) in rows {
        let (theirs, ours) = (median(of(&keepalived)), median(of(&ipvsd)));
        let _ = writeln!(
            text,
            "| {name} | {theirs:.3} | {ours:.3} | {:.3} |",
            ours / theirs
        );
    }
    let alone: [(&str, Of); 2] = [
        (
            "one comparison with the kernel's table, s of CPU time of the checker",
            |figures| &figures.compare,
        ),
        ("`ipvsd plan` of one changed weight, s", |figures| {
            &figures.plan
        }),
    ];
    for (name, of) in alone {
        let _ = writeln!(text, "| {name} | | {:.3} | |", median(of(&ipvsd)));
    }
    std::fs::write(lab.log_file(FIGURES), text).unwrap();
}

fn turn(lab: &Lab, director: &Director, program: Program, figures: &mut Figures) {
    director.sh("ipvsadm -C");
    let file = lab.scratch("bench").join("big.conf");
    std::fs::write(&file, conf(1)).unwrap();
    let executable: &Path = match program {
        Program::Keepalived => Path::new("keepalived"),
        Program::Ipvsd => lab.ipvsd(),
    };
    let began = Instant::now();
    let mut check: Command = director.command(executable);
    // Scripts and findings apart: only the time is asked for.
    check.arg("-t").arg("-f").arg(&file).output().unwrap();
    figures.check.push(began.elapsed().as_secs_f64());

    let began = Instant::now();
    let daemon = director.start_program(program, &conf(1));
    wait_until("20,000 real servers in the table", secs(120), || {
        director.quick_table().len() == ENTRIES
    });
    figures.program.push(began.elapsed().as_secs_f64());
    if program == Program::Ipvsd {
        daemon.wait_for_log("Startup complete", secs(60));
    }
    figures.memory.push(resident(&daemon));

    let began = Instant::now();
    daemon.reload(&conf(7));
    wait_until("the changed weight", secs(120), || {
        let table = director.sh("ipvsadm -Ln -t 10.10.0.0:80");
        table.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == Some(&"10.20.0.0:80") && words.get(3) == Some(&"7")
        })
    });
    figures.reload.push(began.elapsed().as_secs_f64());

    if program == Program::Ipvsd {
        figures.plan.push(plan(lab, director));
        figures.compare.push(comparison(&daemon));
    }

    let stopped = daemon.sigterm(secs(60));
    figures.stop.push(stopped.took.as_secs_f64());
    figures.left.push(director.quick_table().len() as f64);
    settle();
}

/// How long it takes to find out what one changed weight would change.
fn plan(lab: &Lab, director: &Director) -> f64 {
    let file = lab.scratch("bench").join("plan.conf");
    std::fs::write(&file, conf(9)).unwrap();
    let began = Instant::now();
    let mut command = director.command(lab.ipvsd());
    let planned = command.arg("plan").arg(&file).output().unwrap();
    let took = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&planned.stdout);
    assert!(said.contains("weight 7 -> 9"), "{said}");
    took
}

/// How long the comparisons are counted.
const WINDOW: Duration = Duration::from_secs(15);

/// What the checker takes for one comparison of the whole table, in seconds of CPU time:
/// it has nothing else to do meanwhile.
fn comparison(daemon: &Daemon) -> f64 {
    let mark = daemon.log().mark();
    daemon.reload(&conf(7).replacen(
        "router_id BENCH\n",
        "router_id BENCH\n    lvs_audit_interval 1\n",
        1,
    ));
    daemon.wait_for_log_after(mark, "Reload complete", secs(60));
    let dumps = || {
        let status = daemon.status_json();
        status["table"]["counters"]["dumps"].as_u64().unwrap()
    };
    let checker = daemon.child("checker").pid;
    let before = dumps();
    let used = cpu_time(checker);
    std::thread::sleep(WINDOW);
    // Before the status is asked for, which takes time as well.
    let used = cpu_time(checker) - used;
    used / (dumps() - before) as f64
}

/// CPU time of a process in seconds (proc(5), utime and stime).
fn cpu_time(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, behind_name) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = behind_name.split(' ').collect();
    let ticks: u64 = [11, 12]
        .map(|nth: usize| fields[nth].parse::<u64>().unwrap())
        .iter()
        .sum();
    ticks as f64 / 100.0
}

/// A moment for what the program that has ended leaves to the kernel.
fn settle() {
    std::thread::sleep(Duration::from_millis(500));
}

/// Resident memory of the checker in MB (proc(5), VmRSS).
fn resident(daemon: &Daemon) -> f64 {
    let children = daemon.children();
    let of = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: f64 = line
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0.0);
        kilobytes / 1024.0
    };
    children
        .iter()
        .map(|child| of(child.pid))
        .fold(0.0, f64::max)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
