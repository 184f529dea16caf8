//! Pairs as people publish them (`tests/seeds`) do what is written beside them: who has
//! the address, who gets it when the other goes, who gets it back, what is run.
//!
//! The files are as they were found. The hosts get the interfaces and the addresses
//! that the files speak of, and nginx, whose page names the host that the client has
//! reached.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::director::Director;
use crate::lab::{Lab, millis, poll, secs, wait_until};
use crate::net::run;
use crate::pair::{self, LONG};
use crate::scenario::{Scenario, scenarios};
use crate::web::Web;

pub const ALL: &[Scenario] = scenarios!(seeds:
    the_plain_pair,
    the_pair_of_two_masters,
    the_nginx_pair,
    the_pair_that_does_not_preempt,
    the_pair_with_notify_scripts,
);

fn seed(lab: &Lab, name: &str) -> String {
    fs::read_to_string(lab.source(&format!("tests/seeds/{name}.conf"))).unwrap()
}

/// Two hosts that serve pages themselves, and a client; with another name for the
/// interface and another network where the files have them.
fn hosts<'lab>(lab: &'lab Lab, interface: &str, network: &str) -> (Cluster<'lab>, Vec<Web<'lab>>) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .webs(0)
        .directors(2)
        .vrrp()
        .build(lab);
    if interface != "eth0" {
        for (director, number) in pair::directors(&cluster).iter().zip([135, 136]) {
            director.ip("link del eth0\n");
            director.attach("front", interface, &[&format!("{network}.{number}/24")]);
        }
        let lines = format!("addr add {network}.10/24 dev eth0\n");
        cluster.client.ip(&lines);
    }
    let serve = |(director, number): (&Director, u32)| {
        let address = format!("{network}.{number}").parse().unwrap();
        let web = Web::new(lab, (**director).clone(), address);
        web.start_nginx();
        web
    };
    let numbers = if interface == "eth0" {
        [1, 2]
    } else {
        [135, 136]
    };
    let webs = pair::directors(&cluster)
        .into_iter()
        .zip(numbers)
        .map(serve)
        .collect();
    (cluster, webs)
}

/// Waits until this director alone has the address, as this line of the addresses, and
/// the client gets its page there.
#[track_caller]
fn expect(cluster: &Cluster, line: &str, director: &Director) {
    let address = line.split([' ', '/']).nth(1).unwrap();
    cluster.expect_holder(address, director, LONG);
    let addresses = director.enter(crate::net::addresses);
    assert!(addresses.iter().any(|have| have == line), "{addresses:?}");
    let server: SocketAddr = format!("{address}:80").parse().unwrap();
    wait_until(
        &format!("the page of {} at {address}", director.name()),
        LONG,
        || {
            let answer = cluster.client.get(server);
            answer.is_ok_and(|response| response.body.trim() == director.name())
        },
    );
}

/// lb01 has the address under the label eth0:1, lb02 takes it over, lb01 takes it back.
/// And what the document warns of: a backup that hears no adverts becomes master
/// beside the master.
fn the_plain_pair(lab: &Lab) {
    const LINE: &str = "eth0:1 10.0.0.3/24";
    let (cluster, _webs) = hosts(lab, "eth0", "10.0.0");
    let [lb01, lb02] = pair::directors(&cluster);
    let one = lb01.start(&seed(lab, "plain_lb01"));
    let two = lb02.start(&seed(lab, "plain_lb02"));
    expect(&cluster, LINE, lb01);

    one.sigterm(secs(10));
    expect(&cluster, LINE, lb02);
    let mark = two.log().mark();
    let one = lb01.start(&seed(lab, "plain_lb01"));
    expect(&cluster, LINE, lb01);
    two.wait_for_state_after(mark, "group01", "BACKUP", LONG);

    lab.note("a firewall takes the adverts away");
    let mark = two.log().mark();
    lb02.sh("iptables-legacy -A INPUT -d 224.0.0.18 -j DROP");
    two.wait_for_state_after(mark, "group01", "MASTER", LONG);
    wait_until("both to have the address", LONG, || {
        cluster.holders("10.0.0.3") == ["director1", "director2"]
    });
    lb02.sh("iptables-legacy -F INPUT");
    two.wait_for_state_after(mark, "group01", "BACKUP", LONG);
    expect(&cluster, LINE, lb01);
    one.sigterm(secs(10));
}

/// Each is the other's backup.
fn the_pair_of_two_masters(lab: &Lab) {
    const FIRST: &str = "eth0:1 10.0.0.3/24";
    const SECOND: &str = "eth0:1 10.0.0.4/24";
    let (cluster, _webs) = hosts(lab, "eth0", "10.0.0");
    let [lb01, lb02] = pair::directors(&cluster);
    let one = lb01.start(&seed(lab, "dual_lb01"));
    let two = lb02.start(&seed(lab, "dual_lb02"));
    expect(&cluster, FIRST, lb01);
    expect(&cluster, SECOND, lb02);

    lb01.unplug("eth0");
    expect(&cluster, FIRST, lb02);
    expect(&cluster, SECOND, lb02);
    lb01.plug("eth0");
    expect(&cluster, FIRST, lb01);
    expect(&cluster, SECOND, lb02);

    two.sigterm(secs(10));
    expect(&cluster, FIRST, lb01);
    expect(&cluster, SECOND, lb01);
    one.sigterm(secs(10));
}

