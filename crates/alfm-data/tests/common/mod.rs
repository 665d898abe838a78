#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::PathBuf;

use alfm_data::Hub;

/// The hub cache that the environment names, offline; `None`, said aloud, if it names none.
pub(crate) fn mirror() -> Option<Hub> {
    let named = ["ALFM_HUB_DIR", "HF_HOME"].iter().any(|name| std::env::var_os(name).is_some());
    if !named {
        eprintln!("skipped: neither ALFM_HUB_DIR nor HF_HOME names a hub cache");
        return None;
    }
    Some(Hub::from_env().unwrap().with_offline(true))
}

/// A file beside the hub cache; `None`, said aloud, if it is not there.
pub(crate) fn beside(hub: &Hub, file: &str) -> Option<PathBuf> {
    let path = hub.cache().parent().unwrap().join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {file} is not beside the hub cache");
    None
}
