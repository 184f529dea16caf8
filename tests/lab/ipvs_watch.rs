//! Counts the operations on the IPVS table of a namespace without touching who
//! sends them: an `nlmon` device shows a copy of every netlink message.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::net::{Namespace, run};
use crate::packet_socket;

/// A request that changes the table, by the kernel's names in `linux/ip_vs.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    NewService,
    SetService,
    DelService,
    NewDest,
    SetDest,
    DelDest,
    Flush,
}

impl Op {
    fn from_command(command: u8) -> Option<Self> {
        Some(match command {
            1 => Self::NewService,
            2 => Self::SetService,
            3 => Self::DelService,
            5 => Self::NewDest,
            6 => Self::SetDest,
            7 => Self::DelDest,
            17 => Self::Flush,
            _ => return None,
        })
    }
}

/// What was sent to the kernel since the watch began.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub ops: Vec<(Duration, Op)>,
    /// What each is about: `set-dest TCP 10.0.0.80:80 10.0.0.11:80`.
    pub subjects: Vec<String>,
    /// Batches: how many `send` calls carried these operations.
    pub sends: usize,
}

impl Seen {
    pub fn counts(&self) -> BTreeMap<Op, usize> {
        let mut counts = BTreeMap::new();
        for (_, op) in &self.ops {
            *counts.entry(*op).or_default() += 1;
        }
        counts
    }
}

pub struct IpvsWatch {
    stop: Arc<AtomicBool>,
    /// A socket of the namespace, by which the watch is told that nothing more counts.
    marker: OwnedFd,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;

impl IpvsWatch {
    pub fn start(namespace: &Namespace, started: Instant) -> Self {
        run(std::process::Command::new("modprobe").arg("nlmon"));
        namespace.sh(
            "ip link show nlmon0 >/dev/null 2>&1 || ip link add nlmon0 type nlmon; \
             ip link set nlmon0 up",
        );
        let (tap, family, marker) = namespace.enter(|| {
            (
                packet_socket::open("nlmon0").unwrap(),
                ipvs_family().unwrap(),
                generic_netlink().unwrap(),
            )
        });
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stopped, tally) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            loop {
                // Read before the tap: what was sent before the stop is in it then.
                let last = stopped.load(Ordering::Relaxed);
                let Some(message) = packet_socket::receive(&tap, &mut buffer) else {
                    if last {
                        break;
                    }
                    continue;
                };
                // There may be no end of what others send.
                if message == MARK {
                    break;
                }
                let ops = operations(message, family);
                if !ops.is_empty() {
                    let mut seen = tally.lock().unwrap();
                    seen.sends += 1;
                    for (op, subject) in ops {
                        seen.ops.push((started.elapsed(), op));
                        seen.subjects.push(subject);
                    }
                }
            }
            assert_eq!(
                drops(&tap).unwrap(),
                0,
                "netlink messages that were not counted"
            );
        });
        Self {
            stop,
            marker,
            seen,
            thread: Some(thread),
        }
    }

    /// What was seen so far; the watch goes on.
    pub fn so_far(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Ends the watch. What was sent before this call is counted: the tap
    /// delivers in the sender's own system call.
    pub fn stop(mut self) -> Seen {
        // The thread ends where it finds the mark, or the tap empty; on a busy machine it
        // may lag.
        self.stop.store(true, Ordering::Relaxed);
        send(&self.marker, &MARK).unwrap();
        self.thread.take().unwrap().join().unwrap();
        self.so_far()
    }
}

