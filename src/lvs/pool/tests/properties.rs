//! Pools under random verdicts, reloads and restarts, against rules written down
//! here a second time: nothing below calls the code under test to know what is
//! right.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What happens to a pool.
#[derive(Clone, Debug)]
enum Happening {
    /// The check number `check` (of all, counted round) comes to a verdict.
    Verdict { check: usize, said: Said },
    /// A new checker takes over.
    Handover,
    /// The file has changed.
    Reload(Box<VirtualServer>),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Failure,
    Success,
    /// An exit status; below 2 it says nothing about the weight.
    Status(u8),
}

/// What the test itself believes.
#[derive(Default)]
struct Belief {
    /// By real server: whether it is up and what it weighs.
    servers: HashMap<DestinationKey, (bool, i64)>,
    /// By real server, question and number among equals: whether it is up and what
    /// it says about the weight.
    checks: HashMap<(DestinationKey, CheckSpec, usize), (bool, Option<i64>)>,
    quorum: bool,
}

/// What somebody knows who has read every event and both files.
#[derive(Default)]
struct Reader {
    servers: HashMap<DestinationKey, (bool, i64)>,
    quorum: bool,
    sorry: Option<DestinationKey>,
    survivors_in: bool,
}

fn question(spec: &CheckSpec) -> CheckSpec {
    match spec {
        CheckSpec::Misc(misc) => CheckSpec::Misc(MiscCheck {
            script: misc.script,
            dynamic: false,
        }),
        other => other.clone(),
    }
}

/// The checks of a server with the number of each among its equals.
fn numbered(server: &RealServer) -> Vec<(DestinationKey, CheckSpec, usize)> {
    let questions: Vec<_> = server
        .checks
        .iter()
        .map(|check| question(&check.spec))
        .collect();
    (0..questions.len())
        .map(|index| {
            let before = &questions[..index];
            let nth = before
                .iter()
                .filter(|other| **other == questions[index])
                .count();
            (server.key, questions[index].clone(), nth)
        })
        .collect()
}

fn may_set_weight(spec: &CheckSpec) -> bool {
    matches!(spec, CheckSpec::Misc(MiscCheck { dynamic: true, .. }))
}

impl Belief {
    /// A file is read: the first, or another.
    fn read(&mut self, virtual_server: &VirtualServer) {
        let mut checks = HashMap::new();
        for server in &virtual_server.real_servers {
            let known = self.servers.get(&server.key);
            for (check, name) in server.checks.iter().zip(numbered(server)) {
                let (up, dynamic) = match (self.checks.get(&name), known) {
                    (Some(state), _) => *state,
                    (None, Some((server_up, _))) => (*server_up, None),
                    (None, None) => (!check.alpha, None),
                };
                let dynamic = dynamic.filter(|_| may_set_weight(&check.spec));
                checks.insert(name, (up, dynamic));
            }
        }
        self.checks = checks;
        self.conclude(virtual_server);
    }

    fn conclude(&mut self, virtual_server: &VirtualServer) {
        self.servers.clear();
        let mut alive = 0;
        for server in &virtual_server.real_servers {
            let states: Vec<_> = numbered(server)
                .iter()
                .map(|name| self.checks[name])
                .collect();
            let up = !states.iter().any(|(up, _)| !up);
            let configured = i64::from(server.weight.0);
            let mut weight = configured;
            for (_, dynamic) in states {
                weight += dynamic.map_or(0, |status| status - 2 - configured);
            }
            let weight = weight.clamp(0, 65535);
            self.servers.insert(server.key, (up, weight));
            alive += if up { weight } else { 0 };
        }
        let (quorum, hysteresis) = (
            i64::from(virtual_server.quorum),
            i64::from(virtual_server.hysteresis),
        );
        if alive == 0 || alive < quorum - hysteresis {
            self.quorum = false;
        } else if alive >= quorum + hysteresis {
            self.quorum = true;
        }
    }

    /// The table, in its order.
    fn table(&self, virtual_server: &VirtualServer) -> Vec<(DestinationKey, i64)> {
        let sorry = virtual_server
            .sorry_server
            .as_ref()
            .filter(|_| !self.quorum);
        let mut table = Vec::new();
        for server in &virtual_server.real_servers {
            let (up, weight) = self.servers[&server.key];
            if up && sorry.is_none() {
                table.push((server.key, weight));
            } else if server.inhibit_on_failure {
                table.push((server.key, 0));
            }
        }
        table.extend(sorry.map(|sorry| (sorry.key, 1)));
        // Weight 0 where it is not needed, unless it is there for its own sake.
        if let Some(idle) = &virtual_server.sorry_server
            && sorry.is_none()
            && idle.inhibit
            && !table.iter().any(|(key, _)| *key == idle.key)
        {
            table.push((idle.key, 0));
        }
        table
    }
}

