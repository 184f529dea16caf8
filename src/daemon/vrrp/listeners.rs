//! The sockets that adverts come in by: one for an interface and a channel (family,
//! destination, protocol), whatever the number of instances there, and another one when
//! the interface has come back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::Socket;

use super::worker::{Order, Worker};
use crate::family::Family;
use crate::moment::Moment;
use crate::sys::vrrp_socket::{Channel, Inbox, MOST_WAITING, Receiver};
use crate::vrrp::InterfaceFacts;
use crate::vrrp::input::Received;
use crate::vrrp::settings::{Authentication, InstanceSettings};

/// How long after a failure a socket is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Packets that are read from a socket while nothing is due.
const AT_ONCE: usize = 4 * Inbox::CAPACITY;

/// How often to look for losses, and how often to tell of them.
const LOSS_PAUSE: Duration = Duration::from_secs(1);
const LOSS_TOLD_PAUSE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Listeners {
    /// By the names of all interfaces that have to do with an instance; those that only
    /// have addresses put on them have no sockets.
    interfaces: BTreeMap<String, BTreeMap<Channel, Listener>>,
    inbox: Inbox,
    /// The latest reading has left something.
    more: bool,
    /// When to look whether the kernel has dropped any.
    look_at_losses: Moment,
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
        receiver: Receiver,
        /// How many are known to have been dropped by the kernel.
        lost: u32,
    },
    Failed {
        index: u32,
        again: Moment,
    },
}

