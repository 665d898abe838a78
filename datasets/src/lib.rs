#![doc = include_str!("../README.md")]
//!
//! Files only: `alfm-data` reads them. They are compiled in, so that they are there wherever a program is installed.

/// The manifests in the order of their names: file name and TOML text.
///
/// ```
/// let (_, trec) = alfm_datasets::MANIFESTS.iter().find(|(name, _)| *name == "trec.toml").unwrap();
/// assert!(trec.contains("CogComp/trec"));
/// ```
pub const MANIFESTS: [(&str, &str); 23] = [
    ("20-newsgroups.toml", include_str!("../20-newsgroups.toml")),
    ("ag-news.toml", include_str!("../ag-news.toml")),
    ("banking77.toml", include_str!("../banking77.toml")),
    ("bloodmnist.toml", include_str!("../bloodmnist.toml")),
    ("breastmnist.toml", include_str!("../breastmnist.toml")),
    ("cifar10.toml", include_str!("../cifar10.toml")),
    ("cifar100-coarse.toml", include_str!("../cifar100-coarse.toml")),
    ("cifar100.toml", include_str!("../cifar100.toml")),
    ("dermamnist.toml", include_str!("../dermamnist.toml")),
    ("ham10000.toml", include_str!("../ham10000.toml")),
    ("octmnist.toml", include_str!("../octmnist.toml")),
    ("organamnist.toml", include_str!("../organamnist.toml")),
    ("organcmnist.toml", include_str!("../organcmnist.toml")),
    ("organsmnist.toml", include_str!("../organsmnist.toml")),
    ("pathmnist.toml", include_str!("../pathmnist.toml")),
    ("pneumoniamnist.toml", include_str!("../pneumoniamnist.toml")),
    ("retinamnist.toml", include_str!("../retinamnist.toml")),
    ("sst2.toml", include_str!("../sst2.toml")),
    ("support-inbox.toml", include_str!("../support-inbox.toml")),
    ("tiny-imagenet.toml", include_str!("../tiny-imagenet.toml")),
    ("tissuemnist.toml", include_str!("../tissuemnist.toml")),
    ("trec-fine.toml", include_str!("../trec-fine.toml")),
    ("trec.toml", include_str!("../trec.toml")),
];

/// A text file of a bundled data set, by data set and file name.
///
/// ```
/// let pool = alfm_datasets::file("support-inbox", "pool.jsonl").unwrap();
/// assert_eq!(pool.lines().count(), 1626);
/// assert!(alfm_datasets::file("trec", "pool.jsonl").is_none());
/// ```
pub fn file(dataset: &str, name: &str) -> Option<&'static str> {
    match (dataset, name) {
        ("support-inbox", "pool.jsonl") => Some(include_str!("../support-inbox/pool.jsonl")),
        ("support-inbox", "test.jsonl") => Some(include_str!("../support-inbox/test.jsonl")),
        ("support-inbox", "classes.json") => Some(include_str!("../support-inbox/classes.json")),
        _ => None,
    }
}

/// Embeddings of the support inbox, as `alfm embed --dataset support-inbox` writes them: a safetensors file with the
/// keys `pool`, `test` and `prompts`, 384 numbers a row, by `sentence-transformers/all-MiniLM-L6-v2`.
pub const SUPPORT_INBOX_EMBEDDINGS: &[u8] =
    include_bytes!("../support-inbox/embeddings.safetensors");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn no_manifest_is_left_out() {
        let mut files: Vec<String> = std::fs::read_dir(env!("CARGO_MANIFEST_DIR"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml") && name != "Cargo.toml")
            .collect();
        files.sort();
        let listed: Vec<&str> = MANIFESTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, listed);
    }
}
