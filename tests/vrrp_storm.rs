//! Storms of adverts that nobody should believe, 50,000 a second of each kind, between
//! namespaces of this machine's own kernel: a guest of the lab could not send as many.
//! Takes root, `ip` and `unshare`.

// The lab is made for its scenarios; this uses less of it.
#![allow(dead_code)]

#[path = "lab/daemon.rs"]
mod daemon;
#[path = "lab/intruder.rs"]
mod intruder;
#[path = "lab/lab.rs"]
mod lab;
#[path = "lab/net.rs"]
mod net;
#[path = "lab/own_kernel.rs"]
mod own_kernel;
#[path = "lab/packet_socket.rs"]
mod packet_socket;

use std::fs;
use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipvsd::vrrp::packet::hmac::Sequence;
use ipvsd::vrrp::packet::{Envelope, Form, Message};
use ipvsd::vrrp::settings::{ChecksumForm, Key};
use ipvsd::vrrp::{AdvertInterval, Priority, Vrid};
use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg};
use serde_json::Value;

use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, millis, poll, secs};
use crate::net::{Namespace, ip_batch};

const PER_SECOND: u32 = 50_000;
/// How many go out at once, a millisecond's.
const BURST: u32 = PER_SECOND / 1000;
/// Of each kind; longer than the backup waits for an advert.
const DURING: Duration = millis(500);

/// Set for the process that does it, inside.
const INSIDE: &str = "IPVSD_STORM";

#[test]
fn a_storm_costs_no_advert_and_moves_nobody() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storm");
    if std::env::var_os(INSIDE).is_some() {
        let ipvsd = Path::new(env!("CARGO_BIN_EXE_ipvsd"));
        return storm(&own_kernel::furnish(&out, ipvsd));
    }
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).unwrap();
    let namespaces = ["--mount", "--net", "--ipc", "--pid"];
    let inside = Command::new("unshare")
        .args(namespaces)
        .args(["--fork", "--kill-child"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_storm_costs_no_advert_and_moves_nobody"])
        .args(["--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare");
    print!("{}", String::from_utf8_lossy(&inside.stdout));
    assert!(
        inside.status.success(),
        "{}: {}, and the logs in {}",
        inside.status,
        String::from_utf8_lossy(&inside.stderr),
        out.display()
    );
}

const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const INTERVAL: Duration = millis(100);

/// An instance that signs, with VRID 51. It goes before others, so that what else this
/// machine has to do is not a part of the storm.
fn conf(priority: u8) -> String {
    format!(
        "global_defs {{
            vrrp_rt_priority 20
        }}
        vrrp_instance VI_1 {{
            state BACKUP
            interface eth0
            virtual_router_id 51
            version 3
            priority {priority}
            advert_int 0.1
            auth_hmac {{
                key 1 {}
                active_key 1
                time_window 60
            }}
            virtual_ipaddress {{
                10.0.0.80
            }}
        }}\n",
        std::str::from_utf8(&KEY).unwrap()
    )
}

fn storm(lab: &Lab) {
    ip_batch(
        None,
        "link add front type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
         link set front up\n",
    );
    let hosts = ["one", "two", "stranger"].map(Namespace::create);
    for (host, n) in hosts.iter().zip(1..) {
        host.attach("front", "eth0", &[&format!("10.0.0.{n}/24")]);
    }
    let [one, two, stranger] = hosts;
    let socket = stranger.enter(|| packet_socket::open("eth0")).unwrap();
    let start = |host: &Namespace, priority| {
        let daemon = Daemon::start(lab, host, Program::Ipvsd, &conf(priority));
        daemon.wait_for_state("VI_1", "MASTER", secs(20));
        daemon
    };
    // Alone at first, so that there is something of it to play again.
    let backup = start(&two, 100);
    let of_backup = overheard(&socket, 100);
    let master = start(&one, 200);
    backup.wait_for_log("the master 10.0.0.1 has priority 200", secs(20));
    let of_master = overheard(&socket, 200);

    let marks = [&master, &backup].map(|daemon| daemon.log().mark());
    let stalls = Stalls::measure();
    let began = Instant::now();
    let before = [&master, &backup].map(packets);
    let kinds = wrong_adverts();
    for (kind, frame) in &kinds {
        send(lab, &socket, kind, &[frame]);
    }
    send(lab, &socket, "replayed", &[&of_master, &of_backup]);
    let after = [&master, &backup].map(packets);
    let took = began.elapsed();
    let stalled = stalls.stop();

    for (daemon, mark) in [&master, &backup].into_iter().zip(marks) {
        let lines = daemon.log().since(mark);
        let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
        assert!(moved.is_none(), "{}: {moved:?}", daemon.name());
    }
    let sent = number(&after[0]["adverts_sent"]) - number(&before[0]["adverts_sent"]);
    let received = number(&after[1]["adverts_received"]) - number(&before[1]["adverts_received"]);
    lab.note(format!(
        "{sent} adverts sent, {received} received in {took:?}; no processor for {stalled:?}"
    ));
    let due = (took.saturating_sub(stalled)).as_millis() / INTERVAL.as_millis();
    assert!(u128::from(sent) + 1 >= due, "{sent} adverts of {due}");
    // The latest may still be on its way.
    assert!(
        received + 1 >= sent,
        "{received} adverts received of {sent}"
    );
    for (daemon, packets) in [&master, &backup].into_iter().zip(&after) {
        let kinds = kinds.iter().map(|(kind, _)| *kind).chain(["replayed"]);
        for kind in kinds.filter(|kind| *kind != "unknown-vrid") {
            let dropped = number(&packets["dropped"][kind]);
            assert!(dropped > 0, "{}, {kind}: {packets:#}", daemon.name());
        }
        let foreign = &daemon.status_json()["foreign_packets"]["eth0"]["unknown-vrid"];
        assert!(number(foreign) > 0, "{foreign}");
    }
}

