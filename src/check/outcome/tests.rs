//! Names and texts, as the manual has them.

use super::*;

/// One of every failure with its name and text, as the manual has them.
fn table() -> Vec<(FailureKind, &'static str, &'static str)> {
    use FailureKind::*;
    let three = Duration::from_secs(3);
    vec![
        (
            ConnectionRefused,
            "connection-refused",
            "connection refused",
        ),
        (
            ConnectTimeout(three),
            "connect-timeout",
            "no connection within 3 s",
        ),
        (
            ConnectionReset,
            "connection-reset",
            "connection reset by the server",
        ),
        (NoRoute, "no-route", "no route to host"),
        (
            NetworkUnreachable,
            "network-unreachable",
            "network unreachable",
        ),
        (
            NetworkError(Errno(libc::ETIMEDOUT)),
            "network-error",
            "network error: Connection timed out (ETIMEDOUT)",
        ),
        (
            AnswerTimeout(Duration::from_millis(250)),
            "answer-timeout",
            "no answer within 0.25 s",
        ),
        (
            AnswerIncomplete {
                within: three,
                received: 17,
            },
            "answer-incomplete",
            "answer not complete within 3 s (17 bytes came)",
        ),
        (
            ClosedWithoutAnswer,
            "closed-without-answer",
            "closed without an answer",
        ),
        (
            ClosedEarly { received: 5 },
            "closed-early",
            "closed before the answer was complete (5 bytes came)",
        ),
        (
            WrongStatus {
                status: 503,
                wanted: StatusCodes(vec![200..=299, 404..=404]),
            },
            "wrong-status",
            "status 503 (wanted 200-299 404)",
        ),
        (
            WrongDigest {
                digest: Digest([10; 16]),
                wanted: Digest([0xff; 16]),
            },
            "wrong-digest",
            "digest 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a \
             (wanted ffffffffffffffffffffffffffffffff)",
        ),
        (
            MalformedAnswer("no status".into()),
            "malformed-answer",
            "malformed answer: no status",
        ),
        (
            HeaderTooLarge(32768),
            "header-too-large",
            "header larger than 32768 bytes or 256 lines",
        ),
        (
            AnswerTooLarge(64 << 20),
            "answer-too-large",
            "answer larger than 64 MiB",
        ),
        (
            ScriptFailed(7),
            "script-failed",
            "script ended with status 7",
        ),
        (
            ScriptTimeout(three),
            "script-timeout",
            "script killed after 3 s",
        ),
        (
            ScriptSignalled(9),
            "script-signalled",
            "script ended by SIGKILL",
        ),
        (
            ScriptNotRun("no such user".into()),
            "script-not-run",
            "script not run: no such user",
        ),
        (
            OutOfDescriptors(Errno(libc::EMFILE)),
            "out-of-descriptors",
            "out of descriptors (EMFILE)",
        ),
        (
            OutOfMemory(Errno(libc::ENOMEM)),
            "out-of-memory",
            "out of memory (ENOMEM)",
        ),
        (
            AddressNotAvailable(Errno(libc::EADDRNOTAVAIL)),
            "address-not-available",
            "local address or port not available (EADDRNOTAVAIL)",
        ),
        (
            NotPermitted(Errno(libc::EPERM)),
            "not-permitted",
            "not permitted: is there a packet filter on this machine? (EPERM)",
        ),
        (
            NoSuchDevice(Errno(libc::ENODEV)),
            "no-such-device",
            "no such network device (ENODEV)",
        ),
        (
            LocalError(Errno(libc::EINVAL)),
            "local-error",
            "local error: Invalid argument (EINVAL)",
        ),
        (
            Unsendable("a blank".into()),
            "unsendable",
            "not sent: a blank",
        ),
        (Internal("lost".into()), "internal", "fault of ipvsd: lost"),
    ]
}

#[test]
fn every_failure_has_its_own_name_and_text() {
    let mut names = std::collections::HashSet::new();
    for (kind, name, text) in table() {
        assert_eq!(kind.name(), name);
        assert_eq!(kind.to_string(), text);
        assert!(names.insert(name), "{name} twice");
        let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(kebab, "{name}");
    }
}

#[test]
fn the_manual_has_every_name() {
    let manual = include_str!("../../../docs/health-checks.md");
    for (_, name, _) in table() {
        assert!(manual.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn failures_survive_the_way_to_another_process() {
    for (kind, ..) in table() {
        let outcome = Outcome::Failure(Failure {
            kind,
            url: Some("/a/../b".into()),
        });
        let bytes = postcard::to_stdvec(&outcome).unwrap();
        assert_eq!(postcard::from_bytes::<Outcome>(&bytes).unwrap(), outcome);
    }
}

#[test]
fn errors_of_this_machine_are_named_as_such() {
    for (errno, local) in [
        (libc::EMFILE, true),
        (libc::EADDRNOTAVAIL, true),
        (libc::EPERM, true),
        (libc::EINVAL, true),
        (libc::ECONNREFUSED, false),
        (libc::EHOSTUNREACH, false),
        (libc::ETIMEDOUT, false),
    ] {
        let kind = FailureKind::from(&std::io::Error::from_raw_os_error(errno));
        assert_eq!(kind.is_local(), local, "{kind}");
    }
}

#[test]
fn a_status_that_sets_a_weight_is_two_or_more() {
    assert_eq!(DynamicStatus::new(1), None);
    assert_eq!(DynamicStatus::new(2).unwrap().weight(), 0);
    assert_eq!(DynamicStatus::new(255).unwrap().weight(), 253);
    assert!(postcard::from_bytes::<DynamicStatus>(&[1]).is_err());
}
