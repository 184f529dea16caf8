//! A model of the kernel's IPVS table, written from net/netfilter/ipvs/ip_vs_ctl.c's
//! behaviour as the lab shows it; it shares no code with what is tested.

use std::collections::BTreeMap;

use ipvsd::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Service, ServiceFlags,
    ServiceKey,
};
use ipvsd::lvs::{Entry, IpvsOp, Table};

/// Errnos as numbers, so that their reading is tested too.
pub const EEXIST: i32 = 17;
pub const ENOENT: i32 = 2;
pub const ESRCH: i32 = 3;
pub const EINVAL: i32 = 22;
pub const ERANGE: i32 = 34;

/// The schedulers of this kernel.
pub const SCHEDULERS: [&str; 4] = ["rr", "wlc", "sh", "mh"];

/// Its persistence engines.
pub const ENGINES: [&str; 1] = ["sip"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    pub services: BTreeMap<ServiceKey, (Service, Vec<(DestinationKey, Destination)>)>,
}

impl Kernel {
    /// Carries out an operation as the kernel does, or answers with an errno.
    pub fn apply(&mut self, op: &IpvsOp) -> Result<(), i32> {
        let key = op.service();
        match op {
            IpvsOp::NewService(_, service) => {
                if self.services.contains_key(key) {
                    return Err(EEXIST);
                }
                takes_service(key, service)?;
                self.services.insert(*key, (service.clone(), Vec::new()));
            }
            IpvsOp::SetService(_, service) => {
                let known = self.services.get_mut(key).ok_or(ESRCH)?;
                takes_service(key, service)?;
                known.0 = service.clone();
            }
            IpvsOp::DeleteService(_) => {
                self.services.remove(key).ok_or(ESRCH)?;
            }
            IpvsOp::NewDestination(_, server, destination) => {
                let (_, servers) = self.services.get_mut(key).ok_or(ESRCH)?;
                takes_server(key, server, destination)?;
                if servers.iter().any(|(known, _)| known == server) {
                    return Err(EEXIST);
                }
                // The kernel puts the newest first.
                servers.insert(0, (*server, *destination));
            }
            IpvsOp::SetDestination(_, server, destination) => {
                let (_, servers) = self.services.get_mut(key).ok_or(ESRCH)?;
                takes_server(key, server, destination)?;
                let known = servers.iter_mut().find(|(known, _)| known == server);
                known.ok_or(ENOENT)?.1 = *destination;
            }
            IpvsOp::DeleteDestination(_, server) => {
                let (_, servers) = self.services.get_mut(key).ok_or(ESRCH)?;
                let at = servers.iter().position(|(known, _)| known == server);
                servers.remove(at.ok_or(ENOENT)?);
            }
        }
        Ok(())
    }

    pub fn server(&self, key: &ServiceKey, server: &DestinationKey) -> Option<&Destination> {
        let (_, servers) = self.services.get(key)?;
        servers
            .iter()
            .find(|(known, _)| known == server)
            .map(|(_, to)| to)
    }

    /// What a dump of `keys` finds while someone else carries out `meanwhile`: one
    /// operation after the list of virtual servers was read and after each half of
    /// the real servers of one. The second half starts at an index, whatever has
    /// moved meanwhile; that is how the kernel tears a dump.
    pub fn dump(
        &mut self,
        keys: impl Fn(&ServiceKey) -> bool,
        mut meanwhile: impl FnMut(&mut Kernel),
    ) -> Table {
        let mut table = Table::default();
        let seen = self.services.iter().filter(|(key, _)| keys(key));
        for (key, (service, _)) in seen {
            let mut service = service.clone();
            // IP_VS_SVC_F_HASHED is set by the kernel itself.
            service.flags = ServiceFlags(service.flags.0 | 0x2);
            let entry = Entry {
                service,
                destinations: Default::default(),
            };
            table.services.insert(*key, entry);
        }
        for (key, entry) in &mut table.services {
            meanwhile(self);
            let half = self.servers(key).len() / 2;
            entry
                .destinations
                .extend(self.servers(key)[..half].iter().copied());
            meanwhile(self);
            entry
                .destinations
                .extend(self.servers(key).iter().skip(half).copied());
        }
        table
    }

    fn servers(&self, key: &ServiceKey) -> &[(DestinationKey, Destination)] {
        self.services.get(key).map_or(&[], |(_, servers)| servers)
    }
}

/// Whether the kernel takes a virtual server like this at all.
pub fn takes_service(key: &ServiceKey, service: &Service) -> Result<(), i32> {
    let kept = service.persistence.as_ref();
    let granularity = kept.map(|kept| kept.granularity);
    if key.family() == Family::V6 && granularity == Some(Granularity::Prefix(0)) {
        return Err(EINVAL);
    }
    if !SCHEDULERS.contains(&service.scheduler.as_str()) {
        return Err(ENOENT);
    }
    let engine = kept.and_then(|kept| kept.engine.as_deref());
    if engine.is_some_and(|engine| !ENGINES.contains(&engine)) {
        return Err(ENOENT);
    }
    Ok(())
}

/// Whether it takes a real server like this.
pub fn takes_server(
    key: &ServiceKey,
    server: &DestinationKey,
    to: &Destination,
) -> Result<(), i32> {
    let is_tunnel = matches!(to.method, ForwardingMethod::Tunnel(_));
    if Family::of(server.address) != key.family() && !is_tunnel {
        return Err(EINVAL);
    }
    if to.lower_threshold > to.upper_threshold {
        return Err(ERANGE);
    }
    Ok(())
}
