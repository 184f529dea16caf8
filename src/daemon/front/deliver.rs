//! One try of one mail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::letter::{Letterhead, Mailbox, letter};
use super::line::Line;
use super::names::{Names, is_name};
use crate::alert::mail::queue::{Answer, Attempt, Delivery};
use crate::config::model::{Mail, SmtpHost, SmtpServer};
use crate::sys::host;

/// How long the host's full name is looked for, each time until it is found. Without it
/// a mail goes out under the short one.
const LONGEST_LOOK_FOR_OUR_NAME: Duration = Duration::from_secs(5);

/// What holds for all mails of a configuration.
#[derive(Debug)]
pub struct Settings {
    mail: Mail,
    /// `notification_email_from`, where that can be used.
    from: Option<Mailbox>,
    helo_name: Option<String>,
    full_name: OnceCell<String>,
}

/// What a try has come to.
pub struct Delivered {
    pub number: u64,
    pub attempt: Attempt,
    /// Where another mail can follow.
    pub line: Option<Line>,
    /// With which it was tried.
    pub settings: Arc<Settings>,
}

impl Settings {
    pub fn new(mail: Mail) -> Self {
        let from = mail.from.as_deref().and_then(|written| {
            let from = Mailbox::parse(written);
            if from.is_none() {
                tracing::error!("notification_email_from {written:?} is no mail address: mail comes from root at this host");
            }
            from
        });
        let is_word = |name: &&String| {
            !name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_whitespace())
        };
        let helo_name = mail.helo_name.as_ref().filter(is_word).cloned();
        if helo_name.is_none()
            && let Some(name) = &mail.helo_name
        {
            tracing::error!("smtp_helo_name {name:?} is no host's name: this host's is used");
        }
        Settings {
            mail,
            from,
            helo_name,
            full_name: OnceCell::new(),
        }
    }

    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// The host's full name, by which keepalived calls it as well.
    async fn host(&self, names: &Names) -> String {
        let within = self.mail.timeout.min(LONGEST_LOOK_FOR_OUR_NAME);
        let find = async || names.full_name(&host::hostname(), within).await.ok_or(());
        match self.full_name.get_or_try_init(find).await {
            Ok(name) => name.clone(),
            Err(()) => host::hostname(),
        }
    }

    async fn addresses(&self, names: &Names) -> Result<Vec<SocketAddr>, String> {
        let Some(SmtpServer { host, port }) = &self.mail.server else {
            return Err("no smtp_server is configured".into());
        };
        match host {
            SmtpHost::Address(address) => Ok(vec![(*address, *port).into()]),
            SmtpHost::Name(name) => {
                let found = names.addresses(name, *port, self.mail.timeout).await;
                found.map_err(|error| format!("looking up {name}: {error}"))
            }
        }
    }
}

/// Tries one mail, over this line where there is one.
pub async fn deliver(
    delivery: Delivery,
    line: Option<Line>,
    settings: Arc<Settings>,
    names: Names,
) -> Delivered {
    let number = delivery.mail.number;
    let (attempt, line) = attempt(&delivery, line, &settings, &names).await;
    Delivered {
        number,
        attempt,
        line,
        settings,
    }
}

async fn attempt(
    delivery: &Delivery,
    line: Option<Line>,
    settings: &Settings,
    names: &Names,
) -> (Attempt, Option<Line>) {
    let mut answers = Vec::new();
    let mut to = Vec::new();
    for written in &delivery.to {
        match Mailbox::parse(written) {
            Some(mailbox) => to.push(mailbox),
            None => answers.push((written.clone(), Answer::Never("no mail address".into()))),
        }
    }
    if to.is_empty() {
        return (Ok(answers), line);
    }
    let host = settings.host(names).await;
    let name = is_name(&host).then_some(host.as_str());
    let ours = || {
        let address = format!("root@{}", name.unwrap_or("localhost"));
        Mailbox {
            written: address.clone(),
            address,
        }
    };
    let from = settings.from.clone().unwrap_or_else(ours);
    let head = Letterhead {
        host: &host,
        from: &from,
        to: &settings.mail.recipients,
    };
    let letter = letter(&delivery.mail, &head);

    let mut line = line;
    // A server may not take another mail on a line that has seen some; on a fresh one
    // its word counts.
    if let Some(mut used) = line.take() {
        let (attempt, usable) = used.send(&from.address, &to, &letter).await;
        let line = usable.then_some(used);
        if let Ok(more) = attempt {
            answers.extend(more);
            return (Ok(answers), line);
        }
        if let Some(line) = line {
            line.close().await;
        }
    }
    let helo = settings.helo_name.as_deref().or(name);
    let opened = match settings.addresses(names).await {
        Ok(addresses) => Line::open(&addresses, helo, settings.mail.timeout).await,
        Err(why) => Err(why),
    };
    let mut fresh = match opened {
        Ok(line) => line,
        Err(why) => return (Err(why), None),
    };
    let (attempt, usable) = fresh.send(&from.address, &to, &letter).await;
    let attempt = attempt.map(|more| {
        answers.extend(more);
        answers
    });
    (attempt, usable.then_some(fresh))
}
