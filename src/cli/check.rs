//! `ipvsd check`: what is wrong with a configuration.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::config::diagnostic::{Json, Style};
use crate::config::model::Model;
use crate::config::{self, ConfigId, Diagnostics};
use crate::daemon::interfaces::{self, AbsentInterface};
use crate::daemon::namespaces::{self, AbsentNamespace};
use crate::daemon::scripts::{self, ScriptProblem};
use crate::daemon::sources::{self, AbsentSource};

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The configuration can be run; there may be warnings and hints.
    Fine,
    /// There are errors.
    Refused,
}

impl CheckOutcome {
    /// The exit status that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            CheckOutcome::Fine => 0,
            CheckOutcome::Refused => 1,
        }
    }
}

/// How the result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text(Style),
    /// One JSON object.
    Json,
    /// The same with the configuration as it was understood.
    JsonAndDump,
}

/// Reads the configuration at `path` and writes everything that is wrong with it,
/// then one line that sums it up.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run(path: &Path, format: Format, out: &mut dyn Write) -> io::Result<CheckOutcome> {
    run_as(path, &ConfigId::new(None), format, out)
}

/// The same, as the director with this id.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run_as(
    path: &Path,
    config_id: &ConfigId,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<CheckOutcome> {
    let loaded = config::load_as(path, config_id);
    let file = path.display().to_string();
    let diagnostics = &loaded.diagnostics;
    // They say something about this machine rather than the configuration, which may be
    // for another one: they change no outcome.
    let script_problems = loaded.model.as_ref().map(scripts::inspect);
    let script_problems = script_problems.unwrap_or_default();
    let absent_interfaces = loaded.model.as_ref().map(interfaces::absent);
    let absent_interfaces = absent_interfaces.unwrap_or_default();
    let absent_sources = loaded.model.as_ref().map(sources::absent);
    let absent_sources = absent_sources.unwrap_or_default();
    let absent_namespaces = loaded.model.as_ref().map(namespaces::absent);
    let absent_namespaces = absent_namespaces.unwrap_or_default();
    match format {
        Format::Text(style) => {
            out.write_all(diagnostics.render(style).as_bytes())?;
            for problem in &script_problems {
                writeln!(out, "warning[{}]: {problem}", problem.problem.code())?;
            }
            for absent in &absent_interfaces {
                writeln!(out, "warning[{}]: {absent}", AbsentInterface::CODE)?;
            }
            for absent in &absent_sources {
                writeln!(out, "warning[{}]: {absent}", AbsentSource::CODE)?;
            }
            for absent in &absent_namespaces {
                writeln!(out, "warning[{}]: {absent}", AbsentNamespace::CODE)?;
            }
            writeln!(
                out,
                "{file}: {}",
                summary(diagnostics, loaded.model.as_ref())
            )?;
        }
        Format::Json | Format::JsonAndDump => {
            let dump = format == Format::JsonAndDump;
            let report = Report {
                file: &file,
                fine: loaded.model.is_some(),
                configuration: dump.then(|| loaded.dump()).flatten(),
                findings: diagnostics.json(),
                script_problems: script_problems
                    .into_iter()
                    .map(|problem| Coded {
                        code: problem.problem.code(),
                        of: problem,
                    })
                    .collect(),
                absent_interfaces: absent_interfaces
                    .into_iter()
                    .map(|absent| Coded {
                        code: AbsentInterface::CODE,
                        of: absent,
                    })
                    .collect(),
                absent_sources: absent_sources
                    .into_iter()
                    .map(|absent| Coded {
                        code: AbsentSource::CODE,
                        of: absent,
                    })
                    .collect(),
                absent_namespaces: absent_namespaces
                    .into_iter()
                    .map(|absent| Coded {
                        code: AbsentNamespace::CODE,
                        of: absent,
                    })
                    .collect(),
                counts: loaded.model.as_ref().map(Counts::of),
            };
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)?;
        }
    }
    Ok(match loaded.model {
        Some(_) => CheckOutcome::Fine,
        None => CheckOutcome::Refused,
    })
}

/// Writes the configuration at `path`, of the director with this id, to `out`, as it was
/// understood, and what is wrong with it to `told`. With an error there is no such configuration.
///
/// # Errors
/// When `out` or `told` cannot be written to.
pub fn dump(
    path: &Path,
    config_id: &ConfigId,
    style: Style,
    told: &mut dyn Write,
    out: &mut dyn Write,
) -> io::Result<CheckOutcome> {
    let loaded = config::load_as(path, config_id);
    told.write_all(loaded.diagnostics.render(style).as_bytes())?;
    let Some(dump) = loaded.dump() else {
        let summary = summary(&loaded.diagnostics, None);
        writeln!(told, "{}: {summary}", path.display())?;
        return Ok(CheckOutcome::Refused);
    };
    out.write_all(dump.as_bytes())?;
    Ok(CheckOutcome::Fine)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    file: &'a str,
    fine: bool,
    /// What `--dump` prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<String>,
    #[serde(flatten)]
    findings: Json<'a>,
    script_problems: Vec<Coded<ScriptProblem>>,
    absent_interfaces: Vec<Coded<AbsentInterface>>,
    absent_sources: Vec<Coded<AbsentSource>>,
    absent_namespaces: Vec<Coded<AbsentNamespace>>,
    #[serde(flatten)]
    counts: Option<Counts>,
}

/// A finding about this machine with its code.
#[derive(Serialize)]
struct Coded<T> {
    code: &'static str,
    #[serde(flatten)]
    of: T,
}

/// How much a configuration has.
#[derive(Serialize)]
struct Counts {
    virtual_servers: usize,
    real_servers: usize,
    checks: usize,
    vrrp_instances: usize,
    vrrp_sync_groups: usize,
}

impl Counts {
    fn of(model: &Model) -> Self {
        let servers = || {
            let virtual_servers = model.virtual_servers.iter();
            virtual_servers.flat_map(|virtual_server| &virtual_server.real_servers)
        };
        Counts {
            virtual_servers: model.virtual_servers.len(),
            real_servers: servers().count(),
            checks: servers().map(|server| server.checks.len()).sum(),
            vrrp_instances: model.vrrp_instances.len(),
            vrrp_sync_groups: model.vrrp_sync_groups.len(),
        }
    }
}

/// "2 errors, 1 warning, 1 hint", or "fine: 3 virtual servers, 12 real servers, 12 checks", and
/// of VRRP what there is.
pub fn summary(diagnostics: &Diagnostics, model: Option<&Model>) -> String {
    let told = |number, what| match number {
        0 => String::new(),
        _ => format!(", {}", count(number, what)),
    };
    let warned = told(diagnostics.warnings(), "warning");
    let warned = warned + &told(diagnostics.hints(), "hint");
    let Some(model) = model else {
        return format!("{}{warned}", count(diagnostics.errors(), "error"));
    };
    let counts = Counts::of(model);
    let mut text = format!(
        "fine{warned}: {}, {}, {}",
        count(counts.virtual_servers, "virtual server"),
        count(counts.real_servers, "real server"),
        count(counts.checks, "check"),
    );
    if counts.vrrp_instances + counts.vrrp_sync_groups > 0 {
        let instances = count(counts.vrrp_instances, "VRRP instance");
        let groups = count(counts.vrrp_sync_groups, "sync group");
        text.push_str(&format!(", {instances}, {groups}"));
    }
    text
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
