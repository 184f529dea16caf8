//! Includes, definitions, conditions and sequences of any kind are worked off.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz_config::expansion(data));
