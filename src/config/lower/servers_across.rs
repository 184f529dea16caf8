//! What virtual servers and checks say that has to fit other blocks of the file.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Lower;
use crate::config::diagnostic::{Code, shown};
use crate::config::source::Span;
use crate::config::syntax::StatementId;

/// What is looked at when all blocks have been.
#[derive(Default)]
pub(super) struct Across {
    /// Where the address of each real server is written.
    pub(super) real_servers: Vec<(IpAddr, Span)>,
    /// Virtual servers that are checked only while their address is here.
    pub(super) suspended: Vec<(IpAddr, StatementId)>,
    /// Servers that a tunnel reaches in another family than their virtual server's.
    pub(super) joined_families: Vec<Span>,
    /// Times that have been told to be longer than others.
    pub(super) told: HashSet<(StatementId, StatementId)>,
}

impl Lower<'_, '_> {
    pub(super) fn servers_across(&mut self) {
        self.own_addresses();
        self.suspended_for_good();
        self.joined_families();
    }

    /// What the kernel does not have together (`ip_vs_add_dest`, `start_sync_thread`):
    /// whichever comes second is refused.
    fn joined_families(&mut self) {
        let servers = std::mem::take(&mut self.across.joined_families);
        if self.model.global.ipvs.sync.is_none() {
            return;
        }
        for span in servers {
            let subject = "families joined beside a synchronisation";
            if self.diagnostics.fold(Code::FamilyMismatch, subject, span) {
                continue;
            }
            self.diagnostics
                .report_first(
                    Code::FamilyMismatch,
                    subject,
                    "a server of the other family beside `lvs_sync_daemon`",
                )
                .at(span, "the virtual server has addresses of the other family")
                .help(
                    "the kernel cannot synchronise such connections, and refuses one of the \
                     two: give an address of the same family, or leave the synchronisation out",
                );
        }
    }

    /// Directors that are real servers, too.
    fn own_addresses(&mut self) {
        let servers = std::mem::take(&mut self.across.real_servers);
        let mut virtual_addresses: HashMap<IpAddr, String> = HashMap::new();
        let mut sources = HashSet::new();
        for instance in &self.model.vrrp_instances {
            let settings = &instance.settings;
            sources.extend(settings.source);
            for address in &settings.addresses {
                virtual_addresses.insert(address.address, settings.name.clone());
            }
        }
        if virtual_addresses.is_empty() && sources.is_empty() {
            return;
        }
        for (address, span) in servers {
            if let Some(instance) = virtual_addresses.get(&address) {
                let subject = "real server at a virtual address";
                if self.diagnostics.fold(Code::Doubtful, subject, span) {
                    continue;
                }
                let label = format!("an address of `vrrp_instance {}`", shown(instance));
                self.diagnostics
                    .report_first(
                        Code::Doubtful,
                        subject,
                        "a real server at a virtual address of this file",
                    )
                    .at(span, label)
                    .help("it is on whichever director is the master; give the real server's own");
            } else if sources.contains(&address) {
                let subject = "director as real server";
                if self.diagnostics.fold(Code::Advice, subject, span) {
                    continue;
                }
                self.diagnostics
                    .report_first(Code::Advice, subject, "this director is also a real server")
                    .at(span, "an instance of this file sends its adverts from here")
                    .help(
                        "with DR, directors that are real servers of each other can send packets \
                         round and round, unless only packets from outside get the mark of a \
                         virtual server",
                    );
            }
        }
    }

    /// `ha_suspend` where no instance ever brings the address.
    fn suspended_for_good(&mut self) {
        let suspended = std::mem::take(&mut self.across.suspended);
        if suspended.is_empty() || self.model.vrrp_instances.is_empty() {
            return;
        }
        let mut here = HashSet::new();
        for instance in &self.model.vrrp_instances {
            let addresses = instance.settings.addresses.iter();
            here.extend(addresses.map(|address| address.address));
        }
        for (address, id) in suspended {
            if !here.contains(&address) {
                let span = self.span(id);
                self.report(
                    Code::Doubtful,
                    format!("no instance of this file has the address {address}"),
                )
                .at(span, "nothing is checked while it is not on this host");
            }
        }
    }
}
