//! Packets that belong to no instance.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::moment::Moment;
use crate::vrrp::drops::Drops;
use crate::vrrp::event::Change;
use crate::vrrp::packet::DropKind;

/// Those that have come in by one interface.
#[derive(Debug, Default)]
pub struct Foreign {
    drops: Drops,
    /// Unknown VRIDs, each for itself, where they are all to be told of.
    vrids: BTreeMap<u8, Drops>,
}

impl Foreign {
    /// Counts one, and says what is to be told now. `vrid`: with `log_unknown_vrids`, the
    /// unknown one.
    pub fn note(
        &mut self,
        kind: DropKind,
        vrid: Option<u8>,
        from: IpAddr,
        now: Moment,
        detail: impl FnOnce() -> String,
    ) -> Option<Change> {
        let drops = match vrid {
            Some(vrid) => self.vrids.entry(vrid).or_insert_with(Drops::watched),
            None => &mut self.drops,
        };
        drops.note(kind, from, now, detail)
    }

    /// What has come together since it was last told, if it is time.
    pub fn due(&mut self, now: Moment) -> Vec<Change> {
        let all = self.vrids.values_mut().chain([&mut self.drops]);
        all.flat_map(|drops| drops.due(now)).collect()
    }

    /// When [`due`](Self::due) has something to say.
    pub fn wake(&self) -> Option<Moment> {
        let all = self.vrids.values().chain([&self.drops]);
        all.filter_map(Drops::wake).min()
    }

    /// How many there have been of each kind.
    pub fn counts(&self) -> BTreeMap<DropKind, u64> {
        let mut counts = self.drops.counts().clone();
        for (kind, count) in self.vrids.values().flat_map(Drops::counts) {
            *counts.entry(*kind).or_default() += count;
        }
        counts
    }
}
