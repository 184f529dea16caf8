//! `ipvsd plan` says what the next reload then does.

use std::process::Output;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::Daemon;
use crate::ipvs_watch::IpvsWatch;
use crate::lab::{Lab, secs, wait_until};
use crate::net::Namespace;
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(plan:
    it_names_what_a_reload_sends,
    without_a_director_it_is_about_a_start,
);

/// `ipvsd plan` with these words.
fn plan(lab: &Lab, host: &Namespace, words: &[&str]) -> Output {
    let mut command = host.command(lab.ipvsd());
    command.arg("plan").args(words).output().unwrap()
}

/// What it would do to the kernel's table, in the form in which the watch has it, and
/// what to the configuration.
fn planned(lab: &Lab, host: &Namespace, words: &[&str]) -> (Vec<String>, Vec<String>) {
    let output = plan(lab, host, &[words, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr))
    });
    let list = |part: &str, words: &[&str]| -> Vec<String> {
        let all = json[part].as_array().unwrap().iter();
        let line = |entry: &serde_json::Value| {
            let words = words.iter().filter_map(|word| entry[word].as_str());
            words.collect::<Vec<_>>().join(" ")
        };
        all.map(line).collect()
    };
    let kernel = list("kernel", &["operation", "virtual_server", "real_server"]);
    let configuration = list("configuration", &["change", "what", "name"]);
    let is_empty = kernel.is_empty() && configuration.is_empty();
    assert_eq!(json["changes"].as_bool(), Some(!is_empty));
    assert_eq!(output.status.code(), Some(if is_empty { 0 } else { 3 }));
    (kernel, configuration)
}

/// Reloads, and returns what was sent to the kernel for it.
fn reload(ipvsd: &Daemon<'_>, watch: &IpvsWatch, conf: &str) -> Vec<String> {
    let before = watch.so_far().subjects.len();
    let mark = ipvsd.log().mark();
    ipvsd.reload(conf);
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(60));
    // What is repaired is found after that.
    wait_until("the table to be as wanted", secs(20), || {
        ipvsd.status_json()["table"]["settled"].as_bool() == Some(true)
    });
    let sent = || {
        let status = ipvsd.status_json();
        status["table"]["counters"]["sent"].as_u64().unwrap() as usize
    };
    let sent = sent();
    wait_until("everything sent to be seen", secs(10), || {
        watch.so_far().subjects.len() >= sent
    });
    watch.so_far().subjects[before..].to_vec()
}

fn service(port: u16, scheduler: &str, servers: &[(u8, u16)]) -> String {
    let servers = servers.iter().map(|(number, weight)| {
        format!(
            " real_server 10.0.0.{number} {port} {{\n weight {weight}\n TCP_CHECK {{\n \
             connect_timeout 1\n retry 0\n }}\n }}\n"
        )
    });
    format!(
        "virtual_server 10.0.0.80 {port} {{\n delay_loop 1\n lb_algo {scheduler}\n lb_kind DR\n \
         protocol TCP\n{}}}\n",
        servers.collect::<String>()
    )
}

