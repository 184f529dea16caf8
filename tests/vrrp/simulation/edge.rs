//! What stands between a router and its host: it does what the router wants done.

use std::net::IpAddr;

use ipvsd::vrrp::input::{Action, Advert, Content};
use ipvsd::vrrp::settings::VirtualAddress;
use ipvsd::vrrp::{InstanceId, State};

use super::judge::{Verdict, states};
use super::node::{Incoming, Packet};
use super::plan::{MILLISECOND, Time};
use super::world::{BOOT, Event, World};
use crate::bench::ip;

/// How late at most netlink tells of a change.
const NETLINK: Time = 10 * MILLISECOND;

/// An advert as others receive it.
fn packet(advert: &Advert) -> Packet {
    let (octets, ttl) = match (&advert.content, advert.source, advert.destination) {
        (Content::Message { octets, ttl }, IpAddr::V4(source), IpAddr::V4(destination)) => {
            (ip(source, destination, *ttl, octets), *ttl)
        }
        (Content::Message { octets, ttl }, ..) => (octets.clone(), *ttl),
        (Content::Datagram(octets), ..) => (octets.clone(), octets[8]),
    };
    Packet {
        source: advert.source,
        destination: advert.destination,
        ttl,
        octets,
    }
}

impl World {
    /// Does what a router wants done, and sets its alarm.
    pub fn act(&mut self, node: usize) -> Verdict {
        let now = self.moment();
        let Some(mut router) = self.nodes[node].router.take() else {
            return Ok(());
        };
        while let Some(action) = router.next_action() {
            match action {
                Action::Send(advert) => self.send(node, &advert)?,
                Action::AddAddresses {
                    instance,
                    addresses,
                } => self.operate(node, instance, addresses, true),
                Action::RemoveAddresses {
                    instance,
                    addresses,
                } => self.operate(node, instance, addresses, false),
                Action::Tell(event) => self.tell(|_| format!("{node}: {event}")),
            }
        }
        while let Some(announcement) = router.next_announcement(now) {
            let segment = (announcement.interface - 2) as usize;
            self.tell(|_| format!("{node} announces segment {segment}"));
            let host = &self.nodes[node];
            if host.links[segment].held.is_empty() && !host.is_disturbed {
                return Err(format!("{node} announces an address that it does not have"));
            }
            if host.links[segment].is_up {
                self.judge.announced(node, segment, self.now);
            }
        }
        let wake = router.wake();
        // A stopped one is in INIT.
        let is_running = states(&router)
            .iter()
            .any(|state| matches!(state, State::Backup | State::Master));
        self.nodes[node].router = Some(router);
        let Some(wake) = wake else {
            return if is_running {
                Err(format!("{node} waits for nothing"))
            } else {
                Ok(())
            };
        };
        // Up to a whole microsecond: never too early.
        let wake = wake.elapsed_since_boot().as_nanos().div_ceil(1_000) as Time;
        let wake = wake.saturating_sub(BOOT);
        let late = self.random.of(0..self.plan.lateness + 1);
        self.nodes[node].alarm += 1;
        let alarm = self.nodes[node].alarm;
        self.at(wake.max(self.now) + late, Event::Alarm { node, alarm });
        Ok(())
    }

    fn send(&mut self, node: usize, advert: &Advert) -> Verdict {
        let segment = (advert.interface - 2) as usize;
        let host = &self.nodes[node];
        let source = host.source(segment);
        let priority = advert.priority.0;
        self.tell(|_| format!("{node} sends priority {priority} on segment {segment}"));
        if !host.links[segment].is_up {
            return Ok(());
        }
        if advert.source != source {
            return Err(format!("{node} sends from {}", advert.source));
        }
        if priority > 0 {
            self.judge.advert(node, segment, self.now)?;
        }
        let packet = packet(advert);
        for to in 0..self.nodes.len() {
            let is_meant = advert.destination.is_multicast()
                || self.nodes[to].source(segment) == advert.destination;
            if !is_meant || (to == node && !self.plan.loops) {
                continue;
            }
            for delay in self
                .network
                .deliveries(&self.plan, &mut self.random, segment, node, to)
            {
                let packet = packet.clone();
                let deliver = Event::Deliver {
                    node: to,
                    segment,
                    packet,
                };
                self.at(self.now + delay, deliver);
            }
        }
        Ok(())
    }

    /// Asks the kernel to change addresses. It does one thing after the other.
    fn operate(
        &mut self,
        node: usize,
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
        is_add: bool,
    ) {
        let takes = self.random.of(0..self.plan.operation);
        let host = &mut self.nodes[node];
        let done = host.busy_until.max(self.now) + takes;
        host.busy_until = done;
        let life = host.life;
        let execute = Event::Execute {
            node,
            life,
            instance,
            addresses,
            is_add,
        };
        self.at(done, execute);
    }

    pub fn execute(
        &mut self,
        node: usize,
        life: u64,
        instance: InstanceId,
        addresses: &[VirtualAddress],
        is_add: bool,
    ) -> Verdict {
        if self.nodes[node].life != life {
            return Ok(());
        }
        for address in addresses {
            let segment: usize = address.interface["eth".len()..].parse().expect("a number");
            let held = &mut self.nodes[node].links[segment].held;
            let address = (address.address, address.prefix);
            let is_change = if is_add {
                held.insert(address)
            } else {
                held.remove(&address)
            };
            if is_change {
                self.tell(|_| {
                    let verb = if is_add { "has" } else { "has no longer" };
                    format!("{node} {verb} the address of segment {segment}")
                });
                self.facts_change(node, segment);
            }
        }
        self.incoming(node, Incoming::Done { life, instance })
    }

    /// Netlink will tell.
    pub fn facts_change(&mut self, node: usize, segment: usize) {
        let when = self.now + self.random.of(0..NETLINK);
        self.at(when, Event::Facts { node, segment });
    }
}
