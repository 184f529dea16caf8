//! Routers that sign their adverts, and understand each other: while keys change, while
//! clocks are set, and when one process takes the place of another.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::{Action, Content, Input, WallClock};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::settings::{
    AntiReplay, Authentication, Hmac, HmacMode, InstanceSettings, Key, Password,
};
use ipvsd::vrrp::{Priority, State, Version};

use crate::bench::{Bench, Did, GROUP, HIGHER, at, facts, instance, ip, own};

const MASTER_DOWN: u64 = 3_609 + 1;

/// The wall clock when the bench begins, in seconds since the epoch.
const EPOCH: i64 = 1_800_000_000;

const WINDOW: u64 = 5;

fn time() -> AntiReplay {
    AntiReplay::Time {
        window: Duration::from_secs(WINDOW),
    }
}

fn signing(active_key: u8, mode: HmacMode, anti_replay: AntiReplay) -> Authentication {
    Authentication::Hmac(Hmac {
        keys: BTreeMap::from([(1, Key(vec![1; 32])), (2, Key(vec![2; 64]))]),
        active_key,
        anti_replay,
        mode,
    })
}

fn enforcing(anti_replay: AntiReplay) -> Authentication {
    signing(1, HmacMode::Enforce, anti_replay)
}

fn settings(authentication: Authentication) -> InstanceSettings {
    let mut settings = instance(0);
    settings.version = match authentication {
        Authentication::Header(_) => Version::V2,
        _ => Version::V3,
    };
    settings.authentication = authentication;
    settings
}

/// A director, and where it sends from.
struct Host {
    bench: Bench,
    address: Ipv4Addr,
}

impl Host {
    fn new(address: Ipv4Addr, settings: InstanceSettings) -> Self {
        Self::resumed(address, settings, &Memory::default(), 0)
    }

    /// One whose process takes the place of another.
    fn resumed(address: Ipv4Addr, settings: InstanceSettings, memory: &Memory, now: u64) -> Self {
        let bench = Bench::bare(vec![settings], vec![], memory, at(now));
        let mut host = Host { bench, address };
        host.set_clock(0);
        let mut facts = facts(0);
        facts.addresses = vec![(address.into(), 24)];
        host.bench.interface(0, Some(facts));
        host
    }

    /// Sets the wall clock to this many seconds from what is right.
    fn set_clock(&mut self, off: i64) {
        let right = u64::try_from(EPOCH + off).unwrap();
        let clock = Duration::from_secs(right) - at(0).elapsed_since_boot();
        let input = Input::WallClock(WallClock(clock));
        self.bench.router.handle(input, self.bench.now);
    }

    /// Lets time pass, and gives the datagrams that it sends.
    fn until(&mut self, milliseconds: u64) -> Vec<Vec<u8>> {
        let mut sent = self.sent();
        while let Some(wake) = self.bench.router.wake()
            && wake <= at(milliseconds)
        {
            self.bench.now = self.bench.now.max(wake);
            self.bench.router.on_time(self.bench.now);
            sent.extend(self.sent());
            while self
                .bench
                .router
                .next_announcement(self.bench.now)
                .is_some()
            {}
        }
        self.bench.now = at(milliseconds);
        sent
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(action) = self.bench.router.next_action() {
            match action {
                Action::Send(advert) => sent.push(match advert.content {
                    Content::Message { octets, ttl } => ip(self.address, GROUP, ttl, &octets),
                    Content::Datagram(datagram) => datagram,
                }),
                Action::AddAddresses { instance, .. }
                | Action::RemoveAddresses { instance, .. } => {
                    let failed = Vec::new();
                    let input = Input::AddressesDone { instance, failed };
                    self.bench.router.handle(input, self.bench.now);
                }
                Action::Tell(_) => {}
            }
        }
        sent
    }

    fn hear(&mut self, datagrams: &[Vec<u8>]) {
        for datagram in datagrams {
            self.bench.hear_bytes(0, datagram);
        }
    }

    /// How many adverts have counted so far.
    fn heard(&self) -> u64 {
        self.bench.report(0).counters.adverts_received
    }

    fn dropped(&self) -> BTreeMap<DropKind, u64> {
        self.bench.report(0).counters.dropped
    }
}

/// A master that sends an advert a second, and a backup that is not to be impatient.
fn pair(authentication: Authentication) -> (Host, Host) {
    let mut master = Host::new(own(0), settings(authentication.clone()));
    let mut patient = settings(authentication);
    patient.down_timer_adverts = 100;
    patient.priority = Priority(50);
    let backup = Host::new(HIGHER, patient);
    master.until(MASTER_DOWN - 1);
    (master, backup)
}

/// Before and after one of them changes its key, and while one of them does not sign
/// yet.
#[test]
fn routers_understand_each_other_whatever_key_and_mode_they_are_at() {
    use HmacMode::{Enforce, Permissive, ReceiveOnly};
    let cases = [
        ((1, Enforce), (1, Enforce), None),
        ((1, Enforce), (2, Enforce), None),
        ((1, Permissive), (2, Enforce), None),
        ((1, ReceiveOnly), (1, Permissive), Some(true)),
        ((1, ReceiveOnly), (1, ReceiveOnly), Some(true)),
        ((1, ReceiveOnly), (1, Enforce), Some(false)),
    ];
    for ((key, mode), (other_key, other_mode), unsigned) in cases {
        let mut master = Host::new(own(0), settings(signing(key, mode, time())));
        let mut other = Host::new(HIGHER, settings(signing(other_key, other_mode, time())));
        let advert = master.until(MASTER_DOWN);
        assert_eq!(advert.len(), 1);
        other.until(MASTER_DOWN - 1);
        other.hear(&advert);
        let counters = other.bench.report(0).counters;
        let what = format!("{mode:?} to {other_mode:?}");
        let counts = u64::from(unsigned != Some(false));
        let remarked = usize::from(unsigned == Some(true));
        assert_eq!(counters.adverts_received, counts, "{what}");
        assert_eq!(counters.unsigned_received, remarked as u64, "{what}");
        let remarks = other.bench.drain().into_iter();
        let remarks = remarks.filter(|did| matches!(did, Did::Told(_, Change::Unsigned { .. })));
        assert_eq!(remarks.count(), remarked, "{what}");
    }
}

