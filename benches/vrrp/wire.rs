//! What a switch sees: adverts and gratuitous ARP with the kernel's time of their
//! arrival, however late they are read here.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::packet_socket;

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const PROTOCOL_VRRP: u8 = 112;

/// Time of the wall clock, as the kernel stamps packets; every clock of this kind is the
/// machine's one.
pub type Stamp = Duration;

pub fn now() -> Stamp {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME).unwrap();
    Duration::new(now.tv_sec() as u64, now.tv_nsec() as u32)
}

/// In ms; below 0 where the second was first.
pub fn since(from: Stamp, to: Stamp) -> f64 {
    (to.as_secs_f64() - from.as_secs_f64()) * 1e3
}

#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When, and of which priority.
    pub adverts: Vec<(Stamp, u8)>,
    /// When each address was announced for the first time.
    pub announced: HashMap<Ipv4Addr, Stamp>,
}

pub struct Wire {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Of the switch of this name.
    pub fn tap(bridge: &str) -> Self {
        let socket = packet_socket::open(bridge).unwrap();
        nix::sys::socket::setsockopt(
            &socket,
            nix::sys::socket::sockopt::ReceiveTimestampns,
            &true,
        )
        .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stopped, tally) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                if let Some((at, length)) = receive(&socket, &mut buffer) {
                    tally.lock().unwrap().take_in(at, &buffer[..length]);
                }
            }
        });
        Wire {
            stop,
            seen,
            thread: Some(thread),
        }
    }

    /// What was seen until now.
    pub fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// What comes from now on is news.
    pub fn forget(&self) {
        *self.seen.lock().unwrap() = Seen::default();
    }

    /// Each address may be announced for the first time again.
    pub fn forget_announcements(&self) {
        self.seen.lock().unwrap().announced.clear();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Seen {
    fn take_in(&mut self, at: Stamp, frame: &[u8]) {
        if let Some(priority) = advert(frame) {
            self.adverts.push((at, priority));
        } else if let Some(address) = announcement(frame) {
            self.announced.entry(address).or_insert(at);
        }
    }
}

/// The priority of an advert.
fn advert(frame: &[u8]) -> Option<u8> {
    let packet = payload(frame, ETHERTYPE_IPV4)?;
    let header = usize::from(packet.first()? & 0x0f) * 4;
    (*packet.get(9)? == PROTOCOL_VRRP).then(|| packet.get(header + 2).copied())?
}

/// The address that somebody says to be its own.
fn announcement(frame: &[u8]) -> Option<Ipv4Addr> {
    let packet = payload(frame, ETHERTYPE_ARP)?;
    let (sender, target) = (packet.get(14..18)?, packet.get(24..28)?);
    (sender == target).then(|| <[u8; 4]>::try_from(sender).ok().map(Ipv4Addr::from))?
}

fn payload(frame: &[u8], ethertype: [u8; 2]) -> Option<&[u8]> {
    (frame.get(12..14)? == ethertype).then(|| &frame[14..])
}

/// The next frame and its stamp; none if none comes for a moment.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Option<(Stamp, usize)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )
    .ok()?;
    let stamp = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => {
            Some(Duration::new(at.tv_sec() as u64, at.tv_nsec() as u32))
        }
        _ => None,
    })?;
    Some((stamp, message.bytes))
}
