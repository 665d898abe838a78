use std::collections::BTreeMap;
use std::path::Path;

use alfm_core::{ClassSchema, Digest};

use crate::error::{no_classes, other_content};
use crate::split::LabelColumn;
use crate::{
    ClassEntry, Columns, Error, ErrorKind, Hub, Manifest, RepoId, Source, Split, Unreadable,
    UserFolder, UserTable, catalog, read_folder, read_table, table,
};

/// A dataset in memory: its classes and its splits.
#[derive(Clone, Debug)]
pub struct Dataset {
    manifest: Manifest,
    revision: String,
    schema: ClassSchema,
    splits: BTreeMap<String, Split>,
    warnings: Vec<String>,
}

impl Dataset {
    /// Loads a known dataset by name, or a user's file or folder of images by path (see [`Dataset::from_file`],
    /// [`Dataset::from_folder`]).
    ///
    /// ```
    /// use alfm_data::{Dataset, Hub};
    /// let data = Dataset::load("support-inbox", &Hub::new("unused").with_offline(true))?;
    /// assert_eq!(data.schema().len(), 12);
    /// assert_eq!(data.split("pool")?.len(), 1626);
    /// # Ok::<(), alfm_data::Error>(())
    /// ```
    ///
    /// # Errors
    /// For an unknown name, and as [`Dataset::from_manifest`], [`Dataset::from_file`] and
    /// [`Dataset::from_folder`].
    pub fn load(name_or_path: &str, hub: &Hub) -> Result<Self, Error> {
        Self::load_with(name_or_path, hub, &Columns::default(), None)
    }

    /// [`Dataset::load`], with the columns and the classes of a user's file.
    ///
    /// # Errors
    /// As [`Dataset::load`]; for columns or classes of a known dataset, which has its own, and columns of a folder.
    pub fn load_with(
        name_or_path: &str,
        hub: &Hub,
        columns: &Columns,
        classes: Option<&[ClassEntry]>,
    ) -> Result<Self, Error> {
        let (path, own_columns) = (Path::new(name_or_path), *columns != Columns::default());
        let refuse = |what: &str| {
            let message = format!("`{name_or_path}` {what}: leave them out");
            Err(Error::new(ErrorKind::Setting, message))
        };
        if let Some(manifest) = catalog().iter().find(|manifest| manifest.name == name_or_path) {
            if own_columns || classes.is_some() {
                return refuse("is a known dataset, which has its own columns and classes");
            }
            return Self::from_manifest(manifest, hub);
        }
        if path.is_dir() {
            if own_columns {
                return refuse("is a folder, which has no columns");
            }
            return Self::from_folder(path, classes);
        }
        // Whether it is one that can be read, its reader says: a pipe can't.
        if path.exists() {
            return Self::from_file(path, columns, classes);
        }
        let known: Vec<&str> = catalog().iter().map(|manifest| manifest.name.as_str()).collect();
        let known = known.join(", ");
        Err(Error::new(
            ErrorKind::NotFound,
            format!("`{name_or_path}` is neither a file nor a known dataset: known are {known}"),
        ))
    }

