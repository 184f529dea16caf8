//! The scenarios, a file for each subject. A scenario's name on the command
//! line is its module and its function.

mod command_line;
mod compare;
mod harness;
mod ipvs;
mod processes;
mod reload;
mod serving;

use crate::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        command_line::ALL,
        compare::ALL,
        harness::ALL,
        ipvs::ALL,
        processes::ALL,
        reload::ALL,
        serving::ALL,
    ]
    .concat()
}
