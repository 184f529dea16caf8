//! What people are told of instances and sync groups.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::packet::DropKind;
use super::types::{AdvertInterval, Priority, State};
use crate::family::Family;

/// Something that happened to an instance or a sync group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpEvent {
    pub subject: Subject,
    pub change: Change,
}

/// What something happened to, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    Instance(String),
    Group(String),
}

impl Subject {
    pub fn name(&self) -> &str {
        match self {
            Subject::Instance(name) | Subject::Group(name) => name,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Another state. Of a group whose members change with it, the members come first.
    Entered {
        from: State,
        to: State,
        /// The effective priority; of a group, the lowest of its members'.
        priority: Priority,
        why: Why,
    },
    /// ipvsd ends, or the instance is no longer configured; it was in this state, and
    /// has handed over if it was master.
    Stopped { from: State, priority: Priority },
    /// Another master with a lower priority, or with an equal one and a lower address,
    /// was heard while this one is master.
    OtherMaster {
        address: IpAddr,
        priority: Priority,
        /// It is told to give way by an advert (not with `lower_prio_no_advert`).
        is_answered: bool,
    },
    /// Another router claims to own the addresses as this one does.
    TwoOwners { address: IpAddr },
    /// The master sends its adverts at another interval than was known, and is waited
    /// for accordingly.
    IntervalLearned {
        from: AdvertInterval,
        to: AdvertInterval,
        master: IpAddr,
    },
    /// As a master it has the interval that is configured, not the one that it had
    /// learned from another.
    IntervalOwn {
        from: AdvertInterval,
        to: AdvertInterval,
    },
    /// It does not become master for not hearing one before this time has passed
    /// (`vrrp_startup_delay`, `vrrp_delay_after_boot`).
    Delayed { delay: Duration },
    /// An advert was due longer ago than an interval when this process came to it.
    Late { by: Duration },
    /// A virtual address that another program has taken away is back.
    AddressPutBack { address: String, interface: String },
    /// The kernel does not take, or does not give back, a virtual address.
    AddressRefused {
        address: String,
        interface: String,
        why: String,
    },
    /// Packets were dropped since this was last told.
    Dropped {
        kind: DropKind,
        count: u64,
        /// Where the latest came from.
        from: IpAddr,
        /// What was in it and what would be right.
        detail: String,
    },
    /// Adverts of a router count whose clock is off by more than half of `time_window`,
    /// by this many seconds, negative where it is behind: when it is off by more than
    /// all of it, they will not.
    ClockSkew {
        from: IpAddr,
        seconds: i64,
        window: i64,
    },
    /// Adverts of a router count though they are not signed.
    Unsigned { from: IpAddr },
    /// Became master without ever having heard another router.
    Alone,
}

/// Why a state was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It begins.
    Start,
    /// It goes on where the process before it was.
    Resumed,
    /// The process before it has been gone for longer than others wait for its adverts.
    ResumedTooLate,
    /// No advert has been heard for the master-down interval.
    MasterDown { master: Option<IpAddr> },
    /// The master has said that it stops.
    MasterStopped { master: IpAddr },
    /// The master has a lower priority, and this one preempts.
    Preempted { master: IpAddr, priority: Priority },
    /// A master of higher priority, or of the same and a higher address.
    Outranked { master: IpAddr, priority: Priority },
    /// It has stood still for longer than others wait for its adverts, and does not
    /// preempt the one that has taken over.
    Stalled { master: IpAddr },
    /// It has stood still for so long that another may have taken over, and does not
    /// wait to hear of it (`timer_expired_backup`).
    StoodStill { silent: Duration },
    /// The interface has gone.
    InterfaceGone { interface: String },
    /// The interface or its link is down.
    LinkDown { interface: String },
    /// The interface has no address of this family that adverts could come from; with
    /// IPv6, no link-local one.
    NoAddress { interface: String, family: Family },
    /// The interface does not have the address that adverts are to come from
    /// (`mcast_src_ip`, `unicast_src_ip`), or cannot use it yet.
    SourceMissing { interface: String, source: IpAddr },
    /// What its adverts come in by cannot be opened there.
    Deaf { interface: String },
    /// There is nobody to send adverts to (`unicast_fault_no_peer`).
    NoPeers,
    /// What was wrong with the interface is right again.
    InterfaceReady { interface: String },
    /// A member of the sync group has led the way.
    Group { group: String, member: String },
    /// Another configuration says so.
    Reload,
}

impl Change {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Entered { to, .. } => match to {
                State::Init => "entered-init",
                State::Backup => "entered-backup",
                State::Master => "entered-master",
                State::Fault => "entered-fault",
            },
            Change::Stopped { .. } => "stopped",
            Change::OtherMaster { .. } => "other-master",
            Change::TwoOwners { .. } => "two-owners",
            Change::IntervalLearned { .. } => "interval-learned",
            Change::IntervalOwn { .. } => "interval-own",
            Change::Delayed { .. } => "start-delayed",
            Change::Late { .. } => "advert-late",
            Change::AddressPutBack { .. } => "address-put-back",
            Change::AddressRefused { .. } => "address-refused",
            Change::Dropped { .. } => "adverts-dropped",
            Change::ClockSkew { .. } => "clock-skew",
            Change::Unsigned { .. } => "adverts-unsigned",
            Change::Alone => "alone",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Start => f.write_str("start"),
            Why::Resumed => f.write_str("the process before this one was master a moment ago"),
            Why::ResumedTooLate => {
                f.write_str("the process before this one has been silent for too long")
            }
            Why::MasterDown { master: None } => f.write_str("no master is heard"),
            Why::MasterDown {
                master: Some(master),
            } => {
                write!(f, "the master {master} is not heard any more")
            }
            Why::MasterStopped { master } => write!(f, "the master {master} has stopped"),
            Why::Preempted { master, priority } => {
                write!(f, "the master {master} has the lower priority {priority}")
            }
            Why::Outranked { master, priority } => {
                write!(f, "the master {master} has priority {priority}")
            }
            Why::Stalled { master } => {
                write!(f, "{master} has taken over while this host stood still")
            }
            Why::StoodStill { silent } => write!(
                f,
                "it stood still for {:.1} s, and another may have taken over",
                silent.as_secs_f64()
            ),
            Why::InterfaceGone { interface } => write!(f, "there is no interface {interface}"),
            Why::LinkDown { interface } => write!(f, "interface {interface} is down"),
            Why::NoAddress {
                interface,
                family: Family::V4,
            } => write!(f, "interface {interface} has no IPv4 address"),
            Why::NoAddress {
                interface,
                family: Family::V6,
            } => write!(
                f,
                "interface {interface} has no IPv6 link-local address that can be used"
            ),
            Why::SourceMissing { interface, source } => write!(
                f,
                "interface {interface} does not have the address {source}, which adverts are to \
                 come from"
            ),
            Why::Deaf { interface } => write!(
                f,
                "adverts cannot be heard on interface {interface}: the log says why"
            ),
            Why::NoPeers => f.write_str("there is no unicast peer"),
            Why::InterfaceReady { interface } => write!(f, "interface {interface} is ready"),
            Why::Group { group, member } => write!(f, "{member}, like it in group {group}"),
            Why::Reload => f.write_str("reload"),
        }
    }
}

