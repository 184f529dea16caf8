//! Passwords and keys: which there are, and that nobody sees them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::{self, Loaded};
use ipvsd::vrrp::settings::{AntiReplay, Authentication, Hmac, HmacMode, Key, Password};

use super::{instance, load, settings, text_of, text_with, told};

const HEX: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1E1F";
const TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

/// Words of an `auth_hmac` with a key and these.
fn hmac_words(words: &str) -> String {
    format!("auth_hmac {{\nkey 1 {TEXT}\n{words}\n}}\n")
}

fn hmac(words: &str) -> Hmac {
    match settings(words).authentication {
        Authentication::Hmac(hmac) => hmac,
        other => panic!("{other:?}"),
    }
}

/// Everything that comes out of reading a text: messages of all kinds, the dump, and what
/// a developer may print.
fn said_of(loaded: &Loaded) -> Vec<String> {
    let diagnostics = &loaded.diagnostics;
    let json = serde_json::to_string(&diagnostics.json()).expect("JSON");
    let lines: Vec<_> = diagnostics.lines().map(|line| line.text).collect();
    let mut said = vec![
        diagnostics.render(Style::Plain),
        json,
        lines.join("\n"),
        format!("{diagnostics:?}"),
    ];
    if let Some(model) = &loaded.model {
        said.extend([model.dump(), format!("{model:?}"), format!("{model:#?}")]);
        said.push(format!("{:?}", model.router_settings()));
    }
    said
}

/// No part of a secret is in anything that is said of a text.
fn keeps(secret: &str, loaded: &Loaded) {
    for said in said_of(loaded) {
        for at in 0..secret.len().saturating_sub(5) {
            let part = &secret[at..at + 6];
            assert!(!said.contains(part), "{part} in {said}");
        }
    }
}

#[test]
fn passwords_are_masked() {
    let text = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nauthentication {\n\
                auth_type PASS\nauth_pass tellnobody\nauth_pas tellnobody\n}\n}\n";
    keeps("tellnobody", &load(text));
    for kind in ["PASS", "AH"] {
        let words = format!("authentication {{\nauth_type {kind}\nauth_pass tellno\n}}");
        let loaded = load(&text_of(&words));
        keeps("tellno", &loaded);
        let dump = loaded.model.expect("a model").dump();
        assert!(dump.contains("auth_pass ********"), "{dump}");
    }
    assert!(!format!("{:?}", instance(&hmac_words(""))).contains(TEXT));
}

#[test]
fn keys_are_masked() {
    let digits = &HEX["hex:".len()..];
    let octets = "0, 1, 2, 3";
    for key in [HEX, TEXT] {
        let secret = key.strip_prefix("hex:").unwrap_or(key);
        let instance = |block: &str| text_of(block);
        let whole = format!("auth_hmac {{\nkey 1 {key}\n}}");
        let loaded = load(&instance(&whole));
        let dump = loaded.model.as_ref().expect("a model").dump();
        assert!(
            dump.contains(&format!("key 1 {}", "*".repeat(32))),
            "{dump}"
        );
        keeps(secret, &loaded);
        assert!(said_of(&loaded).iter().all(|said| !said.contains(octets)));
        // And wherever something is wrong with it or around it.
        for wrong in [
            format!("auth_hmac {{\nkey {key}\n}}"),
            format!("auth_hmac {{\nkey 0 {key}\n}}"),
            format!("auth_hmac {{\nkey 1 {key}{key}\n}}"),
            format!("auth_hmac {{\nkey 1 {key}é\n}}"),
            format!("auth_hmac {{\nkey 1 hex:{key}z\n}}"),
            format!("auth_hmac {{\nkey 1 {key} {key}\n}}"),
            format!("auth_hmac {{\nkey 1 {key}\nkey 1 {key}\n}}"),
            format!("auth_hmac {{\nkye 1 {key}\n}}"),
            format!("auth_hmac {{\nKEY 1 {key}\n}}"),
            format!("auth_hmac {{\nkey 1\n{key}\n}}"),
            format!("auth_hmac {{\nkey 1 \"{key}\n}}"),
            format!("auth_hmac {{\nactive_key 1\n{key} 1\n}}"),
            format!("auth_hmc {{\nkey 1 {key}\n}}"),
            format!("auth_hmac {{\n}}\nkey 1 {key}"),
            format!("auth_hmac {{\n}}\n}}\nkey 1 {key}\nvrrp_instance b {{"),
            format!("authentication {{\nkey 1 {key}\nauth_key {key}\n{key}\n}}"),
            format!("auth_hmac {{\nmode enforce {{\nkey 1 {key}\n}}\n}}"),
        ] {
            let loaded = load(&instance(&wrong));
            assert!(!loaded.diagnostics.is_empty(), "{wrong}");
            keeps(secret, &loaded);
        }
    }
    assert_eq!(digits.len(), 64);
}

