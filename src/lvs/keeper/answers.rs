//! What a keeper makes of the kernel's answers.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::note::{Note, Repair};
use super::trouble::pause;
use super::{Drift, Fault, Keeper, Trust, UnderWay, repeats};
use crate::lvs::reconcile::reconcile_service;
use crate::lvs::refusal::{Consequence, OpError};
use crate::lvs::table::{Entry, IpvsOp, Table};
use crate::lvs::types::ServiceKey;
use crate::moment::Moment;

impl Keeper {
    /// The answer to [`Step::Dump`](super::Step::Dump): what there is of the virtual servers that were
    /// asked for. Others in the table are ignored.
    pub fn dumped(&mut self, now: Moment, answer: Result<Table, OpError>) -> Vec<Note> {
        let UnderWay::Dump { keys, full } =
            std::mem::replace(&mut self.under_way, UnderWay::Nothing)
        else {
            debug_assert!(false, "no dump was asked for");
            return Vec::new();
        };
        let mut notes = Vec::new();
        let mut table = match answer {
            Ok(table) => table,
            Err(error) => {
                notes.extend(self.failed(now, error));
                return notes;
            }
        };
        notes.extend(self.worked());
        if full {
            self.verify = false;
            self.audit_at = Some(now + self.audit_interval);
            notes.extend(self.repeats.summary(now));
        }
        // In the order in which they are to be changed.
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_cached_key(|key| self.records.get_index_of(key));
        for key in keys {
            notes.extend(self.seen(key, table.services.swap_remove(&key)));
        }
        notes
    }

    /// Takes over what a dump has found of one virtual server.
    fn seen(&mut self, key: ServiceKey, found: Option<Entry>) -> Option<Note> {
        let record = self.records.get_mut(&key)?;
        let trust = std::mem::replace(&mut record.trust, Trust::Sure);
        let is_wanted = record.wanted.is_some();
        self.unsure.remove(&key);
        let before = self.believed.services.get(&key);
        let mut note = None;
        match (before, &found, &record.wanted) {
            (_, None, None) => {
                self.forget(&key);
                return Some(Note::Released {
                    key,
                    was_there: false,
                });
            }
            (None, Some(_), Some(wanted)) if trust != Trust::Lost => {
                let differences = reconcile_service(&key, Some(wanted), found.as_ref()).len();
                note = Some(Note::Adopted {
                    key,
                    ours: record.recorded,
                    differences,
                });
            }
            (Some(_), None, _) if trust != Trust::Lost => {
                self.drift.insert(key, Drift::Gone);
            }
            (Some(before), Some(found), _) if trust != Trust::Lost => {
                let ops = reconcile_service(&key, Some(before), Some(found));
                if !ops.is_empty() {
                    let spots = ops.iter().map(IpvsOp::destination).collect();
                    self.drift.insert(key, Drift::Spots(spots));
                }
            }
            _ => {}
        }
        match found {
            Some(entry) => drop(self.believed.services.insert(key, entry)),
            None => drop(self.believed.services.swap_remove(&key)),
        }
        match is_wanted {
            true => self.bulk.push(key),
            false => self.leaving.push(key),
        }
        note
    }

    /// The answer to [`Step::Execute`](super::Step::Execute): each operation with what came of it, in
    /// their order.
    pub fn executed(
        &mut self,
        now: Moment,
        results: Vec<(IpvsOp, Result<(), OpError>)>,
    ) -> Vec<Note> {
        let UnderWay::Execute { ops, keys } =
            std::mem::replace(&mut self.under_way, UnderWay::Nothing)
        else {
            debug_assert!(false, "nothing was to be executed");
            return Vec::new();
        };
        let mut outcome = Outcome::default();
        if results.len() != ops {
            debug_assert!(false, "{} results for {ops} operations", results.len());
            keys.iter().for_each(|key| self.distrust(key, Trust::Lost));
        }
        for (op, result) in results {
            match result {
                Ok(()) => self.succeeded(op, &mut outcome),
                Err(error) => self.refused_one(now, op, error, &mut outcome),
            }
        }
        for key in keys {
            match self.records.get(&key) {
                Some(record) if record.wanted.is_none() => self.leaving.push(key),
                Some(_) => self.urgent.push(key),
                None => {}
            }
        }
        let mut notes = Vec::new();
        match outcome.fault {
            Some(error) => notes.extend(self.failed(now, error)),
            None if outcome.answered => notes.extend(self.worked()),
            None => {}
        }
        for (key, changes) in outcome.repairs {
            notes.extend(self.repeats.repaired(now, key, changes));
        }
        notes.extend(outcome.notes);
        notes
    }

