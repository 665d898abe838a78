//! `FILE.npz:x`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::arrays("npz", Some("x"), bytes));
