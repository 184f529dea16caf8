//! Mail: what `global_defs` says about it.

use std::net::{IpAddr, SocketAddr};

use super::time::{LONGEST_TIMEOUT, SHORTEST};
use super::{Lower, Said};
use crate::config::diagnostic::{Code, shown};
use crate::config::keywords::{self, GLOBAL_DEFS};
use crate::config::model::{SmtpHost, SmtpServer};
use crate::config::syntax::{StatementId, Word};

/// The block of recipients.
const NOTIFICATION_EMAIL: &str = "global_defs/notification_email";

/// `smtp_alert` and its like in `global_defs`: what holds where a block says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AlertDefaults {
    all: Option<Said<bool>>,
    checker: Option<Said<bool>>,
    vrrp: Option<Said<bool>>,
}

impl AlertDefaults {
    /// keepalived.conf(5): yes.
    pub(super) fn real_server(&self) -> bool {
        self.checker.or(self.all).is_none_or(|said| said.value)
    }

    /// keepalived.conf(5): no.
    pub(super) fn virtual_server(&self) -> bool {
        self.checker.or(self.all).is_some_and(|said| said.value)
    }

    /// keepalived.conf(5): no.
    pub(super) fn vrrp(&self) -> bool {
        self.vrrp.or(self.all).is_some_and(|said| said.value)
    }
}