#[test]
fn keys_as_they_are_written() {
    let keys = |lines: &str| hmac(&format!("auth_hmac {{\n{lines}\nactive_key 1\n}}")).keys;
    let two = keys(&format!("key 1 {HEX}\nkey 255 {TEXT}"));
    assert_eq!(two[&1], Key((0..32).collect()));
    assert_eq!(two[&255], Key(TEXT.into()));
    let quoted = keys("key 1 \"a key with blanks, { and # in it!\"");
    assert_eq!(
        quoted[&1],
        Key(b"a key with blanks, { and # in it!".to_vec())
    );
    for (line, why) in [
        ("key 0 a", "out-of-range: a key has a number from 1 to 255"),
        (
            "key 256 a",
            "out-of-range: a key has a number from 1 to 255",
        ),
        ("key 1 short", "out-of-range: the key 1 has 5 octets"),
        ("key 1 hex:00", "out-of-range: the key 1 has 1 octets"),
        (
            "key 1 hex:0g",
            "invalid-value: the key 1 is not in hexadecimal digits",
        ),
        (
            "key 1 ééééééééééééééééé",
            "invalid-value: the key 1 has characters beyond ASCII",
        ),
        (
            "key 1 file:keys/a",
            "invalid-value: the file of key 1 is not named from the root on",
        ),
        (
            "key 1",
            "missing-value: `key` needs a value of 32 to 64 octets",
        ),
        ("key", "missing-value: `key` needs a number and a value"),
    ] {
        let told = told(&text_of(&format!("auth_hmac {{\n{line}\n}}")));
        assert_eq!(
            told.first().map(String::as_str),
            Some(why),
            "{line}: {told:?}"
        );
    }
    let digits = format!("auth_hmac {{\nkey 1 {}\n}}", "0123456789abcdef".repeat(4));
    assert_eq!(
        told(&text_of(&digits)),
        ["doubtful: the key 1 looks like hexadecimal digits"]
    );
    let twice = told(&text_of(&hmac_words(&format!("key 1 {HEX}"))));
    assert_eq!(twice, ["duplicate: the key 1 is there twice"]);
}

#[test]
fn what_is_signed_with() {
    assert_eq!(hmac(&hmac_words("")).active_key, 1);
    let two = format!("key 7 {HEX}");
    assert_eq!(
        hmac(&hmac_words(&format!("{two}\nactive_key 7"))).active_key,
        7
    );
    let several = "missing-value: `auth_hmac` with several keys needs `active_key`";
    assert_eq!(told(&text_of(&hmac_words(&two))), [several]);
    let absent = told(&text_of(&hmac_words("active_key 2")));
    assert_eq!(absent, ["invalid-value: there is no key 2"]);
    let none = told(&text_of("auth_hmac {\n}"));
    assert_eq!(none, ["missing-value: `auth_hmac` needs a key"]);
}

