//! What an instance remembers so that no advert counts twice: numbers that it has sent
//! itself and numbers that it has heard, of AH and of `auth_hmac`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::event::Change;
use super::input::WallClock;
use super::memory::AdvertNumbers;
use super::packet::hmac::{Sequence, Signer};
use super::packet::{DropKind, View, ah};
use super::settings::{AntiReplay, Hmac, HmacMode, Password};
use crate::moment::Moment;

/// Senders that are remembered. Only those count that have a key, and a virtual router
/// has a few.
const SENDERS: usize = 64;

/// What a new process leaves out, for the one before it may have sent that much since
/// it last said what it had sent.
const LEAP: u32 = 256;

/// From here on AH's counter may begin again.
const NEAR_END: u32 = 0xffff_0000;

/// How often the same is remarked of a sender.
const REMARK_PAUSE: Duration = Duration::from_secs(3600);

/// Something about an advert that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The sender's clock is off by more than half of what is allowed, by this many
    /// seconds; negative where it is behind.
    ClockSkew { seconds: i64, window: i64 },
    /// It is not signed. It counts because the mode of `auth_hmac` says so.
    Unsigned,
}

#[derive(Debug, Default)]
pub struct Guard {
    wall_clock: WallClock,
    /// Identification of the latest datagram that was built here.
    id: u16,
    numbers: AdvertNumbers,
    /// When what was last remarked.
    remarked: BTreeMap<(&'static str, IpAddr), Moment>,
}

impl Guard {
    pub fn new(remembered: Option<AdvertNumbers>) -> Self {
        let mut numbers = remembered.unwrap_or_default();
        if numbers.counter != 0 {
            numbers.counter = numbers.counter.checked_add(LEAP).unwrap_or(1);
        }
        let leap = |Sequence(last)| Sequence(last.wrapping_add(LEAP.into()));
        numbers.signed = numbers.signed.map(leap);
        Guard {
            numbers,
            ..Guard::default()
        }
    }

    pub fn numbers(&self) -> &AdvertNumbers {
        &self.numbers
    }

    /// The wall clock has been set.
    pub fn set_wall_clock(&mut self, clock: WallClock) {
        self.wall_clock = clock;
    }

    /// What would be signed now if nothing had been signed before.
    pub fn clock(&self, now: Moment) -> Sequence {
        Sequence::at(self.wall_clock.at(now))
    }

    /// Identification of the next datagrams; never 0.
    pub fn next_id(&mut self) -> u16 {
        self.id = self.id.checked_add(1).unwrap_or(1);
        self.id
    }

    /// The number of the next adverts in an authentication header.
    ///
    /// A host that begins, and has heard nobody yet, begins at the seconds of the wall
    /// clock: others that have heard it before it ended would take smaller numbers for
    /// replayed. Adverts of version 2 are seconds apart, so that their number does not
    /// overtake the clock.
    pub fn next_counter(&mut self, now: Moment) -> u32 {
        let last = match self.numbers.counter {
            0 => self.clock(now).seconds(),
            last => last,
        };
        self.numbers.counter = last.checked_add(1).unwrap_or(1);
        self.numbers.counter
    }

    /// What the next adverts are signed with. It grows, whatever the clock does, but
    /// for one case: with a window, a clock that is set back by more than its width is
    /// followed. Whoever has the right time would not believe a later one, and has
    /// forgotten the one before ([`Guard::check_trailer`]'s rule for a sender whose last advert
    /// lies too far ahead).
    pub fn next_sequence(&mut self, anti_replay: AntiReplay, now: Moment) -> Sequence {
        let clock = self.clock(now);
        let next = match self.numbers.signed {
            Some(last) if !clock.is_later_than(last) => {
                let is_set_back = match anti_replay {
                    AntiReplay::Time { window } => last.seconds_since(clock) > seconds(window),
                    AntiReplay::Monotonic => false,
                };
                if is_set_back { clock } else { last.next() }
            }
            _ => clock,
        };
        self.numbers.signed = Some(next);
        next
    }

