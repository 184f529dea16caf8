//! (in work)
pub mod check;
