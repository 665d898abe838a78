use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alfm_core::{ClassId, ClassSchema, Digest};

use crate::error::{no_classes, other_content};
use crate::split::found_in;
use crate::{
    ClassEntry, Columns, Error, ErrorKind, Hub, Manifest, RepoId, Source, Split, catalog, cells,
    table,
};

/// A dataset in memory: its classes and its splits.
#[derive(Clone, Debug)]
pub struct Dataset {
    manifest: Manifest,
    revision: String,
    schema: ClassSchema,
    splits: BTreeMap<String, Split>,
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
        if let Some(manifest) = catalog().iter().find(|manifest| manifest.name == name_or_path) {
            return Self::from_manifest(manifest, hub);
        }
        if Path::new(name_or_path).is_file() {
            return Self::from_file(Path::new(name_or_path), &Columns::default(), None);
        }
        if Path::new(name_or_path).is_dir() {
            return Self::from_folder(Path::new(name_or_path), None);
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
        let mut dataset =
            Self { manifest: manifest.clone(), revision, schema, splits: BTreeMap::new() };
        for name in manifest.splits.keys() {
            let split = dataset.read_split(name, hub)?;
            dataset.check_counts(name, &split)?;
            dataset.splits.insert(name.clone(), split);
        }
        Ok(dataset)
    }

    /// Loads a CSV, JSONL or parquet file, or a `.npz` file of images, as the split `all`.
    ///
    /// Without `classes`, they are learnt from the labels: whole numbers mean classes `0` to the largest,
    /// anything else is a name, and names are sorted.
    ///
    /// # Errors
    /// An unknown column, with those there are; an unreadable file or value; if neither labels nor classes say what
    /// the classes are; a repeated id.
    pub fn from_file(
        path: &Path,
        columns: &Columns,
        classes: Option<&[ClassEntry]>,
    ) -> Result<Self, Error> {
        let cells = Split::read_cells(path, "all", columns, false)?;
        let label = usize::from(columns.image.is_none());
        let classes = match classes {
            Some(classes) => classes.to_vec(),
            None => cells::learn_classes(path, cells[label].as_deref())?,
        };
        let manifest = Manifest::of_file(path, columns, classes);
        let schema = manifest.schema()?;
        let split = Split::from_cells(path, "all", columns, cells, &schema)?;
        Ok(Self::of_one_split(manifest, schema, split))
    }

    /// Loads a folder of images as the split `all`: `CLASS/NAME.jpg`, `.png`, `.bmp`, `.gif` or `.webp`.
    ///
    /// Classes are the subfolders, sorted by name, unless `classes` gives their order; ids are paths below the
    /// folder. An image that lies beside the subfolders, or in one that is no class of `classes`, is unlabelled.
    /// Hidden files, and files whose ending is not an image's, are skipped. Without classes,
    /// [`Split::from_image_folder`] reads the images alone.
    ///
    /// # Errors
    /// As [`Split::from_image_folder`]; if there are fewer than two subfolders with
    /// images, and no `classes`.
    pub fn from_folder(path: &Path, classes: Option<&[ClassEntry]>) -> Result<Self, Error> {
        let found = found_in(path)?;
        let classes = match classes {
            Some(classes) => classes.to_vec(),
            None => {
                let names: BTreeSet<&String> =
                    found.iter().filter_map(|f| f.class.as_ref()).collect();
                if names.len() < 2 {
                    return Err(no_classes(path, names.len()));
                }
                names.into_iter().map(ClassEntry::named).collect()
            }
        };
        let columns = Columns::default().with_image("image");
        let manifest = Manifest::of_file(path, &columns, classes);
        let schema = manifest.schema()?;
        let place = |name: &String| schema.names().iter().position(|known| known == name);
        let label =
            |class: &Option<String>| class.as_ref().and_then(place).map(ClassId::from_index);
        let labels = found.iter().map(|file| label(&file.class)).collect();
        let split = Split::of_files(found, labels)?;
        Ok(Self::of_one_split(manifest, schema, split))
    }

    /// A user's data, which has the counts that it has.
    fn of_one_split(mut manifest: Manifest, schema: ClassSchema, split: Split) -> Self {
        let all = manifest.splits.entry("all".to_owned()).or_default();
        all.counts = split.class_counts(schema.len());
        all.unlabelled = split.len() - all.counts.iter().sum::<usize>();
        let splits = BTreeMap::from([("all".to_owned(), split)]);
        Self { manifest, revision: "file".to_owned(), schema, splits }
    }

    fn read_split(&self, name: &str, hub: &Hub) -> Result<Split, Error> {
        let Manifest { columns, .. } = &self.manifest;
        let split = &self.manifest.splits[name];
        let Some(path) = self.manifest.path(split, hub)? else {
            let path = Path::new(&split.file);
            let text = alfm_datasets::file(&self.manifest.name, &split.file).unwrap_or_default();
            check_hash(path, text, split.sha256)?;
            let cells = table::read_jsonl(path, text, &Split::wanted(columns, true))?;
            return Split::from_cells(path, name, columns, cells, &self.schema);
        };
        let cells = Split::read_cells(&path, name, columns, true)?;
        Split::from_cells(&path, name, columns, cells, &self.schema)
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
