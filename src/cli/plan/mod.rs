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
use crate::config::model::Model;
use crate::config::{self, ConfigId, Loaded, Reading};
use crate::daemon::core::Subsystem;
use crate::daemon::core::control;
use crate::daemon::core::in_force::{InForce, RunningDirector};
use crate::daemon::namespaces::Place;
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
    let named = file.map(Path::to_owned).or(arguments.use_file.clone());
    let first = named.clone().unwrap_or_else(|| configuration(arguments));
    let as_ours = reading(arguments);
    let mut loaded = config::load_as(&first, &as_ours);
    // It says where the director is that has to be asked, and where its table is.
    let nothing_said = Model::default();
    let said = loaded.model.as_ref().unwrap_or(&nothing_said);
    let place = Place::take(said, arguments.namespace.as_deref());
    let place = place.map_err(|error| error.to_string())?;
    let known = ask(&place)?;
    let running = known.running.clone();
    let place = match &running {
        Some(running) => place.with_table(running.ipvs_namespace.as_ref()),
        None => Ok(place),
    };
    let place = place.map_err(|error| error.to_string())?;
    let file = match (named, &running) {
        (None, Some(running)) => running.file.clone(),
        _ => first.clone(),
    };
    let as_theirs = as_it_is_read(arguments, running.as_ref());
    if (&file, &as_theirs) != (&first, &as_ours) {
        loaded = config::load_as(&file, &as_theirs);
    }
    let plan = match &loaded.model {
        Some(model) => {
            let mut known = known_to_plan(known);
            if running.is_none() {
                known.memory.keep_only(model);
                known.flushes = model.global.ipvs.flush && !model.virtual_servers.is_empty();
                // As a start with the same options.
                let (vrrp, checkers) = (arguments.vrrp, arguments.check);
                known.serves = Serves {
                    virtual_servers: checkers || !vrrp,
                    vrrp: vrrp || !checkers,
                };
            }
            let wanted = model
                .virtual_servers
                .iter()
                .flat_map(|it| it.services.clone());
            let keys: HashSet<_> = known.owned.iter().copied().chain(wanted).collect();
            let actual = match known.serves.virtual_servers {
                true => place.at_the_table(|| look((!known.flushes).then_some(&keys)))?,
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
fn ask(place: &Place) -> Result<InForce, String> {
    let path = host::run_dir().join("control.sock");
    match control::ask_in_force(&path) {
        Ok(in_force) => Ok(in_force),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            InForce::at_rest(place).map_err(|error| error.to_string())
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
        flushes: false,
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
        namespace: ours.namespace,
    }
}

/// What the kernel has of these virtual servers; None is of all.
fn look(keys: Option<&HashSet<ServiceKey>>) -> Result<Table, String> {
    if keys.is_some_and(HashSet::is_empty) {
        return Ok(Table::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut ipvs = Ipvs::open().await.map_err(|error| error.to_string())?;
        let table = match keys {
            Some(keys) => ipvs.dump(keys).await,
            None => ipvs.dump_all().await,
        };
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
