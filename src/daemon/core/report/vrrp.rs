//! Instances, sync groups and mail in the status.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::alert::mail::MailStatus;
use crate::config::model::{Model, VrrpInstance};
use crate::daemon::core::outbox::Outbox;
use crate::family::Family;
use crate::moment::Moment;
use crate::sys::host::HostAddress;
use crate::vrrp::memory::{Counters, GroupReport, InstanceReport, Memory, Report};
use crate::vrrp::settings::{Authentication, Delivery, VirtualAddress};
use crate::vrrp::types::State;

/// An instance. What only the vrrp process knows is None where it does not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub name: String,
    pub state: String,
    /// How long it has been in that state.
    pub age: f64,
    /// Why it entered it; None before it has entered any.
    pub why: Option<String>,
    /// How long it has yet to wait before it may become master for not hearing one
    /// (`vrrp_startup_delay`, `vrrp_delay_after_boot`); None where it may, or is.
    pub delay: Option<f64>,
    pub interface: String,
    pub vrid: u8,
    pub version: u8,
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// `multicast` or `unicast`.
    pub delivery: String,
    /// Where adverts go: the group, or the peers.
    pub destinations: Vec<String>,
    /// `none`, `pass`, `ah` or `hmac`. Never a key.
    pub authentication: String,
    /// With `hmac`.
    pub signing: Option<SigningStatus>,
    /// What the file says.
    pub configured_interval: f64,
    /// The master's, which this one goes by while it is BACKUP, where it is not the
    /// configured one (version 3).
    pub learned_interval: Option<f64>,
    /// What the file says.
    pub configured_priority: u8,
    /// The one in its adverts.
    pub priority: Option<u8>,
    /// The sync group that it is in.
    pub group: Option<String>,
    /// In its adverts' order; behind these, those that are in no advert.
    pub addresses: Vec<AddressStatus>,
    /// The master that is heard; None while it is master itself.
    pub master: Option<MasterStatus>,
    pub packets: Option<PacketsStatus>,
    /// Of its regular adverts.
    pub lateness: Option<AdvertLatenessStatus>,
}

/// How far `auth_hmac` has been rolled out, and its keys have been rotated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SigningStatus {
    /// `enforce`, `permissive` or `receive-only`.
    pub mode: String,
    /// The number of the key that adverts are signed with.
    pub active_key: u8,
}

/// A virtual address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddressStatus {
    /// With the bits of its mask: `10.0.0.80/24`.
    pub address: String,
    pub interface: String,
    /// Whether it stands in adverts: not that of `virtual_ipaddress_excluded`.
    pub advertised: bool,
    /// Whether this host has it now, on that interface; None where the kernel does not
    /// tell.
    pub here: Option<bool>,
}

/// Another router that is master.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MasterStatus {
    pub address: String,
    pub priority: u8,
    /// Since its latest advert.
    pub heard_age: f64,
}

/// What an instance has sent and received in the life of the present vrrp process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PacketsStatus {
    pub adverts_sent: u64,
    pub adverts_received: u64,
    /// Of these, with priority 0.
    pub releases_received: u64,
    /// Of these, not signed, though `auth_hmac` is configured: it is not in the mode
    /// `enforce`.
    pub unsigned_received: u64,
    pub became_master: u64,
    /// Gratuitous ARP and unsolicited neighbour advertisements.
    pub announcements_sent: u64,
    /// By the kind of what was wrong.
    pub dropped: BTreeMap<String, u64>,
}

/// How late an instance's regular adverts were, in the life of the present vrrp process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdvertLatenessStatus {
    pub worst: f64,
    /// How many were late by more than half an interval.
    pub late: u64,
}

/// A sync group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupStatus {
    pub name: String,
    pub state: String,
    pub age: f64,
    pub why: Option<String>,
    pub members: Vec<String>,
}

