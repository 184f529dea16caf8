//! Text to [`model::Model`].
//!
//! ```text
//! source (files) ──> grammar/ipvsd.pest ──> syntax::Ast ──> lower ──> model::Model
//! ```
//!
//! Pure but for [`source`], which reads the files.

pub mod model;
