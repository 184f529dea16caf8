//! The scenarios, a file for each subject. A scenario's name on the command
//! line is its module and its function.

mod compare;
mod harness;

use crate::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [harness::ALL, compare::ALL].concat()
}
