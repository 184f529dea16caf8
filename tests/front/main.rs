//! The front process before mail servers that do what they should, and before those
//! that do not.

mod process;
mod rights;
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipvsd::config::model::{Mail, SmtpHost};
use ipvsd::daemon::messages::front::ToFront;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::process::{Front, by_way_of, mail, subjects};
use self::server::{Reply, Server, say};

/// A time limit that is waited out.
const SHORT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn mails_go_out_in_order_and_over_one_connection() {
    let server = Server::start(|_| None).await;
    let two = Mail {
        recipients: vec!["one@example.org".into(), "On call <two@example.org>".into()],
        ..by_way_of(server.address)
    };
    let mut front = Front::start(&two, (1..=3).map(mail).collect());
    for number in 4..=6 {
        front.mail(number);
    }
    front.done(6).await;
    assert_eq!(front.done, [1, 2, 3, 4, 5, 6]);
    assert_eq!(front.events, []);
    assert_eq!(server.subjects(), subjects(1..=6));
    let first = &server.mails()[0];
    assert_eq!(first.from, "lvs@example.org");
    assert_eq!(first.to, ["one@example.org", "two@example.org"]);
    for (name, value) in [
        ("Date", "Sat, 21 Nov 2026 12:31:28 +0000"),
        ("From", "lvs@example.org"),
        ("To", "one@example.org, On call <two@example.org>"),
        ("X-Mailer", "Keepalived"),
        ("Message-ID", "<1795264288000000000.1.ipvsd@example.org>"),
    ] {
        assert_eq!(first.header(name), value);
    }
    // As keepalived's, with the empty line at the end.
    assert!(
        first
            .text
            .ends_with("\r\n\r\n=> TCP CHECK failed on service <=\r\n\r\n"),
        "{}",
        first.text
    );
    let status = front.status().await;
    assert_eq!((status.sent, status.waiting, status.dropped), (6, 0, 0));
    assert!(front.stop().await.is_empty());
    // By whether the mails were there before the first connection ended: one or two.
    assert!(server.connections() <= 2, "{}", server.connections());
    let commands = server.commands();
    assert_eq!(commands[0], "EHLO director1.example.org");
    assert_eq!(commands.last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_server_that_greylists_gets_the_mail_again_in_order() {
    let tried = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let first = asked.command.starts_with("RCPT") && tried.fetch_add(1, Ordering::SeqCst) < 2;
        first.then(|| Reply::Say("450 4.2.0 greylisted, come back".into()))
    })
    .await;
    let mut front = Front::start(&by_way_of(server.address), (1..=3).map(mail).collect());
    let delayed = front.told("mail-delayed").await;
    assert_eq!(
        delayed,
        format!(
            "Mail waits: {}: for one@example.org: RCPT: 450 4.2.0 greylisted, come back; 3 in the queue, it is tried again",
            server.address
        )
    );
    let flowing = front.told("mail-flowing").await;
    assert!(flowing.contains("has taken everything"), "{flowing}");
    assert_eq!(server.subjects(), subjects(1..=3));
    assert_eq!(front.done, [1, 2, 3]);
    assert_eq!(front.status().await.trouble, None);
}

