//! `ipvsd run`: the director itself, in the foreground or in the background.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use super::args::{Arguments, ChildProcess, Command};
use super::{configuration, reading, style};
use crate::config;
use crate::daemon;
use crate::daemon::core::{self, Options, Subsystem};
use crate::daemon::namespaces::Place;
use crate::sys::log::{self, Target};
use crate::sys::{sandbox, systemd};

/// Runs the director.
pub fn run(arguments: &Arguments) -> ExitCode {
    core::signals::hold();
    let file = configuration(arguments);
    let file = std::path::absolute(&file).unwrap_or(file);
    let reading = reading(arguments);
    let loaded = config::load_as(&file, &reading);
    if arguments.in_background {
        log_to(arguments);
        core::log_diagnostics(&loaded.diagnostics);
    } else {
        eprint!("{}", loaded.diagnostics.render(style(&std::io::stderr())));
    }
    // Now, because the text of the file is not kept.
    let dump = match arguments.dump_conf {
        true => loaded.dump(),
        false => None,
    };
    let Some(model) = loaded.model else {
        eprintln!(
            "{}: {}",
            file.display(),
            super::check::summary(&loaded.diagnostics, None)
        );
        return ExitCode::FAILURE;
    };
    if !arguments.dont_fork && !arguments.in_background {
        return start_in_background();
    }
    if !arguments.in_background {
        log_to(arguments);
    }
    for option in arguments.not_served.used() {
        tracing::warn!("option {option} is not served yet and has no effect");
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let options = Options {
        file,
        reading,
        pid_file: arguments.pid.as_ref().map(absolute),
        checkers_pid_file: arguments.checkers_pid.as_ref().map(absolute),
        vrrp_pid_file: arguments.vrrp_pid.as_ref().map(absolute),
        only: match (arguments.vrrp, arguments.check) {
            (true, false) => Some(Subsystem::Vrrp),
            (false, true) => Some(Subsystem::Checkers),
            (true, true) | (false, false) => None,
        },
        keep_ipvs: arguments.dont_release_ipvs,
        in_background: arguments.in_background && !arguments.log_console,
        dump,
    };
    let place = match Place::take(&model, options.reading.namespace.as_deref()) {
        Ok(place) => place,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let in_background = arguments.in_background;
    let log_console = arguments.log_console;
    if in_background && let Err(error) = std::env::set_current_dir("/") {
        tracing::warn!("cannot leave the present folder: {error}");
    }
    // With the text of the file in them.
    drop(loaded.diagnostics);
    core::main(options, model, place, move || {
        systemd::ready();
        if in_background {
            tell_starter(log_console);
        }
    })
}

/// Runs a child of core's with its end of the socket pair, which is its standard
/// input.
pub fn child(arguments: &Arguments, process: ChildProcess) -> ExitCode {
    let name = match process {
        ChildProcess::Checker => "checker",
        ChildProcess::Vrrp => "vrrp",
        ChildProcess::Front => "front",
    };
    let Some(Command::Child {
        console,
        detail,
        handed_ipvs,
        ..
    }) = &arguments.command
    else {
        return ExitCode::FAILURE;
    };
    let target = if *console {
        Target::Console
    } else {
        Target::Journal
    };
    log::init(target, *detail, name);
    sandbox::name_process(&format!("ipvsd-{name}"));
    match process {
        // It outlives core for as long as handing over takes.
        ChildProcess::Vrrp => sandbox::wake_with_parent(),
        ChildProcess::Checker | ChildProcess::Front => sandbox::die_with_parent(),
    }
    ignore_signals();
    let sockets = std::io::stdin().as_fd().try_clone_to_owned();
    let sockets = sockets.and_then(|core| Ok((core, handed_ipvs.then(take_stdout).transpose()?)));
    match (sockets, process) {
        (Ok((core, ipvs)), ChildProcess::Checker) => daemon::checker::main(core, ipvs),
        (Ok((core, _)), ChildProcess::Vrrp) => daemon::vrrp::main(core),
        (Ok((core, _)), ChildProcess::Front) => daemon::front::main(core),
        (Err(error), _) => {
            tracing::error!("no socket to core: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was handed as standard output, which is nobody's output from then on.
fn take_stdout() -> std::io::Result<OwnedFd> {
    let handed = std::io::stdout().as_fd().try_clone_to_owned()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(&nowhere)?;
    Ok(handed)
}

/// A child ends by core's word only. Who ends everything at once (a terminal's
/// Ctrl-C, systemd, `pkill`) means core, which must find its children alive to take
/// the virtual servers out.
fn ignore_signals() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    let ignored = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
    ];
    for ignored in ignored {
        // SAFETY: ignoring runs no code of ours in a signal's context.
        if let Err(error) = unsafe { signal(ignored, SigHandler::SigIgn) } {
            tracing::warn!("cannot ignore {ignored}: {error}");
        }
    }
}

fn log_to(arguments: &Arguments) {
    let target = if arguments.log_console {
        Target::Console
    } else {
        Target::Journal
    };
    log::init(target, arguments.log_detail, "core");
}

/// Starts this program again, without a terminal, and waits until it runs or has
/// failed: whoever calls `ipvsd` without `-n` may count on what it returns.
fn start_in_background() -> ExitCode {
    let result = (|| {
        let (mut started, tell) = std::io::pipe()?;
        let mut command = std::process::Command::new("/proc/self/exe");
        command
            .arg0("ipvsd")
            // First: what follows may be a command with words of its own.
            .arg("--in-background")
            .args(std::env::args_os().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::from(OwnedFd::from(tell)));
        // A session of its own: no terminal's signals reach it.
        // SAFETY: setsid is async-signal-safe and touches nothing of ours.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        // The command keeps the write end open as long as it lives.
        drop(command);
        let mut word = Vec::new();
        started.read_to_end(&mut word)?;
        if word == STARTED {
            return Ok(ExitCode::SUCCESS);
        }
        child.wait()?;
        eprintln!("ipvsd has not started; its log says why");
        Ok::<_, std::io::Error>(ExitCode::FAILURE)
    })();
    result.unwrap_or_else(|error| {
        eprintln!("cannot start ipvsd in the background: {error}");
        ExitCode::FAILURE
    })
}

/// What the process in the background writes once it runs.
const STARTED: &[u8] = b"started";

/// Tells the process that has started us that we run, and lets go of it and of its
/// terminal; of that only if the log does not go there.
fn tell_starter(log_console: bool) {
    let result = (|| {
        let mut starter = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        starter.write_all(STARTED)?;
        drop(starter);
        // Standard output is the pipe, and its reader waits for the end of it.
        let nowhere = File::options().write(true).open("/dev/null")?;
        nix::unistd::dup2_stdout(&nowhere)?;
        if !log_console {
            nix::unistd::dup2_stderr(&nowhere)?;
        }
        Ok::<_, std::io::Error>(())
    })();
    if let Err(error) = result {
        tracing::warn!("cannot tell that ipvsd has started: {error}");
    }
}