/// The mails. What only the front process knows is None where it does not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailQueueStatus {
    pub waiting: u64,
    pub sent: Option<u64>,
    pub dropped: Option<u64>,
    /// What the server said to the latest attempt that failed, while something waits.
    pub trouble: Option<String>,
}

/// All addresses of this host, each with the name of its interface and with its label.
pub struct HostAddresses(HashSet<(IpAddr, String)>);

impl HostAddresses {
    pub fn new(addresses: Vec<HostAddress>) -> Self {
        let mut all = HashSet::new();
        for HostAddress { address, label } in addresses {
            // No interface has a colon in its name.
            if let Some((interface, _)) = label.split_once(':') {
                all.insert((address, interface.to_owned()));
            }
            all.insert((address, label));
        }
        HostAddresses(all)
    }

    /// Whether an address is on the interface that it is to be put on, with whatever
    /// mask: then this host answers for it.
    fn has(&self, address: &VirtualAddress) -> bool {
        let labels = address.label.iter().chain([&address.interface]);
        let has = |label: &String| self.0.contains(&(address.address, label.clone()));
        labels.into_iter().any(has)
    }
}

/// The instances of the status, from the model, what core knows, and what the vrrp
/// process tells.
pub fn instances(
    model: &Model,
    memory: &Memory,
    report: Option<&Report>,
    host: Option<&HostAddresses>,
    now: Moment,
) -> Vec<InstanceStatus> {
    let groups = &model.vrrp_sync_groups;
    let group_of = |name: &String| {
        let mut groups = groups.iter().map(|group| &group.settings);
        let group = groups.find(|group| group.members.contains(name))?;
        Some(group.name.clone())
    };
    let statuses = model.vrrp_instances.iter().map(|instance| {
        let name = &instance.settings.name;
        let reported = report.and_then(|report| {
            let mut reported = report.instances.iter();
            reported.find(|reported| reported.name == *name)
        });
        let known = Known::of(
            reported.map(|it| (it.state, it.since, &it.why)),
            memory
                .instances
                .get(name)
                .map(|it| (it.state, it.since, &it.why)),
            now,
        );
        InstanceStatus {
            group: group_of(name),
            ..instance_status(instance, known, reported, host, now)
        }
    });
    statuses.collect()
}

/// State, age and reason.
struct Known {
    state: String,
    age: f64,
    why: Option<String>,
}

type StateSince<'a> = (crate::vrrp::State, Moment, &'a crate::vrrp::Why);

impl Known {
    /// The process itself knows best; before it has said anything there is no state.
    fn of(reported: Option<StateSince<'_>>, kept: Option<StateSince<'_>>, now: Moment) -> Self {
        match reported.or(kept) {
            Some((state, since, why)) => Known {
                state: state.name().to_owned(),
                age: (now - since).as_secs_f64(),
                why: Some(why.to_string()),
            },
            None => Known {
                state: crate::vrrp::State::Init.name().to_owned(),
                age: 0.0,
                why: None,
            },
        }
    }
}