/// What is wrong with a frame, by the name in the status. Whoever believed it would give
/// way to it.
fn wrong_adverts() -> Vec<(&'static str, Vec<u8>)> {
    let good = Forged::default();
    let wrong_key = Key(b"another key, which is as long as".to_vec());
    vec![
        (
            "ttl",
            Forged {
                ttl: 254,
                ..good.clone()
            }
            .frame(),
        ),
        (
            "signature",
            Forged {
                key: Some(wrong_key),
                ..good.clone()
            }
            .frame(),
        ),
        (
            "unsigned",
            Forged {
                key: None,
                ..good.clone()
            }
            .frame(),
        ),
        (
            "length",
            Forged {
                cut: 20,
                ..good.clone()
            }
            .frame(),
        ),
        (
            "unknown-vrid",
            Forged {
                vrid: 52,
                ..good.clone()
            }
            .frame(),
        ),
        ("checksum", Forged { damage: 1, ..good }.frame()),
    ]
}

/// An advert of the highest priority from 10.0.0.3, which is as it should be unless it
/// is said otherwise.
#[derive(Clone)]
struct Forged {
    ttl: u8,
    vrid: u8,
    key: Option<Key>,
    /// How much is missing at the end. The IP header tells the length that is left.
    cut: usize,
    /// What is changed in the checksum.
    damage: u8,
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            ttl: 255,
            vrid: 51,
            key: Some(Key(KEY.to_vec())),
            cut: 0,
            damage: 0,
        }
    }
}

impl Forged {
    /// The whole Ethernet frame.
    fn frame(&self) -> Vec<u8> {
        let envelope = Envelope {
            source: Ipv4Addr::new(10, 0, 0, 3).into(),
            destination: Ipv4Addr::new(224, 0, 0, 18).into(),
            checksum: ChecksumForm::PseudoHeader,
        };
        let mut message = Message {
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority(255),
            addresses: vec![Ipv4Addr::new(10, 0, 0, 80).into()],
            form: Form::V3 {
                interval: AdvertInterval::from_centiseconds(10).unwrap(),
            },
            trailer: None,
        };
        if let Some(key) = &self.key {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            message.sign(envelope.source, 1, key, Sequence::at(now));
        }
        let mut message = message.encode(&envelope);
        message[6] ^= self.damage;
        message.truncate(message.len() - self.cut);

        let length = (20 + message.len()) as u8;
        let mut header = vec![0x45, 0xc0, 0, length, 0, 1, 0, 0, self.ttl, 112, 0, 0];
        header.extend([10, 0, 0, 3, 224, 0, 0, 18]);
        let sum = intruder::checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let ethernet = [0x01, 0, 0x5e, 0, 0, 18, 2, 0, 0, 0, 0, 3, 0x08, 0];
        [&ethernet[..], &header, &message].concat()
    }
}

fn packets(daemon: &Daemon) -> Value {
    daemon.status_json()["instances"][0]["packets"].clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Waits for an advert of this priority, and returns its frame.
fn overheard(socket: &OwnedFd, priority: u8) -> Vec<u8> {
    let mut buffer = [0; 2048];
    poll(secs(20), || {
        let frame = packet_socket::receive(socket, &mut buffer)?;
        let is_it = frame[12..14] == [8, 0] && frame[23] == 112 && frame[36] == priority;
        is_it.then(|| frame.to_vec())
    })
    .expect("an advert")
}

/// Sends these in turn, as many a second as of one kind.
fn send(lab: &Lab, socket: &OwnedFd, kind: &str, frames: &[&Vec<u8>]) {
    let total = PER_SECOND * DURING.as_millis() as u32 / 1000;
    let burst: Vec<[IoSlice; 1]> = frames
        .iter()
        .cycle()
        .take(BURST as usize)
        .map(|frame| [IoSlice::new(frame)])
        .collect();
    let mut headers = MultiHeaders::<()>::preallocate(burst.len(), None);
    let addresses = vec![None; burst.len()];
    let began = Instant::now();
    for sent in (0..total).step_by(burst.len()) {
        let due = Duration::from_secs(1) * sent / PER_SECOND;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        // A full queue is a flood too.
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        let _ = sendmmsg(fd, &mut headers, &burst, &addresses, [], flags);
    }
    lab.note(format!("{total} {kind} in {:?}", began.elapsed()));
}

/// For how long this machine did not do what was due: nobody can be in time then.
struct Stalls {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Stalls {
    const EVERY: Duration = millis(10);

    fn measure() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut stalled = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                std::thread::sleep(Self::EVERY);
                stalled += began.elapsed().saturating_sub(Self::EVERY);
            }
            stalled
        });
        Self { stop, thread }
    }

    fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
