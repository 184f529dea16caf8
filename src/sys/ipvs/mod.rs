//! The kernel's IPVS over generic netlink.
//!
//! ```text
//! let mut ipvs = Ipvs::open().await?;
//! let table   = ipvs.dump(&keys).await?;      // these virtual servers
//! let all     = ipvs.dump_all().await?;       // and those of others
//! let results = ipvs.execute(&ops).await;     // one result for each operation
//! ```
//!
//! neli's codec and its plain socket under tokio's `AsyncFd`; not its `NlRouter`,
//! which can neither batch nor read a large dump without standing still. After
//! [`Ipvs::open`] the only system calls are send, recvfrom and what the runtime
//! waits with.
//!
//! # How many answers
//!
//! Only the last request of a batch asks for an acknowledgement. The kernel works
//! off the requests of one send in their order and reports every failure, asked or
//! not; so when the last is answered, those before it that were not reported have
//! been carried out. Should a report have found no room, the kernel makes the next
//! receive fail with ENOBUFS.

mod link;
mod settings;
mod wire;

use std::collections::{HashMap, HashSet};
use std::io::{self, Cursor};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lvs::pool::Counts;
use crate::lvs::refusal::{Loss, OpError};
use crate::lvs::types::{Family, ServiceKey};
use crate::lvs::{IpvsOp, Table};
use crate::sys::netlink::{Body, Frame, Malformed};
use link::{Link, Next};
use wire::Described;

/// Requests in one send. With many more, 2,048, the kernel refuses the message; and
/// while the kernel works off one send nothing else runs on this thread.
pub const BATCH: usize = crate::lvs::keeper::BATCH;

/// Up to this many virtual servers are asked for one by one; for more, a dump of all
/// and leaving out the others is less work.
const FEW: usize = 32;

/// A connection to the IPVS of a network namespace.
pub struct Ipvs {
    link: Link,
    family: u16,
    counters: Counters,
    interrupted: Arc<AtomicBool>,
}

/// Ends a dump under way.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<AtomicBool>);

impl Interrupter {
    /// The dump under way ends after the virtual server that is being read, with
    /// [`Loss::Interrupted`]. Where none is under way nothing happens.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Operations sent.
    pub sent: u64,
    /// Operations that failed, or of which nothing is known.
    pub failed: u64,
    /// Dumps finished or begun.
    pub dumps: u64,
}