impl Listeners {
    /// Sets what is to be listened to. Sockets that go on being wanted go on.
    pub fn want(&mut self, instances: &[InstanceSettings], worker: &Worker) {
        let mut wanted: BTreeMap<&str, BTreeSet<Channel>> = BTreeMap::new();
        for instance in instances {
            let channels = wanted.entry(&instance.interface).or_default();
            channels.insert(channel(instance));
            for address in &instance.addresses {
                wanted.entry(&address.interface).or_default();
            }
        }
        for (name, listeners) in &mut self.interfaces {
            let kept = wanted.get(name.as_str());
            let unwanted = listeners
                .extract_if(.., |channel, _| {
                    kept.is_none_or(|kept| !kept.contains(channel))
                })
                .map(|(_, listener)| listener);
            unwanted.for_each(|listener| listener.close(worker));
        }
        self.interfaces
            .retain(|name, _| wanted.contains_key(name.as_str()));
        for (name, channels) in wanted {
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

    /// The interface is there. True once everything that is to be heard by it is; until
    /// then what is missing is being opened. What cannot be opened for a family that the
    /// interface has no address of holds nobody up: without one there is no instance of
    /// that family either.
    pub fn attend(
        &mut self,
        name: &str,
        facts: &InterfaceFacts,
        now: Moment,
        worker: &Worker,
    ) -> bool {
        let Some(listeners) = self.interfaces.get_mut(name) else {
            return true;
        };
        let index = facts.index;
        let speaks = |family| {
            let mut families = facts.addresses.iter().map(|(own, _)| Family::of(*own));
            families.any(|of| of == family)
        };
        let mut all = true;
        for (channel, listener) in listeners {
            let open = match listener.state {
                Listening::Open { index: of, .. } if of == index => continue,
                Listening::Opening { index: of } => of != index,
                Listening::Failed { index: of, again } => of != index || again <= now,
                Listening::Closed | Listening::Open { .. } => true,
            };
            let has_failed = matches!(listener.state, Listening::Failed { .. });
            all &= has_failed && !open && !speaks(channel.family);
            if open {
                let before = std::mem::replace(&mut listener.state, Listening::Opening { index });
                before.close(worker);
                worker.order(Order::Listen {
                    interface: name.to_owned(),
                    index,
                    channel: *channel,
                });
            }
        }
        all
    }

    /// There is no interface of this name.
    pub fn leave(&mut self, name: &str, worker: &Worker) {
        for listener in self.interfaces.get_mut(name).into_iter().flatten() {
            std::mem::take(&mut listener.1.state).close(worker);
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
        worker: &Worker,
    ) {
        let wanted = self
            .interfaces
            .get_mut(name)
            .and_then(|listeners| listeners.get_mut(&channel))
            .filter(|listener| matches!(listener.state, Listening::Opening { index: of } if of == index));
        let Some(listener) = wanted else {
            // Wanted no more.
            if let Ok(socket) = result {
                worker.order(Order::Close(socket));
            }
            return;
        };
        listener.state = match result.and_then(|socket| Receiver::new(socket, channel.family)) {
            Ok(receiver) => {
                if listener.complaint.take().is_some() {
                    tracing::info!("{channel} are heard on {name} now");
                }
                self.more = true;
                Listening::Open {
                    index,
                    receiver,
                    lost: 0,
                }
            }
            Err(error) => {
                let complaint = format!(
                    "{channel} cannot be heard on {name}: {error}; no instance begins there before they are"
                );
                if listener.complaint.as_ref() != Some(&complaint) {
                    tracing::error!("{complaint}");
                    listener.complaint = Some(complaint);
                }
                let again = now + PAUSE;
                Listening::Failed { index, again }
            }
        };
    }

    /// The interfaces for which [`attend`](Self::attend) is to be called again because
    /// something has failed.
    pub fn due(&self, now: Moment) -> impl Iterator<Item = &String> {
        let is_due = move |listener: &Listener| match listener.state {
            Listening::Failed { again, .. } => again <= now,
            _ => false,
        };
        let due = self
            .interfaces
            .iter()
            .filter(move |(_, listeners)| listeners.values().any(is_due));
        due.map(|(name, _)| name)
    }

    /// When there will be some.
    pub fn wake(&self) -> Option<Moment> {
        self.all()
            .filter_map(|(_, listener)| match listener.state {
                Listening::Failed { again, .. } => Some(again),
                _ => None,
            })
            .min()
    }

    /// Whether every socket that is being opened for the first time has been, or has
    /// failed.
    pub fn is_settled(&self) -> bool {
        let mut all = self.all();
        all.all(|(_, listener)| !matches!(listener.state, Listening::Opening { .. }))
    }

    /// Whether there is something to be read without waiting for it.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Wakes the task when something comes in.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut ready = Poll::Pending;
        for (_, receiver) in receivers(&self.interfaces) {
            // All of them, so that each can wake.
            if receiver.poll_readable(context).is_ready() {
                ready = Poll::Ready(());
            }
        }
        ready
    }

    /// Hands out what has come in: some of it, or with `all` everything that had come
    /// before this was called.
    pub fn read(&mut self, all: bool, mut take: impl FnMut(u32, Received<'_>)) {
        let Listeners {
            interfaces,
            inbox,
            more,
            ..
        } = self;
        *more = false;
        let most = if all { MOST_WAITING } else { AT_ONCE };
        let mut context = Context::from_waker(Waker::noop());
        for (index, receiver) in receivers(interfaces) {
            if !all && receiver.poll_readable(&mut context).is_pending() {
                continue;
            }
            let mut read = 0;
            while read < most {
                match receiver.read(inbox) {
                    Ok(count) => {
                        inbox.packets().for_each(|packet| take(index, packet));
                        read += count;
                        if count < Inbox::CAPACITY {
                            break;
                        }
                    }
                    // The interface is down or has gone: netlink says so too.
                    Err(error) => {
                        tracing::debug!("reading adverts: {error}");
                        break;
                    }
                }
            }
            *more |= read >= most;
        }
    }

    /// Tells, at most once a minute, of packets that nobody has looked at: the kernel
    /// drops them where more come in than this process can read.
    pub fn tell_losses(&mut self, now: Moment) {
        if now < self.look_at_losses {
            return;
        }
        self.look_at_losses = now + LOSS_PAUSE;
        for (name, listeners) in &mut self.interfaces {
            for listener in listeners.values_mut() {
                let Listening::Open { receiver, lost, .. } = &mut listener.state else {
                    continue;
                };
                let dropped = receiver.lost().wrapping_sub(*lost);
                if dropped > 0 {
                    *lost = lost.wrapping_add(dropped);
                    self.look_at_losses = now + LOSS_TOLD_PAUSE;
                    tracing::warn!(
                        "{dropped} adverts on {name} were not read: more come in than this process can look at, and those that count may be among them"
                    );
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (&Channel, &Listener)> {
        self.interfaces.values().flatten()
    }
}

fn receivers(
    interfaces: &BTreeMap<String, BTreeMap<Channel, Listener>>,
) -> impl Iterator<Item = (u32, &Receiver)> {
    let all = interfaces.values().flatten();
    all.filter_map(|(_, listener)| match &listener.state {
        Listening::Open {
            index, receiver, ..
        } => Some((*index, receiver)),
        _ => None,
    })
}

/// What an instance's adverts come in by.
fn channel(instance: &InstanceSettings) -> Channel {
    Channel {
        family: instance.family,
        group: instance.group(),
        in_header: matches!(instance.authentication, Authentication::Header(_)),
    }
}

impl Listener {
    fn close(self, worker: &Worker) {
        self.state.close(worker);
    }
}

impl Listening {
    /// Leaving a group may take as long as joining it.
    fn close(self, worker: &Worker) {
        if let Listening::Open { receiver, .. } = self {
            worker.order(Order::Close(receiver.into_socket()));
        }
    }
}
