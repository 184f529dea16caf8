//! The reconciler and the keeper against a model of the kernel.

mod kernel;
mod properties;
mod scenarios;
mod values;
mod world;