    /// Whether an advert with an authentication header counts: its number comes after
    /// the last one of its sender.
    ///
    /// What is sent next comes after everything that was heard, for keepalived has one
    /// counter for all routers, itself included. That counter alone is not enough here:
    /// two masters whose adverts cross on their way would both take the other's for
    /// replayed, for as long as they keep the same time.
    pub fn check_header(
        &mut self,
        header: &ah::Header<'_>,
        source: IpAddr,
        key: Password,
        is_unicast: bool,
    ) -> Result<(), DropKind> {
        if !matches!(source, IpAddr::V4(source) if source.to_bits() == header.spi) {
            return Err(DropKind::Spi);
        }
        // Before the number, whose meaning depends on it: in a cluster with two keys
        // that is what is wrong.
        if !header.is_genuine(key, is_unicast) {
            return Err(DropKind::Signature);
        }
        let number = header.sequence;
        let last = self.numbers.heard.get(&source).copied().unwrap_or(0);
        if !comes_after(number, last) {
            return Err(DropKind::Replayed);
        }
        if comes_after(number, self.numbers.counter) {
            self.numbers.counter = number;
        }
        let heard = &mut self.numbers.heard;
        make_room(heard, source, |last| *last);
        heard.insert(source, number);
        Ok(())
    }

    /// Whether an advert counts where there is `auth_hmac`. Whatever it costs to be sure
    /// of it comes last.
    pub fn check_trailer(
        &mut self,
        view: &View<'_>,
        message: &[u8],
        source: IpAddr,
        settings: &Hmac,
        now: Moment,
    ) -> Result<Option<Remark>, DropKind> {
        let Some(trailer) = view.trailer else {
            return match settings.mode {
                HmacMode::Enforce => Err(DropKind::Unsigned),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(Some(Remark::Unsigned)),
            };
        };
        let key = settings
            .keys
            .get(&trailer.key)
            .ok_or(DropKind::UnknownKey)?;
        let clock = self.clock(now);
        let ahead = trailer.sequence.seconds_since(clock);
        let mut last = self.numbers.senders.get(&source).copied();
        let mut remark = None;
        if let AntiReplay::Time { window } = settings.anti_replay {
            let window = seconds(window);
            if ahead.abs() > window {
                return Err(DropKind::Stale);
            }
            // No advert of that time would have counted: our own clock has been set back.
            last = last.filter(|last| last.seconds_since(clock) <= window);
            remark = (ahead.abs() * 2 > window).then_some(Remark::ClockSkew {
                seconds: ahead,
                window,
            });
        }
        if last.is_some_and(|last| !trailer.sequence.is_later_than(last)) {
            return Err(DropKind::Replayed);
        }
        let signer = Signer {
            version: view.form.version(),
            vrid: view.vrid,
            source,
        };
        if !signer.is_genuine(message, key) {
            return Err(DropKind::Signature);
        }
        self.remember(source, trailer.sequence, clock);
        Ok(remark)
    }

    fn remember(&mut self, source: IpAddr, sequence: Sequence, clock: Sequence) {
        let senders = &mut self.numbers.senders;
        make_room(senders, source, |last| last.seconds_since(clock));
        senders.insert(source, sequence);
    }

    /// What is to be told now about an advert that counts.
    pub fn tell(&mut self, remark: Remark, from: IpAddr, now: Moment) -> Option<Change> {
        let change = match remark {
            Remark::ClockSkew { seconds, window } => Change::ClockSkew {
                from,
                seconds,
                window,
            },
            Remark::Unsigned => Change::Unsigned { from },
        };
        self.remarked
            .retain(|_, told| now.saturating_since(*told) < REMARK_PAUSE);
        let key = (change.name(), from);
        if self.remarked.contains_key(&key) || self.remarked.len() >= SENDERS {
            return None;
        }
        self.remarked.insert(key, now);
        Some(change)
    }
}

/// Whether one number of an authentication header comes after another.
fn comes_after(number: u32, last: u32) -> bool {
    let begins_again = last >= NEAR_END && number <= u32::MAX - NEAR_END;
    number != 0 && (number > last || begins_again)
}

/// Forgets the sender that has been silent for longest, where there are too many.
fn make_room<T, K: Ord>(
    senders: &mut BTreeMap<IpAddr, T>,
    newcomer: IpAddr,
    age: impl Fn(&T) -> K,
) {
    if senders.len() >= SENDERS && !senders.contains_key(&newcomer) {
        let oldest = senders.iter().min_by_key(|(_, last)| age(last));
        if let Some(oldest) = oldest.map(|(address, _)| *address) {
            senders.remove(&oldest);
        }
    }
}

fn seconds(window: Duration) -> i64 {
    i64::try_from(window.as_secs()).unwrap_or(i64::MAX / 2)
}
