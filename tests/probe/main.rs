//! Probes against servers that behave and servers that do not, on loopback in both
//! families. Every outcome is told by its name, within the deadline, with bounded
//! memory.

mod counting;
mod servers;

use std::time::Duration;

use counting::most_allocated;
use ipvsd::check::{FailureKind, Outcome};
use ipvsd::config::model::{HttpUrl, StatusCodes};
use ipvsd::probe;
use servers::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn tcp_succeeds_where_somebody_listens() {
    let outcome = each_family(tcp, LONG, |_| async {}).await;
    assert_eq!(outcome, Outcome::Success);
}

#[tokio::test]
async fn nobody_listening_is_a_refusal() {
    for loopback in LOOPBACKS {
        let address = nobody(loopback).await;
        for spec in [tcp(address), http("/")(address)] {
            let outcome = probe::run(&spec, LONG).await;
            assert_eq!(failure(outcome), FailureKind::ConnectionRefused);
        }
    }
}

#[tokio::test]
async fn no_answer_to_the_handshake_is_a_connect_timeout() {
    // A listener whose queue is full drops further handshakes.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    for _ in 0..4 {
        filling.push(tokio::spawn(TcpStream::connect(address)));
    }
    for spec in [tcp(address), http("/")(address)] {
        // The queue takes a moment to fill: only the state that it ends in counts.
        let mut outcome = Outcome::Success;
        for _ in 0..10 {
            outcome = probe::run(&spec, SHORT).await;
            if outcome.name() == "connect-timeout" {
                break;
            }
        }
        assert_eq!(failure(outcome), FailureKind::ConnectTimeout(SHORT));
    }
    drop(listener);
}

#[tokio::test]
async fn the_request_is_what_keepalived_would_send_with_our_name() {
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let urls = vec![
        url("/a/../b?x=%20"),
        HttpUrl {
            virtual_host: Some("www.example.org".into()),
            ..url("/")
        },
    ];
    let outcome = each_family(with_urls(urls), LONG, move |mut stream| {
        let said = said.clone();
        async move {
            let local = stream.local_addr().unwrap();
            said.send((local, head(&mut stream).await)).unwrap();
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        }
    })
    .await;
    assert_eq!(outcome, Outcome::Success);
    let agent = concat!("User-Agent: ipvsd/", env!("CARGO_PKG_VERSION"));
    for _ in LOOPBACKS {
        let (address, first) = heard.recv().await.unwrap();
        assert_eq!(
            first,
            format!("GET /a/../b?x=%20 HTTP/1.0\r\n{agent}\r\nHost: {address}\r\n\r\n")
        );
        let (_, second) = heard.recv().await.unwrap();
        assert_eq!(
            second,
            format!("GET / HTTP/1.0\r\n{agent}\r\nHost: www.example.org\r\n\r\n")
        );
    }
}

