//! Switches and hosts that come and go with what is measured on them.

use std::ops::Deref;

use crate::net::{Namespace, ip_batch};

/// The switch that there always is.
pub const FRONT: &str = "front";

/// Makes a switch, which floods what is sent to a group.
pub fn switch(name: &str) {
    ip_batch(
        None,
        &format!(
            "link add {name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
             link set {name} up\n"
        ),
    );
}

/// A host whose interfaces eth0, eth1 and so on are at these switches, with these
/// addresses. With it they go.
pub struct Host {
    host: Namespace,
    interfaces: usize,
}

impl Host {
    pub fn new(name: &str, links: &[(&str, &str)]) -> Self {
        let host = Namespace::create(name);
        for (number, (bridge, address)) in links.iter().enumerate() {
            host.attach(bridge, &format!("eth{number}"), &[address]);
        }
        Host {
            host,
            interfaces: links.len(),
        }
    }
}

impl Deref for Host {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.host
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let ports = (0..self.interfaces).map(|number| self.host.port(&format!("eth{number}")));
        // At once, not when the kernel comes to tidying up.
        let lines: String = ports.map(|port| format!("link del {port}\n")).collect();
        ip_batch(None, &lines);
        self.host.delete();
    }
}
