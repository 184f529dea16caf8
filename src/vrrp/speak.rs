//! What an instance says: adverts on their way out.

use std::collections::VecDeque;

use super::input::{Action, Advert, Content};
use super::instance::Instance;
use super::packet::{Form, Message, PASSWORD, TTL, WireAuthentication};
use super::settings::{Authentication, Delivery};
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
    pub fn send(&mut self, priority: Priority, _now: Moment, out: &mut VecDeque<Action>) {
        let Some(port) = self.last_port else { return };
        let (destinations, ttl) = match &self.settings.delivery {
            Delivery::Multicast { group } => (vec![*group], TTL),
            Delivery::Unicast(unicast) => (
                unicast.peers.iter().map(|peer| peer.address).collect(),
                unicast.ttl,
            ),
        };
        let message = Message {
            vrid: self.settings.vrid,
            priority,
            addresses: self.settings.advertised().collect(),
            form: match self.settings.version {
                Version::V2 => Form::V2 {
                    interval: (self.settings.advert_interval.centiseconds() / 100) as u8,
                    authentication: match self.settings.authentication {
                        Authentication::Pass(password) => WireAuthentication {
                            kind: PASSWORD,
                            data: Some(password.0),
                        },
                        _ => WireAuthentication {
                            kind: 0,
                            data: Some([0; 8]),
                        },
                    },
                },
                Version::V3 => Form::V3 {
                    interval: self.settings.advert_interval,
                },
            },
        };
        self.counters.adverts_sent += 1;
        for destination in destinations {
            out.push_back(Action::Send(Advert {
                instance: self.id,
                interface: port.index,
                source: port.source,
                destination,
                priority,
                content: Content::Message {
                    octets: message.encode(port.source, destination),
                    ttl,
                },
            }));
        }
    }
}