fn it_names_what_a_reload_sends(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4).webs(3).build(lab);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    // Made by someone else, and to be adopted.
    director.sh("ipvsadm -A -t 10.0.0.80:8080 -s lc");
    director.sh("ipvsadm -a -t 10.0.0.80:8080 -r 10.0.0.13:8080 -g -w 9");
    let watch = director.watch_ipvs();
    let web = |servers: &[(u8, u16)]| service(80, "wrr", servers);
    let first = web(&[(11, 1), (12, 2)]);
    let ipvsd = director.start(&first);
    ipvsd.wait_for_log("Startup complete", secs(30));
    const DEAD: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 2";
    cluster.web[1].kill();
    wait_until("the dead server to be out", secs(20), || {
        !director.quick_table().iter().any(|line| line == DEAD)
    });

    // What the director runs is what it would reload.
    assert_eq!(planned(lab, director, &[]), (vec![], vec![]));
    let adopted = service(8080, "wlc", &[(13, 9)])
        .replace("TCP_CHECK {\n connect_timeout 1\n retry 0\n }\n", "");
    let steps = [
        // Nothing but an order.
        web(&[(12, 2), (11, 1)]),
        web(&[(11, 3), (12, 2)]),
        // A dead server stays out.
        web(&[(11, 3), (12, 7)]),
        web(&[(11, 3), (12, 7), (13, 1)]),
        service(80, "sh", &[(11, 3), (12, 7), (13, 1)]),
        service(80, "sh", &[(11, 3), (12, 7)]) + &adopted,
        service(443, "rr", &[]).replace("}\n", " real_server 10.0.0.11 443 {\n }\n}\n"),
    ];
    for (number, conf) in steps.iter().enumerate() {
        let file = lab.scratch("plans").join(format!("{number}.conf"));
        std::fs::write(&file, conf).unwrap();
        let (kernel, configuration) = planned(lab, director, &[file.to_str().unwrap()]);
        assert_eq!(
            number == 0,
            kernel.is_empty() && configuration.is_empty(),
            "{conf}"
        );
        let sent = reload(&ipvsd, &watch, conf);
        // Virtual servers go last, in whatever order.
        let in_order = |mut ops: Vec<String>| {
            ops.sort_by_key(|op| op.starts_with("del-service").then(|| op.clone()));
            ops
        };
        assert_eq!(in_order(kernel), in_order(sent), "{number}: {conf}");
        assert_eq!(planned(lab, director, &[]), (vec![], vec![]), "{conf}");
    }

    // Drift shows as what is repaired.
    let last = service(80, "wrr", &[(11, 3), (13, 1)]);
    reload(&ipvsd, &watch, &last);
    director.sh("ipvsadm -e -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 0");
    let (kernel, configuration) = planned(lab, director, &[]);
    assert_eq!(kernel, ["set-dest TCP 10.0.0.80:80 10.0.0.11:80"]);
    assert_eq!(configuration, [""; 0]);
    let told = plan(lab, director, &[]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("~ real server 10.0.0.11:80 of TCP 10.0.0.80:80: weight 0 -> 3\n"),
        "{told}"
    );
    // What it does takes the kernel's answer as it was before: the admin's own change
    // is in what was seen, and then its repair.
    let sent = reload(&ipvsd, &watch, &last);
    assert_eq!(sent.last(), kernel.last(), "{sent:?}");
    assert_eq!(planned(lab, director, &[]), (vec![], vec![]));

    let refused = lab.scratch("plans").join("refused.conf");
    std::fs::write(
        &refused,
        "virtual_server 10.0.0.80 80 {\n lb_algo nonsense\n}\n",
    )
    .unwrap();
    let output = plan(lab, director, &[refused.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("nonsense"));
}

fn without_a_director_it_is_about_a_start(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    let conf = service(80, "rr", &[(11, 1), (12, 2)])
        .replace("TCP_CHECK {\n connect_timeout 1\n retry 0\n }\n", "");
    let file = lab.scratch("plans").join("start.conf");
    std::fs::write(&file, &conf).unwrap();
    let file = file.to_str().unwrap();
    // What is there and not ours stays.
    director.sh("ipvsadm -A -t 10.0.0.99:80 -s rr");
    let watch = director.watch_ipvs();
    let (kernel, configuration) = planned(lab, director, &[file]);
    assert_eq!(
        kernel,
        [
            "new-service TCP 10.0.0.80:80",
            "new-dest TCP 10.0.0.80:80 10.0.0.11:80",
            "new-dest TCP 10.0.0.80:80 10.0.0.12:80",
        ]
    );
    assert!(
        configuration.contains(&"add virtual-server TCP 10.0.0.80:80".to_owned()),
        "{configuration:?}"
    );
    let ipvsd = director.start(&conf);
    ipvsd.wait_for_log("Startup complete", secs(30));
    wait_until("everything sent to be seen", secs(10), || {
        watch.so_far().subjects.len() >= kernel.len()
    });
    assert_eq!(watch.so_far().subjects, kernel);

    // Of one that was killed the record is left: what is no longer wanted goes.
    ipvsd.sigkill_all();
    let other = service(443, "rr", &[]).replace("}\n", " real_server 10.0.0.11 443 {\n }\n}\n");
    let path = lab.scratch("plans").join("other.conf");
    std::fs::write(&path, &other).unwrap();
    let (kernel, _) = planned(lab, director, &[path.to_str().unwrap()]);
    assert_eq!(
        kernel,
        [
            "new-service TCP 10.0.0.80:443",
            "new-dest TCP 10.0.0.80:443 10.0.0.11:443",
            "del-service TCP 10.0.0.80:80",
        ]
    );
}