/// The master has the address as /32, and the other one has it when the master is gone.
/// That nginx alone is gone is what `track_script` is for.
fn the_nginx_pair(lab: &Lab) {
    const LINE: &str = "ens33 192.168.73.100/32";
    let (cluster, _webs) = hosts(lab, "ens33", "192.168.73");
    let [master, slave] = pair::directors(&cluster);
    let one = master.start(&seed(lab, "nginx_master"));
    let two = slave.start(&seed(lab, "nginx_slave"));
    expect(&cluster, LINE, master);
    one.sigterm(secs(10));
    expect(&cluster, LINE, slave);
    let one = master.start(&seed(lab, "nginx_master"));
    expect(&cluster, LINE, master);
    one.sigterm(secs(10));
    two.sigterm(secs(10));
}

/// The document wants the address to stay where it is. With `state MASTER` as it has it
/// `nopreempt` has no effect, which is said; with BACKUP it does what is wanted.
fn the_pair_that_does_not_preempt(lab: &Lab) {
    const LINE: &str = "ens33 192.168.73.100/32";
    let (cluster, _webs) = hosts(lab, "ens33", "192.168.73");
    let [master, slave] = pair::directors(&cluster);
    let two = slave.start(&seed(lab, "nginx_slave"));
    expect(&cluster, LINE, slave);

    let one = master.start(&seed(lab, "nopreempt_master"));
    one.wait_for_log("nopreempt", secs(5));
    expect(&cluster, LINE, master);
    one.sigterm(secs(10));
    expect(&cluster, LINE, slave);

    let one = master.start(&seed(lab, "nopreempt_master.mended"));
    one.wait_for_state("VI_1", "BACKUP", LONG);
    // For longer than a backup waits for adverts.
    let taken = poll(secs(5), || {
        (cluster.holders("192.168.73.100") != ["director2"]).then_some(())
    });
    assert_eq!(taken, None);
    two.sigterm(secs(10));
    expect(&cluster, LINE, master);
    one.sigterm(secs(10));
}

/// What the scripts are called with, in this order: `stop` as a backup and in a fault,
/// `start` as master.
fn the_pair_with_notify_scripts(lab: &Lab) {
    let (cluster, _webs) = hosts(lab, "ens33", "192.168.119");
    let [director1, director2] = pair::directors(&cluster);
    let calls = scripts(lab);
    // The document has one file. The other node's differs in what has to differ.
    let conf = seed(lab, "haproxy");
    let other = conf
        .replace("state MASTER", "state BACKUP")
        .replace("priority 100", "priority 90");
    let one = director1.start(&conf);
    one.wait_for_state("VI_1", "MASTER", LONG);
    cluster.expect_holder("192.168.119.130", director1, LONG);
    let two = director2.start(&other);
    two.wait_for_state("VI_1", "BACKUP", LONG);
    let expect_calls = |host: &str, wanted: &str| {
        let mut last = String::new();
        let found = poll(LONG, || {
            last = fs::read_to_string(calls.join(host)).unwrap_or_default();
            (last.split_whitespace().eq(wanted.split_whitespace())).then_some(())
        });
        assert!(found.is_some(), "{host}: {last:?}, not {wanted:?}");
    };
    expect_calls("192.168.119.135", "stop start");
    expect_calls("192.168.119.136", "stop");

    director1.unplug("ens33");
    two.wait_for_state("VI_1", "MASTER", LONG);
    expect_calls("192.168.119.135", "stop start stop");
    expect_calls("192.168.119.136", "stop start");
    let mark = one.log().mark();
    director1.plug("ens33");
    one.wait_for_state_after(mark, "VI_1", "MASTER", LONG);
    cluster.expect_holder("192.168.119.130", director1, LONG);
    expect_calls("192.168.119.135", "stop start stop stop start");
    expect_calls("192.168.119.136", "stop start stop");
    one.sigterm(secs(10));
    two.sigterm(secs(10));
    std::thread::sleep(millis(200));
    // There is no `notify_stop`.
    expect_calls("192.168.119.135", "stop start stop stop start");
}

/// Puts the script where the file looks for it and the user whom the file wants to run
/// it into the guest; returns the folder with a file of calls for each host.
fn scripts(lab: &Lab) -> std::path::PathBuf {
    let calls = lab.scratch("calls");
    fs::set_permissions(&calls, fs::Permissions::from_mode(0o777)).unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/etc/keepalived"]));
    let script = "/etc/keepalived/start_haproxy.sh";
    let text = format!(
        "#!/bin/sh\nme=$(ip -4 -o address show dev ens33 | grep -o '[0-9.]*/24')\n\
         echo \"$1\" >>\"{}/${{me%/24}}\"\n",
        calls.display()
    );
    fs::write(script, text).unwrap();
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    for (file, line) in [
        (
            "passwd",
            "keepalived_script:x:4242:4242::/nonexistent:/usr/sbin/nologin\n",
        ),
        ("group", "keepalived_script:x:4242:\n"),
    ] {
        let real = format!("/etc/{file}");
        let changed = lab.scratch("etc").join(file);
        fs::write(&changed, fs::read_to_string(&real).unwrap() + line).unwrap();
        run(Command::new("mount").arg("--bind").arg(&changed).arg(&real));
    }
    calls
}
