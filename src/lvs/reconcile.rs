//! (in work)
use super::{IpvsOp, ServiceKey, Table};
use std::collections::HashSet;
/// The operations that lead from `actual` to `wanted`.
pub fn reconcile(_wanted: &Table, _actual: &Table, _owned: &HashSet<ServiceKey>) -> Vec<IpvsOp> {
    Vec::new()
}
