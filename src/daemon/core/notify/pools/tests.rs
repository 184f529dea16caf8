//! What scripts are told, in the words of the scripts of the lab. Where nothing else is
//! said, keepalived 2.2.7 was seen to tell the same.

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

    fn end(&mut self) -> Vec<String> {
        lines(self.told.on_end(&self.model))
    }
}

fn lines(turns: Vec<Turn>) -> Vec<String> {
    let lines = turns.into_iter().map(|Turn { subject, up }| {
        let name = match subject {
            PoolSubject::VirtualServer(PoolId::Service(ServiceKey::Address { port, .. })) => {
                format!("vs{port}")
            }
            PoolSubject::RealServer(_, server) => {
                server.address.to_string().replace("10.0.0.", "rs")
            }
            other => panic!("{other}"),
        };
        format!("{name} {}", if up { "up" } else { "down" })
    });
    lines.collect()
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
