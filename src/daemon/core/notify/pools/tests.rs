//! What scripts are told, in the words of the scripts of the lab. Where nothing else is
//! said, keepalived 2.2.7 was seen to tell the same.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::check::{Failure, FailureKind, Verdict};
use crate::config::{self, Sources};
use crate::lvs::ServiceKey;
use crate::lvs::pool::{CheckSlot, Pool};
use crate::moment::Moment;

/// A core and its checker, as far as scripts are concerned.
#[derive(Default)]
struct Play {
    model: Model,
    memory: Memory,
    pools: Vec<Pool>,
    told: ToldPools,
}

/// Real servers 10.0.0.N, each with one check.
fn virtual_server(port: u16, words: &str, servers: &[u8]) -> String {
    let servers = servers
        .iter()
        .map(|number| format!("real_server 10.0.0.{number} {port} {{\n TCP_CHECK {{\n }}\n}}\n"));
    format!(
        "virtual_server 10.0.0.80 {port} {{\n protocol TCP\n lvs_method DR\n {words}\n {}}}\n",
        servers.collect::<String>()
    )
}

impl Play {
    fn begin(text: &str) -> (Self, Vec<String>) {
        let mut play = Play::default();
        let told = play.load(text);
        (play, told)
    }

    /// A start or a reload.
    fn load(&mut self, text: &str) -> Vec<String> {
        let sources = Sources::from_text("f", text.as_bytes().to_vec());
        let loaded = config::parse(sources);
        self.model = loaded.model.unwrap_or_else(|| panic!("not valid:\n{text}"));
        for pool in &self.pools {
            pool.remember(&mut self.memory);
        }
        self.memory.keep_only(&self.model);
        self.restart()
    }

    /// Another checker takes the place of the present one.
    fn restart(&mut self) -> Vec<String> {
        let now = Moment::default();
        let virtual_servers = self.model.virtual_servers.iter();
        self.pools = virtual_servers
            .map(|it| Pool::new(&self.model, it, &self.memory, now).0)
            .collect();
        self.tell_pools()
    }

    fn tell_pools(&mut self) -> Vec<String> {
        let pools: Vec<_> = self
            .pools
            .iter()
            .map(|pool| (pool.id().clone(), pool.state()))
            .collect();
        lines(self.told.on_pools(&self.model, &pools))
    }

    /// The check of a real server of the first virtual server has come to something.
    fn check(&mut self, number: u8, up: bool) -> Vec<String> {
        let pool = &mut self.pools[0];
        let index = pool
            .servers()
            .position(|(server, _)| server.address.to_string() == format!("10.0.0.{number}"))
            .unwrap();
        let slot = CheckSlot {
            server: index,
            check: 0,
        };
        let mut verdict = Verdict::assumed(up, Moment::default());
        verdict.ever_ran = true;
        if !up {
            verdict.failure = Some(Box::new(Failure::from(FailureKind::Internal(
                "no answer".into(),
            ))));
        }
        let key = pool.key_of(slot).unwrap();
        pool.on_verdict(slot, verdict.clone());
        pool.remember(&mut self.memory);
        let news = NewVerdict {
            key,
            verdict,
            server: pool.servers().nth(index).unwrap().1,
            quorum_up: pool.quorum_up(),
            sorry: pool.sorry_in(),
            told: Vec::new(),
        };
        lines(self.told.on_verdict(&news))
    }

    /// Whether the first virtual server has this real server.
    fn has(&self, number: u8) -> bool {
        let address = format!("10.0.0.{number}");
        let mut servers = self.pools[0].servers();
        servers.any(|(server, _)| server.address.to_string() == address)
    }

    /// All that scripts are told about.
    fn names(&self) -> Vec<String> {
        let virtual_servers = self.model.virtual_servers.iter();
        let names = virtual_servers.flat_map(|it| {
            let virtual_server = PoolSubject::VirtualServer(it.id.clone());
            let servers = it.real_servers.iter();
            let servers = servers.map(|server| PoolSubject::RealServer(it.id.clone(), server.key));
            servers.chain([virtual_server])
        });
        names.map(name).collect()
    }

    fn end(&mut self) -> Vec<String> {
        lines(self.told.on_end(&self.model))
    }
}

