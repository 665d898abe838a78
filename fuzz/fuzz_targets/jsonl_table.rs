//! A JSONL file with the fields `id`, `text`, `label`.

#![no_main]

use alfm_data::Columns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::table(
    "jsonl",
    &Columns::default().with_id("id"),
    bytes
));
