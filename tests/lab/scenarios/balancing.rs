//! Every way of balancing that the configuration can say, read back from the kernel with
//! ipvsadm, and changed by reloads.

mod reloads;

use self::reloads::one_option_changed_is_one_operation;
use crate::cluster::{Cluster, Family};
use crate::daemon::Daemon;
use crate::director::Director;
use crate::ipvs_watch::{IpvsWatch, Op};
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};
use crate::table::sorted;

pub const ALL: &[Scenario] = scenarios!(balancing:
    schedulers_and_their_flags,
    persistence_and_one_packet_scheduling,
    tunnels_weights_and_limits,
    one_option_changed_is_one_operation.limit(300),
);

/// A director with ipvsd, and a count of the operations that it sends.
struct Programmed<'a> {
    director: &'a Director<'a>,
    ipvsd: Daemon<'a>,
    watch: IpvsWatch,
}

impl<'a> Programmed<'a> {
    fn start(director: &'a Director<'a>, conf: &str) -> Self {
        let watch = director.watch_ipvs();
        let ipvsd = director.start(conf);
        ipvsd.wait_for_log("Startup complete", secs(60));
        Self {
            director,
            ipvsd,
            watch,
        }
    }

    /// The operations that a reload to this configuration takes.
    #[track_caller]
    fn reload(&self, conf: &str) -> Vec<Op> {
        // Of what went before, all has to have been counted.
        self.wait_for_the_watch();
        let before = self.watch.so_far().ops.len();
        let mark = self.ipvsd.log().mark();
        self.ipvsd.reload(conf);
        self.ipvsd
            .wait_for_log_after(mark, "Reload complete", secs(60));
        self.wait_for_the_watch();
        let ops = self.watch.so_far().ops;
        ops[before..].iter().map(|(_, op)| *op).collect()
    }

    fn wait_for_the_watch(&self) {
        let counters = &self.ipvsd.status_json()["table"]["counters"];
        let sent = counters["sent"].as_u64().unwrap() as usize;
        wait_until("everything sent to be seen", secs(10), || {
            self.watch.so_far().ops.len() >= sent
        });
    }

    /// The table is this, and the same configuration finds nothing to change in it.
    #[track_caller]
    fn expect_settled(&self, conf: &str, lines: &[&str]) {
        self.director.expect_table(lines, secs(10));
        assert_eq!(self.reload(conf), [], "{conf}");
        self.director.expect_table(lines, secs(1));
    }

    /// Real servers with their limits, upper and lower, which `ipvsadm -S` does not print.
    fn limits(&self) -> Vec<String> {
        let text = self.director.sh("ipvsadm -Ln --thresholds");
        let lines = text.lines().map(str::split_whitespace);
        let servers = lines.filter_map(|words| {
            let words: Vec<&str> = words.collect();
            match words.as_slice() {
                ["->", server, upper, lower, _, _] => Some(format!("{server} {upper} {lower}")),
                _ => None,
            }
        });
        sorted(servers.collect())
    }
}

/// A virtual server with these words, and one real server.
fn virtual_server(port: u16, protocol: &str, words: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{\nprotocol {protocol}\nlvs_method DR\n{words}\n\
         real_server 10.0.0.11 {port} {{\nweight 1\n}}\n}}\n"
    )
}

