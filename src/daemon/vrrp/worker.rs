//! What may take its time, on a thread of its own: the kernel changes addresses, lists
//! links and lets sockets join groups for one asker at a time in all of the machine,
//! and whoever has to wait there must not be the one who sends adverts.

mod waiting;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc as orders;

use socket2::Socket;
use tokio::sync::mpsc as reports;

use self::waiting::{Task, Waiting};
use crate::sys::rtnetlink::{Changes, Commands, Refusal, Snapshot};
use crate::sys::vigil::Bell;
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
    /// A bell that nobody has any more rings no more, not even for the last time.
    _bell: Bell,
}

impl Worker {
    /// Starts the thread. Comes back when it has made itself at home: from then on it
    /// makes no call that a confined process could not. It rings whenever there is a
    /// report, and at its end.
    ///
    /// # Errors
    /// Where there are no threads left.
    pub fn start(commands: Commands, bell: Bell) -> io::Result<Self> {
        let (orders, to_do) = orders::channel();
        let (done, reports) = reports::unbounded_channel();
        let (up, is_up) = orders::channel();
        let ringing = bell.clone();
        std::thread::Builder::new()
            .name("ipvsd-kernel".into())
            .spawn(move || {
                // It ends last, after the sender of reports.
                let last = LastRing(ringing);
                // Who waits for it has it or has ended.
                let _ = up.send(());
                work(commands, to_do, done, &last.0);
            })?;
        is_up
            .recv()
            .map_err(|_| io::Error::other("the thread has ended"))?;
        Ok(Worker {
            orders,
            reports,
            _bell: bell,
        })
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

/// Rings when the thread ends, whatever it ends by: then it is seen that there will be
/// no more reports.
struct LastRing(Bell);

impl Drop for LastRing {
    fn drop(&mut self) {
        self.0.ring();
    }
}

fn work(
    mut commands: Commands,
    to_do: orders::Receiver<Order>,
    done: reports::UnboundedSender<Report>,
    bell: &Bell,
) {
    let mut waiting = Waiting::default();
    while let Some(task) = waiting.next(&to_do) {
        let report = match task {
            Task::Change(batch) => Report::Changed(batch.carry_out(&mut commands)),
            Task::Dump => Report::Dumped(commands.dump().or_else(|_| commands.dump())),
            Task::Listen {
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
            Task::Close(socket) => {
                drop(socket);
                continue;
            }
        };
        if done.send(report).is_err() {
            return;
        }
        bell.ring();
    }
}
