//! Checks that are not served yet: what they need, beside right values, so that they can
//! be when they are. And what all checks may say that does not go together.

use std::net::IpAddr;

use super::Lower;
use super::server::Server;
use crate::config::diagnostic::Code;
use crate::config::keywords::REAL_SERVER;
use crate::config::syntax::{StatementId, Word};

/// The length of the longest answer to a `UDP_CHECK` where nothing is said.
const REPLY_LENGTH: u32 = 255;

impl Lower<'_, '_> {
    /// A check that comes later: its values are looked at and are in the model as a
    /// setting.
    pub(super) fn unserved_check(&mut self, server: Option<Server>, block: StatementId) {
        self.other(REAL_SERVER, block);
        if !self.ast.has_block(block) {
            return;
        }
        match self.ast.keyword(block) {
            "SSL_GET" => self.regexes(block),
            "UDP_CHECK" => self.reply_lengths(block),
            "SMTP_CHECK" => {
                let ast = self.ast;
                for host in ast.block(block).filter(|id| ast.keyword(*id) == "host") {
                    self.origin_of_check(server, host);
                }
            }
            _ => {}
        }
        self.origin_of_check(server, block);
    }

    /// The last statement of a block that begins with this word.
    fn last(&self, block: StatementId, word: &str) -> Option<StatementId> {
        let ast = self.ast;
        ast.block(block)
            .filter(|id| ast.keyword(*id) == word)
            .last()
    }

    /// The value of the last statement of a block that begins with this word.
    fn last_value(&self, block: StatementId, word: &str) -> Option<Word> {
        let id = self.last(block, word)?;
        self.ast.words(id).get(1).copied()
    }

    fn regexes(&mut self, block: StatementId) {
        let ast = self.ast;
        let urls = ast.block(block).filter(|id| ast.keyword(*id) == "url");
        for url in urls.filter(|url| ast.has_block(*url)) {
            self.regex_words(url);
        }
    }

    fn reply_lengths(&mut self, block: StatementId) {
        let number = |lower: &Self, word: &str| {
            let value = lower.last_value(block, word)?;
            lower.text(value).parse::<u32>().ok()
        };
        let is_required = self.last(block, "require_reply").is_some();
        let least = self.last(block, "min_reply_length");
        let most = self.last(block, "max_reply_length");
        if !is_required {
            for id in [least, most].into_iter().flatten() {
                let span = self.span(id);
                let word = self.ast.keyword(id);
                self.report(Code::NoEffect, format!("`{word}` without `require_reply`"))
                    .at(span, "this has no effect");
            }
            return;
        }
        let shortest = number(self, "min_reply_length").unwrap_or(0);
        let longest = match most {
            None => Some(REPLY_LENGTH),
            Some(_) => number(self, "max_reply_length"),
        };
        if longest.is_some_and(|longest| shortest > longest)
            && let Some(id) = least
        {
            let span = self.span(id);
            let longest = longest.unwrap_or_default();
            self.report(Code::Doubtful, "a `UDP_CHECK` that always fails")
                .at(span, format!("no answer is longer than {longest} bytes"))
                .help("say a higher `max_reply_length`");
        }
    }

    /// Words about a regular expression.
    pub(super) fn regex_words(&mut self, url: StatementId) {
        let ast = self.ast;
        if self.last(url, "regex").is_none() {
            for id in ast.block(url) {
                let word = ast.keyword(id);
                if word.starts_with("regex_") {
                    let span = self.span(id);
                    self.report(Code::NoEffect, format!("`{word}` without `regex`"))
                        .at(span, "this has no effect");
                }
            }
            return;
        }
        let number = |lower: &Self, word: &str| {
            let value = lower.last_value(url, word)?;
            lower.text(value).parse::<u32>().ok()
        };
        if let (Some(least), Some(most)) = (
            number(self, "regex_min_offset"),
            number(self, "regex_max_offset"),
        ) && least > most
            && let Some(id) = self.last(url, "regex_max_offset")
        {
            let span = self.span(id);
            self.report(Code::Doubtful, "a `regex` that can match nowhere")
                .at(span, format!("this is before `regex_min_offset {least}`"));
        }
        let Some(stack) = self.last(url, "regex_stack") else {
            return;
        };
        if let [_, start, most] = ast.words(stack)
            && let (Ok(start), Ok(most)) = (
                self.text(*start).parse::<u32>(),
                self.text(*most).parse::<u32>(),
            )
            && start > most
        {
            let span = self.span(stack);
            self.report(Code::Doubtful, "a stack that begins larger than it may be")
                .at(span, "the smaller number comes first");
        }
    }

    /// Where a check comes from, and where it goes to.
    pub(super) fn origin_of_check(&mut self, server: Option<Server>, block: StatementId) {
        let Some(server) = server else { return };
        let address = |lower: &Self, word: Word| lower.text(word).parse::<IpAddr>().ok();
        let said = self.last_value(block, "connect_ip");
        let target = match said {
            None => Some(server.address),
            Some(word) => address(self, word),
        };
        let Some(target) = target else { return };
        if let IpAddr::V6(target) = target
            && target.is_unicast_link_local()
        {
            let place = said.unwrap_or(server.address_word);
            self.link_local(block, place);
        }
        let bound = self.last_value(block, "bindto");
        let from = bound.and_then(|bound| Some((bound, address(self, bound)?)));
        if let Some((bound, from)) = from
            && target.is_ipv4() != from.is_ipv4()
        {
            let span = bound.span();
            self.report(Code::NoEffect, "`bindto` of another family")
                .at(
                    span,
                    format!("this has no effect: the check is of {target}"),
                );
        }
    }

    /// A check of an address that is on every link.
    fn link_local(&mut self, block: StatementId, place: Word) {
        let (check, span) = (self.span(block), place.span());
        let word = self.ast.keyword(block);
        match self.last(block, "bind_if") {
            None => self
                .report(
                    Code::MissingValue,
                    format!("`{word}` of a link-local address needs `bind_if`"),
                )
                .at(check, "`bind_if` is missing in this block")
                .related(span, "this address is on every link"),
            // It would always fail, and take the server out of the table.
            Some(_) if matches!(word, "TCP_CHECK" | "HTTP_GET") => self
                .report(
                    Code::ValueNotServed,
                    "checks of link-local addresses are not served yet",
                )
                .at(span, "say another address with `connect_ip`"),
            Some(_) => return,
        };
    }
}