#[tokio::test]
async fn a_recipient_who_is_refused_takes_the_mail_from_nobody_else() {
    let server = Server::start(|asked| {
        let refused = asked.command.contains("<two@example.org>");
        refused.then(|| Reply::Say("550 5.1.1 no such user".into()))
    })
    .await;
    let three = Mail {
        recipients: ["one@example.org", "two@example.org", "three@example.org"]
            .map(String::from)
            .to_vec(),
        ..by_way_of(server.address)
    };
    let mut front = Front::start(&three, vec![mail(1)]);
    front.done(1).await;
    assert_eq!(
        server.mails()[0].to,
        ["one@example.org", "three@example.org"]
    );
    let told: Vec<String> = front.events.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["Mail dropped, 1 in all: for two@example.org: RCPT: 550 5.1.1 no such user: news 1"]
    );
    assert_eq!(front.status().await.sent, 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_is_dropped_and_the_next_one_is_sent() {
    for stage in ["MAIL", "RCPT", "DATA", "."] {
        let refusals = AtomicUsize::new(0);
        let server = Server::start(move |asked| {
            let refused =
                asked.command.starts_with(stage) && refusals.fetch_add(1, Ordering::SeqCst) == 0;
            refused.then(|| Reply::Say("554 5.7.1 not here".into()))
        })
        .await;
        let mut front = Front::start(&by_way_of(server.address), vec![mail(1), mail(2)]);
        front.done(2).await;
        assert_eq!(server.subjects(), subjects([2]), "{stage}");
        let status = front.status().await;
        assert_eq!((status.sent, status.dropped), (1, 1), "{stage}");
        let told = front.events[0].to_string();
        assert!(
            told.contains("554 5.7.1 not here: news 1"),
            "{stage}: {told}"
        );
        // The line has served for both.
        assert_eq!(server.connections(), 1, "{stage}");
    }
}

#[tokio::test]
async fn what_a_broken_server_does_delays_the_mail_and_nothing_else() {
    type Misbehave = fn() -> Option<Reply>;
    let cases: [(&str, Misbehave, &str); 12] = [
        (
            "",
            || Some(Reply::Hang),
            "greeting: no answer within 0.15 s",
        ),
        ("", || Some(Reply::Close), "greeting: "),
        ("", || say("garbage"), "greeting: "),
        ("", || say("\u{1b}]0;x\u{7}\u{fffd}"), "greeting: "),
        (
            "",
            || Some(Reply::Flood),
            "greeting: it says too much for a mail server",
        ),
        (
            "",
            || say("554 5.3.2 no service"),
            "greeting: 554 5.3.2 no service",
        ),
        (
            "EHLO",
            || say("421 4.3.2 later"),
            "greeting: 421 4.3.2 later",
        ),
        (
            "MAIL",
            || say("451 4.3.0 no memory"),
            "MAIL: 451 4.3.0 no memory",
        ),
        (
            "RCPT",
            || say("421 4.3.2 closing"),
            "RCPT: 421 4.3.2 closing",
        ),
        ("DATA", || Some(Reply::Close), "DATA: "),
        (
            "DATA",
            || say("250 what data"),
            "DATA: it does not want any",
        ),
        (
            ".",
            || Some(Reply::Hang),
            "end of the mail: no answer within 1.5 s",
        ),
    ];
    // Each waits for something, so they wait together.
    let mut tried = JoinSet::new();
    for (stage, misbehave, why) in cases {
        tried.spawn(async move {
            let done = AtomicUsize::new(0);
            let server = Server::start(move |asked| {
                let here = match stage {
                    "" => asked.command.is_empty(),
                    stage => asked.command.starts_with(stage),
                };
                match here && done.fetch_add(1, Ordering::SeqCst) == 0 {
                    true => misbehave(),
                    false => None,
                }
            })
            .await;
            let impatient = Mail {
                timeout: SHORT,
                ..by_way_of(server.address)
            };
            let mut front = Front::start(&impatient, vec![mail(1), mail(2)]);
            // On a busy machine it may have been impatient before it came so far.
            while !front
                .status()
                .await
                .trouble
                .is_some_and(|trouble| trouble.starts_with(why))
            {}
            front.told("mail-flowing").await;
            assert_eq!(server.subjects(), subjects([1, 2]), "{why}");
            let told = front.events[0].to_string();
            assert!(!told.contains(char::is_control), "{told}");
        });
    }
    while let Some(case) = tried.join_next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn it_hears_core_while_a_server_says_nothing() {
    let server = Server::start(|_| Some(Reply::Hang)).await;
    let mut front = Front::start(&by_way_of(server.address), vec![mail(1)]);
    while server.connections() == 0 {
        front.alive().await;
    }
    front.mail(2);
    let status = front.status().await;
    assert_eq!((status.waiting, status.sent), (2, 0));
    // Nor does it wait for such a server at its end.
    assert_eq!(front.stop().await, [1, 2]);
}

#[tokio::test]
async fn a_server_that_takes_few_mails_on_a_line_gets_more_lines() {
    let server = Server::start({
        let on_line = std::sync::Mutex::new((0, 0));
        move |asked| {
            let mut on_line = on_line.lock().unwrap();
            if on_line.0 != asked.connection {
                *on_line = (asked.connection, 0);
            }
            if asked.command.starts_with("MAIL") {
                on_line.1 += 1;
                if on_line.1 > 2 {
                    return say("421 4.7.0 enough for one line");
                }
            }
            None
        }
    })
    .await;
    let mut front = Front::start(&by_way_of(server.address), (1..=5).map(mail).collect());
    front.done(5).await;
    assert_eq!(server.subjects(), subjects(1..=5));
    assert_eq!(server.connections(), 3);
    assert_eq!(front.events, []);
}

#[tokio::test]
async fn when_an_absent_server_comes_everything_arrives_in_order() {
    // The port of a listener that has gone.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut front = Front::start(&by_way_of(address), vec![mail(1), mail(2)]);
    let told = front.told("mail-delayed").await;
    assert!(told.contains("Connection refused"), "{told}");
    front.mail(3);
    let status = front.status().await;
    assert_eq!(status.waiting, 3);
    assert!(status.trouble.unwrap().contains("Connection refused"));
    let server = Server::start_at(address, |_| None).await;
    front.told("mail-flowing").await;
    assert_eq!(server.subjects(), subjects(1..=3));
}

#[tokio::test]
async fn after_a_reload_what_waits_goes_where_the_new_configuration_says() {
    let hangs = Server::start(|_| Some(Reply::Hang)).await;
    let good = Server::start(|_| None).await;
    let impatient = Mail {
        timeout: SHORT,
        ..by_way_of(hangs.address)
    };
    let mut front = Front::start(&impatient, vec![mail(1), mail(2)]);
    front.told("mail-delayed").await;
    let other = Mail {
        recipients: vec!["other@example.org".into()],
        ..by_way_of(good.address)
    };
    front.send(ToFront::Reload { mail: other });
    front.done(2).await;
    assert_eq!(good.subjects(), subjects([1, 2]));
    assert_eq!(good.mails()[0].to, ["other@example.org"]);
}

#[tokio::test]
async fn a_server_and_this_host_are_known_by_name() {
    let server = Server::start(|_| None).await;
    let mut by_name = Mail {
        from: None,
        helo_name: None,
        ..by_way_of(server.address)
    };
    by_name.server.as_mut().unwrap().host = SmtpHost::Name("localhost".into());
    let mut nameless = mail(1);
    nameless.text.router_id = None;
    let mut front = Front::start(&by_name, vec![nameless]);
    front.done(1).await;
    let mail = &server.mails()[0];
    let host = mail.from.strip_prefix("root@").unwrap();
    assert!(host.starts_with(&ipvsd::sys::host::hostname()), "{host}");
    assert_eq!(mail.subject(), format!("[{host}] news 1"));
    assert_eq!(server.commands()[0], format!("EHLO {host}"));
}

#[tokio::test]
async fn what_is_no_address_is_said_and_the_others_get_the_mail() {
    let server = Server::start(|_| None).await;
    let odd = Mail {
        recipients: vec!["a@b>\r\nRCPT TO:<evil@example.org".into(), "root".into()],
        from: Some("x\r\ny".into()),
        helo_name: Some("x\r\ny".into()),
        ..by_way_of(server.address)
    };
    let mut front = Front::start(&odd, vec![mail(1)]);
    front.done(1).await;
    let mails = server.mails();
    assert_eq!(mails[0].to, ["root"]);
    assert!(mails[0].from.starts_with("root@"));
    assert_eq!(
        mails[0].text.lines().filter(|line| line.is_empty()).count(),
        2
    );
    assert!(front.events[0].to_string().contains("no mail address"));
}

#[tokio::test]
async fn at_the_end_what_a_good_server_takes_is_sent() {
    let refuse = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let server = Server::start({
        let refuse = refuse.clone();
        move |asked| {
            let refused = asked.command.starts_with("MAIL") && refuse.load(Ordering::SeqCst);
            refused.then(|| Reply::Say("451 4.3.0 later".into()))
        }
    })
    .await;
    let mut front = Front::start(&by_way_of(server.address), (1..=3).map(mail).collect());
    front.told("mail-delayed").await;
    refuse.store(false, Ordering::SeqCst);
    // It does not wait for the pause to be over.
    assert!(front.stop().await.is_empty());
    assert_eq!(server.subjects(), subjects(1..=3));
}

#[tokio::test]
async fn without_core_it_ends() {
    let server = Server::start(|_| Some(Reply::Hang)).await;
    let mut front = Front::start(&by_way_of(server.address), vec![mail(1)]);
    front.alive().await;
    assert!(!front.abandon().success());
}

#[tokio::test]
async fn it_is_nobody_and_holds_no_right() {
    let server = Server::start(|_| None).await;
    let mut front = Front::start(&by_way_of(server.address), vec![mail(1)]);
    front.done(1).await;
    let zero = "0000000000000000";
    assert_eq!(
        front.kernel_status(&["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"]),
        [zero; 4]
    );
    // SECCOMP_MODE_FILTER
    assert_eq!(
        front.kernel_status(&["NoNewPrivs:", "Seccomp:"]),
        ["1", "2"]
    );
    if nix::unistd::geteuid().is_root() {
        let nobody = "65534 65534 65534 65534";
        assert_eq!(
            front.kernel_status(&["Uid:", "Gid:", "Groups:"]),
            [nobody, nobody, ""]
        );
    }
}
