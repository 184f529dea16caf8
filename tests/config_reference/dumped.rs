//! A configuration that is written down as it was understood means the same again.
//!
//! A dump has masks in the place of secrets, so the model that it means has the masks for
//! secrets: that is asserted, and the secrets of the first model are put in.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::model::{CheckSpec, Model, Notify, Script, ScriptId, Setting, SettingValue};
use ipvsd::config::reference::{BLOCKS, Block, Count, Fate, Word};
use ipvsd::config::{self, Loaded, Sources};
use ipvsd::vrrp::settings::Authentication;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::samples::{self, Part};
use crate::{pages, sentences};

/// What stands in the place of a password.
const MASK: &str = "********";

/// Folders with configurations.
const FOLDERS: [&str; 6] = [
    "examples",
    "tests/seeds",
    "tests/diagnostics",
    "tests/lab/configs",
    "tests/vrrp/vectors",
    "tests/docs/files",
];

fn load(text: &str) -> Loaded {
    config::parse(Sources::from_text("test.conf", text))
}

/// Asserts that the dump of what was loaded means the same, with the marks and without.
fn assert_means_the_same(of: &str, loaded: &Loaded) {
    let model = loaded.model.as_ref();
    let model = model.unwrap_or_else(|| panic!("no model: {of}"));
    let dump = loaded.dump().expect("a dump");
    let again = again(of, model, &dump);
    assert_eq!(again, canonical(model.clone()), "{of}\n{dump}");
    let without_marks = model.dump();
    let unmarked: String = dump
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.rsplit_once("  # ") {
            Some((said, mark)) if !mark.starts_with("not shown") => format!("{said}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(unmarked, without_marks, "{of}");
    assert_eq!(again.dump(), without_marks, "{of}");
}

/// The model that a dump means, with the secrets of the model that it is of.
fn again(of: &str, model: &Model, dump: &str) -> Model {
    let loaded = load(dump);
    let report = loaded.diagnostics.render(Style::Plain);
    let Some(mut again) = loaded.model else {
        panic!("{of}:\n{report}\n{dump}");
    };
    for (new, old) in again.vrrp_instances.iter_mut().zip(&model.vrrp_instances) {
        let new = &mut new.settings.authentication;
        assert_masked(new);
        new.clone_from(&old.settings.authentication);
    }
    put_back(&mut again.later, &model.later);
    again.files.clone_from(&model.files);
    canonical(again)
}

/// Puts the secrets of settings into those that have masks.
fn put_back(masked: &mut [Setting], secret: &[Setting]) {
    for (masked, secret) in masked.iter_mut().zip(secret) {
        for (new, old) in masked.values.iter_mut().zip(&secret.values) {
            if let (SettingValue::Secret(new), SettingValue::Secret(old)) = (new, old) {
                assert_eq!(new.0, MASK);
                new.clone_from(old);
            }
        }
        if let (Some(new), Some(old)) = (&mut masked.block, &secret.block) {
            put_back(new, old);
        }
    }
}

fn assert_masked(authentication: &Authentication) {
    match authentication {
        Authentication::None => {}
        Authentication::Pass(password) | Authentication::Header(password) => {
            assert_eq!(*password, ipvsd::vrrp::settings::Password::new(MASK));
        }
        Authentication::Hmac(hmac) => {
            let mut keys = hmac.keys.values();
            assert!(keys.all(|key| key.0 == MASK.repeat(4).as_bytes()));
        }
    }
}

/// The same with its scripts in the order of a dump. A file may have its blocks in
/// another order, and numbers its scripts in that.
fn canonical(mut model: Model) -> Model {
    let old = std::mem::take(&mut model.scripts);
    let mut scripts: Vec<Script> = Vec::new();
    let mut renumber = |id: &mut ScriptId| {
        let script = old[id.0 as usize].clone();
        let known = scripts.iter().position(|known| *known == script);
        let number = known.unwrap_or_else(|| {
            scripts.push(script);
            scripts.len() - 1
        });
        *id = ScriptId(u32::try_from(number).expect("few scripts"));
    };
    let groups = model.vrrp_sync_groups.iter_mut();
    let instances = model.vrrp_instances.iter_mut();
    let notifies = groups
        .map(|group| &mut group.notify)
        .chain(instances.map(|instance| &mut instance.notify));
    for notify in notifies {
        let Notify {
            master,
            backup,
            fault,
            stop,
            master_rx_lower_pri,
            any,
        } = notify;
        [master, backup, fault, stop, master_rx_lower_pri, any]
            .into_iter()
            .flatten()
            .for_each(&mut renumber);
    }
    for server in &mut model.virtual_servers {
        [&mut server.quorum_up, &mut server.quorum_down]
            .into_iter()
            .flatten()
            .for_each(&mut renumber);
        for server in &mut server.real_servers {
            [&mut server.notify_up, &mut server.notify_down]
                .into_iter()
                .flatten()
                .for_each(&mut renumber);
            for check in &mut server.checks {
                if let CheckSpec::Misc(misc) = &mut check.spec {
                    renumber(&mut misc.script);
                }
            }
        }
    }
    model.scripts = scripts;
    model
}

#[test]
fn every_configuration_without_errors() {
    let mut seen = 0;
    for folder in FOLDERS {
        for path in configurations(&pages::top().join(folder)) {
            let loaded = config::load(&path);
            if loaded.model.is_some() {
                assert_means_the_same(&path.display().to_string(), &loaded);
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

fn configurations(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let paths = paths.flat_map(|path| match path.is_dir() {
        true => configurations(&path),
        false => vec![path],
    });
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "conf"))
        .filter(|path| !path.ends_with("nginx.conf"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_word() {
    for block in BLOCKS {
        for word in block.all() {
            let parts = sentences::parts(block.path, word);
            let statement = sentences::statement(block.path, word, &parts);
            let sentence = sentences::within(block.path, &statement);
            let loaded = load(&sentence.text);
            // That it is taken is asked elsewhere.
            if loaded.model.is_some() {
                assert_means_the_same(&statement, &loaded);
            }
        }
    }
}

#[test]
fn what_is_not_said_is_marked_with_where_it_comes_from() {
    let dump = load(
        "global_defs {
    vrrp_garp_master_delay 7
    vrrp_priority 0
    smtp_alert off
    lvs_id me
}
garp_group { interface eth0
    garp_interval 1 }
vrrp_instance V {
    interface eth0
    virtual_router_id 9
    thread_timer_expired 7
    nopreempt
    virtual_ipaddress { 10.0.0.9 }
    auth_hmac { key 1 abcdefghijklmnopqrstuvwxyz012345 }
}
virtual_server 10.0.0.1 80 {
    protocol TCP
    lb_kind DR
    delay_loop 3
    real_server 10.0.0.2 80 {
        retry 4
        HTTP_GET {
            warmup 1
            url { path /a
            }
            url { path /b
                status_code 204 }
        }
    }
}
",
    );
    let dump = dump.dump().expect("a dump");
    for line in [
        "    router_id \"me\"\n",
        "    notify_timeout 300  # default\n",
        "    garp_interval 1\n    gna_interval 0  # default\n",
        "    priority 100  # default\n",
        "    nopreempt\n",
        "        key 1 ********************************  # not shown; put it in before this is used\n",
        "        active_key 1  # default\n",
        "    timer_expired_backup 7\n",
        "    garp_master_delay 7  # from global_defs\n",
        "    garp_master_repeat 5  # default\n",
        "    smtp_alert off  # from global_defs\n",
        "    lvs_sched wlc  # default\n",
        "        lvs_method DR  # from virtual_server\n",
        "            connect_port 80  # default\n",
        "            delay_loop 3  # from virtual_server\n",
        "            retry 4  # from real_server\n",
        "            warmup 1\n",
        "                path \"/a\"\n                status_code 200-299  # default\n",
        "                path \"/b\"\n                status_code 204\n",
    ] {
        assert!(dump.contains(line), "{line}\n{dump}");
    }
}

#[test]
fn the_command_prints_it_and_tells_what_is_wrong_elsewhere() {
    let check = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipvsd"));
        let output = command.arg("check").args(arguments).output();
        output.expect("ipvsd")
    };
    let path = pages::top().join("tests/diagnostics");
    let fine = pages::top().join("examples/lvs-dr/ipvsd.conf");
    let fine = fine.to_str().expect("UTF-8");
    let dump = config::load(fine.as_ref()).dump().expect("a dump");
    let output = check(&["--dump", fine]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), dump);
    let output = check(&["--dump", "--json", fine]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["configuration"], dump);
    let wrong = path.join("closed_too_early.conf");
    let output = check(&["--dump", wrong.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("error["));
}

/// Some statements of a block.
fn statements(block: &'static Block) -> impl Strategy<Value = String> {
    let words: Vec<&Word> = block
        .all()
        .filter(|word| !matches!(word.fate, Fate::Older(_) | Fate::Gone))
        .collect();
    let most = words.len().min(4);
    let words = prop::sample::subsequence(words, 0..=most);
    let values = prop::collection::vec(any::<Index>(), 24);
    (words, values).prop_map(|(words, values)| {
        let mut values = values.into_iter().cycle();
        let mut lines = String::new();
        for word in words {
            let mut parts = sentences::parts(block.path, word);
            vary(&mut parts, &mut values);
            lines.push_str(&sentences::statement(block.path, word, &parts));
            lines.push('\n');
        }
        lines
    })
}

/// Other values in the place of some.
fn vary(parts: &mut Vec<Part>, choices: &mut impl Iterator<Item = Index>) {
    let mut choose = |count| choices.next().map_or(0, |choice| choice.index(count));
    for part in parts.iter_mut() {
        let samples = samples::all_good(part.kind);
        // What is not known any closer stays as it is.
        if !samples.is_empty() {
            part.text.clone_from(&samples[choose(samples.len())]);
        }
    }
    // The last values, where they may be missing.
    while let Some(last) = parts.last()
        && (last.count == Count::Optional || last.announced.is_some())
        && choose(2) == 1
    {
        parts.pop();
    }
}

/// A block, and what it stands in.
fn any_block() -> impl Strategy<Value = (&'static Block, String)> {
    (0..BLOCKS.len()).prop_flat_map(|number| {
        let block = &BLOCKS[number];
        statements(block).prop_map(move |lines| (block, lines))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_global_rejects: 100_000,
        ..ProptestConfig::with_cases(600)
    })]

    #[test]
    fn some_words_of_every_block((block, lines) in any_block()) {
        let sentence = sentences::within(block.path, &lines);
        let loaded = load(&sentence.text);
        // Some words are errors together.
        prop_assume!(loaded.model.is_some());
        assert_means_the_same(&sentence.text, &loaded);
    }
}
