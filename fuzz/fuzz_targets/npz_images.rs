//! Images in a `.npz`: the arrays `image` and `label`.

#![no_main]

use alfm_data::Columns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::table(
    "npz",
    &Columns::default().with_image("image"),
    bytes
));
