//! The reconciler and the keeper against a model of the kernel.

mod kernel;
#[path = "../mutants/mod.rs"]
mod mutants;
mod mutations;
mod properties;
mod scenarios;
mod values;
mod world;