fn lines(turns: Vec<Turn>) -> Vec<String> {
    let lines = turns.into_iter().map(|Turn { subject, up }| {
        format!("{} {}", name(subject), if up { "up" } else { "down" })
    });
    lines.collect()
}

fn name(subject: PoolSubject) -> String {
    match subject {
        PoolSubject::VirtualServer(PoolId::Service(ServiceKey::Address { port, .. })) => {
            format!("vs{port}")
        }
        PoolSubject::RealServer(_, server) => server.address.to_string().replace("10.0.0.", "rs"),
        other => panic!("{other}"),
    }
}

#[test]
fn what_changes_is_told() {
    let (mut play, told) = Play::begin(&virtual_server(80, "quorum 2", &[11, 12, 13]));
    assert_eq!(told, ["vs80 up"]);
    assert_eq!(play.check(11, true), [""; 0]);
    assert_eq!(play.check(11, false), ["rs11 down"]);
    assert_eq!(play.check(11, false), [""; 0]);
    assert_eq!(play.check(12, false), ["rs12 down", "vs80 down"]);
    assert_eq!(play.check(11, true), ["rs11 up", "vs80 up"]);
    assert_eq!(play.end(), [""; 0]);
}

#[test]
fn under_alpha_the_first_answer_is_told_whichever_it_is() {
    let two = &virtual_server(80, "alpha", &[11, 12]);
    let (mut play, told) = Play::begin(two);
    assert_eq!(told, [""; 0]);
    assert_eq!(play.check(12, false), ["rs12 down"]);
    assert_eq!(play.check(12, false), [""; 0]);
    assert_eq!(play.check(11, true), ["rs11 up", "vs80 up"]);
    // Of one that comes with a reload, keepalived does not tell that it fails.
    let three = &virtual_server(80, "alpha", &[11, 12, 13]);
    assert_eq!(play.load(three), [""; 0]);
    assert_eq!(play.check(13, false), ["rs13 down"]);
}

#[test]
fn a_virtual_server_that_begins_with_its_sorry_server_is_told_to_be_down() {
    let words = "alpha\n sorry_server 10.0.0.19 80";
    let (mut play, told) = Play::begin(&virtual_server(80, words, &[11]));
    assert_eq!(told, ["vs80 down"]);
    assert_eq!(play.check(11, true), ["rs11 up", "vs80 up"]);
}

#[test]
fn all_that_are_new_are_told_if_that_is_wanted() {
    let global = "global_defs {\n rs_init_notifies\n}\n";
    let one = virtual_server(80, "", &[11]);
    let (mut play, told) = Play::begin(&format!("{global}{one}"));
    assert_eq!(told, ["rs11 up", "vs80 up"]);
    let two = virtual_server(80, "", &[11, 12]);
    let another = virtual_server(81, "", &[13]);
    assert_eq!(play.load(&format!("{global}{two}")), ["rs12 up"]);
    assert_eq!(
        play.load(&format!("{global}{two}{another}")),
        ["rs13 up", "vs81 up"]
    );
}

#[test]
fn what_a_reload_takes_away_goes_down_if_it_was_up() {
    let other = virtual_server(81, "", &[13]);
    let (mut play, _) = Play::begin(&(virtual_server(80, "", &[11, 12]) + &other));
    let told = play.load(&(virtual_server(80, "", &[11, 14]) + &other));
    assert_eq!(told, ["rs12 down"]);
    assert_eq!(play.check(11, false), ["rs11 down"]);
    assert_eq!(
        play.load(&(virtual_server(80, "", &[14]) + &other)),
        [""; 0]
    );
    assert_eq!(
        play.load(&virtual_server(80, "", &[14])),
        ["rs13 down", "vs81 down"]
    );
    let two = virtual_server(80, "quorum 2", &[14, 11]);
    assert_eq!(play.load(&two), [""; 0]);
    assert_eq!(play.check(11, false), ["rs11 down", "vs80 down"]);
    assert_eq!(play.load(&virtual_server(80, "", &[14, 11])), ["vs80 up"]);
}

