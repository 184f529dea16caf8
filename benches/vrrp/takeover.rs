//! The master's machine is gone from one moment to the next: how long until another is
//! heard in its place, and until it has everything.

use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::conf::{self, HIGHER, LOWER};
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, secs, wait_until};
use crate::neighbour::Neighbour;
use crate::place::{FRONT, Host};
use crate::watch::AddressWatch;
use crate::wire::{Wire, since};

/// Adverts, ten milliseconds each, that the master's rule lasts before it dies.
const RULE: usize = 50;

/// All in ms.
pub struct Takeover {
    /// From the dead one's last advert to the first of the new one.
    pub first_advert: f64,
    /// From there until the last address is up.
    pub up: f64,
    /// And until each has been announced once.
    pub announced: f64,
}

pub fn turn(lab: &Lab, program: Program, addresses: usize, busy: bool) -> Takeover {
    let wire = Wire::tap(FRONT);
    let master = Host::new("master", &[(FRONT, "10.0.0.1/24")]);
    let up_there = AddressWatch::of(&master);
    let old = Daemon::start_with(lab, &master, program, &conf::one(HIGHER, addresses), &[]);
    wait_until("a master with all addresses", secs(20), || {
        up_there.look(|events| events.new.len() >= addresses)
    });
    drop(up_there);

    let backup = Host::new("backup", &[(FRONT, "10.0.0.2/24")]);
    let new = Daemon::start_with(lab, &backup, program, &conf::one(LOWER, addresses), &[]);
    new.wait_for_log("Entering BACKUP STATE", secs(20));
    let _neighbour = busy.then(|| Neighbour::of(&backup));
    // On a machine that has much else to do there may be a takeover too many before.
    wire.forget();
    wait_until("a rule in peace", secs(20), || {
        wire.look(|seen| {
            let latest = seen.adverts.iter().rev().take(RULE);
            let by_master = latest.filter(|(_, priority)| *priority == HIGHER);
            by_master.count() == RULE
        })
    });
    let up_here = AddressWatch::of(&backup);
    wire.forget_announcements();

    unplug(FRONT, &master.port("eth0"));
    old.sigkill_all();
    wait_until("everything is up and announced", secs(20), || {
        up_here.look(|events| events.new.len() >= addresses)
            && wire.look(|seen| {
                let mut all = (0..addresses).map(conf::address);
                all.all(|address| seen.announced.contains_key(&address))
            })
    });
    let takeover = wire.look(|seen| {
        let by = |wanted| move |(_, priority): &&(_, u8)| *priority == wanted;
        let last = seen.adverts.iter().rfind(by(HIGHER)).unwrap().0;
        let mut after = seen.adverts.iter().skip_while(|(at, _)| *at <= last);
        let first = after.find(by(LOWER)).unwrap().0;
        let up = up_here.look(|events| events.new.iter().max().copied().unwrap());
        let announced = seen.announced.values().max().copied().unwrap();
        Takeover {
            first_advert: since(last, first),
            up: since(first, up),
            announced: since(first, announced),
        }
    });
    drop(new);
    takeover
}

/// Takes a cable out of the switch, in one system call: whatever its machine still wants
/// to say, nobody hears it (linux/sockios.h, SIOCBRDELIF).
fn unplug(bridge: &str, port: &str) {
    const SIOCBRDELIF: libc::Ioctl = 0x89a3;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    // SAFETY: any bytes are an ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, octet) in request.ifr_name.iter_mut().zip(bridge.bytes()) {
        *place = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_ifindex = nix::net::if_::if_nametoindex(port).unwrap() as i32;
    // SAFETY: the request lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCBRDELIF, &request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
