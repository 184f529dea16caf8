//! What goes out: adverts at once, frames behind them, and neither lost where a queue is
//! full for a moment.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::moment::Moment;
use crate::sys::packet_socket::{PacketSocket, is_congestion};
use crate::sys::vrrp_socket::Sender;
use crate::vrrp::input::{Advert, Announcement, InstanceId};
use crate::vrrp::{Priority, Router};

/// How long a full queue is left alone.
const PAUSE: Duration = Duration::from_millis(2);

/// Frames that are sent between two looks at what has come in and what is due.
const BATCH: usize = 64;

/// How often the same complaint is made.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

pub struct Outbox {
    sender: Sender,
    packets: PacketSocket,
    /// Adverts for which there was no room, by whom they go to. A later one takes an
    /// earlier one's place.
    unsent: BTreeMap<(InstanceId, IpAddr), Advert>,
    /// Frames for which there was no room.
    held: VecDeque<Announcement>,
    /// When to try these again.
    again: Option<Moment>,
    /// By interface: when something could not be sent was last complained of.
    complaints: BTreeMap<u32, Moment>,
}

impl Outbox {
    pub fn new(sender: Sender, packets: PacketSocket) -> Self {
        Outbox {
            sender,
            packets,
            unsent: BTreeMap::new(),
            held: VecDeque::new(),
            again: None,
            complaints: BTreeMap::new(),
        }
    }

    /// Sends an advert. True if it has gone out.
    pub fn send(&mut self, advert: Advert, now: Moment) -> bool {
        let key = (advert.instance, advert.destination);
        self.unsent.remove(&key);
        match self.sender.send(&advert) {
            Ok(()) => true,
            Err(error) if is_congestion(&error) => {
                self.again = Some(now + PAUSE);
                self.unsent.insert(key, advert);
                false
            }
            Err(error) => {
                self.complain("an advert", advert.interface, &error, now);
                false
            }
        }
    }

    /// Tries once more what found no room before. Returns who has had an advert sent as
    /// master.
    pub fn send_again(&mut self, now: Moment) -> Vec<InstanceId> {
        if self.again.is_none_or(|again| again > now) {
            return Vec::new();
        }
        self.again = None;
        let unsent = std::mem::take(&mut self.unsent);
        let mut sent = Vec::new();
        for ((instance, _), advert) in unsent {
            let is_release = is_release(&advert);
            if self.send(advert, now) && !is_release {
                sent.push(instance);
            }
        }
        sent
    }

    /// The instance is no longer master: what waits for it would be a lie, but for the
    /// word that it stops.
    pub fn forget(&mut self, instance: InstanceId) {
        self.unsent
            .retain(|(of, _), advert| *of != instance || is_release(advert));
        self.held.retain(|held| held.instance != instance);
    }

    /// Sends some of the frames that are due. Returns whether there are more that could
    /// be sent at once.
    pub fn announce(&mut self, router: &mut Router, now: Moment) -> bool {
        for _ in 0..BATCH {
            // Not before the adverts that wait, nor into a queue that is full.
            if self.again.is_some() {
                break;
            }
            let Some(frame) = self
                .held
                .pop_front()
                .or_else(|| router.next_announcement(now))
            else {
                return false;
            };
            match self.packets.send(&frame) {
                Ok(()) => {}
                Err(error) if is_congestion(&error) => {
                    self.held.push_front(frame);
                    self.again = Some(now + PAUSE);
                }
                Err(error) => self.complain("gratuitous ARP", frame.interface, &error, now),
            }
        }
        if self.again.is_some() {
            // Here they wait until there is room; with the router they would be due all
            // the time.
            self.held
                .extend(std::iter::from_fn(|| router.next_announcement(now)));
            return false;
        }
        true
    }

    /// When there is something to be tried again.
    pub fn wake(&self) -> Option<Moment> {
        self.again
    }

    /// Whether no advert waits.
    pub fn has_sent_all(&self) -> bool {
        self.unsent.is_empty()
    }

    fn complain(&mut self, what: &str, interface: u32, error: &io::Error, now: Moment) {
        let last = self.complaints.get(&interface);
        if last.is_some_and(|last| now - *last < COMPLAINT_PAUSE) {
            return;
        }
        self.complaints.insert(interface, now);
        tracing::warn!("{what} could not be sent by interface {interface}: {error}");
    }
}

/// Whether an advert says that the master stops.
pub fn is_release(advert: &Advert) -> bool {
    advert.priority == Priority::RELEASE
}