    /// Loads every split that a manifest names, and checks its counts.
    ///
    /// # Errors
    /// As [`Hub::file`]; an unreadable file; a file that differs from the manifest in its counts or its
    /// hash.
    pub fn from_manifest(manifest: &Manifest, hub: &Hub) -> Result<Self, Error> {
        let schema = manifest.schema()?;
        let revision = match &manifest.source {
            Source::Hub { repo, revision } => hub.revision(&RepoId::dataset(repo)?, revision),
            _ => env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (splits, warnings) = (BTreeMap::new(), Vec::new());
        let mut dataset = Self { manifest: manifest.clone(), revision, schema, splits, warnings };
        for name in manifest.splits.keys() {
            let split = dataset.read_split(name, hub)?;
            dataset.check_counts(name, &split)?;
            dataset.splits.insert(name.clone(), split);
        }
        Ok(dataset)
    }

    /// Loads a CSV, TSV, JSONL or parquet file, or a `.npz` file of images, as the split `all`.
    ///
    /// Classes are as in [`read_table`], which also reads what has no labels.
    ///
    /// # Errors
    /// As [`read_table`]; if neither labels nor metadata nor `classes` say at least two classes.
    pub fn from_file(
        path: &Path,
        columns: &Columns,
        classes: Option<&[ClassEntry]>,
    ) -> Result<Self, Error> {
        let table = read_table(path, columns, classes)?;
        let UserTable { items, classes, warnings, .. } = table;
        let splits = BTreeMap::from([("all".to_owned(), items)]);
        Self::of_user(path, columns, classes, splits, warnings)
    }

    /// Loads a folder of images, with the classes and splits that [`read_folder`] finds, which also reads what has none.
    ///
    /// # Errors
    /// As [`read_folder`]; if there are fewer than two classes.
    pub fn from_folder(path: &Path, classes: Option<&[ClassEntry]>) -> Result<Self, Error> {
        Self::of_folder(path, read_folder(path, classes, Unreadable::Refuse)?)
    }

    /// A folder that was read, as [`Dataset::from_folder`] has it.
    ///
    /// # Errors
    /// If there are fewer than two classes.
    pub fn of_folder(path: &Path, folder: UserFolder) -> Result<Self, Error> {
        let UserFolder { splits, classes, warnings, .. } = folder;
        let columns = Columns::default().with_image("image");
        Self::of_user(path, &columns, classes, splits, warnings)
    }

    /// A user's data, which has the counts that it has.
    fn of_user(
        path: &Path,
        columns: &Columns,
        classes: Vec<ClassEntry>,
        splits: BTreeMap<String, Split>,
        warnings: Vec<String>,
    ) -> Result<Self, Error> {
        if classes.len() < 2 {
            return Err(no_classes(path, classes.len()));
        }
        let mut manifest = Manifest::of_file(path, columns, classes);
        let schema = manifest.schema().map_err(|error| error.in_file(path))?;
        for (name, split) in &splits {
            let known = manifest.splits.entry(name.clone()).or_default();
            known.counts = split.class_counts(schema.len());
            known.unlabelled = split.len() - known.counts.iter().sum::<usize>();
        }
        Ok(Self { manifest, revision: "file".to_owned(), schema, splits, warnings })
    }

    fn read_split(&self, name: &str, hub: &Hub) -> Result<Split, Error> {
        let Manifest { columns, .. } = &self.manifest;
        let split = &self.manifest.splits[name];
        let Some(path) = self.manifest.path(split, hub)? else {
            let path = Path::new(&split.file);
            let text = alfm_datasets::file(&self.manifest.name, &split.file).unwrap_or_default();
            check_hash(path, text, split.sha256)?;
            let cells =
                table::read_jsonl(path, text, &Split::wanted(columns, LabelColumn::Required))?;
            return Split::from_cells(path, name, columns, cells, self.schema.names());
        };
        let cells = Split::read_cells(&path, name, columns, LabelColumn::Required)?.cells;
        Split::from_cells(&path, name, columns, cells, self.schema.names())
    }

    fn check_counts(&self, name: &str, split: &Split) -> Result<(), Error> {
        let got = split.class_counts(self.schema.len());
        let Some(expected) = self.manifest.expected_counts(&self.revision, name) else {
            return Ok(());
        };
        let unlabelled = self.manifest.splits[name].unlabelled;
        let labelled: usize = got.iter().sum();
        let classes = self.schema.names().iter().map(String::as_str).zip(expected.iter().zip(&got));
        let rest = ("unlabelled", (&unlabelled, &(split.len() - labelled)));
        for (class, (&expected, &got)) in classes.chain([rest]) {
            if expected != got {
                let (dataset, revision) = (&self.manifest.name, &self.revision);
                return Err(Error::input(format!(
                    "{dataset} (revision {revision}), split `{name}`: {got} items of class `{class}`, expected \
                     {expected}: the file differs from the published one, fetch it again or correct the manifest"
                )));
            }
        }
        Ok(())
    }

    /// Its name: a known one, or the path of a file.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// What is known about it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The revision that was read: a commit, except in hand-made caches and for what has none.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// What was skipped in a user's file or folder, and what is worth a second look, in sentences for people.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Its classes.
    pub fn schema(&self) -> &ClassSchema {
        &self.schema
    }

    /// Its splits by name.
    pub fn splits(&self) -> &BTreeMap<String, Split> {
        &self.splits
    }

    /// One split.
    ///
    /// # Errors
    /// For an unknown one, with the splits there are.
    pub fn split(&self, name: &str) -> Result<&Split, Error> {
        self.splits.get(name).ok_or_else(|| {
            let known = self.splits.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let message =
                format!("dataset `{}` has no split `{name}`: it has {known}", self.name());
            Error::new(ErrorKind::NotFound, message)
        })
    }
}

fn check_hash(path: &Path, text: &str, expected: Option<Digest>) -> Result<(), Error> {
    let got = Digest::of(text);
    match expected {
        Some(expected) if expected != got => Err(other_content(path, expected, got)),
        _ => Ok(()),
    }
}
