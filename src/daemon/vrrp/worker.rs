//! What may take its time, on a thread of its own: the kernel changes addresses, lists
//! links and lets sockets join groups for one asker at a time in all of the machine,
//! and whoever has to wait there must not be the one who sends adverts.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc as orders;

use nix::errno::Errno;
use socket2::Socket;
use tokio::sync::mpsc as reports;

use crate::sys::rtnetlink::{Changes, Commands, Refusal, Snapshot};
use crate::sys::vrrp_socket::{self, Channel};

/// From how many changes on no further order is done with them: whoever waits for the
/// first ones is not to wait for long.
const MOST_TOGETHER: usize = 4096;

/// Something to be done, after everything before it.
pub enum Order {
    Change {
        ticket: u64,
        changes: Changes,
    },
    Dump,
    /// Open a socket that receives.
    Listen {
        interface: String,
        index: u32,
        channel: Channel,
    },
    /// Close it.
    Close(Socket),
}

/// What has become of an order.
pub enum Report {
    Changed(Vec<Changed>),
    Dumped(io::Result<Snapshot>),
    Listening {
        interface: String,
        index: u32,
        channel: Channel,
        result: io::Result<Socket>,
    },
}

/// What has become of one order to change something.
pub struct Changed {
    pub ticket: u64,
    /// By their place among the changes.
    pub refused: BTreeMap<usize, Refusal>,
}

/// The thread's other end. It ends with this.
pub struct Worker {
    orders: orders::Sender<Order>,
    reports: reports::UnboundedReceiver<Report>,
}

impl Worker {
    /// Starts the thread. Comes back when it has made itself at home: from then on it
    /// makes no call that a confined process could not.
    ///
    /// # Errors
    /// Where there are no threads left.
    pub fn start(commands: Commands) -> io::Result<Self> {
        let (orders, to_do) = orders::channel();
        let (done, reports) = reports::unbounded_channel();
        let (up, is_up) = orders::channel();
        std::thread::Builder::new()
            .name("ipvsd-kernel".into())
            .spawn(move || {
                // Who waits for it has it or has ended.
                let _ = up.send(());
                work(commands, to_do, done);
            })?;
        is_up
            .recv()
            .map_err(|_| io::Error::other("the thread has ended"))?;
        Ok(Worker { orders, reports })
    }

    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            // `next` says so too, and everything ends.
            tracing::error!("the thread that speaks to the kernel has ended");
        }
    }

    /// What has been done next. May be dropped and called again. None when the thread
    /// has ended.
    pub async fn next(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// The same, without waiting.
    pub fn try_next(&mut self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
}

fn work(
    mut commands: Commands,
    to_do: orders::Receiver<Order>,
    done: reports::UnboundedSender<Report>,
) {
    let mut next = None;
    while let Some(order) = next.take().or_else(|| to_do.recv().ok()) {
        let report = match order {
            Order::Change { ticket, changes } => {
                let mut batch = Batch::default();
                batch.add(ticket, changes);
                next = batch.add_what_waits(&to_do);
                Report::Changed(batch.carry_out(&mut commands))
            }
            Order::Dump => Report::Dumped(commands.dump().or_else(|_| commands.dump())),
            Order::Listen {
                interface,
                index,
                channel,
            } => {
                let result = vrrp_socket::listen(&interface, index, &channel);
                Report::Listening {
                    interface,
                    index,
                    channel,
                    result,
                }
            }
            Order::Close(socket) => {
                drop(socket);
                continue;
            }
        };
        if done.send(report).is_err() {
            return;
        }
    }
}

/// Orders to change something that have come together: a thousand instances that become
/// master at once have one address each.
#[derive(Default)]
struct Batch {
    /// With how many changes each has.
    tickets: Vec<(u64, usize)>,
    changes: Changes,
}

impl Batch {
    fn add(&mut self, ticket: u64, changes: Changes) {
        self.tickets.push((ticket, changes.changes.len()));
        self.changes.changes.extend(changes.changes);
        self.changes.promoting.extend(changes.promoting);
    }

    /// Takes further orders of this kind as long as there are any. Gives back one of
    /// another kind.
    fn add_what_waits(&mut self, to_do: &orders::Receiver<Order>) -> Option<Order> {
        while self.changes.changes.len() < MOST_TOGETHER {
            match to_do.try_recv() {
                Ok(Order::Change { ticket, changes }) => self.add(ticket, changes),
                Ok(other) => return Some(other),
                Err(_) => break,
            }
        }
        None
    }

    /// Where an answer was lost, everything once more: what is done already is fine.
    fn carry_out(self, commands: &mut Commands) -> Vec<Changed> {
        let result = commands.change(&self.changes).or_else(|error| {
            tracing::debug!("an answer about addresses is lost ({error}): once more");
            commands.change(&self.changes)
        });
        let refused = result.unwrap_or_else(|error| {
            let refusal = Refusal {
                errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
                words: Some(format!("netlink: {error}")),
            };
            let all = 0..self.changes.changes.len();
            all.map(|place| (place, refusal.clone())).collect()
        });
        self.share_out(refused)
    }

    /// Each order's own part of what was refused.
    fn share_out(&self, mut refused: BTreeMap<usize, Refusal>) -> Vec<Changed> {
        let mut first = 0;
        let tickets = self.tickets.iter();
        tickets
            .map(|&(ticket, count)| {
                let later = refused.split_off(&(first + count));
                let its = std::mem::replace(&mut refused, later).into_iter();
                let refused = its.map(|(place, refusal)| (place - first, refusal));
                let refused = refused.collect();
                first += count;
                Changed { ticket, refused }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_hears_of_its_own_part() {
        let refusal = |errno| Refusal { errno, words: None };
        let batch = Batch {
            tickets: vec![(7, 2), (8, 0), (9, 3)],
            changes: Changes::default(),
        };
        let refused = BTreeMap::from([
            (1, refusal(Errno::ENODEV)),
            (2, refusal(Errno::EPERM)),
            (4, refusal(Errno::EINVAL)),
        ]);
        let shared = batch.share_out(refused);
        let shared: Vec<_> = shared
            .into_iter()
            .map(|changed| (changed.ticket, changed.refused))
            .collect();
        assert_eq!(
            shared,
            [
                (7, BTreeMap::from([(1, refusal(Errno::ENODEV))])),
                (8, BTreeMap::new()),
                (
                    9,
                    BTreeMap::from([(0, refusal(Errno::EPERM)), (2, refusal(Errno::EINVAL))])
                ),
            ]
        );
    }
}
