//! Any datagram is taken apart.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz::decoder(data));