#[test]
fn at_the_end_what_is_up_goes_down_under_omega() {
    let other = virtual_server(81, "", &[13]);
    let text = virtual_server(80, "omega\n quorum 2", &[11, 12]) + &other;
    let (mut play, _) = Play::begin(&text);
    assert_eq!(play.end(), ["rs11 down", "rs12 down", "vs80 down"]);

    // keepalived says a second time that the quorum is lost.
    let (mut play, _) = Play::begin(&text);
    play.check(12, false);
    assert_eq!(play.end(), ["rs11 down"]);
}

#[test]
fn another_checker_and_another_core_tell_nothing_again_and_lose_nothing() {
    let text = virtual_server(80, "quorum 2", &[11, 12]);
    let (mut play, _) = Play::begin(&text);
    play.check(11, false);
    assert_eq!(play.restart(), [""; 0]);
    play.told = ToldPools::believe(&play.memory);
    assert_eq!(play.restart(), [""; 0]);
    assert_eq!(play.check(11, true), ["rs11 up", "vs80 up"]);
    // Known to the checker, but never heard of by core.
    let told = play.told.clone();
    play.check(12, false);
    play.told = told;
    assert_eq!(play.restart(), ["rs12 down", "vs80 down"]);
}

#[derive(Clone, Debug)]
enum Happening {
    Verdict(u8, bool),
    /// Another checker; `true`: core has not heard of the latest verdict.
    Restart(bool),
    Reload(usize),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (11u8..15, any::<bool>()).prop_map(|(number, up)| Happening::Verdict(number, up)),
        2 => any::<bool>().prop_map(Happening::Restart),
        2 => (0usize..5).prop_map(Happening::Reload),
    ]
}

proptest! {
    /// Whatever happens, to each object scripts say `up` and `down` in turns, and what
    /// they said last is how it is.
    #[test]
    fn up_and_down_take_turns(
        rs_init in any::<bool>(),
        happenings in prop::collection::vec(any_happening(), 0..40),
    ) {
        let global = if rs_init { "global_defs {\n rs_init_notifies\n}\n" } else { "" };
        let texts = [
            virtual_server(80, "", &[11, 12, 13]),
            virtual_server(80, "quorum 2", &[13, 12]),
            virtual_server(80, "alpha\n sorry_server 10.0.0.19 80", &[11, 14]),
            virtual_server(80, "quorum 3\n hysteresis 1", &[11, 12, 13, 14]),
            virtual_server(81, "omega", &[15]) + &virtual_server(80, "", &[11]),
        ]
        .map(|text| format!("{global}{text}"));
        let (mut play, first) = Play::begin(&texts[0]);
        let mut last: HashMap<String, String> = HashMap::new();
        let mut hear = |play: &Play, lines: Vec<String>| -> Result<(), TestCaseError> {
            for line in lines {
                let (name, word) = line.split_once(' ').unwrap();
                let before = last.insert(name.to_owned(), word.to_owned());
                prop_assert_ne!(before.as_deref(), Some(word), "{}", name);
            }
            // One that comes back is new.
            last.retain(|name, _| play.names().contains(name));
            Ok(())
        };
        hear(&play, first)?;
        for happening in happenings {
            let lines = match happening {
                Happening::Verdict(number, up) if play.has(number) => play.check(number, up),
                Happening::Verdict(..) => Vec::new(),
                Happening::Restart(true) if play.has(11) => {
                    let told = play.told.clone();
                    play.check(11, false);
                    play.told = told;
                    play.restart()
                }
                Happening::Restart(_) => play.restart(),
                Happening::Reload(which) => play.load(&texts[which]),
            };
            hear(&play, lines)?;
        }
        for pool in &play.pools {
            let PoolId::Service(ServiceKey::Address { port, .. }) = pool.id() else {
                unreachable!("no group, no mark");
            };
            let up = |name: String| last.get(&name).map(|word| word == "up");
            let quorum = up(format!("vs{port}")).unwrap_or(false);
            prop_assert_eq!(quorum, pool.quorum_up());
            for (server, state) in pool.servers() {
                let told = up(server.address.to_string().replace("10.0.0.", "rs"));
                // Nothing is told of what was so from the beginning.
                prop_assert!(told.is_none_or(|told| told == state.up), "{}", server);
            }
        }
    }
}
