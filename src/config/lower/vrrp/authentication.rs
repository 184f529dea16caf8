//! `authentication` in `vrrp_instance`.

use crate::config::diagnostic::Code;
use crate::config::keywords::{AUTHENTICATION, block_name};
use crate::config::lower::{Lower, Said};
use crate::config::syntax::StatementId;
use crate::vrrp::settings::{Authentication, Password};

/// The octets of a password that there is room for (RFC 2338 section 5.3.10).
const PASSWORD_BYTES: usize = 8;

/// The word that a password follows.
const PASSWORD: &str = "auth_pass";

/// Kinds of authentication.
#[derive(Clone, Copy)]
enum Kind {
    Pass,
    /// IPsec's header, which never was in RFC 3768.
    Header,
}

impl Lower<'_, '_> {
    /// `authentication { auth_type PASS auth_pass SECRET }`.
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
                _ => self.other(AUTHENTICATION, id),
            }
        }
        self.together(block, kind, password)
    }

    /// No message shows a password, also where it stands in a block that it does not
    /// belong in, or where its word is misspelt.
    pub(in crate::config::lower) fn hide_passwords(&mut self) {
        let ast = self.ast;
        if !ast.mentions("auth") {
            return;
        }
        let is_authentication = |id| block_name(AUTHENTICATION) == ast.keyword(id);
        let is_secret = |id: &StatementId| match ast.keyword(*id) {
            PASSWORD => true,
            "auth_type" => false,
            _ => ast.parent(*id).is_some_and(is_authentication),
        };
        for id in ast.all().filter(is_secret) {
            for word in ast.words(id).get(1..).unwrap_or(&[]) {
                self.diagnostics.hide(word.span());
            }
        }
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
            (
                Some(Said {
                    value: Kind::Pass, ..
                }),
                Some(password),
            ) => Some(Authentication::Pass(password.value)),
            (Some(said), None) if !has_password => {
                let span = self.span(said.by);
                self.report(Code::MissingValue, "`auth_type PASS` needs `auth_pass`")
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
        let word = self.value(id, "`PASS`")?;
        let choices = [("PASS", Kind::Pass), ("AH", Kind::Header)];
        let kind = self.choice(word, "a kind of authentication", &choices)?;
        if let Kind::Header = kind {
            let span = word.span();
            self.report(
                Code::ValueNotServed,
                "authentication by IPsec's header is not served yet",
            )
            .at(span, "`PASS` is served")
            .help("write `auth_type PASS`, or remove the `authentication` block, on all directors");
            return None;
        }
        Some(kind)
    }

    /// `auth_pass PASSWORD`.
    fn password(&mut self, id: StatementId) -> Option<Password> {
        let word = self.value(id, "a password")?;
        if self.is_substituted(word) {
            return None;
        }
        let text = self.text(word);
        if text.is_empty() {
            self.missing_value(id, "a password");
            return None;
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
}
