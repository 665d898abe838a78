use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use alfm_core::{ClassId, ClassSchema, Digest};
use serde::{Deserialize, Serialize};

use crate::classes::ClassEntry;
use crate::{Columns, DataError, Hub, RepoId, bundled, classes};

/// What is known about a dataset: where it comes from, its classes, and how many items each has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// The name by which it is loaded.
    pub name: String,
    /// One line on what it holds.
    pub title: String,
    /// The kind of task.
    pub task: String,
    /// The licence of the data, as far as its source states one.
    pub licence: String,
    /// Where its files are.
    pub source: Source,
    /// Which columns hold text, label and id.
    pub columns: Columns,
    /// The classes in column order.
    #[serde(default)]
    pub classes: Vec<ClassEntry>,
    /// A prompt for classes that have none: `{class}` stands for the name, with spaces for underscores.
    #[serde(default)]
    pub prompt_template: Option<String>,
    /// The splits, with the published counts.
    pub splits: BTreeMap<String, SplitManifest>,
    /// Counts of splits in revisions that are known to differ: revision, split, class.
    #[serde(default)]
    pub revisions: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

/// Where a dataset's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Source {
    /// In the program.
    Bundled,
    /// In a dataset repository of the hub.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit.
        revision: String,
    },
    /// In a file of the user.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// A split of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SplitManifest {
    /// The file within the source.
    pub file: String,
    /// Items of each class.
    pub counts: Vec<usize>,
    /// Items without label.
    #[serde(default)]
    pub unlabelled: usize,
    /// Hash of the file, where its bytes never change.
    #[serde(default)]
    pub sha256: Option<Digest>,
}

/// A file of a dataset, there and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FetchedFile {
    /// The file within the repository.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Hash of its content.
    pub sha256: Digest,
}

/// The known datasets, in the order of their names.
///
/// ```
/// let names: Vec<&str> = alfm_data::catalog().iter().map(|manifest| manifest.name.as_str()).collect();
/// assert!(names.contains(&"support-inbox"));
/// ```
pub fn catalog() -> &'static [Manifest] {
    static CATALOG: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
        // The files are compiled in and a test parses every one: none is ever left out.
        FILES.iter().filter_map(|(name, text)| Manifest::parse(name, text).ok()).collect()
    });
    &CATALOG
}

const TEXT_CLASSIFICATION: &str = "text-classification";

const FILES: [(&str, &str); 7] = [
    ("20-newsgroups.toml", include_str!("../../../datasets/20-newsgroups.toml")),
    ("ag-news.toml", include_str!("../../../datasets/ag-news.toml")),
    ("banking77.toml", include_str!("../../../datasets/banking77.toml")),
    ("sst2.toml", include_str!("../../../datasets/sst2.toml")),
    ("support-inbox.toml", include_str!("../../../datasets/support-inbox.toml")),
    ("trec-fine.toml", include_str!("../../../datasets/trec-fine.toml")),
    ("trec.toml", include_str!("../../../datasets/trec.toml")),
];

/// The name of the dataset that lives in this repository.
pub(crate) fn name_of(repo: &RepoId) -> Option<&'static str> {
    let id = format!("{}/{}", repo.owner(), repo.name());
    let found = catalog().iter().rev().find(|manifest| match &manifest.source {
        Source::Hub { repo, .. } => *repo == id,
        _ => false,
    })?;
    Some(&found.name)
}

