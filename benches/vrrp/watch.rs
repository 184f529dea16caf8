//! When addresses come and go on a host, as its kernel tells whoever asks
//! (rtnetlink(7)).

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket, sockopt,
};

use crate::net::Namespace;
use crate::wire::{Stamp, now};

/// RTMGRP_IPV4_IFADDR (linux/rtnetlink.h).
const GROUP: u32 = 0x10;
/// RTM_NEWADDR and RTM_DELADDR.
const NEW: u16 = 20;
const GONE: u16 = 21;

/// How exactly the time of an event is known. Netlink has no stamps, and to be woken by
/// each of thousands would disturb what is measured.
const GLANCE: Duration = Duration::from_micros(200);

#[derive(Clone, Debug, Default)]
pub struct Events {
    pub new: Vec<Stamp>,
    pub gone: Vec<Stamp>,
}

pub struct AddressWatch {
    stop: Arc<AtomicBool>,
    events: Arc<Mutex<Events>>,
    thread: Option<JoinHandle<()>>,
}

impl AddressWatch {
    pub fn of(host: &Namespace) -> Self {
        let socket = host.enter(|| {
            let socket = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::NetlinkRoute,
            )
            .unwrap();
            setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20)).unwrap();
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUP)).unwrap();
            socket
        });
        let stop = Arc::new(AtomicBool::new(false));
        let events = Arc::new(Mutex::new(Events::default()));
        let (stopped, tally) = (stop.clone(), events.clone());
        let thread = std::thread::spawn(move || {
            come_first();
            let mut buffer = vec![0; 1 << 16];
            while !stopped.load(Ordering::Relaxed) {
                let at = now();
                while let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)
                {
                    tally.lock().unwrap().take_in(at, &buffer[..length]);
                }
                std::thread::sleep(GLANCE);
            }
        });
        AddressWatch {
            stop,
            events,
            thread: Some(thread),
        }
    }

    pub fn look<T>(&self, look: impl FnOnce(&Events) -> T) -> T {
        look(&self.events.lock().unwrap())
    }

    /// What comes from now on is news.
    pub fn forget(&self) {
        *self.events.lock().unwrap() = Events::default();
    }
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Events {
    fn take_in(&mut self, at: Stamp, mut bytes: &[u8]) {
        // Length and type of a message (netlink(7)), each aligned to four octets.
        while let (Some(length), Some(kind)) = (bytes.get(..4), bytes.get(4..6)) {
            let length = u32::from_ne_bytes(length.try_into().unwrap()) as usize;
            match u16::from_ne_bytes(kind.try_into().unwrap()) {
                NEW => self.new.push(at),
                GONE => self.gone.push(at),
                _ => {}
            }
            bytes = bytes
                .get(length.next_multiple_of(4).max(16)..)
                .unwrap_or_default();
        }
    }
}

/// The calling thread runs whenever it wants to: what it does is short, and a busy machine
/// must not make events look late.
fn come_first() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameters live through the call.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
