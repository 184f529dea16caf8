use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Guard, LEAP, NEAR_END, Remark, SENDERS};
use crate::family::Family;
use crate::moment::Moment;
use crate::vrrp::event::Change;
use crate::vrrp::input::{Received, WallClock};
use crate::vrrp::memory::AdvertNumbers;
use crate::vrrp::packet::ah::Seal;
use crate::vrrp::packet::hmac::Sequence;
use crate::vrrp::packet::{Datagram, DropKind, Envelope, Form, Message, View, WireAuthentication};
use crate::vrrp::settings::{AntiReplay, ChecksumForm, Delivery, Hmac, HmacMode, Key, Password};
use crate::vrrp::types::{AdvertInterval, Priority, Version, Vrid};

const WINDOW: u64 = 10;
const TIME: AntiReplay = AntiReplay::Time {
    window: Duration::from_secs(WINDOW),
};

fn at(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

/// A guard whose clock shows this many seconds since the epoch at `at(0)`.
fn guard(epoch: u64) -> Guard {
    let mut guard = Guard::default();
    guard.set_wall_clock(WallClock(Duration::from_secs(epoch)));
    guard
}

fn hmac(anti_replay: AntiReplay, mode: HmacMode) -> Hmac {
    Hmac {
        keys: BTreeMap::from([(1, Key(vec![1; 32])), (2, Key(vec![2; 64]))]),
        active_key: 1,
        anti_replay,
        mode,
    }
}

fn sender(host: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, host).into()
}

fn message() -> Message {
    Message {
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(100),
        addresses: vec![sender(80)],
        form: Form::V3 {
            interval: AdvertInterval::DEFAULT,
        },
        trailer: None,
    }
}

/// What a guard makes of an advert of this time.
fn hear(guard: &mut Guard, settings: &Hmac, host: u8, sequence: Sequence, now: Moment) -> Verdict {
    let mut message = message();
    message.sign(sender(host), 1, &settings.keys[&1], sequence);
    judge(guard, settings, host, &message, now)
}

type Verdict = Result<Option<Remark>, DropKind>;

fn judge(guard: &mut Guard, settings: &Hmac, host: u8, message: &Message, now: Moment) -> Verdict {
    let envelope = Envelope {
        source: sender(host),
        destination: Delivery::group(Family::V4),
        checksum: ChecksumForm::default(),
    };
    let octets = message.encode(&envelope);
    let view = View::parse(&octets, Version::V3, &envelope).unwrap();
    guard.check_trailer(&view, &octets, sender(host), settings, now)
}

fn seconds(seconds: u64) -> Sequence {
    Sequence::at(Duration::from_secs(seconds))
}

#[test]
fn signed_sequences_grow_within_a_tick_and_over_small_steps_of_the_clock() {
    let mut guard = guard(1_000);
    let first = guard.next_sequence(TIME, at(0));
    assert_eq!(first, seconds(1_000));
    assert_eq!(guard.next_sequence(TIME, at(0)), first.next());
    guard.set_wall_clock(WallClock(Duration::from_secs(1_000 - WINDOW)));
    assert_eq!(guard.next_sequence(TIME, at(0)), first.next().next());
    // Further back than anybody's window: the time before was nobody's.
    guard.set_wall_clock(WallClock(Duration::from_secs(999 - WINDOW)));
    assert_eq!(guard.next_sequence(TIME, at(0)), seconds(999 - WINDOW));
    guard.set_wall_clock(WallClock(Duration::from_secs(5_000)));
    assert_eq!(guard.next_sequence(TIME, at(1)), seconds(5_001));
}

#[test]
fn monotonic_sequences_never_go_back() {
    let mut guard = guard(1_000);
    let first = guard.next_sequence(AntiReplay::Monotonic, at(0));
    guard.set_wall_clock(WallClock::default());
    assert_eq!(
        guard.next_sequence(AntiReplay::Monotonic, at(1)),
        first.next()
    );
}

#[test]
fn each_sender_counts_for_itself_and_each_advert_once() {
    for anti_replay in [TIME, AntiReplay::Monotonic] {
        let settings = hmac(anti_replay, HmacMode::Enforce);
        let mut guard = guard(1_000);
        let mut hear = |host, sequence| hear(&mut guard, &settings, host, sequence, at(0));
        assert_eq!(hear(1, seconds(1_000)), Ok(None));
        assert_eq!(hear(1, seconds(1_000)), Err(DropKind::Replayed));
        assert_eq!(hear(1, seconds(999)), Err(DropKind::Replayed));
        assert_eq!(hear(2, seconds(999)), Ok(None));
        assert_eq!(hear(1, seconds(1_000).next()), Ok(None));
    }
}

