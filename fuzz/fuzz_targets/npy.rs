//! `FILE.npy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::arrays("npy", None, bytes));
