//! Two directors with an instance of each kind, that go from one to the other and back
//! all together: with a link that is lost and comes back, with a stop and a start, and
//! with another priority.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use super::kinds::{self, Kind, link_local};
use crate::cluster::Cluster;
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::lab::{Lab, poll, secs};
use crate::pair::{self, LONG};
use crate::wire::{Heard, Traffic, Wire};

/// Of the first and of the second.
const PRIORITIES: [u8; 2] = [250, 128];
/// Of both, later.
const EQUAL: u8 = 200;

/// What keepalived and ipvsd say of adverts that they do not take. It is as it should be
/// that keepalived has "already processed" a number of AH, where two masters meet whose
/// numbers have both grown.
const COMPLAINTS: [&str; 11] = [
    "nvalid",
    "expect",
    "mismatch",
    "not present",
    "too short",
    "too long",
    "not in range",
    "not a unicast peer",
    "old version",
    "WARNING",
    "Dropped a packet",
];

pub fn keepalived_takes_every_kind_over_from_ipvsd(lab: &Lab) {
    go_and_return(lab, [Program::Ipvsd, Program::Keepalived]);
}

pub fn ipvsd_takes_every_kind_over_from_keepalived(lab: &Lab) {
    go_and_return(lab, [Program::Keepalived, Program::Ipvsd]);
}

pub fn ipvsd_takes_every_kind_over_from_ipvsd(lab: &Lab) {
    go_and_return(lab, [Program::Ipvsd, Program::Ipvsd]);
}

struct Directors<'a> {
    lab: &'a Lab,
    cluster: &'a Cluster<'a>,
    programs: [Program; 2],
    kinds: Vec<Kind>,
    /// The addresses of their links that the kernel has made.
    link_local: [Ipv6Addr; 2],
}

impl<'a> Directors<'a> {
    fn conf(&self, number: usize, priority: u8) -> String {
        let program = self.programs[number - 1];
        let conf: String = self
            .kinds
            .iter()
            .map(|kind| kind.conf(program, number, priority))
            .collect();
        conf.replace("NEIGHBOUR", &self.link_local[2 - number].to_string())
    }

    fn start(&self, number: usize) -> Daemon<'a> {
        let director = &self.cluster.directors[number - 1];
        let conf = self.conf(number, PRIORITIES[number - 1]);
        director.start_program(self.programs[number - 1], &conf)
    }

    #[track_caller]
    fn wait_for(&self, daemon: &Daemon, mark: usize, state: &str) {
        for kind in &self.kinds {
            daemon.wait_for_state_after(mark, kind.name, state, LONG);
        }
    }

    /// Waits until each address is with these directors and no other.
    #[track_caller]
    fn expect_holders(&self, holders: impl Fn(&Kind) -> Vec<usize>) {
        let all: BTreeSet<IpAddr> = self.kinds.iter().flat_map(Kind::addresses).collect();
        let mut wrong = Vec::new();
        let found = poll(LONG, || {
            wrong.clear();
            for (director, number) in self.cluster.directors.iter().zip(1..) {
                let its = self.kinds.iter().filter(|it| holders(it).contains(&number));
                let wanted: BTreeSet<IpAddr> = its.flat_map(Kind::addresses).collect();
                let held = held(director, &all);
                let missing = wanted.difference(&held).map(|it| (number, "lacks", *it));
                wrong.extend(missing);
                wrong.extend(held.difference(&wanted).map(|it| (number, "has", *it)));
            }
            wrong.is_empty().then_some(())
        });
        assert!(found.is_some(), "(director, what, address): {wrong:?}");
    }

    fn at(&self, director: &Director, which: impl Fn(&Kind) -> bool) -> Vec<(IpAddr, String)> {
        let mac = director.mac("eth0");
        let kinds = self.kinds.iter().filter(|kind| which(kind));
        kinds
            .flat_map(Kind::addresses)
            .map(|address| (address, mac.clone()))
            .collect()
    }

    /// The client, who looked for the addresses at `from`, learns that `to` has them.
    fn hands_over(&self, what: &str, from: &Director, to: &Director, act: impl FnOnce()) {
        self.lab.note(what);
        self.cluster.client.teach("eth0", &self.at(from, |_| true));
        act();
        let wanted = self.at(to, |_| true);
        self.cluster.client.expect_known(&wanted, LONG);
    }
}

