//! A saved label log: what loads is saved and loaded again as the same bytes, and says the same of every item.

#![no_main]

use alfm_core::LabelLog;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(log) = serde_json::from_slice::<LabelLog>(bytes) {
        let saved = serde_json::to_string(&log).expect("a log can be saved");
        let again: LabelLog = serde_json::from_str(&saved).expect("what was saved loads");
        assert_eq!(serde_json::to_string(&again).expect("a log can be saved"), saved);
        assert_eq!(log.labels().count(), log.labelled());
        assert!(log.known().all(|id| log.state(id) == again.state(id)));
    }
});
