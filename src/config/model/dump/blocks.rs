//! Single blocks of the dump, each without the blocks in it that stand for something of
//! their own: to compare two configurations word by word.

use super::super::{
    Check, Model, RealServer, VirtualServer, VirtualServerGroup, VrrpInstance, VrrpSyncGroup,
};
use super::Text;
use super::address::AddressLine;
use crate::vrrp::settings::VirtualAddress;

impl Model {
    fn block(&self, write: impl FnOnce(&mut Text<'_>)) -> String {
        let mut text = Text::new(None);
        write(&mut text);
        text.out
    }

    /// `global_defs`, and what else stands outside of blocks that have a name.
    pub fn dump_global(&self) -> String {
        let rest = Model {
            files: Vec::new(),
            global: self.global.clone(),
            scripts: self.scripts.clone(),
            later: self.later.clone(),
            static_routes: self.static_routes.clone(),
            static_rules: self.static_rules.clone(),
            namespace: self.namespace.clone(),
            ipvs_namespace: self.ipvs_namespace.clone(),
            ..Model::default()
        };
        self.block(|text| text.model(&rest))
    }

    /// A virtual server without its real servers.
    pub fn dump_virtual_server(&self, virtual_server: &VirtualServer) -> String {
        let alone = VirtualServer {
            real_servers: Vec::new(),
            ..virtual_server.clone()
        };
        self.block(|text| text.virtual_server(self, &alone))
    }

    /// A real server without its checks.
    pub fn dump_real_server(&self, server: &RealServer) -> String {
        let alone = RealServer {
            checks: Vec::new(),
            ..server.clone()
        };
        self.block(|text| text.real_server(self, &alone))
    }

    pub fn dump_check(&self, check: &Check) -> String {
        self.block(|text| text.check(self, check))
    }

    /// An instance without its addresses.
    pub fn dump_instance(&self, instance: &VrrpInstance) -> String {
        let mut alone = instance.clone();
        alone.settings.addresses.clear();
        alone.settings.excluded = 0;
        self.block(|text| text.vrrp_instance(self, &alone))
    }

    pub fn dump_sync_group(&self, group: &VrrpSyncGroup) -> String {
        self.block(|text| text.vrrp_sync_group(self, group))
    }

    pub fn dump_virtual_server_group(&self, group: &VirtualServerGroup) -> String {
        self.block(|text| text.virtual_server_group(group))
    }
}

/// An address as the file has it, with all that is said of it.
pub fn address_line(address: &VirtualAddress) -> String {
    AddressLine(address).to_string()
}
