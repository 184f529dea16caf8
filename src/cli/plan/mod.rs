//! `ipvsd plan`: what a configuration would change.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::args::Arguments;
use super::status::unanswered;
use super::{check, configuration, reading, style};
use crate::config::diagnostic::{Json, Style};
use crate::config::{self, ConfigId, Loaded, Reading};
use crate::daemon::core::Subsystem;
use crate::daemon::core::control;
use crate::daemon::core::in_force::{InForce, RunningDirector};
use crate::lvs::{ServiceKey, Table};
use crate::plan::{Known, Plan, Serves};
use crate::sys::ipvs::Ipvs;
use crate::sys::{clock, host};

/// The exit status where something would change.
const WOULD_CHANGE: u8 = 3;

/// Prints what `file` would change, or else the file that the director would read.
pub fn run(arguments: &Arguments, file: Option<&Path>, json: bool) -> ExitCode {
    match make(arguments, file) {
        Ok(Made {
            file,
            running,
            loaded,
            plan,
        }) => {
            let style = style(&io::stdout());
            let text = match json {
                true => as_json(&file, running.as_ref(), &loaded, plan.as_ref()),
                false => plain(&file, running.as_ref(), &loaded, plan.as_ref(), style),
            };
            let code = match &plan {
                None => ExitCode::FAILURE,
                Some(plan) if plan.is_empty() => ExitCode::SUCCESS,
                Some(_) => ExitCode::from(WOULD_CHANGE),
            };
            match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => code,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Err(why) => {
            eprintln!("ipvsd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What came of it.
struct Made {
    file: PathBuf,
    running: Option<RunningDirector>,
    loaded: Loaded,
    /// None where the file is refused.
    plan: Option<Plan>,
}

fn make(arguments: &Arguments, file: Option<&Path>) -> Result<Made, String> {
    let known = ask()?;
    let running = known.running.clone();
    let named = file.map(Path::to_owned).or(arguments.use_file.clone());
    let file = match (named, &running) {
        (Some(file), _) => file,
        (None, Some(running)) => running.file.clone(),
        (None, None) => configuration(arguments),
    };
    let loaded = config::load_as(&file, &as_it_is_read(arguments, running.as_ref()));
    let plan = match &loaded.model {
        Some(model) => {
            let mut known = known_to_plan(known);
            if running.is_none() {
                known.memory.keep_only(model);
            }
            let wanted = model
                .virtual_servers
                .iter()
                .flat_map(|it| it.services.clone());
            let keys = known.owned.iter().copied().chain(wanted).collect();
            let actual = match known.serves.virtual_servers {
                true => look(&keys)?,
                false => Table::default(),
            };
            Some(Plan::new(&known, model, &actual, clock::now()))
        }
        None => None,
    };
    Ok(Made {
        file,
        running,
        loaded,
        plan,
    })
}

/// What the running director goes by, or what the next one would find.
fn ask() -> Result<InForce, String> {
    let path = host::run_dir().join("control.sock");
    match control::ask_in_force(&path) {
        Ok(in_force) => Ok(in_force),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            InForce::at_rest().map_err(|error| error.to_string())
        }
        Err(error) => Err(unanswered(&path, &error)),
    }
}

fn known_to_plan(in_force: InForce) -> Known {
    Known {
        model: in_force.model,
        memory: in_force.memory,
        owned: in_force.owned.into_iter().collect(),
        instances: in_force.instances,
        serves: Serves {
            virtual_servers: in_force.only != Some(Subsystem::Vrrp),
            vrrp: in_force.only != Some(Subsystem::Checkers),
        },
    }
}

/// As the running director reads it, unless the command line says otherwise.
fn as_it_is_read(arguments: &Arguments, running: Option<&RunningDirector>) -> Reading {
    let ours = reading(arguments);
    let Some(running) = running else {
        return ours;
    };
    Reading {
        config_id: match &arguments.config_id {
            Some(_) => ours.config_id,
            None => ConfigId::new(Some(&running.config_id)),
        },
        all_files: ours.all_files || running.all_files,
    }
}

/// What the kernel has of these virtual servers.
fn look(keys: &HashSet<ServiceKey>) -> Result<Table, String> {
    if keys.is_empty() {
        return Ok(Table::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut ipvs = Ipvs::open().await.map_err(|error| error.to_string())?;
        let table = ipvs.dump(keys).await;
        table.map_err(|error| format!("the kernel's table cannot be read: {error}"))
    })
}

fn plain(
    file: &Path,
    running: Option<&RunningDirector>,
    loaded: &Loaded,
    plan: Option<&Plan>,
    style: Style,
) -> String {
    let file = file.display();
    let Some(plan) = plan else {
        let summary = check::summary(&loaded.diagnostics, None);
        return format!("{}{file}: {summary}\n", loaded.diagnostics.render(style));
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    if !plan.kernel.is_empty() {
        text.push_str("In the kernel's IPVS table:\n");
        for change in &plan.kernel {
            let _ = writeln!(text, "{change}");
        }
    }
    if !plan.configuration.is_empty() {
        let head = match running {
            Some(_) => "In the running director:\n",
            None => "In a director that is started:\n",
        };
        text.push_str(head);
        for change in &plan.configuration {
            let _ = writeln!(text, "{change}");
        }
    }
    let would = match running {
        Some(running) => format!(
            "a reload by the director that runs (pid {}, generation {})",
            running.pid, running.generation
        ),
        None => "a start (no director runs here)".to_owned(),
    };
    let _ = match plan.is_empty() {
        true => writeln!(text, "{file}: {would} would change nothing"),
        false => writeln!(
            text,
            "{file}: {would} would take {} operations on the kernel's table and make {} changes of the configuration",
            plan.kernel.len(),
            plan.configuration.len()
        ),
    };
    text
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    /// Whether the file can be run.
    fine: bool,
    /// None where no director runs; then this is about a start.
    running: Option<Running>,
    /// Whether something would change. None where the file is refused.
    changes: Option<bool>,
    #[serde(flatten)]
    plan: Option<&'a Plan>,
    #[serde(flatten)]
    findings: Json<'a>,
}

#[derive(Serialize)]
struct Running {
    pid: u32,
    generation: u64,
}

fn as_json(
    file: &Path,
    running: Option<&RunningDirector>,
    loaded: &Loaded,
    plan: Option<&Plan>,
) -> String {
    let report = Report {
        file: file.display().to_string(),
        fine: plan.is_some(),
        running: running.map(|running| Running {
            pid: running.pid,
            generation: running.generation,
        }),
        changes: plan.map(|plan| !plan.is_empty()),
        plan,
        findings: loaded.diagnostics.json(),
    };
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}
