//! `ipvsd drain` and `ipvsd undrain`: real servers without new connections.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use super::status::{age, left, pretty, unanswered};
use crate::daemon::core::control::{self, Answer, Request};
use crate::daemon::core::drain::Drained;
use crate::sys::host;

/// From one look at the connections to the next. The director counts them every second.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The exit status of wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

/// Drains the real server of these names and waits, if asked to; without names, lists
/// those that are drained.
pub fn drain(names: &[String], wait: Option<Option<u64>>, json: bool) -> ExitCode {
    if names.is_empty() {
        return end(all().map(|servers| match json {
            true => pretty(&servers),
            false => list(&servers),
        }));
    }
    let (changed, server) = match ask_for(names, true) {
        Ok(answered) => answered,
        Err(failure) => return failure.end(),
    };
    let Some(limit) = wait else {
        let text = match json {
            true => pretty(&server),
            false => said(changed, &server),
        };
        return end(Ok(text));
    };
    if !json {
        // Said before the waiting begins.
        let _ = io::stdout().write_all(said(changed, &server).as_bytes());
    }
    let limit = limit.map(Duration::from_secs);
    match wait_until_gone(server, limit) {
        Ok(server) => {
            let is_gone = server.connections == Some(0);
            let text = match json {
                true => pretty(&server),
                false => after_waiting(&server),
            };
            let code = end(Ok(text));
            if is_gone { code } else { ExitCode::FAILURE }
        }
        Err(failure) => failure.end(),
    }
}

/// Ends the draining of the real server of these names.
pub fn undrain(names: &[String], json: bool) -> ExitCode {
    let (changed, server) = match ask_for(names, false) {
        Ok(answered) => answered,
        Err(failure) => return failure.end(),
    };
    let Drained {
        virtual_server,
        real_server,
        ..
    } = &server;
    end(Ok(match (json, changed) {
        (true, _) => pretty(&server),
        (false, true) => {
            format!(
                "{real_server} of {virtual_server} gets new connections again, while it is up\n"
            )
        }
        (false, false) => format!("{real_server} of {virtual_server} is not drained\n"),
    }))
}

/// Why it came to nothing.
enum Failure {
    Usage(String),
    Other(String),
}

impl Failure {
    fn end(self) -> ExitCode {
        match self {
            Failure::Usage(why) => {
                eprintln!("ipvsd: {why}");
                ExitCode::from(WRONG_USAGE)
            }
            Failure::Other(why) => end(Err(why)),
        }
    }
}

fn end(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(why) => {
            eprintln!("ipvsd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The last word is the real server, and what is before it the virtual server.
fn ask_for(names: &[String], on: bool) -> Result<(bool, Drained), Failure> {
    let [virtual_server @ .., real_server] = names else {
        return Err(Failure::Usage("which real server?".to_owned()));
    };
    if virtual_server.is_empty() {
        return Err(Failure::Usage(format!(
            "which virtual server is `{real_server}` of? Write the virtual server first, then \
             the real server, as `ipvsadm -Ln` has them"
        )));
    }
    let request = Request::Drain {
        virtual_server: virtual_server.join(" "),
        real_server: real_server.clone(),
        on,
    };
    match ask(&request).map_err(Failure::Other)? {
        Answer::Drained { changed, server } => Ok((changed, server)),
        _ => Err(Failure::Other("another answer than was asked for".into())),
    }
}

fn all() -> Result<Vec<Drained>, String> {
    match ask(&Request::Drained)? {
        Answer::AllDrained { servers } => Ok(servers),
        _ => Err("another answer than was asked for".to_owned()),
    }
}

fn ask(request: &Request) -> Result<Answer, String> {
    let path = host::run_dir().join("control.sock");
    match control::ask(&path, request) {
        Ok(Answer::Refused { why }) => Err(why),
        Ok(answer) => Ok(answer),
        Err(error) => Err(unanswered(&path, &error)),
    }
}

/// The real server as it is in the end.
fn wait_until_gone(mut server: Drained, limit: Option<Duration>) -> Result<Drained, Failure> {
    let began = Instant::now();
    while server.connections != Some(0) && limit.is_none_or(|limit| began.elapsed() < limit) {
        std::thread::sleep(LOOK_INTERVAL);
        let found = all().map_err(Failure::Other)?.into_iter().find(|it| {
            it.virtual_server == server.virtual_server && it.real_server == server.real_server
        });
        let Some(now) = found else {
            return Err(Failure::Other(format!(
                "{} of {} is no longer drained",
                server.real_server, server.virtual_server
            )));
        };
        server = now;
    }
    Ok(server)
}

fn said(changed: bool, server: &Drained) -> String {
    let Drained {
        virtual_server,
        real_server,
        ..
    } = server;
    let mut text = match changed {
        true => format!("{real_server} of {virtual_server} gets no new connections from now on\n"),
        false => format!(
            "{real_server} of {virtual_server} is drained already, for {}{}\n",
            since(server),
            left(server.connections)
        ),
    };
    if let Some(warning) = &server.warning {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn after_waiting(server: &Drained) -> String {
    let Drained {
        virtual_server,
        real_server,
        connections,
        ..
    } = server;
    match connections {
        Some(0) => format!("{real_server} of {virtual_server} has no connections any more\n"),
        _ => format!(
            "{real_server} of {virtual_server} still has connections{}\n",
            left(server.connections)
        ),
    }
}

fn list(servers: &[Drained]) -> String {
    let mut text = String::new();
    for server in servers {
        let _ = writeln!(
            text,
            "{} {} drained for {}{}",
            server.virtual_server,
            server.real_server,
            since(server),
            left(server.connections)
        );
    }
    if servers.is_empty() {
        text.push_str("no real server is drained\n");
    }
    text
}

fn since(server: &Drained) -> String {
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(server.since);
    age(began.elapsed().unwrap_or_default().as_secs_f64())
}
