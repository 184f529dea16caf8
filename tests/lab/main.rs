//! The lab: tests against real kernels, real peers and real traffic.
//!
//! One executable plays three parts. On the host it is an ordinary test runner
//! that boots one User-Mode Linux guest for each selected scenario (`host`). In
//! the guest it is pid 1, which mounts what is needed and minds orphans, and a
//! child of pid 1 that runs the scenario itself (`guest`). The README beside
//! this file says how to write a scenario.

// A part of the lab that no scenario needs today is still a part of the lab.
#![allow(dead_code)]

mod client;
mod cluster;
mod daemon;
mod director;
mod frr;
mod guest;
mod host;
mod intruder;
mod ipvs_watch;
mod lab;
mod mail;
mod net;
mod odd_server;
mod packet_socket;
mod pair;
mod requests;
mod sampler;
#[path = "../config_reference/samples.rs"]
mod samples;
mod scenario;
mod scenarios;
#[path = "../config_reference/sentences.rs"]
mod sentences;
mod table;
mod talk;
mod vrrp;
mod vrrp_child;
mod web;
mod wire;

fn main() -> std::process::ExitCode {
    match guest::role() {
        Some(guest::Role::Init) => guest::init(),
        Some(guest::Role::Scenario) => guest::run_scenario(&scenarios::all()),
        None => host::run(scenarios::all()),
    }
}
