use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alfm_core::{ClassId, ClassSchema, CoreError, Digest, SampleId};

use crate::table::{self, Cell, Cells, Wanted};
use crate::{ClassEntry, Columns, DataError, Hub, Manifest, RepoId, Source, bundled, catalog};

/// A dataset in memory: its classes and its splits.
#[derive(Clone, Debug)]
pub struct Dataset {
    manifest: Manifest,
    revision: String,
    schema: ClassSchema,
    splits: BTreeMap<String, Split>,
}

/// Items with ids and, as far as they are known, labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    ids: Vec<SampleId>,
    items: Items,
    labels: Vec<Option<ClassId>>,
    digest: Digest,
}

/// What the items are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Items {
    /// Texts.
    Texts(Vec<String>),
}

impl Dataset {
    /// Loads a known dataset by name, or a user's file by path (see [`Dataset::from_file`]).
    ///
    /// ```
    /// use alfm_data::{Dataset, Hub};
    /// let data = Dataset::load("support-inbox", &Hub::new("unused").with_offline(true))?;
    /// assert_eq!(data.schema().len(), 12);
    /// assert_eq!(data.split("pool")?.len(), 1626);
    /// # Ok::<(), alfm_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::UnknownDataset`], and as [`Dataset::from_manifest`] and [`Dataset::from_file`].
    pub fn load(name_or_path: &str, hub: &Hub) -> Result<Self, DataError> {
        if let Some(manifest) = catalog().iter().find(|manifest| manifest.name == name_or_path) {
            return Self::from_manifest(manifest, hub);
        }
        if Path::new(name_or_path).is_file() {
            return Self::from_file(Path::new(name_or_path), &Columns::default(), None);
        }
        let known: Vec<&str> = catalog().iter().map(|manifest| manifest.name.as_str()).collect();
        Err(DataError::UnknownDataset { name: name_or_path.to_owned(), known: known.join(", ") })
    }

