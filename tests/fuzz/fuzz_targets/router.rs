//! A router on virtual time, with everything that can be configured, is told anything.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz::router(data));
