//! The hub client: the only code of the workspace that reaches the network for data or models.

use std::path::PathBuf;
use std::sync::Mutex;

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler};
use hf_hub::repository::RepoType;
use hf_hub::{HFClientBuilder, HFClientSync, HFError};

use super::{Hub, Progress, RepoId, RepoKind};
use crate::{Error, ErrorKind};

/// Downloads one file into the cache.
///
/// That the repository has no such file is of [`ErrorKind::NotFound`], anything else of [`ErrorKind::Network`].
pub(super) fn file(hub: &Hub, repo: &RepoId, revision: &str, file: &str) -> Result<PathBuf, Error> {
    let downloaded = client(hub).and_then(|client| match repo.kind() {
        RepoKind::Dataset => send(hub, client.dataset(repo.owner(), repo.name()), revision, file),
        RepoKind::Model => send(hub, client.model(repo.owner(), repo.name()), revision, file),
    });
    downloaded.map_err(|error| match error {
        HFError::EntryNotFound { .. } => {
            let remedy = "the hub has no such file either: check file and revision".to_owned();
            hub.missing(repo, revision, file, remedy)
        }
        error => {
            let cache = hub.cache.display();
            let message = format!(
                "cannot download `{file}` of {repo} (revision {revision}) into {cache}: check network, HF_ENDPOINT \
                 and HF_TOKEN, or set ALFM_HUB_DIR to a cache that holds it"
            );
            Error::new(ErrorKind::Network, message).because(error)
        }
    })
}

fn client(hub: &Hub) -> Result<HFClientSync, HFError> {
    let builder = HFClientBuilder::new().cache_dir(&hub.cache);
    match &hub.endpoint {
        Some(endpoint) => builder.endpoint(endpoint.as_str()).build_sync(),
        None => builder.build_sync(),
    }
}

fn send<T: RepoType>(
    hub: &Hub,
    repo: hf_hub::HFRepositorySync<T>,
    revision: &str,
    file: &str,
) -> Result<PathBuf, HFError> {
    let progress = hub.progress.clone().map(|tell| Reporter::new(file, tell));
    repo.download_file()
        .filename(file)
        .revision(revision)
        .maybe_progress(progress.map(hf_hub::progress::Progress::new))
        .send()
}

/// Turns the client's events into (file, done, total).
struct Reporter {
    file: String,
    tell: Progress,
    total: Mutex<u64>,
}

impl Reporter {
    fn new(file: &str, tell: Progress) -> Self {
        Self { file: file.to_owned(), tell, total: Mutex::new(0) }
    }
}

impl ProgressHandler for Reporter {
    fn on_progress(&self, event: &ProgressEvent) {
        let ProgressEvent::Download(event) = event else { return };
        // A poisoned lock holds a number that is as good as any other.
        let mut total = self.total.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let done = match event {
            DownloadEvent::Start { total_bytes, .. } => {
                *total = *total_bytes;
                0
            }
            DownloadEvent::Progress { files } => {
                files.iter().map(|file| file.bytes_completed).max().unwrap_or(0)
            }
            DownloadEvent::AggregateProgress { bytes_completed, .. } => *bytes_completed,
            DownloadEvent::Complete => *total,
        };
        (self.tell)(&self.file, done, *total);
    }
}
