//! What happened, as values: for the log and the journal now, for mail, FIFOs and
//! webhooks later. Pure: whoever tells an event gives it its time and number.

mod event;

pub use event::{Cause, Event, Importance, What};
