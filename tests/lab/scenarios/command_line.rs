//! keepalived's options, as unit files and admins use them.

use std::process::Command;

use crate::cluster::{Cluster, Family};
use crate::director::Director;
use crate::lab::{Lab, secs, wait_until};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(command_line:
    without_n_it_goes_into_the_background,
    the_configuration_is_dumped_as_it_was_understood,
);

const CONF: &str = "virtual_server 10.0.0.80 80 {\n delay_loop 1\n lb_algo rr\n lb_kind DR\n protocol TCP\n \
     real_server 10.0.0.11 80 {\n TCP_CHECK {\n connect_timeout 1\n }\n }\n}\n";
const TABLE: [&str; 2] = [
    "-A -t 10.0.0.80:80 -s rr",
    "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
];

fn ipvsd(lab: &Lab, director: &Director, arguments: &[&str]) -> Command {
    let mut command = director.command(lab.ipvsd());
    command.args(arguments).current_dir(lab.scratch("cwd"));
    command
}

/// When the command has returned, the table is as the file says; what it leaves is
/// one process with its pid in the file, whose death by SIGTERM takes everything out.
fn without_n_it_goes_into_the_background(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let folder = lab.scratch("cwd");
    std::fs::write(folder.join("my.conf"), CONF).unwrap();

    // Paths are relative to where the command was given.
    let arguments = [
        "-D",
        "-f",
        "my.conf",
        "-p",
        "my.pid",
        "-c",
        "checkers.pid",
        "run",
    ];
    let output = ipvsd(lab, director, &arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    director.expect_table(&TABLE, secs(0));
    let pid = |name: &str| -> i32 {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.trim().parse().unwrap()
    };
    let core = pid("my.pid");
    let children = crate::daemon::children_of(core);
    assert_eq!(children.len(), 1, "{children:#?}");
    assert_eq!(children[0].pid, pid("checkers.pid"));

    // A second one is told about the first, and changes nothing.
    let output = ipvsd(
        lab,
        director,
        &["-n", "-l", "-f", "my.conf", "-p", "other.pid"],
    )
    .output()
    .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("another ipvsd (pid {core}) runs")),
        "{text}"
    );
    director.expect_table(&TABLE, secs(0));

    director.sh(&format!("kill -TERM {core}"));
    wait_until("the end of core", secs(10), || {
        !folder.join("my.pid").exists()
    });
    director.expect_table(&[], secs(1));
    assert!(!folder.join("checkers.pid").exists());

    // One that cannot start says so, and the command with it.
    std::fs::write(folder.join("my.conf"), "virtual_server {\n").unwrap();
    let output = ipvsd(lab, director, &["-f", "my.conf"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("my.conf"),
        "{output:?}"
    );
}

fn the_configuration_is_dumped_as_it_was_understood(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web[0].start_nginx();
    let director = cluster.director();
    let folder = lab.scratch("cwd");
    std::fs::write(folder.join("my.conf"), CONF).unwrap();
    let mut child = ipvsd(lab, director, &["-n", "-l", "-d", "-f", "my.conf"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    director.expect_table(&TABLE, secs(20));
    director.sh(&format!("kill -INT {}", child.id()));
    let mut log = String::new();
    std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut log).unwrap();
    assert!(child.wait().unwrap().success());
    // What the file does not say, it says: keepalived.conf(5) has these defaults.
    for line in [
        "virtual_server 10.0.0.80 80 {",
        "    quorum 1",
        "    real_server 10.0.0.11 80 {",
        "        weight 1",
        "        lvs_method DR",
        "            connect_ip 10.0.0.11",
        "            connect_timeout 1",
        "            delay_loop 1",
        "            retry 1",
    ] {
        assert!(
            log.lines().any(|logged| {
                // Behind what the file does not say stands where it comes from.
                let said = logged.split("  # ").next().unwrap_or_default();
                said.ends_with(&format!(": {line}"))
            }),
            "{line} in {log}"
        );
    }
}
