//! Thousands of addresses come up and go, at the word of a peer.

use std::time::Instant;

use ipvsd::sys::rtnetlink::{Address, AddressChange, Changes, Commands};

use crate::conf::{self, HIGHER, LOWER};
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, secs, wait_until};
use crate::peer::Peer;
use crate::place::{FRONT, Host};
use crate::watch::AddressWatch;
use crate::wire::{Seen, Stamp, Wire, since};

/// Times up and down in a turn.
const TIMES: usize = 3;

/// All in ms.
#[derive(Default)]
pub struct UpAndDown {
    pub up: Vec<f64>,
    pub down: Vec<f64>,
}

pub fn turn(lab: &Lab, program: Program, addresses: usize, result: &mut UpAndDown) {
    let wire = Wire::tap(FRONT);
    let host = Host::new("director", &[(FRONT, "10.0.0.1/24")]);
    let watch = AddressWatch::of(&host);
    let _daemon = Daemon::start_with(lab, &host, program, &conf::one(LOWER, addresses), &[]);
    for _ in 0..TIMES {
        wait_until("all are announced", secs(20), || {
            wire.look(|seen| seen.announced.len() >= addresses)
        });
        wire.forget();
        watch.forget();
        let peer = Peer::of_one(FRONT);
        wait_until("all are gone", secs(20), || {
            watch.look(|events| events.gone.len() >= addresses)
        });
        let heard = first(&wire, HIGHER);
        let last = watch.look(|events| events.gone.iter().max().copied());
        result.down.push(since(heard, last.unwrap()));

        wire.forget();
        watch.forget();
        drop(peer);
        wait_until("all are up", secs(20), || {
            watch.look(|events| events.new.len() >= addresses)
        });
        // Whichever is done first, adding or speaking, begins it.
        wait_until("an advert", secs(20), || wire.look(|seen| has(seen, LOWER)));
        let (began, last) = watch.look(|events| {
            let times = || events.new.iter().copied();
            (times().min().unwrap(), times().max().unwrap())
        });
        result.up.push(since(began.min(first(&wire, LOWER)), last));
    }
}

/// The same by nothing but a loop that sends the changes and reads the answers: what the
/// kernel takes for itself, and nobody can be below.
pub fn bare_loop(addresses: usize, result: &mut UpAndDown) {
    let host = Host::new("director", &[(FRONT, "10.0.0.1/24")]);
    // The kernel has somebody to tell, as it has otherwise.
    let _watch = AddressWatch::of(&host);
    let mut commands = host.enter(|| Commands::open().unwrap());
    let interface = host.enter(|| nix::net::if_::if_nametoindex("eth0").unwrap());
    let wanted: Vec<_> = (0..addresses)
        .map(|number| {
            let address = conf::address(number).into();
            Address {
                interface,
                address,
                prefix: 32,
                peer: address,
                broadcast: None,
                scope: 0,
                label: None,
                is_secondary: false,
                is_unusable: false,
            }
        })
        .collect();
    let mut change = |kind: fn(Address) -> AddressChange| {
        let changes = Changes {
            changes: wanted.iter().cloned().map(kind).collect(),
            ..Changes::default()
        };
        let began = Instant::now();
        let refused = commands.change(&changes).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        began.elapsed().as_secs_f64() * 1e3
    };
    for _ in 0..TIMES {
        result.up.push(change(AddressChange::Add));
        result.down.push(change(AddressChange::Remove));
    }
}

fn has(seen: &Seen, wanted: u8) -> bool {
    seen.adverts.iter().any(|(_, priority)| *priority == wanted)
}

fn first(wire: &Wire, wanted: u8) -> Stamp {
    wire.look(|seen| {
        let mut adverts = seen.adverts.iter();
        adverts.find(|(_, priority)| *priority == wanted).unwrap().0
    })
}
