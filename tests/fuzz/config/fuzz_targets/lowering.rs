//! Statements of every kind, made from the table of words, are given a meaning.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipvsd_fuzz_config::lowering(data));
