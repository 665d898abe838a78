#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "every test file uses its own part")]

use alfm_data::Hub;

/// The hub cache that the environment names, offline; `None`, said aloud, if it names none.
pub(crate) fn mirror() -> Option<Hub> {
    alfm_fixtures::hub().map(|_| Hub::from_env().unwrap().with_offline(true))
}