#[test]
fn what_lies_outside_the_window_is_stale_and_near_its_edge_it_is_remarked() {
    let settings = hmac(TIME, HmacMode::Enforce);
    let edges = [
        (1_000 - WINDOW - 1, Err(DropKind::Stale)),
        (1_000 - WINDOW, Ok(Some(-10))),
        (1_000 - WINDOW / 2, Ok(None)),
        (1_000 + WINDOW / 2, Ok(None)),
        (1_000 + WINDOW / 2 + 1, Ok(Some(6))),
        (1_000 + WINDOW, Ok(Some(10))),
        (1_000 + WINDOW + 1, Err(DropKind::Stale)),
    ];
    for (host, (time, verdict)) in (1..).zip(edges) {
        let mut guard = guard(1_000);
        let heard = hear(&mut guard, &settings, host, seconds(time), at(0));
        let window = WINDOW as i64;
        let skew = |seconds| Remark::ClockSkew { seconds, window };
        assert_eq!(heard, verdict.map(|ahead| ahead.map(skew)), "{time}");
    }
    // Without a window time does not count.
    let settings = hmac(AntiReplay::Monotonic, HmacMode::Enforce);
    let heard = hear(&mut guard(1_000), &settings, 1, seconds(1), at(0));
    assert_eq!(heard, Ok(None));
}

#[test]
fn a_clock_that_is_set_back_here_locks_nobody_out() {
    let settings = hmac(TIME, HmacMode::Enforce);
    let mut guard = guard(5_000);
    assert_eq!(
        hear(&mut guard, &settings, 1, seconds(5_000), at(0)),
        Ok(None)
    );
    guard.set_wall_clock(WallClock(Duration::from_secs(1_000)));
    assert_eq!(
        hear(&mut guard, &settings, 1, seconds(1_001), at(1)),
        Ok(None)
    );
    let again = hear(&mut guard, &settings, 1, seconds(1_001), at(1));
    assert_eq!(again, Err(DropKind::Replayed));
}

#[test]
fn a_wrong_tag_teaches_nothing() {
    let settings = hmac(TIME, HmacMode::Enforce);
    let mut guard = guard(1_000);
    let mut forged = message();
    forged.sign(sender(1), 1, &settings.keys[&2], seconds(1_005));
    let verdict = judge(&mut guard, &settings, 1, &forged, at(0));
    assert_eq!(verdict, Err(DropKind::Signature));
    assert!(guard.numbers().senders.is_empty());
    forged.sign(sender(1), 3, &settings.keys[&2], seconds(1_005));
    let verdict = judge(&mut guard, &settings, 1, &forged, at(0));
    assert_eq!(verdict, Err(DropKind::UnknownKey));
    // Its neighbour's advert, with its own address on it.
    forged.sign(sender(2), 1, &settings.keys[&1], seconds(1_005));
    let verdict = judge(&mut guard, &settings, 1, &forged, at(0));
    assert_eq!(verdict, Err(DropKind::Signature));
    // During a rotation both keys are good.
    forged.sign(sender(1), 2, &settings.keys[&2], seconds(1_000));
    assert_eq!(judge(&mut guard, &settings, 1, &forged, at(0)), Ok(None));
}

#[test]
fn modes_differ_in_what_is_not_signed_only() {
    for mode in [HmacMode::Permissive, HmacMode::ReceiveOnly] {
        let settings = hmac(TIME, mode);
        let mut guard = guard(1_000);
        let unsigned = judge(&mut guard, &settings, 1, &message(), at(0));
        assert_eq!(unsigned, Ok(Some(Remark::Unsigned)));
        let stale = hear(&mut guard, &settings, 1, seconds(900), at(0));
        assert_eq!(stale, Err(DropKind::Stale));
        let mut forged = message();
        forged.sign(sender(1), 1, &settings.keys[&2], seconds(1_000));
        let forged = judge(&mut guard, &settings, 1, &forged, at(0));
        assert_eq!(forged, Err(DropKind::Signature));
    }
    let settings = hmac(TIME, HmacMode::Enforce);
    let unsigned = judge(&mut guard(1_000), &settings, 1, &message(), at(0));
    assert_eq!(unsigned, Err(DropKind::Unsigned));
}

#[test]
fn the_memory_of_senders_has_an_end() {
    let settings = hmac(AntiReplay::Monotonic, HmacMode::Enforce);
    let mut guard = guard(10_000);
    for host in 0..=255u8 {
        let sequence = seconds(1_000 + u64::from(host));
        assert_eq!(hear(&mut guard, &settings, host, sequence, at(0)), Ok(None));
    }
    let numbers = guard.numbers();
    assert_eq!(numbers.senders.len(), SENDERS);
    // Those heard last are known.
    assert!(numbers.senders.contains_key(&sender(255)));
    assert!(!numbers.senders.contains_key(&sender(0)));
}

#[test]
fn remarks_are_made_once_an_hour_for_each_sender() {
    let mut guard = guard(0);
    let unsigned = |host| Some(Change::Unsigned { from: sender(host) });
    assert_eq!(guard.tell(Remark::Unsigned, sender(1), at(0)), unsigned(1));
    assert_eq!(guard.tell(Remark::Unsigned, sender(1), at(3_599)), None);
    assert_eq!(
        guard.tell(Remark::Unsigned, sender(2), at(3_599)),
        unsigned(2)
    );
    let skew = Remark::ClockSkew {
        seconds: 6,
        window: 10,
    };
    assert!(guard.tell(skew, sender(1), at(3_599)).is_some());
    assert_eq!(
        guard.tell(Remark::Unsigned, sender(1), at(3_600)),
        unsigned(1)
    );
    // Who sends from any number of addresses is not told of by each.
    let told = (0..=255).filter(|host| {
        guard
            .tell(Remark::Unsigned, sender(*host), at(3_600))
            .is_some()
    });
    assert!(told.count() < SENDERS);
}

