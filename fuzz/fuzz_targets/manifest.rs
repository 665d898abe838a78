//! The manifest of a data set.

#![no_main]

use alfm_data::Manifest;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse("input.toml", text) {
        let _ = manifest.schema();
        assert!(manifest.prompts().all(|(class, _)| class.index() < manifest.classes.len()));
    }
});