fn held(director: &Director, wanted: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    let lines = director.enter(crate::net::addresses);
    let addresses = lines.iter().filter_map(|line| {
        let (_, address) = line.split_once(' ')?;
        address.split('/').next()?.parse().ok()
    });
    addresses.filter(|it| wanted.contains(it)).collect()
}

fn go_and_return(lab: &Lab, programs: [Program; 2]) {
    let programs = match lab.has_stand_in() {
        true => [Program::Keepalived; 2],
        false => programs,
    };
    let cluster = kinds::cluster(lab);
    let [director1, director2] = pair::directors(&cluster);
    let both = Directors {
        lab,
        cluster: &cluster,
        programs,
        kinds: Kind::all(programs),
        link_local: [director1, director2].map(link_local),
    };
    let cables = [director1, director2].map(|director| Wire::of_cable(lab, director, "eth0"));

    let one = both.start(1);
    both.wait_for(&one, 0, "MASTER");
    let two = both.start(2);
    both.wait_for(&two, 0, "BACKUP");
    both.expect_holders(|_| vec![1]);

    let mark = two.log().mark();
    both.hands_over("no frame gets through", director1, director2, || {
        director1.isolate("eth0");
        both.wait_for(&two, mark, "MASTER");
    });
    both.expect_holders(|_| vec![1, 2]);
    both.meet(&two);

    let mark = two.log().mark();
    both.hands_over("the first stops", director1, director2, || {
        one.sigterm(secs(10));
        both.wait_for(&two, mark, "MASTER");
        both.expect_holders(|_| vec![2]);
    });
    both.was_told(&two, mark, &cables[1]);
    both.assert_no_complaints(&one);

    let mark = two.log().mark();
    let mut again = None;
    both.hands_over("the first is back", director2, director1, || {
        let one = both.start(1);
        both.wait_for(&one, 0, "MASTER");
        both.wait_for(&two, mark, "BACKUP");
        both.expect_holders(|_| vec![1]);
        again = Some(one);
    });
    let one = again.unwrap();
    both.part_as_equals([&one, &two], &cables);

    both.assert_no_complaints(&one);
    both.assert_no_complaints(&two);
    let mut frames = Vec::new();
    for (cable, director) in cables.into_iter().zip([director1, director2]) {
        let sent = cable.stop().sent_by(director, "eth0");
        let adverts = sent.adverts();
        for kind in &both.kinds {
            let of = adverts.iter().filter(|advert| advert.vrid == kind.vrid);
            assert!(of.count() >= 3, "{} of {}", kind.name, director.name());
        }
        frames.extend(sent.frames);
    }
    let odd = both.kinds.iter().filter(|kind| kind.has_odd_checksum());
    let odd: Vec<u8> = odd.map(|kind| kind.vrid).collect();
    Traffic { frames }
        .without_repetitions()
        .assert_well_formed_but_checksums_of(lab, "cables", &odd);
}

