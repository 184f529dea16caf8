//! IPVS as a whole.

use super::{Quoted, Switch, Text};
use crate::config::model::{FlushOnStop, IpvsGlobal};
use crate::lvs::settings::Timeouts;

impl Text<'_> {
    pub(super) fn ipvs(&mut self, ipvs: &IpvsGlobal) {
        let IpvsGlobal {
            timeouts,
            sync,
            flush,
            flush_on_stop,
            receive_buffer,
        } = ipvs;
        let Timeouts { tcp, tcp_fin, udp } = timeouts;
        let each = [("tcp", tcp), ("tcpfin", tcp_fin), ("udp", udp)];
        let said = |(name, seconds): (&str, &Option<u32>)| {
            seconds.map(|seconds| format!("{name} {seconds}"))
        };
        let set: Vec<_> = each.into_iter().filter_map(said).collect();
        if !set.is_empty() {
            self.say("lvs_timeouts", set.join(" "));
        }
        if let Some(sync) = sync {
            let daemon = &sync.daemon;
            let mut line = Quoted(&daemon.interface).to_string();
            let mut add = |name: &str, value: Option<String>| {
                if let Some(value) = value {
                    line.push_str(&format!(" {name} {value}"));
                }
            };
            add(
                "inst",
                sync.follows.as_deref().map(|it| Quoted(it).to_string()),
            );
            add("id", Some(daemon.sync_id.to_string()));
            add("maxlen", daemon.max_length.map(|it| it.to_string()));
            add("port", daemon.port.map(|it| it.to_string()));
            add("ttl", daemon.ttl.map(|it| it.to_string()));
            add("group", daemon.group.map(|it| it.to_string()));
            self.say("lvs_sync_daemon", line);
        }
        self.flag("lvs_flush", *flush);
        self.some("lvs_netlink_cmd_rcv_bufs", receive_buffer.bytes);
        if receive_buffer.force {
            self.say("lvs_netlink_cmd_rcv_bufs_force", Switch(true));
        }
        match flush_on_stop {
            None => {}
            Some(FlushOnStop::Everything) => self.flag("lvs_flush_on_stop", true),
            Some(FlushOnStop::VirtualServers) => self.say("lvs_flush_on_stop", "VS"),
        }
    }
}
