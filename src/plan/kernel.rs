//! The operations on the kernel's table that a reload would send.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::{Known, Sign};
use crate::config::model::Model;
use crate::lvs::difference::{self, Difference};
use crate::lvs::pool::{Memory, Pool};
use crate::lvs::{
    Destination, DestinationKey, Entry, IpvsOp, Service, ServiceKey, Table, reconcile,
};
use crate::moment::Moment;

/// The operation that empties the table.
const FLUSH: &str = "flush";

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelChange {
    pub change: Sign,
    /// `new-service`, `set-dest`: the command of `linux/ip_vs.h`.
    pub operation: &'static str,
    /// As `ipvsadm -Ln` has it: `TCP 10.0.0.80:80`, `FWM 3`; `all` where the table is emptied.
    pub virtual_server: String,
    /// None where it is about the virtual server itself.
    pub real_server: Option<String>,
    /// What is changed; of what comes or goes everything is in [`is`](Self::is).
    pub changes: Vec<Difference>,
    /// What is added, or what is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// The real servers that go with a virtual server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_servers: Option<usize>,
}

/// The line of the plan.
impl fmt::Display for KernelChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = &self.virtual_server;
        write!(f, "{} ", self.change)?;
        match &self.real_server {
            Some(server) => write!(f, "real server {server} of {service}")?,
            None if self.operation == FLUSH => {
                f.write_str("all that is in the table, lvs_flush")?
            }
            None => write!(f, "virtual server {service}")?,
        }
        if let Some(is) = &self.is {
            write!(f, ": {is}")?;
        }
        for (number, change) in self.changes.iter().enumerate() {
            let before = if number == 0 { ": " } else { ", " };
            write!(f, "{before}{change}")?;
        }
        match self.real_servers {
            Some(1) => f.write_str(", with its real server"),
            Some(number) if number > 1 => write!(f, ", with its {number} real servers"),
            _ => Ok(()),
        }
    }
}

/// What the table is to be under `model` after what is known, as a reload makes it.
pub fn wanted(model: &Model, memory: &Memory, now: Moment) -> Table {
    let mut table = Table::default();
    for virtual_server in &model.virtual_servers {
        let (pool, _) = Pool::new(model, virtual_server, memory, now);
        table.services.extend(pool.wanted());
    }
    table
}

pub(super) fn changes(
    known: &Known,
    model: &Model,
    actual: &Table,
    now: Moment,
) -> Vec<KernelChange> {
    let wanted = wanted(model, &known.memory, now);
    let empty = Table::default();
    let flush = (known.flushes && !actual.services.is_empty()).then(|| KernelChange {
        change: Sign::Remove,
        operation: FLUSH,
        virtual_server: "all".to_owned(),
        real_server: None,
        changes: Vec::new(),
        is: Some(format!("{} virtual servers", actual.services.len())),
        real_servers: Some(actual.destination_count()),
    });
    let actual = if known.flushes { &empty } else { actual };
    let mut ops = reconcile(&wanted, actual, &known.owned);
    // What goes comes last, and the kernel tells of it in an order of its own.
    let is_gone = |op: &IpvsOp| matches!(op, IpvsOp::DeleteService(_));
    ops.sort_by_key(|op| is_gone(op).then(|| *op.service()));
    let names: HashMap<&ServiceKey, String> = ops
        .iter()
        .map(|op| (op.service(), op.service().listed()))
        .collect();
    let changes = ops
        .iter()
        .map(|op| change(op, &names[op.service()], actual.services.get(op.service())));
    flush.into_iter().chain(changes).collect()
}

fn change(op: &IpvsOp, name: &str, found: Option<&Entry>) -> KernelChange {
    let server = op.destination();
    let had = |server: &DestinationKey| found.and_then(|entry| entry.destinations.get(server));
    let (sign, operation, changes, is, real_servers) = match op {
        IpvsOp::NewService(_, to) => {
            let is = describe_service(to);
            (Sign::Add, "new-service", Vec::new(), Some(is), None)
        }
        IpvsOp::SetService(_, to) => {
            let from = found.map(|entry| &entry.service);
            let changes = from.map(|from| difference::of_services(from, to));
            let changes = changes.unwrap_or_default();
            (Sign::Change, "set-service", changes, None, None)
        }
        IpvsOp::DeleteService(_) => {
            let is = found.map(|entry| describe_service(&entry.service));
            let servers = found.map(|entry| entry.destinations.len());
            (Sign::Remove, "del-service", Vec::new(), is, servers)
        }
        IpvsOp::NewDestination(_, _, to) => {
            let is = describe_destination(to);
            (Sign::Add, "new-dest", Vec::new(), Some(is), None)
        }
        IpvsOp::SetDestination(_, server, to) => {
            let changes = had(server).map(|from| difference::of_destinations(from, to));
            let changes = changes.unwrap_or_default();
            (Sign::Change, "set-dest", changes, None, None)
        }
        IpvsOp::DeleteDestination(_, server) => {
            let is = had(server).map(describe_destination);
            (Sign::Remove, "del-dest", Vec::new(), is, None)
        }
    };
    KernelChange {
        change: sign,
        operation,
        virtual_server: name.to_owned(),
        real_server: server.map(|server| server.to_string()),
        changes,
        is,
        real_servers,
    }
}

/// What it is beside a virtual server with nothing but a scheduler.
fn describe_service(service: &Service) -> String {
    let plain = Service {
        scheduler: service.scheduler.clone(),
        flags: Default::default(),
        persistence: None,
    };
    let more = difference::of_services(&plain, service);
    let more = more.iter().map(|it| format!(", {} {}", it.what, it.to));
    format!(
        "scheduler {}{}",
        service.scheduler,
        more.collect::<String>()
    )
}

fn describe_destination(destination: &Destination) -> String {
    let plain = Destination {
        upper_threshold: 0,
        lower_threshold: 0,
        ..*destination
    };
    let more = difference::of_destinations(&plain, destination);
    let more = more.iter().map(|it| format!(", {} {}", it.what, it.to));
    let method = destination.method;
    let weight = destination.weight;
    format!("{method}, weight {weight}{}", more.collect::<String>())
}
