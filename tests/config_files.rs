//! Files that are not there, cannot be read, or are enormous.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ipvsd::cli::check::{CheckOutcome, Format, run};
use ipvsd::config::diagnostic::Style;
use ipvsd::config::{self, Code, Loaded, Reading, Sources};

/// The codes of what is wrong, and no model.
fn refused(loaded: &Loaded) -> Vec<Code> {
    assert!(loaded.model.is_none());
    let list = loaded.diagnostics.list();
    list.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn a_file_that_is_not_there() {
    let loaded = config::load(Path::new("/nonexistent/ipvsd.conf"));
    assert_eq!(refused(&loaded), [Code::Unreadable]);
    let told = loaded.diagnostics.render(Style::Plain);
    assert!(
        told.contains("/nonexistent/ipvsd.conf: there is no such file"),
        "{told}"
    );
}

#[test]
fn with_all_files_asked_for_one_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let strictly = Reading {
        all_files: true,
        ..Reading::default()
    };
    let server = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_server 10.0.0.2 80 {\n}\n}\n";
    for (include, code) in [
        ("include absent.conf", Some(Code::NotIncluded)),
        ("include *.absent", None),
        ("include {ipvsd,absent}.d", Some(Code::NotIncluded)),
        ("include .", Some(Code::NotIncluded)),
    ] {
        fs::write(&path, format!("{include}\n{server}")).expect("to write");
        let loaded = config::load(&path);
        assert!(loaded.model.is_some(), "{include}");
        let told = loaded.diagnostics.list().iter();
        let told: Vec<_> = told.map(|diagnostic| diagnostic.code).collect();
        assert!(told.iter().all(|told| Some(*told) == code), "{include}");
        let loaded = config::load_as(&path, &strictly);
        assert_eq!(refused(&loaded), [Code::Unreadable], "{include}");
        // The file itself has the last word, as with keepalived.
        let lenient = "-readable -match -wildcard_match -brace_match";
        let lenient = format!("global_defs {{\ninclude_check {lenient}\n}}\n");
        fs::write(&path, format!("{lenient}{include}\n{server}")).expect("to write");
        assert!(config::load_as(&path, &strictly).model.is_some());
    }
}

#[test]
fn a_directory() {
    let loaded = config::load(Path::new("/"));
    assert_eq!(refused(&loaded), [Code::Unreadable]);
}

#[test]
fn a_file_that_never_ends() {
    let loaded = config::load(Path::new("/dev/zero"));
    assert_eq!(refused(&loaded), [Code::TooLarge]);
}

#[test]
fn the_command_prints_and_returns_a_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let check = |text: &str, format| {
        fs::write(&path, text).expect("to write");
        let mut out = Vec::new();
        let outcome = run(&path, format, &mut out).expect("to print");
        (outcome, String::from_utf8(out).expect("text"))
    };
    let good = "virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.0.0.2 80 {\n }\n}\n";

    let (outcome, told) = check(good, Format::Text(Style::Plain));
    assert_eq!((outcome, outcome.exit_code()), (CheckOutcome::Fine, 0));
    let summary = "fine: 1 virtual server, 1 real server, 0 checks";
    assert_eq!(told, format!("{}: {summary}\n", path.display()));

    let (outcome, told) = check("bogus\n", Format::Text(Style::Coloured));
    assert_eq!((outcome, outcome.exit_code()), (CheckOutcome::Refused, 1));
    assert!(told.contains("\u{1b}["), "{told}");

    let (_, told) = check("bogus\n", Format::Json);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["fine"], false);
    assert_eq!(told["errors"], 1);
    let entry = &told["diagnostics"][0];
    assert_eq!(entry["code"], "unknown-word");
    assert_eq!((&entry["line"], &entry["column"]), (&1.into(), &1.into()));

    // A hint changes nothing but what is told.
    let hinted = good.replacen("protocol TCP", "protocol TCP\nprotocol TCP", 1);
    let (outcome, told) = check(&hinted, Format::Text(Style::Plain));
    assert_eq!((outcome, outcome.exit_code()), (CheckOutcome::Fine, 0));
    assert!(told.starts_with("hint[redundant]: "), "{told}");
    assert!(told.contains(": fine, 1 hint: 1 virtual server"), "{told}");
    let (_, told) = check(&hinted, Format::Json);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["warnings"], &told["hints"]), (&0.into(), &1.into()));
    assert_eq!(told["diagnostics"][0]["severity"], "hint");

    let (_, told) = check(good, Format::Json);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&told["fine"], &told["real_servers"]),
        (&true.into(), &1.into())
    );
}

