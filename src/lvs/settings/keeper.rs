//! Keeps what IPVS has beside its table as it is wanted.
//!
//! As [`crate::lvs::keeper`] does with the table: no I/O, no clock. What IPVS had before
//! comes back when it is no longer wanted otherwise; that it can, somebody who lives
//! longer has to know [what is held](Held).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SyncDaemon, SyncRole, Timeouts};
use crate::lvs::keeper::LONGEST_PAUSE;
use crate::lvs::refusal::{Consequence, OpError};
use crate::moment::Moment;

/// How often the table is tried to be emptied at the start.
const MOST_FLUSHES: u32 = 3;

/// What IPVS is to have beside its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is None is left as it is.
    pub timeouts: Timeouts,
    /// None at all, and those that others have started are left alone.
    pub sync: BTreeMap<SyncRole, SyncDaemon>,
}

impl Settings {
    fn is_empty(&self) -> bool {
        *self == Settings::default()
    }
}

/// What has been changed and is to be as before at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What those timeouts were before that have been set.
    pub timeouts_before: Timeouts,
    /// The daemons of the synchronisation are ours.
    pub sync_daemons: bool,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        *self == Held::default()
    }
}

/// What there is in the kernel, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// None of them None.
    pub timeouts: Timeouts,
    pub sync: BTreeMap<SyncRole, SyncDaemon>,
}

/// Something that the kernel is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// All virtual servers go, whoever has made them.
    Flush,
    SetTimeouts(Timeouts),
    StartSync(SyncRole, SyncDaemon),
    StopSync(SyncRole),
}

impl Order {
    fn spot(&self) -> Option<Spot> {
        match self {
            Order::Flush => None,
            Order::SetTimeouts(_) => Some(Spot::Timeouts),
            Order::StartSync(role, _) | Order::StopSync(role) => Some(Spot::Sync(*role)),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Flush => f.write_str("empty the kernel's IPVS table"),
            Order::SetTimeouts(to) => write!(f, "set the timeouts of IPVS: {to}"),
            Order::StartSync(role, daemon) => {
                write!(f, "start the {role} sync daemon of IPVS {daemon}")
            }
            Order::StopSync(role) => write!(f, "stop the {role} sync daemon of IPVS"),
        }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read what there is and call [`SettingsKeeper::looked`].
    Look,
    /// Carry it out and call [`SettingsKeeper::ordered`].
    Carry(Order),
    /// Nothing until then; None is until something else is wanted.
    Wait(Option<Moment>),
}

/// Something that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// It was carried out; where it is a repair, because somebody else had changed
    /// something.
    Carried { order: Order, repair: bool },
    /// The kernel refuses it. Told once until it takes it or refuses it for another
    /// reason.
    Refused { order: Order, error: OpError },
    /// What was refused went through at last.
    Accepted { order: Order },
    /// What there is cannot be read. Told once.
    Unreadable { error: OpError },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Carried {
                order: Order::Flush,
                ..
            } => f.write_str("emptied the kernel's IPVS table (lvs_flush)"),
            Note::Carried {
                order,
                repair: false,
            } => write!(f, "did {order}"),
            Note::Carried {
                order,
                repair: true,
            } => write!(
                f,
                "someone else had changed what the configuration says of IPVS, and it was put right: did {order}"
            ),
            Note::Refused { order, error } => {
                write!(f, "cannot {order}: {error}")?;
                match (order, error) {
                    (Order::StartSync(_, daemon), OpError::Errno(libc::ENODEV)) => {
                        write!(f, "; there is no interface {}", daemon.interface)
                    }
                    (Order::StartSync(_, daemon), OpError::Errno(libc::EINVAL)) => write!(
                        f,
                        "; has the interface an address, and does it take multicast? `ip link \
                         set {} multicast on`",
                        daemon.interface
                    ),
                    _ => Ok(()),
                }
            }
            Note::Accepted { order } => write!(f, "could {order} at last"),
            Note::Unreadable { error } => {
                write!(
                    f,
                    "cannot read the timeouts and sync daemons of IPVS: {error}"
                )
            }
        }
    }
}

/// A thing that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    Look,
    Timeouts,
    Sync(SyncRole),
}

#[derive(Clone, Debug)]
struct Trouble {
    error: OpError,
    failures: u32,
    retry_at: Moment,
    told: bool,
}

/// What is wanted beside the table, what IPVS had before, and what is to be done next. It does
/// nothing itself: [`SettingsKeeper::next`] says what to do, as the table's keeper does.
#[derive(Clone, Debug)]
pub struct SettingsKeeper {
    audit_interval: Duration,
    wanted: Settings,
    held: Held,
    /// Has changed since [`SettingsKeeper::take_held`].
    held_is_new: bool,
    seen: Option<Seen>,
    audit_at: Moment,
    troubles: BTreeMap<Spot, Trouble>,
    is_under_way: bool,
    /// Everything was as wanted once: what differs afterwards somebody else has changed.
    is_settled: bool,
    /// How often the table may still be tried to be emptied before anything else.
    flushes_left: u32,
}

