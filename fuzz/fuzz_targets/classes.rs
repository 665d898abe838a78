//! `classes.json`.

#![no_main]

use alfm_data::read_classes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::as_file("json", bytes, |path| {
    if let Ok(classes) = read_classes(path) {
        assert!(!classes.is_empty(), "no classes are an error");
    }
}));
