//! Files that are wrong, when ipvsd starts and when it runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, Family};
use crate::lab::{Lab, secs, wait_until};

/// What is in the place of the configuration.
enum File {
    Text(String),
    Bytes(Vec<u8>),
    Missing,
    Folder,
}

struct Bad {
    /// For people who read a failure.
    what: &'static str,
    file: File,
    /// Where it is wrong, as `:LINE:COLUMN`, and what it is.
    place: &'static str,
    told: &'static str,
}

fn virtual_server(port: u16, inside: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{\n    delay_loop 0.5\n    lb_algo rr\n    lb_kind DR\n    \
         protocol TCP\n{inside}}}\n"
    )
}

/// From line 6 on. `weight` is in line 7.
fn real_server(address: &str, weight: &str) -> String {
    format!(
        "    real_server {address} 80 {{\n        weight {weight}\n        TCP_CHECK {{\n            \
         connect_timeout 3\n            retry 0\n        }}\n    }}\n"
    )
}

/// The configuration that is good; the first web server has this weight.
fn good(weight: &str) -> String {
    let servers = real_server("10.0.0.11", weight) + &real_server("10.0.0.12", "1");
    virtual_server(80, &servers)
}

fn bad_ones() -> Vec<Bad> {
    let one = real_server("10.0.0.11", "7");
    let text = |what, text: String, place, told| Bad {
        what,
        file: File::Text(text),
        place,
        told,
    };
    vec![
        Bad {
            what: "a file that is not there",
            file: File::Missing,
            place: "",
            told: "there is no such file",
        },
        Bad {
            what: "a folder in its place",
            file: File::Folder,
            place: "",
            told: "is a directory",
        },
        text(
            "an empty file",
            String::new(),
            "",
            "there is nothing in this file",
        ),
        text(
            "nothing but a comment",
            "# virtual_server\n".into(),
            "",
            "there is nothing in this file",
        ),
        text(
            "a quote that is not closed",
            virtual_server(80, &("    virtualhost \"www\n".to_owned() + &one)),
            ":6:17",
            "this quote is not closed",
        ),
        text(
            "an unknown word",
            good("7").replace("lb_algo", "lb_aglo"),
            ":3:5",
            "unknown word `lb_aglo` in `virtual_server`",
        ),
        text(
            "a number out of range",
            good("70000"),
            ":7:16",
            "`70000` is out of range",
        ),
        text(
            "no number at all",
            good("heavy"),
            ":7:16",
            "`heavy` is not a number",
        ),
        text(
            "a scheduler that nobody knows",
            good("7").replace("lb_algo rr", "lb_algo bogus"),
            ":3:13",
            "bogus",
        ),
        Bad {
            what: "bytes that are not UTF-8",
            file: File::Bytes(
                [
                    good("7").as_bytes(),
                    b"global_defs {\n    router_id b\xfcro\n}\n",
                ]
                .concat(),
            ),
            place: ":22:16",
            told: "a byte that is not UTF-8",
        },
        text(
            "a virtual server twice",
            good("7") + &good("1"),
            ":21:1",
            "the virtual server [10.0.0.80]:tcp:80 is there twice",
        ),
        text(
            "a virtual server without real servers",
            good("7") + &virtual_server(81, ""),
            ":21:1",
            "a virtual server without real servers",
        ),
        text(
            "a brace that is not closed",
            good("7").replacen("        }\n    }\n", "    }\n", 1),
            ":8:19",
            "this `TCP_CHECK` block is not closed",
        ),
        text(
            "the last brace is missing",
            good("7").trim_end().trim_end_matches('}').to_owned(),
            ":1:",
            "this `virtual_server` block is not closed",
        ),
    ]
}

fn put(file: &File, path: &Path) {
    if path.is_dir() {
        fs::remove_dir(path).unwrap();
    }
    let _ = fs::remove_file(path);
    match file {
        File::Text(text) => fs::write(path, text).unwrap(),
        File::Bytes(bytes) => fs::write(path, bytes).unwrap(),
        File::Missing => {}
        File::Folder => fs::create_dir(path).unwrap(),
    }
}

const SERVICE: &str = "-A -t 10.0.0.80:80 -s rr";
const SECOND: &str = "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1";

