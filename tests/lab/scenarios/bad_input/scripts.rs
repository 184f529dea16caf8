//! Scripts that hang, fail, or are none.

use std::fs;

use super::{checks, memory};
use crate::cluster::{Cluster, Family};
use crate::daemon::{Process, children_of};
use crate::lab::{Lab, millis, secs, wait_until};

/// Processes whose command line has this word, whoever their parent is.
fn processes_with(word: &str) -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let parents: std::collections::BTreeSet<i32> = pids
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after_name = &stat[stat.rfind(')')? + 1..];
            after_name.split_whitespace().nth(1)?.parse().ok()
        })
        .collect();
    parents
        .into_iter()
        .flat_map(children_of)
        .filter(|process| process.command_line.contains(word))
        .collect()
}

const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
const FIRST: &str = "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1";
const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";

/// The script of web1 hangs, and so does what it has started, which minds no polite
/// signal. After `misc_timeout` nothing of it is left.
pub fn scripts_that_hang_are_killed_with_all_they_started(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let hang = lab.scratch("state").join("hang");
    let marker = "4242";
    let script = lab.script(
        "hangs",
        &format!(
            "#!/bin/sh
[ -e {} ] || exit 0
sh -c 'trap \"\" TERM HUP INT; sleep {marker}; sleep {marker}' &
trap '' TERM
sleep {marker}
sleep {marker}
",
            hang.display()
        ),
    );
    let conf = format!(
        "global_defs {{
            script_user root
        }}
        virtual_server 10.0.0.80 80 {{
            delay_loop 0.5
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server 10.0.0.11 80 {{
                MISC_CHECK {{
                    misc_path {}
                    misc_timeout 1
                }}
            }}
            real_server 10.0.0.12 80 {{
                MISC_CHECK {{
                    misc_path /bin/true
                    misc_timeout 10
                }}
            }}
        }}\n",
        script.display()
    );
    let named = format!(
        "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [{}]",
        script.display()
    );
    let director = cluster.director();
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log(&format!("{named} succeeded."), secs(20));
    director.expect_table(&[SERVICE, FIRST, SECOND], secs(1));

    for round in 0..2 {
        lab.note(format!("round {round}"));
        let mark = ipvsd.log().mark();
        fs::write(&hang, "").unwrap();
        wait_until("the script to hang", secs(10), || {
            processes_with(marker).len() >= 3
        });
        let failed = format!("{named} timed out: script killed after 1 s");
        ipvsd.wait_for_log_after(mark, &failed, secs(20));
        director.expect_table(&[SERVICE, SECOND], secs(20));
        let status = ipvsd.status_json();
        assert_eq!(checks(&status)[0]["outcome"], "script-timeout");
        assert_eq!(checks(&status)[0]["reason"], "script killed after 1 s");

        // It is tried again and again, and what hangs is never more than one try:
        // the script, what it has started, and a sleep of each.
        let runs = || {
            let status = ipvsd.status_json();
            checks(&status)[0]["runs"]["runs"].as_u64().unwrap_or(0)
        };
        let goal = runs() + 3;
        wait_until("three more tries", secs(30), || {
            let hanging = processes_with(marker);
            assert!(hanging.len() <= 3, "{hanging:#?}");
            runs() >= goal
        });

        fs::remove_file(&hang).unwrap();
        director.expect_table(&[SERVICE, FIRST, SECOND], secs(20));
        wait_until("the end of all that hung", secs(2), || {
            processes_with(marker).is_empty()
        });
    }

    // The end does not wait for a script, and leaves none of it.
    fs::write(&hang, "").unwrap();
    wait_until("the script to hang", secs(10), || {
        processes_with(marker).len() >= 3
    });
    let stopped = ipvsd.sigterm(secs(10));
    assert!(
        stopped.status.success() && stopped.took < secs(1),
        "{stopped:?}"
    );
    director.expect_table(&[], secs(1));
    wait_until("the end of all that hung", secs(2), || {
        processes_with(marker).is_empty()
    });
}

/// Every way to fail has its name; to print a lot is none. Core, which runs them, has
/// time for us meanwhile.
pub fn scripts_fail_by_name(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let script = |name: &str, text: &str| lab.script(name, text).display().to_string();
    let not_executable = script("not-executable", "#!/bin/sh\n");
    std::process::Command::new("chmod")
        .args(["a-x", &not_executable])
        .status()
        .unwrap();
    // The command, and what is said of it; none where it is good.
    let cases: [(String, Option<(&str, &str)>); 8] = [
        (
            script("says-three", "#!/bin/sh\nexit 3\n"),
            Some(("script-failed", "script ended with status 3")),
        ),
        (
            script("kills-itself", "#!/bin/sh\nkill -KILL $$\n"),
            Some(("script-signalled", "script ended by SIGKILL")),
        ),
        (
            "/nonexistent/script".to_owned(),
            Some(("script-not-run", "script not run: ")),
        ),
        (not_executable, Some(("script-not-run", "script not run: "))),
        (
            "/usr/bin".to_owned(),
            Some(("script-not-run", "script not run: ")),
        ),
        (
            script(
                "prints",
                "#!/bin/sh\nhead -c 5000000 /dev/zero\nhead -c 5000000 /dev/urandom >&2\n",
            ),
            None,
        ),
        (
            script("prints-for-ever", "#!/bin/sh\nexec yes\n"),
            Some(("script-timeout", "script killed after 6 s")),
        ),
        (
            // What it leaves running is none of ours, and does not hold it up.
            script("leaves-one", "#!/bin/sh\nsleep 5353 &\n"),
            None,
        ),
    ];
    let mut conf = String::from(
        "global_defs {\n script_user root\n }\nvirtual_server 10.0.0.80 80 {\n delay_loop 1\n \
         lb_algo rr\n lb_kind DR\n protocol TCP\n",
    );
    for (n, (command, _)) in cases.iter().enumerate() {
        conf += &format!(
            "real_server 10.0.0.{} 80 {{\n MISC_CHECK {{\n misc_path \"{command}\"\n misc_timeout 6\n }}\n }}\n",
            11 + n
        );
    }
    conf += "}\n";
    let director = cluster.director();
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log("Startup complete", secs(20));
    wait_until("every check to have run", secs(40), || {
        checks(&ipvsd.status_json())
            .iter()
            .all(|check| check["checked"] == true)
    });
    let status = ipvsd.status_json();
    for ((command, said), check) in cases.iter().zip(checks(&status)) {
        match said {
            None => assert_eq!(check["up"], true, "{command}: {check:#}"),
            Some((outcome, reason)) => {
                assert_eq!(check["outcome"], *outcome, "{command}: {check:#}");
                let told = check["reason"].as_str().unwrap();
                assert!(told.starts_with(reason), "{command}: {check:#}");
                ipvsd.wait_for_log(told, secs(1));
            }
        }
    }
    let table = [
        SERVICE,
        "-a -t 10.0.0.80:80 -r 10.0.0.16:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.18:80 -g -w 1",
    ];
    director.expect_table(&table, secs(5));
    director.expect_table_stays(&table, millis(1500));
    let checker = &ipvsd.status_json()["children"][0];
    assert_eq!(checker["answers"], true, "{checker:#}");
    let core = memory(ipvsd.pid(), "VmHWM");
    assert!(core < 64 << 10, "core has grown to {core} kB");
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
