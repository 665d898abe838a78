//! An encoded image; at most a megapixel, so that memory goes to finding faults.

#![no_main]

use alfm_data::Image;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = Image::encoded("input", None, bytes).decode_within(1 << 20) {
        assert!(u64::from(image.width()) * u64::from(image.height()) <= 1 << 20);
    }
});
