//! Any text is taken apart.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz_config::parser(data));
