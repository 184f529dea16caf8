//! One option after the other is changed by a reload.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::Programmed;
use crate::cluster::{Cluster, Family};
use crate::ipvs_watch::Op;
use crate::lab::{Lab, secs};

/// A connection through the director that stays open.
struct Kept(TcpStream);

impl Kept {
    /// To the first web server, which sends back what comes.
    fn open(cluster: &Cluster) -> Self {
        let listener = cluster.web[0].enter(|| TcpListener::bind("0.0.0.0:80").unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = stream.try_clone().unwrap();
            std::io::copy(&mut from, &mut stream)
        });
        let server = cluster.vip(80);
        let stream = cluster.client.enter(|| {
            let stream = TcpStream::connect_timeout(&server, secs(5)).unwrap();
            stream.set_read_timeout(Some(secs(10))).unwrap();
            stream
        });
        Self(stream)
    }

    #[track_caller]
    fn assert_open(&mut self) {
        self.0.write_all(b"still there?").unwrap();
        let mut answer = [0; 12];
        self.0.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"still there?");
    }
}

pub fn one_option_changed_is_one_operation(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    const SERVICE: &[Op] = &[Op::SetService];
    const SERVER: &[Op] = &[Op::SetDest];
    // What is written of the virtual server and of its real server, what that makes of
    // the table, and how it gets there from the line before.
    let ipip = "--tun-type ipip";
    let steps: &[(&str, &str, &str, &str, &[Op])] = &[
        ("lvs_sched wrr", "", "-s wrr", "-g -w 1", SERVICE),
        ("lvs_sched sh", "", "-s sh", "-g -w 1", SERVICE),
        (
            "lvs_sched sh\nsh-port",
            "",
            "-s sh -b sh-port",
            "-g -w 1",
            SERVICE,
        ),
        (
            "lvs_sched sh\nsh-fallback",
            "",
            "-s sh -b sh-fallback",
            "-g -w 1",
            SERVICE,
        ),
        // The kernel has this flag by itself.
        (
            "lvs_sched sh\nsh-fallback\nhashed",
            "",
            "-s sh -b sh-fallback",
            "-g -w 1",
            &[],
        ),
        (
            "lvs_sched mh\nmh-port",
            "",
            "-s mh -b mh-port",
            "-g -w 1",
            SERVICE,
        ),
        (
            "lvs_sched mh\nmh-fallback",
            "",
            "-s mh -b mh-fallback",
            "-g -w 1",
            SERVICE,
        ),
        ("lvs_sched mh", "", "-s mh", "-g -w 1", SERVICE),
        (
            "lvs_sched rr\nflag-3",
            "",
            "-s rr -b flag-3",
            "-g -w 1",
            SERVICE,
        ),
        ("lvs_sched rr", "", "-s rr", "-g -w 1", SERVICE),
        (
            "lvs_sched rr\npersistence_timeout 60",
            "",
            "-s rr -p 60",
            "-g -w 1",
            SERVICE,
        ),
        (
            "lvs_sched rr\npersistence_timeout 61",
            "",
            "-s rr -p 61",
            "-g -w 1",
            SERVICE,
        ),
        (
            "lvs_sched rr\npersistence_timeout 61\npersistence_granularity 255.255.0.0",
            "",
            "-s rr -p 61 -M 255.255.0.0",
            "-g -w 1",
            SERVICE,
        ),
        // Without an effect on TCP, yet the kernel knows it.
        (
            "lvs_sched rr\npersistence_timeout 61\npersistence_engine sip",
            "",
            "-s rr -p 61 --pe sip",
            "-g -w 1",
            SERVICE,
        ),
        (
            "lvs_sched rr\npersistence_timeout 61",
            "",
            "-s rr -p 61",
            "-g -w 1",
            SERVICE,
        ),
        ("lvs_sched rr", "", "-s rr", "-g -w 1", SERVICE),
        (
            "lvs_sched rr",
            "weight 65535",
            "-s rr",
            "-g -w 65535",
            SERVER,
        ),
        ("lvs_sched rr", "weight 0", "-s rr", "-g -w 0", SERVER),
        (
            "lvs_sched rr",
            "lvs_method TUN",
            "-s rr",
            &format!("-i -w 1 {ipip}"),
            SERVER,
        ),
        (
            "lvs_sched rr",
            "lvs_method TUN type gue port 6080",
            "-s rr",
            "-i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
            SERVER,
        ),
        (
            "lvs_sched rr",
            "lvs_method TUN type gue port 6081",
            "-s rr",
            "-i -w 1 --tun-type gue --tun-port 6081 --tun-nocsum",
            SERVER,
        ),
        (
            "lvs_sched rr",
            "lvs_method TUN type gue port 6081 remcsum",
            "-s rr",
            "-i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum",
            SERVER,
        ),
        (
            "lvs_sched rr\nlvs_method TUN type gre csum",
            "",
            "-s rr",
            "-i -w 1 --tun-type gre --tun-csum",
            SERVER,
        ),
        (
            "lvs_sched rr\nlvs_method TUN type gre",
            "",
            "-s rr",
            "-i -w 1 --tun-type gre --tun-nocsum",
            SERVER,
        ),
        ("lvs_sched rr", "lvs_method NAT", "-s rr", "-m -w 1", SERVER),
        ("lvs_sched rr", "", "-s rr", "-g -w 1", SERVER),
        // Several at once are one operation for the virtual server and one for each server.
        (
            "lvs_sched sh\nsh-port\npersistence_timeout 9",
            "weight 7\nuthreshold 3",
            "-s sh -p 9 -b sh-port",
            "-g -w 7",
            &[Op::SetService, Op::SetDest],
        ),
    ];
    let conf = |words: &str, of_server: &str| {
        format!(
            "virtual_server 10.0.0.80 80 {{\nprotocol TCP\nlvs_method DR\n{words}\n\
             real_server 10.0.0.11 80 {{\n{of_server}\n}}\n}}\n\
             virtual_server 10.0.0.80 53 {{\nprotocol UDP\nlvs_method DR\nlvs_sched rr\n\
             real_server 10.0.0.11 53 {{\n}}\n}}\n"
        )
    };
    let udp = |ops: &str| {
        [
            format!("-A -u 10.0.0.80:53 -s rr{ops}"),
            "-a -u 10.0.0.80:53 -r 10.0.0.11:53 -g -w 1".to_owned(),
        ]
    };
    let programmed = Programmed::start(cluster.director(), &conf("lvs_sched rr", ""));
    let expect = |service: &str, server: &str, ops: &str| {
        let [one, two] = udp(ops);
        let service = format!("-A -t 10.0.0.80:80 {service}");
        let server = format!("-a -t 10.0.0.80:80 -r 10.0.0.11:80 {server}");
        cluster
            .director()
            .expect_table(&[&service, &server, &one, &two], secs(10));
    };
    expect("-s rr", "-g -w 1", "");
    let mut kept = Kept::open(&cluster);
    kept.assert_open();
    for (words, of_server, service, server, ops) in steps {
        lab.note(format!("{words}, {of_server}"));
        let conf = conf(words, of_server);
        assert_eq!(programmed.reload(&conf), *ops, "{conf}");
        expect(service, server, "");
        kept.assert_open();
    }

    // Limits, of which one is below what the server has already.
    for (of_server, limits) in [
        ("weight 7\nuthreshold 1", "10.0.0.11:80 1 0"),
        ("weight 7\nuthreshold 5", "10.0.0.11:80 5 0"),
        ("weight 7\nuthreshold 5\nlthreshold 2", "10.0.0.11:80 5 2"),
        ("weight 7", "10.0.0.11:80 0 0"),
    ] {
        let words = "lvs_sched sh\nsh-port\npersistence_timeout 9";
        let conf = conf(words, of_server);
        assert_eq!(programmed.reload(&conf), SERVER, "{conf}");
        assert_eq!(programmed.limits()[1], limits);
        kept.assert_open();
        assert_eq!(programmed.reload(&conf), [], "{conf}");
    }
    let last = conf("lvs_sched rr", "");
    programmed.reload(&last);
    let ops = last.replace("protocol UDP", "protocol UDP\nops");
    assert_eq!(programmed.reload(&ops), SERVICE);
    expect("-s rr", "-g -w 1", " -o");
    assert_eq!(programmed.reload(&last), SERVICE);
    expect("-s rr", "-g -w 1", "");
    kept.assert_open();
}
