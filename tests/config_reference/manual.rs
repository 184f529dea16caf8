//! The manual pages: `ipvsd.conf(5)`, whose prose is written by hand, and `ipvsd(8)`, which
//! is made from the options as they are.

use std::fmt::Write as _;
use std::process::Command;

use clap::CommandFactory;
use ipvsd::cli::args::Arguments;
use ipvsd::config::reference::{Fate, Word};

use crate::form::{form, grammar, range};
use crate::pages::{self, ROFF};

const CONFIGURATION: &str = "docs/man/ipvsd.conf.5";
const IN_MEMORY: &str = "a page in memory";
const PROGRAM: &str = "docs/man/ipvsd.8";
const EXIT_STATUS: &str = "\
.SH EXIT STATUS
0: it has ended as it was told to, or the configuration has no errors.
.br
1: the configuration cannot be run, or ipvsd cannot go on; the log says why.
.br
2: the command line is wrong.
.br
5: with
.BR \\-t ,
the configuration cannot be run.
";

#[test]
fn the_manual_page_has_every_word_as_the_table_has_it() {
    let page = pages::read(CONFIGURATION);
    let page = pages::with_places(page, &ROFF, ".SH FILES", |block| {
        format!(".SS {}\n", escaped(block.path))
    });
    let (names, made) = pages::fill(&page, &ROFF, |name| {
        let block = pages::block(name);
        let words: String = block.all().map(entry).collect();
        format!("{}\n{words}", roff(block.about))
    });
    pages::assert_complete(CONFIGURATION, &names);
    pages::hold(CONFIGURATION, &made);
}

#[test]
fn the_manual_page_of_the_program_has_its_options() {
    let command = Arguments::command();
    let manual = clap_mangen::Man::new(command.clone())
        .section("8")
        .date("2026-11-21")
        .manual("System Manager's Manual");
    let mut made = Vec::new();
    manual.render_title(&mut made).expect(IN_MEMORY);
    manual.render_name_section(&mut made).expect(IN_MEMORY);
    manual.render_synopsis_section(&mut made).expect(IN_MEMORY);
    manual
        .render_description_section(&mut made)
        .expect(IN_MEMORY);
    manual.render_options_section(&mut made).expect(IN_MEMORY);
    // They have no pages of their own, to which the library's section would refer.
    made.extend_from_slice(b".SH COMMANDS\n");
    for command in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let heading = format!(".SS {}\n", command.get_name());
        made.extend_from_slice(heading.as_bytes());
        let about = command.get_about().map(ToString::to_string);
        let about = format!("{}.\n", escaped(&about.unwrap_or_default()));
        made.extend_from_slice(about.as_bytes());
        let mut options = Vec::new();
        let manual = clap_mangen::Man::new(command.clone().disable_help_flag(true));
        manual
            .render_options_section(&mut options)
            .expect(IN_MEMORY);
        let options = String::from_utf8(options).expect("UTF-8");
        let of_its_own = options.split_once(".SH OPTIONS\n");
        made.extend_from_slice(of_its_own.map_or("", |(_, rest)| rest).as_bytes());
    }
    made.extend_from_slice(EXIT_STATUS.as_bytes());
    made.extend_from_slice(b".SH SEE ALSO\n.BR ipvsd.conf (5)\n");
    // Blank lines are no part of the language, though there is one before each list.
    let made = String::from_utf8(made).expect("UTF-8");
    pages::hold(PROGRAM, &made.replace("\n\n.br\n", "\n.br\n"));
}

#[test]
fn the_manual_pages_are_well_formed() {
    for page in [CONFIGURATION, PROGRAM] {
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(pages::top().join(page))
            .output()
            .expect("mandoc, which tests/setup.sh installs");
        let told = String::from_utf8_lossy(&lint.stdout);
        assert!(lint.status.success(), "{told}");
    }
}

/// What the page has of a word.
fn entry(word: &'static Word) -> String {
    let mut entry = format!(".TP\n\\fB{}\\fR", escaped(word.name));
    let form = form(word);
    let values = form.strip_prefix(word.name).unwrap_or_default();
    entry.push_str(&escaped(values));
    entry.push('\n');
    let mut sentences = Vec::new();
    match word.fate {
        Fate::Older(today) => sentences.push(format!("Older spelling of `{today}`.")),
        Fate::Gone => sentences.push("A word of older versions, which has no effect.".to_owned()),
        Fate::Served | Fate::Later(_) | Fate::Never(_) => {}
    }
    let ranges = match range(word) {
        none if none.is_empty() => String::new(),
        range => format!("Range: {range}."),
    };
    let default = match word.default {
        "" => String::new(),
        default => format!("Default: {default}."),
    };
    let meaning = match word.meaning {
        "" => String::new(),
        meaning => format!("{}.", capital(meaning.trim_end_matches('.'))),
    };
    let fate = match word.fate {
        Fate::Later("") => "Not served yet.".to_owned(),
        Fate::Later(consequence) => format!("Not served yet: {consequence}."),
        Fate::Never(reason) => format!("Never served: {reason}."),
        Fate::Served | Fate::Older(_) | Fate::Gone => String::new(),
    };
    sentences.extend([meaning, ranges, default, fate]);
    for sentence in sentences.iter().filter(|sentence| !sentence.is_empty()) {
        let _ = writeln!(entry, "{}", roff(sentence));
    }
    if let Some(grammar) = grammar(word) {
        entry.push_str("A line:\n");
        for line in grammar.syntax {
            // So that what goes on from another line does not look like a request.
            let _ = writeln!(entry, ".br\n\\&{}", escaped(line));
        }
        let _ = writeln!(
            entry,
            ".br\nFor example \\fB{}\\fR.",
            escaped(grammar.example)
        );
    }
    entry
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // A word of the configuration keeps its case.
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Text of the reference: words between backquotes are bold, and links are their text.
fn roff(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in unlinked(text).split('`').enumerate() {
        match index % 2 {
            0 => out.push_str(&escaped(part)),
            _ => out.push_str(&format!("\\fB{}\\fR", escaped(part))),
        }
    }
    match out.starts_with(['.', '\'']) {
        true => format!("\\&{out}"),
        false => out,
    }
}

/// `[text](target)` is `text`, with the file that has the section where it is one.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, after)) = after.split_once(')') else {
            break;
        };
        match before.rsplit_once('[') {
            Some((before, label)) => {
                out.push_str(before);
                out.push_str(label);
                // The page has no such section.
                if target.starts_with('#') {
                    out.push_str(" in docs/configuration.md");
                }
            }
            None => out.push_str(&format!("{before}]({target})")),
        }
        rest = after;
    }
    out + rest
}

/// Characters that roff would take for something else.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