/// What a guard makes of an authentication header with this number, sent by unicast or
/// not.
fn hear_header(guard: &mut Guard, host: u8, sequence: u32) -> Result<(), DropKind> {
    let key = Password::new("secret");
    let message = Message {
        form: Form::V2 {
            interval: 1,
            authentication: WireAuthentication {
                kind: 2,
                data: Some([0; 8]),
            },
        },
        ..message()
    };
    let seal = Seal {
        source: Ipv4Addr::new(10, 0, 0, host),
        destination: Ipv4Addr::new(224, 0, 0, 18),
        ttl: 255,
        id: 1,
        sequence,
        is_unicast: false,
    };
    let envelope = Envelope {
        source: seal.source.into(),
        destination: seal.destination.into(),
        checksum: ChecksumForm::default(),
    };
    let datagram = seal.around(&message.encode(&envelope), key);
    let datagram = Datagram::parse(Received::V4(&datagram)).unwrap();
    guard.check_header(
        &datagram.authentication.unwrap(),
        datagram.source,
        key,
        false,
    )
}

#[test]
fn what_is_sent_comes_after_all_that_was_heard_and_each_sender_counts_for_itself() {
    let mut guard = guard(1_800_000_000);
    assert_eq!(hear_header(&mut guard, 2, 1_000), Ok(()));
    assert_eq!(hear_header(&mut guard, 3, 5), Ok(()));
    assert_eq!(hear_header(&mut guard, 3, 5), Err(DropKind::Replayed));
    assert_eq!(hear_header(&mut guard, 2, 1_000), Err(DropKind::Replayed));
    assert_eq!(guard.next_counter(at(0)), 1_001);
    // It was on its way when ours went out.
    assert_eq!(hear_header(&mut guard, 2, 1_001), Ok(()));
    assert_eq!(guard.next_counter(at(0)), 1_002);
    assert_eq!(hear_header(&mut guard, 2, 1_010), Ok(()));
    assert_eq!(guard.next_counter(at(0)), 1_011);
}

#[test]
fn who_has_heard_nobody_begins_where_no_earlier_process_has_been() {
    let mut earlier = guard(1_000_000);
    for seconds in 0..100 {
        earlier.next_counter(at(seconds));
    }
    assert!(guard(1_000_000).next_counter(at(101)) > earlier.next_counter(at(100)));
}

#[test]
fn numbers_do_not_end() {
    let numbers = AdvertNumbers {
        counter: u32::MAX - 1,
        heard: BTreeMap::from([(Ipv4Addr::new(10, 0, 0, 2).into(), u32::MAX)]),
        ..AdvertNumbers::default()
    };
    let mut guard = Guard {
        numbers,
        ..Guard::default()
    };
    assert_eq!(guard.next_counter(at(0)), u32::MAX);
    assert_eq!(hear_header(&mut guard, 2, 0), Err(DropKind::Replayed));
    assert_eq!(
        hear_header(&mut guard, 2, 0x1_0000),
        Err(DropKind::Replayed)
    );
    assert_eq!(
        hear_header(&mut guard, 2, NEAR_END),
        Err(DropKind::Replayed)
    );
    assert_eq!(guard.next_counter(at(0)), 1);
    assert_eq!(
        hear_header(&mut guard, 2, u32::MAX),
        Err(DropKind::Replayed)
    );
    assert_eq!(hear_header(&mut guard, 2, 3), Ok(()));
    assert_eq!(guard.next_counter(at(0)), 4);
    guard.id = u16::MAX;
    assert_eq!(guard.next_id(), 1);
}

#[test]
fn a_new_process_goes_on_behind_what_the_one_before_may_have_sent() {
    let mut before = guard(1_000);
    before.next_sequence(TIME, at(0));
    hear_header(&mut before, 2, 77).unwrap();
    let settings = hmac(TIME, HmacMode::Enforce);
    hear(&mut before, &settings, 1, seconds(1_000), at(0)).unwrap();

    let mut after = Guard::new(Some(before.numbers().clone()));
    // The clock has been set back meanwhile.
    after.set_wall_clock(WallClock(Duration::from_secs(990)));
    assert_eq!(after.next_counter(at(0)), 77 + LEAP + 1);
    let signed = after.next_sequence(TIME, at(0));
    assert_eq!(signed.0, seconds(1_000).0 + u64::from(LEAP) + 1);
    let replayed = hear(&mut after, &settings, 1, seconds(1_000), at(0));
    assert_eq!(replayed, Err(DropKind::Replayed));
}
