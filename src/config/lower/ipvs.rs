//! `global_defs`: IPVS as a whole.

use super::{Lower, Said};
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{GLOBAL_DEFS, TOP_LEVEL};
use crate::config::model::{FlushOnStop, IpvsNamespace, NamedNamespace, SettingValue};
use crate::config::reference::{self, Takes};
use crate::config::syntax::StatementId;
use crate::lvs::settings::{SyncDaemon, Synchronisation, Timeouts};

/// `lvs_sync_daemon` as it is written; which instances there are is not known yet.
#[derive(Clone, Debug)]
pub(super) struct WrittenSync {
    daemon: SyncDaemon,
    /// Whether the id in it was written.
    has_id: bool,
    follows: Option<String>,
}

/// `lvs_sync_daemon_interface` of an instance.
#[derive(Clone, Debug)]
pub(super) struct InstanceSync {
    interface: String,
    instance: String,
}

impl Lower<'_, '_> {
    /// Whether this is a word about IPVS as a whole.
    pub(super) fn global_ipvs(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "lvs_timeouts" => {
                self.said_once("lvs_timeouts", id);
                if let Some(timeouts) = self.timeouts(id) {
                    self.model.global.ipvs.timeouts = timeouts;
                }
            }
            "lvs_sync_daemon" => {
                let written = self.sync_daemon(id);
                let mut said = self.sync.take();
                self.say(&mut said, id, written);
                self.sync = said;
            }
            "lvs_netlink_cmd_rcv_bufs" => {
                self.said_once("lvs_netlink_cmd_rcv_bufs", id);
                if let Some(word) = self.value(id, "a number of bytes")
                    && let Some(bytes) = self.number(word, 0..=u32::MAX)
                {
                    self.model.global.ipvs.receive_buffer.bytes = Some(bytes);
                }
            }
            "lvs_netlink_cmd_rcv_bufs_force" => {
                self.said_once("lvs_netlink_cmd_rcv_bufs_force", id);
                if let Some(force) = self.switch(id) {
                    self.model.global.ipvs.receive_buffer.force = force;
                }
            }
            "lvs_flush" => {
                self.said_once("lvs_flush", id);
                self.flag(id);
                self.model.global.ipvs.flush = true;
            }
            "lvs_flush_on_stop" => self.flush_on_stop(id),
            "lvs_flush_onstop" => {
                self.older(id, "lvs_flush_on_stop");
                self.flush_on_stop(id);
            }
            _ => return false,
        }
        true
    }

    /// `lvs_flush_on_stop [VS]`.
    fn flush_on_stop(&mut self, id: StatementId) {
        self.said_once("lvs_flush_on_stop", id);
        let what = match self.optional_value(id) {
            None => Some(FlushOnStop::Everything),
            Some(word) => self.choice(word, "`VS`", &[("VS", FlushOnStop::VirtualServers)]),
        };
        if what.is_some() {
            self.model.global.ipvs.flush_on_stop = what;
        }
    }

    /// `lvs_timeouts [tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]`: 0 is as if it was not
    /// said.
    fn timeouts(&mut self, id: StatementId) -> Option<Timeouts> {
        let values = self.values_by_reference(GLOBAL_DEFS, id)?;
        let mut timeouts = Timeouts::default();
        for pair in values.chunks_exact(2) {
            let [SettingValue::Text(name), SettingValue::Integer(seconds)] = pair else {
                continue;
            };
            let seconds = u32::try_from(*seconds).ok();
            let seconds = seconds.filter(|it| *it > 0);
            match name.as_str() {
                "tcp" => timeouts.tcp = seconds,
                "tcpfin" => timeouts.tcp_fin = seconds,
                _ => timeouts.udp = seconds,
            }
        }
        Some(timeouts)
    }

    /// `lvs_sync_daemon INTERFACE [[inst] INSTANCE] [[id] ID] [maxlen BYTES] [port PORT]
    /// [ttl NUMBER] [group ADDRESS]`.
    fn sync_daemon(&mut self, id: StatementId) -> Option<WrittenSync> {
        let values = self.values_by_reference(GLOBAL_DEFS, id)?;
        let mut values = values.into_iter();
        let Some(SettingValue::Interface(interface)) = values.next() else {
            return None;
        };
        let mut written = WrittenSync {
            daemon: SyncDaemon {
                interface,
                sync_id: 0,
                max_length: None,
                group: None,
                port: None,
                ttl: None,
            },
            has_id: false,
            follows: None,
        };
        while let Some(value) = values.next() {
            let name = match value {
                SettingValue::Text(name) => name,
                // keepalived's older form.
                SettingValue::Integer(sync_id) => {
                    written.daemon.sync_id = u8::try_from(sync_id).unwrap_or_default();
                    written.has_id = true;
                    continue;
                }
                _ => continue,
            };
            let daemon = &mut written.daemon;
            let is_announced =
                ["inst", "id", "maxlen", "port", "ttl", "group"].contains(&name.as_str());
            if !is_announced {
                written.follows = Some(name);
                continue;
            }
            match (name.as_str(), values.next()?) {
                ("inst", SettingValue::Text(instance)) => written.follows = Some(instance),
                ("group", SettingValue::Address(group)) => daemon.group = Some(group),
                ("id", SettingValue::Integer(number)) => {
                    daemon.sync_id = u8::try_from(number).unwrap_or_default();
                    written.has_id = true;
                }
                ("maxlen", SettingValue::Integer(number)) => {
                    daemon.max_length = u16::try_from(number).ok();
                }
                ("port", SettingValue::Integer(number)) => daemon.port = u16::try_from(number).ok(),
                ("ttl", SettingValue::Integer(number)) => daemon.ttl = u8::try_from(number).ok(),
                _ => {}
            }
        }
        Some(written)
    }

    /// `net_namespace NAME`.
    pub(super) fn net_namespace(&mut self, id: StatementId) {
        self.said_once("net_namespace", id);
        if let Some(Some(named)) = self.namespace(id) {
            self.model.namespace = Some(named);
        }
    }

    /// `net_namespace_ipvs [NAME]`.
    pub(super) fn net_namespace_ipvs(&mut self, id: StatementId) {
        self.said_once("net_namespace_ipvs", id);
        self.model.ipvs_namespace = match self.namespace(id) {
            Some(Some(named)) => Some(IpvsNamespace::Named(named)),
            Some(None) => Some(IpvsNamespace::Default),
            None => return,
        };
    }

    /// None where it is wrong.
    fn namespace(&mut self, id: StatementId) -> Option<Option<NamedNamespace>> {
        let mut values = self.values_by_reference(TOP_LEVEL, id)?.into_iter();
        let origin = self.origin(id);
        Some(match values.next() {
            Some(SettingValue::Text(name)) => Some(NamedNamespace { name, origin }),
            _ => None,
        })
    }

    /// The values of a word as the reference has them.
    fn values_by_reference(&mut self, block: &str, id: StatementId) -> Option<Vec<SettingValue>> {
        let known = reference::word(block, self.ast.keyword(id))?;
        let Takes::Values(wanted) = known.takes else {
            return None;
        };
        let words = self.values(id);
        self.read(id, words, wanted)
    }

    /// `lvs_sync_daemon_interface INTERFACE`, in the block of an instance.
    pub(super) fn instance_sync(&mut self, id: StatementId, instance: &str) {
        let Some(word) = self.value(id, "the name of an interface") else {
            return;
        };
        let Some(interface) = self.interface_name(word) else {
            return;
        };
        // As with keepalived, the first instance that says it counts.
        if let Some(first) = self.instance_sync.as_ref().map(|said| said.by) {
            self.repeated_first(first, id);
            return;
        }
        self.instance_sync = Some(Said {
            value: InstanceSync {
                interface: interface.to_owned(),
                instance: instance.to_owned(),
            },
            by: id,
        });
    }

    /// What is told to other directors, now that all instances are known.
    pub(super) fn synchronisation(&mut self) {
        let of_instance = self.instance_sync.take();
        let global = self.sync.take();
        let by = (of_instance.as_ref().map(|said| said.by)).or(global.as_ref().map(|said| said.by));
        if let Some(by) = by {
            self.model.global.ipvs.sync_origin = self.origin(by);
        }
        let follows_one = global
            .as_ref()
            .is_some_and(|said| said.value.follows.is_some());
        let written = match (global, of_instance) {
            (Some(Said { value, by }), Some(other)) if follows_one => {
                let (here, there) = (self.span(other.by), self.span(by));
                let instance = shown(&other.value.instance);
                let message = format!(
                    "connections are told by `lvs_sync_daemon`, not by instance `{instance}`"
                );
                self.report(Code::NoEffect, message)
                    .at(here, "this has no effect")
                    .related(there, "this has");
                value
            }
            // The instance's word is the one that counts, with what else is said of it.
            (global, Some(Said { value: other, .. })) => {
                let daemon = SyncDaemon {
                    interface: other.interface,
                    sync_id: 0,
                    max_length: None,
                    group: None,
                    port: None,
                    ttl: None,
                };
                let mut written = global.map_or(
                    WrittenSync {
                        daemon: daemon.clone(),
                        has_id: false,
                        follows: None,
                    },
                    |said| said.value,
                );
                written.daemon.interface = daemon.interface;
                // keepalived 2.2.7 has 0 here, where `lvs_sync_daemon` has the VRID.
                written.has_id = true;
                written.follows = Some(other.instance);
                written
            }
            (Some(Said { value, .. }), None) => value,
            (None, None) => return,
        };
        let WrittenSync {
            mut daemon,
            has_id,
            follows,
        } = written;
        let instances = &self.model.vrrp_instances;
        let followed = instances
            .iter()
            .find(|it| Some(&it.settings.name) == follows.as_ref());
        if let (false, Some(instance)) = (has_id, followed) {
            daemon.sync_id = instance.settings.vrid.get();
        }
        self.model.global.ipvs.sync = Some(Synchronisation { daemon, follows });
    }
}
