//! What must hold whatever comes in. The fuzzers look for bytes for which it does not;
//! `cargo test` goes through those that are kept.

mod bytes;
mod codec;
mod configured;
mod router;

pub use self::codec::{decoder, round_trip};
pub use self::router::router;
