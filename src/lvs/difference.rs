//! What two entries of the kernel's table differ in, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::types::{Destination, Persistence, Service, ServiceFlags};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What it is: `weight`, `scheduler`.
    pub what: String,
    pub from: String,
    pub to: String,
}

impl Difference {
    fn new(what: &str, from: impl ToString, to: impl ToString) -> Self {
        Difference {
            what: what.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
        }
    }
}

/// `weight 1 -> 3`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.what, self.from, self.to)
    }
}

/// What is to be set on a virtual server to lead from one to the other; empty exactly
/// where they [agree](Service::agrees_with).
pub fn of_services(from: &Service, to: &Service) -> Vec<Difference> {
    let mut found = Vec::new();
    if from.scheduler != to.scheduler {
        found.push(Difference::new("scheduler", &from.scheduler, &to.scheduler));
    }
    if from.flags.chosen() != to.flags.chosen() {
        found.push(Difference::new("flags", flags(from.flags), flags(to.flags)));
    }
    if from.persistence != to.persistence {
        let said = |of: &Service| persistence(of.persistence.as_ref(), from, to);
        found.push(Difference::new("persistence", said(from), said(to)));
    }
    found
}

/// The same for a real server; empty exactly where they are equal.
pub fn of_destinations(from: &Destination, to: &Destination) -> Vec<Difference> {
    let mut found = Vec::new();
    if from.weight != to.weight {
        found.push(Difference::new("weight", from.weight, to.weight));
    }
    if from.method != to.method {
        found.push(Difference::new("forwarding", from.method, to.method));
    }
    if from.upper_threshold != to.upper_threshold {
        let (from, to) = (from.upper_threshold, to.upper_threshold);
        found.push(Difference::new("uthreshold", from, to));
    }
    if from.lower_threshold != to.lower_threshold {
        let (from, to) = (from.lower_threshold, to.lower_threshold);
        found.push(Difference::new("lthreshold", from, to));
    }
    found
}

/// The flags that can be chosen, by ipvsadm's names.
fn flags(flags: ServiceFlags) -> String {
    let names = [
        (ServiceFlags::ONE_PACKET, "ops"),
        (ServiceFlags::SCHEDULER_1, "flag-1"),
        (ServiceFlags::SCHEDULER_2, "flag-2"),
        (ServiceFlags::SCHEDULER_3, "flag-3"),
    ];
    let set = names.into_iter().filter(|(bit, _)| flags.0 & bit != 0);
    let set: Vec<_> = set.map(|(_, name)| name).collect();
    match set.is_empty() {
        true => "none".to_owned(),
        false => set.join(","),
    }
}

/// With what makes a difference between the two.
fn persistence(of: Option<&Persistence>, one: &Service, other: &Service) -> String {
    let Some(persistence) = of else {
        return "off".to_owned();
    };
    let mut text = format!("{} s", persistence.timeout);
    let differ = |differ: fn(&Persistence, &Persistence) -> bool| {
        let both = one.persistence.as_ref().zip(other.persistence.as_ref());
        both.is_some_and(|(one, other)| differ(one, other))
    };
    if differ(|one, other| one.granularity != other.granularity) {
        text.push_str(&format!(" with granularity {}", persistence.granularity));
    }
    if differ(|one, other| one.engine != other.engine) {
        match &persistence.engine {
            Some(engine) => text.push_str(&format!(" by engine {engine}")),
            None => text.push_str(" by no engine"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::types::{Family, ForwardingMethod, Granularity, TunnelType};

    #[test]
    fn every_difference_is_named_with_both_values() {
        let from = Service {
            scheduler: "rr".into(),
            flags: ServiceFlags::default(),
            persistence: Some(Persistence {
                timeout: 50,
                granularity: Granularity::each_address(Family::V4),
                engine: None,
            }),
        };
        let to = Service {
            scheduler: "sh".into(),
            flags: ServiceFlags(ServiceFlags::SCHEDULER_2 | 2),
            persistence: Some(Persistence {
                timeout: 50,
                granularity: Granularity::Netmask([255, 255, 255, 0].into()),
                engine: None,
            }),
        };
        let said = |found: Vec<Difference>| {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            found.join("; ")
        };
        assert_eq!(
            said(of_services(&from, &to)),
            "scheduler rr -> sh; flags none -> flag-2; \
             persistence 50 s with granularity 255.255.255.255 -> 50 s with granularity 255.255.255.0"
        );
        let off = Service {
            persistence: None,
            ..from.clone()
        };
        assert_eq!(said(of_services(&off, &from)), "persistence off -> 50 s");
        assert!(of_services(&from, &from).is_empty());

        let from = Destination {
            method: ForwardingMethod::Nat,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 5,
        };
        let to = Destination {
            method: ForwardingMethod::Tunnel(TunnelType::Gue { port: 80, flags: 0 }),
            weight: 0,
            upper_threshold: 9,
            lower_threshold: 0,
        };
        assert_eq!(
            said(of_destinations(&from, &to)),
            "weight 1 -> 0; forwarding NAT -> TUN type gue port 80 nocsum; \
             uthreshold 0 -> 9; lthreshold 5 -> 0"
        );
        assert!(of_destinations(&to, &to).is_empty());
    }
}
