//! The connection that asks and changes. It waits for the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use rtnetlink::sys::Socket;
use rtnetlink::sys::protocols::NETLINK_ROUTE;

use super::decode::notice;
use super::{Address, Link, Notice, READ, Snapshot, encode, enlarge_receive_buffer, malformed};
use crate::sys::netlink::{Body, Frame, frames};

/// The kernel answers while it is asked; before that it may wait for whoever else
/// changes something.
const DEADLINE: Duration = Duration::from_secs(10);

/// Room for the answers to a batch, and for large parts of a dump.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How many requests go out at once. Of these only the last one is answered if nothing
/// is refused. Whoever else wants to change something gets a turn between any two.
const BATCH: usize = 256;

/// How often a dump is begun again because something has changed meanwhile. After that
/// it is taken as it is: the news of the changes come by the other connection.
const MOST_DUMPS: usize = 5;

/// Addresses to be changed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub changes: Vec<AddressChange>,
    /// Interfaces whose secondary addresses are to be promoted when the first one of
    /// their network goes, whatever is set there
    /// ([`Mirror::endangered`](super::Mirror::endangered)).
    pub promoting: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressChange {
    /// One that is there already is fine.
    Add(Address),
    /// One that is not there is fine.
    Remove(Address),
}

/// The kernel's reason not to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: Errno,
    /// Its own words, if it has any.
    pub words: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.words, self.errno) {
            (Some(words), errno) => write!(f, "{words} ({errno})"),
            (None, Errno::EPERM) => write!(f, "ipvsd lacks the right to (CAP_NET_ADMIN)"),
            (None, errno) => f.write_str(errno.desc()),
        }
    }
}

/// The connection. Each call waits, for at most a few times ten seconds.
pub struct Commands {
    socket: Socket,
    seq: u32,
    buffer: Vec<u8>,
    /// An exchange was given up halfway.
    is_unfinished: bool,
}

impl Commands {
    /// A connection in the network namespace of this thread.
    ///
    /// # Errors
    /// Where the kernel gives none (netlink(7)).
    pub fn open() -> io::Result<Self> {
        Ok(Commands {
            socket: open()?,
            seq: 0,
            buffer: vec![0; READ],
            is_unfinished: false,
        })
    }

    /// Does these changes. What was refused comes back by its place among them. The
    /// news of what was done is on its way by then to everyone who is told
    /// ([`Watch`](super::Watch)).
    ///
    /// # Errors
    /// Where the connection fails; then nothing is known of what was done.
    pub fn change(&mut self, changes: &Changes) -> io::Result<BTreeMap<usize, Refusal>> {
        let mut refused = BTreeMap::new();
        let set = self.without_promotion(&changes.promoting)?;
        let indices: Vec<usize> = (0..changes.changes.len()).collect();
        for batch in indices.chunks(BATCH) {
            // The kernel does all of one message before it lets go of us: whoever kills
            // this process leaves the setting as it was.
            let mut requests = Vec::new();
            let mut last = 0;
            for interface in &set {
                let seq = self.next_seq();
                encode::promote_secondaries(*interface, true, seq, &mut requests);
            }
            let first = self.seq.wrapping_add(1);
            for index in batch {
                let seq = self.next_seq();
                last = requests.len();
                match &changes.changes[*index] {
                    AddressChange::Add(address) => encode::add_address(address, seq, &mut requests),
                    AddressChange::Remove(address) => {
                        encode::remove_address(address, seq, &mut requests);
                    }
                }
            }
            for interface in &set {
                let seq = self.next_seq();
                last = requests.len();
                encode::promote_secondaries(*interface, false, seq, &mut requests);
            }
            encode::ask_for_answer(&mut requests[last..]);
            let last = self.seq;
            self.exchange(&requests, |frame| {
                if let Body::End(errno, words) = frame.body {
                    let place = frame.seq.wrapping_sub(first) as usize;
                    let refusal = Refusal {
                        errno: Errno::from_raw(errno),
                        words: words.map(str::to_owned),
                    };
                    match batch.get(place) {
                        _ if errno == 0 => {}
                        Some(place) => {
                            refused.insert(*place, refusal);
                        }
                        None => tracing::warn!(
                            "net.ipv4.conf.*.promote_secondaries cannot be set: {refusal}; addresses of the same network may have gone with a virtual one"
                        ),
                    }
                }
                Ok(frame.seq == last)
            })?;
        }
        refused.retain(|index, refusal| !is_fine(&changes.changes[*index], refusal.errno));
        Ok(refused)
    }

