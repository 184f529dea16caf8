//! Another director that only speaks: adverts of version 3 (RFC 5798 section 5).

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::conf::{HIGHER, Many, VRID, address};
use crate::packet_socket;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const GROUP_MAC: [u8; 6] = [0x01, 0x00, 0x5e, 0, 0, 18];
const OWN_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x99];

/// When adverts of many instances go out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All at once and then none until the next are due, as one director sends them.
    Together,
    /// Evenly spread over that time, as if each instance had a master of its own.
    Apart,
}

pub struct Peer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Of the one instance with 10 ms between adverts, by this switch.
    pub fn of_one(bridge: &str) -> Self {
        let socket = packet_socket::open(bridge).unwrap();
        let frame = frame(VRID, 1, address(0));
        let frames = vec![(0, frame)];
        Self::start(vec![socket], frames, Duration::from_millis(10), Pace::Apart)
    }

    /// Of many instances, by a switch for each of their interfaces.
    pub fn of_many(many: Many, pace: Pace, bridge: impl Fn(usize) -> String) -> Self {
        let sockets = (0..many.interfaces()).map(|n| packet_socket::open(&bridge(n)).unwrap());
        let frames = (0..many.count).map(|number| {
            let (interface, vrid) = many.place(number);
            (interface, frame(vrid, many.centiseconds, address(number)))
        });
        let interval = Duration::from_millis(u64::from(many.centiseconds) * 10);
        Self::start(sockets.collect(), frames.collect(), interval, pace)
    }

    fn start(
        sockets: Vec<OwnedFd>,
        frames: Vec<(usize, Vec<u8>)>,
        interval: Duration,
        pace: Pace,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let together = match pace {
            Pace::Together => frames.len(),
            Pace::Apart => 1,
        };
        let parts = frames.len().div_ceil(together);
        let pause = interval / parts as u32;
        let thread = std::thread::spawn(move || {
            let mut due = Instant::now();
            for part in frames.chunks(together).cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                for (socket, frame) in part {
                    packet_socket::send(&sockets[*socket], frame).unwrap();
                }
                due += pause;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Peer {
            stop,
            thread: Some(thread),
        }
    }
}

/// Ends without a word, as a machine does that loses its power.
impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn frame(vrid: u8, centiseconds: u16, address: Ipv4Addr) -> Vec<u8> {
    let mut message = vec![0x31, vrid, HIGHER, 1];
    message.extend(centiseconds.to_be_bytes());
    message.extend([0; 2]);
    message.extend(address.octets());
    let mut pseudo = [OWN.octets(), GROUP.octets()].concat();
    pseudo.extend([0, 112, 0, message.len() as u8]);
    let sum = checksum([&pseudo[..], &message].concat().as_slice());
    message[6..8].copy_from_slice(&sum.to_be_bytes());

    let mut header = vec![
        0x45,
        0xc0,
        0,
        20 + message.len() as u8,
        0,
        1,
        0,
        0,
        255,
        112,
        0,
        0,
    ];
    header.extend(OWN.octets());
    header.extend(GROUP.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());

    [&GROUP_MAC[..], &OWN_MAC, &[0x08, 0x00], &header, &message].concat()
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