    /// Loads every split that a manifest names, and checks its counts.
    ///
    /// # Errors
    /// As [`Hub::file`]; an unreadable file; [`DataError::ClassCount`] where the file differs from the
    /// manifest; [`DataError::ContentHash`].
    pub fn from_manifest(manifest: &Manifest, hub: &Hub) -> Result<Self, DataError> {
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

    /// Loads a CSV, JSONL or parquet file as the split `all`.
    ///
    /// Without `classes`, they are learnt from the labels: whole numbers mean classes `0` to the largest,
    /// anything else is a name, and names are sorted.
    ///
    /// # Errors
    /// [`DataError::MissingColumn`], which lists the columns there are; an unreadable file or value;
    /// [`DataError::NoClasses`] if neither labels nor classes say what the classes are;
    /// [`DataError::Content`] for a repeated id.
    pub fn from_file(
        path: &Path,
        columns: &Columns,
        classes: Option<&[ClassEntry]>,
    ) -> Result<Self, DataError> {
        let cells = table::read(path, &wanted(columns, false))?;
        let classes = match classes {
            Some(classes) => classes.to_vec(),
            None => learn_classes(path, cells[1].as_deref())?,
        };
        let mut manifest = Manifest::of_file(path, columns, classes);
        let schema = manifest.schema()?;
        let split = Split::from_cells(path, "all", columns, cells, &schema)?;
        let all = manifest.splits.entry("all".to_owned()).or_default();
        all.counts = split.class_counts(schema.len());
        all.unlabelled = split.len() - all.counts.iter().sum::<usize>();
        let splits = BTreeMap::from([("all".to_owned(), split)]);
        Ok(Self { manifest, revision: "file".to_owned(), schema, splits })
    }

    fn read_split(&self, name: &str, hub: &Hub) -> Result<Split, DataError> {
        let Manifest { columns, .. } = &self.manifest;
        let split = &self.manifest.splits[name];
        let wanted = wanted(columns, true);
        match &self.manifest.source {
            Source::Hub { repo, revision } => {
                let path = hub.file(&RepoId::dataset(repo)?, revision, &split.file)?;
                let cells = table::read(&path, &wanted)?;
                Split::from_cells(&path, name, columns, cells, &self.schema)
            }
            Source::File { path } => {
                let cells = table::read(path, &wanted)?;
                Split::from_cells(path, name, columns, cells, &self.schema)
            }
            Source::Bundled => {
                let path = Path::new(&split.file);
                let text = bundled::file(&self.manifest.name, &split.file).unwrap_or_default();
                check_hash(path, text, split.sha256)?;
                let cells = table::read_jsonl(path, text, &wanted)?;
                Split::from_cells(path, name, columns, cells, &self.schema)
            }
        }
    }

    fn check_counts(&self, name: &str, split: &Split) -> Result<(), DataError> {
        let got = split.class_counts(self.schema.len());
        let expected = self.manifest.expected_counts(&self.revision, name).unwrap_or_default();
        let unlabelled = self.manifest.splits[name].unlabelled;
        let labelled: usize = got.iter().sum();
        let classes = self.schema.names().iter().map(String::as_str).zip(expected.iter().zip(&got));
        let rest = ("unlabelled", (&unlabelled, &(split.len() - labelled)));
        for (class, (&expected, &got)) in classes.chain([rest]) {
            if expected != got {
                return Err(DataError::ClassCount {
                    dataset: self.manifest.name.clone(),
                    revision: self.revision.clone(),
                    split: name.to_owned(),
                    class: class.to_owned(),
                    expected,
                    got,
                });
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
    /// [`DataError::UnknownSplit`], which lists the splits there are.
    pub fn split(&self, name: &str) -> Result<&Split, DataError> {
        self.splits.get(name).ok_or_else(|| DataError::UnknownSplit {
            dataset: self.name().to_owned(),
            split: name.to_owned(),
            known: self.splits.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        })
    }
}

impl Split {
    /// A split from its parts. Complexity `O(n log n)`.
    ///
    /// # Errors
    /// [`DataError::Core`] for lengths that differ or an id that is given twice.
    pub fn new(
        ids: Vec<SampleId>,
        items: Items,
        labels: Vec<Option<ClassId>>,
    ) -> Result<Self, DataError> {
        let Items::Texts(texts) = &items;
        for (what, got) in [("texts", texts.len()), ("labels", labels.len())] {
            if got != ids.len() {
                return Err(CoreError::RowCount { what, expected: ids.len(), got }.into());
            }
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
            return Err(CoreError::Duplicate { what: "item", name: twice.to_string() }.into());
        }
        let digest = content_hash(&ids, texts, &labels);
        Ok(Self { ids, items, labels, digest })
    }

    fn from_cells(
        path: &Path,
        split: &str,
        columns: &Columns,
        cells: Cells,
        schema: &ClassSchema,
    ) -> Result<Self, DataError> {
        let mut cells = cells.into_iter();
        let mut next = || cells.next().flatten();
        let texts = texts(path, &columns.text, next().unwrap_or_default())?;
        let labels = match next() {
            Some(column) => read_labels(path, &columns.label, &column, schema)?,
            None => vec![None; texts.len()],
        };
        let ids = match (&columns.id, next()) {
            (Some(name), Some(column)) => ids(path, name, &column)?,
            _ => (0..texts.len()).map(|row| format!("{split}/{row}").into()).collect(),
        };
        Self::new(ids, Items::Texts(texts), labels).map_err(|error| match error {
            DataError::Core(source) => DataError::Content { path: path.into(), source },
            error => error,
        })
    }

    /// The ids, in the order of the file.
    pub fn ids(&self) -> &[SampleId] {
        &self.ids
    }

    /// The items.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The items of a dataset of texts.
    pub fn texts(&self) -> &[String] {
        let Items::Texts(texts) = &self.items;
        texts
    }

    /// The labels, `None` where there is none.
    pub fn labels(&self) -> &[Option<ClassId>] {
        &self.labels
    }

    /// The labels of a split that has all of them.
    ///
    /// # Errors
    /// [`DataError::Unlabelled`] for the first item without.
    pub fn all_labels(&self) -> Result<Vec<ClassId>, DataError> {
        let label = |(id, label): (&SampleId, &Option<ClassId>)| {
            label.ok_or_else(|| DataError::Unlabelled { id: id.clone() })
        };
        self.ids.iter().zip(&self.labels).map(label).collect()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// SHA-256 of ids, texts and labels.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Items of each of `classes` classes; unlabelled ones are not counted.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for label in self.labels.iter().flatten() {
            counts[label.index()] += 1;
        }
        counts
    }

    /// Some items, in the order asked for. Panics if a row is out of range, as indexing does.
    ///
    /// # Errors
    /// [`DataError::Core`] if a row is asked for twice.
    pub fn subset(&self, rows: &[usize]) -> Result<Self, DataError> {
        let texts = rows.iter().map(|&row| self.texts()[row].clone()).collect();
        let ids = rows.iter().map(|&row| self.ids[row].clone()).collect();
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        Self::new(ids, Items::Texts(texts), labels)
    }
}

/// The columns in the order in which `Split::from_cells` takes them.
fn wanted(columns: &Columns, label_required: bool) -> Vec<Wanted<'_>> {
    let mut wanted = vec![
        Wanted { name: &columns.text, required: true },
        Wanted { name: &columns.label, required: label_required },
    ];
    wanted.extend(columns.id.as_deref().map(|name| Wanted { name, required: true }));
    wanted
}

fn check_hash(path: &Path, text: &str, expected: Option<Digest>) -> Result<(), DataError> {
    let got = Digest::of(text);
    match expected {
        Some(expected) if expected != got => {
            Err(DataError::ContentHash { path: path.into(), expected, got })
        }
        _ => Ok(()),
    }
}

fn content_hash(ids: &[SampleId], texts: &[String], labels: &[Option<ClassId>]) -> Digest {
    let rows = ids.iter().zip(texts).zip(labels);
    Digest::of_parts(rows.flat_map(|((id, text), label)| {
        let label = label.map_or(-1, |class| class.index() as i64);
        [id.as_str().to_owned(), text.clone(), label.to_string()]
    }))
}

fn texts(path: &Path, column: &str, cells: Vec<Cell>) -> Result<Vec<String>, DataError> {
    let text = |(row, cell)| match cell {
        Cell::Missing => Err(bad_cell(path, row, column, "", "a text (an empty one is allowed)")),
        Cell::Text(text) => Ok(text),
        number => Ok(number.to_string()),
    };
    cells.into_iter().enumerate().map(text).collect()
}

fn ids(path: &Path, column: &str, cells: &[Cell]) -> Result<Vec<SampleId>, DataError> {
    let id = |(row, cell): (usize, &Cell)| {
        if cell.is_empty() {
            return Err(bad_cell(path, row, column, "", "an id"));
        }
        Ok(cell.to_string().into())
    };
    cells.iter().enumerate().map(id).collect()
}

/// Labels as numbers or names; -1 and nothing mean "unlabelled".
pub(crate) fn read_labels(
    path: &Path,
    column: &str,
    cells: &[Cell],
    schema: &ClassSchema,
) -> Result<Vec<Option<ClassId>>, DataError> {
    let label = |(row, cell)| {
        parse_label(cell, schema).ok_or_else(|| {
            let expected = "a class name, a class number, or -1 for unlabelled";
            bad_cell(path, row, column, &cell.to_string(), expected)
        })
    };
    cells.iter().enumerate().map(label).collect()
}

/// A class name comes before a number, so that classes named `1`, `2` mean what they say.
fn parse_label(cell: &Cell, schema: &ClassSchema) -> Option<Option<ClassId>> {
    if cell.is_empty() {
        return Some(None);
    }
    if let Cell::Text(name) = cell
        && let Some(class) = schema.names().iter().position(|known| known == name)
    {
        return Some(Some(ClassId::from_index(class)));
    }
    let number = cell.number()?;
    if number == -1 {
        return Some(None);
    }
    let class = ClassId::from_index(usize::try_from(number).ok()?);
    schema.check(class).ok().map(Some)
}

fn bad_cell(
    path: &Path,
    row: usize,
    column: &str,
    value: &str,
    expected: &'static str,
) -> DataError {
    let (path, column, value) = (path.into(), column.to_owned(), value.to_owned());
    DataError::Cell { path, row, column, value, expected }
}

/// More classes than this are ids or measurements in the wrong column.
const MOST_CLASSES: i64 = 100_000;

/// The classes of a user's file, from its labels.
fn learn_classes(path: &Path, labels: Option<&[Cell]>) -> Result<Vec<ClassEntry>, DataError> {
    let known: Vec<&Cell> = labels.into_iter().flatten().filter(|cell| !cell.is_empty()).collect();
    let numbers: Option<Vec<i64>> = known.iter().map(|cell| cell.number()).collect();
    let names: Vec<String> = match numbers.and_then(|numbers| numbers.into_iter().max()) {
        Some(largest) if largest < MOST_CLASSES => {
            (0..=largest).map(|class| class.to_string()).collect()
        }
        _ => {
            let names: BTreeSet<String> = known.iter().map(|cell| cell.to_string()).collect();
            names.into_iter().collect()
        }
    };
    if names.len() < 2 {
        return Err(DataError::NoClasses { path: path.into(), found: names.len() });
    }
    Ok(names.into_iter().map(ClassEntry::named).collect())
}
