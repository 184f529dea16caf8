//! Groups that become master at the same moment.

use std::net::IpAddr;
use std::time::Duration;

use super::Group;
use crate::moment::Moment;
use crate::vrrp::timers::master_down_interval;

/// At most 2 to this power of intervals a group lets others go first.
const LONGEST_BACKOFF: u32 = 4;

impl Group {
    /// Mastership is lost. Where two groups have become master at the same moment, and
    /// each has the higher priority on another link, both give way, and would do so for
    /// ever: their timers are alike.
    pub(super) fn count_collision(&mut self, now: Moment) {
        let held = self
            .members
            .iter()
            .map(|member| now.saturating_since(member.told.since))
            .min();
        let wait = self
            .members
            .iter()
            .map(|member| master_down_interval(&member.settings))
            .max();
        self.collisions = if self.members.len() > 1 && held < wait {
            self.collisions.saturating_add(1)
        } else {
            0
        };
    }

    /// How much longer than its timers a group waits for others to go first: after a
    /// collision a number of intervals that differs from router to router, and out of
    /// ever more, as stations on an Ethernet do it.
    pub(super) fn backoff(&self) -> Duration {
        let Some(interval) = self
            .members
            .iter()
            .map(|member| member.settings.advert_interval.as_duration())
            .max()
        else {
            return Duration::ZERO;
        };
        if self.collisions == 0 {
            return Duration::ZERO;
        }
        let slots = 1 << (self.collisions + 1).min(LONGEST_BACKOFF);
        interval * (self.lot() % slots)
    }

    /// A number that is this router's own, another one for each collision: FNV-1a of
    /// its addresses (Fowler, Noll, Vo).
    fn lot(&self) -> u32 {
        let mut hash: u32 = 0x811c_9dc5;
        let mut take = |octet: u8| hash = (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
        for member in &self.members {
            match member.port {
                Some(Ok(port)) if let IpAddr::V4(source) = port.source => {
                    source.octets().into_iter().for_each(&mut take);
                }
                Some(Ok(port)) if let IpAddr::V6(source) = port.source => {
                    source.octets().into_iter().for_each(&mut take);
                }
                _ => {}
            }
        }
        self.collisions
            .to_be_bytes()
            .into_iter()
            .for_each(&mut take);
        hash >> 16
    }
}