impl SettingsKeeper {
    /// `held` is what was changed before.
    pub fn new(held: Held, audit_interval: Duration) -> Self {
        SettingsKeeper {
            audit_interval,
            wanted: Settings::default(),
            held,
            held_is_new: false,
            seen: None,
            audit_at: Moment::default(),
            troubles: BTreeMap::new(),
            is_under_way: false,
            is_settled: false,
            flushes_left: 0,
        }
    }

    pub fn set_audit_interval(&mut self, audit_interval: Duration) {
        self.audit_interval = audit_interval;
    }

    /// The table is to be emptied once, before anything else is done.
    pub fn flush(&mut self) {
        self.flushes_left = MOST_FLUSHES;
    }

    /// This is wanted from now on.
    pub fn want(&mut self, wanted: Settings) {
        if self.wanted == wanted {
            return;
        }
        self.wanted = wanted;
        self.is_settled = false;
        // Something else may be possible.
        self.troubles.clear();
        // Others may have been here: it costs one look.
        self.seen = None;
    }

    /// Whether nothing is wanted or about to be done, and nothing is held.
    pub fn is_released(&self) -> bool {
        let is_busy = self.is_under_way || self.flushes_left > 0;
        self.wanted.is_empty() && self.held.is_empty() && !is_busy
    }

    /// What is held, if that is new. Whoever lives longer is to know it before the next
    /// step is carried out.
    pub fn take_held(&mut self) -> Option<Held> {
        let is_new = std::mem::take(&mut self.held_is_new);
        is_new.then(|| self.held.clone())
    }

    /// What does not work, and why.
    pub fn refused(&self) -> impl Iterator<Item = &OpError> {
        self.troubles.values().map(|trouble| &trouble.error)
    }

    pub fn next(&mut self, now: Moment) -> Step {
        let step = self.choose(now);
        self.is_under_way |= !matches!(step, Step::Wait(_));
        step
    }

    fn choose(&mut self, now: Moment) -> Step {
        if self.is_under_way {
            return Step::Wait(None);
        }
        if self.flushes_left > 0 {
            return Step::Carry(Order::Flush);
        }
        if self.wanted.is_empty() && self.held.is_empty() {
            return Step::Wait(None);
        }
        let paused = |spot: Spot| self.troubles.get(&spot).map(|trouble| trouble.retry_at);
        let is_paused = |spot: Spot| paused(spot).is_some_and(|at| at > now);
        if is_paused(Spot::Look) {
            return Step::Wait(paused(Spot::Look));
        }
        if self.seen.is_none() || self.audit_at <= now {
            return Step::Look;
        }
        let orders = self.orders();
        let is_possible = |order: &&Order| !order.spot().is_some_and(is_paused);
        if let Some(order) = orders.iter().find(is_possible).cloned() {
            self.hold_for(&order);
            return Step::Carry(order);
        }
        let retries = orders.iter().filter_map(|order| paused(order.spot()?));
        let until = retries.chain([self.audit_at]).min();
        if orders.is_empty() {
            // Also what happens to be so already: somebody may change it, and that is not
            // what it was before.
            let before = self.held.clone();
            self.hold_timeouts();
            self.held_is_new |= self.held != before;
            self.is_settled = true;
            self.let_go();
        }
        Step::Wait(until)
    }

    /// What is to be done for the kernel to have what is wanted, in this order. Of a
    /// daemon that is to be another one only that it is stopped.
    fn orders(&self) -> Vec<Order> {
        let Some(seen) = &self.seen else {
            return Vec::new();
        };
        let mut orders = Vec::new();
        // What is no longer wanted is as it was.
        let wanted = self.wanted.timeouts.or(self.held.timeouts_before);
        let change = |wanted: Option<u32>, seen| wanted.filter(|wanted| Some(*wanted) != seen);
        let to = Timeouts {
            tcp: change(wanted.tcp, seen.timeouts.tcp),
            tcp_fin: change(wanted.tcp_fin, seen.timeouts.tcp_fin),
            udp: change(wanted.udp, seen.timeouts.udp),
        };
        if to != Timeouts::default() {
            orders.push(Order::SetTimeouts(to));
        }
        if self.wanted.sync.is_empty() && !self.held.sync_daemons {
            return orders;
        }
        for (role, found) in &seen.sync {
            let wanted = self.wanted.sync.get(role);
            if !wanted.is_some_and(|wanted| wanted.is_made_as(*role, found)) {
                orders.push(Order::StopSync(*role));
            }
        }
        for (role, wanted) in &self.wanted.sync {
            if !seen.sync.contains_key(role) {
                orders.push(Order::StartSync(*role, wanted.clone()));
            }
        }
        orders
    }

    /// What is about to be changed is held from now on.
    fn hold_for(&mut self, order: &Order) {
        let before = self.held.clone();
        match order {
            Order::SetTimeouts(_) => self.hold_timeouts(),
            Order::StartSync(..) | Order::StopSync(_) => self.held.sync_daemons = true,
            Order::Flush => {}
        }
        self.held_is_new |= self.held != before;
    }

