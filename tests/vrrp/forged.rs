//! Adverts of somebody who has no key: replayed, signed again, cut off, extended, and
//! put together from others. None counts, none moves a timer, and none keeps the next
//! genuine one from counting.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::{Input, WallClock};
use ipvsd::vrrp::packet::ah::Seal;
use ipvsd::vrrp::packet::hmac::Sequence;
use ipvsd::vrrp::packet::{
    AUTHENTICATION_HEADER, DropKind, Form, Message, UNAUTHENTICATED, WireAuthentication,
};
use ipvsd::vrrp::settings::{AntiReplay, Authentication, Hmac, HmacMode, Key, Password};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version, Vrid};

use crate::bench::{Bench, Did, GROUP, HIGHER, LOWER, address, envelope, instance, ip};

const MASTER_DOWN: u64 = 3_609 + 1;

/// The wall clock when the bench begins, in seconds since the epoch.
const EPOCH: u64 = 1_800_000_000;

fn key(number: u8) -> Key {
    Key(vec![number; 32])
}

fn password() -> Password {
    Password::new("secret")
}

fn signing() -> Authentication {
    Authentication::Hmac(Hmac {
        keys: BTreeMap::from([(1, key(1)), (2, key(2))]),
        active_key: 1,
        anti_replay: AntiReplay::Time {
            window: Duration::from_secs(5),
        },
        mode: HmacMode::Enforce,
    })
}

/// A router with an instance of this authentication, whose clock is right.
fn bench(version: Version, authentication: Authentication) -> Bench {
    let mut settings = instance(0);
    settings.version = version;
    settings.authentication = authentication;
    let mut bench = Bench::new(vec![settings], vec![]);
    let clock = Duration::from_secs(EPOCH) - bench.now.elapsed_since_boot();
    let input = Input::WallClock(WallClock(clock));
    bench.router.handle(input, bench.now);
    bench.drain();
    bench
}

/// What is sent by somebody who has everything right that needs no key.
#[derive(Clone)]
struct Advert {
    source: Ipv4Addr,
    vrid: u8,
    priority: u8,
    version: Version,
    seconds: u64,
    key: (u8, Key),
}

impl Advert {
    fn new(version: Version, seconds: u64) -> Self {
        Advert {
            source: HIGHER,
            vrid: 51,
            priority: 200,
            version,
            seconds,
            key: (1, key(1)),
        }
    }

    fn message(&self, kind: u8) -> Message {
        Message {
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority(self.priority),
            addresses: vec![address(0, 80).address],
            form: match self.version {
                Version::V2 => Form::V2 {
                    interval: 1,
                    authentication: WireAuthentication {
                        kind,
                        data: Some([0; 8]),
                    },
                },
                Version::V3 => Form::V3 {
                    interval: AdvertInterval::DEFAULT,
                },
            },
            trailer: None,
        }
    }

    fn signed(&self) -> Vec<u8> {
        let mut message = self.message(UNAUTHENTICATED);
        let sequence = Sequence::at(Duration::from_secs(EPOCH + self.seconds));
        message.sign(self.source.into(), self.key.0, &self.key.1, sequence);
        self.datagram(&message)
    }

    fn datagram(&self, message: &Message) -> Vec<u8> {
        let octets = message.encode(&envelope(self.source.into(), GROUP.into()));
        ip(self.source, GROUP, 255, &octets)
    }

    fn sealed(&self, sequence: u32, key: Password) -> Vec<u8> {
        let message = self.message(AUTHENTICATION_HEADER);
        let octets = message.encode(&envelope(self.source.into(), GROUP.into()));
        self.seal(sequence).around(&octets, key)
    }

    fn seal(&self, sequence: u32) -> Seal {
        Seal {
            source: self.source,
            destination: GROUP,
            ttl: 255,
            id: 1,
            sequence,
            is_unicast: false,
        }
    }
}