impl Reader {
    /// New servers, and the end of old ones, are told by the file.
    fn read(&mut self, virtual_server: &VirtualServer, belief: &Belief) {
        let is_there = |key: &DestinationKey| {
            virtual_server
                .real_servers
                .iter()
                .any(|server| server.key == *key)
        };
        self.servers.retain(|key, _| is_there(key));
        for (key, state) in &belief.servers {
            self.servers.entry(*key).or_insert(*state);
        }
    }

    /// Every event must be news.
    fn hear(&mut self, events: &[PoolEvent]) -> Result<(), TestCaseError> {
        for event in events {
            match &event.change {
                PoolChange::ServerDown { server, .. } => {
                    let was_up = std::mem::replace(&mut self.server(server)?.0, false);
                    prop_assert!(was_up, "{}", event);
                }
                PoolChange::ServerUp { server, weight, .. } => {
                    let state = self.server(server)?;
                    prop_assert!(!state.0, "{}", event);
                    prop_assert_eq!(state.1, i64::from(*weight));
                    state.0 = true;
                }
                PoolChange::WeightChanged {
                    server,
                    from,
                    to,
                    up,
                } => {
                    let state = self.server(server)?;
                    prop_assert_eq!(*state, (*up, i64::from(*from)));
                    prop_assert!(from != to, "{}", event);
                    state.1 = i64::from(*to);
                }
                PoolChange::Drained { .. }
                | PoolChange::Undrained { .. }
                | PoolChange::Leaving { .. }
                | PoolChange::Returned { .. }
                | PoolChange::Left { .. } => prop_assert!(false, "{}", event),
                PoolChange::QuorumLost { .. } => {
                    prop_assert!(std::mem::replace(&mut self.quorum, false), "{}", event);
                }
                PoolChange::QuorumGained { .. } => {
                    prop_assert!(!std::mem::replace(&mut self.quorum, true), "{}", event);
                }
                PoolChange::QuorumDownAtStart { .. } => prop_assert!(!self.quorum),
                PoolChange::SorryServerIn { server, .. } => {
                    prop_assert_eq!(self.sorry.replace(*server), None);
                }
                PoolChange::SorryServerOut { server, .. } => {
                    prop_assert_eq!(self.sorry.take(), Some(*server));
                }
                PoolChange::SurvivorsOut => {
                    prop_assert!(
                        std::mem::replace(&mut self.survivors_in, false),
                        "{}",
                        event
                    );
                }
                PoolChange::SurvivorsIn => {
                    prop_assert!(
                        !std::mem::replace(&mut self.survivors_in, true),
                        "{}",
                        event
                    );
                }
            }
        }
        Ok(())
    }

    fn server(&mut self, key: &DestinationKey) -> Result<&mut (bool, i64), TestCaseError> {
        self.servers
            .get_mut(key)
            .ok_or_else(|| TestCaseError::fail("an event about a server that nobody knows"))
    }
}

fn any_virtual_server() -> impl Strategy<Value = VirtualServer> {
    let any_check = |number| {
        let spec = prop_oneof![
            Just(tcp(number, 80)),
            Just(tcp(number, 81)),
            (0u32..2, any::<bool>()).prop_map(|(script, dynamic)| misc(script, dynamic)),
        ];
        (spec, prop::bool::weighted(0.3)).prop_map(|(check, alpha)| ModelCheck { alpha, ..check })
    };
    let any_server = move |number| {
        (
            prop_oneof![0u16..6, Just(65535)],
            any::<bool>(),
            prop::collection::vec(any_check(number), 0..4),
        )
            .prop_map(move |(weight, inhibit_on_failure, checks)| RealServer {
                inhibit_on_failure,
                drain_timeout: Duration::ZERO,
                ..checked_by(server(number, weight), checks)
            })
    };
    let servers = prop::sample::subsequence(vec![11u8, 12, 13, 14], 0..=4)
        .prop_shuffle()
        .prop_flat_map(move |numbers| numbers.into_iter().map(any_server).collect::<Vec<_>>());
    // 14 is a real server at times, and the sorry server at others, or both.
    let sorry = prop::option::of((prop_oneof![Just(14u8), Just(19)], any::<bool>()));
    (servers, 0u32..9, 0u32..5, sorry).prop_map(|(servers, quorum, hysteresis, sorry)| {
        let hysteresis = hysteresis.min(quorum.saturating_sub(1));
        let plain = virtual_server(quorum, hysteresis, servers);
        match sorry {
            Some((number, true)) => with_inhibited_sorry(plain, number),
            Some((number, false)) => with_sorry(plain, number),
            None => plain,
        }
    })
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let said = prop_oneof![
        Just(Said::Failure),
        Just(Said::Success),
        any::<u8>().prop_map(Said::Status),
    ];
    prop_oneof![
        12 => (0usize..16, said).prop_map(|(check, said)| Happening::Verdict { check, said }),
        1 => Just(Happening::Handover),
        2 => any_virtual_server().prop_map(|next| Happening::Reload(Box::new(next))),
    ]
}

