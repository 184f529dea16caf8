use std::time::SystemTime;

use super::*;
use crate::alert::mail::MailText;

const ONE: &str = "one@example.org";
const TWO: &str = "two@example.org";

fn at(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

fn mail(number: u64) -> MailOut {
    MailOut {
        number,
        at: SystemTime::UNIX_EPOCH,
        text: MailText {
            router_id: None,
            subject: format!("news {number}"),
            body: String::new(),
        },
    }
}

/// With these mails, all of them come at the first second.
fn queue(recipients: &[&str], numbers: std::ops::RangeInclusive<u64>) -> Queue {
    let recipients = recipients.iter().map(|&name| name.to_owned()).collect();
    let mut queue = Queue::new("mx:25".into(), recipients);
    for number in numbers {
        queue.push(mail(number), at(1));
    }
    queue
}

/// What is to be tried: the number and for whom.
fn next(queue: &Queue, now: Moment) -> Option<(u64, Vec<String>)> {
    let delivery = queue.next(now)?;
    Some((delivery.mail.number, delivery.to))
}

fn taken(recipient: &str) -> (String, Answer) {
    (recipient.into(), Answer::Taken)
}

fn later(recipient: &str) -> (String, Answer) {
    (recipient.into(), Answer::Later("450 busy".into()))
}

fn never(recipient: &str) -> (String, Answer) {
    (recipient.into(), Answer::Never("550 no such user".into()))
}

/// What was told, in words, without what is done.
fn told(queue: &mut Queue) -> Vec<String> {
    let news = queue.take_news().into_iter();
    news.filter_map(|news| match news {
        News::Told(event) => Some(event.to_string()),
        News::Done(_) => None,
    })
    .collect()
}

#[test]
fn mails_go_out_in_their_order() {
    let mut queue = queue(&[ONE, TWO], 1..=2);
    assert_eq!(next(&queue, at(1)), Some((1, vec![ONE.into(), TWO.into()])));
    queue.on_attempt(1, Ok(vec![taken(ONE), taken(TWO)]), at(1));
    assert_eq!(next(&queue, at(1)).unwrap().0, 2);
    queue.on_attempt(2, Ok(vec![taken(ONE), taken(TWO)]), at(1));
    assert_eq!(next(&queue, at(1)), None);
    assert_eq!(queue.wake(at(1)), None);
    assert_eq!(queue.take_news(), [News::Done(1), News::Done(2)]);
    assert_eq!(queue.status().sent, 2);
}

#[test]
fn a_server_in_trouble_is_tried_after_growing_pauses_and_nothing_overtakes() {
    let mut queue = queue(&[ONE], 1..=2);
    let mut now = at(1);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(next(&queue, now).unwrap().0, 1);
        queue.on_attempt(1, Err("connection refused".into()), now);
        let wake = queue.wake(now).unwrap();
        pauses.push((wake - now).as_secs());
        assert_eq!(next(&queue, now), None);
        // What comes meanwhile waits as well.
        queue.push(mail(10 + pauses.len() as u64), now);
        assert_eq!(next(&queue, now), None);
        now = wake;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let all = [1, 2, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    assert_eq!(queue.numbers(), all);
    assert_eq!(
        queue.status().trouble.as_deref(),
        Some("connection refused")
    );
    for number in all {
        assert_eq!(next(&queue, now).unwrap().0, number);
        queue.on_attempt(number, Ok(vec![taken(ONE)]), now);
    }
    assert_eq!(
        told(&mut queue),
        [
            "Mail waits: mx:25: connection refused; 2 in the queue, it is tried again",
            "Mail flows again: mx:25 has taken everything, after 243 s",
        ]
    );
    assert_eq!(queue.status().trouble, None);
}

#[test]
fn who_cannot_be_given_a_mail_keeps_nobody_else_from_it() {
    let mut queue = queue(&[ONE, TWO], 1..=2);
    queue.on_attempt(1, Ok(vec![later(ONE), taken(TWO)]), at(1));
    // The second mail goes to the other one at once, and the first is not repeated there.
    assert_eq!(next(&queue, at(1)), Some((2, vec![TWO.into()])));
    queue.on_attempt(2, Ok(vec![taken(TWO)]), at(1));
    assert_eq!(next(&queue, at(1)), None);
    assert_eq!(queue.wake(at(1)), Some(at(2)));
    assert_eq!(next(&queue, at(2)), Some((1, vec![ONE.into()])));
    queue.on_attempt(1, Ok(vec![later(ONE)]), at(2));
    assert_eq!(next(&queue, at(3)), None);
    queue.push(mail(3), at(3));
    assert_eq!(next(&queue, at(3)), Some((3, vec![TWO.into()])));
    queue.on_attempt(3, Ok(vec![taken(TWO)]), at(3));
    for number in 1..=3 {
        assert_eq!(next(&queue, at(4)), Some((number, vec![ONE.into()])));
        queue.on_attempt(number, Ok(vec![taken(ONE)]), at(4));
    }
    assert_eq!(
        told(&mut queue),
        [
            "Mail waits: mx:25: for one@example.org: 450 busy; 2 in the queue, it is tried again",
            "Mail flows again: mx:25 has taken everything, after 3 s",
        ]
    );
}

#[test]
fn who_is_refused_is_told_and_the_others_get_it() {
    let mut queue = queue(&[ONE, TWO], 1..=2);
    queue.on_attempt(1, Ok(vec![never(ONE), taken(TWO)]), at(1));
    queue.on_attempt(2, Ok(vec![never(ONE), never(TWO)]), at(1));
    let dropped = |number, recipient: &str| {
        News::Told(MailEvent::Dropped {
            subjects: vec![format!("news {number}")],
            why: format!("for {recipient}: 550 no such user"),
        })
    };
    assert_eq!(
        queue.take_news(),
        [
            dropped(1, ONE),
            News::Done(1),
            dropped(2, ONE),
            dropped(2, TWO),
            News::Done(2)
        ]
    );
    let status = queue.status();
    assert_eq!((status.sent, status.dropped, status.waiting), (1, 1, 0));
}

#[test]
fn of_too_many_the_oldest_is_dropped_and_told() {
    let most = MOST_WAITING as u64;
    let mut queue = queue(&[ONE], 1..=most);
    assert_eq!(queue.take_news(), []);
    queue.push(mail(most + 1), at(2));
    let dropped = MailEvent::Dropped {
        subjects: vec!["news 1".into()],
        why: "more than 1000 mails wait".into(),
    };
    assert_eq!(queue.take_news(), [News::Told(dropped), News::Done(1)]);
    // What the server says of it meanwhile changes nothing.
    queue.on_attempt(1, Ok(vec![taken(ONE)]), at(2));
    assert_eq!(queue.take_news(), []);
    assert_eq!(next(&queue, at(2)).unwrap().0, 2);
    assert_eq!(queue.status().waiting, most);
}

#[test]
fn what_waits_is_told_each_hour_and_dropped_after_a_day() {
    let mut queue = queue(&[ONE], 1..=1);
    queue.on_attempt(1, Err("connection refused".into()), at(1));
    assert_eq!(told(&mut queue).len(), 1);
    let day = 24 * 3600;
    let mut now = at(1);
    let mut reminders = 0;
    while let Some(wake) = queue.wake(now) {
        assert!(wake > now);
        now = wake;
        queue.on_time(now);
        reminders += told(&mut queue)
            .iter()
            .filter(|told| told.starts_with("Mail waits"))
            .count();
        if next(&queue, now).is_some() {
            queue.on_attempt(1, Err("no answer".into()), now);
        }
    }
    assert_eq!(now, at(1 + day));
    assert_eq!(reminders, 23);
    let status = queue.status();
    assert_eq!((status.sent, status.dropped, status.waiting), (0, 1, 0));
    assert_eq!(status.trouble, None);
}

#[test]
fn what_is_too_old_is_dropped_in_words() {
    let mut queue = queue(&[ONE], 1..=1);
    queue.on_attempt(1, Err("connection refused".into()), at(1));
    queue.take_news();
    queue.on_time(at(1 + 24 * 3600));
    let dropped = MailEvent::Dropped {
        subjects: vec!["news 1".into()],
        why: "not taken within 24 h: connection refused".into(),
    };
    assert_eq!(queue.take_news(), [News::Told(dropped), News::Done(1)]);
}

#[test]
fn after_a_reload_what_waits_goes_to_the_new_recipients_at_once() {
    let mut queue = queue(&[ONE, TWO], 1..=1);
    queue.on_attempt(1, Ok(vec![taken(ONE), later(TWO)]), at(1));
    assert_eq!(next(&queue, at(1)), None);
    let three = "three@example.org".to_owned();
    queue.configure("other:25".into(), vec![ONE.into(), three.clone()]);
    assert_eq!(next(&queue, at(1)), Some((1, vec![three])));
    queue.take_news();
    queue.configure("other:25".into(), Vec::new());
    assert_eq!(next(&queue, at(1)), None);
    assert_eq!(queue.take_news(), [News::Done(1)]);
}

#[test]
fn without_recipients_it_is_said_that_nobody_is_told() {
    let mut queue = queue(&[ONE], 1..=1);
    queue.configure("mx:25".into(), Vec::new());
    let dropped = MailEvent::Dropped {
        subjects: vec!["news 1".into()],
        why: "nobody is to be told by mail any more".into(),
    };
    assert_eq!(queue.take_news(), [News::Told(dropped), News::Done(1)]);
}

#[test]
fn in_a_hurry_no_pause_is_waited_for() {
    let mut queue = queue(&[ONE, TWO], 1..=2);
    queue.on_attempt(1, Ok(vec![later(ONE), taken(TWO)]), at(1));
    queue.on_attempt(2, Err("no answer".into()), at(1));
    assert_eq!(next(&queue, at(1)), None);
    queue.hurry();
    assert_eq!(next(&queue, at(1)), Some((1, vec![ONE.into()])));
    assert_eq!(queue.numbers(), [1, 2]);
}