    /// All that the configuration sets: also what happens to be so already.
    fn hold_timeouts(&mut self) {
        let Some(seen) = &self.seen else { return };
        let keep = |wanted: Option<u32>, before: Option<u32>, seen| {
            wanted.and_then(|_| before.or(seen)).or(before)
        };
        let (wanted, before) = (self.wanted.timeouts, self.held.timeouts_before);
        self.held.timeouts_before = Timeouts {
            tcp: keep(wanted.tcp, before.tcp, seen.timeouts.tcp),
            tcp_fin: keep(wanted.tcp_fin, before.tcp_fin, seen.timeouts.tcp_fin),
            udp: keep(wanted.udp, before.udp, seen.timeouts.udp),
        };
    }

    /// Everything is as wanted: what is no longer wanted is as it was before.
    fn let_go(&mut self) {
        let (wanted, before) = (self.wanted.timeouts, self.held.timeouts_before);
        let keep = |wanted: Option<u32>, before: Option<u32>| wanted.and(before);
        let held = Held {
            timeouts_before: Timeouts {
                tcp: keep(wanted.tcp, before.tcp),
                tcp_fin: keep(wanted.tcp_fin, before.tcp_fin),
                udp: keep(wanted.udp, before.udp),
            },
            sync_daemons: !self.wanted.sync.is_empty(),
        };
        self.held_is_new |= held != self.held;
        self.held = held;
    }

    /// The answer to [`Step::Look`].
    pub fn looked(&mut self, now: Moment, seen: Result<Seen, OpError>) -> Vec<Note> {
        self.is_under_way = false;
        match seen {
            Ok(seen) => {
                self.seen = Some(seen);
                self.audit_at = now + self.audit_interval;
                self.troubles.remove(&Spot::Look);
                Vec::new()
            }
            Err(error) => {
                self.seen = None;
                let is_new = self.failed(now, Spot::Look, &error, true);
                is_new
                    .then_some(Note::Unreadable { error })
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The answer to [`Step::Carry`].
    pub fn ordered(&mut self, now: Moment, order: Order, result: Result<(), OpError>) -> Vec<Note> {
        self.is_under_way = false;
        let Some(spot) = order.spot() else {
            return self.flushed(order, result);
        };
        let error = match result {
            Ok(()) => {
                self.take_as_done(&order);
                let told = self
                    .troubles
                    .remove(&spot)
                    .is_some_and(|trouble| trouble.told);
                let repair = self.is_settled;
                return vec![match told {
                    true => Note::Accepted { order },
                    false => Note::Carried { order, repair },
                }];
            }
            Err(error) => error,
        };
        // The kernel has something else than it was taken to have.
        let is_contradiction = matches!(
            (&order, &error),
            (
                Order::StartSync(..),
                OpError::Exists | OpError::Errno(libc::EEXIST)
            ) | (
                Order::StopSync(_),
                OpError::NoSuchService | OpError::Errno(libc::ESRCH | libc::ENOENT)
            )
        );
        if is_contradiction || error.consequence() == Consequence::Unknown {
            self.seen = None;
        }
        match self.failed(now, spot, &error, !is_contradiction) {
            true => vec![Note::Refused { order, error }],
            false => Vec::new(),
        }
    }

    fn flushed(&mut self, order: Order, result: Result<(), OpError>) -> Vec<Note> {
        match result {
            Ok(()) => {
                self.flushes_left = 0;
                let repair = false;
                vec![Note::Carried { order, repair }]
            }
            Err(error) => {
                self.flushes_left = match error.consequence() {
                    Consequence::Unknown => self.flushes_left.saturating_sub(1),
                    // What is ours will be right in any case.
                    _ => 0,
                };
                match self.flushes_left {
                    0 => vec![Note::Refused { order, error }],
                    _ => Vec::new(),
                }
            }
        }
    }

    fn take_as_done(&mut self, order: &Order) {
        let Some(seen) = &mut self.seen else { return };
        match order {
            Order::Flush => {}
            Order::SetTimeouts(to) => seen.timeouts = to.or(seen.timeouts),
            Order::StartSync(role, daemon) => {
                seen.sync.insert(*role, daemon.clone());
            }
            Order::StopSync(role) => {
                seen.sync.remove(role);
            }
        }
    }

    /// Puts down a failure; whether it is to be told, where it may be.
    fn failed(&mut self, now: Moment, spot: Spot, error: &OpError, may_tell: bool) -> bool {
        let trouble = self.troubles.entry(spot).or_insert(Trouble {
            error: error.clone(),
            failures: 0,
            retry_at: now,
            told: false,
        });
        let tell = may_tell && (!trouble.told || trouble.error != *error);
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.error = error.clone();
        trouble.told |= tell;
        let seconds = 1 << trouble.failures.saturating_sub(1).min(6);
        trouble.retry_at = now + Duration::from_secs(seconds).min(LONGEST_PAUSE);
        tell
    }
}