impl Manifest {
    /// Reads a manifest from TOML text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if it does not parse, [`DataError::ManifestLength`] if its lists disagree.
    pub fn parse(name: &str, text: &str) -> Result<Self, DataError> {
        let mut manifest: Self = toml::from_str(text)
            .map_err(|source| DataError::Manifest { name: name.to_owned(), source })?;
        if manifest.source == Source::Bundled
            && let Some(text) = bundled::file(&manifest.name, "classes.json")
        {
            manifest.classes = classes::parse(Path::new("classes.json"), text)?;
        }
        manifest.fill_prompts();
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest of a user's file: no published counts, and names for prompts where none are given.
    pub(crate) fn of_file(path: &Path, columns: &Columns, classes: Vec<ClassEntry>) -> Self {
        let mut manifest = Self {
            name: path.display().to_string(),
            title: String::new(),
            task: TEXT_CLASSIFICATION.to_owned(),
            licence: String::new(),
            source: Source::File { path: path.into() },
            columns: columns.clone(),
            classes,
            prompt_template: Some("{class}".to_owned()),
            splits: BTreeMap::new(),
            revisions: BTreeMap::new(),
        };
        manifest.fill_prompts();
        manifest
    }

    /// All prompts, class by class, each with its class.
    pub fn prompts(&self) -> impl Iterator<Item = (ClassId, &str)> {
        self.classes.iter().enumerate().flat_map(|(class, entry)| {
            entry.prompts.iter().map(move |text| (ClassId::from_index(class), text.as_str()))
        })
    }

    fn fill_prompts(&mut self) {
        let Some(template) = &self.prompt_template else { return };
        for class in self.classes.iter_mut().filter(|class| class.prompts.is_empty()) {
            class.prompts = vec![template.replace("{class}", &class.name.replace('_', " "))];
        }
    }

    fn check(&self) -> Result<(), DataError> {
        self.schema()?;
        let published = self.splits.iter().map(|(name, split)| (name, &split.counts));
        let revised = self.revisions.values().flatten();
        for (split, counts) in published.chain(revised) {
            if counts.len() != self.classes.len() {
                return Err(DataError::ManifestLength {
                    name: self.name.clone(),
                    what: format!("the counts of split `{split}`"),
                    expected: self.classes.len(),
                    got: counts.len(),
                });
            }
        }
        Ok(())
    }

    /// The classes as a schema.
    ///
    /// # Errors
    /// [`DataError::Core`] for fewer than two classes or a repeated name.
    pub fn schema(&self) -> Result<ClassSchema, DataError> {
        Ok(ClassSchema::new(self.classes.iter().map(|class| class.name.as_str()))?)
    }

    /// The counts that a split of a revision should have: its own if it is a known one, else the published.
    pub fn expected_counts(&self, revision: &str, split: &str) -> Option<&[usize]> {
        let revised = self.revisions.get(revision).and_then(|splits| splits.get(split));
        revised.or_else(|| self.splits.get(split).map(|split| &split.counts)).map(Vec::as_slice)
    }

    /// Makes sure that every file is there, downloading what is missing, and hashes it.
    ///
    /// # Errors
    /// As [`Hub::file`]; [`DataError::Io`].
    pub fn fetch(&self, hub: &Hub) -> Result<Vec<FetchedFile>, DataError> {
        let Source::Hub { repo, revision } = &self.source else { return Ok(Vec::new()) };
        let repo = RepoId::dataset(repo)?;
        let fetch = |split: &SplitManifest| {
            let path = hub.file(&repo, revision, &split.file)?;
            let content = std::fs::read(&path).map_err(DataError::io(&path))?;
            let sha256 = Digest::of(&content);
            Ok(FetchedFile { file: split.file.clone(), path, bytes: content.len() as u64, sha256 })
        };
        self.splits.values().map(fetch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_manifest_parses_under_its_own_name() {
        for (file, text) in FILES {
            let manifest = Manifest::parse(file, text).unwrap();
            assert_eq!(format!("{}.toml", manifest.name), file);
            assert!(manifest.classes.iter().all(|class| !class.prompts.is_empty()), "{file}");
        }
        assert_eq!(catalog().len(), FILES.len());
    }

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

    #[test]
    fn a_known_revision_has_its_own_counts() {
        let manifest = catalog().iter().find(|manifest| manifest.name == "ag-news").unwrap();
        let counts = |revision| manifest.expected_counts(revision, "train").unwrap();
        assert_eq!(counts("local-agnews-v1"), [6315, 6282, 6223, 6165]);
        assert_eq!(counts("any other"), [30_000; 4]);
        assert_eq!(manifest.expected_counts("any other", "dev"), None);
    }

    #[test]
    fn counts_for_another_number_of_classes_are_refused() {
        let text = FILES[1].1.replace("[1900, 1900, 1900, 1900]", "[1900, 1900]");
        let error = Manifest::parse("x", &text).unwrap_err();
        assert!(matches!(error, DataError::ManifestLength { expected: 4, got: 2, .. }), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Manifest::parse("x", &FILES[1].1.replace("licence", "license")).unwrap_err();
        assert!(error.to_string().contains("license"), "{error}");
    }
}
