//! What is written around the words: includes, definitions, lines for one director,
//! sequences and lists.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ipvsd::config::{self, Code, Files, Loaded, Sources, Surroundings};

/// Files in memory, by their paths.
#[derive(Default)]
struct Tree(BTreeMap<&'static str, Vec<u8>>);

impl Files for Tree {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let name = path.to_str().unwrap_or_default();
        let found = self.0.get(name).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn matching(&self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        // A `*` at the end is all that is needed here.
        let whole = folder.join(pattern.trim_end_matches('*'));
        let names = self.0.keys().map(PathBuf::from);
        names
            .filter(|name| {
                name.to_string_lossy()
                    .starts_with(&*whole.to_string_lossy())
            })
            .collect()
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        Path::new("/etc/keepalived").join(path)
    }
}

fn tree(files: &[(&'static str, &str)]) -> Tree {
    let files = files.iter();
    Tree(
        files
            .map(|(name, text)| (*name, text.as_bytes().to_vec()))
            .collect(),
    )
}

fn read_as(id: &str, text: impl Into<Vec<u8>>, files: &Tree) -> Loaded {
    let surroundings = Surroundings {
        files,
        config_id: id,
        all_files: false,
        environment: &|name| (name == "SITE").then(|| "a#b!".to_owned()),
        seed: 7,
    };
    config::parse_with(Sources::from_text("main.conf", text), &surroundings)
}

fn codes(loaded: &Loaded) -> Vec<Code> {
    let list = loaded.diagnostics.list().iter();
    list.map(|diagnostic| diagnostic.code).collect()
}

/// What stands in a block that takes any words, one string a line: the mailboxes that
/// the lines come to.
fn words(lines: &str) -> Vec<String> {
    words_as("alpha", lines, &Tree::default())
}

fn words_as(id: &str, lines: &str, files: &Tree) -> Vec<String> {
    let text =
        format!("global_defs {{\nsmtp_server 10.0.0.1\nnotification_email {{\n{lines}\n}}\n}}\n");
    let loaded = read_as(id, text, files);
    let told = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    let model = loaded.model.unwrap_or_else(|| panic!("{lines}\n{told}"));
    let mail = model.global.mail;
    mail.recipients
        .iter()
        .map(|mailbox| mailbox.to_string())
        .collect()
}

#[test]
fn lines_for_one_director() {
    let lines =
        "@alpha a@x\n@beta b@x\n@^alpha c@x\n@^beta d@x\n@ e@x\n@^ f@x\n\t@alpha @^beta g@x";
    assert_eq!(words(lines), ["a@x", "d@x", "f@x", "g@x"]);
    assert_eq!(
        words_as("beta", lines, &Tree::default()),
        ["b@x", "c@x", "f@x"]
    );
}

#[test]
fn a_line_for_another_director_takes_its_braces_with_it() {
    assert_eq!(words("a@x\n@beta }\nb@x"), ["a@x", "b@x"]);
}

#[test]
fn definitions_are_looked_up_where_they_are_used() {
    let lines = "$BASE=a${SUB}\n$SUB=0\n${BASE}@x\n$SUB=1\n${BASE}@x\n$WHOLE=${BASE}@y\n$WHOLE";
    assert_eq!(words(lines), ["a0@x", "a1@x", "a1@y"]);
}

/// What a sequence names is another value in every round, and the last one thereafter.
#[test]
fn a_sequence_that_a_definition_makes_is_the_same_each_time() {
    let lines = "$ALL=~LST(P, a, b) ${P}@x\n$ALL\n$ALL\n  $ALL";
    let once = ["a@x", "b@x"];
    assert_eq!(words(lines), [once, once, once].concat());
}

#[test]
fn what_is_replaced_and_what_is_text() {
    let lines =
        "$A=a@x  # not this\n$EMPTY=\n$EMPTY b@x\n$A\n\"${A}\"\n${EMPTY}c@x\n\"Not $A here <d@x>\"";
    let told = words(lines);
    assert_eq!(told[..4], ["b@x", "a@x", "a@x", "c@x"]);
    assert!(told[4].contains("Not a@x here"), "{told:?}");
}

#[test]
fn definitions_of_several_lines() {
    let lines = "$L= \\\n  a@x \\\n  # nothing \\\n  b@x # c \\\n  @beta c@x \\\n  $Q=d \\\n  ${Q}@x\n$L\n${Q}${Q}@x";
    assert_eq!(words(lines), ["a@x", "b@x", "d@x", "dd@x"]);
}

#[test]
fn an_empty_line_ends_a_definition_unless_it_goes_on() {
    assert_eq!(words("$L= \\\n  a@x \\\n\nb@x\n$L"), ["b@x", "a@x"]);
    assert_eq!(
        words("$L= \\\n  a@x \\\n\n  c@x \\\n  d@x\nb@x\n$L"),
        ["b@x", "a@x", "c@x", "d@x"]
    );
}

#[test]
fn the_example_of_the_manual_goes_on_behind_empty_lines() {
    let text = "\
$RS= \\
real_server 192.168.${VS_NUM}.${RS_NUM} 80 { \\
    weight 1 \\
    MISC_CHECK { \\
        misc_path \"${_PWD}/vs.sh ${RS_NUM}\" \\
    } \\

    inhibit_on_failure \\

}
$VS= \\
virtual_server 10.0.${VS_NUM}.4 80 { \\
    protocol TCP \\
    quorum 2 \\
    $ALPHA \\
    $RS_NUM=1 \\
    $RS \\
    $RS_NUM=2 \\
    $RS \\
    $RS_NUM=3 \\
    $RS \\
}
$VS_NUM=0
$ALPHA=alpha
$VS
$VS_NUM=1
$ALPHA=
$VS
";
    let loaded = read_as("", text, &Tree::default());
    assert_eq!(codes(&loaded), []);
    let model = loaded.model.expect("a model");
    let servers: Vec<_> = model
        .virtual_servers
        .iter()
        .map(|server| server.real_servers.len())
        .collect();
    assert_eq!(servers, [3, 3]);
    let alpha: Vec<_> = model
        .virtual_servers
        .iter()
        .map(|server| server.alpha)
        .collect();
    assert_eq!(alpha, [true, false]);
    assert!(
        model
            .scripts
            .iter()
            .any(|script| script.argv == ["/etc/keepalived/vs.sh", "3"])
    );
}

#[test]
fn a_block_in_the_middle_of_a_line() {
    let text = "$CHECK= \\\nTCP_CHECK { \\\n connect_timeout ${T} \\\n}\n$T=3\nvirtual_server 10.0.0.1 80 {\nprotocol TCP\n~SEQ(N, 2, 9) real_server 10.0.0.${N} 80 { $CHECK }\n}\n";
    let loaded = read_as("", text, &Tree::default());
    assert_eq!(codes(&loaded), []);
    let model = loaded.model.expect("a model");
    let servers = &model.virtual_servers[0].real_servers;
    assert_eq!(servers.len(), 8);
    assert!(servers.iter().all(|server| server.checks.len() == 1));
    assert!(servers.iter().all(|server| server.origin.line == 8));
}

#[test]
fn a_condition_that_a_definition_brings() {
    assert_eq!(
        words("$IF=@alpha\n$NOT=@^alpha\n$IF a@x\n$NOT b@x"),
        ["a@x"]
    );
    assert_eq!(
        words("@alpha $A=a\n@beta $A=b\n@beta $L= \\\n c@x \\\n d@x\n${A}@x\n"),
        ["a@x"]
    );
}

#[test]
fn sequences() {
    assert_eq!(words("~SEQ(N,1,3) a${N}@x"), ["a1@x", "a2@x", "a3@x"]);
    assert_eq!(
        words("~SEQ( N , 5 , -2 , 1 ) a${N}@x"),
        ["a5@x", "a3@x", "a1@x"]
    );
    assert_eq!(words("~SEQ(N,2)a${N}@x"), ["a1@x", "a2@x"]);
    assert_eq!(words("~SEQ(N,-2)a${N}@x"), ["a-1@x", "a-2@x"]);
    assert_eq!(
        words("~SEQx (N,0x90,0x10,0xb0) a${N}@x"),
        ["a90@x", "aa0@x", "ab0@x"]
    );
    assert_eq!(
        words("$E=2\n~SEQ(N,1,${E}) a${N}@x\nb${N}@x"),
        ["a1@x", "a2@x", "b2@x"]
    );
    let nested = words("~SEQ(A,1,2) ~SEQ(B,3,4) a${A}${B}@x");
    assert_eq!(nested, ["a13@x", "a14@x", "a23@x", "a24@x"]);
}

#[test]
fn lists() {
    let pairs = words("~LST({IP, IP1}, {10,1},{20,4}) ~SEQ(N,1,2) a${IP}.${IP1}.${N}@x");
    assert_eq!(pairs, ["a10.1.1@x", "a10.1.2@x", "a20.4.1@x", "a20.4.2@x"]);
    assert_eq!(words("~LST(A, b , c,d) ${A}@x"), ["b@x", "c@x", "d@x"]);
    assert_eq!(words("@alpha ~LST(A,b) @^beta ${A}@x"), ["b@x"]);
}

#[test]
fn predefined() {
    let text = "global_defs {\nrouter_id \"${_INSTANCE} ${_PWD} ${_HASH}${_BANG} ${_ENV SITE}\" # c\n}\nvirtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_server 10.0.0.2 80\n{\n}\n}";
    let id = |text: &str| {
        let loaded = read_as("alpha", text, &Tree::default());
        let told = loaded.diagnostics.render(config::diagnostic::Style::Plain);
        loaded.model.expect(&told).global.router_id
    };
    assert_eq!(id(text).as_deref(), Some("alpha /etc/keepalived #! a#b!"));
    let unquoted = text
        .replace('"', "")
        .replace("${_INSTANCE} ${_PWD} ", "")
        .replace(" ${_ENV SITE}", "x");
    assert_eq!(id(&unquoted).as_deref(), Some("#!x"));
}

#[test]
fn random_numbers_come_again_with_a_seed() {
    let numbers = |seed: &str| {
        let lines = "~SEQ(N,1,50) a${_RANDOM 3 5}b${_RANDOM}b${_RANDOM 40000}@x";
        let text = format!(
            "global_defs {{\nsmtp_server 10.0.0.1\n{seed}\nnotification_email {{\n{lines}\n}}\n}}\n"
        );
        let model = read_as("", text, &Tree::default()).model.expect("a model");
        let to = model.global.mail.recipients;
        to.iter()
            .map(|mailbox| mailbox.to_string())
            .collect::<Vec<_>>()
    };
    let first = numbers("random_seed 5");
    assert_eq!(first, numbers("random_seed 5"));
    assert_ne!(first, numbers("random_seed 6"));
    for digit in ["a3b", "a4b", "a5b"] {
        assert!(first.iter().any(|mailbox| mailbox.starts_with(digit)));
    }
    assert!(first.iter().all(|mailbox| {
        mailbox[1..2]
            .parse::<u8>()
            .is_ok_and(|digit| (3..=5).contains(&digit))
    }));
}

#[test]
fn files_are_included_from_their_own_folders() {
    let files = tree(&[
        (
            "conf.d/a.conf",
            "a@x\ninclude sub/b.conf\n\"${_PWD}@x\"\n$DEFINED=d@x",
        ),
        ("conf.d/sub/b.conf", "\u{feff}b@x\r\n"),
        ("conf.d/sub/c.conf", "c@x"),
    ]);
    let found = words_as("alpha", "include conf.d/a.conf\n$DEFINED\n", &files);
    assert_eq!(found[..2], ["a@x", "b@x"]);
    assert!(found[2].contains("/etc/keepalived/conf.d"), "{found:?}");
    assert_eq!(found[3], "d@x");
    let several = words_as(
        "",
        "include conf.d/sub/*\ninclude \"conf.d/sub/{c,none,b}.conf\"",
        &files,
    );
    assert_eq!(several, ["b@x", "c@x", "c@x", "b@x"]);
    let made = words_as(
        "alpha",
        "$D=conf.d\n@alpha include ${D}/sub/b.conf\n@beta include absent\n~LST(F,b,c) include $D/sub/${F}.conf\n~LST(F,b,c) include ${D}/sub/${F}.conf",
        &files,
    );
    assert_eq!(made, ["b@x", "b@x", "c@x"]);
}

#[test]
fn a_block_may_end_in_another_file() {
    let files = tree(&[
        ("open.conf", "virtual_server 10.0.0.1 80 {\nprotocol TCP\n"),
        ("inner.conf", "real_server 10.0.0.2 80\n"),
        ("close.conf", "{\nweight 3\n}\n}\n"),
    ]);
    let loaded = read_as(
        "",
        "include open.conf\ninclude inner.conf\ninclude close.conf\n",
        &files,
    );
    assert_eq!(codes(&loaded), []);
    let model = loaded.model.expect("a model");
    assert_eq!(
        model.files,
        ["main.conf", "open.conf", "inner.conf", "close.conf"]
    );
    let server = &model.virtual_servers[0];
    assert_eq!((server.origin.file, server.origin.line), (1, 1));
    let server = &server.real_servers[0];
    assert_eq!(
        (server.weight.0, server.origin.file, server.origin.line),
        (3, 2, 1)
    );
}

#[test]
fn a_file_that_is_included_twice_is_one_file_with_two_ways_to_it() {
    let files = tree(&[("server.conf", "real_server 10.0.0.${N} 80 {\nweigth 3\n}\n")]);
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\n$N=2\ninclude server.conf\n$N=3\ninclude server.conf\n}\n";
    let loaded = read_as("", text, &files);
    assert_eq!(codes(&loaded), [Code::UnknownWord, Code::UnknownWord]);
    let lines: Vec<_> = loaded.diagnostics.lines().map(|line| line.text).collect();
    assert!(lines[0].starts_with("server.conf:2:1: "), "{lines:?}");
    assert!(
        lines[0].ends_with("(included here: main.conf:4)"),
        "{lines:?}"
    );
    assert!(
        lines[1].ends_with("(included here: main.conf:6)"),
        "{lines:?}"
    );
}

#[test]
fn without_files_an_include_is_an_error() {
    let loaded = config::parse(Sources::from_text("a.conf", "include b.conf\n"));
    assert_eq!(codes(&loaded), [Code::Unreadable]);
}

#[test]
fn a_secret_is_hidden_in_the_definition_that_it_comes_from() {
    let text = "$PASS=geheim77\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 5\nauthentication {\nauth_type PASS\nauth_pass $PASS too many\n}\n}\n";
    let loaded = read_as("", text, &Tree::default());
    let told = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    assert!(!told.is_empty() && !told.contains("geheim"), "{told}");
}

#[test]
fn bytes_that_are_no_text() {
    let comment = b"$A=1 # caf\xe9\nglobal_defs { router_id ${A} }\n".to_vec();
    let loaded = read_as("", comment, &Tree::default());
    assert!(!codes(&loaded).contains(&Code::NotUtf8));
    let value = b"$A=caf\xe9\nglobal_defs { router_id ${A} }\n".to_vec();
    assert!(codes(&read_as("", value, &Tree::default())).contains(&Code::NotUtf8));
}

#[test]
fn carriage_returns_tabs_and_braces_anywhere() {
    let text = "\u{feff}$N=2\r\n$L= \\\r\n\tprotocol TCP\\\r\n\tlb_algo rr\r\nvirtual_server 10.0.0.1 80{\r\n\t$L\r\nreal_server\t10.0.0.${N} 80{weight 2}}\r\n";
    let loaded = read_as("", text, &Tree::default());
    assert_eq!(codes(&loaded), []);
    assert_eq!(
        loaded.model.expect("a model").virtual_servers[0]
            .real_servers
            .len(),
        1
    );
}

#[test]
fn a_sequence_without_an_end() {
    let text = "$A=1\n~SEQ(N,1,9223372036854775807)\n";
    let loaded = read_as("", text, &Tree::default());
    assert_eq!(codes(&loaded), [Code::TooLarge]);
    let line = loaded.diagnostics.lines().next().expect("a line").text;
    assert!(line.starts_with("main.conf:2:1: "), "{line}");
}

#[test]
fn nesting_without_an_end() {
    let sequences = format!("{} a\n", "~SEQ(N,1,1) ".repeat(10_000));
    let definitions: String = (1..10_000)
        .map(|n| format!("$A{n}=${{A{}}}\n", n - 1))
        .collect();
    let definitions = format!("$A0=x\n{definitions}router_id ${{A9999}}\n");
    let braces = format!("$A=1\n{}{}", "a {\n".repeat(100_000), "}\n".repeat(100_000));
    let conditions = format!("{} a\n", "@alpha ".repeat(100_000));
    for text in [sequences, definitions] {
        assert_eq!(
            codes(&read_as("", text, &Tree::default())),
            [Code::TooLarge]
        );
    }
    for text in [braces, conditions] {
        assert!(read_as("alpha", text, &Tree::default()).model.is_none());
    }
}

#[test]
fn a_line_of_ten_megabytes() {
    let mega = 1 << 20;
    for (long, length) in [
        ("${A} ", 10 * mega),
        ("a ", 10 * mega),
        ("$", mega),
        ("~SEQ(", mega),
        ("@", mega),
        ("\"", mega),
        ("{", mega),
        ("include ", mega),
    ] {
        let text = format!("$A=1\n{}\n", long.repeat(length / long.len()));
        assert!(
            read_as("", text, &Tree::default()).model.is_none(),
            "{long}"
        );
    }
}

/// A list, and what begins and does not end, are gone through once.
#[test]
fn what_is_long_is_not_gone_through_again_and_again() {
    let list = format!("~LST(A{}) router_id ${{A}}", ",v".repeat(500_000));
    let variables = "${_ENV ".repeat(300_000);
    for text in [list, variables] {
        assert!(read_as("", text, &Tree::default()).model.is_none());
    }
}

/// Each line may try 10,000 names, and there may be many such lines.
#[test]
fn names_of_files_without_an_end() {
    let many = format!("include {}\n", "{a,b}".repeat(13));
    let loaded = read_as("", many.repeat(100), &Tree::default());
    let lines: Vec<_> = loaded.diagnostics.lines().collect();
    let last = lines.last().expect("a line");
    assert!(last.text.contains("200000 names of files"), "{}", last.text);
    assert!(last.text.starts_with("main.conf:25:9: "), "{}", last.text);
    let long = format!(
        "include {{{}}}{}\n",
        "a,".repeat(9_000),
        "b".repeat(1 << 20)
    );
    let loaded = read_as("", long, &Tree::default());
    assert_eq!(codes(&loaded), [Code::TooLarge]);
}

/// `}` in many numbers, and blocks without it, say nothing of an indentation.
#[test]
fn more_blocks_without_an_end_than_are_looked_for() {
    let loaded = read_as("", "a {\n".repeat(5_000), &Tree::default());
    assert!(codes(&loaded).contains(&Code::UnclosedBlock), "{loaded:?}");
}

#[test]
fn files_that_include_each_other_more_and_more() {
    let files = tree(&[
        ("a", "include b\ninclude b\n"),
        ("b", "include c\ninclude c\n"),
        ("c", "include d\ninclude d\n"),
        ("d", ""),
    ]);
    let loaded = read_as("", "~SEQ(N,1,100000) include a\n", &files);
    assert!(codes(&loaded).contains(&Code::TooLarge));
}

#[test]
fn the_command_line_says_which_director_this_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("main.conf");
    let included = folder.path().join("conf.d");
    std::fs::create_dir(&included).expect("a folder");
    std::fs::write(
        &file,
        "global_defs {\n@one router_id first\n@two router_id second\n}\ninclude conf.d/*.conf\n",
    )
    .expect("to write");
    std::fs::write(
        included.join("a.conf"),
        "virtual_server 10.0.0.1 80 {\nprotocol TCP\n",
    )
    .expect("to write");
    std::fs::write(included.join("b.conf"), "sorry_server 10.0.0.2 80\n}\n").expect("to write");
    std::fs::write(included.join(".hidden.conf"), "no word\n").expect("to write");
    let dump = |options: &[&str]| {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_ipvsd"));
        check.arg("check").arg("--dump").args(options).arg(&file);
        let output = check.output().expect("a program that runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(dump(&["-i", "one"]).contains("first"));
    assert!(dump(&["--config-id=two"]).contains("second"));
    let neither = dump(&[]);
    assert!(!neither.contains("first") && !neither.contains("second"));
    assert!(neither.contains("sorry_server 10.0.0.2 80"));
}

#[test]
fn a_wildcard_needs_no_match_and_a_file_that_includes_itself_is_told_by_any_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("main.conf");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("x")).expect("a link");
    std::fs::write(&file, "include none/*\ninclude x/main.conf\n").expect("to write");
    assert_eq!(codes(&config::load(&file)), [Code::IncludeCycle]);
}
