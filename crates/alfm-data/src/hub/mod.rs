mod cache;
#[cfg(feature = "hub")]
mod download;
mod model;
mod repo;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use model::ModelFiles;
pub use repo::{RepoId, RepoKind};

use crate::{Error, ErrorKind};

/// Told how far the download of a file is: name, bytes so far, bytes in all (0 if unknown).
pub type Progress = Arc<dyn Fn(&str, u64, u64) + Send + Sync>;

/// A hub cache, and what may be done when a file is not in it.
///
/// A file is first looked for in the cache; only if it is missing, and the hub is neither offline nor built
/// without the feature `hub`, is it downloaded. Endpoint, token and proxy come from the environment
/// (`HF_ENDPOINT`, `HF_TOKEN`, `HTTPS_PROXY`), as for every hub client.
#[derive(Clone)]
pub struct Hub {
    cache: PathBuf,
    data: PathBuf,
    offline: bool,
    endpoint: Option<String>,
    progress: Option<Progress>,
}

impl Hub {
    /// The cache in this folder, which holds `datasets--owner--name` and `models--owner--name`.
    ///
    /// ```
    /// use alfm_data::{Hub, RepoId};
    /// let hub = Hub::new("/nowhere").with_offline(true);
    /// let error = hub.file(&RepoId::dataset("mteb/banking77")?, "main", "test.jsonl").unwrap_err();
    /// assert!(error.to_string().contains("dataset mteb/banking77 has no `test.jsonl`"));
    /// # Ok::<(), alfm_data::Error>(())
    /// ```
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let cache = cache.into();
        let data = cache.parent().unwrap_or(&cache).to_owned();
        Self { cache, data, offline: false, endpoint: None, progress: None }
    }

    /// The cache that the environment names.
    ///
    /// The folder is `ALFM_HUB_DIR`, else `HF_HOME/hub`, else the hub's default (`HF_HUB_CACHE`,
    /// `XDG_CACHE_HOME/huggingface/hub`, `~/.cache/huggingface/hub`). `ALFM_OFFLINE` set to anything but
    /// nothing, `0` or `false` means offline. `ALFM_DATA_DIR` is the folder of [`Hub::data_folder`].
    ///
    /// # Errors
    /// If no variable, not even the home folder's, is set.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let cache = cache::folder(&get).ok_or_else(|| {
            Error::new(ErrorKind::Missing, "no cache folder: set ALFM_HUB_DIR, HF_HOME or HOME")
        })?;
        let offline = get("ALFM_OFFLINE").is_some_and(|value| value != "0" && value != "false");
        let hub = Self::new(cache).with_offline(offline);
        Ok(match get("ALFM_DATA_DIR") {
            Some(data) => hub.with_data_folder(data),
            None => hub,
        })
    }

    /// Never touches the network if `offline`.
    #[must_use]
    pub fn with_offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// Downloads from this address instead of `HF_ENDPOINT` or the public hub.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Reports downloads. The callback runs on the download's thread and must not block.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// The cache folder.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Looks for datasets that are no hub repositories in this folder.
    #[must_use]
    pub fn with_data_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = folder.into();
        self
    }

    /// The folder of datasets that users download by hand, a folder each; by default the cache's parent.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Whether the network is off.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// The path of a repository's file: in the cache, or downloaded into it.
    ///
    /// # Errors
    /// If it is not in the cache and downloads are off, or if the download failed.
    pub fn file(&self, repo: &RepoId, revision: &str, file: &str) -> Result<PathBuf, Error> {
        match self.cached(repo, revision, file) {
            Some(path) => Ok(path),
            None => self.fetch(repo, revision, file),
        }
    }

    /// The path of a repository's file if the cache holds it; never touches the network.
    pub fn cached(&self, repo: &RepoId, revision: &str, file: &str) -> Option<PathBuf> {
        let path = cache::snapshot(&self.cache, repo, revision).join(file);
        path.is_file().then_some(path)
    }

    /// The revision that the cache holds under this name: a commit for a branch.
    pub fn revision(&self, repo: &RepoId, revision: &str) -> String {
        cache::resolve(&self.cache, repo, revision)
    }

    #[cfg(feature = "hub")]
    fn fetch(&self, repo: &RepoId, revision: &str, file: &str) -> Result<PathBuf, Error> {
        if self.offline {
            return Err(self.missing(
                repo,
                revision,
                file,
                fetch_with("the hub is offline", repo, file),
            ));
        }
        download::file(self, repo, revision, file)
    }

    #[cfg(not(feature = "hub"))]
    fn fetch(&self, repo: &RepoId, revision: &str, file: &str) -> Result<PathBuf, Error> {
        let why = "this build has no hub client (feature `hub`)";
        Err(self.missing(repo, revision, file, fetch_with(why, repo, file)))
    }

    fn missing(&self, repo: &RepoId, revision: &str, file: &str, remedy: String) -> Error {
        let cache = self.cache.display();
        let message = format!("{repo} has no `{file}` (revision {revision}) in {cache}: {remedy}");
        Error::new(ErrorKind::NotFound, message)
    }
}

fn fetch_with(why: &str, repo: &RepoId, file: &str) -> String {
    format!("{why}; with a network, {} fetches it", repo.command(file))
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("cache", &self.cache)
            .field("data", &self.data)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub, Error> {
        Hub::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_environment_names_the_cache() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("ALFM_HUB_DIR", "/a"), ("HF_HOME", "/b"), ("HOME", "/c")], "/a"),
            (&[("HF_HOME", "/b"), ("HF_HUB_CACHE", "/d"), ("HOME", "/c")], "/b/hub"),
            (&[("HF_HUB_CACHE", "/d"), ("HOME", "/c")], "/d"),
            (&[("XDG_CACHE_HOME", "/e"), ("HOME", "/c")], "/e/huggingface/hub"),
            (&[("HOME", "/c")], "/c/.cache/huggingface/hub"),
        ];
        for (variables, expected) in cases {
            assert_eq!(hub(variables).unwrap().cache(), Path::new(expected), "{variables:?}");
        }
        let error = hub(&[]).unwrap_err();
        assert_eq!(error.to_string(), "no cache folder: set ALFM_HUB_DIR, HF_HOME or HOME");
    }

    #[test]
    fn offline_is_explicit() {
        for (value, offline) in [("1", true), ("true", true), ("0", false), ("false", false)] {
            let hub = hub(&[("HOME", "/c"), ("ALFM_OFFLINE", value)]).unwrap();
            assert_eq!(hub.offline(), offline, "ALFM_OFFLINE={value}");
        }
        assert!(!hub(&[("HOME", "/c")]).unwrap().offline());
    }

    #[test]
    fn a_missing_file_says_what_would_fetch_it() {
        let hub = Hub::new("/nowhere").with_offline(true);
        let repo = RepoId::dataset("CogComp/trec").unwrap();
        let message = hub.file(&repo, "main", "default/test/0000.parquet");
        let message = message.unwrap_err().to_string();
        for part in [
            "CogComp/trec",
            "`default/test/0000.parquet`",
            "/nowhere",
            "alfm data get trec",
            "main",
        ] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
    }
}
