//! A parquet file with the columns `text`, `label`.

#![no_main]

use alfm_data::Columns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::table("parquet", &Columns::default(), bytes));
