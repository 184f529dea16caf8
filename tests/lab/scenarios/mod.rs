//! The scenarios, a file for each subject. A scenario's name on the command
//! line is its module and its function.

mod announcing;
mod around;
mod bad_input;
mod children;
mod command_line;
mod compare;
mod configurations;
mod cutover;
mod failover;
mod groups;
mod harness;
mod ipvs;
mod mail;
mod notify;
mod pairs;
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
        children::ALL,
        command_line::ALL,
        compare::ALL,
        configurations::ALL,
        cutover::ALL,
        failover::ALL,
        groups::ALL,
        harness::ALL,
        ipvs::ALL,
        mail::ALL,
        notify::ALL,
        pairs::ALL,
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
