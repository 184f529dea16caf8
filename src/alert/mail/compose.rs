//! Which events are mailed, and in what words. Filters have been made for keepalived's
//! subjects and bodies, so these are keepalived's (2.2.7, as recorded in the lab), to
//! the byte.

use super::MailText;
use crate::alert::{Cause, Event, What};
use crate::check::{Failure, FailureKind};
use crate::config::model::{Model, VirtualServer};
use crate::lvs::DestinationKey;
use crate::lvs::pool::{PoolChange, PoolEvent, ServerName};
use crate::vrrp::{Change, State, Subject, VrrpEvent, Why};

/// What must be known beside an event to mail it.
#[derive(Clone, Copy, Debug)]
pub struct MailContext<'a> {
    /// The configuration in force: who is told, and the switches.
    pub model: &'a Model,
}

/// The mail about an event. None where it is not mailed: because nobody is to be told,
/// because its switch is off, or because it is none of those that are mailed at all.
pub fn compose(event: &Event, context: &MailContext<'_>) -> Option<MailText> {
    let model = context.model;
    if !model.global.mail.is_sent() {
        return None;
    }
    let (subject, body) = match &event.what {
        What::Pool(pool) => of_pool(pool, &event.cause, model)?,
        What::Vrrp(vrrp) => of_vrrp(vrrp, model)?,
        _ => return None,
    };
    Some(MailText {
        router_id: model.global.router_id.clone(),
        subject,
        body: format!("=> {body} <=\n"),
    })
}

/// Subject and body.
type Words = (String, String);

fn of_pool(event: &PoolEvent, cause: &Cause, model: &Model) -> Option<Words> {
    let virtual_server = model
        .virtual_servers
        .iter()
        .find(|virtual_server| virtual_server.id == event.pool)?;
    match &event.change {
        PoolChange::ServerDown {
            server, cause: why, ..
        } => of_server(virtual_server, *server, cause, Err(why.as_ref())),
        PoolChange::ServerUp { server, .. } => of_server(virtual_server, *server, cause, Ok(())),
        change => of_quorum(virtual_server, change),
    }
}

/// Only what a check has found: what a new configuration does to a server is known to
/// whoever has written it.
fn of_server(
    virtual_server: &VirtualServer,
    server: DestinationKey,
    cause: &Cause,
    how: Result<(), Option<&Failure>>,
) -> Option<Words> {
    let Cause::Check { keyword, .. } = cause else {
        return None;
    };
    let mut servers = virtual_server.real_servers.iter();
    let is_mailed = servers.find(|known| known.key == server)?.smtp_alert;
    if !is_mailed {
        return None;
    }
    let timed_out = |failure: &Failure| matches!(failure.kind, FailureKind::ScriptTimeout(_));
    let body = match (keyword.as_str(), how) {
        ("TCP_CHECK", Ok(())) => "TCP CHECK succeed on service",
        ("TCP_CHECK", Err(_)) => "TCP CHECK failed on service",
        ("MISC_CHECK", Ok(())) => "MISC CHECK succeeded on service",
        ("MISC_CHECK", Err(Some(failure))) if timed_out(failure) => {
            "MISC CHECK timed out on service"
        }
        ("MISC_CHECK", Err(_)) => "MISC CHECK failed on service",
        (_, Ok(())) => "CHECK succeed on service",
        (_, Err(_)) => "CHECK failed on service : HTTP request failed",
    };
    let subject = format!(
        "Realserver {} of virtual server {} - {}",
        ServerName(&virtual_server.id, server),
        virtual_server.id,
        if how.is_ok() { "UP" } else { "DOWN" }
    );
    Some((subject, body.to_owned()))
}

fn of_quorum(virtual_server: &VirtualServer, change: &PoolChange) -> Option<Words> {
    if !virtual_server.smtp_alert {
        return None;
    }
    let (state, body) = match change {
        PoolChange::QuorumLost {
            quorum,
            hysteresis,
            weight,
        } => {
            // The signs are those of the quorum gained, the numbers are right.
            let least = i64::from(*quorum) - i64::from(*hysteresis);
            let body = format!("Lost quorum {quorum}+{hysteresis}={least} <= {weight}");
            ("DOWN", body)
        }
        PoolChange::QuorumDownAtStart {
            quorum,
            hysteresis,
            weight,
        } => {
            // Without a sorry server the real servers stay in the table, and keepalived
            // says nothing.
            virtual_server.sorry_server.as_ref()?;
            let least = u64::from(*quorum) + u64::from(*hysteresis);
            let body =
                format!("Starting with quorum down {quorum}+{hysteresis}={least} <= {weight}");
            ("DOWN", body)
        }
        PoolChange::QuorumGained {
            quorum,
            hysteresis,
            weight,
            at_start,
        } => {
            let least = u64::from(*quorum) + u64::from(*hysteresis);
            let how = match at_start {
                true => "Starting with quorum up",
                false => "Gained quorum",
            };
            (
                "UP",
                format!("{how} {quorum}+{hysteresis}={least} <= {weight}"),
            )
        }
        _ => return None,
    };
    let subject = format!("Virtualserver {} - {state}", virtual_server.id);
    Some((subject, body))
}

fn of_vrrp(event: &VrrpEvent, model: &Model) -> Option<Words> {
    let Change::Entered { to, why, .. } = &event.change else {
        return None;
    };
    let unwanted = *to == State::Fault && model.global.mail.no_faults;
    // Of a master that resumes nobody but us has noticed anything.
    if unwanted || *to == State::Init || *why == Why::Resumed {
        return None;
    }
    match &event.subject {
        Subject::Instance(name) => {
            let mut instances = model.vrrp_instances.iter();
            let is_mailed = instances
                .find(|known| known.settings.name == *name)?
                .smtp_alert;
            let body = match to {
                State::Master => "VRRP Instance is now owning VRRP VIPs",
                _ => "VRRP Instance is no longer owning VRRP VIPs",
            };
            let subject = format!("VRRP Instance {name} - Entering {to} state");
            is_mailed.then(|| (subject, body.to_owned()))
        }
        Subject::Group(name) => {
            let mut groups = model.vrrp_sync_groups.iter();
            let is_mailed = groups
                .find(|known| known.settings.name == *name)?
                .smtp_alert;
            let subject = format!("VRRP Group {name} - Entering {to} state");
            let body = format!("All VRRP group instances are now in {to} state");
            is_mailed.then_some((subject, body))
        }
        // It enters no state.
        Subject::Interface(_) => None,
    }
}

#[cfg(test)]
mod tests;
