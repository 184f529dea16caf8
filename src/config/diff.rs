//! What one configuration changes in another, as a value.
//!
//! [`ModelDiff::between`] compares two models and [`ModelDiff::apply`] makes the second
//! out of the first; the value is empty exactly when they are equal. Where something
//! stands in a file is no part of what is compared ([`Origin`](super::model::Origin)).
//!
//! A block that stands for something is known by what the daemon knows it by: a virtual
//! server by its id, instances and groups by their names. Lists of which nothing has a
//! name are replaced as a whole.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::model::route::Route;
use super::model::rule::Rule;
use super::model::{
    Global, InterfaceUse, Model, RealServer, Script, Setting, StaticAddress, VirtualServer,
    VirtualServerGroup, VrrpInstance, VrrpSyncGroup,
};
use crate::lvs::{DestinationKey, PoolId};

/// Something of which a list has but one with the same key.
pub trait Keyed: Clone + PartialEq {
    type Key: Clone + Eq + Hash;

    fn key(&self) -> Self::Key;
}

/// What becomes of a list of things that have keys.
#[derive(Clone, Debug, PartialEq)]
pub struct ListDiff<T: Keyed> {
    /// In the order of the old list.
    pub removed: Vec<T::Key>,
    /// In the order of the new list.
    pub added: Vec<T>,
    /// As they are in the new list, and in its order.
    pub changed: Vec<T>,
    /// The keys of the new list, where its order is another than that which comes of
    /// taking out and adding at the end.
    pub order: Option<Vec<T::Key>>,
}

impl<T: Keyed> ListDiff<T> {
    /// Costs what the lists are long, not pairs of them.
    pub fn between(old: &[T], new: &[T]) -> Self {
        let before: HashMap<T::Key, &T> = old.iter().map(|it| (it.key(), it)).collect();
        let after: HashSet<T::Key> = new.iter().map(Keyed::key).collect();
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        for it in new {
            match before.get(&it.key()) {
                None => added.push(it.clone()),
                Some(known) if *known != it => changed.push(it.clone()),
                Some(_) => {}
            }
        }
        let (stays, removed): (Vec<_>, Vec<_>) = old
            .iter()
            .map(Keyed::key)
            .partition(|key| after.contains(key));
        let arrived = stays.into_iter().chain(added.iter().map(Keyed::key));
        let order = match arrived.eq(new.iter().map(Keyed::key)) {
            true => None,
            false => Some(new.iter().map(Keyed::key).collect()),
        };
        ListDiff {
            removed,
            added,
            changed,
            order,
        }
    }

    pub fn is_empty(&self) -> bool {
        let ListDiff {
            removed,
            added,
            changed,
            order,
        } = self;
        removed.is_empty() && added.is_empty() && changed.is_empty() && order.is_none()
    }

    /// The new list, if `list` is the old one.
    pub fn apply(&self, list: &mut Vec<T>) {
        let removed: HashSet<&T::Key> = self.removed.iter().collect();
        list.retain(|it| !removed.contains(&it.key()));
        let changed: HashMap<T::Key, &T> = self.changed.iter().map(|it| (it.key(), it)).collect();
        for it in list.iter_mut() {
            if let Some(now) = changed.get(&it.key()) {
                *it = (*now).clone();
            }
        }
        list.extend(self.added.iter().cloned());
        if let Some(order) = &self.order {
            let place: HashMap<&T::Key, usize> =
                order.iter().enumerate().map(|(n, key)| (key, n)).collect();
            list.sort_by_key(|it| place.get(&it.key()).copied());
        }
    }
}

impl Keyed for VirtualServer {
    type Key = PoolId;

    fn key(&self) -> PoolId {
        self.id.clone()
    }
}

impl Keyed for RealServer {
    type Key = DestinationKey;

    fn key(&self) -> DestinationKey {
        self.key
    }
}

impl Keyed for VirtualServerGroup {
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl Keyed for VrrpInstance {
    type Key = String;

    fn key(&self) -> String {
        self.settings.name.clone()
    }
}

impl Keyed for VrrpSyncGroup {
    type Key = String;

