//! `authentication` in `vrrp_instance`.

use super::hmac::HmacWords;
use super::settled::Context;
use crate::config::diagnostic::Code;
use crate::config::keywords::AUTHENTICATION;
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::{Authentication, Password};
use crate::vrrp::types::Version;

/// The octets of a password that there is room for (RFC 2338 section 5.3.10).
const PASSWORD_BYTES: usize = 8;

/// The word that a password follows.
pub(super) const PASSWORD: &str = "auth_pass";

/// Kinds of authentication.
#[derive(Clone, Copy)]
enum Kind {
    Pass,
    /// IPsec's header.
    Header,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Pass => "PASS",
            Kind::Header => "AH",
        }
    }
}

impl Lower<'_, '_> {
    /// `authentication { auth_type PASS|AH auth_pass SECRET }`.
    pub(super) fn authentication(&mut self, block: StatementId) -> Option<Authentication> {
        let ast = self.ast;
        if !self.has_block(block) {
            return None;
        }
        self.extra_words(block, ast.words(block).get(1..).unwrap_or(&[]));
        let mut kind = None;
        let mut password = None;
        for id in ast.block(block) {
            match ast.keyword(id) {
                "auth_type" => {
                    let value = self.authentication_kind(id);
                    self.say(&mut kind, id, value);
                }
                PASSWORD => {
                    let value = self.password(id);
                    self.say(&mut password, id, value);
                }
                _ => self.other_among_secrets(AUTHENTICATION, id),
            }
        }
        self.together(block, kind, password)
    }

    fn together(
        &mut self,
        block: StatementId,
        kind: Option<Said<Kind>>,
        password: Option<Said<Password>>,
    ) -> Option<Authentication> {
        let (has_kind, has_password) = (
            self.mentions(block, "auth_type"),
            self.mentions(block, PASSWORD),
        );
        match (kind, password) {
            (Some(kind), Some(password)) => Some(match kind.value {
                Kind::Pass => Authentication::Pass(password.value),
                Kind::Header => Authentication::Header(password.value),
            }),
            (Some(said), None) if !has_password => {
                let span = self.span(said.by);
                let kind = said.value.name();
                let message = format!("`auth_type {kind}` needs `auth_pass`");
                self.report(Code::MissingValue, message)
                    .at(span, "there is no password for it")
                    .help("add `auth_pass SECRET`, or remove the `authentication` block: without a password keepalived does not authenticate either");
                None
            }
            (None, Some(said)) if !has_kind => {
                let span = self.keyword_span(said.by);
                self.report(Code::NoEffect, "`auth_pass` without `auth_type`")
                    .at(span, "this has no effect: adverts carry no password, as with keepalived")
                    .help("add `auth_type PASS` on all directors, or remove the `authentication` block");
                Some(Authentication::None)
            }
            (None, None) if !has_kind && !has_password => {
                let span = self.keyword_span(block);
                self.report(Code::NoEffect, "`authentication` says nothing")
                    .at(span, "adverts carry no password");
                Some(Authentication::None)
            }
            _ => None,
        }
    }

    fn authentication_kind(&mut self, id: StatementId) -> Option<Kind> {
        let word = self.value(id, "`PASS` or `AH`")?;
        let choices = [Kind::Pass, Kind::Header].map(|kind| (kind.name(), kind));
        self.choice(word, "a kind of authentication", &choices)
    }

    /// `auth_pass PASSWORD`.
    fn password(&mut self, id: StatementId) -> Option<Password> {
        let word = self.value(id, "a password")?;
        let text = self.text(word);
        if text.is_empty() {
            self.missing_value(id, "a password");
            return None;
        }
        if text.bytes().all(|byte| byte == b'*') {
            let span = word.span();
            self.report(Code::Doubtful, "a password of nothing but `*`")
                .at(span, "this is what a dump has in its place")
                .help("write the password here, the same on all directors");
        }
        if text.len() > PASSWORD_BYTES {
            let span = word.span();
            self.report(
                Code::ValueAdjusted,
                format!("there is room for {PASSWORD_BYTES} bytes of a password"),
            )
            .at(
                span,
                format!("the first {PASSWORD_BYTES} count, as with keepalived"),
            );
        }
        Some(Password::new(text))
    }

    /// What an instance's words about authentication come to together.
    pub(super) fn settled_authentication(
        &mut self,
        legacy: Option<Said<Authentication>>,
        hmac: Option<Said<HmacWords>>,
        context: &Context,
    ) -> Authentication {
        let legacy = legacy.filter(|said| said.value != Authentication::None);
        if let Some(hmac) = hmac {
            if let Some(legacy) = legacy {
                let (span, by) = (self.keyword_span(legacy.by), self.keyword_span(hmac.by));
                self.report(
                    Code::NoEffect,
                    "`authentication` does not go together with `auth_hmac`",
                )
                .at(span, "this has no effect: adverts carry no password")
                .related(by, "because of this")
                .help("remove it");
            }
            let hmac = self.settled_hmac(hmac, context);
            return hmac.map_or(Authentication::None, Authentication::Hmac);
        }
        let Some(legacy) = legacy else {
            return Authentication::None;
        };
        let (message, because) = match (context.version, context.strict) {
            (Version::V3, _) => ("version 3 of VRRP knows no `authentication`", None),
            (Version::V2, Some(strict)) => (
                "`authentication` does not go together with strict mode",
                Some(strict),
            ),
            (Version::V2, None) => return legacy.value,
        };
        let span = self.keyword_span(legacy.by);
        let because = because.map(|strict| self.span(strict));
        let diagnostic = self.report(Code::NoEffect, message);
        diagnostic.at(
            span,
            "this has no effect: adverts carry no password, as with keepalived",
        );
        if let Some(because) = because {
            diagnostic.related(because, "because of this");
        }
        diagnostic.help("`auth_hmac` signs adverts; all directors of the instance need it");
        Authentication::None
    }
}