impl Directors<'_> {
    /// Both are master and hear each other again: the first goes on, and announces that
    /// it does.
    ///
    /// An ipvsd that hears a better one says so when it gives way. A keepalived does so
    /// without a word, and the other one knows that there was one only if it has heard
    /// it before: so here it hears nothing yet when it is heard.
    fn meet(&self, two: &Daemon) {
        let [director1, director2] = pair::directors(self.cluster);
        self.lab.note("they meet");
        self.cluster
            .client
            .teach("eth0", &self.at(director2, |_| true));
        let mark = two.log().mark();
        if self.programs[1] == Program::Keepalived {
            director2.deafen();
            director1.rejoin("eth0");
            // With AH the number of the one that took over is behind that of the first: a
            // keepalived does not believe it.
            let believes = self.programs[0] == Program::Ipvsd;
            let known = self.at(director1, |kind| believes || !kind.has_ah());
            self.cluster.client.expect_known(&known, LONG);
            director2.undeafen();
        } else {
            director1.rejoin("eth0");
            let known = self.at(director1, |_| true);
            self.cluster.client.expect_known(&known, LONG);
        }
        self.wait_for(two, mark, "BACKUP");
        self.expect_holders(|_| vec![1]);
    }

    /// The first has said that it goes, and the second has not waited to miss it.
    #[track_caller]
    fn was_told(&self, two: &Daemon, mark: usize, cable: &Wire) {
        let [director1, _] = pair::directors(self.cluster);
        let first = cable.so_far().sent_by(director1, "eth0").adverts();
        let lines = two.log().since(mark);
        for kind in &self.kinds {
            let last = first.iter().rfind(|it| it.vrid == kind.vrid);
            assert_eq!(last.map(|it| it.priority), Some(0), "{}", kind.name);
            let name = format!("({}) ", kind.name);
            let told = match self.programs[1] {
                Program::Keepalived => "Backup received priority 0 advertisement",
                Program::Ipvsd => "has stopped",
            };
            assert!(
                lines
                    .iter()
                    .any(|(_, it)| it.contains(&name) && it.contains(told)),
                "{name}{told}"
            );
        }
    }

    /// Both get the same priority, and sign with another key where they sign, which
    /// changes nothing. Then they lose each other, and when they meet the one with the
    /// higher address stays master.
    fn part_as_equals(&self, daemons: [&Daemon; 2], cables: &[Wire; 2]) {
        let [director1, director2] = pair::directors(self.cluster);
        let marks = daemons.map(|daemon| daemon.log().mark());
        let since = self.lab.now();
        for (daemon, number) in [(daemons[1], 2), (daemons[0], 1)] {
            let conf = self
                .conf(number, EQUAL)
                .replace("active_key 1", "active_key 2");
            daemon.reload(&conf);
        }
        cables[1].wait_for("adverts of the same priority", since, LONG, |traffic| {
            let sent = traffic.clone().sent_by(director1, "eth0").adverts();
            let is_new = |kind: &Kind, advert: &Heard| {
                (advert.vrid, advert.priority) == (kind.vrid, EQUAL)
                    && (!kind.signs() || key_of(advert) == 2)
            };
            self.kinds
                .iter()
                .all(|kind| sent.iter().any(|advert| is_new(kind, advert)))
                .then_some(())
        });
        for (daemon, mark) in daemons.into_iter().zip(marks) {
            let lines = daemon.log().since(mark);
            let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
            assert!(moved.is_none(), "{}: {moved:?}", daemon.name());
        }

        let marks = daemons.map(|daemon| daemon.log().mark());
        self.hands_over("equals part", director1, director2, || {
            director1.isolate("eth0");
            self.wait_for(daemons[1], marks[1], "MASTER");
        });
        self.expect_holders(|_| vec![1, 2]);

        self.lab.note("equals meet");
        let marks = daemons.map(|daemon| daemon.log().mark());
        let winner = |kind: &Kind| match kind.is_from_link() {
            true if self.link_local[0] > self.link_local[1] => 1,
            _ => 2,
        };
        for number in [1, 2] {
            let loses = |kind: &Kind| winner(kind) != number;
            let director = &self.cluster.directors[number - 1];
            self.cluster.client.teach("eth0", &self.at(director, loses));
        }
        director1.rejoin("eth0");
        for kind in &self.kinds {
            let loser = 2 - winner(kind);
            daemons[loser].wait_for_state_after(marks[loser], kind.name, "BACKUP", LONG);
        }
        self.expect_holders(|kind| vec![winner(kind)]);
        // One that gives way without a word may not have been heard at all.
        for number in [1, 2] {
            let known = self.at(&self.cluster.directors[number - 1], |kind| {
                winner(kind) == number && self.programs[2 - number] == Program::Ipvsd
            });
            self.cluster.client.expect_known(&known, LONG);
        }
        for kind in &self.kinds {
            let number = winner(kind) - 1;
            let moved = format!("({}) Entering", kind.name);
            let lines = daemons[number].log().since(marks[number]);
            let moved = lines.iter().find(|(_, line)| line.contains(&moved));
            assert!(moved.is_none(), "{}: {moved:?}", daemons[number].name());
        }
    }

    /// It has understood all that it has heard.
    #[track_caller]
    fn assert_no_complaints(&self, daemon: &Daemon) {
        for (_, line) in daemon.log().since(0) {
            let complains = COMPLAINTS.iter().any(|word| line.contains(word));
            assert!(!complains, "{}: {line}", daemon.name());
        }
    }
}

/// The identifier of the key that an advert is signed with: the second octet of the 28
/// at its end.
fn key_of(advert: &Heard) -> u8 {
    advert.message[advert.message.len() - 27]
}
