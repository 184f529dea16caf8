//! Two directors with an instance of each kind, that go from one to the other and back
//! all together: with a link that is lost and comes back, and with a stop and a start.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::kinds::Kind;
use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::lab::{Lab, millis, poll, secs};
use crate::pair::{self, LONG};
use crate::wire::{Heard, Traffic, Wire};

/// Of the first and of the second.
const PRIORITIES: [u8; 2] = [250, 128];

/// What keepalived says of adverts that it does not like. That of AH it says too when
/// two masters meet, whose numbers have both grown.
const COMPLAINTS: [&str; 10] = [
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
    link_local: [String; 2],
}

impl<'a> Directors<'a> {
    fn conf(&self, number: usize) -> String {
        let (program, priority) = (self.programs[number - 1], PRIORITIES[number - 1]);
        let conf: String = self
            .kinds
            .iter()
            .map(|kind| kind.conf(program, number, priority))
            .collect();
        conf.replace("NEIGHBOUR", &self.link_local[2 - number])
    }

    fn start(&self, number: usize) -> Daemon<'a> {
        let director = &self.cluster.directors[number - 1];
        director.start_program(self.programs[number - 1], &self.conf(number))
    }

    #[track_caller]
    fn wait_for(&self, daemon: &Daemon, mark: usize, state: &str) {
        for kind in &self.kinds {
            daemon.wait_for_state_after(mark, kind.name, state, LONG);
        }
    }

    /// Waits until this director has all addresses and the other one none, or all too.
    #[track_caller]
    fn expect_holders(&self, holders: &[&Director]) {
        let wanted: BTreeSet<IpAddr> = self.kinds.iter().flat_map(Kind::addresses).collect();
        let mut last = Vec::new();
        let found = poll(LONG, || {
            last.clear();
            for director in &self.cluster.directors {
                let is_holder = holders.iter().any(|it| it.name() == director.name());
                let held = held(director, &wanted);
                let wrong: Vec<_> = match is_holder {
                    true => wanted.difference(&held).copied().collect(),
                    false => held.into_iter().collect(),
                };
                if !wrong.is_empty() {
                    last.push((director.name(), is_holder, wrong));
                }
            }
            last.is_empty().then_some(())
        });
        assert!(
            found.is_some(),
            "(director, whether it should have all addresses, those where it is otherwise): {last:?}"
        );
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

/// While it has no virtual address.
fn link_local(director: &Director) -> String {
    let mine = director.enter(crate::net::addresses).into_iter();
    mine.filter_map(|line| Some(line.split_once(" fe80::")?.1.split_once('/')?.0.to_owned()))
        .map(|rest| format!("fe80::{rest}"))
        .next()
        .unwrap()
}

/// Adds (`-A`) or deletes (`-D`) what keeps it from hearing adverts.
fn deafen(director: &Director, what: &str) {
    let lines = [("iptables", 112), ("iptables", 51), ("ip6tables", 112)]
        .map(|(program, protocol)| format!("{program}-legacy {what} INPUT -p {protocol} -j DROP"));
    director.sh(&lines.join("\n"));
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
    let cluster = Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(2)
        .vrrp()
        .build(lab);
    let [director1, director2] = pair::directors(&cluster);
    for (director, n) in [(director1, 1), (director2, 2)] {
        director.ip(&format!(
            "addr add fd00::{n}/64 dev eth0\naddr add 10.0.0.3{n}/24 dev eth0\n"
        ));
    }
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
    both.expect_holders(&[director1]);

    let mark = two.log().mark();
    both.hands_over("no frame gets through", director1, director2, || {
        director1.isolate("eth0");
        both.wait_for(&two, mark, "MASTER");
    });
    both.expect_holders(&[director1, director2]);
    both.meet(&two);

    let mark = two.log().mark();
    let stopped = lab.now();
    both.hands_over("the first stops", director1, director2, || {
        one.sigterm(secs(10));
        both.wait_for(&two, mark, "MASTER");
        both.expect_holders(&[director2]);
    });
    both.was_told(&cables[1], stopped);
    both.assert_no_complaints(&one);

    let mark = two.log().mark();
    let mut again = None;
    both.hands_over("the first is back", director2, director1, || {
        let one = both.start(1);
        both.wait_for(&one, 0, "MASTER");
        both.wait_for(&two, mark, "BACKUP");
        both.expect_holders(&[director1]);
        again = Some(one);
    });
    let one = again.unwrap();
    if programs == [Program::Ipvsd; 2] {
        both.change_the_key([&one, &two], &cables[1]);
    }

    both.assert_no_complaints(&one);
    both.assert_no_complaints(&two);
    for (cable, director) in cables.into_iter().zip([director1, director2]) {
        let traffic = cable.stop();
        let sent = traffic.clone().sent_by(director, "eth0").adverts();
        for kind in &both.kinds {
            let of = sent.iter().filter(|advert| advert.vrid == kind.vrid);
            assert!(of.count() >= 3, "{} of {}", kind.name, director.name());
        }
        let (odd, even): (Vec<_>, Vec<_>) = traffic.frames.into_iter().partition(|frame| {
            let odd = |vrid| {
                both.kinds
                    .iter()
                    .any(|it| it.vrid == vrid && it.has_odd_checksum())
            };
            frame.advert().is_some_and(|advert| odd(advert.vrid))
        });
        Traffic { frames: even }.assert_well_formed(lab, director.name());
        Traffic { frames: odd }
            .assert_well_formed_but_checksums(lab, &format!("{}-odd", director.name()));
    }
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
            deafen(director2, "-A");
            director1.rejoin("eth0");
            // With AH the number of the one that took over is behind that of the first,
            // who does not believe it.
            let known = self.at(director1, |kind| !kind.has_ah());
            self.cluster.client.expect_known(&known, LONG);
            deafen(director2, "-D");
        } else {
            director1.rejoin("eth0");
            let known = self.at(director1, |_| true);
            self.cluster.client.expect_known(&known, LONG);
        }
        self.wait_for(two, mark, "BACKUP");
        self.expect_holders(&[director1]);
    }

    /// The second one did not wait for the first to be missed.
    #[track_caller]
    fn was_told(&self, cable: &Wire, stopped: Duration) {
        let [director1, director2] = pair::directors(self.cluster);
        let since = cable.so_far().after(stopped);
        let by = |director| since.clone().sent_by(director, "eth0").adverts();
        let (first, second) = (by(director1), by(director2));
        for kind in &self.kinds {
            let of = |it: &&Heard| it.vrid == kind.vrid;
            let last = first.iter().rfind(of).expect(kind.name);
            assert_eq!(last.priority, 0, "{}: {last:?}", kind.name);
            let next = second.iter().find(of).expect(kind.name);
            let after = next.at - last.at;
            assert!(after < millis(1500), "{}: {after:?}", kind.name);
        }
    }

    /// One after the other signs with another key, and nobody notices.
    fn change_the_key(&self, daemons: [&Daemon; 2], cable: &Wire) {
        let [director1, _] = pair::directors(self.cluster);
        let marks = daemons.map(|daemon| daemon.log().mark());
        let since = self.lab.now();
        for (daemon, number) in [(daemons[1], 2), (daemons[0], 1)] {
            let conf = self.conf(number).replace("active_key 1", "active_key 2");
            daemon.reload(&conf);
        }
        // In more than three seconds the second would miss the first.
        cable.wait_for("adverts with the other key", since, LONG, |traffic| {
            let sent = traffic.clone().sent_by(director1, "eth0").adverts();
            let signs = self.kinds.iter().filter(|kind| kind.signs());
            let enough = |kind: &Kind| {
                let of = sent.iter().filter(|it| it.vrid == kind.vrid);
                of.filter(|it| key_of(it) == 2).count() > 4
            };
            signs.into_iter().all(enough).then_some(())
        });
        self.expect_holders(&[director1]);
        for (daemon, mark) in daemons.into_iter().zip(marks) {
            let lines = daemon.log().since(mark);
            let moved = lines.iter().find(|(_, line)| line.contains("STATE"));
            assert!(moved.is_none(), "{}: {moved:?}", daemon.name());
        }
    }

    /// It has understood all that it has heard, but for numbers of AH when two masters
    /// have met.
    #[track_caller]
    fn assert_no_complaints(&self, daemon: &Daemon) {
        for (_, line) in daemon.log().since(0) {
            let is_of_ah = self
                .kinds
                .iter()
                .any(|kind| kind.has_ah() && line.contains(&format!("({})", kind.name)));
            let complains = COMPLAINTS.iter().any(|word| line.contains(word))
                || line.contains("packet from") && !is_of_ah;
            assert!(!complains, "{}: {line}", daemon.name());
        }
    }
}

/// The identifier of the key that an advert is signed with: the second octet of the 28
/// at its end.
fn key_of(advert: &Heard) -> u8 {
    advert.message[advert.message.len() - 27]
}