/// Reads a text that is out of all proportion. The limit is far above what it takes,
/// and far below what anything quadratic would.
fn enormous(text: String) -> Loaded {
    let start = Instant::now();
    let loaded = config::parse(Sources::from_text("big.conf", text));
    assert_eq!(loaded.model.is_some(), loaded.diagnostics.errors() == 0);
    loaded.diagnostics.render(Style::Plain);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
    loaded
}

#[test]
fn nesting_100_000_deep() {
    let open = "a {\n".repeat(100_000);
    enormous(open.clone());
    enormous(format!("{open}{}", "}\n".repeat(100_000)));
    enormous("{".repeat(100_000));
    enormous("}".repeat(100_000));
    let indented: String = (0..2000)
        .map(|depth| format!("{}a {{\n", " ".repeat(depth)))
        .collect();
    enormous(indented);
}

#[test]
fn lines_of_10_megabytes() {
    let length = 10 << 20;
    let tokens = 1 << 18;
    enormous("a".repeat(length));
    enormous("a ".repeat(tokens / 2));
    enormous(format!(
        "global_defs {{\nrouter_id \"{}\"\n}}",
        "a".repeat(length)
    ));
    enormous(format!(
        "global_defs {{\nrouter_id \"{}\n}}",
        "a".repeat(length)
    ));
    // Where similar words would be looked for.
    enormous(format!(
        "virtual_server 10.0.0.1 80 {{\nlvs_sched {}\n}}",
        "a".repeat(length)
    ));
    enormous(format!(
        "static_routes {{\n10.0.0.0/8 {}\n}}",
        "a".repeat(length)
    ));
    enormous(format!("# {}\nbogus", "{".repeat(length)));
    enormous("{".repeat(tokens));
    enormous("{}".repeat(tokens / 2));
    enormous("a{".repeat(tokens / 2));
    enormous("\"".repeat(tokens));
    enormous("$".repeat(tokens));
    enormous("${".repeat(tokens / 2));
    enormous(" ".repeat(length));
    enormous("\n".repeat(length));
    enormous("é".repeat(length / 2));
}

