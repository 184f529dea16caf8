//! What goes out: adverts at once, frames behind them, and neither lost where a queue is
//! full for a moment: adverts wait here, and frames with the router.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::moment::Moment;
use crate::sys::clock;
use crate::sys::packet_socket::{PacketSocket, is_congestion};
use crate::sys::vrrp_socket::Sender;
use crate::vrrp::input::{Advert, Announcement, InstanceId};
use crate::vrrp::{Priority, Router};

/// How long a full queue is left alone at first, and at most: each time that it is still
/// full, twice as long as before.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// How often the same complaint is made.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// How long a queue is left alone that was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Pause(PAUSE)
    }
}

impl Pause {
    /// It is still full.
    fn lengthen(&mut self) {
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

pub struct Outbox {
    sender: Sender,
    packets: PacketSocket,
    /// Adverts for which there was no room, by whom they go to. A later one takes an
    /// earlier one's place.
    unsent: BTreeMap<(InstanceId, IpAddr), Advert>,
    /// When to try these again.
    again: Option<Moment>,
    /// How long full queues are left alone now.
    pause: Pause,
    /// The same of frames, by interface.
    frame_pauses: BTreeMap<u32, Pause>,
    /// By interface: when something could not be sent was last complained of.
    complaints: BTreeMap<u32, Moment>,
}

impl Outbox {
    pub fn new(sender: Sender, packets: PacketSocket) -> Self {
        Outbox {
            sender,
            packets,
            unsent: BTreeMap::new(),
            again: None,
            pause: Pause::default(),
            frame_pauses: BTreeMap::new(),
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
                let again = now + self.pause.0;
                self.again = Some(self.again.map_or(again, |before| before.min(again)));
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
        self.pause.lengthen();
        let unsent = std::mem::take(&mut self.unsent);
        let mut sent = Vec::new();
        for ((instance, _), advert) in unsent {
            let is_release = is_release(&advert);
            if self.send(advert, now) && !is_release {
                sent.push(instance);
            }
        }
        if self.unsent.is_empty() {
            self.pause = Pause::default();
        }
        sent
    }

    /// The instance is no longer master: what waits for it would be a lie, but for the
    /// word that it stops.
    pub fn forget(&mut self, instance: InstanceId) {
        self.unsent
            .retain(|(of, _), advert| *of != instance || is_release(advert));
    }

    /// Sends some of the frames that are due: one batch between two looks at what has
    /// come in and what else is due. Returns whether there are more that could be sent
    /// at once.
    pub fn announce(&mut self, router: &mut Router, now: Moment) -> bool {
        let frames = std::iter::from_fn(|| router.next_announcement(now));
        let mut frames: Vec<_> = frames.take(PacketSocket::BATCH).collect();
        if frames.is_empty() {
            return false;
        }
        // Not into a queue where an advert finds no room.
        let crowded: BTreeSet<u32> = self.unsent.values().map(|of| of.interface).collect();
        hold_back(router, &mut frames, now + self.pause.0, |frame| {
            crowded.contains(&frame.interface)
        });
        while let Some(first) = frames.first() {
            let interface = first.interface;
            match self.packets.send(&frames) {
                Ok(sent) => {
                    self.frame_pauses.remove(&interface);
                    frames.drain(..sent);
                }
                // The socket's own queue.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    hold_back(router, &mut frames, now + PAUSE, |_| true);
                }
                Err(error) if is_congestion(&error) => {
                    let pause = self.frame_pauses.entry(interface).or_default();
                    hold_back(router, &mut frames, now + pause.0, |frame| {
                        frame.interface == interface
                    });
                    pause.lengthen();
                }
                Err(error) => {
                    self.complain("an announcement", interface, &error, now);
                    frames.remove(0);
                }
            }
        }
        router.announced(clock::now());
        router.has_announcements(now)
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

/// These frames go back to the router until then, when there may be room for them.
fn hold_back(
    router: &mut Router,
    frames: &mut Vec<Announcement>,
    until: Moment,
    which: impl Fn(&Announcement) -> bool,
) {
    // The last one first: so each comes before those that were behind it.
    for frame in frames.iter().rev().filter(|frame| which(frame)) {
        router.not_announced(frame, until);
    }
    frames.retain(|frame| !which(frame));
}

/// Whether an advert says that the master stops.
pub fn is_release(advert: &Advert) -> bool {
    advert.priority == Priority::RELEASE
}
