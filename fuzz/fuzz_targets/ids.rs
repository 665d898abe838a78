//! A file of ids.

#![no_main]

use alfm_data::arrays::read_ids;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::as_file("txt", bytes, |path| {
    let _ = read_ids(path);
}));