#[test]
fn how_replays_are_kept_out() {
    let window = |outer: &str, words: &str| match hmac(&format!("{outer}\n{}", hmac_words(words)))
        .anti_replay
    {
        AntiReplay::Time { window } => Some(window.as_secs()),
        AntiReplay::Monotonic => None,
    };
    assert_eq!(window("", ""), Some(5));
    assert_eq!(window("advert_int 2", ""), Some(6));
    assert_eq!(window("version 3\nadvert_int 1.67", ""), Some(6));
    assert_eq!(window("advert_int 255", ""), Some(300));
    assert_eq!(window("advert_int 2", "time_window 1"), Some(1));
    assert_eq!(window("", "anti_replay time\ntime_window 300"), Some(300));
    assert_eq!(window("", "anti_replay monotonic"), None);
    let both = hmac_words("anti_replay monotonic\ntime_window 3");
    assert_eq!(
        told(&text_of(&both)),
        ["no-effect: `time_window` does not go together with `anti_replay monotonic`"]
    );
    for wrong in [
        "time_window 0",
        "time_window 301",
        "anti_replay never",
        "mode off",
    ] {
        assert!(
            load(&text_of(&hmac_words(wrong))).model.is_none(),
            "{wrong}"
        );
    }
    let mode = |words: &str| hmac(&hmac_words(words)).mode;
    assert_eq!(mode(""), HmacMode::Enforce);
    assert_eq!(mode("mode permissive"), HmacMode::Permissive);
    assert_eq!(mode("mode receive-only"), HmacMode::ReceiveOnly);
}

#[test]
fn what_authenticates_an_instance() {
    let block = "authentication {\nauth_type AH\nauth_pass secret\n}\n";
    let password = Password::new("secret");
    assert_eq!(
        settings(block).authentication,
        Authentication::Header(password)
    );
    // Version 3 and strict mode know none.
    let v3 = format!("version 3\n{block}");
    assert_eq!(settings(&v3).authentication, Authentication::None);
    assert_eq!(
        told(&text_of(&v3)),
        ["no-effect: version 3 of VRRP knows no `authentication`"]
    );
    assert_eq!(told(&text_with(block, "fe80::80")).len(), 1);
    let strict = format!("strict_mode\n{block}");
    assert_eq!(settings(&strict).authentication, Authentication::None);
    let message = "no-effect: `authentication` does not go together with strict mode";
    assert!(told(&text_of(&strict)).iter().any(|told| told == message));
    // Signed in every version, and then without a password.
    for outer in ["", "version 3\n"] {
        let words = format!("{outer}{block}{}", hmac_words(""));
        assert_eq!(hmac(&words).active_key, 1);
        assert_eq!(
            told(&text_of(&words)),
            ["no-effect: `authentication` does not go together with `auth_hmac`"]
        );
    }
    let lenient = format!("strict_mode\n{}", hmac_words("mode permissive"));
    assert_eq!(hmac(&lenient).mode, HmacMode::Enforce);
    let message = "no-effect: `mode` does not go together with strict mode";
    assert!(told(&text_of(&lenient)).iter().any(|told| told == message));
}

/// Loads a configuration whose key 1 stands in the file.
fn load_with_key(folder: &Path, key: &Path) -> Loaded {
    let path = folder.join("ipvsd.conf");
    let block = format!(
        "auth_hmac {{\nkey 1 file:{}\nkey 2 {HEX}\nactive_key 1\n}}",
        key.display()
    );
    fs::write(&path, text_of(&block)).expect("to write");
    config::load(&path)
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let list = loaded.diagnostics.list().iter();
    list.map(|told| told.code.name()).collect()
}

