//! A CSV file with the columns `id`, `text`, `label`.

#![no_main]

use alfm_data::Columns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::table(
    "csv",
    &Columns::default().with_id("id"),
    bytes
));
