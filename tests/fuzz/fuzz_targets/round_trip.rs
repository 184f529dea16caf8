//! What is written is read again, and what is read is written again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz::round_trip(data));