/// The same table, but for a real server that is the sorry server as well, which the
/// kernel can hold only once.
fn merged(table: Vec<(DestinationKey, i64)>) -> Vec<(DestinationKey, i64)> {
    let mut merged: Vec<(DestinationKey, i64)> = Vec::new();
    for (key, weight) in table {
        match merged.iter_mut().find(|(other, _)| *other == key) {
            Some(entry) => entry.1 = weight,
            None => merged.push((key, weight)),
        }
    }
    merged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_pool_is_what_the_rules_say(
        first in any_virtual_server(),
        happenings in prop::collection::vec(any_happening(), 0..60),
    ) {
        let model = model();
        let mut current = first;
        let mut belief = Belief::default();
        belief.read(&current);
        let mut reader = Reader { survivors_in: true, ..Reader::default() };
        reader.read(&current, &belief);
        let (mut pool, events) = Pool::new(&model, &current, &Memory::default(), at(0));
        reader.hear(&events)?;
        for happening in [None].into_iter().chain(happenings.into_iter().map(Some)) {
            let events = match happening {
                None => Vec::new(),
                Some(Happening::Verdict { check, said }) => {
                    let all: Vec<_> = pool.checks().map(|(slot, ..)| slot).collect();
                    if all.is_empty() {
                        continue;
                    }
                    let slot = all[check % all.len()];
                    let server = &current.real_servers[slot.server];
                    let name = numbered(server).swap_remove(slot.check);
                    let dynamic = match said {
                        Said::Status(status) if may_set_weight(&server.checks[slot.check].spec) => {
                            DynamicStatus::new(status)
                        }
                        _ => None,
                    };
                    let up = !matches!(said, Said::Failure | Said::Status(1));
                    let status = dynamic.map(|dynamic| i64::from(dynamic.status()));
                    belief.checks.insert(name, (up, status));
                    belief.conclude(&current);
                    pool.on_verdict(slot, Verdict { dynamic, ever_ran: true, ..Verdict::assumed(up, at(1)) })
                }
                Some(Happening::Handover) => {
                    let mut memory = Memory::default();
                    pool.remember(&mut memory);
                    let bytes = postcard::to_stdvec(&memory).unwrap();
                    let handed = postcard::from_bytes(&bytes).unwrap();
                    let (successor, events) = Pool::new(&model, &current, &handed, at(2));
                    prop_assert_eq!(&events, &[]);
                    pool = successor;
                    events
                }
                Some(Happening::Reload(next)) => {
                    let mut memory = Memory::default();
                    pool.remember(&mut memory);
                    current = *next;
                    belief.read(&current);
                    reader.read(&current, &belief);
                    let (successor, events) = Pool::new(&model, &current, &memory, at(3));
                    pool = successor;
                    events
                }
            };
            reader.hear(&events)?;

            let entry = entry(&pool);
            let table: Vec<_> = entry
                .destinations
                .iter()
                .map(|(key, destination)| (*key, i64::from(destination.weight)))
                .collect();
            prop_assert_eq!(table, merged(belief.table(&current)));
            prop_assert_eq!(pool.quorum_up(), belief.quorum);
            let alive = belief.servers.values().map(|(up, weight)| if *up { *weight } else { 0 });
            prop_assert_eq!(pool.weight_alive() as i64, alive.sum::<i64>());
            let sorry = current.sorry_server.as_ref().map(|sorry| sorry.key);
            prop_assert_eq!(pool.sorry_in(), sorry.filter(|_| !belief.quorum));

            prop_assert_eq!(&reader.servers, &belief.servers);
            prop_assert_eq!(reader.quorum, belief.quorum);
            prop_assert_eq!(reader.sorry, pool.sorry_in());
            prop_assert_eq!(reader.survivors_in, pool.sorry_in().is_none());
        }
    }
}
