//! `FILE.parquet:x`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::arrays("parquet", Some("x"), bytes));
