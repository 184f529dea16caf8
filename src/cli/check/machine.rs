//! What a configuration names, and the machine that it is checked on does not have.

use std::fmt::Display;

use serde::Serialize;

use crate::config::model::Model;
use crate::daemon::advice;
use crate::daemon::interfaces::{self, AbsentInterface};
use crate::daemon::namespaces::{self, AbsentNamespace};
use crate::daemon::route_names::{self, AbsentName};
use crate::daemon::scripts::{self, ScriptProblem};
use crate::daemon::sources::{self, AbsentSource};
use crate::lvs::advice::Finding;

/// They say something about this machine rather than the configuration, which may be for
/// another one: they change no outcome.
#[derive(Default, Serialize)]
pub(super) struct Machine {
    script_problems: Vec<Coded<ScriptProblem>>,
    absent_interfaces: Vec<Coded<AbsentInterface>>,
    absent_sources: Vec<Coded<AbsentSource>>,
    absent_namespaces: Vec<Coded<AbsentNamespace>>,
    absent_route_names: Vec<Coded<AbsentName>>,
    advice: Vec<Finding>,
}

/// A finding with its code.
#[derive(Serialize)]
struct Coded<T> {
    code: &'static str,
    #[serde(flatten)]
    of: T,
}

impl Machine {
    /// Looks for all that is named.
    pub(super) fn look(model: &Model, namespace: Option<&str>) -> Self {
        // What another network namespace has is not known where that cannot be entered.
        let of_network = namespaces::inside(model, namespace, || Machine {
            absent_interfaces: coded(AbsentInterface::CODE, interfaces::absent(model)),
            absent_sources: coded(AbsentSource::CODE, sources::absent(model)),
            advice: match model.ipvs_namespace {
                None => advice::look_on_a_director(model),
                Some(_) => Vec::new(),
            },
            ..Machine::default()
        });
        let problems = scripts::inspect(model).into_iter();
        let problems = problems.map(|of| Coded {
            code: of.problem.code(),
            of,
        });
        Machine {
            script_problems: problems.collect(),
            absent_namespaces: coded(AbsentNamespace::CODE, namespaces::absent(model)),
            absent_route_names: coded(AbsentName::CODE, route_names::absent(model)),
            ..of_network.unwrap_or_default()
        }
    }

    /// For people, a line each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        lines(&self.script_problems)
            .chain(lines(&self.absent_interfaces))
            .chain(lines(&self.absent_sources))
            .chain(lines(&self.absent_namespaces))
            .chain(lines(&self.absent_route_names))
            .chain(
                self.advice
                    .iter()
                    .map(|it| format!("hint[{}]: {it}", it.code)),
            )
    }
}

fn coded<T>(code: &'static str, found: Vec<T>) -> Vec<Coded<T>> {
    let found = found.into_iter();
    found.map(|of| Coded { code, of }).collect()
}

fn lines<T: Display>(found: &[Coded<T>]) -> impl Iterator<Item = String> + '_ {
    found
        .iter()
        .map(|found| format!("warning[{}]: {}", found.code, found.of))
}
