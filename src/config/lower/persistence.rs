//! How long a client stays with its real server, and which clients are one.

use super::Lower;
use super::timing::said;
use super::virtual_identity::Identity;
use super::virtual_server::VirtualServerWords;
use crate::config::diagnostic::Code;
use crate::config::syntax::StatementId;
use crate::lvs::{Family, Granularity, Persistence};

/// Seconds that a client stays with its server where the file says no number
/// (keepalived.conf(5): 6 minutes).
const PERSISTENCE_TIMEOUT: u32 = 360;
/// 31 days; more is refused by keepalived.
const MAX_PERSISTENCE_TIMEOUT: u32 = 2_678_400;

impl Lower<'_, '_> {
    pub(super) fn persistence_timeout(
        &mut self,
        words: &mut VirtualServerWords<'_>,
        id: StatementId,
    ) {
        let value = match self.optional_value(id) {
            Some(word) => match self.number(word, 0..=MAX_PERSISTENCE_TIMEOUT) {
                // keepalived calls it invalid, and goes on in the way that is meant.
                Some(0) => {
                    let span = self.span(id);
                    self.report(
                        Code::Redundant,
                        "a virtual server is not persistent by default",
                    )
                    .at(span, "this says the same");
                    return;
                }
                value => value,
            },
            None => {
                let span = self.span(id);
                self.report(Code::DefaultAssumed, "`persistence_timeout` without a time")
                    .at(span, "360 seconds are used");
                Some(PERSISTENCE_TIMEOUT)
            }
        };
        self.say(&mut words.persistence_timeout, id, value);
    }

    pub(super) fn persistence(
        &mut self,
        words: &VirtualServerWords<'_>,
        identity: &Identity,
        id: StatementId,
    ) -> Option<Persistence> {
        let timeout = self.seconds_of_persistence(words, identity.every_port, id)?;
        let granularity = said(words.persistence_granularity);
        Some(Persistence {
            timeout,
            granularity: granularity.unwrap_or_else(|| {
                Granularity::each_address(identity.around.family.unwrap_or(Family::V4))
            }),
            engine: said(words.persistence_engine).map(str::to_owned),
        })
    }

    /// A virtual server for every port has to be persistent: the kernel has no
    /// other way to keep the connections of a client together.
    fn seconds_of_persistence(
        &mut self,
        words: &VirtualServerWords<'_>,
        every_port: bool,
        id: StatementId,
    ) -> Option<u32> {
        if words.persistence_timeout.is_some() {
            return said(words.persistence_timeout);
        }
        if !every_port {
            return self.persistence_by_granularity(words);
        }
        let span = self.span(id);
        self.report(
            Code::DefaultAssumed,
            "a virtual server without a port is persistent",
        )
        .at(
            span,
            format!("`persistence_timeout {PERSISTENCE_TIMEOUT}` is added"),
        )
        .help("give the port, or say `persistence_timeout` in the block");
        Some(PERSISTENCE_TIMEOUT)
    }

    /// Who says which clients are one means that they are kept together.
    fn persistence_by_granularity(&mut self, words: &VirtualServerWords<'_>) -> Option<u32> {
        let span = self.span(words.persistence_granularity?.by);
        self.report(
            Code::DefaultAssumed,
            "`persistence_granularity` without `persistence_timeout`",
        )
        .at(
            span,
            format!("`persistence_timeout {PERSISTENCE_TIMEOUT}` is added, as by keepalived"),
        )
        .help("say for how many seconds a client stays with its real server");
        Some(PERSISTENCE_TIMEOUT)
    }
}
