//! `ipvsd status`: what the running director knows.

mod timing;
mod vrrp;

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::daemon::core::control::{self, Answer, Request};
use crate::daemon::core::report::{
    CheckStatus, EventStatus, RealServerStatus, Status, VirtualServerStatus,
};
use crate::sys::host;

/// Asks the director of this network namespace and prints what it says.
pub fn run(json: bool, events: bool) -> ExitCode {
    let path = host::run_dir().join("control.sock");
    let request = if events {
        Request::Events
    } else {
        Request::Status
    };
    let text = match control::ask(&path, &request) {
        Ok(Answer::Status(status)) if json => pretty(&status),
        Ok(Answer::Status(status)) => plain(&status),
        Ok(Answer::Events { events }) if json => pretty(&events),
        Ok(Answer::Events { events }) => plain_events(&events),
        Ok(Answer::Refused { why }) => {
            eprintln!("ipvsd: {why}");
            return ExitCode::FAILURE;
        }
        Ok(_) => {
            eprintln!("ipvsd: another answer than was asked for");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("ipvsd: {}", unanswered(&path, &error));
            return ExitCode::FAILURE;
        }
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Why core does not answer.
pub(super) fn unanswered(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            format!("no director runs in this network namespace (nobody listens at {path})")
        }
        ErrorKind::PermissionDenied => format!("only root may ask ({path})"),
        _ => format!("no answer at {path}: {error}"),
    }
}

pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The status for people.
fn plain(status: &Status) -> String {
    let mut text = String::new();
    let configuration = &status.configuration;
    let _ = writeln!(
        text,
        "ipvsd {} (pid {}), up {}, {}, generation {}",
        status.version,
        status.pid,
        age(status.uptime),
        configuration.file,
        configuration.generation
    );
    if !configuration.id.is_empty() {
        let _ = writeln!(text, "configuration id {}", configuration.id);
    }
    if let Some(refused) = &configuration.refused {
        let _ = writeln!(
            text,
            "the latest configuration was refused: {refused}; generation {} goes on",
            configuration.generation
        );
    }
    for child in &status.children {
        let answers = if child.answers {
            ""
        } else {
            ", does not answer: this is what was known last"
        };
        let _ = writeln!(
            text,
            "{} (pid {}), up {}, {} restarts{answers}",
            child.process,
            child.pid,
            age(child.age),
            child.restarts
        );
        if child.process == "vrrp"
            && let Some(vrrp_timing) = &status.vrrp_timing
        {
            timing::plain(&mut text, vrrp_timing);
        }
    }
    for process in missing(status) {
        let _ = writeln!(
            text,
            "no {process} process runs, another is about to be started: this is what was known last"
        );
    }
    if let (Some(settled), Some(counters)) = (status.table.settled, status.table.counters) {
        let how = if settled {
            "as wanted"
        } else {
            "not as wanted yet"
        };
        let _ = writeln!(
            text,
            "kernel's table {how}: {} operations, {} failed, {} dumps",
            counters.sent, counters.failed, counters.dumps
        );
    }
    for refused in &status.table.refused {
        let server = match &refused.real_server {
            Some(server) => format!(" real server {server}"),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "refused by the kernel: virtual server {}{server}: {} (tried again in {})",
            refused.virtual_server,
            refused.why,
            age(refused.retry_in)
        );
    }
    if let Some(mail) = &status.mail {
        vrrp::plain_mail(&mut text, mail);
    }
    vrrp::plain(&mut text, status);
    for virtual_server in &status.virtual_servers {
        text.push('\n');
        plain_virtual_server(&mut text, virtual_server, status.table.settled.is_some());
    }
    text
}

/// The processes that should run and do not.
fn missing(status: &Status) -> impl Iterator<Item = &'static str> {
    let wanted = [
        ("vrrp", !status.instances.is_empty()),
        ("checker", !status.virtual_servers.is_empty()),
        ("front", status.mail.is_some()),
    ];
    let runs = |process: &str| status.children.iter().any(|it| it.process == process);
    wanted
        .into_iter()
        .filter(move |(process, wanted)| *wanted && !runs(process))
        .map(|(process, _)| process)
}

