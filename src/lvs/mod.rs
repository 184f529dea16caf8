//! The kernel's IPVS table as a value, and what it should be.
//!
//! [`types`] holds what the kernel knows by name (services, destinations,
//! schedulers, forwarding methods); [`table`] a whole table and the operations
//! that change one; [`pool`] what the verdicts of the checks make of one virtual
//! server of the file (quorum, sorry server, weights), which [`pool_id`] names and which
//! may be many of the kernel's; [`mod@reconcile`] the operations that lead
//! from the actual table to the wanted one; [`named`] finds servers by what people call them; [`connections`] how many a real
//! server has; [`difference`] says in words what two entries
//! differ in; [`settings`] what is beside the table.

pub mod connections;
pub mod difference;
pub mod keeper;
pub mod named;
pub mod pool;
pub mod pool_id;
pub mod reconcile;
pub mod refusal;
pub mod settings;
pub mod table;
pub mod types;

pub use keeper::{Keeper, Note, Step};
pub use pool_id::PoolId;
pub use reconcile::{reconcile, reconcile_service};
pub use refusal::OpError;
pub use settings::{Settings, SettingsKeeper, SyncDaemon, SyncRole, Timeouts};
pub use table::{Entry, IpvsOp, Table};
pub use types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol,
    Scheduler, Service, ServiceFlags, ServiceKey, TunnelType,
};