/// Makes the checksum of a message of one address right again, trailer or not.
fn mend_checksum(datagram: &mut [u8], version: Version) {
    let source = Ipv4Addr::from(<[u8; 4]>::try_from(&datagram[12..16]).unwrap());
    let end = datagram.len().min(match version {
        Version::V2 => 20 + 8 + 4 + 8,
        Version::V3 => 20 + 8 + 4,
    });
    let covered = &mut datagram[20..end];
    covered[6..8].fill(0);
    let mut words: Vec<u8> = covered.to_vec();
    if version == Version::V3 {
        words.extend(source.octets());
        words.extend(GROUP.octets());
        words.extend([0, 112]);
        words.extend(u16::try_from(end - 20).unwrap().to_be_bytes());
    }
    let mut sum = 0u32;
    for pair in words.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
    }
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    covered[6..8].copy_from_slice(&sum.to_be_bytes());
}

fn mend_length(datagram: &mut [u8]) {
    let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
    datagram[2..4].copy_from_slice(&length);
}

/// A genuine advert of that second after the beginning, as often as asked for.
type Genuine<'a> = &'a dyn Fn(u64) -> Vec<u8>;

/// A forged packet means nothing to a backup that waits for its master, nor to a master;
/// and genuine ones go on counting.
fn means_nothing(
    begin: &dyn Fn() -> Bench,
    genuine: Genuine<'_>,
    kind: DropKind,
    forged: &[u8],
    what: &str,
) {
    let mut bench = begin();
    bench.hear_bytes(0, &genuine(0));
    assert_eq!(bench.report(0).counters.adverts_received, 1, "{what}");
    bench.drain();
    let wake = bench.router.wake();
    bench.hear_bytes(0, forged);
    assert_eq!(
        bench.report(0).counters.dropped,
        BTreeMap::from([(kind, 1)]),
        "{what}"
    );
    assert_eq!(bench.router.wake(), wake, "{what}");
    match &bench.drain()[..] {
        [Did::Told(_, Change::Dropped { detail, .. })] => assert!(!detail.contains("secret")),
        other => panic!("{what}: {other:?}"),
    }
    bench.hear_bytes(0, &genuine(1));
    assert_eq!(bench.report(0).counters.adverts_received, 2, "{what}");

    let mut bench = begin();
    bench.until(MASTER_DOWN);
    assert_eq!(bench.state(0), State::Master);
    bench.drain();
    let wake = bench.router.wake();
    bench.hear_bytes(0, forged);
    assert_eq!(bench.report(0).counters.adverts_received, 0, "{what}");
    assert_eq!(bench.router.wake(), wake, "{what}");
    assert_eq!(bench.state(0), State::Master, "{what}");
    // The master that has a key takes over as ever.
    bench.hear_bytes(0, &genuine(5));
    assert_eq!(bench.state(0), State::Backup, "{what}");
}

