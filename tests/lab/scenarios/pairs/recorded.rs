//! Adverts that another implementation has sent, on the wire of a running director.
//! They are signed with keys that are known; the recordings are those of
//! `tests/vrrp/vectors`.

use std::fs;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

use crate::cluster::{Family, Method, Plan};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::lab::{Lab, wait_until};
use crate::packet_socket;
use crate::pair::LONG;

/// What a recording is of, and whether it is worth something only near its time.
const RECORDINGS: [(&str, bool); 5] = [
    ("v2-hmac-time", true),
    ("v3-ipv4-hmac-time", true),
    ("v3-ipv6-hmac-time", true),
    ("v3-ipv4-hmac-monotonic", false),
    ("v2-ah", false),
];

/// In the middle of them all: they were made within a minute.
const RECORDED: i64 = 1_795_219_045;

pub fn recorded_adverts_are_believed_once(lab: &Lab) {
    if lab.has_stand_in() {
        return; // keepalived 2.2.7 knows no signatures.
    }
    let cluster = Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(RECORDINGS.len() + 1)
        .vrrp()
        .build(lab);
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(RECORDED, 0)).unwrap();
    let mut routers: Vec<_> = cluster
        .directors
        .iter()
        // It has the address that the adverts come from.
        .filter(|director| director.name() != "director5")
        .zip(RECORDINGS)
        .map(|(director, (name, timed))| Router::start(lab, director, name, timed))
        .collect();

    lab.note("as they were sent");
    for router in &routers {
        router.daemon.wait_for_log("Startup complete", LONG);
        let (last, others) = router.recording.split_last().unwrap();
        router.send(others);
        router.wait_for_count("received", others.len());
        assert_eq!(router.packets()["dropped"], serde_json::json!({}));
        router.send(std::slice::from_ref(last));
    }
    for router in &routers {
        let line = router
            .daemon
            .wait_for_log("(V) Entering MASTER STATE", LONG);
        assert!(line.contains("has stopped"), "{}: {line}", router.name);
        assert_eq!(router.packets()["dropped"], serde_json::json!({}));
    }

    lab.note("and once more");
    for router in &routers {
        let mark = router.daemon.log().mark();
        router.send(&router.recording);
        router.wait_for_count("replayed", router.recording.len());
        let lines = router.daemon.log().since(mark);
        let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
        assert!(moved.is_none(), "{}: {moved:?}", router.name);
    }

    // Who has been started again has forgotten whom it has heard.
    lab.note("to others, an hour later");
    let now = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
    let later = TimeSpec::new(now.tv_sec() + 3600, now.tv_nsec());
    clock_settime(ClockId::CLOCK_REALTIME, later).unwrap();
    for router in routers.iter_mut().filter(|router| router.timed) {
        router.restart();
        router.send(&router.recording);
        router.wait_for_count("stale", router.recording.len());
        assert_eq!(router.packets()["adverts_received"], 0, "{}", router.name);
    }
}

/// A director that is alone on its cable, where somebody else can speak.
struct Router<'a> {
    lab: &'a Lab,
    name: &'static str,
    timed: bool,
    director: &'a Director<'a>,
    daemon: Daemon<'a>,
    recording: Vec<Vec<u8>>,
}

impl<'a> Router<'a> {
    fn start(lab: &'a Lab, director: &'a Director<'a>, name: &'static str, timed: bool) -> Self {
        director.isolate("eth0");
        let capture = fs::read(lab.source(&format!("tests/vrrp/vectors/{name}.pcap"))).unwrap();
        Self {
            lab,
            name,
            timed,
            director,
            daemon: director.start(&conf(lab, name)),
            recording: frames(&capture),
        }
    }

    fn restart(&mut self) {
        self.daemon.sigterm(LONG);
        self.daemon = self.director.start(&conf(self.lab, self.name));
        self.daemon.wait_for_log("Startup complete", LONG);
    }

    fn send(&self, frames: &[Vec<u8>]) {
        let socket = packet_socket::open(&self.director.port("eth0")).unwrap();
        for frame in frames {
            packet_socket::send(&socket, frame).unwrap();
        }
    }

    /// What has been counted for the instance.
    fn packets(&self) -> serde_json::Value {
        self.daemon.status_json()["instances"][0]["packets"].clone()
    }

    /// Waits until so many adverts have been `received`, or dropped for this reason.
    #[track_caller]
    fn wait_for_count(&self, what: &str, count: usize) {
        wait_until(&format!("{}: {count} {what}", self.name), LONG, || {
            let packets = self.packets();
            let counted = match what {
                "received" => &packets["adverts_received"],
                kind => &packets["dropped"][kind],
            };
            *counted == count
        });
    }
}

/// Of a router that could take over from the one that was recorded, after a long time.
fn conf(lab: &Lab, name: &str) -> String {
    let path = lab.source(&format!("tests/vrrp/vectors/{name}.conf"));
    fs::read_to_string(path)
        .unwrap()
        .replace("state MASTER", "state BACKUP")
        .replace("priority 255", "priority 100\ndown_timer_adverts 100")
        .replace("anti_replay time", "anti_replay time\ntime_window 120")
}

/// The frames of a capture (pcap-savefile(5)), little endian.
fn frames(capture: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = &capture[24..];
    while let Some((header, data)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        frames.push(data[..length].to_vec());
        rest = &data[length..];
    }
    frames
}