    fn key(&self) -> String {
        self.settings.name.clone()
    }
}

/// What becomes of a [`Model`]. What is replaced as a whole is None where it stays.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelDiff {
    pub files: Option<Vec<String>>,
    pub global: Option<Box<Global>>,
    pub virtual_servers: ListDiff<VirtualServer>,
    pub virtual_server_groups: ListDiff<VirtualServerGroup>,
    pub vrrp_instances: ListDiff<VrrpInstance>,
    pub vrrp_sync_groups: ListDiff<VrrpSyncGroup>,
    pub static_addresses: Option<Vec<StaticAddress>>,
    pub static_routes: Option<Vec<Route>>,
    pub static_rules: Option<Vec<Rule>>,
    pub interfaces: Option<Vec<InterfaceUse>>,
    pub scripts: Option<Vec<Script>>,
    pub later: Option<Vec<Setting>>,
}

impl ModelDiff {
    pub fn between(old: &Model, new: &Model) -> Self {
        // By name, so that nothing that a model gets is forgotten here.
        let Model {
            files,
            global,
            virtual_servers,
            virtual_server_groups,
            vrrp_instances,
            vrrp_sync_groups,
            static_addresses,
            static_routes,
            static_rules,
            interfaces,
            scripts,
            later,
        } = new;
        ModelDiff {
            files: replaced(&old.files, files),
            global: replaced(&old.global, global).map(Box::new),
            virtual_servers: ListDiff::between(&old.virtual_servers, virtual_servers),
            virtual_server_groups: ListDiff::between(
                &old.virtual_server_groups,
                virtual_server_groups,
            ),
            vrrp_instances: ListDiff::between(&old.vrrp_instances, vrrp_instances),
            vrrp_sync_groups: ListDiff::between(&old.vrrp_sync_groups, vrrp_sync_groups),
            static_addresses: replaced(&old.static_addresses, static_addresses),
            static_routes: replaced(&old.static_routes, static_routes),
            static_rules: replaced(&old.static_rules, static_rules),
            interfaces: replaced(&old.interfaces, interfaces),
            scripts: replaced(&old.scripts, scripts),
            later: replaced(&old.later, later),
        }
    }

    /// Whether the two models are equal.
    pub fn is_empty(&self) -> bool {
        let ModelDiff {
            files,
            global,
            virtual_servers,
            virtual_server_groups,
            vrrp_instances,
            vrrp_sync_groups,
            static_addresses,
            static_routes,
            static_rules,
            interfaces,
            scripts,
            later,
        } = self;
        files.is_none()
            && global.is_none()
            && virtual_servers.is_empty()
            && virtual_server_groups.is_empty()
            && vrrp_instances.is_empty()
            && vrrp_sync_groups.is_empty()
            && static_addresses.is_none()
            && static_routes.is_none()
            && static_rules.is_none()
            && interfaces.is_none()
            && scripts.is_none()
            && later.is_none()
    }

    /// The new model, if `model` is the old one.
    pub fn apply(&self, mut model: Model) -> Model {
        put(&self.files, &mut model.files);
        if let Some(global) = &self.global {
            model.global = (**global).clone();
        }
        self.virtual_servers.apply(&mut model.virtual_servers);
        self.virtual_server_groups
            .apply(&mut model.virtual_server_groups);
        self.vrrp_instances.apply(&mut model.vrrp_instances);
        self.vrrp_sync_groups.apply(&mut model.vrrp_sync_groups);
        put(&self.static_addresses, &mut model.static_addresses);
        put(&self.static_routes, &mut model.static_routes);
        put(&self.static_rules, &mut model.static_rules);
        put(&self.interfaces, &mut model.interfaces);
        put(&self.scripts, &mut model.scripts);
        put(&self.later, &mut model.later);
        model
    }
}

fn replaced<T: Clone + PartialEq>(old: &T, new: &T) -> Option<T> {
    (old != new).then(|| new.clone())
}

fn put<T: Clone>(new: &Option<T>, place: &mut T) {
    if let Some(new) = new {
        *place = new.clone();
    }
}
