use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::{ClassId, Digest, SampleId};
use rayon::prelude::*;

use crate::table::{self, Cells, Content, Wanted};
use crate::{Columns, Error, ErrorKind, Image, Items, cells, images};

/// What a reader does about the column of labels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelColumn {
    Required,
    IfThere,
    /// It is not looked at, so that nothing can be wrong with it.
    Ignored,
}

/// Items with ids and, as far as they are known, labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    ids: Vec<SampleId>,
    items: Items,
    labels: Vec<Option<ClassId>>,
    groups: Option<Vec<String>>,
    digest: Digest,
}

impl Split {
    /// A split from its parts. Complexity `O(n log n)`.
    ///
    /// # Errors
    /// For lengths that differ or an id that is given twice.
    pub fn new(
        ids: Vec<SampleId>,
        items: Items,
        labels: Vec<Option<ClassId>>,
    ) -> Result<Self, Error> {
        for (what, got) in [(items.kind(), items.len()), ("labels", labels.len())] {
            if got != ids.len() {
                return Err(Error::row_count(what, ids.len(), got));
            }
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
            return Err(Error::duplicate("item", twice));
        }
        let rows = ids.iter().zip(items.contents()).zip(&labels);
        let digest = Digest::of_parts(rows.flat_map(|((id, content), label)| {
            let label = label.map_or(-1, |class| class.index() as i64);
            [id.as_str().to_owned(), content, label.to_string()]
        }));
        Ok(Self { ids, items, labels, groups: None, digest })
    }

    /// Says which items belong together, such as the images of one patient: one name for each item.
    ///
    /// # Errors
    /// For another number of names.
    pub fn with_groups(mut self, groups: Vec<String>) -> Result<Self, Error> {
        let (expected, got) = (self.len(), groups.len());
        if expected != got {
            return Err(Error::row_count("groups", expected, got));
        }
        self.groups = Some(groups);
        Ok(self)
    }

    /// The images below a folder, without labels, as [`read_images`](crate::read_images) reads them.
    ///
    /// # Errors
    /// As [`read_images`](crate::read_images).
    pub fn from_image_folder(folder: &Path) -> Result<Self, Error> {
        Ok(crate::read_images(folder, crate::Unreadable::Refuse)?.items)
    }

    /// Image files with their labels, and those that can't be opened, with the reasons.
    pub(crate) fn of_files(
        found: Vec<(images::Found, Option<ClassId>)>,
    ) -> Result<(Self, Vec<(SampleId, Error)>), Error> {
        let read: Vec<_> = found.par_iter().map(|(file, _)| Image::file(&file.path)).collect();
        let (mut ids, mut images, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let mut unopened = Vec::new();
        for ((file, label), image) in found.into_iter().zip(read) {
            match image {
                Ok(image) => {
                    ids.push(file.id.into());
                    images.push(image);
                    labels.push(label);
                }
                Err(error) => unopened.push((file.id.into(), error)),
            }
        }
        Ok((Self::new(ids, Items::Images(images), labels)?, unopened))
    }

    /// The columns in the order in which [`Split::from_cells`] takes them.
    pub(crate) fn wanted(columns: &Columns, label: LabelColumn) -> Vec<Wanted<'_>> {
        let mut wanted = Vec::new();
        if columns.image.is_none() {
            wanted.push(Wanted { name: &columns.text, required: true });
        }
        let named = columns.id.as_deref().into_iter().chain(columns.group.as_deref());
        wanted.extend(named.map(|name| Wanted { name, required: true }));
        // The last one, since it may be missing.
        if label != LabelColumn::Ignored {
            let required = label == LabelColumn::Required;
            wanted.push(Wanted { name: &columns.label, required });
        }
        wanted
    }

    /// Reads the wanted columns of a table or of an archive of arrays.
    pub(crate) fn read_cells(
        path: &Path,
        split: &str,
        columns: &Columns,
        label: LabelColumn,
    ) -> Result<Content, Error> {
        if columns.image.is_some() {
            images::supported(path)?;
        }
        let wanted = Self::wanted(columns, label);
        if is_npz(path) && columns.image.is_some() {
            let cells = images::npz_cells(path, split, &wanted)?;
            return Ok(Content { cells, blank_lines: 0 });
        }
        table::read(path, &wanted)
    }

    pub(crate) fn from_cells(
        path: &Path,
        split: &str,
        columns: &Columns,
        cells: Cells,
        classes: &[String],
    ) -> Result<Self, Error> {
        let mut cells = cells.into_iter();
        let mut next = || cells.next().flatten();
        let items = match &columns.image {
            None => Items::Texts(cells::texts(path, &columns.text, next().unwrap_or_default())?),
            Some(column) if is_npz(path) => Items::Images(images::read_npz(path, split, column)?),
            Some(column) => Items::Images(images::read_table(path, column)?),
        };
        let mut named = |name: &Option<String>| match name {
            Some(name) => Ok(Some(cells::ids(path, name, &next().unwrap_or_default())?)),
            None => Ok::<_, Error>(None),
        };
        let (ids, groups) = (named(&columns.id)?, named(&columns.group)?);
        let labels = match next() {
            Some(column) if !classes.is_empty() => {
                let unlabelled = columns.unlabelled.as_deref();
                cells::read_labels(path, &columns.label, &column, classes, unlabelled)?
            }
            _ => vec![None; items.len()],
        };
        let numbered = || (0..items.len()).map(|row| format!("{split}/{row}").into()).collect();
        let ids = ids.unwrap_or_else(numbered);
        let split = Self::new(ids, items, labels).and_then(|split| match groups {
            Some(groups) => split.with_groups(groups.iter().map(ToString::to_string).collect()),
            None => Ok(split),
        });
        split.map_err(|error| error.in_file(path))
    }