pub fn a_bad_file_at_reload_changes_nothing(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    cluster.web.iter().for_each(|web| web.start_nginx());
    let director = cluster.director();
    let ipvsd = director.start(&good("1"));
    ipvsd.wait_for_log("Startup complete", secs(20));
    let table = [
        SERVICE,
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        SECOND,
    ];
    director.expect_table(&table, secs(1));
    let checker = ipvsd.child("checker").pid;
    let path = PathBuf::from(
        ipvsd.status_json()["configuration"]["file"]
            .as_str()
            .unwrap(),
    );
    let watch = director.watch_ipvs();
    let samples = director.sample_table();

    for bad in bad_ones() {
        lab.note(bad.what);
        put(&bad.file, &path);
        let mark = ipvsd.log().mark();
        ipvsd.signal(nix::sys::signal::Signal::SIGHUP);
        ipvsd.wait_for_log_after(mark, "Reload refused: 1 error in", secs(20));
        let told = ipvsd.wait_for_log_after(mark, bad.told, secs(1));
        let place = format!("{}{}", path.display(), bad.place);
        assert!(told.contains(&place), "{}: {told}", bad.what);
        let configuration = &ipvsd.status_json()["configuration"];
        assert_eq!(configuration["generation"], 1);
        let refused = configuration["refused"].as_str().unwrap_or_default();
        assert!(
            refused.contains(&place) && refused.contains(bad.told),
            "{}: {configuration:#}",
            bad.what
        );
        let status = ipvsd.ipvsd(&["status"]);
        assert!(
            status.contains("the latest configuration was refused") && status.contains(bad.told),
            "{status}"
        );
    }
    director.expect_table(&table, secs(0));
    assert_eq!(watch.stop().ops, []);
    samples.stop().assert_never_lacked(&table);
    assert_eq!(ipvsd.child("checker").pid, checker);
    let events = ipvsd.ipvsd(&["status", "--events"]);
    assert_eq!(
        events.matches("Reload refused").count(),
        bad_ones().len(),
        "{events}"
    );

    // What ran goes on to work.
    cluster.web[0].kill();
    director.expect_table(&[SERVICE, SECOND], secs(20));
    cluster.web[0].start_nginx();
    director.expect_table(&table, secs(20));

    lab.note("and a good file is taken");
    let mark = ipvsd.log().mark();
    ipvsd.reload(&good("7"));
    ipvsd.wait_for_log_after(mark, "Reload complete", secs(20));
    director.expect_table(
        &[
            SERVICE,
            "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 7",
            SECOND,
        ],
        secs(1),
    );
    let configuration = &ipvsd.status_json()["configuration"];
    assert_eq!(configuration["generation"], 2, "{configuration:#}");
    assert!(configuration["refused"].is_null(), "{configuration:#}");
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}

pub fn a_bad_file_is_no_start(lab: &Lab) {
    let cluster = Cluster::lvs_dr(lab, Family::V4);
    let director = cluster.director();
    // Someone's table, which would be adopted.
    director.sh("ipvsadm -A -t 10.0.0.80:80 -s wlc
         ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 5");
    let table = [
        "-A -t 10.0.0.80:80 -s wlc",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 5",
    ];
    let watch = director.watch_ipvs();
    let path = lab.scratch("start").join("keepalived.conf");
    for bad in bad_ones() {
        lab.note(bad.what);
        put(&bad.file, &path);
        let output = director
            .command("timeout")
            .arg("20")
            .arg(lab.ipvsd())
            .args(["-n", "-l", "-D", "-f"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}: {said}", bad.what);
        assert!(said.contains(bad.told), "{}: {said}", bad.what);
        let place = format!("{}{}", path.display(), bad.place);
        assert!(said.contains(&place), "{}: {said}", bad.what);
        assert!(said.contains("1 error"), "{}: {said}", bad.what);
    }
    director.expect_table(&table, secs(0));
    assert_eq!(watch.stop().ops, []);

    lab.note("and a good file is taken");
    let ipvsd = director.start(&good("1"));
    wait_until("a status", secs(20), || {
        ipvsd.log().count("Startup complete") == 1
    });
    assert!(ipvsd.sigterm(secs(10)).status.success());
    director.expect_table(&[], secs(1));
}