/// Why IPVS cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "this kernel has no IPVS: `modprobe ip_vs` loads it; where there is no such module, \
         install the package with the kernel's modules (Debian: linux-image-amd64)"
    )]
    NotInKernel,
    #[error("no right to use IPVS: CAP_NET_ADMIN is needed in this network namespace")]
    NotPermitted,
    #[error("no generic netlink socket: {0}")]
    Socket(#[source] io::Error),
    #[error("generic netlink does not tell about IPVS: {0}")]
    Other(#[source] OpError),
}

impl Ipvs {
    /// Opens IPVS in the network namespace of this thread. Asking for it makes the
    /// kernel load the module where it can. Must be called within a tokio runtime
    /// with I/O and time.
    ///
    /// # Errors
    /// Where there is no IPVS, or no right to use it.
    pub async fn open() -> Result<Self, OpenError> {
        Self::with(Link::open().map_err(OpenError::Socket)?).await
    }

    /// What [`open_by`](Self::open_by) needs, in the network namespace of this thread.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn socket() -> io::Result<OwnedFd> {
        link::socket()
    }

    /// The same as [`open`](Self::open) with a socket of any network namespace.
    ///
    /// # Errors
    /// Those of `open`.
    pub async fn open_by(socket: OwnedFd) -> Result<Self, OpenError> {
        Self::with(Link::by(socket).map_err(OpenError::Socket)?).await
    }

    async fn with(mut link: Link) -> Result<Self, OpenError> {
        let family = resolve(&mut link).await?;
        let mut ipvs = Ipvs {
            link,
            family,
            counters: Counters::default(),
            interrupted: Arc::default(),
        };
        // The family is told to everybody, the table is not.
        match ipvs.get_info().await {
            Ok(()) => Ok(ipvs),
            Err(OpError::NotPermitted) => Err(OpenError::NotPermitted),
            Err(error) => Err(OpenError::Other(error)),
        }
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many bytes of answers may wait, at least `link::RECEIVE_BUFFER`. More than the
    /// system's limit (net.core.rmem_max) only with `force`.
    pub fn set_receive_buffer(&self, bytes: usize, force: bool) {
        self.link.set_receive_buffer(bytes, force);
    }

    /// For who cannot wait for the dump of a large table, such as a process that was
    /// told to end.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.interrupted))
    }

    /// What the kernel has of these virtual servers, with their real servers. Costs
    /// little where the table holds much else.
    ///
    /// Other programs may change the table meanwhile, and IPVS does not tell: what
    /// they change may be missing or there as it was.
    ///
    /// # Errors
    /// [`OpError::NotPermitted`], or [`OpError::Lost`] where the answer did not come
    /// whole.
    pub async fn dump(&mut self, keys: &HashSet<ServiceKey>) -> Result<Table, OpError> {
        self.begin_dump();
        let mut table = if keys.len() <= FEW {
            self.get_services(keys).await?
        } else {
            self.dump_services().await?
        };
        table.services.retain(|key, _| keys.contains(key));
        self.add_destinations(&mut table).await?;
        Ok(table)
    }

    /// The same for all virtual servers that there are, but for those of protocols
    /// other than TCP, UDP and SCTP.
    ///
    /// # Errors
    /// As of [`Ipvs::dump`].
    pub async fn dump_all(&mut self) -> Result<Table, OpError> {
        self.begin_dump();
        let mut table = self.dump_services().await?;
        self.add_destinations(&mut table).await?;
        Ok(table)
    }

    /// How many connections the real servers of these virtual servers have. What there is
    /// none of is not in the answer.
    ///
    /// # Errors
    /// As of [`Ipvs::dump`].
    pub async fn connections(&mut self, keys: &HashSet<ServiceKey>) -> Result<Counts, OpError> {
        let mut counts = Counts::new();
        self.interrupted.store(false, Ordering::Relaxed);
        for key in keys {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(OpError::Lost(Loss::Interrupted));
            }
            let seq = self.link.seq();
            let mut request = Cursor::new(Vec::new());
            wire::write_dump_destinations(&mut request, self.family, seq, key);
            let take = |frame: Frame<'_>| {
                dump_answer(frame, seq, |payload| {
                    let described = wire::read(payload, key.family())?;
                    let counted = wire::read_connections(payload)?;
                    if let (Described::Destination(server, _), Some(counted)) = (described, counted)
                    {
                        counts.insert((*key, server), counted);
                    }
                    Ok(())
                })
            };
            match self.link.exchange(request.get_ref(), take).await {
                // Gone meanwhile: it has none.
                Ok(()) | Err(OpError::Errno(libc::ESRCH) | OpError::NoSuchService) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(counts)
    }

    /// Carries out `ops` in their order, [`BATCH`] in one send, and returns what came
    /// of each. A refused one does not keep the following from being tried.
    pub async fn execute(&mut self, ops: &[IpvsOp]) -> Vec<Result<(), OpError>> {
        let mut results = Vec::with_capacity(ops.len());
        for batch in ops.chunks(BATCH) {
            match results.last() {
                // Nothing more is sent after the thread was lost.
                Some(Err(OpError::Lost(loss))) => {
                    let lost = Err(OpError::Lost(*loss));
                    results.resize(results.len() + batch.len(), lost);
                }
                _ => results.extend(self.execute_batch(batch).await),
            }
        }
        self.counters.failed += results.iter().filter(|result| result.is_err()).count() as u64;
        results
    }

    async fn execute_batch(&mut self, ops: &[IpvsOp]) -> Vec<Result<(), OpError>> {
        let mut requests = Cursor::new(Vec::new());
        let mut index_of = HashMap::with_capacity(ops.len());
        for (index, op) in ops.iter().enumerate() {
            let seq = self.link.seq();
            index_of.insert(seq, index);
            let is_last = index + 1 == ops.len();
            wire::write_op(&mut requests, self.family, seq, is_last, op);
        }
        self.counters.sent += ops.len() as u64;
        let mut answers = vec![None; ops.len()];
        let end = self.link.exchange(requests.get_ref(), |frame| {
            let (Some(&index), Body::End(errno, _)) = (index_of.get(&frame.seq), frame.body) else {
                return Ok(Next::More);
            };
            answers[index] = Some(errno);
            Ok(if index + 1 == ops.len() {
                Next::Enough
            } else {
                Next::More
            })
        });
        let end = end.await;
        let results = ops.iter().zip(answers);
        let result = |(op, answer)| match answer {
            Some(0) => Ok(()),
            Some(errno) => Err(OpError::from_errno(op, errno)),
            // Carried out where the last one was answered, for failures are told.
            None => end.clone(),
        };
        results.map(result).collect()
    }

    /// Whether IPVS may be used.
    async fn get_info(&mut self) -> Result<(), OpError> {
        let seq = self.link.seq();
        let mut request = Cursor::new(Vec::new());
        wire::write_get_info(&mut request, self.family, seq);
        let take = |frame: Frame<'_>| match frame.body {
            _ if frame.seq != seq => Ok(Next::More),
            Body::End(errno @ 1.., _) => Err(OpError::from_bare_errno(errno)),
            _ => Ok(Next::Enough),
        };
        self.link.exchange(request.get_ref(), take).await
    }

    /// Each of these virtual servers that there is, without its real servers.
    async fn get_services(&mut self, keys: &HashSet<ServiceKey>) -> Result<Table, OpError> {
        let mut table = Table::default();
        let mut requests = Cursor::new(Vec::new());
        let mut open = HashSet::new();
        for key in keys {
            let seq = self.link.seq();
            open.insert(seq);
            wire::write_get_service(&mut requests, self.family, seq, key);
        }
        if open.is_empty() {
            return Ok(table);
        }
        let take = |frame: Frame<'_>| {
            if !open.remove(&frame.seq) {
                return Ok(Next::More);
            }
            match frame.body {
                Body::Data(_, payload) => insert_service(&mut table, payload)?,
                Body::End(0 | libc::ESRCH, _) => {}
                Body::End(errno, _) => return Err(OpError::from_bare_errno(errno)),
                Body::Done(_) | Body::Control => {}
            }
            Ok(if open.is_empty() {
                Next::Enough
            } else {
                Next::More
            })
        };
        self.link.exchange(requests.get_ref(), take).await?;
        Ok(table)
    }

    /// All virtual servers, without their real servers.
    async fn dump_services(&mut self) -> Result<Table, OpError> {
        let seq = self.link.seq();
        let mut table = Table::default();
        let mut request = Cursor::new(Vec::new());
        wire::write_dump_services(&mut request, self.family, seq);
        let take = |frame: Frame<'_>| {
            dump_answer(frame, seq, |payload| insert_service(&mut table, payload))
        };
        self.link.exchange(request.get_ref(), take).await?;
        Ok(table)
    }

    fn begin_dump(&mut self) {
        self.counters.dumps += 1;
        self.interrupted.store(false, Ordering::Relaxed);
    }

    async fn add_destinations(&mut self, table: &mut Table) -> Result<(), OpError> {
        for (key, entry) in &mut table.services {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(OpError::Lost(Loss::Interrupted));
            }
            let seq = self.link.seq();
            let mut request = Cursor::new(Vec::new());
            wire::write_dump_destinations(&mut request, self.family, seq, key);
            let family = key.family();
            let take = |frame: Frame<'_>| {
                dump_answer(frame, seq, |payload| {
                    match wire::read(payload, family)? {
                        Described::Destination(server, destination) => {
                            entry.destinations.insert(server, destination);
                        }
                        Described::Service(..) | Described::Unnamed => {}
                    }
                    Ok(())
                })
            };
            self.link.exchange(request.get_ref(), take).await?;
        }
        Ok(())
    }
}

