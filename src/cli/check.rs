//! `ipvsd check`: what is wrong with a configuration.

mod machine;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::config::diagnostic::{Json, Style};
use crate::config::model::Model;
use crate::config::{self, Diagnostics, Reading};

use machine::Machine;

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
    run_as(path, &Reading::default(), format, out)
}

/// The same, read as the command line says.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run_as(
    path: &Path,
    reading: &Reading,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<CheckOutcome> {
    let loaded = config::load_as(path, reading);
    let file = path.display().to_string();
    let diagnostics = &loaded.diagnostics;
    let namespace = reading.namespace.as_deref();
    let look = |model: &Model| Machine::look(model, namespace);
    let machine = loaded.understood().map(look);
    let machine = machine.unwrap_or_default();
    match format {
        Format::Text(style) => {
            out.write_all(diagnostics.render(style).as_bytes())?;
            for line in machine.lines() {
                writeln!(out, "{line}")?;
            }
            let model = loaded.model.as_ref();
            let summary = summary_with(diagnostics, machine.lines().count(), model);
            writeln!(out, "{file}: {summary}")?;
        }
        Format::Json | Format::JsonAndDump => {
            let dump = format == Format::JsonAndDump;
            let report = Report {
                file: &file,
                fine: loaded.model.is_some(),
                configuration: dump.then(|| loaded.dump()).flatten(),
                findings: diagnostics.json(),
                machine,
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

/// Writes the configuration at `path`, read as the command line says, to `out`, as it was
/// understood, and what is wrong with it to `told`. With an error there is no such configuration.
///
/// # Errors
/// When `out` or `told` cannot be written to.
pub fn dump(
    path: &Path,
    reading: &Reading,
    style: Style,
    told: &mut dyn Write,
    out: &mut dyn Write,
) -> io::Result<CheckOutcome> {
    let loaded = config::load_as(path, reading);
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
    #[serde(flatten)]
    machine: Machine,
    #[serde(flatten)]
    counts: Option<Counts>,
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
    summary_with(diagnostics, 0, model)
}

/// The same with how much is to be said about the machine.
fn summary_with(diagnostics: &Diagnostics, machine: usize, model: Option<&Model>) -> String {
    let told = |number, what| match number {
        0 => String::new(),
        _ => format!(", {}", count(number, what)),
    };
    let warned = told(diagnostics.warnings(), "warning");
    let mut warned = warned + &told(diagnostics.hints(), "hint");
    if machine > 0 {
        warned.push_str(&format!(", {machine} about this machine"));
    }
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
