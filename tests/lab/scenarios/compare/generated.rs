//! Configurations over all that the kernel can be told of a virtual server, by a seed.
//!
//! They have in common which virtual servers and real servers there may be, so that from
//! one to the next some stay, some change and some go. What keepalived 2.2.7 does wrong is
//! not in them: docs/migrating.md has it.

use std::fmt::Write;

use super::super::configurations::generated::Dice;

/// What a virtual server is for.
struct Subject {
    /// What stands behind `virtual_server`.
    head: &'static str,
    /// The lines of its group.
    group: Option<&'static str>,
    families: Families,
    methods: &'static [&'static str],
    /// Empty for any; none is for marks.
    protocol: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Families {
    V4,
    V6,
    /// Only tunnels reach its real servers.
    Both,
}

const fn address(head: &'static str, families: Families) -> Subject {
    Subject {
        head,
        group: None,
        families,
        methods: &["NAT", "DR", "TUN"],
        protocol: Some(""),
    }
}

const fn mark(head: &'static str, families: Families) -> Subject {
    Subject {
        protocol: None,
        ..address(head, families)
    }
}

/// From one configuration to the next its protocol and its real servers stay: keepalived
/// leaves in the table what a reload takes out of a group. With a mark, NAT and the other
/// methods make other real servers of the same.
const fn group(
    head: &'static str,
    lines: &'static str,
    families: Families,
    methods: &'static [&'static str],
    protocol: Option<&'static str>,
) -> Subject {
    Subject {
        group: Some(lines),
        methods,
        protocol,
        ..address(head, families)
    }
}

/// No two have an address and port, or a mark, in common.
const SUBJECTS: &[Subject] = &[
    address("10.0.1.80 80", Families::V4),
    address("10.0.1.80 443", Families::V4),
    address("fd00::1:80 80", Families::V6),
    address("10.0.2.80 0", Families::V4),
    address("10.0.2.81", Families::V4),
    address("fd00::2:80 0", Families::V6),
    mark("fwmark 7", Families::V4),
    mark("fwmark 8", Families::V6),
    group(
        "group single",
        "10.0.3.1 80\n10.0.3.2 80\nfwmark 21",
        Families::V4,
        &["NAT"],
        Some("TCP"),
    ),
    // Beyond an octet keepalived 2.2.7 never ends.
    group(
        "group range",
        "10.0.4.250-253 80\n10.0.4.20-10.0.4.22 80",
        Families::V4,
        &["NAT", "DR", "TUN"],
        Some("UDP"),
    ),
    group(
        "group prefix",
        "10.0.5.8/29 80",
        Families::V4,
        &["NAT", "DR", "TUN"],
        Some("TCP"),
    ),
    group(
        "group six",
        "fd00::6:1-4 80\nfd00::6:10/126 80\nfwmark 22",
        Families::V6,
        &["DR", "TUN"],
        Some("SCTP"),
    ),
    group(
        "group both",
        "10.0.7.1 80\nfd00::7:1 80\nfwmark 23 inet\nfwmark 24 inet6",
        Families::Both,
        &["TUN"],
        Some("TCP"),
    ),
    group(
        "group marks",
        "fwmark 25\nfwmark 26",
        Families::V4,
        &["DR", "TUN"],
        None,
    ),
];

const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "mh", "sed", "nq", "fo", "ovf",
];

const TUNNELS: &[&str] = &[
    "TUN",
    "TUN type ipip",
    "TUN type gue port 6080",
    "TUN type gue port 6080 nocsum",
    "TUN type gue port 6081 csum",
    "TUN type gue remcsum port 6082",
    "TUN type gre",
    "TUN type gre nocsum",
    "TUN type gre csum",
];

const WEIGHTS: &[&str] = &["0", "1", "1", "2", "3", "100", "65534", "65535"];

/// Real servers by their last numbers. Those from here on have a check that never
/// succeeds, and are down from the start.
const SERVERS: usize = 6;
const FIRST_DOWN: usize = 5;