    /// The ids, in the order of the file.
    pub fn ids(&self) -> &[SampleId] {
        &self.ids
    }

    /// The ids, unless they are no more than `NAME/ROW`, as rows are called that nothing names.
    ///
    /// Rows that are left once others were left out keep their ids, and those are theirs.
    pub fn own_ids(&self, name: &str) -> Option<&[SampleId]> {
        let numbered = |(row, id): (usize, &SampleId)| {
            let rest = id.as_str().strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|number| number == row.to_string())
        };
        (!self.ids.iter().enumerate().all(numbered)).then_some(&self.ids[..])
    }

    /// The items.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The items of a dataset of texts.
    ///
    /// # Errors
    /// If the items are something else.
    pub fn texts(&self) -> Result<&[String], Error> {
        match &self.items {
            Items::Texts(texts) => Ok(texts),
            other => Err(other.not("texts")),
        }
    }

    /// The items of a dataset of images.
    ///
    /// # Errors
    /// If the items are something else.
    pub fn images(&self) -> Result<&[Image], Error> {
        match &self.items {
            Items::Images(images) => Ok(images),
            other => Err(other.not("images")),
        }
    }

    /// The labels, `None` where there is none.
    pub fn labels(&self) -> &[Option<ClassId>] {
        &self.labels
    }

    /// The labels of a split that has all of them.
    ///
    /// # Errors
    /// For the first item without.
    pub fn all_labels(&self) -> Result<Vec<ClassId>, Error> {
        let label = |(id, label): (&SampleId, &Option<ClassId>)| {
            label.ok_or_else(|| {
                let message = format!("item `{id}` has no label: a simulation needs all of them");
                Error::new(ErrorKind::Missing, message)
            })
        };
        self.ids.iter().zip(&self.labels).map(label).collect()
    }

    /// The group of each item, where groups are known.
    pub fn groups(&self) -> Option<&[String]> {
        self.groups.as_deref()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// SHA-256 of ids, items and labels.
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

    /// The images that cannot be decoded, with the reason, in row order: decodes every one, in parallel.
    ///
    /// [`Split::without`] leaves them out. Empty for texts.
    #[cfg(feature = "images")]
    pub fn unreadable(&self) -> Vec<(SampleId, Error)> {
        let Items::Images(images) = &self.items else { return Vec::new() };
        let found = Image::unreadable(images).into_iter();
        found.map(|(row, error)| (self.ids[row].clone(), error)).collect()
    }

    /// The items without the images that cannot be decoded, and those, with the reasons: decodes every one.
    ///
    /// # Errors
    /// If none is left.
    #[cfg(feature = "images")]
    pub fn readable(&self) -> Result<(Self, Vec<(SampleId, Error)>), Error> {
        let left_out = self.unreadable();
        if let Some((id, error)) = left_out.first().filter(|_| left_out.len() == self.len()) {
            let message = format!("none of the images can be read, the first is `{id}`");
            return Err(Error::input(message).because(error.clone()));
        }
        let ids: Vec<SampleId> = left_out.iter().map(|(id, _)| id.clone()).collect();
        Ok((self.without(&ids)?, left_out))
    }

    /// Some items, in the order asked for. Panics if a row is out of range, as indexing does.
    ///
    /// # Errors
    /// If a row is asked for twice.
    pub fn subset(&self, rows: &[usize]) -> Result<Self, Error> {
        let ids = rows.iter().map(|&row| self.ids[row].clone()).collect();
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        let split = Self::new(ids, self.items.gather(rows), labels)?;
        match &self.groups {
            Some(groups) => {
                split.with_groups(rows.iter().map(|&row| groups[row].clone()).collect())
            }
            None => Ok(split),
        }
    }

    /// All items but these.
    ///
    /// # Errors
    /// For the first id, in their order, that is none of the split's.
    pub fn without(&self, ids: &[SampleId]) -> Result<Self, Error> {
        let mut left_out: BTreeSet<&SampleId> = ids.iter().collect();
        let rows: Vec<usize> =
            (0..self.len()).filter(|&row| !left_out.contains(&self.ids[row])).collect();
        self.ids.iter().for_each(|id| _ = left_out.remove(id));
        match left_out.first() {
            Some(id) => {
                let remedy = "ids are written as `alfm data show` prints them";
                let message = format!("there is no item `{id}`: {remedy}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
            None => self.subset(&rows),
        }
    }
}

fn is_npz(path: &Path) -> bool {
    table::ending(path).as_deref() == Some("npz")
}