#[test]
fn very_many_faults() {
    let loaded = enormous("bogus\n".repeat(50_000));
    assert_eq!(loaded.diagnostics.errors(), 50_000);
    assert!(loaded.diagnostics.list().len() <= 1000);
    let loaded = enormous("vrrp_script x {\nscript /a\n}\n".repeat(50_000));
    assert!(loaded.model.is_some());
    let loaded = enormous("instance a\ntrack_file x {\nfile /a\n}\n".repeat(50_000));
    assert_eq!(loaded.model.map(|model| model.later.len()), Some(2));
    let loaded =
        enormous("vrrp_instance x {\ninterface eth0\nvirtual_router_id 1\n}\n".repeat(50_000));
    assert_eq!(loaded.diagnostics.errors(), 49_999);
    let instances: String = (0..20_000)
        .map(|number| {
            format!("vrrp_instance a{number} {{\ninterface e{number}\nvirtual_router_id 1\n}}\n")
        })
        .collect();
    let members: String = (0..20_000).map(|number| format!("b{number}\n")).collect();
    let loaded = enormous(format!(
        "{instances}vrrp_sync_group g {{\ngroup {{\n{members}}}\n}}\n"
    ));
    assert_eq!(loaded.diagnostics.errors(), 20_000);
    let addresses: String = (0..100_000)
        .map(|number| {
            format!(
                "10.{}.{}.{} dev e{number}\n",
                number >> 16,
                number >> 8 & 255,
                number & 255
            )
        })
        .collect();
    let loaded = enormous(format!(
        "vrrp_instance a {{\ninterface e\nvirtual_router_id 1\nvirtual_ipaddress {{\n{addresses}}}\n}}\n"
    ));
    let told = &loaded.diagnostics;
    assert_eq!((told.errors(), told.warnings()), (0, 1));
    let peers = addresses
        .lines()
        .map(|line| line.split(' ').next().unwrap_or(line));
    let peers: String = peers.map(|peer| format!("{peer} min_ttl 1\n")).collect();
    let groups: String = (0..50_000)
        .map(|number| format!("garp_group {{\ninterface e{number}\n}}\n"))
        .collect();
    let cpus = "vrrp_cpu_affinity".to_owned() + &" 1".repeat(100_000);
    enormous(format!(
        "global_defs {{\n{cpus}\n}}\n{groups}vrrp_instance a {{\ninterface e\nvirtual_router_id 1\n\
         unicast_peer {{\n{peers}}}\nvirtual_ipaddress {{\n{addresses}}}\n}}\n"
    ));
    let keys = "key 1 a b c\nhex:00\n".repeat(50_000);
    enormous(format!("vrrp_instance a {{\nauth_hmac {{\n{keys}}}\n}}\n"));
    let secrets = "auth_pass a b c\n".repeat(100_000);
    enormous(format!(
        "vrrp_instance a {{\nauthentication {{\n{secrets}}}\n}}\n"
    ));
    let server = "virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.0.0.2 80 {\n }\n}\n";
    let loaded = enormous(server.repeat(20_000));
    assert_eq!(loaded.diagnostics.errors(), 19_999);
}

#[test]
fn bytes_of_every_kind() {
    let all: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let loaded = config::parse(Sources::from_text("bytes.conf", all));
    assert!(loaded.model.is_none());
    let text: Vec<u8> = (1..=u8::MAX).cycle().take(1 << 20).collect();
    let loaded = config::parse(Sources::from_text("bytes.conf", text));
    loaded.diagnostics.render(Style::Plain);
}

#[test]
fn a_script_that_cannot_be_run_is_a_warning_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let text = "virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.0.0.2 80 {\n \
                MISC_CHECK {\n misc_path \"/nonexistent/check a\"\n }\n }\n}\n";
    fs::write(&path, text).expect("to write");
    let check = |format| {
        let mut out = Vec::new();
        let outcome = run(&path, format, &mut out).expect("to print");
        assert_eq!(outcome, CheckOutcome::Fine);
        String::from_utf8(out).expect("text")
    };
    let told = check(Format::Text(Style::Plain));
    let warning = "warning[script-absent]: script `/nonexistent/check`: there is no such file\n";
    assert!(told.contains(warning), "{told}");
    let told: serde_json::Value = serde_json::from_str(&check(Format::Json)).expect("JSON");
    let problem = &told["script_problems"][0];
    assert_eq!(problem["code"], "script-absent");
    assert_eq!(problem["problem"], "absent");
    assert_eq!(problem["script"], "/nonexistent/check");
}

#[test]
fn a_source_that_is_absent_is_a_warning_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let instance = |number: u8, source: &str, words: &str| {
        format!(
            "vrrp_instance VI_{number} {{\n interface lo\n virtual_router_id {number}\n \
             {source}\n {words}\n virtual_ipaddress {{\n 10.0.0.{number}\n }}\n}}\n"
        )
    };
    let peer = "unicast_peer {\n 203.0.113.253\n }";
    let text = [
        instance(1, "mcast_src_ip 203.0.113.251", ""),
        instance(2, "unicast_src_ip 203.0.113.252", peer),
        instance(3, "unicast_src_ip 127.0.0.1", peer),
        instance(4, "", ""),
    ]
    .concat();
    fs::write(&path, text).expect("to write");
    let check = |format| {
        let mut out = Vec::new();
        let outcome = run(&path, format, &mut out).expect("to print");
        assert_eq!(outcome, CheckOutcome::Fine);
        String::from_utf8(out).expect("text")
    };
    let file = path.display();
    let told = check(Format::Text(Style::Plain));
    let (first, second) = (
        format!(
            "warning[source-absent]: {file}:4: 203.0.113.251, where adverts of the instance VI_1 come \
             from, is not on this host: they are sent from it all the same\n"
        ),
        format!(
            "warning[source-absent]: {file}:13: 203.0.113.252, where adverts of the instance VI_2 come \
             from, is not on this host: the instance waits in FAULT until it is\n"
        ),
    );
    assert!(
        told.contains(&format!("{first}{second}{file}: fine")),
        "{told}"
    );
    let told: serde_json::Value = serde_json::from_str(&check(Format::Json)).expect("JSON");
    let absent = told["absent_sources"].as_array().expect("a list");
    assert_eq!(absent.len(), 2);
    assert_eq!(absent[1]["code"], "source-absent");
    assert_eq!(absent[1]["address"], "203.0.113.252");
    assert_eq!(absent[1]["is_unicast"], true);
}

