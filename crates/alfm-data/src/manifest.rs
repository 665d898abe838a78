use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alfm_core::{ClassId, ClassSchema, Digest};
use serde::{Deserialize, Serialize};

use crate::classes::ClassEntry;
use crate::{Columns, Error, ErrorKind, Hub, RepoId, classes, file};

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
    /// In a folder that the user fills by hand, below [`Hub::data_folder`].
    Folder {
        /// The folder's name.
        folder: String,
        /// Where its files can be downloaded.
        home: String,
    },
    /// In a file or folder of the user.
    File {
        /// The file or folder.
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
    /// Items of each class; empty where no published count is known, and none is checked.
    #[serde(default)]
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

const TEXT_CLASSIFICATION: &str = "text-classification";
const IMAGE_CLASSIFICATION: &str = "image-classification";

impl Manifest {
    /// Reads a manifest from TOML text; `name` is what errors call it.
    ///
    /// # Errors
    /// If it does not parse, or its lists disagree.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let mut manifest: Self = toml::from_str(text).map_err(|source| {
            Error::input(format!("manifest `{name}` is wrong")).because(source)
        })?;
        if manifest.source == Source::Bundled
            && let Some(text) = alfm_datasets::file(&manifest.name, "classes.json")
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
            task: if columns.image.is_some() { IMAGE_CLASSIFICATION } else { TEXT_CLASSIFICATION }
                .to_owned(),
            licence: String::new(),
            source: Source::File { path: path.into() },
            columns: columns.clone(),
            classes,
            prompt_template: Some(
                if columns.image.is_some() { "a photo of a {class}." } else { "{class}" }
                    .to_owned(),
            ),
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

    fn check(&self) -> Result<(), Error> {
        self.schema()?;
        let published = self.splits.iter().map(|(name, split)| (name, &split.counts));
        let revised = self.revisions.values().flatten();
        for (split, counts) in published.chain(revised) {
            if !counts.is_empty() && counts.len() != self.classes.len() {
                let (name, got, expected) = (&self.name, counts.len(), self.classes.len());
                return Err(Error::input(format!(
                    "manifest `{name}`: the counts of split `{split}` has {got} entries, but there are {expected} \
                     classes"
                )));
            }
        }
        Ok(())
    }

    /// The classes as a schema.
    ///
    /// # Errors
    /// For fewer than two classes or a repeated name.
    pub fn schema(&self) -> Result<ClassSchema, Error> {
        ClassSchema::new(self.classes.iter().map(|class| class.name.as_str()))
    }

    /// The counts that a split of a revision should have: its own if it is a known one, else the published;
    /// `None` where none are known.
    pub fn expected_counts(&self, revision: &str, split: &str) -> Option<&[usize]> {
        let revised = self.revisions.get(revision).and_then(|splits| splits.get(split));
        let counts = revised.or_else(|| self.splits.get(split).map(|split| &split.counts))?;
        (!counts.is_empty()).then_some(counts)
    }

    /// Where the file of a split lies, downloading it if need be; `None` if it is part of the program.
    ///
    /// # Errors
    /// As [`Hub::file`]; for a file that the user has to download.
    pub(crate) fn path(&self, split: &SplitManifest, hub: &Hub) -> Result<Option<PathBuf>, Error> {
        match &self.source {
            Source::Bundled => Ok(None),
            Source::Hub { repo, revision } => {
                hub.file(&RepoId::dataset(repo)?, revision, &split.file).map(Some)
            }
            Source::Folder { folder, home } => {
                let path = hub.data_folder().join(folder).join(&split.file);
                if path.is_file() {
                    return Ok(Some(path));
                }
                let dataset = &self.name;
                let message = format!(
                    "it is not there: download `{dataset}` from {home} and unpack it into that folder, or set \
                     ALFM_DATA_DIR to the folder that holds `{folder}`"
                );
                Err(Error::new(ErrorKind::NotFound, message).in_file(path))
            }
            Source::File { path } => Ok(Some(path.clone())),
        }
    }

    /// Makes sure that every file is there, downloading what is missing, and hashes it.
    ///
    /// Files that a table only refers to are not hashed.
    ///
    /// # Errors
    /// As [`Hub::file`]; for a file that the user has to download, or that cannot be read.
    pub fn fetch(&self, hub: &Hub) -> Result<Vec<FetchedFile>, Error> {
        if matches!(self.source, Source::File { .. }) {
            return Ok(Vec::new());
        }
        // Several splits may lie in one file.
        let files: BTreeMap<&str, &SplitManifest> =
            self.splits.values().map(|split| (split.file.as_str(), split)).collect();
        let mut fetched = Vec::new();
        for (file, split) in files {
            let Some(path) = self.path(split, hub)? else { continue };
            let content = file::bytes(&path)?;
            let sha256 = Digest::of(&content);
            let (file, bytes) = (file.to_owned(), content.len() as u64);
            fetched.push(FetchedFile { file, path, bytes, sha256 });
        }
        Ok(fetched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ag_news() -> &'static str {
        let found = alfm_datasets::MANIFESTS.iter().find(|(name, _)| *name == "ag-news.toml");
        found.unwrap().1
    }

    #[test]
    fn counts_for_another_number_of_classes_are_refused() {
        let text = ag_news().replace("[1900, 1900, 1900, 1900]", "[1900, 1900]");
        let error = Manifest::parse("x", &text).unwrap_err();
        assert!(error.to_string().ends_with("has 2 entries, but there are 4 classes"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Manifest::parse("x", &ag_news().replace("licence", "license")).unwrap_err();
        assert!(error.report().contains("license"), "{}", error.report());
    }
}
