//! The sockets that adverts come in by: one for an interface and a channel (family,
//! destination, protocol), whatever the number of instances there, and another one when
//! the interface has come back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use socket2::Socket;

use super::worker::{Order, Worker};
use crate::moment::Moment;
use crate::sys::vigil::Vigil;
use crate::sys::vrrp_socket::{Channel, Inbox, MOST_WAITING, Receiver};
use crate::vrrp::InterfaceFacts;
use crate::vrrp::input::Received;
use crate::vrrp::settings::InstanceSettings;

/// How long after a failure a socket is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Packets that are read from a socket while nothing is due.
const AT_ONCE: usize = 4 * Inbox::CAPACITY;

/// How much is to be read from each socket that has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Much {
    /// One packet. That is the quickest where there is no other.
    One,
    /// What it takes until there is time for something else.
    Some,
    /// Everything that is known to have come before.
    All,
}

/// How often to look for losses, and how often to tell of them.
const LOSS_PAUSE: Duration = Duration::from_secs(1);
const LOSS_TOLD_PAUSE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Listeners {
    /// By the names of all interfaces that have to do with an instance; those that only
    /// have addresses put on them have no sockets.
    interfaces: BTreeMap<String, BTreeMap<Channel, Listener>>,
    /// The open sockets, by the numbers that the vigil tells of them by.
    open: Vec<Option<Open>>,
    /// Those that may have something to be read.
    ready: Vec<usize>,
    inbox: Inbox,
    /// When to look whether the kernel has dropped any.
    look_at_losses: Moment,
    /// When something that has failed is to be tried again.
    again: Option<Moment>,
}

#[derive(Default)]
struct Listener {
    state: Listening,
    /// What has been said about failures, until it works again.
    complaint: Option<String>,
}

#[derive(Default)]
enum Listening {
    #[default]
    Closed,
    /// The worker has been told to open it.
    Opening {
        index: u32,
    },
    Open {
        index: u32,
        number: usize,
    },
    Failed {
        index: u32,
        again: Moment,
    },
}

struct Open {
    /// The interface's index, and its name.
    index: u32,
    name: String,
    receiver: Receiver,
    is_ready: bool,
    /// How many are known to have been dropped by the kernel.
    lost: u32,
}

/// Who opens and closes sockets, and who tells of what comes in by them.
#[derive(Clone, Copy)]
pub struct Staff<'a> {
    pub worker: &'a Worker,
    pub vigil: &'a Vigil,
    /// The number from which on these sockets have the vigil's numbers.
    pub first_number: u64,
}

impl Listeners {
    /// Sets what is to be listened to. Sockets that go on being wanted go on.
    pub fn want(&mut self, instances: &[InstanceSettings], staff: Staff<'_>) {
        let wanted = wanted(instances);
        for (name, listeners) in &mut self.interfaces {
            let kept = wanted.get(name.as_str());
            let unwanted = listeners.extract_if(.., |channel, _| {
                kept.is_none_or(|kept| !kept.contains(channel))
            });
            unwanted.for_each(|(_, listener)| listener.state.close(&mut self.open, staff));
        }
        self.interfaces
            .retain(|name, _| wanted.contains_key(name.as_str()));
        self.want_too(instances);
    }

    /// The same, beside what is listened to already.
    pub fn want_too(&mut self, instances: &[InstanceSettings]) {
        for (name, channels) in wanted(instances) {
            let listeners = self.interfaces.entry(name.to_owned()).or_default();
            for channel in channels {
                listeners.entry(channel).or_default();
            }
        }
    }

