//! Words that switch on a flag of the kernel's virtual server.

use super::Lower;
use super::timing::said;
use super::virtual_identity::Identity;
use super::virtual_server::VirtualServerWords;
use crate::lvs::{Protocol, Scheduler, ServiceFlags, ServiceKey};

/// A word and the flag that it sets.
pub(super) struct Flag {
    pub(super) word: &'static str,
    flag: u32,
    needs: Needs,
}

/// What a flag has no effect without.
enum Needs {
    Nothing,
    Udp,
    Scheduler(Scheduler),
}

const fn flag(word: &'static str, flag: u32, needs: Needs) -> Flag {
    Flag { word, flag, needs }
}

const SH: Needs = Needs::Scheduler(Scheduler::SourceHashing);
const MH: Needs = Needs::Scheduler(Scheduler::MaglevHashing);

impl Flag {
    pub(super) const ALL: [Flag; 9] = [
        flag("hashed", ServiceFlags::HASHED, SH),
        flag("ops", ServiceFlags::ONE_PACKET, Needs::Udp),
        flag("flag-1", ServiceFlags::SCHEDULER_1, Needs::Nothing),
        flag("flag-2", ServiceFlags::SCHEDULER_2, Needs::Nothing),
        flag("flag-3", ServiceFlags::SCHEDULER_3, Needs::Nothing),
        flag("sh-fallback", ServiceFlags::SCHEDULER_1, SH),
        flag("sh-port", ServiceFlags::SCHEDULER_2, SH),
        flag("mh-fallback", ServiceFlags::SCHEDULER_1, MH),
        flag("mh-port", ServiceFlags::SCHEDULER_2, MH),
    ];
}

impl Lower<'_, '_> {
    /// The flags that are said and have an effect; of the others it is told that they have
    /// none.
    pub(super) fn service_flags(
        &mut self,
        identity: &Identity,
        words: &VirtualServerWords<'_>,
    ) -> ServiceFlags {
        let scheduler = said(words.scheduler).unwrap_or(Scheduler::WeightedLeastConnection);
        let mut flags = 0;
        for (flag, statement) in Flag::ALL.iter().zip(&words.flags) {
            let Some(statement) = statement else { continue };
            let missing = match flag.needs {
                Needs::Udp if !is_for_udp(identity) => "protocol UDP",
                Needs::Scheduler(Scheduler::SourceHashing)
                    if scheduler != Scheduler::SourceHashing =>
                {
                    "lvs_sched sh"
                }
                Needs::Scheduler(needed) if scheduler != needed => "lvs_sched mh",
                _ => {
                    flags |= flag.flag;
                    continue;
                }
            };
            self.without(statement.by, flag.word, missing);
        }
        ServiceFlags(flags)
    }
}

/// Whether it is for UDP, be it among other protocols as a mark is.
pub(super) fn is_for_udp(identity: &Identity) -> bool {
    match identity.key {
        ServiceKey::Address { protocol, .. } => protocol == Protocol::Udp,
        ServiceKey::Fwmark { .. } => true,
    }
}
