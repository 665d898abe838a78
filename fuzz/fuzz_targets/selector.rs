//! A saved selector: what loads is saved and loaded again as the same bytes.

#![no_main]

use alfm_select::Selector;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(selector) = serde_json::from_slice::<Selector>(bytes) {
        let saved = serde_json::to_string(&selector).expect("a selector can be saved");
        let again: Selector = serde_json::from_str(&saved).expect("what was saved loads");
        assert_eq!(serde_json::to_string(&again).expect("a selector can be saved"), saved);
    }
});
