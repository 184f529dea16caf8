//! The scenarios, a file for each subject. A scenario's name on the command
//! line is its module and its function.

mod announcing;
mod around;
mod bad_input;
mod balancing;
mod children;
mod command_line;
mod compare;
mod configurations;
mod cutover;
mod draining;
mod failover;
mod groups;
mod harness;
mod ipvs;
mod mail;
mod notify;
mod pairs;
mod plan;
mod pools;
mod processes;
mod reload;
mod seeds;
mod serving;
mod status;
mod timing;
mod unnoticed;
mod vrrp_bad_input;
mod vrrp_process;

use crate::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        announcing::ALL,
        around::ALL,
        bad_input::ALL,
        balancing::ALL,
        children::ALL,
        command_line::ALL,
        compare::ALL,
        configurations::ALL,
        cutover::ALL,
        draining::ALL,
        failover::ALL,
        groups::ALL,
        harness::ALL,
        ipvs::ALL,
        mail::ALL,
        notify::ALL,
        pairs::ALL,
        plan::ALL,
        pools::ALL,
        processes::ALL,
        reload::ALL,
        seeds::ALL,
        serving::ALL,
        status::ALL,
        timing::ALL,
        unnoticed::ALL,
        vrrp_bad_input::ALL,
        vrrp_process::ALL,
    ]
    .concat()
}