/// The operations in one `send`: netlink messages, one after the other.
fn operations(mut bytes: &[u8], family: u16) -> Vec<(Op, String)> {
    let mut ops = Vec::new();
    while bytes.len() >= 20 {
        let length = u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize;
        let kind = u16::from_ne_bytes(bytes[4..6].try_into().unwrap());
        let flags = u16::from_ne_bytes(bytes[6..8].try_into().unwrap());
        // The kernel's answers carry the same commands, without this flag.
        if kind == family && flags & libc::NLM_F_REQUEST as u16 != 0 {
            let payload = bytes.get(20..length).unwrap_or_default();
            ops.extend(Op::from_command(bytes[16]).map(|op| (op, subject(op, payload))));
        }
        if length < 16 {
            break;
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    ops
}

/// What an operation is about. The numbers are those of `linux/ip_vs.h`.
fn subject(op: Op, payload: &[u8]) -> String {
    let (mut service, mut server) = (String::new(), String::new());
    for (kind, value) in attributes(payload) {
        match kind {
            1 => service = named_service(value),
            2 => server = format!(" {}", named_server(value, service.contains('['))),
            _ => {}
        }
    }
    let name = match op {
        Op::NewService => "new-service",
        Op::SetService => "set-service",
        Op::DelService => "del-service",
        Op::NewDest => "new-dest",
        Op::SetDest => "set-dest",
        Op::DelDest => "del-dest",
        Op::Flush => "flush",
    };
    format!("{name} {service}{server}")
}

fn named_service(bytes: &[u8]) -> String {
    let found: BTreeMap<u16, &[u8]> = attributes(bytes).collect();
    if let Some(mark) = found.get(&5) {
        return format!("FWM {}", u32::from_ne_bytes((*mark).try_into().unwrap()));
    }
    let is_v6 = found[&1] == libc::AF_INET6.to_ne_bytes()[..2].to_vec();
    let protocol = match found[&2] {
        [6, _] => "TCP",
        [17, _] => "UDP",
        _ => "SCTP",
    };
    format!("{protocol} {}", place(found[&3], found[&4], is_v6))
}

fn named_server(bytes: &[u8], is_v6: bool) -> SocketAddr {
    let found: BTreeMap<u16, &[u8]> = attributes(bytes).collect();
    let is_v6 = match found.get(&11) {
        Some(family) => *family == libc::AF_INET6.to_ne_bytes()[..2].to_vec(),
        None => is_v6,
    };
    place(found[&1], found[&2], is_v6)
}

fn place(address: &[u8], port: &[u8], is_v6: bool) -> SocketAddr {
    let address: IpAddr = match is_v6 {
        true => <[u8; 16]>::try_from(&address[..16]).unwrap().into(),
        false => <[u8; 4]>::try_from(&address[..4]).unwrap().into(),
    };
    SocketAddr::new(address, u16::from_be_bytes(port.try_into().unwrap()))
}

/// Netlink attributes: their numbers and values.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().unwrap()));
        // Without the flag for what is nested.
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().unwrap()) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn drops(tap: &OwnedFd) -> io::Result<u32> {
    let mut statistics = [0_u32; 2];
    let mut size = size_of_val(&statistics) as libc::socklen_t;
    let result = unsafe {
        libc::getsockopt(
            tap.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            statistics.as_mut_ptr().cast(),
            &mut size,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(statistics[1])
    }
}

/// A question that nobody else asks: after the family that tells of families.
const MARK: [u8; 32] = question(*b"nlctrl\0\0", 7);

/// `CTRL_CMD_GETFAMILY` for a name of `length` bytes, its end included.
const fn question(name: [u8; 8], length: u8) -> [u8; 32] {
    let mut message = [0; 32];
    message[0] = 32;
    message[4] = GENL_ID_CTRL as u8;
    message[6] = libc::NLM_F_REQUEST as u8;
    message[16] = CTRL_CMD_GETFAMILY;
    message[17] = 1;
    message[20] = 4 + length;
    message[22] = 2;
    let mut at = 0;
    while at < name.len() {
        message[24 + at] = name[at];
        at += 1;
    }
    message
}

fn generic_netlink() -> io::Result<OwnedFd> {
    let raw = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            libc::NETLINK_GENERIC,
        )
    };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn send(socket: &OwnedFd, message: &[u8]) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    match unsafe { libc::send(fd, message.as_ptr().cast(), message.len(), 0) } {
        sent if sent < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Asks the kernel which message type IPVS has; it is given out at load time.
/// By hand, so that the lab does not count with the library it checks.
fn ipvs_family() -> io::Result<u16> {
    let socket = generic_netlink()?;
    send(&socket, &question(*b"IPVS\0\0\0\0", 5))?;
    let mut reply = [0; 4096];
    let fd = socket.as_raw_fd();
    let got = unsafe { libc::recv(fd, reply.as_mut_ptr().cast(), reply.len(), 0) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    // After the two headers, attributes: the family's number is number 1.
    let mut attributes = &reply[20..got as usize];
    while attributes.len() >= 6 {
        let length = u16::from_ne_bytes([attributes[0], attributes[1]]) as usize;
        if u16::from_ne_bytes([attributes[2], attributes[3]]) == 1 {
            return Ok(u16::from_ne_bytes([attributes[4], attributes[5]]));
        }
        attributes = attributes
            .get(length.max(4).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Err(io::Error::other("the kernel knows no IPVS"))
}