#[test]
fn signed_adverts_cannot_be_forged() {
    for version in [Version::V2, Version::V3] {
        let begin = || bench(version, signing());
        // Within the window of both the beginning and the time of mastership.
        let genuine = |seconds| Advert::new(version, seconds).signed();
        let check = |kind, forged: &[u8], what: &str| {
            means_nothing(&begin, &genuine, kind, forged, what);
        };
        let advert = Advert::new(version, 3);
        let good = advert.signed();

        // Another priority, with a checksum that is right, and the signature as it was.
        let mut changed = good.clone();
        changed[22] = 255;
        mend_checksum(&mut changed, version);
        check(DropKind::Signature, &changed, "another priority");
        let mut changed = good.clone();
        changed[22] = 0;
        mend_checksum(&mut changed, version);
        check(DropKind::Signature, &changed, "a release");

        // A later sequence on an old signature.
        let mut changed = good.clone();
        let at = changed.len() - 20;
        changed[at + 3] ^= 1;
        check(DropKind::Signature, &changed, "another sequence");

        // Signed again with another key, by the id of the right one and by its own.
        let forger = Advert {
            key: (1, key(9)),
            ..advert.clone()
        };
        check(DropKind::Signature, &forger.signed(), "another key");
        let forger = Advert {
            key: (9, key(9)),
            ..advert.clone()
        };
        check(DropKind::UnknownKey, &forger.signed(), "an unknown key");

        // Another router's signature: the sender and the VRID belong to it.
        let mut spliced = good.clone();
        spliced[12..16].copy_from_slice(&LOWER.octets());
        mend_checksum(&mut spliced, version);
        check(DropKind::Signature, &spliced, "another sender");
        let other = Advert {
            vrid: 52,
            ..advert.clone()
        };
        let mut spliced = other.signed();
        spliced[21] = 51;
        mend_checksum(&mut spliced, version);
        check(DropKind::Signature, &spliced, "another virtual router's");

        // The trailer of one message behind another.
        let mut spliced = Advert {
            priority: 255,
            ..advert.clone()
        }
        .signed();
        let trailer = good.len() - 28..good.len();
        spliced[trailer.clone()].copy_from_slice(&good[trailer]);
        check(DropKind::Signature, &spliced, "another message's trailer");

        // Without the trailer, and with one that is cut off, too long, or another kind's.
        let mut cut = good[..good.len() - 28].to_vec();
        mend_length(&mut cut);
        check(DropKind::Unsigned, &cut, "no trailer");
        for length in [1, 8, 16, 27] {
            let mut cut = good[..good.len() - length].to_vec();
            mend_length(&mut cut);
            check(DropKind::Length, &cut, "a trailer that is cut off");
            let mut long = good.clone();
            long.extend(vec![0; length]);
            mend_length(&mut long);
            check(DropKind::Length, &long, "a trailer that is too long");
        }
        for (at, octet) in [(0, 2), (2, 1), (3, 1)] {
            let mut other = good.clone();
            let begin = other.len() - 28;
            other[begin + at] = octet;
            check(DropKind::Trailer, &other, "another scheme");
        }

        // Genuine ones of another time.
        let old = Advert {
            seconds: 0,
            ..advert.clone()
        };
        let mut bench = begin();
        bench.hear_bytes(0, &genuine(0));
        bench.until(3_000);
        bench.hear_bytes(0, &genuine(3));
        for (kind, at) in [(DropKind::Replayed, 3_000), (DropKind::Stale, 6_000)] {
            bench.until(at);
            let wake = bench.router.wake();
            bench.hear_bytes(0, &old.signed());
            assert_eq!(bench.report(0).counters.dropped.get(&kind), Some(&1));
            assert_eq!(bench.router.wake().max(wake), wake);
        }
    }
}

