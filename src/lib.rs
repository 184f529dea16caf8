//! ipvsd: an LVS director that reads a `keepalived.conf`.
//!
//! # How data flows
//!
//! ```text
//! text ──> config::source ──> config::syntax ──> Ast ──> config::lower ──> Model
//!
//! probe ──> Outcome ──> check::state ──> lvs::pool ──> wanted Table ─┐
//!                         IPVS dump ──> actual Table ────────────────┴─> lvs::reconcile ──> [IpvsOp] ──> kernel
//! ```
//!
//! It goes one way. What comes back (a refused operation, a verdict handed over
//! by another process, a reload) comes in by the front door as ordinary input.
//!
//! # Map
//!
//! * Pure cores, which name no socket, file, clock or runtime: [`config`] (but for
//!   [`config::source`]), [`check`], [`lvs`], [`plan`], and later `vrrp` and `alert`.
//! * Edges: [`probe`] runs one check against one real server, [`sys`] talks to the
//!   kernel.
//! * Wiring: [`daemon`], a file a process, and [`cli`], a file a command.

pub mod alert;
pub mod check;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod family;
pub mod lvs;
pub mod moment;
pub mod plan;
pub mod probe;
pub mod sys;
pub mod vrrp;