fn instance_status(
    instance: &VrrpInstance,
    known: Known,
    reported: Option<&InstanceReport>,
    host: Option<&HostAddresses>,
    now: Moment,
) -> InstanceStatus {
    let settings = &instance.settings;
    let advertised = settings.advertised().count();
    let addresses = settings.addresses.iter().enumerate();
    let addresses = addresses.map(|(at, address)| AddressStatus {
        address: address.to_string(),
        interface: address.interface.clone(),
        advertised: at < advertised,
        here: host.map(|host| host.has(address)),
    });
    let (delivery, destinations) = match &settings.delivery {
        Delivery::Multicast { group } => ("multicast", vec![group.to_string()]),
        Delivery::Unicast(unicast) => {
            let peers = unicast.peers.iter().map(|peer| peer.address.to_string());
            ("unicast", peers.collect())
        }
    };
    let master = reported.and_then(|reported| reported.master);
    InstanceStatus {
        name: settings.name.clone(),
        state: known.state,
        age: known.age,
        why: known.why,
        delay: reported
            .filter(|reported| reported.state != State::Master && reported.begins > now)
            .map(|reported| (reported.begins - now).as_secs_f64()),
        interface: settings.interface.clone(),
        vrid: settings.vrid.get(),
        version: settings.version.number(),
        family: match settings.family {
            Family::V4 => "ipv4".to_owned(),
            Family::V6 => "ipv6".to_owned(),
        },
        delivery: delivery.to_owned(),
        destinations,
        authentication: match settings.authentication {
            Authentication::None => "none".to_owned(),
            Authentication::Pass(_) => "pass".to_owned(),
            Authentication::Header(_) => "ah".to_owned(),
            Authentication::Hmac(_) => "hmac".to_owned(),
        },
        signing: match &settings.authentication {
            Authentication::Hmac(hmac) => Some(SigningStatus {
                mode: hmac.mode.name().to_owned(),
                active_key: hmac.active_key,
            }),
            _ => None,
        },
        configured_interval: settings.advert_interval.as_duration().as_secs_f64(),
        configured_priority: settings.priority.0,
        priority: reported.map(|reported| reported.priority.0),
        learned_interval: reported
            .and_then(|reported| reported.learned_interval)
            .map(|interval| interval.as_duration().as_secs_f64()),
        group: None,
        addresses: addresses.collect(),
        master: master.map(|master| MasterStatus {
            address: master.address.to_string(),
            priority: master.priority.0,
            heard_age: (now - master.heard).as_secs_f64(),
        }),
        packets: reported.map(|reported| packets(&reported.counters)),
        lateness: reported.map(|reported| AdvertLatenessStatus {
            worst: reported.lateness.worst.as_secs_f64(),
            late: reported.lateness.late,
        }),
    }
}

fn packets(counters: &Counters) -> PacketsStatus {
    let dropped = counters.dropped.iter();
    PacketsStatus {
        adverts_sent: counters.adverts_sent,
        adverts_received: counters.adverts_received,
        releases_received: counters.releases_received,
        unsigned_received: counters.unsigned_received,
        became_master: counters.became_master,
        announcements_sent: counters.announcements,
        dropped: dropped
            .map(|(kind, count)| (kind.name().to_owned(), *count))
            .collect(),
    }
}

/// The sync groups of the status.
pub fn groups(
    model: &Model,
    memory: &Memory,
    report: Option<&Report>,
    now: Moment,
) -> Vec<GroupStatus> {
    let statuses = model.vrrp_sync_groups.iter().map(|group| {
        let name = &group.settings.name;
        let reported: Option<&GroupReport> = report.and_then(|report| {
            let mut reported = report.groups.iter();
            reported.find(|reported| reported.name == *name)
        });
        let Known { state, age, why } = Known::of(
            reported.map(|it| (it.state, it.since, &it.why)),
            memory
                .groups
                .get(name)
                .map(|it| (it.state, it.since, &it.why)),
            now,
        );
        GroupStatus {
            name: name.clone(),
            state,
            age,
            why,
            members: group.settings.members.clone(),
        }
    });
    statuses.collect()
}

/// By interface and kind: VRRP packets that belong to no instance.
pub fn foreign_packets(report: Option<&Report>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let foreign = report.into_iter().flat_map(|report| &report.foreign);
    foreign
        .map(|(interface, kinds)| {
            let kinds = kinds.iter();
            let kinds = kinds.map(|(kind, count)| (kind.name().to_owned(), *count));
            (interface.clone(), kinds.collect())
        })
        .collect()
}

/// How it stands with the mail.
pub fn mail(outbox: &Outbox, status: Option<&MailStatus>) -> MailQueueStatus {
    MailQueueStatus {
        waiting: outbox.unsent().count() as u64,
        sent: status.map(|status| status.sent),
        dropped: status.map(|status| status.dropped),
        trouble: status.and_then(|status| status.trouble.clone()),
    }
}
