//! The demo shows what it says, and notices when it does not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn demo(ipvsd: &str) -> Output {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo.sh"))
        .env("IPVSD_BIN", ipvsd)
        .stdin(Stdio::null())
        .output()
        .expect("examples/demo.sh")
}

#[test]
fn it_goes_as_told() {
    let output = demo(env!("CARGO_BIN_EXE_ipvsd"));
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("director1# ipvsadm -Ln\n"), "{printed}");
    assert!(printed.contains("9. ipvsd ends"), "{printed}");
    in_the_readme_as_printed(&printed);
}

/// What the README shows of it are lines that it prints, in this order; pids, times
/// and the like may differ.
fn in_the_readme_as_printed(printed: &str) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, shown) = readme.split_once("$ examples/demo.sh\n").unwrap();
    let (shown, _) = shown.split_once("$ tests/run.sh\n").unwrap();
    let whole = printed;
    let mut printed = printed.lines().map(without_numbers);
    for line in shown.lines().filter(|line| *line != "…") {
        let wanted = without_numbers(line);
        assert!(
            printed.any(|line| line == wanted),
            "the README has a line that the demo does not print (or not here):\n{line}\n\n{whole}"
        );
    }
}

/// The line with every number and the date of the log replaced, and each gap between
/// words one blank wide.
fn without_numbers(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = match words.as_slice() {
        // A line of a director's log, whose date is five words.
        [director, "|", log @ ..] => [&[*director, "|"], log.get(5..).unwrap_or(log)]
            .concat()
            .join(" "),
        // Of the day that it was sent.
        [">", "Date:", ..] => "> Date:".to_owned(),
        words => words.join(" "),
    };
    let mut text = String::new();
    for character in words.chars() {
        let character = match character {
            '0'..='9' => '0',
            other => other,
        };
        if character != '0' || !text.ends_with('0') {
            text.push(character);
        }
    }
    // Ages have a decimal place while they are small, and how late adverts were is the
    // machine's doing.
    let text = text.replace("0.0 s", "0 s").replace("0 min", "0 s");
    match text.split_once(" sent (") {
        Some((sent, rest)) if sent.starts_with("adverts: ") => {
            let rest = rest.split_once(')').map_or("", |(_, rest)| rest);
            format!("{sent} sent{rest}")
        }
        _ => text,
    }
}

/// A demo that cannot fail shows nothing.
#[test]
fn it_fails_with_an_ipvsd_that_does_nothing() {
    let output = demo("/bin/true");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{printed}");
    assert!(
        printed.contains("This is not what should have happened: ipvsd of director1 has ended"),
        "{printed}"
    );
}
