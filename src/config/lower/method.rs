//! How packets reach a server: `lvs_method`, `lb_kind` and `sorry_server_lvs_method`.

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{ForwardingMethod, TunnelType};

/// A kind of tunnel, by the word behind `type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gue,
    Gre,
}

impl Lower<'_, '_> {
    /// `NAT`, `DR` or `TUN [type KIND …]`.
    pub(super) fn method(&mut self, id: StatementId) -> Option<ForwardingMethod> {
        const TUNNEL: ForwardingMethod = ForwardingMethod::Tunnel(TunnelType::Ipip);
        let words = self.values(id);
        let Some((word, options)) = words.split_first() else {
            self.missing_value(id, "a forwarding method");
            return None;
        };
        let choices = [
            ("NAT", ForwardingMethod::Nat),
            ("DR", ForwardingMethod::DirectRouting),
            ("TUN", TUNNEL),
        ];
        let method = self.choice(*word, "a forwarding method", &choices)?;
        match options {
            [first, rest @ ..] if method == TUNNEL && self.text(*first) == "type" => self
                .lvs_tunnel(id, *first, rest)
                .map(ForwardingMethod::Tunnel),
            _ => {
                self.extra_words(id, options);
                Some(method)
            }
        }
    }

    /// What stands behind `type`.
    fn lvs_tunnel(&mut self, id: StatementId, word: Word, words: &[Word]) -> Option<TunnelType> {
        let Some((kind_word, options)) = words.split_first() else {
            let span = word.span();
            self.report(Code::MissingValue, "`type` needs a kind of tunnel")
                .at(span, "`ipip`, `gue` or `gre` belongs after it");
            return None;
        };
        let kind = match self.text(*kind_word) {
            "ipip" => {
                self.extra_words(id, options);
                return Some(TunnelType::Ipip);
            }
            "gue" => Kind::Gue,
            "gre" => Kind::Gre,
            _ => {
                self.invalid(*kind_word, "a kind of tunnel")
                    .help("it is one of ipip, gue, gre");
                return None;
            }
        };
        self.tunnel_options(id, kind, *kind_word, options)
    }

    /// What may stand behind the kind of a tunnel: `port PORT` with `gue`, which needs it,
    /// and how packets are summed. Of several the last one counts, as with keepalived.
    fn tunnel_options(
        &mut self,
        id: StatementId,
        kind: Kind,
        kind_word: Word,
        options: &[Word],
    ) -> Option<TunnelType> {
        let errors = self.diagnostics.errors();
        let mut port: Option<(Word, Option<u16>)> = None;
        let mut sum: Option<(Word, u16)> = None;
        let mut rest = options.iter().copied();
        while let Some(word) = rest.next() {
            let flags = match (self.text(word), kind) {
                ("port", Kind::Gue) => {
                    match rest.next() {
                        Some(value) => {
                            let number = self.port(value);
                            if let Some((earlier, _)) = port.replace((value, number)) {
                                self.repeated_option(earlier, value);
                            }
                        }
                        None => {
                            self.missing_value(id, "a port behind `port`");
                            port = port.or(Some((word, None)));
                        }
                    }
                    continue;
                }
                ("nocsum", _) => TunnelType::NOCSUM,
                ("csum", _) => TunnelType::CSUM,
                ("remcsum", Kind::Gue) => TunnelType::REMCSUM,
                (_, Kind::Gue) => {
                    self.invalid(word, "`port PORT`, `nocsum`, `csum` or `remcsum`");
                    continue;
                }
                (_, Kind::Gre) => {
                    self.invalid(word, "`nocsum` or `csum`");
                    continue;
                }
            };
            if let Some((earlier, _)) = sum.replace((word, flags)) {
                self.repeated_option(earlier, word);
            }
        }
        if kind == Kind::Gue && port.is_none() {
            let span = kind_word.span();
            self.report(Code::MissingValue, "a tunnel of type `gue` needs a port")
                .at(span, "`port PORT` belongs after it");
        }
        if self.diagnostics.errors() != errors {
            return None;
        }
        let flags = sum.map_or(TunnelType::NOCSUM, |(_, flags)| flags);
        match kind {
            Kind::Gue => {
                let port = port.and_then(|(_, port)| port)?;
                Some(TunnelType::Gue { port, flags })
            }
            Kind::Gre => Some(TunnelType::Gre { flags }),
        }
    }

    fn repeated_option(&mut self, earlier: Word, later: Word) {
        let (first, second) = (earlier.span(), later.span());
        let text = shown(self.text(earlier));
        self.report(Code::Repeated, format!("`{text}` is followed by another"))
            .at(second, "this one counts")
            .related(first, "this one does not");
    }
}
