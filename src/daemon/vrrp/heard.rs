//! Numbers of adverts that backups have heard (AH, `auth_hmac`). Core is to have them
//! too: the next process must not take a recording for something new.
//!
//! Masters tell of theirs with the adverts that they send, and all with a change of
//! state; a backup may be one for months.

use std::collections::HashMap;
use std::time::Duration;

use crate::moment::Moment;
use crate::vrrp::memory::AdvertNumbers;
use crate::vrrp::router::master_down_interval;
use crate::vrrp::settings::{Authentication, InstanceSettings};
use crate::vrrp::{InstanceId, Router};

/// How often core hears of them: a part of the shortest master-down interval.
const PARTS: u32 = 4;

/// What core has been told.
#[derive(Debug, Default)]
pub struct HeardNumbers {
    /// None where nobody counts.
    pause: Option<Duration>,
    /// When something was read first that core may not have heard of.
    since: Option<Moment>,
    told: HashMap<InstanceId, AdvertNumbers>,
}

impl HeardNumbers {
    /// Whose numbers matter.
    pub fn want(&mut self, instances: &[InstanceSettings]) {
        let counting = instances.iter().filter(|instance| counts(instance));
        let shortest = counting.map(master_down_interval).min();
        self.pause = shortest.map(|shortest| shortest / PARTS);
        self.told.clear();
    }

    /// Adverts have been read.
    pub fn on_read(&mut self, now: Moment) {
        if self.pause.is_some() {
            self.since.get_or_insert(now);
        }
    }

    /// What core is to be told now, by the names of instances. Nobody has to be woken for
    /// it: with the next advert, or when there is none, there is another opportunity.
    pub fn take_due(&mut self, router: &Router, now: Moment) -> Vec<(String, AdvertNumbers)> {
        let pause = self.pause.unwrap_or_default();
        if self.since.is_none_or(|since| since + pause > now) {
            return Vec::new();
        }
        self.since = None;
        let backups = router.heard_numbers().filter(|(_, its, _)| counts(its));
        let mut due = Vec::new();
        for (id, settings, numbers) in backups {
            if self.told.get(&id) != Some(numbers) {
                self.told.insert(id, numbers.clone());
                due.push((settings.name.clone(), numbers.clone()));
            }
        }
        due
    }
}

fn counts(instance: &InstanceSettings) -> bool {
    match instance.authentication {
        Authentication::Header(_) | Authentication::Hmac(_) => true,
        Authentication::None | Authentication::Pass(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::vrrp::input::{Content, Received};
    use crate::vrrp::memory::Memory;
    use crate::vrrp::settings::{Password, RouterSettings};
    use crate::vrrp::{Action, Input, InterfaceFacts, Priority, Vrid};

    const INDEX: u32 = 2;

    fn at(millis: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    fn instance(priority: u8, authentication: Authentication) -> InstanceSettings {
        InstanceSettings {
            priority: Priority(priority),
            authentication,
            ..InstanceSettings::new("VI_1", "eth0", Vrid::new(51).unwrap(), Family::V4)
        }
    }

    fn router(instance: InstanceSettings, host: u8) -> Router {
        let settings = RouterSettings {
            instances: vec![instance],
            ..RouterSettings::default()
        };
        let mut router = Router::new(settings, &Memory::default(), at(0));
        let facts = InterfaceFacts {
            index: INDEX,
            is_up: true,
            hardware_address: None,
            addresses: vec![([10, 0, 0, host].into(), 24)],
            unusable: Vec::new(),
            is_router: false,
        };
        let facts = Some(facts);
        router.handle(
            Input::Interface {
                name: "eth0",
                facts,
            },
            at(0),
        );
        router
    }

    /// The datagrams that it wants sent.
    fn datagrams(router: &mut Router) -> Vec<Vec<u8>> {
        let actions = std::iter::from_fn(|| router.next_action());
        let datagrams = actions.filter_map(|action| match action {
            Action::Send(advert) => match advert.content {
                Content::Datagram(octets) => Some(octets),
                Content::Message { .. } => None,
            },
            _ => None,
        });
        datagrams.collect()
    }

    #[test]
    fn a_backup_tells_what_it_has_heard_once_in_a_while() {
        let header = || Authentication::Header(Password::new("secret"));
        let mut master = router(instance(255, header()), 1);
        let mut backup = router(instance(100, header()), 2);
        let mut heard = HeardNumbers::default();
        heard.want(&[instance(100, header())]);
        let mut told = Vec::new();
        for second in 1..=10 {
            let now = at(second * 1_000);
            master.on_time(now);
            for datagram in datagrams(&mut master) {
                let packet = Received::V4(&datagram);
                let interface = INDEX;
                backup.handle(Input::Packet { interface, packet }, now);
                heard.on_read(now);
            }
            assert!(heard.take_due(&backup, now).is_empty());
            let later = now + Duration::from_millis(950);
            told.extend(heard.take_due(&backup, later));
            assert!(heard.take_due(&backup, later).is_empty());
        }
        assert_eq!(told.len(), 10);
        let counters = told.iter().map(|(_, numbers)| numbers.counter);
        assert!(counters.is_sorted_by(|before, after| before < after));
        let id = backup.heard_numbers().next().map(|(_, _, numbers)| numbers);
        assert_eq!(id, told.last().map(|(_, numbers)| numbers));
    }

    #[test]
    fn nobody_is_asked_where_nobody_counts() {
        let plain = || instance(100, Authentication::None);
        let mut heard = HeardNumbers::default();
        heard.want(&[plain()]);
        heard.on_read(at(0));
        let router = router(plain(), 2);
        assert!(heard.take_due(&router, at(10_000)).is_empty());
        assert_eq!(heard.since, None);
    }
}