    /// All links and addresses.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn dump(&mut self) -> io::Result<Snapshot> {
        let mut tried = 0;
        loop {
            tried += 1;
            let mut snapshot = Snapshot::default();
            let mut is_torn = false;
            for encode in [encode::dump_links, encode::dump_addresses] {
                let mut request = Vec::new();
                let seq = self.next_seq();
                encode(seq, &mut request);
                self.exchange(&request, |frame| {
                    is_torn |= frame.is_interrupted;
                    match frame.body {
                        Body::Done(0) => return Ok(true),
                        Body::Done(errno) | Body::End(errno, _) => {
                            return Err(io::Error::from_raw_os_error(errno));
                        }
                        Body::Data(kind, payload) => {
                            match notice(kind, payload).map_err(|_| malformed())? {
                                Some(Notice::Link(link)) => snapshot.links.push(link),
                                Some(Notice::Address(address)) => snapshot.addresses.push(address),
                                _ => {}
                            }
                        }
                        Body::Control => {}
                    }
                    Ok(false)
                })?;
            }
            if !is_torn || tried == MOST_DUMPS {
                return Ok(snapshot);
            }
        }
    }

    /// Those of these interfaces that do not promote secondaries by themselves.
    fn without_promotion(&mut self, interfaces: &BTreeSet<u32>) -> io::Result<Vec<u32>> {
        let mut without = Vec::new();
        for interface in interfaces {
            let mut request = Vec::new();
            let seq = self.next_seq();
            encode::get_link(*interface, seq, &mut request);
            let mut found: Option<Link> = None;
            self.exchange(&request, |frame| {
                match frame.body {
                    Body::Data(kind, payload) => {
                        if let Some(Notice::Link(link)) =
                            notice(kind, payload).map_err(|_| malformed())?
                        {
                            found = Some(link);
                        }
                    }
                    Body::End(..) => return Ok(true),
                    Body::Done(_) | Body::Control => {}
                }
                Ok(false)
            })?;
            // Where it has gone there is nothing to be promoted.
            if found.is_some_and(|link| link.promotes_secondaries == Some(false)) {
                without.push(*interface);
            }
        }
        Ok(without)
    }

    fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Sends requests in one message and hands every answer to `take` until it has
    /// enough.
    fn exchange(
        &mut self,
        requests: &[u8],
        mut take: impl FnMut(Frame<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        if self.is_unfinished {
            self.socket = open()?;
        }
        self.is_unfinished = true;
        let first = seq_of(requests);
        let fd = self.socket.as_raw_fd();
        retry(|| send(fd, requests, MsgFlags::empty()))?;
        loop {
            let length = retry(|| recv(fd, &mut self.buffer, MsgFlags::empty()))?;
            for frame in frames(&self.buffer[..length]) {
                let frame = frame.map_err(|_| malformed())?;
                // Not the rest of something before.
                if frame.seq.wrapping_sub(first) as usize > requests.len() {
                    continue;
                }
                if take(frame)? {
                    self.is_unfinished = false;
                    return Ok(());
                }
            }
        }
    }
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    // Older kernels than 4.12 have neither; then refusals are longer and without words.
    let _ = socket.set_ext_ack(true);
    let _ = socket.set_cap_ack(true);
    enlarge_receive_buffer(&socket, RECEIVE_BUFFER);
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    let deadline = TimeVal::seconds(DEADLINE.as_secs() as i64);
    setsockopt(&fd, sockopt::ReceiveTimeout, &deadline)?;
    Ok(socket)
}

/// Whether the kernel's refusal means that everything is as it should be.
fn is_fine(change: &AddressChange, errno: Errno) -> bool {
    match change {
        AddressChange::Add(_) => errno == Errno::EEXIST,
        // The interface may have gone as well, and its addresses with it.
        AddressChange::Remove(_) => matches!(errno, Errno::EADDRNOTAVAIL | Errno::ENODEV),
    }
}

fn seq_of(requests: &[u8]) -> u32 {
    let seq = requests.get(8..12).and_then(|seq| seq.try_into().ok());
    seq.map_or(0, u32::from_ne_bytes)
}

fn retry(mut call: impl FnMut() -> nix::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            result => return Ok(result?),
        }
    }
}
