//! A file of answers that somebody else got.

#![no_main]

use alfm_core::{ClassSchema, Items};
use alfm_data::read_json_lines;
use alfm_prior::from_answers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::as_file("jsonl", bytes, |path| {
    let Ok(answers) = read_json_lines(path) else { return };
    let items = Items::named(["a", "b", "7"]).expect("distinct ids");
    let schema = ClassSchema::new(["x", "y", "z"]).expect("distinct names");
    let Ok(found) = from_answers(&answers, &items, &schema) else { return };
    for row in found.prior.view().iter() {
        let sum: f32 = row.iter().sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
}));