impl Lower<'_, '_> {
    /// Whether this is a word about mail.
    pub(super) fn global_mail(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "notification_email" => self.notification_email(id),
            "notification_email_from" => self.notification_email_from(id),
            "smtp_server" => self.smtp_server(id),
            "smtp_connect_timeout" => {
                self.said_once("smtp_connect_timeout", id);
                if let Some(word) = self.value(id, "a time in seconds")
                    && let Some(timeout) = self.seconds(word, SHORTEST..=LONGEST_TIMEOUT)
                {
                    self.model.global.mail.timeout = timeout;
                }
            }
            "smtp_helo_name" => {
                self.said_once("smtp_helo_name", id);
                if let Some(word) = self.value(id, "a name") {
                    self.helo_name(word);
                }
            }
            "no_email_faults" => {
                let words = self.values(id);
                self.extra_words(id, words);
                self.model.global.mail.no_faults = true;
            }
            "smtp_alert" => {
                let value = self.switch(id);
                let mut slot = self.alert_defaults.all;
                self.say(&mut slot, id, value);
                self.alert_defaults.all = slot;
            }
            "smtp_alert_checker" => {
                let value = self.switch(id);
                let mut slot = self.alert_defaults.checker;
                self.say(&mut slot, id, value);
                self.alert_defaults.checker = slot;
            }
            "smtp_alert_vrrp" => {
                let value = self.switch(id);
                let mut slot = self.alert_defaults.vrrp;
                self.say(&mut slot, id, value);
                self.alert_defaults.vrrp = slot;
            }
            _ => return false,
        }
        true
    }

    /// `notification_email { ADDRESS ... }`, several of which add up.
    fn notification_email(&mut self, id: StatementId) {
        let ast = self.ast;
        if !self.has_block(id) {
            return;
        }
        self.extra_words(id, ast.words(id).get(1..).unwrap_or(&[]));
        self.first.entry("notification_email").or_insert(id);
        for line in ast.block(id) {
            if keywords::known(GLOBAL_DEFS, ast.keyword(line)).is_some() || ast.has_block(line) {
                // Not an address: this block should have ended before it.
                self.stray(NOTIFICATION_EMAIL, line);
                continue;
            }
            let words = ast.words(line);
            match words {
                // `Ops Team <ops@example.org>`.
                [first, .., last] if self.text(*last).ends_with('>') => {
                    let (first, last) = (*first, *last);
                    self.recipient(words, first, last);
                }
                _ => {
                    for word in words {
                        self.recipient(&[*word], *word, *word);
                    }
                }
            }
        }
    }

    fn recipient(&mut self, words: &[Word], first: Word, last: Word) {
        if let Some(mailbox) = self.mailbox(words, first, last) {
            self.model.global.mail.recipients.push(mailbox);
        }
    }

    fn notification_email_from(&mut self, id: StatementId) {
        self.said_once("notification_email_from", id);
        let words = self.values(id);
        let words = match words {
            [_, .., last] if !self.text(*last).ends_with('>') => {
                self.extra_words(id, &words[1..]);
                &words[..1]
            }
            _ => words,
        };
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            self.missing_value(id, "a mail address");
            return;
        };
        if let Some(mailbox) = self.mailbox(words, *first, *last) {
            self.model.global.mail.from = Some(mailbox);
        }
    }

    /// A mail address, perhaps with a name before it.
    fn mailbox(&mut self, words: &[Word], first: Word, last: Word) -> Option<String> {
        let words: Vec<_> = words.iter().map(|word| self.text(*word)).collect();
        let text = words.join(" ");
        if is_mailbox(&text) {
            return Some(text);
        }
        let span = first.span().to(last.span());
        let message = format!("`{}` is not a mail address", shown(&text));
        self.report(Code::InvalidValue, message)
            .at(span, "expected `NAME@HOST`, or `SOMEONE <NAME@HOST>`");
        None
    }

    /// `smtp_server HOST [PORT]`.
    fn smtp_server(&mut self, id: StatementId) {
        self.said_once("smtp_server", id);
        let words = self.values(id);
        let Some((host, rest)) = words.split_first() else {
            self.missing_value(id, "a name or an address");
            return;
        };
        self.extra_words(id, rest.get(1..).unwrap_or(&[]));
        let port = match rest.first() {
            Some(word) => self.port(*word),
            None => Some(SmtpServer::DEFAULT_PORT),
        };
        let host = self.smtp_host(*host);
        if let (Some(host), Some(port)) = (host, port) {
            self.model.global.mail.server = Some(SmtpServer { host, port });
        }
    }

    fn smtp_host(&mut self, word: Word) -> Option<SmtpHost> {
        match self.text(word).parse::<IpAddr>() {
            Ok(address) => Some(SmtpHost::Address(address)),
            Err(_) => self.host_name(word).map(SmtpHost::Name),
        }
    }

    /// A name, or an address literal like `[10.0.0.1]`: what goes into one line of SMTP
    /// as one word.
    fn helo_name(&mut self, word: Word) {
        let text = self.text(word);
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.invalid(word, "a host's name");
        } else {
            self.model.global.mail.helo_name = Some(text.to_owned());
        }
    }

    /// A host's name as name servers know it.
    fn host_name(&mut self, word: Word) -> Option<String> {
        let text = self.text(word);
        let is_part = |part: &str| {
            !part.is_empty()
                && part.len() <= 63
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or(name);
        // Otherwise it is an address that is none.
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) && name.contains('.');
        if name.len() <= 253 && name.split('.').all(is_part) && !is_number {
            return Some(text.to_owned());
        }
        let (host, port) = match text.parse::<SocketAddr>() {
            Ok(socket) => (socket.ip().to_string(), Some(socket.port().to_string())),
            Err(_) => match text.rsplit_once(':') {
                Some((host, port)) if port.parse::<u16>().is_ok() && !host.contains(':') => {
                    (host.to_owned(), Some(port.to_owned()))
                }
                _ => (String::new(), None),
            },
        };
        let diagnostic = self.invalid(word, "a host's name or address");
        if let Some(port) = port {
            let words = format!("{host} {port}");
            diagnostic
                .help(format!("the port is a word of its own: `{words}`"))
                .replace_with(words);
        }
        None
    }

    /// Mail for somebody that nobody delivers.
    pub(super) fn mail_without_server(&mut self) {
        let mail = &self.model.global.mail;
        if mail.recipients.is_empty() || self.first.contains_key("smtp_server") || !self.is_whole()
        {
            return;
        }
        let Some(id) = self.first.get("notification_email") else {
            return;
        };
        let span = self.span(*id);
        self.report(Code::NoEffect, "nothing is mailed without a mail server")
            .at(span, "these are not told")
            .help(
                "name the server in `global_defs`: `smtp_server 127.0.0.1` for that of this host",
            );
    }
}

/// Whether there is an address of one word: alone, or behind a name in angle brackets.
/// Without a host it is one that the mail server knows.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => text,
    };
    let is_clean = |character: char| !character.is_whitespace() && !"<>,;".contains(character);
    // `//` is what begins a comment elsewhere.
    !address.is_empty()
        && !address.starts_with("//")
        && address.chars().all(is_clean)
        && !text.chars().any(char::is_control)
}
