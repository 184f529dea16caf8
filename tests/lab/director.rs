//! A director: where `ipvsd` or keepalived runs, and the table it keeps.

use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use crate::cluster::one_address;
use crate::daemon::{Daemon, Program};
use crate::ipvs_watch::IpvsWatch;
use crate::lab::{Lab, poll};
use crate::net::{Namespace, addresses, is_of};
use crate::sampler::Sampler;
use crate::table::{difference, normalise, read_proc, sorted};

pub struct Director<'lab> {
    lab: &'lab Lab,
    host: Namespace,
    vip: IpAddr,
}

impl Deref for Director<'_> {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.host
    }
}

impl<'lab> Director<'lab> {
    pub fn new(lab: &'lab Lab, host: Namespace, vip: IpAddr) -> Self {
        Self { lab, host, vip }
    }

    /// Takes the virtual address, as VRRP would.
    pub fn hold_vip(&self) {
        // Deprecated, as keepalived adds it: IPv6 would otherwise take it, with
        // its longer prefix, as the source of health checks, and the answers
        // would go to the real server's own `lo`.
        let lifetime = if self.vip.is_ipv6() {
            " preferred_lft 0"
        } else {
            ""
        };
        self.ip(&format!(
            "addr add {} dev eth0{lifetime}\n",
            one_address(self.vip)
        ));
    }

    pub fn release_vip(&self) {
        self.ip(&format!("addr del {} dev eth0\n", one_address(self.vip)));
    }

    /// Starts the `ipvsd` under test with this configuration.
    pub fn start(&self, conf: &str) -> Daemon<'lab> {
        self.start_as(Program::Ipvsd, conf)
    }

    /// Starts one or the other, where keepalived may stand in for the `ipvsd` under
    /// test.
    pub fn start_as(&self, program: Program, conf: &str) -> Daemon<'lab> {
        let stand_in = self.lab.has_stand_in();
        self.start_program(
            if stand_in {
                Program::Keepalived
            } else {
                program
            },
            conf,
        )
    }

    /// Starts keepalived with this configuration.
    pub fn start_keepalived(&self, conf: &str) -> Daemon<'lab> {
        self.start_program(Program::Keepalived, conf)
    }

    pub fn start_program(&self, program: Program, conf: &str) -> Daemon<'lab> {
        Daemon::start(self.lab, &self.host, program, conf)
    }

    /// The kernel's table as `ipvsadm -Sn` prints it, in the kernel's order.
    pub fn table(&self) -> Vec<String> {
        normalise(&self.sh("ipvsadm -Sn"))
    }

    pub fn sorted_table(&self) -> Vec<String> {
        sorted(self.table())
    }

    /// The table in ipvsadm's words but off /proc, which costs no process and
    /// lacks the services' options.
    pub fn quick_table(&self) -> Vec<String> {
        self.enter(read_proc)
    }

    /// Waits for the table to be exactly these lines, in whatever order; on
    /// time-out prints what differs.
    #[track_caller]
    pub fn expect_table(&self, lines: &[&str], within: Duration) {
        let wanted = sorted(normalise(&lines.join("\n")));
        let mut last = Vec::new();
        let found = poll(within, || {
            last = self.sorted_table();
            (last == wanted).then_some(())
        });
        if found.is_none() {
            panic!(
                "after {within:?} the table of {} is not as expected (- missing, + too much):\n{}",
                self.name(),
                difference(&wanted, &last)
            );
        }
    }

    /// Fails if the table is, at any look during this time, not these lines:
    /// for what must not happen there is nothing to wait for.
    #[track_caller]
    pub fn expect_table_stays(&self, lines: &[&str], during: Duration) {
        let wanted = sorted(normalise(&lines.join("\n")));
        poll(during, || {
            let actual = self.sorted_table();
            assert!(
                actual == wanted,
                "the table of {} did not stay (- missing, + too much):\n{}",
                self.name(),
                difference(&wanted, &actual)
            );
            None::<()>
        });
    }

    /// Starts to look at the table every 20 ms.
    pub fn sample_table(&self) -> Sampler {
        Sampler::start(&self.host, self.lab.started(), read_proc)
    }

    /// Starts to look every 20 ms at the addresses, in the form of
    /// [`addresses`].
    pub fn sample_addresses(&self) -> Sampler {
        Sampler::start(&self.host, self.lab.started(), addresses)
    }

    /// Whether an interface other than `lo` has this address.
    pub fn holds(&self, address: &str) -> bool {
        self.enter(addresses)
            .iter()
            .any(|line| is_of(line, address))
    }

    /// From now on it hears no advert of any kind, while it is heard.
    pub fn deafen(&self) {
        self.filter_adverts("-A");
    }

    pub fn undeafen(&self) {
        self.filter_adverts("-D");
    }

    fn filter_adverts(&self, what: &str) {
        // VRRP, and the authentication header.
        let rules = [("iptables", 112), ("iptables", 51), ("ip6tables", 112)];
        let lines = rules.map(|(program, protocol)| {
            format!("{program}-legacy {what} INPUT -p {protocol} -j DROP")
        });
        self.sh(&lines.join("\n"));
    }

    /// Starts to count the operations on this namespace's table, whoever
    /// sends them.
    pub fn watch_ipvs(&self) -> IpvsWatch {
        IpvsWatch::start(&self.host, self.lab.started())
    }
}
