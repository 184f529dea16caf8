//! ipvsd and FRR's vrrpd share addresses: version 3 with IPv4 and IPv6 under one
//! identifier, and version 2.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::frr::{Frr, VirtualRouter, virtual_mac};
use crate::lab::{Lab, secs, wait_until};
use crate::pair::{self, LONG};
use crate::vrrp::Instance;
use crate::wire::Wire;

/// The address, its family and the identifier of each.
const ALL: [(&str, Family, u8); 3] = [
    ("10.0.0.80", Family::V4, 51),
    ("fd00::80", Family::V6, 51),
    ("10.0.0.82", Family::V4, 52),
];

/// A common address of both families is one virtual router to FRR, and two instances
/// to ipvsd.
fn virtual_routers(priority: u8) -> [VirtualRouter; 2] {
    [
        VirtualRouter {
            vrid: 51,
            version: 3,
            priority,
            addresses: vec!["10.0.0.80", "fd00::80"],
        },
        VirtualRouter {
            vrid: 52,
            version: 2,
            priority,
            addresses: vec!["10.0.0.82"],
        },
    ]
}

fn conf(priority: u8) -> String {
    let instance = |name, (address, _, vrid): (&'static str, _, _)| Instance {
        name,
        vrid,
        addresses: vec![address],
        ..Instance::new(priority)
    };
    let [v4, v6, old] = ALL;
    instance("VI_4", v4)
        .with("version 3")
        .beside(instance("VI_6", v6).with("version 3"))
        .beside(instance("VI_OLD", old))
        .conf()
}

const NAMES: [&str; 3] = ["VI_4", "VI_6", "VI_OLD"];

/// ipvsd on the first director, FRR on the second.
struct Both<'a> {
    lab: &'a Lab,
    cluster: &'a Cluster<'a>,
    ipvsd: &'a Director<'a>,
    frr: &'a Director<'a>,
}

impl<'a> Both<'a> {
    fn new(lab: &'a Lab, cluster: &'a Cluster<'a>) -> Self {
        let [ipvsd, frr] = pair::directors(cluster);
        for (host, number) in [(ipvsd, 1), (frr, 2)] {
            host.ip(&format!("addr add fd00::{number}/64 dev eth0\n"));
        }
        Frr::prepare(frr, &virtual_routers(1));
        Self {
            lab,
            cluster,
            ipvsd,
            frr,
        }
    }

    fn start_frr(&self, priority: u8) -> Frr {
        Frr::start(self.lab, self.frr, &virtual_routers(priority))
    }

    fn start_ipvsd(&self, priority: u8) -> Daemon<'a> {
        self.ipvsd.start_as(Program::Ipvsd, &conf(priority))
    }

    /// Where each address is when one of them has all.
    fn at_ipvsd(&self) -> Vec<(IpAddr, String)> {
        let mac = self.ipvsd.mac("eth0");
        let all = ALL.iter();
        all.map(|(address, ..)| (address.parse().unwrap(), mac.clone()))
            .collect()
    }

    fn at_frr(&self) -> Vec<(IpAddr, String)> {
        let all = ALL.iter();
        all.map(|(address, family, vrid)| (address.parse().unwrap(), virtual_mac(*vrid, *family)))
            .collect()
    }

    /// ipvsd becomes master of all, by its log after the mark, and the client, which
    /// looked for the addresses at the other one, learns it.
    fn becomes_ipvsd(&self, what: &str, (ipvsd, mark): (&Daemon, usize), act: impl FnOnce()) {
        self.lab.note(what);
        self.cluster.client.teach("eth0", &self.at_frr());
        act();
        for name in NAMES {
            ipvsd.wait_for_state_after(mark, name, "MASTER", LONG);
        }
        wait_until("ipvsd has all addresses", LONG, || {
            ALL.iter().all(|(address, ..)| self.ipvsd.holds(address))
        });
        self.cluster.client.expect_known(&self.at_ipvsd(), LONG);
    }

    /// FRR becomes master of all.
    fn becomes_frr(&self, what: &str, act: impl FnOnce() -> Frr) -> Frr {
        self.lab.note(what);
        self.cluster.client.teach("eth0", &self.at_ipvsd());
        let frr = act();
        for (_, family, vrid) in ALL {
            frr.wait_for_state(vrid, family, "Master", LONG);
        }
        self.cluster.client.expect_known(&self.at_frr(), LONG);
        frr
    }

    /// ipvsd has understood all that it has heard.
    #[track_caller]
    fn assert_nothing_dropped(&self, ipvsd: &Daemon) {
        if !self.lab.has_stand_in() {
            for instance in ipvsd.status_json()["instances"].as_array().unwrap() {
                let dropped = &instance["packets"]["dropped"];
                assert_eq!(*dropped, serde_json::json!({}), "{instance:#}");
            }
        }
    }

    /// Both have spoken in every form, and tshark has understood all.
    #[track_caller]
    fn check(&self, wire: Wire) {
        let traffic = wire.stop();
        for host in ["10.0.0.1", "10.0.0.2", "fe80::"] {
            let heard = traffic.adverts();
            let of = heard
                .iter()
                .filter(|it| it.source.to_string().starts_with(host));
            let forms: BTreeSet<_> = of.map(|it| (it.vrid, it.version)).collect();
            let wanted = [(51, 3), (52, 2)];
            let wanted = if host == "fe80::" {
                &wanted[..1]
            } else {
                &wanted
            };
            assert_eq!(forms.into_iter().collect::<Vec<_>>(), wanted, "{host}");
        }
        traffic.assert_well_formed(self.lab, "cable");
    }

    fn ipvsd_is_backup(&self, ipvsd: &Daemon, mark: usize) {
        for name in NAMES {
            ipvsd.wait_for_state_after(mark, name, "BACKUP", LONG);
        }
        wait_until("ipvsd has none of the addresses", LONG, || {
            !ALL.iter().any(|(address, ..)| self.ipvsd.holds(address))
        });
    }
}