#[test]
fn an_interface_that_is_absent_is_a_warning_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let text = "vrrp_instance VI_1 {\n interface nosuch0\n virtual_router_id 51\n \
                virtual_ipaddress {\n 10.0.0.80\n 10.0.0.81 dev nosuch1\n \
                10.0.0.82 dev nosuch1\n 10.0.0.83 dev lo\n }\n}\n";
    fs::write(&path, text).expect("to write");
    let check = |format| {
        let mut out = Vec::new();
        let outcome = run(&path, format, &mut out).expect("to print");
        assert_eq!(outcome, CheckOutcome::Fine);
        String::from_utf8(out).expect("text")
    };
    let file = path.display();
    let told = check(Format::Text(Style::Plain));
    let warnings: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with("warning"))
        .collect();
    assert_eq!(
        warnings,
        [
            format!(
                "warning[interface-absent]: {file}:2: interface nosuch0 does not exist on this host: \
                 the instance VI_1 waits in FAULT until it appears"
            ),
            format!(
                "warning[interface-absent]: {file}:6: interface nosuch1 does not exist on this host: \
                 the instance VI_1 cannot put its addresses on it until it appears"
            ),
        ]
    );
    assert!(told.ends_with("1 VRRP instance, 0 sync groups\n"), "{told}");
    assert!(told.contains(": fine, 2 about this machine: "), "{told}");
    let told: serde_json::Value = serde_json::from_str(&check(Format::Json)).expect("JSON");
    let absent = &told["absent_interfaces"];
    assert_eq!(absent.as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&absent[0]["interface"], &absent[0]["line"]),
        (&"nosuch0".into(), &2.into())
    );
    assert_eq!(absent[1]["is_own"], false);
    assert_eq!(absent[1]["code"], "interface-absent");
    assert_eq!(told["vrrp_instances"], 1);
}

/// All that is wrong is told at once, of the file and of the machine.
#[test]
fn with_an_error_the_machine_is_looked_at_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let text = "vrrp_instance VI_1 {\n interface nosuch0\n virtual_router_id 300\n \
                virtual_ipaddress {\n 10.0.0.80\n }\n}\n\
                virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.0.0.2 80 {\n \
                MISC_CHECK {\n misc_path /nonexistent/check\n }\n }\n}\n";
    fs::write(&path, text).expect("to write");
    let mut out = Vec::new();
    let outcome = run(&path, Format::Text(Style::Plain), &mut out).expect("to print");
    assert_eq!(outcome, CheckOutcome::Refused);
    let told = String::from_utf8(out).expect("text");
    for part in [
        "error[out-of-range]: `300`",
        "warning[script-absent]: script `/nonexistent/check`",
        "interface nosuch0 does not exist on this host",
        ": 1 error, 2 about this machine\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// A reload must not keep core waiting for whoever may write into a pipe one day.
#[test]
fn a_pipe_without_a_writer_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.conf");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let loaded = ipvsd::config::load(&pipe);
    assert!(loaded.model.is_none());
    assert_eq!(loaded.diagnostics.list()[0].code.name(), "empty");
}
