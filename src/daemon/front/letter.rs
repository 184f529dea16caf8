//! A mail as it goes over the wire: addresses, headers and body.
//!
//! Nothing that the configuration or a name in it holds can add a header or a command:
//! control characters become blanks in headers, and an address that has any is none.

use std::time::UNIX_EPOCH;

use lettre::message::header::{Date, HeaderName, HeaderValue, Headers};

use crate::alert::mail::MailOut;

/// The longest header that is sent in one line (RFC 5322 section 2.1.1: 998 with its
/// name). keepalived never folds, and filters that look at lines rely on it.
const LONGEST_LINE: usize = 900;

/// Who is written to, or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// As the configuration has it: `On call <oncall@example.org>`.
    pub written: String,
    /// What the mail server is given: `oncall@example.org`. May be without a domain,
    /// which the server then knows best.
    pub address: String,
}

impl Mailbox {
    /// None where there is nothing in it that can be sent to.
    pub fn parse(written: &str) -> Option<Mailbox> {
        let written = written.trim();
        let address = match written.split_once('<') {
            Some((_, rest)) => rest.strip_suffix('>')?,
            None => written,
        };
        let is_clean = |character: char| {
            !character.is_control() && !character.is_whitespace() && !"<>".contains(character)
        };
        let is_address = !address.is_empty()
            && address.chars().all(is_clean)
            && !written.chars().any(char::is_control);
        is_address.then(|| Mailbox {
            written: written.to_owned(),
            address: address.to_owned(),
        })
    }
}

/// What the mails of a director have in common.
#[derive(Clone, Debug)]
pub struct Letterhead<'a> {
    /// The host's full name.
    pub host: &'a str,
    pub from: &'a Mailbox,
    /// All recipients as they are written, also those that have the mail already.
    pub to: &'a [String],
}

/// Headers and body, in the order in which keepalived sends them, which has neither
/// Message-ID nor User-Agent.
pub fn letter(mail: &MailOut, head: &Letterhead<'_>) -> Vec<u8> {
    let mut headers = Headers::new();
    // The type for dates knows none before 1970.
    headers.set(Date::new(mail.at.max(UNIX_EPOCH)));
    let mut add = |name, value: &str| headers.insert_raw(header(name, value));
    add("From", &head.from.written);
    add("Subject", &mail.text.whole_subject(head.host));
    // Under this name filters know mails about directors.
    add("X-Mailer", "Keepalived");
    add("To", &head.to.join(", "));
    add("Message-ID", &message_id(mail, head));
    add("User-Agent", concat!("ipvsd/", env!("CARGO_PKG_VERSION")));
    if !mail.text.body.is_ascii() {
        add("MIME-Version", "1.0");
        add("Content-Type", "text/plain; charset=utf-8");
        add("Content-Transfer-Encoding", "8bit");
    }
    let mut letter = format!("{headers}\r\n");
    for line in mail.text.body.lines() {
        letter.push_str(line);
        letter.push_str("\r\n");
    }
    letter.into_bytes()
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    let blank = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    let value: String = value.chars().map(blank).collect();
    if value.is_ascii() && value.len() <= LONGEST_LINE {
        return HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value);
    }
    HeaderValue::new(name, value)
}