fn schedulers_and_their_flags(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let tcp = |port, words: &str| virtual_server(port, "TCP", words);
    let conf = [
        tcp(1, "lvs_sched rr"),
        tcp(2, "lvs_sched wrr"),
        tcp(3, "lvs_sched lc"),
        tcp(4, "lvs_sched wlc"),
        tcp(5, "lvs_sched lblc"),
        tcp(6, "lvs_sched lblcr"),
        tcp(7, "lvs_sched sh"),
        tcp(8, "lvs_sched dh"),
        tcp(9, "lvs_sched mh"),
        tcp(10, "lvs_sched sed"),
        tcp(11, "lvs_sched nq"),
        tcp(12, "lvs_sched fo"),
        tcp(13, "lvs_sched ovf"),
        tcp(21, "lvs_sched sh\nsh-port"),
        tcp(22, "lvs_sched sh\nsh-fallback"),
        tcp(23, "sh-fallback\nsh-port\nhashed\nlvs_sched sh"),
        tcp(24, "lvs_sched mh\nmh-port"),
        tcp(25, "lvs_sched mh\nmh-fallback"),
        tcp(26, "lvs_sched mh\nmh-fallback\nmh-port"),
        tcp(27, "lvs_sched rr\nflag-1"),
        tcp(28, "lvs_sched rr\nflag-2"),
        tcp(29, "lvs_sched wrr\nflag-3"),
        tcp(30, "lvs_sched wlc\nflag-1\nflag-2\nflag-3"),
        tcp(31, "lvs_sched sh\nflag-1"),
        // Without the scheduler it has no effect.
        tcp(32, "lvs_sched rr\nsh-port\nmh-fallback\nhashed"),
    ]
    .concat();
    let services = [
        (1, "rr"),
        (2, "wrr"),
        (3, "lc"),
        (4, "wlc"),
        (5, "lblc"),
        (6, "lblcr"),
        (7, "sh"),
        (8, "dh"),
        (9, "mh"),
        (10, "sed"),
        (11, "nq"),
        (12, "fo"),
        (13, "ovf"),
        (21, "sh -b sh-port"),
        (22, "sh -b sh-fallback"),
        (23, "sh -b sh-fallback,sh-port"),
        (24, "mh -b mh-port"),
        (25, "mh -b mh-fallback"),
        (26, "mh -b mh-fallback,mh-port"),
        (27, "rr -b flag-1"),
        (28, "rr -b flag-2"),
        (29, "wrr -b flag-3"),
        (30, "wlc -b flag-1,flag-2,flag-3"),
        (31, "sh -b sh-fallback"),
        (32, "rr"),
    ];
    let lines: Vec<String> = services
        .iter()
        .flat_map(|(port, scheduler)| {
            [
                format!("-A -t 10.0.0.80:{port} -s {scheduler}"),
                format!("-a -t 10.0.0.80:{port} -r 10.0.0.11:{port} -g -w 1"),
            ]
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let programmed = Programmed::start(cluster.director(), &conf);
    programmed.expect_settled(&conf, &lines);

    // The guest's kernel is built without the fourteenth: the one virtual server is
    // told of, and all others stand.
    let mark = programmed.ipvsd.log().mark();
    programmed
        .ipvsd
        .reload(&(conf.clone() + &tcp(14, "lvs_sched twos")));
    programmed
        .ipvsd
        .wait_for_log_after(mark, "no scheduler twos in this kernel", secs(20));
    programmed.director.expect_table(&lines, secs(10));
}

fn persistence_and_one_packet_scheduling(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let v6 = |port, words: &str| {
        format!(
            "virtual_server fd00::80 {port} {{\nprotocol TCP\nlvs_method DR\nlvs_sched rr\n\
             {words}\nreal_server fd00::11 {port} {{\n}}\n}}\n"
        )
    };
    let conf = [
        virtual_server(1, "TCP", "lvs_sched rr\npersistence_timeout 50"),
        virtual_server(
            2,
            "TCP",
            "lvs_sched rr\npersistence_timeout 2678400\npersistence_granularity 255.255.240.0",
        ),
        virtual_server(
            3,
            "SCTP",
            "lvs_sched rr\npersistence_granularity 255.0.255.0",
        ),
        virtual_server(4, "UDP", "lvs_sched rr\npersistence_granularity 0.0.0.0"),
        virtual_server(
            5060,
            "UDP",
            "lvs_sched rr\npersistence_timeout 60\npersistence_engine sip",
        ),
        virtual_server(
            5061,
            "UDP",
            "lvs_sched wrr\nops\npersistence_timeout 60\npersistence_engine sip\n\
             persistence_granularity 255.255.255.0",
        ),
        virtual_server(53, "UDP", "lvs_sched rr\nops"),
        // Without a port, without UDP, without persistence.
        virtual_server(0, "UDP", "lvs_sched rr"),
        virtual_server(5, "TCP", "lvs_sched rr\nops"),
        virtual_server(6, "UDP", "lvs_sched rr\npersistence_engine sip"),
        v6(1, ""),
        v6(2, "persistence_timeout 50"),
        v6(3, "persistence_timeout 50\npersistence_granularity 1"),
        v6(4, "persistence_granularity 64"),
        v6(0, "persistence_granularity 128"),
    ]
    .concat();
    let lines = [
        "-A -t 10.0.0.80:1 -s rr -p 50",
        "-a -t 10.0.0.80:1 -r 10.0.0.11:1 -g -w 1",
        "-A -t 10.0.0.80:2 -s rr -p 2678400 -M 255.255.240.0",
        "-a -t 10.0.0.80:2 -r 10.0.0.11:2 -g -w 1",
        "-A --sctp-service 10.0.0.80:3 -s rr -p 360 -M 255.0.255.0",
        "-a --sctp-service 10.0.0.80:3 -r 10.0.0.11:3 -g -w 1",
        "-A -u 10.0.0.80:4 -s rr -p 360 -M 0.0.0.0",
        "-a -u 10.0.0.80:4 -r 10.0.0.11:4 -g -w 1",
        "-A -u 10.0.0.80:5060 -s rr -p 60 --pe sip",
        "-a -u 10.0.0.80:5060 -r 10.0.0.11:5060 -g -w 1",
        "-A -u 10.0.0.80:5061 -s wrr -p 60 -M 255.255.255.0 --pe sip -o",
        "-a -u 10.0.0.80:5061 -r 10.0.0.11:5061 -g -w 1",
        "-A -u 10.0.0.80:53 -s rr -o",
        "-a -u 10.0.0.80:53 -r 10.0.0.11:53 -g -w 1",
        "-A -u 10.0.0.80:0 -s rr -p 360",
        "-a -u 10.0.0.80:0 -r 10.0.0.11:0 -g -w 1",
        "-A -t 10.0.0.80:5 -s rr",
        "-a -t 10.0.0.80:5 -r 10.0.0.11:5 -g -w 1",
        "-A -u 10.0.0.80:6 -s rr",
        "-a -u 10.0.0.80:6 -r 10.0.0.11:6 -g -w 1",
        "-A -t [fd00::80]:1 -s rr",
        "-a -t [fd00::80]:1 -r [fd00::11]:1 -g -w 1",
        "-A -t [fd00::80]:2 -s rr -p 50",
        "-a -t [fd00::80]:2 -r [fd00::11]:2 -g -w 1",
        "-A -t [fd00::80]:3 -s rr -p 50 -M 1",
        "-a -t [fd00::80]:3 -r [fd00::11]:3 -g -w 1",
        "-A -t [fd00::80]:4 -s rr -p 360 -M 64",
        "-a -t [fd00::80]:4 -r [fd00::11]:4 -g -w 1",
        "-A -t [fd00::80]:0 -s rr -p 360",
        "-a -t [fd00::80]:0 -r [fd00::11]:0 -g -w 1",
    ];
    Programmed::start(cluster.director(), &conf).expect_settled(&conf, &lines);
}

fn tunnels_weights_and_limits(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let conf = "
virtual_server 10.0.0.80 80 {
    protocol TCP
    lvs_sched wlc
    lvs_method TUN type gue port 6080 csum
    sorry_server 10.0.0.99 80
    sorry_server_lvs_method TUN type gre csum
    real_server 10.0.0.11 80 {
        weight 65535
    }
    real_server 10.0.0.12 80 {
        weight 0
        lvs_method TUN
    }
    real_server 10.0.0.13 80 {
        lvs_method TUN type gue port 6081
    }
    real_server 10.0.0.14 80 {
        lvs_method TUN type gue remcsum port 6082
        uthreshold 1000
    }
    real_server 10.0.0.15 80 {
        lvs_method TUN type gre
        uthreshold 4294967295
        lthreshold 7
    }
    real_server 10.0.0.16 80 {
        lvs_method TUN type gre csum
        uthreshold 9
        lthreshold 9
    }
    real_server 10.0.0.17 8080 {
        lvs_method NAT
        # Without an upper one it says nothing.
        lthreshold 9
    }
    real_server 10.0.0.18 80 {
        lvs_method DR
    }
    real_server fd00::11 80 {
    }
    real_server fd00::12 80 {
        lvs_method TUN type ipip
    }
}
virtual_server fd00::80 80 {
    protocol TCP
    lvs_sched rr
    real_server 10.0.0.11 80 {
        lvs_method TUN type gre csum
    }
    real_server fd00::11 80 {
        lvs_method DR
    }
}
virtual_server 10.0.0.81 80 {
    protocol TCP
    lvs_sched rr
    lvs_method DR
    quorum 2
    sorry_server 10.0.0.99 80
    sorry_server_lvs_method TUN type gue port 6083 remcsum
    alpha
    real_server 10.0.0.11 80 {
        uthreshold 5
        inhibit_on_failure
        TCP_CHECK {
        }
    }
}
";
    let lines = [
        "-A -t 10.0.0.80:80 -s wlc",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -i -w 65535 --tun-type gue --tun-port 6080 --tun-csum",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -i -w 0 --tun-type ipip",
        "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-nocsum",
        "-a -t 10.0.0.80:80 -r 10.0.0.14:80 -i -w 1 --tun-type gue --tun-port 6082 --tun-remcsum",
        "-a -t 10.0.0.80:80 -r 10.0.0.15:80 -i -w 1 --tun-type gre --tun-nocsum",
        "-a -t 10.0.0.80:80 -r 10.0.0.16:80 -i -w 1 --tun-type gre --tun-csum",
        "-a -t 10.0.0.80:80 -r 10.0.0.17:8080 -m -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.18:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r [fd00::11]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
        "-a -t 10.0.0.80:80 -r [fd00::12]:80 -i -w 1 --tun-type ipip",
        "-A -t [fd00::80]:80 -s rr",
        "-a -t [fd00::80]:80 -r 10.0.0.11:80 -i -w 1 --tun-type gre --tun-csum",
        "-a -t [fd00::80]:80 -r [fd00::11]:80 -g -w 1",
        "-A -t 10.0.0.81:80 -s rr",
        "-a -t 10.0.0.81:80 -r 10.0.0.11:80 -g -w 0",
        "-a -t 10.0.0.81:80 -r 10.0.0.99:80 -i -w 1 --tun-type gue --tun-port 6083 --tun-remcsum",
    ];
    let programmed = Programmed::start(cluster.director(), conf);
    programmed.expect_settled(conf, &lines);
    assert_eq!(
        programmed.limits(),
        [
            "10.0.0.11:80 0 0",
            "10.0.0.11:80 0 0",
            // A server that is down keeps its limits.
            "10.0.0.11:80 5 0",
            "10.0.0.12:80 0 0",
            "10.0.0.13:80 0 0",
            "10.0.0.14:80 1000 0",
            "10.0.0.15:80 4294967295 7",
            "10.0.0.16:80 9 9",
            "10.0.0.17:8080 0 0",
            "10.0.0.18:80 0 0",
            "10.0.0.99:80 0 0",
            "[fd00::11]:80 0 0",
            "[fd00::11]:80 0 0",
            "[fd00::12]:80 0 0",
        ]
    );
}
