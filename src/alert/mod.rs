//! What happened, as values: for the log and the journal now, for mail, FIFOs and
//! webhooks later. Pure: whoever tells an event gives it its time and number.

mod event;
pub mod mail;

pub use event::{Cause, Event, Importance, What};