/// The same for every try, so that a mail that was taken twice (where the server's
/// answer was lost) can be known as one.
fn message_id(mail: &MailOut, head: &Letterhead<'_>) -> String {
    let at = mail.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let domain = head.from.address.rsplit_once('@').map(|(_, domain)| domain);
    format!(
        "<{}.{}.ipvsd@{}>",
        at.as_nanos(),
        mail.number,
        domain.unwrap_or(head.host)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alert::mail::MailText;

    fn mail(router_id: Option<&str>, subject: &str) -> MailOut {
        MailOut {
            number: 7,
            at: UNIX_EPOCH + Duration::from_secs(1_795_264_288),
            text: MailText {
                router_id: router_id.map(str::to_owned),
                subject: subject.into(),
                body: "=> TCP CHECK failed on service <=\n".into(),
            },
        }
    }

    fn written(mail: &MailOut, from: &str, to: &[&str]) -> String {
        let to: Vec<String> = to.iter().map(|&to| to.to_owned()).collect();
        let from = Mailbox {
            written: from.into(),
            address: from.into(),
        };
        let head = Letterhead {
            host: "director1.example.org",
            from: &from,
            to: &to,
        };
        String::from_utf8(letter(mail, &head)).unwrap()
    }

    #[test]
    fn it_is_keepalived_s_with_a_message_id() {
        let subject = "Realserver [10.0.0.2]:tcp:81 of virtual server [10.0.0.80]:tcp:80 - DOWN";
        assert_eq!(
            written(
                &mail(Some("LVS_R1"), subject),
                "lvs@example.com",
                &["one@example.com", "two@example.com"]
            ),
            "Date: Sat, 21 Nov 2026 12:31:28 +0000\r\n\
             From: lvs@example.com\r\n\
             Subject: [LVS_R1] Realserver [10.0.0.2]:tcp:81 of virtual server \
             [10.0.0.80]:tcp:80 - DOWN\r\n\
             X-Mailer: Keepalived\r\n\
             To: one@example.com, two@example.com\r\n\
             Message-ID: <1795264288000000000.7.ipvsd@example.com>\r\n\
             User-Agent: ipvsd/VERSION\r\n\
             \r\n\
             => TCP CHECK failed on service <=\r\n"
                .replace("VERSION", env!("CARGO_PKG_VERSION"))
        );
    }

    #[test]
    fn a_host_without_router_id_speaks_for_itself() {
        let text = written(&mail(None, "x"), "a@b", &["c@d"]);
        assert!(
            text.contains("\r\nSubject: [director1.example.org] x\r\n"),
            "{text}"
        );
    }

    #[test]
    fn no_name_can_add_a_header() {
        let evil = "x\r\nBcc: evil@example.org\r\n\r\nbody";
        let text = written(&mail(Some(evil), evil), evil, &[evil]);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "=> TCP CHECK failed on service <=\r\n");
        assert_eq!(head.split("\r\n").count(), 7, "{text}");
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{text}");
    }

    #[test]
    fn what_is_not_ascii_is_encoded_and_what_is_long_is_folded() {
        let text = written(&mail(Some("B\u{fc}ro"), "x"), "a@b", &["c@d"]);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("\r\nSubject: =?utf-8?b?"), "{text}");
        let many: Vec<String> = (0..300).map(|n| format!("user{n}@example.org")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = written(&mail(None, "x"), "a@b", &many);
        assert!(text.lines().all(|line| line.len() < 998));
        let unfolded = text.replace("\r\n ", " ");
        assert!(
            unfolded.contains("user0@example.org, user1@example.org"),
            "{unfolded}"
        );
        assert!(unfolded.contains(" user299@example.org\r\n"), "{unfolded}");
    }

    #[test]
    fn what_can_be_sent_to_is_found_in_what_is_written() {
        for (written, address) in [
            ("admin@example.org", Some("admin@example.org")),
            ("root", Some("root")),
            ("<admin@example.org>", Some("admin@example.org")),
            ("On call <oncall@example.org>", Some("oncall@example.org")),
            (" admin@example.org ", Some("admin@example.org")),
            ("", None),
            ("<>", None),
            ("a b", None),
            ("On call <oncall@example.org", None),
            ("a@b>\r\nRCPT TO:<c@d", None),
            ("x <a@b\n>", None),
            ("x\r\ny <a@b>", None),
            ("<<a@b>>", None),
        ] {
            let mailbox = Mailbox::parse(written);
            assert_eq!(
                mailbox.map(|mailbox| mailbox.address).as_deref(),
                address,
                "{written:?}"
            );
        }
    }
}