/// Of each of them: a reload changes none in keepalived.
const LIMITS: [&str; SERVERS] = [
    "",
    "uthreshold 5",
    "uthreshold 5\nlthreshold 5",
    "lthreshold 7\nuthreshold 4294967295",
    "",
    "uthreshold 9",
];

pub struct Maker {
    dice: Dice,
    /// The places in [`SUBJECTS`] of those whose sorry server stands in, if they have one.
    /// They do not stay: keepalived does not follow what a reload changes of them then.
    without_quorum: Vec<usize>,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            without_quorum: Vec::new(),
        }
    }

    pub fn configuration(&mut self) -> String {
        let mut text = String::new();
        let mut left: Vec<usize> = (0..SUBJECTS.len()).collect();
        left.retain(|place| !self.without_quorum.contains(place));
        self.without_quorum.clear();
        for _ in 0..4 {
            let place = left.swap_remove(self.dice.throw(left.len()));
            let subject = &SUBJECTS[place];
            if let Some(lines) = subject.group {
                let _ = writeln!(text, "virtual_server_{} {{\n{lines}\n}}", subject.head);
            }
            if !self.virtual_server(&mut text, subject) {
                self.without_quorum.push(place);
            }
        }
        text
    }

    /// One time in so many.
    fn once_in(&mut self, times: usize) -> bool {
        self.dice.throw(times) == 0
    }

    /// Whether its quorum is met for sure.
    fn virtual_server(&mut self, text: &mut String, subject: &Subject) -> bool {
        let _ = writeln!(text, "virtual_server {} {{", subject.head);
        let mut words = Vec::new();
        words.push("delay_loop 3600".to_owned());
        match (subject.protocol, subject.families) {
            (Some(""), _) => {
                let protocol = self.dice.one_of(&["TCP", "TCP", "UDP", "SCTP"]);
                words.push(format!("protocol {protocol}"));
            }
            (Some(protocol), _) => words.push(format!("protocol {protocol}")),
            (None, Families::V6) => words.push("ip_family inet6".to_owned()),
            (None, _) if self.once_in(2) => words.push("ip_family inet".to_owned()),
            (None, _) => {}
        }
        // Without, real servers say which family the mark is of.
        let mixes = subject.protocol.is_some() || words.len() > 1;
        self.scheduling(&mut words);
        self.persistence(&mut words, subject);
        let method = self.method(subject);
        words.push(format!(
            "{} {method}",
            self.dice.one_of(&["lvs_method", "lb_kind"])
        ));
        let quorum = self.pool(&mut words, subject);
        for word in words {
            let _ = writeln!(text, "    {word}");
        }
        let alive = self.real_servers(text, subject, &method, mixes);
        text.push_str("}\n");
        alive >= quorum
    }

    /// keepalived wants the scheduler before its flags.
    fn scheduling(&mut self, words: &mut Vec<String>) {
        let scheduler = self.dice.one_of(SCHEDULERS);
        words.push(format!("lvs_sched {scheduler}"));
        let flags: &[&str] = match scheduler {
            "sh" => &["sh-port", "sh-fallback", "hashed"],
            "mh" => &["mh-port", "mh-fallback"],
            _ => &["flag-1", "flag-2", "sh-port", "mh-port"],
        };
        for flag in flags.iter().chain(&["flag-3"]) {
            if self.once_in(3) {
                words.push((*flag).to_owned());
            }
        }
        if self.once_in(3) {
            words.push("ops".to_owned());
        }
    }

    fn persistence(&mut self, words: &mut Vec<String>, subject: &Subject) {
        if self.once_in(2) {
            return;
        }
        if self.once_in(2) {
            let seconds = self.dice.one_of(&["", " 1", " 300", " 2678400"]);
            words.push(format!("persistence_timeout{seconds}"));
        }
        let granularities: &[&str] = match subject.families {
            // It has no effect in keepalived.
            _ if subject.group.is_some() => &[],
            Families::V6 => &["1", "64", "128"],
            _ => &["255.255.255.255", "255.255.0.0", "255.0.255.0", "0.0.0.0"],
        };
        if !granularities.is_empty() && self.once_in(2) {
            let granularity = self.dice.one_of(granularities);
            words.push(format!("persistence_granularity {granularity}"));
        }
        if self.once_in(3) {
            words.push("persistence_engine sip".to_owned());
        }
    }

    fn method(&mut self, subject: &Subject) -> String {
        match self.dice.one_of(subject.methods) {
            "TUN" => self.dice.one_of(TUNNELS),
            method => method,
        }
        .to_owned()
    }

    /// The weight with which the quorum is gained. A sorry server is said before its
    /// method, and has a port.
    fn pool(&mut self, words: &mut Vec<String>, subject: &Subject) -> u32 {
        words.push("alpha".to_owned());
        let (mut quorum, mut hysteresis) = (1, 0);
        if self.once_in(2) {
            quorum = [1, 2, 5, 200][self.dice.throw(4)];
            words.push(format!("quorum {quorum}"));
        }
        if self.once_in(3) {
            hysteresis = [1, 4, 50][self.dice.throw(3)];
            words.push(format!("hysteresis {hysteresis}"));
        }
        if self.once_in(3) {
            words.push("inhibit_on_failure".to_owned());
        }
        if self.once_in(2) {
            words.push(match subject.families {
                Families::V6 => "sorry_server fd00:9::99 80".to_owned(),
                _ => "sorry_server 10.9.0.99 80".to_owned(),
            });
            if self.once_in(2) || subject.families == Families::Both {
                words.push(format!("sorry_server_lvs_method {}", self.method(subject)));
            }
        }
        quorum + hysteresis
    }

    /// Which of the real servers a virtual server has.
    fn numbers(&mut self, subject: &Subject) -> Vec<usize> {
        if subject.group.is_some() {
            return vec![1, 2, 4, FIRST_DOWN];
        }
        let mut left: Vec<usize> = (1..=SERVERS).collect();
        (0..=self.dice.throw(4))
            .map(|_| left.swap_remove(self.dice.throw(left.len())))
            .collect()
    }

    /// Some, of which not all have the weight 0: keepalived miscalculates the quorum then.
    /// The weight of those that are up.
    fn real_servers(
        &mut self,
        text: &mut String,
        subject: &Subject,
        method: &str,
        mixes: bool,
    ) -> u32 {
        let mut alive = 0;
        for (nth, number) in self.numbers(subject).into_iter().enumerate() {
            let own = self.once_in(3).then(|| self.method(subject));
            let is_tunnel = own.as_deref().unwrap_or(method).starts_with("TUN");
            let is_v6 = match (subject.families, subject.group) {
                (Families::Both, _) => number % 2 == 0,
                (families, Some(_)) => families == Families::V6,
                (families, None) => {
                    let is_other = is_tunnel && mixes && self.once_in(4);
                    (families == Families::V6) != is_other
                }
            };
            let address = if is_v6 {
                format!("fd00:9::{number}")
            } else {
                format!("10.9.0.{number}")
            };
            // With another port a check is another one, too.
            let port = match subject.group {
                None if number < FIRST_DOWN => self.dice.one_of(&["80", "80", "8080"]),
                _ => "80",
            };
            let weight = match nth {
                0 => "1",
                _ => self.dice.one_of(WEIGHTS),
            };
            let _ = writeln!(text, "    real_server {address} {port} {{");
            let mut words = vec![format!("weight {weight}")];
            words.extend(own.map(|method| format!("lvs_method {method}")));
            words.extend(LIMITS[number - 1].lines().map(str::to_owned));
            if self.once_in(4) {
                words.push(format!(
                    "inhibit_on_failure {}",
                    self.dice.one_of(&["on", "off"])
                ));
            }
            if number >= FIRST_DOWN {
                // Never while this test looks, and then in vain.
                words.extend(["TCP_CHECK {".to_owned(), "}".to_owned()]);
            } else {
                alive += weight.parse::<u32>().unwrap();
            }
            for word in words {
                let _ = writeln!(text, "        {word}");
            }
            text.push_str("    }\n");
        }
        alive
    }
}