/// Set back or ahead by less than the window, nothing is lost at all.
#[test]
fn small_steps_of_a_clock_cost_no_advert() {
    for anti_replay in [time(), AntiReplay::Monotonic] {
        for step in [-4, 4] {
            let (mut master, mut backup) = pair(enforcing(anti_replay));
            let sent = master.until(MASTER_DOWN + 3_000);
            backup.until(MASTER_DOWN + 3_000);
            backup.hear(&sent);
            assert_eq!(backup.heard(), 4);
            master.set_clock(step);
            for second in 4..20 {
                let sent = master.until(MASTER_DOWN + second * 1_000);
                backup.until(MASTER_DOWN + second * 1_000);
                backup.hear(&sent);
                assert_eq!(backup.heard(), second + 1, "{step} {:?}", backup.dropped());
            }
        }
    }
}

/// Set by hours, on one host first and on the other some seconds later: from then on
/// every advert counts, whichever way they were set.
#[test]
fn once_both_clocks_are_right_nothing_is_left_of_a_large_step() {
    for step in [-3_600, -11, -10, 3_600] {
        for master_is_first in [true, false] {
            let (mut master, mut backup) = pair(enforcing(time()));
            master.set_clock(-step);
            backup.set_clock(-step);
            let sent = master.until(MASTER_DOWN + 3_000);
            backup.until(MASTER_DOWN + 3_000);
            backup.hear(&sent);
            assert_eq!(backup.heard(), 4);

            let first = if master_is_first {
                &mut master
            } else {
                &mut backup
            };
            first.set_clock(0);
            let sent = master.until(MASTER_DOWN + 6_000);
            backup.until(MASTER_DOWN + 6_000);
            backup.hear(&sent);
            let second = if master_is_first {
                &mut backup
            } else {
                &mut master
            };
            second.set_clock(0);
            // What is signed ahead of a clock that was set back may be so for as long as
            // the window is wide.
            let slack = WINDOW * 1_000;
            for second in 1..=WINDOW {
                let now = MASTER_DOWN + 6_000 + second * 1_000;
                let sent = master.until(now);
                backup.until(now);
                backup.hear(&sent);
            }
            let before = backup.heard();
            for second in 1..10 {
                let now = MASTER_DOWN + 6_000 + slack + second * 1_000;
                let sent = master.until(now);
                assert_eq!(sent.len(), 1);
                backup.until(now);
                backup.hear(&sent);
                let what = format!("{step} {master_is_first} {:?}", backup.dropped());
                assert_eq!(backup.heard(), before + second, "{what}");
            }
        }
    }
}

#[test]
fn a_clock_that_is_off_is_told_before_it_is_off_by_too_much() {
    let (mut master, mut backup) = pair(enforcing(time()));
    master.set_clock(4);
    let sent = master.until(MASTER_DOWN + 3_000);
    backup.until(MASTER_DOWN + 3_000);
    backup.bench.drain();
    // All four at once, the last of them four seconds ahead.
    backup.hear(&sent[3..]);
    let told = Change::ClockSkew {
        from: own(0).into(),
        seconds: 4,
        window: 5,
    };
    let did = backup.bench.drain();
    assert!(
        did.iter()
            .any(|did| matches!(did, Did::Told(_, change) if *change == told)),
        "{did:?}"
    );
    assert_eq!(backup.heard(), 1);
}

/// The process before has signed: the next one, whatever its clock, goes on; and what
/// the one before has heard does not count again.
#[test]
fn a_new_process_neither_repeats_nor_believes_what_was_before() {
    let authentications = [
        enforcing(time()),
        enforcing(AntiReplay::Monotonic),
        Authentication::Header(Password::new("secret")),
    ];
    for authentication in authentications {
        let (mut master, mut backup) = pair(authentication);
        let sent = master.until(MASTER_DOWN + 2_000);
        backup.until(MASTER_DOWN + 2_000);
        backup.hear(&sent);
        assert_eq!(backup.heard(), 3);

        let memory = master.bench.router.memory();
        let settings = master.bench.router.settings(ipvsd::vrrp::InstanceId(0));
        let settings = settings.unwrap().clone();
        let mut master = Host::resumed(own(0), settings, &memory, MASTER_DOWN + 2_100);
        assert_eq!(master.bench.state(0), State::Master);
        master.set_clock(-3);
        let again = master.until(MASTER_DOWN + 4_000);
        assert!(again.len() >= 2);
        backup.hear(&again);
        let heard = 3 + again.len() as u64;
        assert_eq!(backup.heard(), heard, "{:?}", backup.dropped());

        let memory = backup.bench.router.memory();
        let settings = backup.bench.router.settings(ipvsd::vrrp::InstanceId(0));
        let settings = settings.unwrap().clone();
        let mut backup = Host::resumed(HIGHER, settings, &memory, MASTER_DOWN + 4_000);
        backup.hear(&sent);
        backup.hear(&again);
        assert_eq!(backup.heard(), 0);
        assert_eq!(
            backup.dropped(),
            BTreeMap::from([(DropKind::Replayed, heard)])
        );
    }
}