/// `known` is whether the checker has said what the kernel has.
fn plain_virtual_server(text: &mut String, virtual_server: &VirtualServerStatus, known: bool) {
    let quorum = &virtual_server.quorum;
    let met = if quorum.up { "met" } else { "LOST" };
    let hysteresis = match quorum.hysteresis {
        0 => String::new(),
        n => format!(" (hysteresis {n})"),
    };
    let _ = writeln!(
        text,
        "{} {} {}  quorum {}{hysteresis} {met}, weight {} alive",
        virtual_server.protocol,
        virtual_server.address,
        virtual_server.scheduler,
        quorum.quorum,
        quorum.weight_alive
    );
    if virtual_server.suspended {
        text.push_str("  SUSPENDED: its address is not on this host, so nothing is checked\n");
    }
    for address in &virtual_server.addresses {
        let _ = writeln!(text, "  for {address}");
    }
    for server in &virtual_server.real_servers {
        plain_real_server(text, server, known);
    }
    for leaving in &virtual_server.leaving {
        let _ = writeln!(
            text,
            "  -> {} no longer configured, drained for {}{}, at most {} more",
            leaving.address,
            age(leaving.age),
            left(leaving.connections),
            age(leaving.time_left)
        );
    }
    if let Some(sorry) = &virtual_server.sorry_server {
        let state = if sorry.in_use {
            "STANDS IN"
        } else {
            "standing by"
        };
        let _ = writeln!(text, "  sorry server {} {state}", sorry.address);
    }
}

fn plain_real_server(text: &mut String, server: &RealServerStatus, known: bool) {
    let state = if server.up { "up" } else { "DOWN" };
    let weight = match server.weight == server.configured_weight {
        true => format!("weight {}", server.weight),
        false => format!(
            "weight {} (configured {})",
            server.weight, server.configured_weight
        ),
    };
    let drained = server.drained.as_ref().map_or_else(String::new, |it| {
        format!(", DRAINED for {}{}", age(it.age), left(it.connections))
    });
    let kernel = match server.kernel_weight {
        // As it is to be.
        Some(0) if server.drained.is_some() => String::new(),
        Some(kernel) if kernel == u32::from(server.weight) => String::new(),
        Some(kernel) => format!(", in the kernel {kernel}"),
        None if known => ", not in the kernel".to_owned(),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "  -> {} {} {weight}{kernel} {state}{drained}",
        server.address, server.forwarding
    );
    for check in &server.checks {
        plain_check(text, check);
    }
}

fn plain_check(text: &mut String, check: &CheckStatus) {
    let state = match (check.up, check.checked) {
        (true, true) => "up",
        (true, false) => "up (not checked yet)",
        (false, true) => "DOWN",
        (false, false) => "DOWN (not checked yet)",
    };
    let _ = write!(
        text,
        "     {} {} {state} for {}",
        check.check,
        check.target,
        age(check.age)
    );
    if let Some(reason) = &check.reason {
        let _ = write!(text, ": {reason}");
    }
    if let Some(last) = check.runs.as_ref().and_then(|runs| runs.last_age) {
        let _ = write!(text, ", last run {} ago", age(last));
    }
    text.push('\n');
}

/// How many connections there still are, if they were counted.
pub(super) fn left(connections: Option<u64>) -> String {
    match connections {
        Some(1) => ", 1 connection left".to_owned(),
        Some(number) => format!(", {number} connections left"),
        None => String::new(),
    }
}

fn plain_events(events: &[EventStatus]) -> String {
    let mut text = String::new();
    for event in events {
        let at = crate::sys::log::timestamp(event.at);
        let _ = writeln!(
            text,
            "{:>6}  {at}  {}  [{}]",
            event.number, event.text, event.cause_text
        );
    }
    text
}

/// A length of time in seconds, as people say it.
pub(super) fn age(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7_200 => format!("{} min", whole / 60),
        7_200..172_800 => format!("{} h", whole / 3_600),
        _ => format!("{} days", whole / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_told_in_the_unit_that_fits() {
        assert_eq!(age(0.25), "0.2 s");
        assert_eq!(age(99.9), "99 s");
        assert_eq!(age(150.0), "2 min");
        assert_eq!(age(7_200.0), "2 h");
        assert_eq!(age(200_000.0), "2 days");
    }
}