fn frr_is_backup(frr: &Frr) {
    for (_, family, vrid) in ALL {
        frr.wait_for_state(vrid, family, "Backup", LONG);
    }
}

/// FRR is the better one: it takes the addresses when it comes, loses them with its
/// link, gets them back with it, and gives them when it stops.
pub fn frr_takes_over_from_ipvsd(lab: &Lab) {
    let cluster = cluster(lab);
    let both = Both::new(lab, &cluster);
    let wire = Wire::of_cable(lab, both.ipvsd, "eth0");
    let ipvsd = both.start_ipvsd(100);
    for name in NAMES {
        ipvsd.wait_for_state(name, "MASTER", LONG);
    }

    let mark = ipvsd.log().mark();
    let frr = both.becomes_frr("FRR starts", || both.start_frr(200));
    both.ipvsd_is_backup(&ipvsd, mark);

    let news = (&ipvsd, ipvsd.log().mark());
    both.becomes_ipvsd("no frame gets through", news, || {
        both.frr.isolate("eth0");
    });
    // Two masters meet. FRR does not announce itself again, whatever it hears: where
    // the client looks for the addresses it learns when it asks.
    let mark = ipvsd.log().mark();
    both.frr.rejoin("eth0");
    both.ipvsd_is_backup(&ipvsd, mark);
    for (_, family, vrid) in ALL {
        frr.wait_for_state(vrid, family, "Master", LONG);
    }

    let news = (&ipvsd, ipvsd.log().mark());
    both.becomes_ipvsd("FRR stops", news, || frr.stop());
    both.assert_nothing_dropped(&ipvsd);
    both.check(wire);
}

/// ipvsd is the better one.
pub fn ipvsd_takes_over_from_frr(lab: &Lab) {
    let cluster = cluster(lab);
    let both = Both::new(lab, &cluster);
    let wire = Wire::of_cable(lab, both.ipvsd, "eth0");
    let frr = both.becomes_frr("FRR starts", || both.start_frr(100));

    let ipvsd = both.start_ipvsd(150);
    both.becomes_ipvsd("ipvsd starts", (&ipvsd, 0), || {});
    frr_is_backup(&frr);

    let frr = both.becomes_frr("no frame gets through", || {
        both.ipvsd.isolate("eth0");
        frr
    });
    // Two masters meet. FRR falls silent without a word when it hears a better one, so
    // that ipvsd knows of it only if it hears FRR before that.
    both.frr.deafen();
    both.cluster.client.teach("eth0", &both.at_frr());
    both.ipvsd.rejoin("eth0");
    both.cluster.client.expect_known(&both.at_ipvsd(), LONG);
    both.frr.undeafen();
    frr_is_backup(&frr);
    assert!(ALL.iter().all(|(address, ..)| both.ipvsd.holds(address)));
    both.assert_nothing_dropped(&ipvsd);

    both.becomes_frr("ipvsd stops", || {
        ipvsd.sigterm(secs(10));
        frr
    });
    both.check(wire);
}

fn cluster(lab: &Lab) -> Cluster<'_> {
    Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(2)
        .vrrp()
        .build(lab)
}