/// One message of the answer to a dump.
fn dump_answer(
    frame: Frame<'_>,
    seq: u32,
    mut take: impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<Next, OpError> {
    match frame.body {
        _ if frame.seq != seq => Ok(Next::More),
        Body::Data(_, payload) => {
            take(payload)?;
            Ok(Next::More)
        }
        Body::Control => Ok(Next::More),
        Body::Done(0) | Body::End(0, _) => Ok(Next::Enough),
        Body::Done(errno) | Body::End(errno, _) => Err(OpError::from_bare_errno(errno)),
    }
}

/// A virtual server that cannot be named is left out: it cannot be ours.
fn insert_service(table: &mut Table, payload: &[u8]) -> Result<(), Malformed> {
    // Which family does not matter to a virtual server.
    if let Described::Service(key, entry) = wire::read(payload, Family::V4)? {
        table.services.insert(key, entry);
    }
    Ok(())
}

/// The number under which generic netlink knows IPVS today.
async fn resolve(link: &mut Link) -> Result<u16, OpenError> {
    let seq = link.seq();
    let mut request = Cursor::new(Vec::new());
    wire::write_get_family(&mut request, seq);
    let mut family = None;
    let take = |frame: Frame<'_>| match frame.body {
        _ if frame.seq != seq => Ok(Next::More),
        Body::Data(_, payload) => {
            family = Some(wire::read_family_id(payload)?);
            Ok(Next::Enough)
        }
        Body::End(errno, _) => Err(OpError::from_bare_errno(errno)),
        Body::Done(_) | Body::Control => Ok(Next::More),
    };
    match link.exchange(request.get_ref(), take).await {
        Ok(()) => family.ok_or(OpenError::Other(OpError::Lost(Loss::Malformed))),
        Err(OpError::Errno(libc::ENOENT)) => Err(OpenError::NotInKernel),
        Err(error) => Err(OpenError::Other(error)),
    }
}