    /// The names of all interfaces that count.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.interfaces.keys()
    }

    pub fn has(&self, name: &str) -> bool {
        self.interfaces.contains_key(name)
    }

    /// The interface is there. Gives what nothing can be heard by there, or None while
    /// something is being opened.
    pub fn attend(
        &mut self,
        name: &str,
        facts: &InterfaceFacts,
        now: Moment,
        staff: Staff<'_>,
    ) -> Option<Vec<Channel>> {
        let Some(listeners) = self.interfaces.get_mut(name) else {
            return Some(Vec::new());
        };
        let index = facts.index;
        let mut deaf = Some(Vec::new());
        for (channel, listener) in listeners {
            let open = match listener.state {
                Listening::Open { index: of, .. } if of == index => continue,
                Listening::Failed { index: of, again } if of == index && again > now => {
                    deaf.iter_mut().for_each(|deaf| deaf.push(*channel));
                    continue;
                }
                Listening::Opening { index: of } => of != index,
                Listening::Closed | Listening::Open { .. } | Listening::Failed { .. } => true,
            };
            deaf = None;
            if open {
                let before = std::mem::replace(&mut listener.state, Listening::Opening { index });
                before.close(&mut self.open, staff);
                staff.worker.order(Order::Listen {
                    interface: name.to_owned(),
                    index,
                    channel: *channel,
                });
            }
        }
        deaf
    }

    /// What nothing can be heard by on an interface of this index.
    pub fn deaf(&self, name: &str, index: u32) -> Vec<Channel> {
        let listeners = self.interfaces.get(name).into_iter().flatten();
        let deaf = listeners.filter(|(_, listener)| {
            !matches!(listener.state, Listening::Open { index: of, .. } if of == index)
        });
        deaf.map(|(channel, _)| *channel).collect()
    }

    /// There is no interface of this name.
    pub fn leave(&mut self, name: &str, staff: Staff<'_>) {
        for (_, listener) in self.interfaces.get_mut(name).into_iter().flatten() {
            std::mem::take(&mut listener.state).close(&mut self.open, staff);
        }
    }

    /// What became of a socket that was to be opened.
    pub fn on_opened(
        &mut self,
        name: &str,
        index: u32,
        channel: Channel,
        result: io::Result<Socket>,
        now: Moment,
        staff: Staff<'_>,
    ) {
        let wanted = self
            .interfaces
            .get_mut(name)
            .and_then(|listeners| listeners.get_mut(&channel))
            .filter(|listener| matches!(listener.state, Listening::Opening { index: of } if of == index));
        let Some(listener) = wanted else {
            // Wanted no more.
            if let Ok(socket) = result {
                staff.worker.order(Order::Close(socket));
            }
            return;
        };
        let free = self.open.iter().position(Option::is_none);
        let number = free.unwrap_or(self.open.len());
        let of_vigil = staff.first_number + number as u64;
        let receiver =
            result.and_then(|socket| Receiver::new(socket, channel.family, staff.vigil, of_vigil));
        listener.state = match receiver {
            Ok(receiver) => {
                if listener.complaint.take().is_some() {
                    tracing::info!("{channel} are heard on {name} now");
                }
                self.open
                    .resize_with(self.open.len().max(number + 1), || None);
                self.open[number] = Some(Open {
                    index,
                    name: name.to_owned(),
                    receiver,
                    // Something may have come in before the vigil knew of it.
                    is_ready: true,
                    lost: 0,
                });
                self.ready.push(number);
                Listening::Open { index, number }
            }
            Err(error) => {
                let complaint = format!(
                    "{channel} cannot be heard on {name}: {error}; until they are, whoever needs them there is in FAULT"
                );
                if listener.complaint.as_ref() != Some(&complaint) {
                    tracing::error!("{complaint}");
                    listener.complaint = Some(complaint);
                }
                let again = now + PAUSE;
                self.again = self.again.or(Some(again));
                Listening::Failed { index, again }
            }
        };
    }

    /// The interfaces for which [`attend`](Self::attend) is to be called now because
    /// something has failed.
    pub fn take_due(&mut self, now: Moment) -> Vec<String> {
        if self.again.is_none_or(|again| again > now) {
            return Vec::new();
        }
        let failed = |listener: &Listener| match listener.state {
            Listening::Failed { again, .. } => Some(again),
            _ => None,
        };
        let all = self.interfaces.values().flat_map(BTreeMap::values);
        self.again = all.filter_map(failed).filter(|again| *again > now).min();
        let is_due = |listener| failed(listener).is_some_and(|again| again <= now);
        let all = self.interfaces.iter();
        let due = all.filter(|(_, listeners)| listeners.values().any(is_due));
        due.map(|(name, _)| name.clone()).collect()
    }

    /// When there will be some.
    pub fn wake(&self) -> Option<Moment> {
        self.again
    }

    /// Whether every socket that is being opened for the first time has been, or has
    /// failed.
    pub fn is_settled(&self) -> bool {
        let mut all = self.all();
        all.all(|(_, listener)| !matches!(listener.state, Listening::Opening { .. }))
    }

    /// Whether there is something to be read without waiting for it.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Something has come in by the socket of this number, counted from the first.
    pub fn on_ready(&mut self, number: usize) {
        // Told of one that has been closed since.
        let Some(Some(open)) = self.open.get_mut(number) else {
            return;
        };
        if !std::mem::replace(&mut open.is_ready, true) {
            self.ready.push(number);
        }
    }

    /// Hands out what has come in: so much of it. Gives whether that was anything.
    pub fn read(&mut self, much: Much, mut take: impl FnMut(u32, Received<'_>)) -> bool {
        let Listeners {
            open, ready, inbox, ..
        } = self;
        let mut any = false;
        ready.retain(|number| {
            let Some(Some(open)) = open.get_mut(*number) else {
                return false;
            };
            let mut left = match much {
                Much::One => 1,
                Much::Some => AT_ONCE,
                Much::All => MOST_WAITING,
            };
            open.is_ready = loop {
                let may_have_more = match much {
                    // The vigil says so again if there is more.
                    Much::One => open.receiver.read_one(inbox).map(|()| false),
                    Much::Some | Much::All => open.receiver.read_many(inbox),
                };
                match may_have_more {
                    Ok(may_have_more) => {
                        let index = open.index;
                        let packets = inbox.packets();
                        any |= packets.len() > 0;
                        left = left.saturating_sub(packets.len());
                        packets.for_each(|packet| take(index, packet));
                        if !may_have_more {
                            break false;
                        }
                    }
                    // The interface is down or has gone: netlink says so too.
                    Err(error) => {
                        tracing::debug!("reading adverts: {error}");
                        break false;
                    }
                }
                if left == 0 {
                    break true;
                }
            };
            open.is_ready
        });
        any
    }

    /// Tells, at most once a minute, of packets that nobody has looked at: the kernel
    /// drops them where more come in than this process can read.
    pub fn tell_losses(&mut self, now: Moment) {
        if now < self.look_at_losses {
            return;
        }
        self.look_at_losses = now + LOSS_PAUSE;
        for open in self.open.iter_mut().flatten() {
            let dropped = open.receiver.lost().wrapping_sub(open.lost);
            if dropped > 0 {
                open.lost = open.lost.wrapping_add(dropped);
                self.look_at_losses = now + LOSS_TOLD_PAUSE;
                tracing::warn!(
                    "{dropped} adverts on {} were not read: more come in than this process can look at, and those that count may be among them",
                    open.name
                );
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (&Channel, &Listener)> {
        self.interfaces.values().flatten()
    }
}

/// What adverts come in by, by the names of interfaces; none on those that only have
/// addresses put on them.
fn wanted(instances: &[InstanceSettings]) -> BTreeMap<&str, BTreeSet<Channel>> {
    let mut wanted: BTreeMap<&str, BTreeSet<Channel>> = BTreeMap::new();
    for instance in instances {
        let channels = wanted.entry(&instance.interface).or_default();
        channels.insert(Channel::of(instance));
        for address in &instance.addresses {
            wanted.entry(&address.interface).or_default();
        }
    }
    wanted
}

impl Listening {
    /// Leaving a group may take as long as joining it.
    fn close(self, open: &mut [Option<Open>], staff: Staff<'_>) {
        if let Listening::Open { number, .. } = self
            && let Some(open) = open.get_mut(number).and_then(Option::take)
        {
            let socket = open.receiver.into_socket(staff.vigil);
            staff.worker.order(Order::Close(socket));
        }
    }
}
