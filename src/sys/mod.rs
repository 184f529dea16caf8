//! The kernel: everything that is asked of it directly.

pub mod ipvs;
