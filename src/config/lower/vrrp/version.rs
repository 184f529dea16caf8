//! Version, family and interval of an instance: what its adverts look like.

use std::time::Duration;

use super::delivery::DeliveryWords;
use super::peer::SaidPeers;
use crate::config::diagnostic::Code;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::{StatementId, Word};
use crate::family::Family;
use crate::vrrp::types::{AdvertInterval, Version};

/// The limits of `advert_int` (keepalived.conf(5), and the octet of RFC 3768
/// section 5.3.7).
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(255);

/// Every director of an instance has to be told the same.
const ALIKE: &str = "all directors of an instance have to have the same `advert_int`";

/// What those want who write a part of a second.
const FASTER: &str = "all directors of an instance have to have the same `advert_int`; with `version 3` on all of them it may be a part of a second";

/// `advert_int` as it is written: what it comes to depends on the version.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenInterval {
    time: Duration,
    word: Word,
}

impl Lower<'_, '_> {
    /// `version 2` or `version 3`.
    pub(super) fn vrrp_version(&mut self, id: StatementId) -> Option<Version> {
        let word = self.value(id, "a number")?;
        match self.number(word, 2..=3)? {
            2 => Some(Version::V2),
            _ => Some(Version::V3),
        }
    }

    /// The family of an instance: that of its first address (`of_addresses`), and where
    /// it has none, of whatever else says one.
    pub(super) fn family(
        &mut self,
        of_addresses: Option<Family>,
        words: &DeliveryWords,
        peers: &SaidPeers,
    ) -> Family {
        let first_peer = peers.list.first().map(|said| said.peer.address);
        let elsewhere = first_peer
            .or(words.unicast_source.map(|said| said.value))
            .or(words.multicast_source.map(|said| said.value))
            .or(words.group.map(|said| said.value));
        let by_address = of_addresses.or(elsewhere.map(Family::of));
        match (by_address, words.native_ipv6) {
            (Some(family), Some(by)) => {
                let span = self.span(by);
                let label = match of_addresses {
                    Some(_) => "this has no effect: the first virtual address decides",
                    None => "this has no effect: adverts have a family already",
                };
                self.report(Code::NoEffect, "`native_ipv6` is a word of older versions")
                    .at(span, label)
                    .help("remove it");
                family
            }
            (Some(family), None) => family,
            (None, Some(_)) => Family::V6,
            (None, None) => Family::V4,
        }
    }

    /// The version of an instance: 3 with IPv6, which version 2 does not know.
    pub(super) fn version(&mut self, said: Option<Said<Version>>, family: Family) -> Version {
        if family == Family::V4 {
            return said
                .map(|said| said.value)
                .or(self.vrrp_defaults.version)
                .unwrap_or_default();
        }
        if let Some(said) = said.filter(|said| said.value == Version::V2) {
            let span = self.span(said.by);
            self.report(Code::NoEffect, "version 2 of VRRP knows no IPv6")
                .at(span, "this has no effect: version 3 is spoken")
                .help("remove it, or write `version 3`");
        }
        Version::V3
    }

    /// `advert_int SECONDS`.
    pub(super) fn written_interval(&mut self, id: StatementId) -> Option<WrittenInterval> {
        let word = self.value(id, "a time in seconds")?;
        let time = self.seconds(word, SHORTEST_INTERVAL..=LONGEST_INTERVAL)?;
        Some(WrittenInterval { time, word })
    }

    /// What an interval comes to with a version: whole seconds with 2, centiseconds with
    /// 3. Halves are rounded up, as by keepalived.
    pub(super) fn interval(
        &mut self,
        said: Option<Said<WrittenInterval>>,
        version: Version,
    ) -> AdvertInterval {
        let Some(WrittenInterval { time, word }) = said.map(|said| said.value) else {
            return AdvertInterval::DEFAULT;
        };
        let interval = match version {
            Version::V2 => {
                let seconds = ((time.as_millis() + 500) / 1000).max(1);
                AdvertInterval::from_seconds(u8::try_from(seconds).unwrap_or(u8::MAX))
            }
            Version::V3 => {
                let centiseconds = (time.as_micros() + 5_000) / 10_000;
                let centiseconds = u16::try_from(centiseconds).unwrap_or(u16::MAX);
                AdvertInterval::from_centiseconds(centiseconds)
            }
        };
        let interval = interval.unwrap_or(AdvertInterval::LONGEST_OF_V3);
        let used = interval.as_duration();
        if used != time {
            let message = match version {
                Version::V2 => "version 2 of VRRP counts whole seconds between adverts",
                Version::V3 if interval == AdvertInterval::LONGEST_OF_V3 => {
                    "version 3 of VRRP has room for 40.95 seconds between adverts"
                }
                Version::V3 => "version 3 of VRRP counts centiseconds between adverts",
            };
            let span = word.span();
            self.report(Code::ValueAdjusted, message)
                .at(span, format!("{} s is used", used.as_secs_f64()))
                .help(match version {
                    Version::V2 => FASTER,
                    Version::V3 => ALIKE,
                });
        }
        interval
    }
}
