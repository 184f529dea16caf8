//! Packets that were dropped: all are counted, few are told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::event::Change;
use super::packet::DropKind;
use crate::moment::Moment;

/// How often drops of one kind are told. A virtual router that is none of ours is
/// ordinary; everything else wants somebody's attention.
fn pause(kind: DropKind, is_watched: bool) -> Duration {
    match kind {
        DropKind::UnknownVrid if !is_watched => Duration::from_secs(3600),
        _ => Duration::from_secs(60),
    }
}

/// The drops of one instance, or of one interface.
#[derive(Debug, Default)]
pub struct Drops {
    counts: BTreeMap<DropKind, u64>,
    windows: BTreeMap<DropKind, Window>,
    /// Somebody wants to know of every unknown VRID.
    is_watched: bool,
}

/// What has been dropped since it was last told.
#[derive(Debug)]
struct Window {
    /// Before then nothing is told.
    until: Moment,
    count: u64,
    from: IpAddr,
    /// Of the first of them.
    detail: String,
}

impl Drops {
    /// Those of one unknown VRID, which somebody wants to know of (`log_unknown_vrids`).
    pub fn watched() -> Self {
        Drops {
            is_watched: true,
            ..Drops::default()
        }
    }

    /// Counts one, and says what is to be told now. `detail` is only asked for where
    /// it is needed: there may be tens of thousands a second.
    pub fn note(
        &mut self,
        kind: DropKind,
        from: IpAddr,
        now: Moment,
        detail: impl FnOnce() -> String,
    ) -> Option<Change> {
        *self.counts.entry(kind).or_default() += 1;
        let open = self
            .windows
            .get_mut(&kind)
            .filter(|window| window.count > 0 || window.until > now);
        let Some(window) = open else {
            let window = Window {
                until: now + pause(kind, self.is_watched),
                count: 0,
                from,
                detail: String::new(),
            };
            self.windows.insert(kind, window);
            return Some(Change::Dropped {
                kind,
                count: 1,
                from,
                detail: detail(),
            });
        };
        if window.count == 0 {
            window.detail = detail();
        }
        window.count += 1;
        window.from = from;
        None
    }

    /// What has come together since it was last told, if it is time.
    pub fn due(&mut self, now: Moment) -> Vec<Change> {
        let mut told = Vec::new();
        let is_watched = self.is_watched;
        self.windows.retain(|kind, window| {
            if window.until > now {
                return true;
            }
            if window.count == 0 {
                return false;
            }
            told.push(Change::Dropped {
                kind: *kind,
                count: std::mem::take(&mut window.count),
                from: window.from,
                detail: std::mem::take(&mut window.detail),
            });
            window.until = now + pause(*kind, is_watched);
            true
        });
        told
    }

    /// When [`due`](Self::due) has something to say.
    pub fn wake(&self) -> Option<Moment> {
        self.windows
            .values()
            .filter(|window| window.count > 0)
            .map(|window| window.until)
            .min()
    }

    pub fn counts(&self) -> &BTreeMap<DropKind, u64> {
        &self.counts
    }
}