#[test]
fn adverts_with_an_authentication_header_cannot_be_forged() {
    let begin = || bench(Version::V2, Authentication::Header(password()));
    let advert = Advert::new(Version::V2, 0);
    // Who has heard nobody begins at the seconds of the clock.
    let number = |seconds: u64| u32::try_from(EPOCH + 100 + seconds).unwrap();
    let genuine = |seconds| advert.sealed(number(seconds), password());
    let check = |kind, forged: &[u8], what: &str| {
        means_nothing(&begin, &genuine, kind, forged, what);
    };
    let good = advert.sealed(number(3), password());

    let mut changed = good.clone();
    changed[44 + 2] = 255;
    let behind_the_header = changed.split_off(44);
    let mut message = ip(HIGHER, GROUP, 255, &behind_the_header);
    mend_checksum(&mut message, Version::V2);
    changed.extend(&message[20..]);
    check(DropKind::Signature, &changed, "another priority");
    let mut changed = good.clone();
    changed[31] ^= 8;
    check(DropKind::Signature, &changed, "another number");
    for at in [4, 35] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        check(
            DropKind::Signature,
            &changed,
            "another identification or digest",
        );
    }
    let forged = advert.sealed(number(3), Password::new("Secret"));
    check(DropKind::Signature, &forged, "another key");

    let mut spliced = good.clone();
    spliced[12..16].copy_from_slice(&LOWER.octets());
    check(DropKind::Spi, &spliced, "another sender");
    spliced[24..28].copy_from_slice(&LOWER.octets());
    check(DropKind::Signature, &spliced, "another sender and index");

    // The plain advert out of it, and the header around a plain one.
    let message = advert.message(AUTHENTICATION_HEADER);
    let bare = advert.datagram(&message);
    check(DropKind::AuthenticationType, &bare, "no header");
    let plain = advert.message(UNAUTHENTICATED);
    let octets = plain.encode(&envelope(HIGHER.into(), GROUP.into()));
    let plain = advert.seal(number(3)).around(&octets, password());
    check(DropKind::AuthenticationType, &plain, "type 0");

    for length in [1, 4, 8] {
        let mut cut = good[..good.len() - length].to_vec();
        mend_length(&mut cut);
        check(DropKind::Length, &cut, "cut off");
        let mut long = good.clone();
        long.extend(vec![0; length]);
        mend_length(&mut long);
        check(DropKind::Length, &long, "too long");
    }

    // Replayed; another sender has numbers of its own.
    let mut bench = begin();
    bench.hear_bytes(0, &genuine(3));
    bench.hear_bytes(0, &genuine(3));
    bench.hear_bytes(0, &genuine(2));
    let other = Advert {
        source: LOWER,
        ..advert.clone()
    };
    bench.hear_bytes(0, &other.sealed(number(3), password()));
    let counters = bench.report(0).counters;
    assert_eq!(counters.adverts_received, 2);
    assert_eq!(counters.dropped, BTreeMap::from([(DropKind::Replayed, 2)]));

    // What is told of it is about that sender's numbers.
    let mut bench = begin();
    bench.hear_bytes(0, &other.sealed(number(9), password()));
    bench.hear_bytes(0, &genuine(3));
    bench.drain();
    bench.hear_bytes(0, &genuine(3));
    let told = bench.drain();
    let [Did::Told(_, Change::Dropped { detail, .. })] = &told[..] else {
        panic!("{told:?}");
    };
    let numbers = format!("{0} is not above {0}, ", number(3));
    assert!(detail.contains(&numbers), "{detail}");
}

/// Nobody can make a master say less than it says anyway, nor a backup believe that
/// there is a master, with any number of packets.
#[test]
fn a_storm_of_each_kind_costs_no_advert_and_moves_no_backup() {
    let advert = Advert::new(Version::V3, 3);
    let good = advert.signed();
    let forger = Advert {
        key: (1, key(9)),
        ..advert.clone()
    };
    let mut short = good[..40].to_vec();
    mend_length(&mut short);
    let mut far = good.clone();
    far[8] = 254;
    let mut damaged = good.clone();
    damaged[26] ^= 1;
    let stale = Advert {
        seconds: 900,
        ..advert.clone()
    };
    let storms = [
        (DropKind::Signature, forger.signed()),
        (DropKind::Length, short),
        (DropKind::Ttl, far),
        (DropKind::Checksum, damaged),
        (DropKind::Stale, stale.signed()),
    ];
    for (kind, packet) in storms {
        let mut master = bench(Version::V3, signing());
        master.until(MASTER_DOWN);
        let mut adverts = 0;
        for tenth in 1..=30 {
            let did = master.until(MASTER_DOWN + tenth * 100);
            adverts += did
                .iter()
                .filter(|did| matches!(did, Did::Sent(..)))
                .count();
            (0..100).for_each(|_| master.hear_bytes(0, &packet));
        }
        assert_eq!(adverts, 3, "{kind:?}");
        assert_eq!(master.report(0).counters.dropped[&kind], 3_000);

        let mut backup = bench(Version::V3, signing());
        for tenth in 1..=30 {
            backup.until(tenth * 100);
            (0..100).for_each(|_| backup.hear_bytes(0, &packet));
        }
        backup.until(MASTER_DOWN - 10);
        assert_eq!(backup.state(0), State::Backup, "{kind:?}");
        backup.until(MASTER_DOWN);
        assert_eq!(backup.state(0), State::Master, "{kind:?}");
    }
}
