//! Where a hub cache keeps things: `KIND--OWNER--NAME/refs/REVISION` and `.../snapshots/COMMIT/FILE`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::RepoId;

/// The cache folder that the environment names.
pub(super) fn folder(get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| get(name).map(PathBuf::from);
    path("ALFM_HUB_DIR")
        .or_else(|| Some(path("HF_HOME")?.join("hub")))
        .or_else(|| path("HF_HUB_CACHE"))
        .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| Some(path("XDG_CACHE_HOME")?.join("huggingface/hub")))
        .or_else(|| {
            Some(path("HOME").or_else(|| path("USERPROFILE"))?.join(".cache/huggingface/hub"))
        })
}

/// The commit that a revision stands for, as far as the cache knows; else the revision itself.
pub(super) fn resolve(cache: &Path, repo: &RepoId, revision: &str) -> String {
    let reference = cache.join(repo.folder()).join("refs").join(revision);
    match std::fs::read_to_string(reference) {
        Ok(commit) => commit.trim().to_owned(),
        Err(_) => revision.to_owned(),
    }
}

/// The folder of a revision's files.
pub(super) fn snapshot(cache: &Path, repo: &RepoId, revision: &str) -> PathBuf {
    cache.join(repo.folder()).join("snapshots").join(resolve(cache, repo, revision))
}

/// Whether the hub once said that this revision has no such file.
pub(super) fn known_absent(cache: &Path, repo: &RepoId, revision: &str, file: &str) -> bool {
    let commit = resolve(cache, repo, revision);
    cache.join(repo.folder()).join(".no_exist").join(commit).join(file).exists()
}
