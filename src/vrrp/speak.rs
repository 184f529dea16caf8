//! What an instance says: adverts on their way out.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::input::{Action, Advert, Content};
use super::instance::Instance;
use super::link::Port;
use super::packet::ah::Seal;
use super::packet::{
    AUTHENTICATION_HEADER, Envelope, Form, Message, PASSWORD, TTL, UNAUTHENTICATED,
    WireAuthentication,
};
use super::settings::{Authentication, Delivery, HmacMode, InstanceSettings};
use super::types::{Priority, Version};
use crate::moment::Moment;

impl Instance {
    /// Sends an advert of its own, and sets the timer for the next one.
    pub fn advertise(&mut self, now: Moment, out: &mut VecDeque<Action>) {
        self.send(self.settings.priority, now, out);
        self.last_advert = Some(now);
        self.timer = Some(now + self.settings.advert_interval.as_duration());
    }

    /// Sends an advert, if there is a link to send it on: to the group, or to each peer.
    pub fn send(&mut self, priority: Priority, now: Moment, out: &mut VecDeque<Action>) {
        let Some(port) = self.last_port else { return };
        let mut message = message(&self.settings, priority);
        // Once for all peers, as keepalived counts.
        let numbers = match &self.settings.authentication {
            Authentication::Header(_) => Some((self.guard.next_id(), self.guard.next_counter(now))),
            Authentication::Hmac(hmac) if hmac.mode != HmacMode::ReceiveOnly => {
                if let Some(key) = hmac.keys.get(&hmac.active_key) {
                    let sequence = self.guard.next_sequence(hmac.anti_replay, now);
                    message.sign(port.source, hmac.active_key, key, sequence);
                }
                None
            }
            _ => None,
        };
        self.counters.adverts_sent += 1;
        let mut send = |destination, ttl| {
            out.push_back(Action::Send(Advert {
                instance: self.id,
                interface: port.index,
                source: port.source,
                destination,
                priority,
                content: content(&self.settings, &message, port, destination, ttl, numbers),
            }));
        };
        match &self.settings.delivery {
            Delivery::Multicast { group } => send(*group, TTL),
            Delivery::Unicast(unicast) => {
                for peer in &unicast.peers {
                    send(peer.address, unicast.ttl);
                }
            }
        }
    }
}

fn message(settings: &InstanceSettings, priority: Priority) -> Message {
    let (kind, data) = match &settings.authentication {
        Authentication::None | Authentication::Hmac(_) => (UNAUTHENTICATED, [0; 8]),
        Authentication::Pass(password) => (PASSWORD, password.0),
        Authentication::Header(_) => (AUTHENTICATION_HEADER, [0; 8]),
    };
    Message {
        vrid: settings.vrid,
        priority,
        addresses: settings.advertised().collect(),
        form: match settings.version {
            Version::V2 => Form::V2 {
                interval: (settings.advert_interval.centiseconds() / 100) as u8,
                authentication: WireAuthentication {
                    kind,
                    data: Some(data),
                },
            },
            Version::V3 => Form::V3 {
                interval: settings.advert_interval,
            },
        },
        trailer: None,
    }
}

/// What one destination gets. `numbers` are a datagram's identification and its
/// sequence number where it is built here.
fn content(
    settings: &InstanceSettings,
    message: &Message,
    port: Port,
    destination: IpAddr,
    ttl: u8,
    numbers: Option<(u16, u32)>,
) -> Content {
    let octets = message.encode(&Envelope {
        source: port.source,
        destination,
        checksum: settings.checksum,
    });
    match (&settings.authentication, numbers, port.source, destination) {
        (
            Authentication::Header(key),
            Some((id, sequence)),
            IpAddr::V4(source),
            IpAddr::V4(destination),
        ) => {
            let seal = Seal {
                source,
                destination,
                ttl,
                id,
                sequence,
                is_unicast: settings.group().is_none(),
            };
            Content::Datagram(seal.around(&octets, *key))
        }
        _ => Content::Message { octets, ttl },
    }
}
