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
    Changed {
        ticket: u64,
        /// By their place among the changes.
        refused: BTreeMap<usize, Refusal>,
    },
    Dumped(io::Result<Snapshot>),
    Listening {
        interface: String,
        index: u32,
        channel: Channel,
        result: io::Result<Socket>,
    },
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
    for order in to_do {
        let report = match order {
            Order::Change { ticket, changes } => Report::Changed {
                ticket,
                refused: change(&mut commands, &changes),
            },
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

/// Where an answer was lost, everything once more: what is done already is fine.
fn change(commands: &mut Commands, changes: &Changes) -> BTreeMap<usize, Refusal> {
    let result = commands.change(changes).or_else(|error| {
        tracing::debug!("an answer about addresses is lost ({error}): once more");
        commands.change(changes)
    });
    result.unwrap_or_else(|error| {
        let refusal = Refusal {
            errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            words: Some(format!("netlink: {error}")),
        };
        let all = 0..changes.changes.len();
        all.map(|place| (place, refusal.clone())).collect()
    })
}
