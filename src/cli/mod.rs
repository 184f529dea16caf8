//! The command line: keepalived's own options with keepalived's meaning, so that a
//! unit file can be changed by replacing one word, and commands on top of that.
//!
//! [`args`] says what may be written; the other modules are a command each.

pub mod args;
pub mod check;
mod drain;
mod plan;
mod run;
mod status;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Arguments, Command};
use self::check::{CheckOutcome, Format};
use crate::config::diagnostic::Style;
use crate::config::{ConfigId, Reading};
use crate::sys::memory;

/// The exit status of `-t` for a configuration that cannot be run: what keepalived
/// 2.2.7 and 2.4.3 were seen to return, whatever keepalived(8) says. They return it
/// for mere warnings too; a configuration that can be run is fine here.
const CANNOT_BE_RUN: u8 = 5;

/// Where the configuration is if nothing is said: ours, or keepalived's where there
/// is no ours.
const DEFAULT_FILES: [&str; 2] = ["/etc/ipvsd/ipvsd.conf", "/etc/keepalived/keepalived.conf"];

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.show_version {
        println!("ipvsd v{}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if let Some(log_to) = &arguments.config_test {
        return config_test(&arguments, log_to.as_deref());
    }
    memory::keep_large_pieces_apart();
    match &arguments.command {
        None | Some(Command::Run) => run::run(&arguments),
        Some(Command::Check { file, json, dump }) => {
            let file = file.clone().unwrap_or_else(|| configuration(&arguments));
            let (out, told) = (std::io::stdout(), std::io::stderr());
            let reading = reading(&arguments);
            let outcome = match (*json, *dump) {
                (false, true) => {
                    let style = style(&told);
                    check::dump(&file, &reading, style, &mut told.lock(), &mut out.lock())
                }
                (true, false) => check::run_as(&file, &reading, Format::Json, &mut out.lock()),
                (true, true) => {
                    check::run_as(&file, &reading, Format::JsonAndDump, &mut out.lock())
                }
                (false, false) => {
                    let format = Format::Text(style(&out));
                    check::run_as(&file, &reading, format, &mut out.lock())
                }
            };
            match outcome {
                Ok(outcome) => ExitCode::from(outcome.exit_code()),
                Err(_) => ExitCode::FAILURE,
            }
        }
        Some(Command::Plan { file, json }) => plan::run(&arguments, file.as_deref(), *json),
        Some(Command::Drain { names, wait, json }) => drain::drain(names, *wait, *json),
        Some(Command::Undrain { names, json }) => drain::undrain(names, *json),
        Some(Command::Status { json, events }) => status::run(*json, *events),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(
                *shell,
                &mut Arguments::command(),
                "ipvsd",
                &mut std::io::stdout(),
            );
            ExitCode::SUCCESS
        }
        Some(Command::Child { process, .. }) => run::child(&arguments, *process),
    }
}

/// `-t`: `check`, spelt as keepalived does.
fn config_test(arguments: &Arguments, log_to: Option<&std::path::Path>) -> ExitCode {
    let file = configuration(arguments);
    let reading = reading(arguments);
    let outcome = match log_to {
        None => {
            let format = Format::Text(style(&std::io::stderr()));
            check::run_as(&file, &reading, format, &mut std::io::stderr().lock())
        }
        Some(path) => std::fs::File::create(path).and_then(|mut log| {
            check::run_as(&file, &reading, Format::Text(Style::Plain), &mut log)
        }),
    };
    match outcome {
        Ok(CheckOutcome::Fine) => ExitCode::SUCCESS,
        Ok(CheckOutcome::Refused) => ExitCode::from(CANNOT_BE_RUN),
        Err(error) => {
            eprintln!("ipvsd: cannot write what was found: {error}");
            ExitCode::from(CANNOT_BE_RUN)
        }
    }
}

/// The file that the command line names, or the default one.
fn configuration(arguments: &Arguments) -> PathBuf {
    if let Some(file) = &arguments.use_file {
        return file.clone();
    }
    let [ours, theirs] = DEFAULT_FILES.map(PathBuf::from);
    if !ours.exists() && theirs.exists() {
        theirs
    } else {
        ours
    }
}

/// How the configuration is read.
fn reading(arguments: &Arguments) -> Reading {
    Reading {
        config_id: ConfigId::new(arguments.config_id.as_deref()),
        all_files: arguments.all_config,
    }
}

fn style(stream: &impl IsTerminal) -> Style {
    match stream.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        true => Style::Coloured,
        false => Style::Plain,
    }
}
