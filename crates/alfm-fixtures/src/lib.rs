//! Real data and devices for tests: where they are, and what is said where they are not.
//!
//! A test that lacks something calls [`skip`] and returns. `ALFM_REQUIRE` names, separated by commas, what this machine
//! is known to have: `data` (a hub cache with everything that the tests read), `wgpu`, `cuda`. For these a skip is a
//! failure, so that a moved file or a driver that no longer loads does not pass for success. `.ci/run` sets it.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Says that a test is skipped for want of `what` (`data`, `wgpu` or `cuda`), and why.
///
/// Written to standard error past the test harness, which shows what a test prints only if it fails.
///
/// # Panics
/// If `ALFM_REQUIRE` names `what`.
pub fn skip(what: &str, reason: impl Display) {
    let required = std::env::var("ALFM_REQUIRE").unwrap_or_default();
    assert!(!requires(&required, what), "{what} is in ALFM_REQUIRE, but: {reason}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Nobody to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "skipped {test}: {reason}");
}

fn requires(list: &str, what: &str) -> bool {
    list.split(',').any(|name| name.trim() == what)
}

/// What was found; else the test is skipped, by [`skip`], with the error as its reason.
pub fn available<T, E: Display>(what: &str, found: Result<T, E>) -> Option<T> {
    found.map_err(|error| skip(what, error)).ok()
}

/// The hub cache: `ALFM_HUB_DIR`, else `hub` in `HF_HOME`; else the test is skipped.
pub fn hub() -> Option<PathBuf> {
    let found = hub_of(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    available("data", found.ok_or("neither ALFM_HUB_DIR nor HF_HOME names a hub cache"))
}

fn hub_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let direct = variable("ALFM_HUB_DIR").map(PathBuf::from);
    direct.or_else(|| Some(Path::new(&variable("HF_HOME")?).join("hub")))
}

/// A file or folder that lies beside the hub cache, such as `priors/cifar10`; else the test is skipped.
pub fn beside_hub(name: &str) -> Option<PathBuf> {
    existing(hub()?.join("..").join(name))
}

/// The snapshot that `refs/main` of a repository names, such as `models--google--vit-base-patch16-224`; else the test
/// is skipped.
pub fn snapshot(repository: &str) -> Option<PathBuf> {
    let folder = existing(hub()?.join(repository))?;
    let main = folder.join("refs/main");
    let revision =
        std::fs::read_to_string(&main).map_err(|error| format!("{}: {error}", main.display()));
    existing(folder.join("snapshots").join(available("data", revision)?.trim()))
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    let found =
        if path.exists() { Ok(path) } else { Err(format!("{} is not there", path.display())) };
    available("data", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_named_as_a_whole() {
        assert!(requires("data", "data"));
        assert!(requires("wgpu, data", "data"));
        assert!(!requires("", "data"));
        assert!(!requires("database", "data"));
        assert!(!requires("cuda,wgpu", "data"));
    }

    #[test]
    fn the_hub_has_its_own_variable() {
        let both = |name: &str| Some(OsString::from(format!("/{name}")));
        assert_eq!(hub_of(both), Some(PathBuf::from("/ALFM_HUB_DIR")));
        let home = |name: &str| (name == "HF_HOME").then(|| OsString::from("/home"));
        assert_eq!(hub_of(home), Some(PathBuf::from("/home/hub")));
        assert_eq!(hub_of(|_| None), None);
    }

    /// Whether the variable is set or not, what is there is handed on.
    #[test]
    fn what_is_there_is_not_skipped() {
        assert_eq!(available::<_, &str>("data", Ok(3)), Some(3));
        let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(existing(manifest.clone()), Some(manifest));
    }
}