    fn succeeded(&mut self, op: IpvsOp, outcome: &mut Outcome) {
        outcome.answered = true;
        let (key, spot) = (*op.service(), op.destination());
        if self.troubles.resolved(&key, spot) {
            outcome.notes.push(Note::Accepted { op: op.clone() });
        }
        let is_repair = match self.drift.get(&key) {
            Some(Drift::Gone) => spot.is_none(),
            Some(Drift::Spots(spots)) => spots.contains(&spot),
            None => false,
        };
        if is_repair && let Some(repair) = Repair::by(&op, self.believed.services.get(&key)) {
            outcome.repairs.entry(key).or_default().push(repair);
        }
        if self.believed.apply(&op).is_err() {
            // The kernel took what we believe to be impossible.
            self.distrust(&key, Trust::Contradicted);
        }
        if matches!(op, IpvsOp::DeleteService(_)) {
            outcome.notes.extend(self.gone(&key, true));
        }
    }

    fn refused_one(&mut self, now: Moment, op: IpvsOp, error: OpError, outcome: &mut Outcome) {
        let key = *op.service();
        let consequence = error.consequence();
        outcome.answered |= matches!(
            consequence,
            Consequence::Contradiction | Consequence::ThisOne
        );
        match consequence {
            Consequence::Everything => {
                outcome.fault.get_or_insert(error);
                return;
            }
            Consequence::Contradiction
                if error == OpError::NoSuchService && matches!(op, IpvsOp::DeleteService(_)) =>
            {
                // It is gone, as it was to be.
                self.believed.services.swap_remove(&key);
                outcome.notes.extend(self.gone(&key, false));
                return;
            }
            Consequence::Contradiction
                if error == OpError::NoSuchService && outcome.without_service.contains(&key) =>
            {
                // A real server of a virtual server that has just been refused.
                return;
            }
            Consequence::Contradiction => self.distrust(&key, Trust::Contradicted),
            Consequence::Unknown => self.distrust(&key, Trust::Lost),
            Consequence::ThisOne => {
                // Looked at again, as after all that did not go as it was to.
                self.distrust(&key, Trust::Contradicted);
                if matches!(op, IpvsOp::NewService(..)) {
                    outcome.without_service.insert(key);
                }
            }
        }
        if let Some(retry_at) = self.troubles.failed(now, &op, &error) {
            outcome.notes.push(Note::Refused {
                op,
                error,
                retry_at,
            });
        }
    }

    /// A virtual server is not in the kernel any more.
    fn gone(&mut self, key: &ServiceKey, was_there: bool) -> Option<Note> {
        let record = self.records.get(key)?;
        if record.wanted.is_some() {
            // Wanted again since.
            return None;
        }
        self.forget(key);
        Some(Note::Released {
            key: *key,
            was_there,
        })
    }

    pub(super) fn forget(&mut self, key: &ServiceKey) {
        self.records.swap_remove(key);
        self.ownership += 1;
        self.believed.services.swap_remove(key);
        self.unsure.remove(key);
        self.troubles.retain(key, |_| false);
        self.drift.remove(key);
    }

    fn distrust(&mut self, key: &ServiceKey, trust: Trust) {
        if let Some(record) = self.records.get_mut(key) {
            // Not knowing what we did ourselves outweighs knowing of others.
            if record.trust != Trust::Lost {
                record.trust = trust;
            }
            self.unsure.insert(*key);
        }
    }

    /// Nothing works; try again later.
    fn failed(&mut self, now: Moment, error: OpError) -> Option<Note> {
        let last = self.fault.take();
        let failures = last.as_ref().map_or(0, |fault| fault.failures) + 1;
        // An answer may be lost once without anything being wrong.
        let silent = failures == 1 && error.consequence() == Consequence::Unknown;
        let retry_at = if silent { now } else { now + pause(failures) };
        let told_before = last.is_some_and(|fault| fault.told && fault.error == error);
        // What comes and goes is told as often as what others do again and again.
        let is_recent = self.fault_told.as_ref().is_some_and(|(before, at)| {
            *before == error && now.saturating_since(*at) < repeats::PAUSE
        });
        let tell = !told_before && !silent && !is_recent;
        if tell {
            self.fault_told = Some((error.clone(), now));
        }
        let fault = Fault {
            error: error.clone(),
            failures,
            retry_at,
            told: told_before || tell,
        };
        self.fault = Some(fault);
        tell.then_some(Note::Unreachable { error, retry_at })
    }

    fn worked(&mut self) -> Option<Note> {
        let told = self.fault.take().is_some_and(|fault| fault.told);
        told.then_some(Note::Reachable)
    }
}

/// What came of a batch.
#[derive(Default)]
struct Outcome {
    notes: Vec<Note>,
    repairs: IndexMap<ServiceKey, Vec<Repair>>,
    /// The kernel has decided on something, whatever it was.
    answered: bool,
    fault: Option<OpError>,
    /// Virtual servers that were refused, so that their real servers have no place.
    without_service: HashSet<ServiceKey>,
}
