use std::sync::LazyLock;

use alfm_datasets::MANIFESTS;

use crate::{Manifest, RepoId, Source};

/// The known datasets, in the order of their names.
///
/// ```
/// let names: Vec<&str> = alfm_data::catalog().iter().map(|manifest| manifest.name.as_str()).collect();
/// assert!(names.contains(&"support-inbox"));
/// ```
pub fn catalog() -> &'static [Manifest] {
    static CATALOG: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
        // The files are compiled in and a test parses every one: none is ever left out.
        MANIFESTS.iter().filter_map(|(name, text)| Manifest::parse(name, text).ok()).collect()
    });
    &CATALOG
}

/// The name of the dataset that has this file of this repository, which several datasets may share.
pub(crate) fn name_of(repo: &RepoId, file: &str) -> Option<&'static str> {
    let id = format!("{}/{}", repo.owner(), repo.name());
    let found = catalog().iter().rev().find(|manifest| match &manifest.source {
        Source::Hub { repo, .. } => {
            *repo == id && manifest.splits.values().any(|split| split.file == file)
        }
        _ => false,
    })?;
    Some(&found.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_shared_repository_belongs_to_its_dataset() {
        let repo = RepoId::dataset("albertvillanova/medmnist-v2").unwrap();
        assert_eq!(name_of(&repo, "data/pathmnist.npz"), Some("pathmnist"));
        assert_eq!(name_of(&repo, "README.md"), None);
    }

    #[test]
    fn every_embedded_manifest_parses_under_its_own_name() {
        for (file, text) in MANIFESTS {
            let manifest = Manifest::parse(file, text).unwrap();
            assert_eq!(format!("{}.toml", manifest.name), file);
            assert!(manifest.classes.iter().all(|class| !class.prompts.is_empty()), "{file}");
        }
        assert_eq!(catalog().len(), MANIFESTS.len());
    }

    /// Those of MedMNIST are the `n_samples` of `medmnist.INFO`, version 3.0.2.
    #[test]
    fn published_totals() {
        let cases = [
            ("20-newsgroups", "train", 11_314),
            ("20-newsgroups", "test", 7_532),
            ("ag-news", "train", 120_000),
            ("ag-news", "test", 7_600),
            ("banking77", "train", 10_003),
            ("banking77", "test", 3_080),
            ("sst2", "train", 67_349),
            ("sst2", "validation", 872),
            ("support-inbox", "pool", 1_626),
            ("support-inbox", "test", 480),
            ("pathmnist", "train", 89_996),
            ("pathmnist", "val", 10_004),
            ("pathmnist", "test", 7180),
            ("bloodmnist", "train", 11_959),
            ("bloodmnist", "val", 1712),
            ("bloodmnist", "test", 3421),
            ("dermamnist", "train", 7007),
            ("dermamnist", "val", 1003),
            ("dermamnist", "test", 2005),
            ("pneumoniamnist", "train", 4708),
            ("pneumoniamnist", "val", 524),
            ("pneumoniamnist", "test", 624),
            ("retinamnist", "train", 1080),
            ("retinamnist", "val", 120),
            ("retinamnist", "test", 400),
            ("breastmnist", "train", 546),
            ("breastmnist", "val", 78),
            ("breastmnist", "test", 156),
            ("tissuemnist", "train", 165_466),
            ("tissuemnist", "val", 23_640),
            ("tissuemnist", "test", 47_280),
            ("octmnist", "train", 97_477),
            ("octmnist", "val", 10_832),
            ("octmnist", "test", 1000),
            ("cifar10", "train", 50_000),
            ("cifar10", "test", 10_000),
            ("cifar100", "train", 50_000),
            ("cifar100-coarse", "test", 10_000),
            ("ham10000", "all", 10_015),
            ("tiny-imagenet", "train", 100_000),
            ("tiny-imagenet", "valid", 10_000),
            ("trec", "train", 5_452),
            ("trec", "test", 500),
            ("trec-fine", "train", 5_452),
            ("trec-fine", "test", 500),
        ];
        for (name, split, total) in cases {
            let manifest = catalog().iter().find(|manifest| manifest.name == name).unwrap();
            assert_eq!(
                manifest.splits[split].counts.iter().sum::<usize>(),
                total,
                "{name} {split}"
            );
        }
    }

    /// The order of the hub's loading script, `cifar100.py`, whose own example is a `cattle` (19) among the
    /// `large_omnivores_and_herbivores` (11). The script's `cra` is the `crab` of the original.
    #[test]
    fn the_classes_of_cifar100_are_numbered_by_the_alphabet() {
        let names = |name: &str| -> Vec<&str> {
            let manifest = catalog().iter().find(|manifest| manifest.name == name).unwrap();
            manifest.classes.iter().map(|class| class.name.as_str()).collect()
        };
        let (fine, coarse) = (names("cifar100"), names("cifar100-coarse"));
        assert_eq!((fine.len(), fine[19], fine[26]), (100, "cattle", "crab"));
        assert_eq!((coarse.len(), coarse[11]), (20, "large_omnivores_and_herbivores"));
        assert!(fine.is_sorted() && coarse.is_sorted());
    }

    #[test]
    fn a_known_revision_has_its_own_counts() {
        let manifest = catalog().iter().find(|manifest| manifest.name == "ag-news").unwrap();
        let counts = |revision| manifest.expected_counts(revision, "train").unwrap();
        assert_eq!(counts("local-agnews-v1"), [6315, 6282, 6223, 6165]);
        assert_eq!(counts("any other"), [30_000; 4]);
        assert_eq!(manifest.expected_counts("any other", "dev"), None);
    }
}