#[test]
fn keys_in_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let write = |contents: &[u8], mode: u32| {
        fs::write(&path, contents).expect("to write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("to change it");
        load_with_key(folder.path(), &path)
    };
    let key = |loaded: &Loaded| {
        let model = loaded.model.as_ref().expect("a model");
        match &model.vrrp_instances[0].settings.authentication {
            Authentication::Hmac(hmac) => hmac.keys[&1].clone(),
            other => panic!("{other:?}"),
        }
    };
    for contents in [TEXT.to_owned(), format!("{TEXT}\n"), format!("{TEXT}\r\n")] {
        let loaded = write(contents.as_bytes(), 0o640);
        assert_eq!(key(&loaded), Key(TEXT.into()), "{contents:?}");
        let is_told = contents.contains('\r');
        assert_eq!(codes(&loaded), ["doubtful"][..usize::from(is_told)]);
        keeps(TEXT, &loaded);
    }
    let loaded = write(format!("{TEXT}\n\n").as_bytes(), 0o600);
    assert_eq!(key(&loaded), Key(format!("{TEXT}\n").into()));
    assert_eq!(codes(&loaded), ["doubtful"]);
    let digits = "0123456789abcdef".repeat(4);
    let loaded = write(digits.as_bytes(), 0o600);
    assert_eq!(key(&loaded), Key(digits.clone().into()));
    assert_eq!(codes(&loaded), ["doubtful"]);
    keeps(&digits, &loaded);
    let loaded = write(format!("{HEX}\n").as_bytes(), 0o600);
    assert_eq!(key(&loaded), Key((0..32).collect()));

    let loaded = write(TEXT.as_bytes(), 0o644);
    assert_eq!(codes(&loaded), ["doubtful"]);
    assert_eq!(key(&loaded), Key(TEXT.into()));
    let told = loaded.diagnostics.render(Style::Plain);
    assert!(told.contains("everybody can read or change it"), "{told}");
    assert!(told.contains(&format!("file:{}", path.display())), "{told}");

    for (contents, code) in [
        ("short\n", "out-of-range"),
        ("hex:0g\n", "invalid-value"),
        (&"x".repeat(65), "out-of-range"),
        (&"x".repeat(5000), "unreadable"),
        ("", "out-of-range"),
    ] {
        let loaded = write(contents.as_bytes(), 0o600);
        assert_eq!(codes(&loaded), [code], "{contents:?}");
        assert!(loaded.model.is_none());
    }
    fs::remove_file(&path).expect("to remove it");
    let loaded = load_with_key(folder.path(), &path);
    assert_eq!(codes(&loaded), ["unreadable"]);
    let told = loaded.diagnostics.render(Style::Plain);
    assert!(told.contains("there is no such file"), "{told}");
    assert_eq!(
        codes(&load_with_key(folder.path(), folder.path())),
        ["unreadable"]
    );
    // Nothing but the text is looked at here.
    let text = text_of(&format!("auth_hmac {{\nkey 1 file:{}\n}}", path.display()));
    assert!(load(&text).model.is_none());
}

/// What the other processes are given has no secret, and everything else.
#[test]
fn keys_are_for_the_process_that_signs() {
    let text = format!(
        "{}virtual_server 10.0.0.1 80 {{\nprotocol TCP\nreal_server 10.0.0.2 80 {{\n}}\n}}\n",
        text_of(&format!("notify /bin/a\n{}", hmac_words("")))
    );
    let model = load(&text).model.expect("a model");
    let others = model.without_vrrp();
    let bytes = postcard::to_allocvec(&others).expect("bytes");
    assert!(!bytes.windows(8).any(|part| part == &TEXT.as_bytes()[..8]));
    assert_eq!(others.virtual_servers, model.virtual_servers);
    assert_eq!(
        (others.scripts, others.global),
        (model.scripts, model.global)
    );
}

/// A window is counted in whole seconds, and so is what is dumped of it.
#[test]
fn a_window_is_whole_seconds() {
    let words = format!("version 3\nadvert_int 40.95\n{}", hmac_words(""));
    let window = Duration::from_secs(123);
    assert_eq!(hmac(&words).anti_replay, AntiReplay::Time { window });
}