#[tokio::test]
async fn answers_that_are_right_in_every_shape() {
    for answer in [
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nBad Name: x\r\nX : y\r\n folded\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(
            of_answer(answer.as_bytes()).await,
            Outcome::Success,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_body_is_complete_though_the_server_stays() {
    for answer in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    ] {
        let urls = vec![HttpUrl {
            status_codes: StatusCodes(vec![200..=399]),
            later: Vec::new(),
            ..url("/")
        }];
        let outcome = each_family(with_urls(urls), LONG, move |mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            // Stays until the check hangs up.
            let _ = stream.read_u8().await;
        });
        assert_eq!(outcome.await, Outcome::Success, "{answer}");
    }
}

#[tokio::test]
async fn redirects_and_errors_are_answers_with_the_wrong_status() {
    for (answer, status) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            302,
        ),
        ("HTTP/1.0 503 Service Unavailable\r\n\r\ngone", 503),
        ("HTTP/1.0 999 x\r\n\r\n", 999),
    ] {
        match failure(of_answer(answer.as_bytes()).await) {
            FailureKind::WrongStatus {
                status: found,
                wanted,
            } => {
                assert_eq!(found, status);
                assert_eq!(wanted, StatusCodes::default());
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn the_digest_is_that_of_the_body_alone() {
    // printf body | md5sum; md5sum </dev/null
    let body = *b"\x84\x1a\x2d\x68\x9a\xd8\x6b\xd1\x61\x14\x47\x45\x3c\x22\xc6\xfc";
    let nothing = *b"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e";
    for (answer, right, wrong) in [
        ("HTTP/1.0 200 OK\r\n\r\nbody", body, nothing),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            body,
            nothing,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3\r\nody\r\n0\r\n\r\n",
            body,
            nothing,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", nothing, body),
    ] {
        for (digest, name) in [(right, "success"), (wrong, "wrong-digest")] {
            let urls = vec![HttpUrl {
                digest: Some(digest),
                ..url("/")
            }];
            let server = move |stream| say(stream, answer.as_bytes());
            let outcome = each_family(with_urls(urls), LONG, server).await;
            assert_eq!(outcome.name(), name, "{answer}");
        }
    }
}

#[tokio::test]
async fn the_url_that_fails_is_told_and_ends_the_check() {
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let urls = vec![url("/good"), url("/bad"), url("/never")];
    let outcome = each_family(with_urls(urls), LONG, move |mut stream| {
        let said = said.clone();
        async move {
            let request = head(&mut stream).await;
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let answer: &[u8] = match path.as_str() {
                "/bad" => b"HTTP/1.0 500 x\r\n\r\n",
                _ => b"HTTP/1.0 200 x\r\n\r\n",
            };
            said.send(path).unwrap();
            let _ = stream.write_all(answer).await;
        }
    })
    .await;
    assert_eq!(outcome.to_string(), "/bad: status 500 (wanted 200-299)");
    let mut asked = Vec::new();
    while let Ok(path) = heard.try_recv() {
        asked.push(path);
    }
    assert_eq!(asked, ["/good", "/bad", "/good", "/bad"]);
}

#[tokio::test]
async fn a_server_that_closes_too_early() {
    for (answer, name) in [
        ("", "closed-without-answer"),
        ("H", "closed-early"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "closed-early"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed-early"),
    ] {
        assert_eq!(
            of_answer(answer.as_bytes()).await.name(),
            name,
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn where_the_server_closes_the_body_ends() {
    // printf body | md5sum
    let digest = *b"\x84\x1a\x2d\x68\x9a\xd8\x6b\xd1\x61\x14\x47\x45\x3c\x22\xc6\xfc";
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
    ] {
        assert_eq!(of_answer(answer.as_bytes()).await, Outcome::Success);
        let urls = vec![HttpUrl {
            digest: Some(digest),
            ..url("/")
        }];
        let server = move |stream| say(stream, answer.as_bytes());
        assert_eq!(
            each_family(with_urls(urls), LONG, server).await,
            Outcome::Success
        );
    }
}

#[tokio::test]
async fn a_head_of_many_lines_is_read_up_to_a_limit() {
    for (lines, name) in [(200, "success"), (300, "header-too-large")] {
        let answer = format!("HTTP/1.0 200 OK\r\n{}\r\n", "X: y\r\n".repeat(lines));
        let outcome = each_family(http("/"), LONG, move |stream| {
            let answer = answer.clone();
            async move { say(stream, answer.as_bytes()).await }
        });
        assert_eq!(outcome.await.name(), name, "{lines}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_on_the_request() {
    let outcome = each_family(http("/"), LONG, |stream| async move {
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(outcome.await.name(), "connection-reset");
}

#[tokio::test]
async fn answers_that_are_not_http() {
    for answer in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 20x OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\x16\x03\x01\x00\x00",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n",
        "<html>no head at all</html>",
    ] {
        let outcome = of_answer(answer.as_bytes()).await;
        assert_eq!(outcome.name(), "malformed-answer", "{answer:?}: {outcome}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_before_it_is_asked() {
    let outcome = each_family(http("/"), LONG, |mut stream| async move {
        let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n").await;
        let _ = stream.read_u8().await;
    });
    assert_eq!(outcome.await.name(), "malformed-answer");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing() {
    let outcome = each_family(http("/"), SHORT, |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.read_u8().await;
    });
    assert_eq!(failure(outcome.await), FailureKind::AnswerTimeout(SHORT));
}

#[tokio::test]
async fn a_server_that_trickles() {
    for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let outcome = each_family(http("/"), SHORT, move |mut stream| async move {
            head(&mut stream).await;
            let mut answer = start.as_bytes().to_vec();
            answer.extend(b"HTTP/1.1 200 OK: ");
            while stream.write_all(&answer).await.is_ok() {
                answer = b"x".to_vec();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        match failure(outcome.await) {
            FailureKind::AnswerIncomplete { within, received } => {
                assert_eq!(within, SHORT);
                assert!(received > 0);
            }
            other => panic!("{other}"),
        }
    }
}

/// Says `start`, then `again` without end.
async fn flood(start: &'static [u8], again: &'static [u8], timeout: Duration) -> Outcome {
    static ZEROS: [u8; 1 << 16] = [b'0'; 1 << 16];
    each_family(http("/"), timeout, move |mut stream| async move {
        head(&mut stream).await;
        let again = if again.is_empty() { &ZEROS[..] } else { again };
        let mut next = start;
        while stream.write_all(next).await.is_ok() {
            next = again;
        }
    })
    .await
}

#[tokio::test]
async fn floods_are_named_and_bounded() {
    const LINES: &[u8] = b"X: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n";
    for (start, again, name) in [
        // Gigabytes: of body, of header lines, of one header line, of a status line.
        (
            &b"HTTP/1.0 200 OK\r\n\r\n"[..],
            &b""[..],
            "answer-too-large",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n",
            b"",
            "answer-too-large",
        ),
        (b"HTTP/1.1 200 OK\r\n", LINES, "header-too-large"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"", "header-too-large"),
        (b"HTTP/1.1 200 ", b"", "header-too-large"),
    ] {
        let (outcome, most) = most_allocated(flood(start, again, LONG)).await;
        assert_eq!(outcome.name(), name, "{outcome}");
        assert!(most < 1 << 20, "{most} bytes for {name}");
    }
}

#[tokio::test]
async fn small_pieces_without_end_are_bounded_too() {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (start, again) in [
        // Chunks, the size of one chunk, and answers before the answer.
        (CHUNKED, &b""[..]),
        (CHUNKED, &b"4\r\nbody\r\n4\r\nbody\r\n4\r\nbody\r\n"[..]),
        (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ),
    ] {
        let flood = flood(start, again, Duration::from_millis(500));
        let (outcome, most) = most_allocated(flood).await;
        let names = ["answer-incomplete", "answer-too-large", "header-too-large"];
        assert!(names.contains(&outcome.name()), "{outcome}");
        assert!(most < 1 << 20, "{most} bytes");
    }
}