/// One line, in keepalived's words where people search their logs for them.
impl fmt::Display for VrrpEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Instance(name) => write!(f, "({name}) {}", self.change),
            Subject::Group(name) => match &self.change {
                Change::Entered { to, why, .. } => write!(
                    f,
                    "VRRP_Group({name}) Syncing instances to {to} state: {why}"
                ),
                change => write!(f, "VRRP_Group({name}) {change}"),
            },
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Entered {
                to,
                why: Why::Start,
                ..
            } => write!(f, "Entering {to} STATE (init)"),
            Change::Entered { to, why, .. } => write!(f, "Entering {to} STATE: {why}"),
            Change::Stopped { from, .. } => write!(f, "Stopped in {from} STATE"),
            Change::OtherMaster {
                address,
                priority,
                is_answered,
            } => write!(
                f,
                "Received advert from {address} with lower priority {priority}, or the same and \
                 a lower address{}",
                if *is_answered {
                    ", forcing new election"
                } else {
                    ""
                }
            ),
            Change::TwoOwners { address } => write!(
                f,
                "CONFIGURATION ERROR: local instance and a remote instance ({address}) are both \
                 configured as address owner, please fix: only one of them may have priority 255"
            ),
            Change::IntervalLearned { from, to, master } => write!(
                f,
                "advertisement interval updated from {}ms to {}ms by master {master}",
                from.as_duration().as_millis(),
                to.as_duration().as_millis()
            ),
            Change::IntervalOwn { from, to } => write!(
                f,
                "changing advert interval from {}ms to locally configured {}ms",
                from.as_duration().as_millis(),
                to.as_duration().as_millis()
            ),
            Change::Delayed { delay } => {
                write!(
                    f,
                    "Delaying startup for {:.3} seconds (`vrrp_startup_delay`, \
                     `vrrp_delay_after_boot`)",
                    delay.as_secs_f64()
                )
            }
            Change::Late { by } => write!(
                f,
                "A thread timer expired {:.6} seconds ago: an advert was late by more than an \
                 interval, because this process was not run",
                by.as_secs_f64()
            ),
            Change::AddressPutBack { address, interface } => write!(
                f,
                "Another program has removed {address} from {interface}: it is back"
            ),
            Change::AddressRefused {
                address,
                interface,
                why,
            } => write!(f, "Address {address} on {interface}: {why}"),
            Change::Dropped {
                kind,
                count: 1,
                from,
                detail,
            } => write!(
                f,
                "Dropped a packet from {from} ({}): {detail}",
                kind.name()
            ),
            Change::Dropped {
                kind,
                count,
                from,
                detail,
            } => write!(
                f,
                "Dropped {count} packets, the last from {from} ({}): {detail}",
                kind.name()
            ),
            Change::ClockSkew {
                from,
                seconds,
                window,
            } => write!(
                f,
                "The clock of {from} is {} s {} this host's; adverts count up to {window} s \
                 (`time_window`): set the clocks of both by NTP",
                seconds.abs(),
                if *seconds < 0 { "behind" } else { "ahead of" },
            ),
            Change::Unsigned { from } => write!(
                f,
                "Adverts of {from} are not signed, and count because of the `mode` of \
                 `auth_hmac`: when all routers have it, `permissive` makes them sign, and when \
                 all sign, `enforce` makes this the end of it"
            ),
            Change::Alone => f.write_str(
                "No other router has been heard so far, which is as it should be for the first \
                 master, since backups keep quiet; if another one is master too, a firewall here \
                 or there drops IP protocol 112 (51 with `auth_type AH`), or its VRID is another",
            ),
        }
    }
}
